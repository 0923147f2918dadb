"""What convolutions and pools share: windows over one or two axes, and the kernels' view of channels-last arrays."""

from typing import Any

from .checks import Array, floating, size
from .module import Module

Pair = tuple[int, int]
_SHAPES = {1: "(batch, length, channels)", 2: "(batch, height, width, channels)"}


def to_images(x: Array) -> Array:
    """(batch, [height,] length, channels) as a view (batch, channels, height or 1, length): what the kernels take."""
    return x.swapaxes(1, 2)[:, :, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)


def from_images(y: Array, axes: int) -> Array:
    """The way back. Kernels leave the channels last in memory, so this is a view without gaps."""
    return y[:, :, 0].swapaxes(1, 2) if axes == 1 else y.transpose(0, 2, 3, 1)


class Windows(Module):
    """A layer that looks at windows of `k_size`, every `stride` steps, along one axis or two."""

    axes: int

    def __init__(self, k_size: Any, stride: Any, **parameters: Array) -> None:
        super().__init__(**parameters)
        self.k_size = self.pair(k_size, "k_size")
        self.stride = self.pair(stride, "stride")

    @classmethod
    def pair(cls, value: Any, name: str) -> Pair:
        """An int, or one for each of two axes, as (along the height, along the length); a signal's height is 1."""
        given = tuple(value) if cls.axes == 2 and isinstance(value, (tuple, list)) else (value,) * cls.axes
        if len(given) != cls.axes:
            raise ValueError(f"{cls.__name__}: {name} must be an int or two of them, got {value!r}")
        sizes = [size(one, name, cls.__name__) for one in given]
        return (1, sizes[0]) if cls.axes == 1 else (sizes[0], sizes[1])

    def windowed(self, input: Any, dtype: Any = None) -> Array:
        """The input, if it is a batch of signals or images in which at least one window fits."""
        x = floating(input, self, dtype)
        if x.ndim != self.axes + 2:
            raise ValueError(f"{self}: expected an input of shape {_SHAPES[self.axes]}, got {x.shape}")
        if x.shape[-1] == 0 or any(n < k for n, k in zip(x.shape[1:-1], self._per_axis(self.k_size), strict=True)):
            raise ValueError(f"{self}: no window fits into an input of shape {x.shape}")
        return x

    def output_shape(self, x: Array, channels: int) -> tuple[int, ...]:
        """floor((size - k_size) / stride) + 1 windows along each axis."""
        sizes = zip(x.shape[1:-1], self._per_axis(self.k_size), self._per_axis(self.stride), strict=True)
        return (len(x), *((n - k) // s + 1 for n, k, s in sizes), channels)

    def _per_axis(self, pair: Pair) -> tuple[int, ...]:
        return pair[2 - self.axes :]

    def _sizes(self) -> str:
        """k_size and stride, as one would write them."""
        shown = [self._per_axis(pair) for pair in (self.k_size, self.stride)]
        return ", ".join(str(one[0] if len(set(one)) == 1 else one) for one in shown)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._sizes()})"
