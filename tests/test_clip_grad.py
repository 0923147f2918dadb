"""Gradient clipping: PyTorch's values, plain formulas, and what is left alone."""

import math
from typing import Any

import numpy as np
import pytest

import fastscratch as fs
from fastscratch.nn.utils import clip_grad_norm_, clip_grad_value_

SHAPES = ((4, 3), (), (7,))


def _params(dtype: Any = np.float32, scale: float = 1.0) -> list[fs.Tensor]:
    """Three with gradients, one without."""
    rng = np.random.default_rng(0)
    params = [fs.tensor(np.zeros(s, dtype), requires_grad=True) for s in (*SHAPES, (2,))]
    for p in params[:-1]:
        p.grad = fs.tensor(np.asarray(scale * rng.standard_normal(p.shape), dtype))
    return params


def _flat(params: list[fs.Tensor]) -> np.ndarray:
    return np.concatenate([p.grad.numpy().ravel() for p in params if p.grad is not None])


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, "inf", math.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norm_equals_pytorchs(norm_type: Any, dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    for max_norm in (0.1, 1e6):
        params = _params(dtype)
        theirs = [torch.tensor(p.detach().numpy(), requires_grad=True) for p in params]
        for p, q in zip(params, theirs, strict=True):
            q.grad = None if p.grad is None else torch.tensor(p.grad.numpy())
        got = clip_grad_norm_(params, max_norm, norm_type)
        expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
        assert got.dtype == dtype
        assert got.item() == pytest.approx(expected.item(), rel=1e-6)
        for p, q in zip(params[:-1], theirs, strict=False):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize("backend", fs.backend.available())
def test_norm_after_clipping_is_the_limit(backend: str) -> None:
    with fs.backend.use(backend):
        for order in (2.0, math.inf):
            params = _params(np.float64)
            before = _flat(params)
            norm = clip_grad_norm_(params, 0.5, order).item()
            assert norm == pytest.approx(np.linalg.norm(before, order), rel=1e-14)
            np.testing.assert_allclose(_flat(params), before * 0.5 / (norm + 1e-6), rtol=1e-14)


def test_small_gradients_keep_their_bits() -> None:
    params = _params()
    before = _flat(params)
    clip_grad_norm_(params, 1e3)
    np.testing.assert_array_equal(_flat(params), before)


def test_large_float32_gradients_do_not_overflow() -> None:
    params = _params(scale=1e30)
    assert math.isfinite(clip_grad_norm_(params, 1.0).item())
    assert np.linalg.norm(_flat(params).astype(np.float64)) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("order", [2.0, math.inf])
def test_a_norm_that_is_not_finite(bad: float, order: float) -> None:
    params = _params()
    params[0].grad.array[1, 1] = bad
    before = _flat(params)
    with pytest.raises(RuntimeError, match=f"the norm of order {order} of the gradients is {bad}"):
        clip_grad_norm_(params, 1.0, order, error_if_nonfinite=True)
    np.testing.assert_array_equal(_flat(params), before)
    assert clip_grad_norm_(params, 1.0, order).item() == pytest.approx(bad, nan_ok=True)
    if math.isnan(bad):
        assert np.isnan(_flat(params)).all()
    else:
        assert np.isnan(params[0].grad.array[1, 1])
        assert (_flat(params)[np.arange(20) != 4] == 0).all()


def test_two_dtypes_share_one_norm() -> None:
    a, b = fs.tensor([0.0], requires_grad=True), fs.tensor([0.0], dtype=fs.float64, requires_grad=True)
    a.grad, b.grad = fs.tensor([3.0]), fs.tensor([4.0], dtype=fs.float64)
    assert clip_grad_norm_([a, b], 1.0).item() == 5.0
    assert (a.grad.item(), b.grad.item()) == pytest.approx((0.6, 0.8), rel=1e-6)


@pytest.mark.parametrize("backend", fs.backend.available())
def test_value(backend: str) -> None:
    with fs.backend.use(backend):
        params = _params()
        params[0].grad.array[0, 0] = math.nan
        before = _flat(params)
        clip_grad_value_(iter(params), 0.4)
        np.testing.assert_array_equal(_flat(params), np.clip(before, np.float32(-0.4), np.float32(0.4)))
        assert np.isnan(params[0].grad.array[0, 0])


def test_one_tensor_and_none_at_all() -> None:
    w = fs.tensor([3.0, 4.0], requires_grad=True)
    assert clip_grad_norm_(w, 1.0).item() == 0.0
    w.grad = fs.tensor([3.0, 4.0])
    assert clip_grad_norm_(w, 1.0).item() == 5.0
    assert w.grad.tolist() == pytest.approx([0.6, 0.8])
    assert clip_grad_norm_([], 1.0).item() == 0.0
    clip_grad_value_([], 1.0)
    with pytest.warns(UserWarning, match="the generator of parameters is empty"):
        clip_grad_norm_((p for p in ()), 1.0)


def test_gradients_of_a_sum_are_scaled_once() -> None:
    """Both operands of a sum receive the same gradient; each has its own to be scaled."""
    a, b = fs.tensor([1.0, 2.0], requires_grad=True), fs.tensor([3.0, 4.0], requires_grad=True)
    (a + b).backward(fs.tensor([3.0, 4.0]))
    clip_grad_norm_([a, b], math.sqrt(50) / 2)
    assert a.grad.tolist() == pytest.approx([1.5, 2.0])
    assert b.grad.tolist() == pytest.approx([1.5, 2.0])


def test_refused() -> None:
    with pytest.raises(ValueError, match="norm_type must be positive, got -1"):
        clip_grad_norm_(_params(), 1.0, -1)


@pytest.mark.parametrize(("name", "clip"), [("clip_norm", clip_grad_norm_), ("clamp_arrays", clip_grad_value_)])
def test_clipping_is_one_call_for_all_gradients(name: str, clip: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    kernel = getattr(fs.backend, name)

    def counted(arrays: Any, *more: Any) -> Any:
        calls.append(len(arrays))
        return kernel(arrays, *more)

    monkeypatch.setattr(fs.backend, name, counted)
    clip(_params(), 0.1)
    assert calls == [3]
