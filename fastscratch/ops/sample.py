"""New tensors of random numbers. All take ``generator``; without one they draw from the one that manual_seed sets."""

from typing import Any

import numpy as np

from .. import dtypes
from ..device import need_cpu
from ..quiet import quiet
from ..random import Generator, current_generator
from ..tensor import Tensor, check_inplace, method, record, replace, wrap
from .operands import need_kind, need_tensor, sizes_of

__all__ = [
    "bernoulli", "multinomial", "normal", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like",
    "randperm",
]  # fmt: skip


def _numpy(generator: Generator | None) -> "np.random.Generator":
    return (current_generator() if generator is None else generator).numpy


def _uniform(shape: tuple[int, ...], dtype: dtypes.DType, generator: Generator | None) -> Any:
    """In [0, 1), drawn in the dtype itself where NumPy can, so that rounding never gives 1."""
    drawn = np.float32 if dtype == dtypes.float32 else np.float64
    return quiet.call(lambda: _numpy(generator).random(shape, drawn)).astype(dtype, copy=False)


def _gaussian(shape: tuple[int, ...], dtype: dtypes.DType, generator: Generator | None) -> Any:
    drawn = np.float32 if dtype == dtypes.float32 else np.float64
    return quiet.call(lambda: _numpy(generator).standard_normal(shape, drawn)).astype(dtype, copy=False)


def _floating(dtype: Any) -> dtypes.DType:
    known = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if known.kind != "f":
        raise RuntimeError(f"these random numbers need a floating dtype, got {known}")
    return known


def rand(
    *sizes: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Uniform in [0, 1)."""
    need_cpu(device)
    return Tensor(_uniform(sizes_of(sizes, size), _floating(dtype), generator), requires_grad=requires_grad)


def randn(
    *sizes: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Normal with mean 0 and variance 1."""
    need_cpu(device)
    return Tensor(_gaussian(sizes_of(sizes, size), _floating(dtype), generator), requires_grad=requires_grad)


def randint(
    low: int = 0, high: Any = None, size: Any = None, *, generator: Generator | None = None, dtype: Any = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Integers in [low, high), each as likely; randint(high, size) starts from 0. int64 unless dtype says otherwise."""
    need_cpu(device)
    if size is None:
        low, high, size = 0, low, high
    if high is None or size is None:
        raise TypeError("randint: expected (high, size) or (low, high, size)")
    if low >= high:
        raise RuntimeError(f"randint: expected low < high, got {low} and {high}")
    drawn = _numpy(generator).integers(low, high, tuple(size))
    return Tensor(drawn.astype(dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)), requires_grad=requires_grad)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """0, ..., n - 1 in random order."""
    need_cpu(device)
    order = _numpy(generator).permutation(n)
    return Tensor(order.astype(dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)), requires_grad=requires_grad)


def rand_like(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Uniform in [0, 1), in the shape and dtype of another tensor."""
    return rand(*input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randn_like(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Normal with mean 0 and variance 1, in the shape and dtype of another tensor."""
    return randn(*input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randint_like(input: Tensor, low: int, high: int | None = None, *, dtype: Any = None) -> Tensor:
    """Integers in [low, high), or in [0, low), in the shape and dtype of another tensor."""
    bounds = (0, low) if high is None else (low, high)
    return randint(*bounds, input.shape, dtype=dtype or input.dtype)


def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: Any = None
) -> Tensor:
    """Normal numbers; mean and std are numbers (then size is given) or tensors that broadcast."""
    for x in (mean, std):
        if isinstance(x, Tensor) and size is None:
            size = np.broadcast_shapes(*[t.shape for t in (mean, std) if isinstance(t, Tensor)])
            dtype = dtype or x.dtype
    if size is None:
        raise TypeError("normal: size must be given where mean and std are numbers")
    if np.any(np.asarray(std.array if isinstance(std, Tensor) else std) < 0):
        raise RuntimeError("normal: std must not be negative")
    with_mean = randn(*size, generator=generator, dtype=dtype) * std + mean
    return with_mean.detach()


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element of input says (or p), else 0."""
    x = need_kind(need_tensor(input, "bernoulli"), "f", "bernoulli")
    chance = x.array if p is None else p
    if not np.all((np.asarray(chance) >= 0) & (np.asarray(chance) <= 1)):
        raise RuntimeError("bernoulli: probabilities must be in [0, 1]")
    drawn = _numpy(generator).random(x.shape) < chance
    return record(drawn.astype(x.dtype), (x,), _no_gradient)


def _no_gradient(dy, needs):
    return (np.zeros_like(dy),)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Indices drawn from each row with the probabilities, up to a factor, that it holds.

    Raises
    ------
    RuntimeError
        If a weight is negative or not finite, a row sums to 0, or too few are not 0 to draw without replacement.
    """
    x = need_kind(need_tensor(input, "multinomial"), "f", "multinomial")
    if x.ndim not in (1, 2):
        raise RuntimeError(f"multinomial: expected one or two axes, got shape {x.shape}")
    if num_samples < 1:
        raise RuntimeError(f"multinomial: expected at least one sample, got {num_samples}")
    weights = x.array.reshape(-1, x.shape[-1]).astype(np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (weights.sum(1) > 0).all()):
        raise RuntimeError("multinomial: weights must be finite and not negative, and not all 0")
    if not replacement and num_samples > np.count_nonzero(weights, 1).min():
        raise RuntimeError(
            f"multinomial: cannot draw {num_samples} without replacement from fewer weights that are not 0"
        )
    source = _numpy(generator)
    if replacement:
        steps = np.cumsum(weights, 1)
        at = source.random((len(weights), num_samples)) * steps[:, -1:]
        drawn = (at[:, :, None] >= steps[:, None, :]).sum(2)
    else:
        # The k first arrivals of exponential clocks with these rates are k draws without replacement.
        with np.errstate(divide="ignore"):
            arrivals = source.standard_exponential(weights.shape) / weights
        drawn = np.argsort(arrivals, 1)[:, :num_samples]
    return wrap(drawn.reshape(*x.shape[:-1], num_samples))


def _refill(input: Tensor, values: Any) -> Tensor:
    """Overwrite with values that depend on nothing."""
    check_inplace(input)
    return replace(input, record(values.astype(input.dtype, copy=False), (input,), _no_gradient))


def uniform_(input: Tensor, low: float = 0.0, high: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with uniform numbers in [low, high)."""
    x = need_kind(need_tensor(input, "uniform_"), "f", "uniform_")
    return _refill(x, _uniform(x.shape, x.dtype, generator) * x.dtype.type(high - low) + x.dtype.type(low))


def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with normal numbers."""
    x = need_kind(need_tensor(input, "normal_"), "f", "normal_")
    return _refill(x, _gaussian(x.shape, x.dtype, generator) * x.dtype.type(std) + x.dtype.type(mean))


def bernoulli_(input: Tensor, p: float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with 1 with probability p, else 0."""
    return _refill(input, _numpy(generator).random(input.shape) < p)


def random_(input: Tensor, low: int = 0, high: int | None = None, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with integers in [low, high), or in [0, low)."""
    first, last = (0, low) if high is None and low else (low, high or 1 << (24 if input.is_floating_point() else 31))
    return _refill(input, _numpy(generator).integers(first, last, input.shape))


for _function in (bernoulli, bernoulli_, multinomial, normal_, random_, uniform_):
    method(_function)
