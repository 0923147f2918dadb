"""Looking into a model without leaving a trace."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from .. import random
from .hooks import Hooks
from .module import Module


@contextmanager
def undisturbed(model: Module) -> Iterator[None]:
    """Whatever happens inside, the model's flags, buffers and hooks, and the random state, are as before."""
    modules = list(model.modules())
    state = random.get_rng_state()
    training = [module.training for module in modules]
    buffers = [{name: getattr(module, name) for name in module._buffer_names} for module in modules]
    values = [{name: b.array.copy() for name, b in named.items() if b is not None} for named in buffers]
    hooks = [module._hooks for module in modules]
    for module in modules:
        module._hooks = _copied(module._hooks)
    try:
        yield
    finally:
        random.set_rng_state(state)
        for i, module in enumerate(modules):
            module.training, module._hooks = training[i], hooks[i]
            for name, buffer in buffers[i].items():
                setattr(module, name, buffer)
                if buffer is not None:
                    np.copyto(buffer.array, values[i][name])


def _copied(hooks: Hooks | None) -> Hooks:
    copy = Hooks()
    if hooks is not None:
        for kind in Hooks.__slots__:
            getattr(copy, kind).update(getattr(hooks, kind))
    return copy
