"""Kernels against their twins: every row, instruction set, dtype, layout and thread count; and proof that a wrong kernel is
caught."""

import inspect

import numpy as np
import pytest
from cases import CASES, Case
from conftest import needs_extension, use_threads
from harness import LAYOUTS, corrupted, kernels_used, run, with_specials

import fastscratch as fs
from fastscratch.backend.order import memory_order
from fastscratch.backend.parity import compare

# Settings and state of the extension, and what the profiler times to find the machine's limits: they have no twin.
CONFIGURATION = {
    "best_isa", "compiler", "empty_cache", "get_isa", "get_num_threads", "has_openmp", "isas_available", "isas_built",
    "memory_stats", "reset_peak_memory", "run_fma", "run_stream", "set_cache_cap", "set_conv_algorithm", "set_isa",
    "set_num_threads", "take_memory_for_numpy",
    "parameter_functions", "tape_functions",
}  # fmt: skip
KERNELS = list(fs.backend._numpy.__all__)


# What is NumPy on every backend is run once.
WITH_KERNELS = [case for case in CASES if kernels_used(case)]
RUNS = [(case, isa) for case in CASES for isa in (fs.backend.isas() if case in WITH_KERNELS else fs.backend.isas()[:1])]


@needs_extension
@pytest.mark.parametrize(("case", "isa"), RUNS, ids=str)
def test_kernel_equals_twin(case: Case, isa: str) -> None:
    with fs.backend.use("check", isa=isa):
        for dtype in (np.float32, np.float64):
            arrays = case.draw(dtype)
            for layout in LAYOUTS.values():
                run(case, [layout(a) for a in arrays])
            if case.specials:
                run(case, with_specials(arrays, seed=3))


@needs_extension
@pytest.mark.parametrize("case", WITH_KERNELS, ids=str)
def test_results_lie_in_the_same_order_on_every_backend(case: Case) -> None:
    """What walks memory, as dropout does, must find the same elements in the same order."""
    for name, layout in LAYOUTS.items():
        orders = []
        for backend in ("c", "numpy"):
            with fs.backend.use(backend):
                tensors = [fs.from_numpy(layout(a)) for a in case.draw(np.float32)]
                result = case.call(*tensors)
            outputs = result if isinstance(result, (tuple, list)) else [result]
            orders.append([memory_order(y.detach().numpy()) for y in outputs])
        assert orders[0] == orders[1], name


@needs_extension
@pytest.mark.parametrize("case", WITH_KERNELS, ids=str)
def test_same_bits_for_any_number_of_threads(case: Case) -> None:
    fs.backend.use("c")
    arrays = case.draw(np.float32)
    use_threads(1)
    expected = run(case, arrays)
    for threads in (2, 3, 4, 8):
        use_threads(threads)
        for got, wanted in zip(run(case, arrays), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("case", [c for c in CASES if c.gradient and c.differences], ids=str)
def test_gradient(case: Case) -> None:
    tensors = [fs.from_numpy(a) for a in case.draw(np.float64)]
    for t in tensors:
        t.requires_grad = t.is_floating_point()
    assert fs.autograd.gradcheck(case.call, tensors, floor=0.01)


@needs_extension
@pytest.mark.parametrize("output", [0, -1], ids=["first", "last"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_wrong_kernel_is_named(kernel: str, output: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One wrong element in one kernel's result, and the backend `check` says which kernel it was."""
    from fastscratch.backend import _c

    fs.backend.use("c")
    rows = [case for case in CASES if kernel in kernels_used(case)]
    assert rows, f"no row of the table calls {kernel}"
    twin = getattr(fs.backend._numpy, kernel)
    monkeypatch.setattr(_c, kernel, corrupted(getattr(_c, kernel), twin.inplace, output))
    with fs.backend.use("check"), pytest.raises(fs.backend.BackendMismatch, match=rf"^{kernel}\("):
        for case in rows:
            run(case, case.draw(np.float64))


@needs_extension
def test_kernels_and_twins_have_the_same_names_and_signatures() -> None:
    from fastscratch.backend import _c

    public = {name: value for name, value in vars(_c).items() if not name.startswith("_")}
    functions = {name for name, value in public.items() if callable(value) and not isinstance(value, type)}
    assert functions - CONFIGURATION == set(KERNELS)
    for name in KERNELS:
        twin = inspect.signature(getattr(fs.backend._numpy, name)).parameters
        kernel = inspect.signature(getattr(_c, name)).parameters
        assert list(kernel) == list(twin), name
        assert [p.default for p in kernel.values()] == [p.default for p in twin.values()], name


def test_every_twin_states_its_bound() -> None:
    assert [n for n in KERNELS if not hasattr(getattr(fs.backend._numpy, n), "bound")] == []


def test_partial_sums_may_overflow_only_near_the_largest_number() -> None:
    largest = float(np.finfo(np.float32).max)
    inf = np.array([np.inf], np.float32)
    assert compare(inf, np.array([0.9 * largest]), 1e-5 * largest) is None
    assert compare(inf, np.array([0.9 * largest]), 1e-9 * largest) is not None
    assert compare(inf, np.array([1.0]), 1e-5) is not None


def test_case_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


@needs_extension
@pytest.mark.parametrize("case", [c for c in CASES if c.bench], ids=str)
def test_benchmark_inputs_fit_the_operation(case: Case) -> None:
    rng = np.random.default_rng(0)
    arrays = [draw(rng) for draw in case.bench]
    with fs.backend.use("c"):
        case.call(*[fs.from_numpy(a.astype(np.float32) if a.dtype.kind == "f" else a) for a in arrays])
