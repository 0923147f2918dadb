"""The same call on fastscratch and on PyTorch: values, dtypes, shapes, gradients."""

import numpy as np
import pytest
from cases import CASES, Case
from harness import LAYOUTS, run

torch = pytest.importorskip("torch")


def run_torch(case: Case, arrays: list[np.ndarray], seed: int = 1) -> list[np.ndarray]:
    """What harness.run does, on PyTorch."""
    tensors = [torch.from_numpy(np.array(a, order="C", copy=True)) for a in arrays]
    if case.gradient:
        for t in tensors:
            t.requires_grad = t.is_floating_point()
    result = case.oracle(torch, *tensors)
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    tracked = [out for out in outputs if out.requires_grad]
    rng = np.random.default_rng(seed)
    if tracked:
        dtypes = [torch.empty(0, dtype=t.dtype).numpy().dtype for t in tracked]
        directions = [np.asarray(rng.standard_normal(t.shape), d) for t, d in zip(tracked, dtypes, strict=True)]
        torch.autograd.backward(tracked, [torch.from_numpy(v) for v in directions])
    gradients = [t.grad.numpy() for t in tensors if t.grad is not None]
    return [out.detach().numpy() for out in outputs] + gradients


def assert_same(case: Case, arrays: list[np.ndarray], expected: list[np.ndarray]) -> None:
    got = run(case, arrays)
    assert [g.shape for g in got] == [e.shape for e in expected]
    assert [g.dtype for g in got] == [e.dtype for e in expected]
    for g, e in zip(got, expected, strict=True):
        exact = g.dtype.kind != "f"
        loose = 2e-5 if g.dtype == np.float32 else 2e-3 if g.dtype == np.float16 else 1e-12
        np.testing.assert_allclose(g, e, rtol=0 if exact else loose, atol=0 if exact else loose)


SHARED = [case for case in CASES if case.oracle is not None]


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("case", SHARED, ids=str)
def test_same_as_torch(case: Case, dtype: type) -> None:
    arrays = case.draw(dtype)
    expected = run_torch(case, arrays)
    for layout in LAYOUTS.values():
        assert_same(case, [layout(a) for a in arrays], expected)
