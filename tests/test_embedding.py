"""Embedding by value, its gradient, and numbers that are no rows."""

import numpy as np
import pytest

import fastscratch as fs
from fastscratch.ops.embedding import embedding


def test_rows_and_gradients() -> None:
    w = fs.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    y = embedding(fs.tensor([[2, 0], [2, 2]]), w)
    assert y.tolist() == [[[5, 6], [1, 2]], [[5, 6], [5, 6]]]
    y.backward(fs.tensor([[[1.0, 10.0], [2.0, 20.0]], [[3.0, 30.0], [4.0, 40.0]]]))
    assert w.grad is not None
    assert w.grad.tolist() == [[2, 20], [0, 0], [8, 80]]


def test_padding_gets_no_gradient() -> None:
    w = fs.ones(3, 2, requires_grad=True)
    embedding(fs.tensor([0, 2, 2, 1]), w, padding_idx=-1).backward(fs.ones(4, 2))
    assert w.grad is not None
    assert w.grad.tolist() == [[1, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_any_integer_type(dtype: type) -> None:
    i = np.array([1, 0, 1], dtype)
    assert embedding(fs.from_numpy(i), fs.tensor([[1.0], [2.0]])).tolist() == [[2], [1], [2]]


def test_addition_in_the_order_of_the_index() -> None:
    """In float32 the order shows: 1 is lost beside 2^24, unless the large ones have cancelled before."""
    dy = np.array([[2.0**24], [1.0], [-(2.0**24)]], np.float32)
    index = np.zeros(3, np.int64)
    assert fs.backend.embedding_backward(dy, index, 1, None)[0, 0] == 0.0
    assert fs.backend.embedding_backward(dy[[0, 2, 1]], index, 1, None)[0, 0] == 1.0


@pytest.mark.parametrize("wrong", [-1, 3, 2**40])
def test_index_out_of_range(wrong: int) -> None:
    table = fs.zeros(3, 2)
    with pytest.raises(IndexError, match=f"index {wrong} is out of range for a table of 3 rows"):
        embedding(fs.tensor([0, 1, wrong]), table)
    with pytest.raises(IndexError, match=f"index {wrong} is out of range for a table of 3 rows"):
        fs.backend.embedding_backward(np.ones((2, 2)), np.array([2, wrong]), 3, None)


def test_errors() -> None:
    table = fs.zeros(3, 2)
    with pytest.raises(RuntimeError, match="input must be of integers, got float32"):
        embedding(fs.tensor([1.0]), table)
    with pytest.raises(RuntimeError, match=r"weight must be a floating matrix, got float32 of shape \(3,\)"):
        embedding(fs.tensor([1]), fs.zeros(3))
    with pytest.raises(RuntimeError, match=r"padding_idx must be in \[-3, 2\], got 3"):
        embedding(fs.tensor([1]), table, padding_idx=3)
    for option in ({"max_norm": 1.0}, {"scale_grad_by_freq": True}, {"sparse": True}):
        with pytest.raises(NotImplementedError, match=f"{next(iter(option))} is not supported"):
            embedding(fs.tensor([1]), table, **option)


def test_like_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    index, weight, dy = rng.integers(0, 9, (4, 6)), rng.standard_normal((9, 5)), rng.standard_normal((4, 6, 5))
    results = []
    for make, operation in ((torch.from_numpy, torch.nn.functional.embedding), (fs.from_numpy, embedding)):
        w = make(weight.copy()).requires_grad_()
        y = operation(make(index), w, padding_idx=2)
        y.backward(make(dy))
        results.append([np.asarray(y.detach()), np.asarray(w.grad)])
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-15)
