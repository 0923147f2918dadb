"""Kernels against their twins on shapes that nobody chose: of 1, around a register, beyond one piece of work."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import needs_extension
from hypothesis import given, settings
from hypothesis import strategies as st

import fastscratch as fs
from fastscratch.nn import functional as F

SIZES = st.integers(1, 40)
RUNS = st.tuples(
    st.sampled_from(fs.backend.isas() or ["none"]), st.sampled_from([np.float32, np.float64]), st.integers(0, 99)
)


def both_ways(run: tuple[str, Any, int], f: Callable[..., Any], *shapes: tuple[int, ...]) -> Any:
    """f of random arrays and its gradient, with every kernel checked against its twin on the way."""
    isa, dtype, seed = run
    rng = np.random.default_rng(seed)
    with fs.backend.use("check", isa=isa):
        x = [fs.Tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True) for shape in shapes]
        y = f(*x)
        y.backward(fs.Tensor(rng.standard_normal(y.shape).astype(dtype)))
    assert y.dtype == dtype
    assert [t.grad.dtype for t in x] == [dtype] * len(x)
    return y


@needs_extension
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    RUNS,
    SIZES,
    SIZES,
    SIZES,
    st.sampled_from([(), (1,), (3,), (2, 1)]),
    st.sampled_from([(), (1,), (3,)]),
    st.booleans(),
)
def test_matmul(run: Any, m: int, n: int, k: int, left: Any, right: Any, turned: bool) -> None:
    b = (*right, n, k) if turned else (*right, k, n)
    y = both_ways(run, lambda a, b: a @ (b.mT if turned else b), (*left, m, k), b)
    assert y.shape == (*np.broadcast_shapes(left, right), m, n)
    both_ways(run, F.linear, (*left, m, k), (n, k), (n,))


@needs_extension
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    RUNS,
    st.lists(SIZES, min_size=1, max_size=3),
    st.integers(0, 2),
    st.sampled_from(["relu", "tanh", "exp", "sigmoid"]),
)
def test_elementwise_and_softmax(run: Any, shape: list[int], axis: int, name: str) -> None:
    both_ways(run, getattr(fs, name), tuple(shape))
    for f in (fs.softmax, fs.log_softmax, fs.logsumexp):
        both_ways(run, lambda x, f=f: f(x, axis % len(shape)), tuple(shape))


@needs_extension
@settings(max_examples=60, deadline=None, derandomize=True)
@given(RUNS, st.integers(2, 70), SIZES, st.integers(1, 6))
def test_norms(run: Any, rows: int, d: int, side: int) -> None:
    both_ways(run, lambda x, w, b: F.layer_norm(x, (d,), w, b), (rows, d), (d,), (d,))
    both_ways(run, lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (rows, d, side), (d,), (d,))


@needs_extension
@settings(max_examples=60, deadline=None, derandomize=True)
@given(RUNS, SIZES, SIZES, st.integers(0, 5), st.sampled_from(["mean", "sum", "none"]))
def test_labels(run: Any, rows: int, n: int, d: int, reduction: str) -> None:
    labels = fs.Tensor(np.random.default_rng(rows).integers(0, n, rows))
    both_ways(run, lambda x: F.cross_entropy(x, labels, label_smoothing=0.1, reduction=reduction), (rows, n))
    both_ways(run, lambda w: F.embedding(labels, w), (n, d))


@needs_extension
@settings(max_examples=60, deadline=None, derandomize=True)
@given(RUNS, SIZES, SIZES, SIZES)
def test_gram_and_cholesky(run: Any, n: int, d: int, r: int) -> None:
    both_ways(run, lambda x, z: fs.rbf_kernel(x, z, 0.1), (n, d), (r, d))

    def solved(x: Any, b: Any) -> Any:
        lower = fs.linalg.cholesky(x @ x.mT + 2 * n * fs.eye(n, dtype=x.dtype))
        return fs.cholesky_solve(b, lower) + fs.log(fs.diagonal(lower)).sum()

    both_ways(run, solved, (n, n), (n, r))


def test_contiguous_in_channels_last_order():
    x = fs.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5).requires_grad_()
    y = x.contiguous(memory_format=fs.channels_last)
    assert y.array.strides == (240, 4, 60, 12) and (y == x).all()
    assert y.contiguous(memory_format=fs.channels_last) is y
    (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.detach().numpy())
    with pytest.raises(RuntimeError, match="channels_last takes a tensor"):
        x[0].contiguous(memory_format=fs.channels_last)
