"""The same call on fastscratch and on PyTorch: values, dtypes, shapes, gradients."""

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from cases import CASES, Case
from harness import LAYOUTS, run

import fastscratch as fs

torch: Any = None
with suppress(ModuleNotFoundError):
    import torch
pytestmark = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")


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


# ---- promotion ----

NAMES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
NUMBERS = (True, 2, 2.5)
FUNCTIONS = ("add", "mul", "div", "maximum", "eq", "pow", "remainder")


def _dtype(call, m) -> str:
    """The dtype of a result, or the error's type where there is none."""
    try:
        return str(call(m).dtype).removeprefix("torch.")
    except (RuntimeError, TypeError) as error:
        return type(error).__name__


@pytest.mark.parametrize("function", FUNCTIONS)
def test_promotion_as_torch(function: str) -> None:
    differ = []
    for a in NAMES:
        for b in NAMES:
            for a_shape, b_shape in (((2,), (2,)), ((2,), ()), ((), (2,)), ((), ())):

                def call(m, a=a, b=b, a_shape=a_shape, b_shape=b_shape):
                    x, y = m.ones(a_shape, dtype=getattr(m, a)), m.ones(b_shape, dtype=getattr(m, b))
                    return getattr(m, function)(x, y)

                if _dtype(call, fs) != _dtype(call, torch):
                    differ.append((a, a_shape, b, b_shape, _dtype(call, fs), _dtype(call, torch)))
    assert differ == []


@pytest.mark.parametrize("number", NUMBERS)
def test_promotion_with_numbers_as_torch(number: float) -> None:
    differ = []
    for name in NAMES:
        for shape in ((2,), ()):
            calls = {
                "+": lambda m, n=name, s=shape: m.ones(s, dtype=getattr(m, n)) + number,
                "*": lambda m, n=name, s=shape: number * m.ones(s, dtype=getattr(m, n)),
                "/": lambda m, n=name, s=shape: m.ones(s, dtype=getattr(m, n)) / number,
                ">": lambda m, n=name, s=shape: m.ones(s, dtype=getattr(m, n)) > number,
                "**": lambda m, n=name, s=shape: m.ones(s, dtype=getattr(m, n)) ** number,
                "where": lambda m, n=name, s=shape: m.where(m.tensor(True), m.ones(s, dtype=getattr(m, n)), number),
            }
            for sign, call in calls.items():
                if _dtype(call, fs) != _dtype(call, torch) and (name, sign) != ("bool", "**"):
                    differ.append((name, shape, sign, _dtype(call, fs), _dtype(call, torch)))
    assert differ == []


UNARY = ("abs", "neg", "sign", "floor", "sqrt", "sin", "reciprocal", "square", "round", "sum", "mean", "prod", "cumsum_",
         "amax", "max", "isnan", "logical_not", "var", "norm", "median", "argmax")  # fmt: skip


@pytest.mark.parametrize("function", UNARY)
def test_dtype_of_the_result_as_torch(function: str) -> None:
    name, args = (function.strip("_"), (0,)) if function.endswith("_") else (function, ())
    calls = {n: lambda m, n=n: getattr(m, name)(m.ones(3, dtype=getattr(m, n)), *args) for n in NAMES}
    expected = {n: _dtype(call, torch) for n, call in calls.items()}
    known = {n: dtype for n, dtype in expected.items() if not dtype.endswith("Error")}
    assert {n: _dtype(calls[n], fs) for n in known} == known


@pytest.mark.parametrize("dtype", [None, "float", "int", "bool", "float64", "int32", "uint8"])
def test_creation_as_torch(dtype: str | None) -> None:
    builtin = {"float": float, "int": int, "bool": bool}
    for call in (
        lambda m, d: m.tensor([1, 0, 2], dtype=d),
        lambda m, d: m.tensor([1.5, 0.0], dtype=d),
        lambda m, d: m.tensor([True, False], dtype=d),
        lambda m, d: m.zeros(2, 3, dtype=d),
        lambda m, d: m.ones((2, 3), dtype=d),
        lambda m, d: m.full((2,), 3, dtype=d),
        lambda m, d: m.full((2,), 3.5, dtype=d),
        lambda m, d: m.full((2,), True, dtype=d),
        lambda m, d: m.arange(5, dtype=d),
        lambda m, d: m.arange(1, 2.6, 0.5).to(d or m.float32),
        lambda m, d: m.arange(5, 0, -2, dtype=d),
        lambda m, d: m.eye(3, dtype=d),
        lambda m, d: m.eye(2, 3, dtype=d),
        lambda m, d: m.linspace(0, 1, 1, dtype=d),
        lambda m, d: m.zeros_like(m.ones(2), dtype=d),
        lambda m, d: m.full_like(m.ones(2), 3, dtype=d),
        lambda m, d: m.ones(2).new_zeros(3, dtype=d),
        lambda m, d: m.ones(2, dtype=m.float64).new_tensor([1, 2], dtype=d),
    ):
        try:
            wanted = call(torch, builtin.get(dtype) or (getattr(torch, dtype) if dtype else None))
        except NotImplementedError:
            continue
        got = call(fs, builtin.get(dtype) or (getattr(fs, dtype) if dtype else None))
        assert (got.shape, str(got.dtype)) == (tuple(wanted.shape), str(wanted.dtype).removeprefix("torch."))
        assert got.tolist() == wanted.tolist()


# ---- errors ----

ERRORS = {
    "add shapes": lambda m: m.ones(2) + m.ones(3),
    "sub bools": lambda m: m.tensor(True) - m.tensor(True),
    "neg bool": lambda m: -m.tensor(True),
    "and floats": lambda m: m.ones(2) & m.ones(2),
    "integer power": lambda m: m.tensor([2]) ** -1,
    "integer division": lambda m: m.tensor([2]) // m.tensor([0]),
    "integer mean": lambda m: m.tensor([1, 2]).mean(),
    "dim": lambda m: m.ones(2, 3).sum(2),
    "dim twice": lambda m: m.ones(2, 3).sum((0, 0)),
    "max of none": lambda m: m.ones(0).max(),
    "max of none along": lambda m: m.ones(2, 0).max(1),
    "argmax of none": lambda m: m.ones(0).argmax(),
    "argmax of none along": lambda m: m.ones(2, 0).argmax(1),
    "amax of none": lambda m: m.ones(2, 0).amax(1),
    "topk": lambda m: m.ones(3).topk(4),
    "reshape": lambda m: m.ones(6).reshape(4, -1),
    "expand": lambda m: m.ones(3).expand(4),
    "permute": lambda m: m.ones(2, 3).permute(0, 0),
    "squeeze dim": lambda m: m.ones(2).squeeze(3),
    "narrow": lambda m: m.ones(3).narrow(0, 2, 2),
    "select": lambda m: m.ones(3).select(0, 3),
    "split": lambda m: m.ones(3).split([1, 1]),
    "cat of none": lambda m: m.cat([]),
    "cat shapes": lambda m: m.cat([m.ones(2, 2), m.ones(3, 3)]),
    "cat scalars": lambda m: m.cat([m.tensor(1.0)]),
    "stack shapes": lambda m: m.stack([m.ones(2), m.ones(3)]),
    "index": lambda m: m.ones(3)[3],
    "index tensor": lambda m: m.ones(3)[m.tensor([3])],
    "index axes": lambda m: m.ones(3)[0, 0],
    "index scalar": lambda m: m.tensor(1.0)[0],
    "index step": lambda m: m.ones(3)[::-1],
    "index mask": lambda m: m.ones(3)[m.tensor([True, False])],
    "index float": lambda m: m.ones(3)[m.tensor([1.0])],
    "index object": lambda m: m.ones(3)[object()],
    "setitem": lambda m: m.ones(3).__setitem__(slice(0, 2), m.ones(3)),
    "gather axes": lambda m: m.ones(3).gather(0, m.tensor([[0]])),
    "gather range": lambda m: m.ones(3).gather(0, m.tensor([3])),
    "gather dtype": lambda m: m.ones(3).gather(0, m.tensor([0.0])),
    "index_select range": lambda m: m.ones(3).index_select(0, m.tensor([3])),
    "masked_fill": lambda m: m.ones(3).masked_fill(m.tensor([1, 0, 1]), 0.0),
    "where": lambda m: m.where(m.tensor([1.0]), m.ones(1), m.ones(1)),
    "mm": lambda m: m.mm(m.ones(2, 3), m.ones(2, 3)),
    "mm axes": lambda m: m.mm(m.ones(2), m.ones(2, 3)),
    "mm dtypes": lambda m: m.mm(m.ones(2, 2), m.ones(2, 2, dtype=m.float64)),
    "matmul": lambda m: m.ones(2, 3) @ m.ones(2, 3),
    "dot": lambda m: m.dot(m.ones(2), m.ones(3)),
    "einsum operands": lambda m: m.einsum("ij,jk->ik", m.ones(2, 2)),
    "einsum axes": lambda m: m.einsum("ijk->i", m.ones(2, 2)),
    "einsum sizes": lambda m: m.einsum("ij,jk->ik", m.ones(2, 3), m.ones(2, 3)),
    "einsum output": lambda m: m.einsum("ij->iz", m.ones(2, 3)),
    "tril": lambda m: m.tril(m.tensor(1.0)),
    "item": lambda m: m.ones(2).item(),
    "bool": lambda m: bool(m.ones(2)),
    "len": lambda m: len(m.tensor(1.0)),
    "numpy": lambda m: m.ones(2, requires_grad=True).numpy(),
    "requires_grad": lambda m: m.ones(2, dtype=m.int64, requires_grad=True),
    "arange": lambda m: m.arange(0, 3, -1),
    "randint": lambda m: m.randint(3, 3, (2,)),
    "multinomial": lambda m: m.multinomial(m.tensor([1.0, 1.0]), 3),
    "bernoulli": lambda m: m.bernoulli(m.tensor([2.0])),
    "clamp": lambda m: m.clamp(m.ones(2)),
    "device": lambda m: m.zeros(2, device="nonsense"),
    "negative size": lambda m: m.zeros(-1),
    "ragged": lambda m: m.tensor([[1, 2], [3]]),
    "repeat": lambda m: m.ones(2, 2).repeat(2),
    "unflatten": lambda m: m.ones(6).unflatten(0, (4, 2)),
    "diagonal": lambda m: m.ones(2, 2).diagonal(0, 1, 1),
    "bincount": lambda m: m.bincount(m.tensor([-1])),
    "scatter shape": lambda m: m.zeros(3).scatter(0, m.tensor([[0]]), 1.0),
    "in-place dtype": lambda m: m.tensor([1]).add_(0.5),
    "in-place shape": lambda m: m.ones(1).add_(m.ones(3)),
    "in-place leaf": lambda m: m.ones(1, requires_grad=True).add_(1),
    "not a tensor": lambda m: m.sin(1.0),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_the_types_of_torch(name: str) -> None:
    with pytest.raises(Exception) as expected:
        ERRORS[name](torch)
    # What PyTorch has not implemented is a RuntimeError to it too.
    with pytest.raises(RuntimeError if expected.type is NotImplementedError else expected.type):
        ERRORS[name](fs)
