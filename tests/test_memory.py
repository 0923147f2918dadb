"""Memory of results that NumPy makes: it is our allocator's, of nobody else's arrays, and goes back whatever happens."""

import contextvars
import copy
import gc
import threading
from typing import Any

import numpy as np
import pytest
from conftest import needs_cache, needs_our_memory
from test_processes import run_python

import fastscratch as fs
from fastscratch.quiet import quiet, quietly

LARGE = 1_000_000


@pytest.fixture(autouse=True)
def _on_c() -> Any:
    with fs.backend.use("c" if "c" in fs.backend.available() else "numpy"):
        yield


def _used() -> int:
    gc.collect()
    return fs.backend.memory_stats()["used"]


def _large() -> fs.Tensor:
    return fs.from_numpy(np.ones((1, LARGE), np.float32))


@needs_our_memory
@pytest.mark.parametrize(
    "operation",
    [
        lambda x: fs.cat([x, x]),
        lambda x: fs.nn.functional.pad(x, (1, 1)),
        lambda x: x + fs.ones(2, 1),
        lambda x: x[:, np.arange(LARGE)],
        lambda x: fs.where(x > 0, x, 0.0),
        lambda x: x.to(fs.float64),
        lambda x: x.clone(),
    ],
    ids=["cat", "pad", "broadcast", "index", "where", "cast", "clone"],
)
def test_results_of_numpy_lie_in_our_memory(operation: Any) -> None:
    x, before = _large(), _used()
    y = operation(x)
    assert _used() - before >= y.array.nbytes
    part = y.array[:, 3:5]
    del y
    assert _used() - before >= 4 * LARGE  # the view keeps it
    del part
    assert _used() == before


@needs_our_memory
def test_what_kernels_read_again_and_again_begins_with_a_line_of_the_cache() -> None:
    layer = fs.nn.Linear(37, 31)
    made = [*layer.parameters(), copy.deepcopy(layer).weight, fs.tensor(np.ones(999)), fs.zeros(999), fs.randn(999)]
    made += [fs.ones_like(made[0]), fs.rand(31, 31)]
    for kind in (fs.optim.Adam, fs.optim.AdamW, fs.optim.RMSprop):
        optimizer = kind(layer.parameters(), lr=0.1)
        layer(fs.ones(1, 37)).sum().backward()
        optimizer.step()
        made += [x for state in optimizer.state.values() for x in state.values() if isinstance(x, fs.Tensor) and x.ndim]
    assert len(made) >= 8 + 2 * 5
    assert [x.data_ptr() % 64 for x in made] == [0] * len(made)


@needs_our_memory
def test_gradients_of_numpy_lie_in_our_memory() -> None:
    x, before = _large().requires_grad_(), _used()
    (x * fs.ones(2, 1)).sum().backward()
    assert x.grad is not None
    assert _used() - before >= x.grad.array.nbytes
    x.grad = None
    assert _used() == before


@needs_our_memory
def test_arrays_of_others_are_not_ours() -> None:
    before = _used()
    fs.cat([fs.ones(3), fs.ones(3)])
    fs.ones(3, requires_grad=True).sum().backward()
    theirs = np.zeros((100, 1000)) + 1
    assert _used() == before
    assert theirs.sum() == 100_000


@needs_our_memory
def test_memory_goes_home_from_another_thread_and_after_empty_cache() -> None:
    before = _used()
    held: list[Any] = []
    worker = threading.Thread(target=lambda: held.append(fs.cat([_large(), _large()]).array))
    worker.start()
    worker.join()
    assert _used() - before >= 8 * LARGE
    fs.backend.empty_cache()
    assert (held[0] == 1).all()
    worker = threading.Thread(target=held.clear)
    worker.start()
    worker.join()
    assert _used() - before < LARGE  # small arrays of others come and go
    fs.backend.empty_cache()
    assert fs.backend.memory_stats()["cached"] == 0


@needs_our_memory
def test_arrays_change_their_size() -> None:
    before = _used()
    array = fs.cat([fs.arange(1000.0), fs.arange(1000.0)]).array
    for size in (2000, 3000, 200_000, 100, 0, 50):
        array.resize(size, refcheck=False)
        expected = np.arange(1000.0, dtype=np.float32)[: min(size, 100)] if size != 50 else np.zeros(50)
        np.testing.assert_array_equal(array[:100], expected)
        array[...] = np.resize(np.arange(1000.0), size)
    del array
    assert _used() == before


@needs_our_memory
def test_zeros_are_zeros_in_memory_that_was_used() -> None:
    for _ in range(3):
        dirty = quiet.call(np.full, LARGE, 7.0)
        del dirty
        assert not quiet.call(np.zeros, LARGE).any()
    assert quiet.call(np.zeros, (0, 5)).shape == (0, 5)
    assert quiet.call(np.empty, LARGE).ctypes.data % 64 == 0


@needs_our_memory
def test_refused_memory_is_an_error() -> None:
    before = _used()
    with pytest.raises(MemoryError):
        fs.nn.functional.pad(fs.ones(1), (0, 1 << 59))
    with pytest.raises(MemoryError):
        quiet.call(np.zeros, 1 << 59)
    assert _used() == before


@needs_cache
@needs_our_memory
def test_without_a_cache() -> None:
    code = """
    import numpy as np
    import fastscratch as fs
    fs.cat([fs.ones(1000, 1000), fs.ones(1000, 1000)]) @ fs.ones(1000, 5)
    stats = fs.backend.memory_stats()
    print(stats["cached"], stats["cap"], stats["used"])
    """
    assert run_python(code, FASTSCRATCH_NO_CACHE="1").stdout.split() == ["0", "0", "0"]
    assert run_python(code, FASTSCRATCH_NO_CACHE="0").stdout.split()[0] != "0"


def test_backward_leaves_the_context_as_it_was() -> None:
    """NumPy's settings are put back, also after an error; what hooks see and set is their caller's."""
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(1)
    x = fs.ones(3, requires_grad=True)
    y = x * 2

    def hook(_: Any) -> None:
        variable.set(variable.get() + 1)
        raise ArithmeticError("no further")

    y.register_hook(hook)
    with np.errstate(divide="raise", over="warn"):
        before = np.geterr()
        with pytest.raises(ArithmeticError):
            y.sum().backward()
        assert np.geterr() == before
    assert variable.get() == 2


def test_quietly() -> None:
    with np.errstate(all="raise"):
        with quietly(), quietly():
            assert np.isnan(np.zeros(1) / np.zeros(1)).all()
            assert np.isnan(quiet.call(np.divide, np.zeros(1), np.zeros(1))).all()
        with pytest.raises(FloatingPointError):
            np.zeros(1) / np.zeros(1)
