"""Tensors: how they are made, what they say about themselves, and how they get on with NumPy."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import fastscratch as fs


def test_data_decides_the_dtype() -> None:
    assert fs.tensor(1.5).dtype == fs.float32 and fs.tensor([1, 2]).dtype == fs.int64
    assert fs.tensor([True]).dtype == fs.bool and fs.tensor(np.ones(2)).dtype == fs.float64
    assert fs.tensor([fs.tensor(1.0), fs.tensor(2.0)]).tolist() == [1.0, 2.0]
    with pytest.raises(TypeError, match="complex128 is not supported"):
        fs.tensor(np.ones(2, complex))
    with pytest.raises(TypeError, match="not a dtype"):
        fs.zeros(2, dtype="nonsense")


def test_default_dtype() -> None:
    try:
        fs.set_default_dtype(fs.float64)
        assert fs.zeros(1).dtype == fs.tensor(1.5).dtype == fs.rand(1).dtype == (fs.arange(3) / 2).dtype == fs.float64
    finally:
        fs.set_default_dtype(fs.float32)
    with pytest.raises(TypeError, match="float32 or float64"):
        fs.set_default_dtype(fs.int64)


def test_tensor_copies_and_from_numpy_shares() -> None:
    array = np.arange(3.0)
    copied, shared, seen = fs.tensor(array), fs.from_numpy(array), fs.as_tensor(array)
    array[0] = 9
    assert copied[0] == 0 and shared[0] == 9 and seen[0] == 9
    with pytest.raises(TypeError, match="expected a NumPy array, got list"):
        fs.from_numpy([1.0])
    x = fs.ones(2)
    assert fs.as_tensor(x) is x and fs.asarray(x).array is x.array
    assert not np.shares_memory(fs.asarray(x, copy=True).array, x.array)
    with pytest.raises(ValueError, match="without a copy"):
        fs.asarray([1.0], copy=False)


def test_byte_swapped_arrays_are_turned() -> None:
    swapped = np.arange(3, dtype=">f4")
    assert fs.from_numpy(swapped).dtype == fs.float32 and fs.from_numpy(swapped).tolist() == [0, 1, 2]


def test_numpy_and_back() -> None:
    x = fs.ones(2, 3)
    assert x.numpy() is x.array and np.asarray(x) is x.array and np.asarray(x, np.float64).dtype == np.float64
    assert not np.shares_memory(np.array(x), x.array)
    tracked = fs.ones(2, requires_grad=True)
    for convert in (tracked.numpy, lambda: np.asarray(tracked), tracked.__array__):
        with pytest.raises(RuntimeError, match="detach"):
            convert()
    y = np.ones(2) + fs.ones(2)
    assert isinstance(y, fs.Tensor) and y.dtype == fs.float64
    assert isinstance(np.float32(2) * fs.ones(2), fs.Tensor)


def test_dlpack() -> None:
    x = fs.arange(6.0).reshape(2, 3)
    assert np.shares_memory(np.from_dlpack(x), x.array)
    assert fs.from_dlpack(np.arange(3)).tolist() == [0, 1, 2]
    with pytest.raises(BufferError, match="detach"):
        np.from_dlpack(fs.ones(2, requires_grad=True))


def test_elements_as_python_numbers() -> None:
    x = fs.tensor(2.0)
    assert (x.item(), float(x), int(x), bool(x)) == (2.0, 2.0, 2, True)
    assert f"{x:.2f}" == "2.00" and [10, 20, 30][fs.tensor(1)] == 20 and 2.0 in x
    assert fs.tensor([[1, 2]]).tolist() == [[1, 2]]
    with pytest.raises(RuntimeError, match=r"one element.*\(2,\)"):
        fs.ones(2).item()
    with pytest.raises(RuntimeError, match="ambiguous"):
        bool(fs.ones(2))
    with pytest.raises(TypeError, match="index"):
        [1][fs.tensor(0.0)]
    with pytest.raises(TypeError, match="0-d"):
        len(x)


def test_what_a_tensor_says_about_itself() -> None:
    x = fs.zeros(2, 3, 4)
    assert x.shape == x.size() == (2, 3, 4) and x.size(-1) == 4 and x.dim() == x.ndim == 3
    assert x.numel() == x.nelement() == 24 and x.element_size() == 4 and x.stride() == (12, 4, 1)
    assert x.is_contiguous() and not x.permute(2, 0, 1).is_contiguous() and x.is_floating_point()
    assert x.device == "cpu" and fs.is_tensor(x) and not fs.is_tensor(1) and fs.numel(x) == 24
    assert [row.shape for row in x] == [(3, 4), (3, 4)] and len(x) == 2


def test_repr() -> None:
    assert repr(fs.tensor([1.0, 2.5])) == "tensor([1. , 2.5])"
    assert repr(fs.tensor([1], dtype=fs.int32)) == "tensor([1], dtype=int32)"
    assert repr(fs.tensor(True)) == "tensor(True)"


def test_copies() -> None:
    x = fs.ones(2, requires_grad=True)
    x.sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad and y.grad.tolist() == [1.0, 1.0] and not np.shares_memory(x.array, y.array)
    with pytest.raises(RuntimeError, match="leaf"):
        copy.deepcopy(x * 2)
    z = pickle.loads(pickle.dumps(fs.arange(6).reshape(2, 3).t()))
    assert z.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert pickle.loads(pickle.dumps(fs.tensor(2.0))).shape == ()


def test_to() -> None:
    x = fs.ones(2)
    assert x.to("cpu") is x and x.to(fs.float32) is x and x.to(fs.device("cpu"), fs.float64).dtype == fs.float64
    assert x.to(x.double()).dtype == fs.float64 and x.to(dtype=fs.int64).dtype == fs.int64
    assert x.to("cpu", copy=True) is not x and x.float() is x and x.type(fs.int8).dtype == fs.int8
    with pytest.raises(RuntimeError, match=r"cpu.*cuda"):
        x.to("cuda")
    with pytest.raises(RuntimeError, match=r"cpu.*cuda"):
        fs.device("cuda")
    with pytest.raises(TypeError, match="unexpected argument 'dtyp'"):
        x.to(dtyp=fs.float64)
    assert fs.device("cpu").type == "cpu" and fs.device("cpu") == "cpu" and not fs.cuda.is_available()


def test_comparison_with_anything_else_is_left_to_python() -> None:
    x = fs.ones(2)
    assert (x == None) is False and (x != "a") is True  # noqa: E711
    with pytest.raises(TypeError):
        x < None  # noqa: B015
    with pytest.raises(TypeError, match="add: expected a Tensor or a number, got str"):
        x + "a"
    assert len({x, x, fs.ones(2)}) == 2


def test_layout_is_invisible() -> None:
    x = fs.from_numpy(np.moveaxis(np.arange(24.0).reshape(2, 3, 4), -1, 1))
    assert x.view(-1).tolist() == x.numpy().reshape(-1).tolist() and x.view(2, 12).shape == (2, 12)
    assert x.clone().stride() == x.stride() and x.contiguous().is_contiguous()
    assert (x * 2 + 1).stride() == x.stride()


# ---- random numbers ----

SAMPLES = {
    "rand": lambda **k: fs.rand(2000, **k),
    "randn": lambda **k: fs.randn(2000, **k),
    "randint": lambda **k: fs.randint(3, 9, (2000,), **k),
    "randperm": lambda **k: fs.randperm(2000, **k),
    "normal": lambda **k: fs.normal(fs.full((2000,), 5.0), 2.0, **k),
    "bernoulli": lambda **k: fs.bernoulli(fs.full((2000,), 0.3), **k),
    "multinomial": lambda **k: fs.multinomial(fs.tensor([[1.0, 0.0, 3.0], [1.0, 1.0, 0.0]]), 2000, True, **k),
    "uniform_": lambda **k: fs.empty(2000).uniform_(-1, 1, **k),
    "normal_": lambda **k: fs.empty(2000).normal_(5, 2, **k),
    "bernoulli_": lambda **k: fs.empty(2000).bernoulli_(0.3, **k),
    "random_": lambda **k: fs.empty(2000).random_(3, 9, **k),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_seed_gives_the_same_numbers(name: str) -> None:
    def generator() -> fs.Generator:
        return fs.Generator().manual_seed(5)

    assert fs.equal(SAMPLES[name](generator=generator()), SAMPLES[name](generator=generator()))
    fs.manual_seed(5)
    assert fs.equal(SAMPLES[name](), SAMPLES[name](generator=generator()))
    assert not fs.equal(SAMPLES[name](), SAMPLES[name]())


def test_distributions() -> None:
    fs.manual_seed(0)
    draws = {name: sample().double() for name, sample in SAMPLES.items()}
    assert draws["rand"].min() >= 0 and draws["rand"].max() < 1 and abs(draws["rand"].mean() - 0.5) < 0.03
    assert abs(draws["randn"].mean()) < 0.1 and abs(draws["randn"].std() - 1) < 0.1
    assert draws["randint"].unique().tolist() == draws["random_"].unique().tolist() == [3, 4, 5, 6, 7, 8]
    assert draws["randperm"].sort().values.tolist() == list(range(2000))
    assert abs(draws["normal"].mean() - 5) < 0.2 and abs(draws["normal_"].std() - 2) < 0.2
    assert abs(draws["bernoulli"].mean() - 0.3) < 0.05 and draws["bernoulli_"].unique().tolist() == [0, 1]
    assert abs(draws["uniform_"].mean()) < 0.05 and draws["uniform_"].min() >= -1
    rows = draws["multinomial"]
    assert rows[0].unique().tolist() == [0, 2] and abs((rows[0] == 2).double().mean() - 0.75) < 0.05
    assert rows[1].unique().tolist() == [0, 1]
    assert sorted(fs.multinomial(fs.tensor([1.0, 2.0, 3.0]), 3).tolist()) == [0, 1, 2]


def test_like() -> None:
    x = fs.ones(2, 3, dtype=fs.float64)
    for like in (fs.rand_like, fs.randn_like, fs.zeros_like, fs.ones_like, fs.empty_like):
        assert like(x).shape == (2, 3) and like(x).dtype == fs.float64
    assert fs.full_like(x, 3).tolist() == [[3.0] * 3] * 2 and fs.randint_like(x, 1, 2).tolist() == [[1.0] * 3] * 2


# ---- in place ----


@pytest.mark.parametrize("size", [5, 5000])
@pytest.mark.parametrize("shift", [1, -1, 0])
def test_in_place_on_memory_that_overlaps(size: int, shift: int) -> None:
    x = fs.arange(float(size))
    target, source = (x[shift:], x[: size - shift]) if shift >= 0 else (x[:shift], x[-shift:])
    expected = target.numpy() + source.numpy()
    assert target.add_(source) is target
    assert np.array_equal(target.numpy(), expected)


def test_in_place_in_any_memory_order() -> None:
    x, y = fs.arange(12.0).reshape(3, 4), fs.ones(3, 4)
    x.t().mul_(2.0)
    x[:, 1:3].sub_(y[:, 1:3])
    expected = 2 * np.arange(12.0).reshape(3, 4)
    expected[:, 1:3] -= 1
    assert np.array_equal(x.numpy(), expected)


def test_in_place_under_no_grad_is_noticed() -> None:
    w = fs.ones(3, requires_grad=True)
    y = w * w
    with fs.no_grad():
        w.mul_(2.0)
    assert np.array_equal(w.detach().numpy(), [2, 2, 2])
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


def test_in_place_on_what_cannot_be_written() -> None:
    with pytest.raises(RuntimeError, match="expanded or read-only"):
        fs.ones(1).expand(3).add_(1.0)


def test_in_place_operations() -> None:
    x = fs.tensor([4.0, 9.0])
    same = x
    x += 1
    x -= 1
    x *= 2
    x /= 2
    x **= 2
    assert x is same and x.sqrt_() is x and x.tolist() == [4.0, 9.0]
    assert x.clamp_(max=5).tolist() == [4.0, 5.0] and x.neg_().abs_().zero_().fill_(7).tolist() == [7.0, 7.0]
    x[0] = 1
    x[x > 1] = fs.tensor([3.0])
    x[:] = x.flip(0)
    assert x.tolist() == [3.0, 1.0]
    n = fs.tensor([6, 3])
    n //= 2
    n %= 2
    n |= 4
    n ^= 1
    n &= 5
    assert n.tolist() == [4, 4]
    assert fs.ones(2).copy_(fs.tensor([3, 4])).tolist() == [3.0, 4.0]


def test_setitem_keeps_the_dtype() -> None:
    x = fs.zeros(2, dtype=fs.int64)
    x[0] = 2.7
    x[1:] = fs.tensor([3.2])
    assert x.dtype == fs.int64 and x.tolist() == [2, 3]


def test_einsum_names_the_equation() -> None:
    with pytest.raises(RuntimeError, match=r"einsum\('ij,jk->ik'\): 'j' has size 3 in one operand and 2 in another"):
        fs.einsum("ij,jk->ik", fs.ones(2, 3), fs.ones(2, 3))
    with pytest.raises(RuntimeError, match=r"einsum\('i->ii'\): 'i' appears twice in the output"):
        fs.einsum("i->ii", fs.ones(2))
    with pytest.raises(RuntimeError, match="2 operands, 1 were given"):
        fs.einsum("i,i", fs.ones(2))
    with pytest.raises(RuntimeError, match="1 labels for a tensor with 2 axes"):
        fs.einsum("i->i", fs.ones(2, 2))
    with pytest.raises(RuntimeError, match="not made of letters"):
        fs.einsum("i1->i", fs.ones(2, 2))


# ---- PyTorch's keyword names ----


def test_numbers_can_be_given_by_name() -> None:
    x = fs.arange(end=6).reshape(shape=(2, 3))
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (
        fs.reshape(input=x, shape=(3, 2)).shape == x.view(size=(3, 2)).shape == x.permute(dims=(1, 0)).shape == (3, 2)
    )
    assert x.view(dtype=fs.float64).dtype == fs.float64
    assert x.flip(dims=(0,)).tolist() == [[3, 4, 5], [0, 1, 2]]
    assert x.repeat(repeats=(2, 1)).shape == fs.tile(x, dims=(2, 1)).shape == (4, 3)
    assert x.expand(size=(4, 2, 3)).shape == (4, 2, 3)
    for f in (fs.zeros, fs.ones, fs.empty, fs.rand, fs.randn, x.new_zeros, x.new_ones, x.new_empty):
        assert f(size=(2, 1)).shape == (2, 1)
    assert fs.randint(high=3, size=(5,)).shape == (5,)
    assert fs.ones(2, requires_grad=True).numpy(force=True).tolist() == [1, 1]


def test_numbers_given_twice_or_not_at_all() -> None:
    with pytest.raises(TypeError, match=r"given twice: by place, and by name as \(2, 1\)"):
        fs.zeros(2, size=(2, 1))
    with pytest.raises(TypeError, match="arange: end is missing"):
        fs.arange()
    with pytest.raises(TypeError, match=r"randint: expected \(high, size\) or \(low, high, size\)"):
        fs.randint(3)


# ---- what the compiled tape does in one call ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_short_cuts_of_the_tape_agree_with_numpy(dtype: Any) -> None:
    """NaN, infinities, no elements, no axes and strides: through the short cut, or past it."""
    values = np.array([[np.nan, -np.inf, 0.0], [-0.0, 1.5, np.inf]], dtype)
    for array in (values, values.T, values[::-1, ::2], values[:, :0], np.array(2.0, dtype)):
        x = fs.from_numpy(array)
        x.requires_grad = True
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal((-x).detach().numpy(), -array)
            np.testing.assert_array_equal(x.sqrt().detach().numpy(), np.sqrt(array))
            np.testing.assert_array_equal(
                x.relu().detach().numpy(), np.where(np.isnan(array), array, np.maximum(array, 0))
            )
        with np.errstate(all="raise"):
            np.testing.assert_array_equal((x > x.detach().clone()).numpy(), np.greater(array, array))
            np.testing.assert_array_equal((x <= x.detach().clone()).numpy(), np.less_equal(array, array))
        flat = x.reshape(array.size)
        np.testing.assert_array_equal(flat.detach().numpy(), array.reshape(-1))
        assert (flat._base is x) == (array.flags.c_contiguous or array.ndim == 0 or array.size == 0)


def test_a_view_made_in_one_call_is_on_the_tape() -> None:
    x = fs.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = x.view(4)
    (y * fs.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    z = fs.zeros(2, 2)
    z.view(4).add_(1.0)
    assert z.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    for sizes in ((3,), (-2, 2), (5, 0), (2**62, 2**62)):
        with pytest.raises(RuntimeError, match="reshape: shape"):
            x.view(*sizes)
    assert x.view(-1).shape == (4,)
    with pytest.raises(TypeError, match="reshape: expected a Tensor, got list"):
        fs.reshape([1.0], 1)
