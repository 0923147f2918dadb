"""Locks that a forked child finds open: the thread that held one in the parent does not exist there to open it."""

import os
import weakref
from threading import RLock
from typing import Any

_all: "weakref.WeakSet[Turn]" = weakref.WeakSet()


class Turn:
    """``with turn.lock:`` one thread at a time. A copy's lock is its own."""

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.lock = RLock()
        _all.add(self)

    def __reduce__(self) -> Any:
        return Turn, ()


def _open_all() -> None:
    for turn in list(_all):
        turn.lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_all)
