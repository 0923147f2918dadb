"""Initial values, drawn in place: the functions of torch.nn.init.

All change the tensor without leaving a trace on the tape and return it. ``generator`` is a fastscratch.Generator; None
stands for the default one.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..random import Generator, current_generator
from ..tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_LINEAR = {"linear", "sigmoid", "conv1d", "conv2d", "conv3d"} | {f"conv_transpose{n}d" for n in (1, 2, 3)}
_TABLE = 1 << 14  # points in the table of a truncated normal distribution


def _fill(tensor: Tensor, values: Any) -> Tensor:
    """Copy values into the tensor, unseen by the tape except that the tensor has changed."""
    np.copyto(tensor.array, values, casting="unsafe")
    tensor.touch()
    return tensor


def _draw(tensor: Tensor, generator: Generator | None, sample: Callable[[Any], Any]) -> Tensor:
    if tensor.dtype.kind != "f":
        raise RuntimeError(f"random values need a floating tensor, got {tensor.dtype}")
    return _fill(tensor, sample((current_generator() if generator is None else generator).numpy))


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Values from U(a, b); RuntimeError if a > b."""
    if a > b:
        raise RuntimeError(f"uniform_: expected a <= b, got a={a}, b={b}")
    return _draw(tensor, generator, lambda rng: rng.uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Values from N(mean, std^2); RuntimeError if std < 0."""
    if std < 0:
        raise RuntimeError(f"normal_: expected std >= 0, got {std}")
    return _draw(tensor, generator, lambda rng: rng.normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Values from N(mean, std^2), given that they lie in [a, b] (a and b are values, not multiples of std).

    Raises
    ------
    ValueError
        If std <= 0 or a >= b.

    Notes
    -----
    By inversion of the cumulative distribution, tabulated on 2^14 points of [a, b] (at most ten standard deviations from
    its likeliest point): as good in the tails as in the middle.
    """
    if not std > 0 or not a < b:
        raise ValueError(f"trunc_normal_: expected std > 0 and a < b, got std={std}, a={a}, b={b}")
    peak = min(max(a, mean), b)
    x = np.linspace(max(a, peak - 10 * std), min(b, peak + 10 * std), _TABLE)
    density = np.exp(((peak - mean) / std) ** 2 / 2 - ((x - mean) / std) ** 2 / 2)
    cumulative = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    u = cumulative / cumulative[-1]
    return _draw(tensor, generator, lambda rng: np.interp(rng.random(tensor.shape), u, x).clip(a, b))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """The same value everywhere."""
    return _fill(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return _fill(tensor, 1)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return _fill(tensor, 0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix; ValueError unless the tensor has two axes."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_: expected a tensor with 2 axes, got shape {tensor.shape}")
    return _fill(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution weight that passes its input channels on unchanged, as many as there are; within each group.

    Raises
    ------
    ValueError
        Unless the tensor has 3 to 5 axes and groups divides the first.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(f"dirac_: expected a tensor with 3, 4 or 5 axes, got shape {tensor.shape}")
    if tensor.shape[0] % groups:
        raise ValueError(f"dirac_: groups={groups} does not divide the first axis of shape {tensor.shape}")
    values = np.zeros(tensor.shape)
    per_group = tensor.shape[0] // groups
    middle = tuple(s // 2 for s in tensor.shape[2:])
    for group in range(groups):
        for i in range(min(per_group, tensor.shape[1])):
            values[(group * per_group + i, i, *middle)] = 1
    return _fill(tensor, values)


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """The factor by which initial weights should grow because of the nonlinearity that follows.

    1 for linear, convolution and sigmoid, 5/3 for tanh, sqrt(2) for relu, sqrt(2 / (1 + param^2)) for leaky_relu (param is
    its slope, 0.01 if None), 3/4 for selu.

    Raises
    ------
    ValueError
        For any other nonlinearity, or a slope that is not a number.
    """
    if nonlinearity in _LINEAR:
        return 1.0
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"calculate_gain: the slope of leaky_relu must be a number, got {param!r}")
        return math.sqrt(2.0 / (1 + slope**2))
    known = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}
    if nonlinearity not in known:
        raise ValueError(
            f"calculate_gain: nonlinearity {nonlinearity!r} is not one of {sorted({*_LINEAR, *known, 'leaky_relu'})}"
        )
    return known[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs make one output element, and how many outputs one input element goes into."""
    if tensor.ndim < 2:
        raise ValueError(f"fan in and fan out need a tensor with at least 2 axes, got shape {tensor.shape}")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Values from U(-k, k), k = gain sqrt(6 / (fan_in + fan_out)); ValueError for fewer than two axes.

    References
    ----------
    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010, eq. 16.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Values from N(0, s^2), s = gain sqrt(2 / (fan_in + fan_out)); ValueError for fewer than two axes."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """gain / sqrt(fan), the standard deviation that keeps the variance through the layer."""
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f'mode must be "fan_in" or "fan_out", got {mode!r}')
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan_in if mode.lower() == "fan_in" else fan_out)


def _is_empty(tensor: Tensor) -> bool:
    if tensor.array.size == 0:
        warnings.warn("there is nothing to initialize in a tensor without elements", stacklevel=3)
        return True
    return False


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Values from U(-k, k), k = gain sqrt(3 / fan).

    Parameters
    ----------
    tensor : Tensor
    a : float
        The slope of the leaky_relu that follows.
    mode : {"fan_in", "fan_out"}
        Keep the variance of the activations, or of the gradients.
    nonlinearity : str
        See calculate_gain.

    Raises
    ------
    ValueError
        For an unknown mode or nonlinearity, or a tensor with fewer than two axes.

    References
    ----------
    K. He et al., Delving deep into rectifiers, 2015, eq. 10 and 14.
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Values from N(0, gain^2 / fan); parameters and errors as in kaiming_uniform_."""
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """gain times a random matrix with orthonormal rows or columns, whichever are fewer; later axes count as columns.

    Raises
    ------
    ValueError
        If the tensor has fewer than two axes.

    References
    ----------
    A. Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, 2014.
    F. Mezzadri, How to generate random matrices from the classical compact groups, 2007 (the signs).
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: expected a tensor with at least 2 axes, got shape {tensor.shape}")
    if tensor.array.size == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.array.size // rows

    def sample(rng: Any) -> Any:
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q = gain * q * np.sign(np.diag(r))
        return (q.T if rows < columns else q).reshape(tensor.shape)

    return _draw(tensor, generator, sample)
