"""NumPy as operations need it: NaN and infinities come out without a warning, as in PyTorch, and results lie in memory of
our allocator, so that a training step takes nothing new from the system for them.

Both are settings of a context (contextvars). They are made in a context of our own, or put back: nobody else's NumPy
changes.
"""

import contextvars
import threading
from typing import Any

import numpy as np

from . import backend


def _context() -> contextvars.Context:
    context = contextvars.Context()
    context.run(np.seterr, all="ignore")
    context.run(backend.take_memory_for_numpy)
    return context


class _Quiet(threading.local):
    """quiet.call(function, ...) calls a function of NumPy in this thread's quiet context: a tenth of what entering and
    leaving np.errstate costs. What is called must not come here again.
    """

    def __init__(self) -> None:
        self.call = _context().run


quiet = _Quiet()
_settings: list[tuple[contextvars.ContextVar[Any], Any]] = list(_context().items())


class quietly:
    """``with quietly():`` the same for what may call anything: the settings are made where it is, and put back."""

    __slots__ = ("_tokens",)

    def __enter__(self) -> None:
        self._tokens = [(variable, variable.set(value)) for variable, value in _settings]

    def __exit__(self, *exception: object) -> None:
        for variable, token in self._tokens:
            variable.reset(token)
