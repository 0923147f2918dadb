"""Convolutional layers."""

import operator
from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from . import functional as F
from .linear import reset_weight_and_bias
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["Conv1d", "Conv2d"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What the convolutions share: parameters, checks, text."""

    _axes: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._check(in_channels, out_channels, groups, padding, stride, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = self._sizes(kernel_size, "kernel_size")
        self.stride = self._sizes(stride, "stride")
        self.padding = padding if isinstance(padding, str) else self._sizes(padding, "padding")
        self.dilation = self._sizes(dilation, "dilation")
        self.groups = groups
        self.padding_mode = padding_mode
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = empty_parameter(*shape, device=device, dtype=dtype)
        self.register_parameter("bias", empty_parameter(out_channels, dtype=dtype) if bias else None)
        self.reset_parameters()

    def _sizes(self, value: Any, name: str) -> tuple[int, ...]:
        """An int, or one for each axis, as a tuple."""
        sizes = tuple(value) if isinstance(value, (tuple, list)) else (value,) * self._axes
        if len(sizes) != self._axes:
            raise ValueError(f"{self._get_name()}: {name} must be an int or {self._axes} of them, got {value!r}")
        return tuple(operator.index(size) for size in sizes)

    def _check(self, channels: int, filters: int, groups: int, padding: Any, stride: Any, padding_mode: str) -> None:
        name = self._get_name()
        if groups <= 0:
            raise ValueError(f"{name}: groups must be positive, got {groups}")
        for what, count in (("in_channels", channels), ("out_channels", filters)):
            if count % groups:
                raise ValueError(f"{name}: {what} must be divisible by groups={groups}, got {count}")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(f"{name}: padding_mode must be one of {', '.join(_PADDING_MODES)}, got {padding_mode!r}")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f'{name}: padding must be "same", "valid" or numbers, got {padding!r}')
            if padding == "same" and set(self._sizes(stride, "stride")) != {1}:
                raise ValueError(f'{name}: padding="same" needs stride 1, got {stride!r}')

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        reset_weight_and_bias(self.weight, self.bias)

    def _padded(self, input: Tensor) -> Tensor:
        """The input, padded with something else than zeros."""
        around: list[int] = []
        for axis in reversed(range(self._axes)):
            before = after = 0
            if self.padding == "same":
                rows = self.dilation[axis] * (self.kernel_size[axis] - 1)
                before, after = rows // 2, rows - rows // 2
            elif not isinstance(self.padding, str):
                before = after = self.padding[axis]
            around += [before, after]
        return F.pad(input, around, mode=self.padding_mode)

    def _computed(self, operation: Callable[..., Tensor], input: Tensor, *more: Any) -> Tensor:
        """The operation, which takes a convolution's arguments and perhaps more, on the input and what the layer holds."""
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = self._padded(input), 0
        return operation(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups, *more)

    def extra_repr(self) -> str:
        """The sizes, and what differs from its default."""
        ones, zeros = (1,) * self._axes, (0,) * self._axes
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"padding={self.padding}"] if self.padding != zeros else []
        parts += [f"dilation={self.dilation}"] if self.dilation != ones else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += ["bias=False"] if self.bias is None else []
        parts += [f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []
        return ", ".join(parts)


class Conv1d(_Conv):
    """Cross-correlation of (N, C, L) with out_channels filters; see functional.conv1d.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or (int,)
    padding : int, (int,), "valid" or "same"
    groups : int
        Blocks of channels that do not see each other.
    bias : bool
    padding_mode : {"zeros", "reflect", "replicate", "circular"}

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, kernel_size)
        From U(-k, k), k = 1 / sqrt(in_channels / groups * kernel_size).
    bias : Parameter, shape (out_channels,), or None
        From the same.

    Raises
    ------
    ValueError
        For parameters that do not fit together.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.nn.Conv1d(16, 33, 3, stride=2)(fs.zeros(20, 16, 50)).shape
    (20, 33, 24)
    """

    _axes = 1

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return self._computed(F.conv1d, input)


class Conv2d(_Conv):
    """Cross-correlation of (N, C, H, W) with out_channels filters; see functional.conv2d.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or (int, int)
    padding : int, (int, int), "valid" or "same"
    groups : int
        Blocks of channels that do not see each other.
    bias : bool
    padding_mode : {"zeros", "reflect", "replicate", "circular"}

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, R, S)
        From U(-k, k), k = 1 / sqrt(in_channels / groups R S).
    bias : Parameter, shape (out_channels,), or None
        From the same.

    Raises
    ------
    ValueError
        For parameters that do not fit together.

    Examples
    --------
    >>> import fastscratch as fs
    >>> conv = fs.nn.Conv2d(3, 8, 5, padding=2)
    >>> conv
    Conv2d(3, 8, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
    >>> conv(fs.zeros(2, 3, 32, 32)).shape
    (2, 8, 32, 32)
    """

    _axes = 2

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return self._computed(F.conv2d, input)
