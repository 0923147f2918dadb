"""The GIL is released in every kernel: other threads of Python go on while one computes.

Where a kernel has NumPy copy an array as well, NumPy may be the one that lets go: the largest call of each is tried, which
for most has nothing to copy.
"""

import copy
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cases import CASES
from conftest import needs_extension, on_kernels, use_threads
from harness import kernels_replaced, run

import fastscratch as fs

KERNELS = fs.backend._numpy.__all__
has_gil = getattr(sys, "_is_gil_enabled", lambda: True)


def calls() -> dict[str, tuple[Any, Any]]:
    """For each kernel the largest call that a row of the table makes."""
    largest: dict[str, tuple[int, Any, Any]] = {}

    def spy(name: str, kernel: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            size = _size(args)
            if size > largest.get(name, (-1,))[0]:
                largest[name] = size, copy.deepcopy(args), kwargs
            return kernel(*args, **kwargs)

        return call

    with fs.backend.use("c"), kernels_replaced(spy):
        for case in CASES:
            run(case, case.draw(np.float64))
    return {name: (args, kwargs) for name, (_, args, kwargs) in largest.items()}


def _size(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.size
    return sum(map(_size, value)) if isinstance(value, (tuple, list)) else 0


@pytest.fixture
def ticks() -> Iterator[list[int]]:
    """What another thread counts up whenever it has the GIL. Nobody is made to give it up: only who lets go of it does."""
    count, stop = [0], threading.Event()

    def work() -> None:
        while not stop.is_set():
            count[0] += 1
            time.sleep(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield count
    finally:
        stop.set()
        worker.join()
        sys.setswitchinterval(interval)


def let_go(function: Any, call: tuple[Any, Any], count: list[int], seconds: float) -> bool:
    """Does the other thread get on during a call, in one of as many as there is time for?"""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        args, kwargs = copy.deepcopy(call)  # kernels change arrays in place
        before = count[0]
        function(*args, **kwargs)
        if count[0] != before:
            return True
    return False


@on_kernels
@needs_extension
@pytest.mark.skipif(not has_gil(), reason="there is no GIL")
def test_another_thread_goes_on_while_any_kernel_runs(ticks: list[int]) -> None:
    use_threads(1)
    known = calls()
    assert set(known) == set(KERNELS)
    silent = [name for name in KERNELS if not let_go(getattr(fs.backend._c, name), known[name], ticks, 2)]
    assert [name for name in silent if not let_go(getattr(fs.backend._c, name), known[name], ticks, 30)] == []


@on_kernels
@needs_extension
@pytest.mark.skipif(not has_gil(), reason="there is no GIL")
def test_what_holds_the_gil_is_noticed(ticks: list[int]) -> None:
    assert not let_go(sum, ((list(range(1000)),), {}), ticks, 0.3)
