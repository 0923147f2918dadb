"""Photos of digits as MNIST's images: ink found in any picture, fitted into 20x20 and centred by mass in 28x28.

In the order of the file: reading (Pillow, the extra `image`); ink (which side of the background is it, and how much of it);
framing, as MNIST was made.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..files import FileFormatError, StrPath, open_regular

__all__ = ["find_photos", "frame", "ink_of", "photo", "pillow", "read_photo"]

SUFFIXES = (".png", ".jpg", ".jpeg")

_SIDE, _BOX = 28, 20  # the image, and the square that the digit is fitted into
_LONGEST = 400  # pixels along a picture that is looked at: more say nothing about a digit
_OFF = 0.25  # what is further from the rim's gray level is not taken for paper at first
_GRID = 32  # places along each axis where the light is measured
_STROKE = 2.2  # pixels in the box: MNIST's pens are no finer
_SPECK = 0.05  # what has less ink than this share of the largest stroke is dirt

Array = np.ndarray[Any, Any]


# ---- reading ----


def find_photos(paths: list[str]) -> list[Path]:
    """The files, and those in folders that are PNG or JPEG by their names, in order.

    Raises
    ------
    FileNotFoundError
        If a path is not there, or a folder has none.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise FileNotFoundError(f"{path} has no image in it ({', '.join(SUFFIXES)})")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise FileNotFoundError(f"there is no file or folder {path}")
    return found


def read_photo(path: StrPath) -> Array:
    """A PNG or JPEG as gray levels, (H, W) float32 in [0, 1], upright, its longer side at most 400 pixels.

    What is transparent is taken as the background: white, or black under light ink.

    Raises
    ------
    FileFormatError
        If the file is not an image that can be read.
    ImportError
        If Pillow is not installed, saying how to get it.
    """
    image, ops = pillow()
    from PIL import UnidentifiedImageError

    try:
        with open_regular(path) as file, warnings.catch_warnings():
            warnings.simplefilter("error")  # an image so large that Pillow warns is none of ours
            with image.open(file, formats=("PNG", "JPEG")) as picture:
                picture.draft("L", (2 * _LONGEST, 2 * _LONGEST))  # a JPEG need not be decoded in full
                picture.load()
                return _gray(ops.exif_transpose(picture))
    except UnidentifiedImageError:
        raise FileFormatError(path, "is not a PNG or JPEG image") from None
    except FileFormatError:
        raise
    except (OSError, SyntaxError, ValueError, Warning, image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise FileFormatError(path, f"cannot be read as an image: {error}") from None


def _gray(picture: Any) -> Array:
    """Luminance in [0, 1] of a Pillow image, transparency laid on the background."""
    image, _ = pillow()
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits: Pillow's conversion to 8 would cut them off
        levels = np.asarray(picture, np.float32)
        picture = image.fromarray(levels * (255 / max(float(levels.max()), 1.0)))
    else:
        picture = picture.convert("RGBA" if picture.has_transparency_data else "L")
    factor = _LONGEST / max(picture.size)
    if factor < 1:
        size = [max(1, round(side * factor)) for side in picture.size]
        picture = picture.resize(size, image.Resampling.BOX)
    if picture.mode != "RGBA":
        return np.asarray(picture, np.float32) / 255
    alpha = np.asarray(picture.getchannel("A"), np.float32) / 255
    level = np.asarray(picture.convert("RGB").convert("L"), np.float32) / 255
    inked = float((level * alpha).sum()) / max(float(alpha.sum()), 1e-6)
    return level * alpha + (inked < 0.5) * (1 - alpha)


def pillow() -> Any:
    """Pillow's Image and ImageOps; ImportError that says how to get them."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ImportError("images are read by Pillow: pip install 'fastscratch[image]'") from None
    return Image, ImageOps


# ---- ink ----


def ink_of(gray: Array) -> Array:
    """How much ink is where: 0 for background, about 1 for strokes; float32 of the same shape.

    The background is a surface of second degree through what is most like the rim, so that a shadow across the paper is not
    ink; ink is what differs from it to the side where most does, more than the paper's grain.

    Raises
    ------
    ValueError
        If the picture is of one colour.
    """
    background, grain = _background(gray)
    difference = gray - background
    few = max(1, gray.size // 200)  # the darkest and the lightest are compared
    dark, light = (np.sort(np.maximum(side, 0.0), axis=None)[-few:].mean() for side in (-difference, difference))
    ink = np.maximum(-difference if dark >= light else difference, 0.0)
    top = float(np.median(ink[ink >= ink.max() / 2]))
    if top < 0.02 or top <= grain:
        raise ValueError("the picture is of one colour: no digit to be seen")
    return _without_specks(np.clip((ink - grain) / (top - grain), 0.0, 1.0))


def _background(gray: Array) -> tuple[Array, float]:
    """The paper's gray level everywhere, and three deviations of its grain.

    Fitted to a grid of places, again and again without those that lie off it; a plain level where ink fills most places.
    """
    rows, columns = (np.unique(np.linspace(0, side - 1, min(side, _GRID)).astype(int)) for side in gray.shape)
    levels = gray[np.ix_(rows, columns)].ravel()
    terms = _terms(rows / gray.shape[0], columns / gray.shape[1])
    rim = np.ones((len(rows), len(columns)), bool)
    rim[2:-2, 2:-2] = False
    kept = np.abs(levels - np.median(levels[rim.ravel()])) < _OFF
    if kept.mean() < 0.5:
        terms = terms[:, :1]
    for _ in range(4):
        weights = np.linalg.lstsq(terms[kept], levels[kept], rcond=None)[0]
        residual = np.abs(levels - terms @ weights)
        kept = residual <= max(2.5 * float(np.median(residual[kept])), 0.02)
    every = _terms(np.arange(gray.shape[0]) / gray.shape[0], np.arange(gray.shape[1]) / gray.shape[1])
    surface = (every[:, : terms.shape[1]] @ weights).reshape(gray.shape)
    return np.asarray(surface, np.float32), 3 * 1.4826 * float(np.median(residual[kept]))


def _terms(y: Array, x: Array) -> Array:
    """1, x, y, x^2, xy, y^2 at every place of a grid."""
    ys, xs = (axis.ravel() for axis in np.meshgrid(y, x, indexing="ij"))
    return np.stack([np.ones_like(xs), xs, ys, xs * xs, xs * ys, ys * ys], axis=1)


def _without_specks(ink: Array) -> Array:
    """Without strokes that are small beside the largest: dust, the edge of the paper's neighbour."""
    labels = _components(ink > 0.3)
    weight = np.bincount(labels.ravel(), weights=ink.ravel())
    weight[0] = 0
    large = weight >= _SPECK * weight.max()
    near = labels
    for _ in range(2):  # the soft edge of a stroke belongs to it
        near = np.maximum(near, _largest_neighbour(near))
    return np.where(large[near], ink, 0.0)


def _components(mask: Array) -> Array:
    """A number for each connected part (corners touch), 0 outside: all take the largest nearby until none changes."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        spread = np.where(mask, _largest_neighbour(labels), 0)
        spread = np.where(
            mask, spread.ravel()[np.maximum(spread - 1, 0)], 0
        )  # and what that one has taken: fewer rounds
        if np.array_equal(spread, labels):
            return np.unique(labels, return_inverse=True)[1].reshape(mask.shape) if not mask.all() else mask.astype(int)
        labels = spread


def _largest_neighbour(values: Array) -> Array:
    """The largest in the 3x3 window around each pixel."""
    for axis in (0, 1):
        padded = np.pad(values, [(1, 1) if a == axis else (0, 0) for a in (0, 1)])
        a, b, c = (np.take(padded, np.arange(i, i + values.shape[axis]), axis) for i in range(3))
        values = np.maximum(np.maximum(a, b), c)
    return values


# ---- framing ----


def frame(ink: Array) -> Array:
    """Ink cut out, fitted into 20x20 with its proportions, and put with its centre of mass on pixel (14, 14) of 28x28.

    Strokes that would be finer than MNIST's are made thicker first. Returns float32 in [0, 1].

    References
    ----------
    LeCun, Bottou, Bengio, Haffner: "Gradient-based learning applied to document recognition", Proc. IEEE 86(11), 1998,
    section III.A.
    """
    rows, columns = (np.flatnonzero((ink > 0.1).any(axis)) for axis in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cut = _thickened(cut)
    scale = _BOX / max(cut.shape)
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    image, _ = pillow()
    small = np.asarray(image.fromarray(cut).resize((width, height), image.Resampling.BILINEAR))
    small = np.clip(small / max(float(np.percentile(small, 98)), 0.2), 0, 1)
    total = float(small.sum())
    y, x = ((small.sum(1 - axis) * np.arange(small.shape[axis])).sum() / total for axis in (0, 1))
    top = min(max(round(_SIDE / 2 - y), 0), _SIDE - height)
    left = min(max(round(_SIDE / 2 - x), 0), _SIDE - width)
    out = np.zeros((_SIDE, _SIDE), np.float32)
    out[top : top + height, left : left + width] = small
    return out


def _thickened(ink: Array) -> Array:
    """Strokes widened, with room around them, until they are as wide as a pen of MNIST's."""
    mask = ink > 0.5
    edge = mask & ~np.pad(mask, 1)[2:, 1:-1] | mask & ~np.pad(mask, 1)[1:-1, 2:]
    width = mask.sum() / max(1, edge.sum())  # area by half of the outline
    missing = _STROKE * max(ink.shape) / _BOX - width
    for _ in range(round(missing / 2)):
        ink = _largest_neighbour(np.pad(ink, 1))
    return ink


def photo(path: StrPath) -> Array:
    """A picture of a digit as the networks take it: float32 (28, 28), light ink on 0.

    Any size, colour or gray, dark on light or light on dark, anywhere in the picture.

    Raises
    ------
    FileFormatError
        If the file is not an image, or there is nothing on it.
    ImportError
        If Pillow is not installed.
    """
    gray = read_photo(path)
    try:
        return frame(ink_of(gray))
    except ValueError as error:
        raise FileFormatError(path, str(error)) from None
