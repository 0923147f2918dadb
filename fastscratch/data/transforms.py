"""Augmentation: images moved, turned, zoomed, sheared and distorted at random, a batch in one pass."""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend
from ..random import current_generator
from ..tensor import Array, Tensor, wrap

__all__ = ["Compose", "ElasticTransform", "RandomAffine", "RandomRotation", "Transform"]

Range = tuple[float, float]

_STILL: tuple[Range, ...] = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (1.0, 1.0), (0.0, 0.0), (0.0, 0.0))
_SMOOTH: tuple[Range, ...] = ((0.0, 0.0), (0.0, 0.0))
_WIDEST = 1000.0  # pixels of sigma
_FURTHEST = 36000.0  # degrees: a hundred turns
_STEEPEST = 89.0  # degrees of shear; 90 would pull an image out of all bounds


class Transform:
    """A random change of images, to be called on a batch; a DataLoader does so if it is its `transform`.

    A call draws anew for each image. What it draws depends on the seed and on the image's number alone, so the same seed
    and number make the same image, whatever else is in the batch, in whatever order, by however many threads.
    """

    def passes(self) -> list[tuple[tuple[Range, ...], tuple[Range, ...]]]:
        """For each pass over the images, what the kernel is given: ranges of moves, and alpha and sigma in x and in y."""
        raise NotImplementedError(f"{type(self).__name__} must define passes")

    def __call__(self, images: Any, *, seed: int | None = None, samples: Any = None) -> Any:
        """Change images.

        Parameters
        ----------
        images : Tensor or ndarray, (N, C, H, W) or (C, H, W)
            uint8, float32 or float64.
        seed : int, optional
            At least 0 and below 2**64. Default: drawn from the default generator.
        samples : (N,) integers, optional
            The numbers of the images. Default: 0, 1, ...

        Returns
        -------
        Tensor or ndarray
            New, as images are: of their shape, dtype and kind; with the channels innermost in memory. No gradient flows
            back.

        Raises
        ------
        TypeError
            For images of another dtype, or samples that are not integers.
        ValueError
            For another number of axes, samples that are not one per image, or a seed out of range.
        """
        array = images.array if isinstance(images, Tensor) else np.asarray(images)
        if array.dtype not in (np.uint8, np.float32, np.float64):
            raise TypeError(f"{type(self).__name__}: images must be uint8, float32 or float64, got {array.dtype}")
        if array.ndim not in (3, 4):
            raise ValueError(
                f"{type(self).__name__}: expected images (N, C, H, W) or (C, H, W), got shape {array.shape}"
            )
        batch = array if array.ndim == 4 else array[None]
        numbers = _numbers(samples, len(batch))
        key = int(current_generator().numpy.integers(2**63)) if seed is None else operator.index(seed)
        if not 0 <= key < 2**64:
            raise ValueError(f"seed must be in 0 ... 2**64 - 1, got {key}")
        for stage, (moves, elastic) in enumerate(self.passes()):
            batch = backend.augment(batch, numbers, key, stage, moves, elastic)
        if batch is array or (array.ndim == 3 and not self.passes()):
            batch = batch.copy()
        result = batch if array.ndim == 4 else batch[0]
        return wrap(result) if isinstance(images, Tensor) else result


class RandomAffine(Transform):
    """Turn, shift, zoom and shear about the middle; between pixels linearly, 0 outside.

    Parameters
    ----------
    degrees : number or (low, high)
        Rotation, clockwise, between -36000 and 36000; a number d stands for (-d, d).
    translate : (a, b), optional
        Shift by up to a times the width and b times the height, either way; 0 <= a, b <= 1. In parts of a pixel too, where
        torchvision rounds to whole ones.
    scale : (low, high), optional
        Zoom factor, positive.
    shear : number, (low, high) or (x_low, x_high, y_low, y_high), optional
        Degrees, between -89 and 89; a number d stands for (-d, d), and two are for x alone.

    Raises
    ------
    TypeError
        For what is not a number, or a sequence of them.
    ValueError
        For ranges of another length, turned round, infinite or out of the bounds above.

    Examples
    --------
    >>> images = np.zeros((2, 1, 28, 28), np.uint8)
    >>> RandomAffine(15, translate=(0.15, 0.15), scale=(0.85, 1.15))(images).shape
    (2, 1, 28, 28)
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
    ) -> None:
        self.degrees = _turns(degrees)
        self.translate = None if translate is None else _pair("translate", translate)
        self.scale = None if scale is None else _range("scale", _pair("scale", scale))
        self.shear = None if shear is None else _shear(shear)
        if self.translate and not all(0 <= part <= 1 for part in self.translate):
            raise ValueError(f"translate must be parts of the width and height, between 0 and 1, got {translate}")
        if self.scale and self.scale[0] <= 0:
            raise ValueError(f"scale must be positive, got {scale}")

    def passes(self) -> list[tuple[tuple[Range, ...], tuple[Range, ...]]]:
        right, down = self.translate or (0.0, 0.0)
        shear = self.shear or (0.0, 0.0, 0.0, 0.0)
        moves = (
            _radians(self.degrees), (-right, right), (-down, down), self.scale or (1.0, 1.0),
            _radians(shear[:2]), _radians(shear[2:]),
        )  # fmt: skip
        return [(moves, _SMOOTH)]

    def __repr__(self) -> str:
        options = [f"{name}={value}" for name in ("translate", "scale", "shear") if (value := getattr(self, name))]
        return f"RandomAffine({', '.join([f'degrees={self.degrees}', *options])})"


class RandomRotation(Transform):
    """Turn about the middle; between pixels linearly, 0 outside.

    Parameters
    ----------
    degrees : number or (low, high)
        Counter-clockwise, as torchvision has it here but not in RandomAffine; between -36000 and 36000; a number d stands
        for (-d, d).
    """

    def __init__(self, degrees: float | Sequence[float]) -> None:
        self.degrees = _turns(degrees)

    def passes(self) -> list[tuple[tuple[Range, ...], tuple[Range, ...]]]:
        low, high = _radians(self.degrees)
        return [(((-high, -low), *_STILL[1:]), _SMOOTH)]

    def __repr__(self) -> str:
        return f"RandomRotation(degrees={self.degrees})"


class ElasticTransform(Transform):
    """Distort as if the image were printed on rubber: pull each pixel by a smooth field of random displacements.

    The field is uniform noise in [-1, 1], convolved with a Gaussian, times alpha / 2 pixels, as torchvision has it for
    square images.

    Parameters
    ----------
    alpha : number or (x, y)
        Strength; the alpha of Simard et al. is half of it: their 34 pixels (with sigma 4) are 68 here.
    sigma : number or (x, y)
        Width of the Gaussian in pixels, from 0 to 1000; it ends at 4 sigma, and is mirrored at the border.

    Raises
    ------
    TypeError, ValueError
        For what is not one or two finite numbers, or a sigma out of its range.

    Notes
    -----
    For h x w pixels, 2 (h + w) lines of at most 64 + 8 sigma numbers, and no more than there are pixels, are made once for
    a batch.

    References
    ----------
    P. Simard, D. Steinkraus and J. Platt, Best Practices for Convolutional Neural Networks Applied to Visual Document
    Analysis, ICDAR 2003.
    """

    def __init__(self, alpha: float | Sequence[float] = 50.0, sigma: float | Sequence[float] = 5.0) -> None:
        self.alpha = _pair("alpha", alpha)
        self.sigma = _pair("sigma", sigma)
        if min(self.sigma) < 0 or max(self.sigma) > _WIDEST:
            raise ValueError(f"sigma must be between 0 and {_WIDEST:g} pixels, got {sigma}")

    def passes(self) -> list[tuple[tuple[Range, ...], tuple[Range, ...]]]:
        return [(_STILL, tuple((alpha / 2, sigma) for alpha, sigma in zip(self.alpha, self.sigma, strict=True)))]

    def __repr__(self) -> str:
        return f"ElasticTransform(alpha={self.alpha}, sigma={self.sigma})"


class Compose(Transform):
    """Transforms one after the other; an elastic one that follows an affine one is done in the same pass, which sees beyond
    the border what the first has moved there.

    Parameters
    ----------
    transforms : sequence of Transform

    Examples
    --------
    >>> moved = Compose([RandomAffine(15, (0.15, 0.15), (0.85, 1.15)), ElasticTransform(60.0, 4.0)])
    >>> len(moved.passes())
    1
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)
        for transform in self.transforms:
            if not isinstance(transform, Transform):
                raise TypeError(f"Compose takes transforms of this module, got {type(transform).__name__}")

    def passes(self) -> list[tuple[tuple[Range, ...], tuple[Range, ...]]]:
        # The pass reads the image at A^-1 (p + d): moved first, and what came of that displaced.
        passes: list[tuple[tuple[Range, ...], tuple[Range, ...]]] = []
        for moves, elastic in (one for transform in self.transforms for one in transform.passes()):
            if passes and moves == _STILL and passes[-1][1] == _SMOOTH:
                passes[-1] = (passes[-1][0], elastic)
            else:
                passes.append((moves, elastic))
        return passes

    def __repr__(self) -> str:
        return f"Compose([{', '.join(map(repr, self.transforms))}])"


def _numbers(samples: Any, n: int) -> Array:
    """The images' numbers as int64."""
    if samples is None:
        return np.arange(n)
    numbers = samples.array if isinstance(samples, Tensor) else np.asarray(samples)
    if numbers.dtype.kind not in "iu":
        raise TypeError(f"samples must be integers, got {numbers.dtype}")
    if numbers.shape != (n,):
        raise ValueError(f"samples must be one number per image, shape ({n},), got {numbers.shape}")
    return numbers.astype(np.int64)


def _floats(name: str, value: Any, lengths: tuple[int, ...]) -> tuple[float, ...]:
    """A sequence of finite numbers, of one of these lengths."""
    try:
        numbers = tuple(float(number) for number in value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number or a sequence of numbers, got {value!r}") from None
    if len(numbers) not in lengths:
        raise ValueError(f"{name} must have {' or '.join(map(str, lengths))} numbers, got {value!r}")
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return numbers


def _pair(name: str, value: Any) -> Range:
    """Two numbers, or one for both."""
    numbers = _floats(name, (value,) if isinstance(value, (int, float)) else value, (1, 2))
    return numbers[0], numbers[-1]


def _range(name: str, value: Any) -> Range:
    """(low, high), or (-d, d)."""
    if isinstance(value, (int, float)):
        if not value >= 0:
            raise ValueError(f"{name} must not be negative if it is one number, got {value!r}")
        value = (-value, value)
    low, high = _floats(name, value, (2,))
    if low > high:
        raise ValueError(f"{name} must be (low, high), got {value!r}")
    return low, high


def _turns(value: Any) -> Range:
    degrees = _range("degrees", value)
    if max(map(abs, degrees)) > _FURTHEST:
        raise ValueError(f"degrees must be between -{_FURTHEST:g} and {_FURTHEST:g}, got {value!r}")
    return degrees


def _shear(value: Any) -> tuple[float, ...]:
    if isinstance(value, (int, float)):
        value = _range("shear", value)
    numbers = _floats("shear", value, (2, 4))
    numbers = numbers if len(numbers) == 4 else (*numbers, 0.0, 0.0)
    for pair in (numbers[:2], numbers[2:]):
        _range("shear", pair)
    if max(map(abs, numbers)) > _STEEPEST:
        raise ValueError(f"shear must be between -{_STEEPEST:g} and {_STEEPEST:g} degrees, got {value!r}")
    return numbers


def _radians(degrees: Sequence[float]) -> Range:
    low, high = degrees
    return math.radians(low), math.radians(high)
