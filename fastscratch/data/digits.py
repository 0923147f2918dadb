"""Handwritten-like digits, drawn by the package itself: data where there is no data set.

A digit is written the way a hand does it.  A *style* is a pen path through a few control points;
every sample shakes the control points, draws a smooth curve through them, leans, turns and warps
it, and inks it with a pen of its own width.  The picture is then framed as MNIST's are: white ink
on black, fitted into 20x20 pixels with its aspect ratio kept, and placed by its centre of mass in
28x28.

In the order of the file: styles; skeletons (control points to pen positions); writing (random
deformation); inking (pen positions to pixels); framing; the public function.
"""

import functools
import operator
from typing import NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import NDArray

__all__ = ["make_digits"]

_SIDE = 28  # pixels along the image
_BOX = 20  # pixels along the box that the ink is fitted into
_CHUNK = 250  # images drawn together: bounds the memory and fits the caches; multiple of 10
_POSITIONS = 96  # pen positions along one digit, about half a pixel apart

# Styles: (how common, path).  x runs right and y down, a glyph fills about 0..100.
# "/" lifts the pen, "!" after a point makes it a sharp corner.
_STYLES: dict[int, tuple[tuple[float, str], ...]] = {
    0: (
        (3, "64,4 18,18 10,74 50,100 88,70 78,16 40,0"),
        (3, "62,3 30,14 22,66 50,100 78,66 72,16 42,0"),
        (2, "66,12 34,6 10,46 32,96 74,88 90,36 60,2 32,14"),
        (1, "38,22 46,4 14,28 20,88 66,94 90,44 66,4 34,6"),
        (1, "36,8 8,48 34,98 80,82 88,30 52,2 26,14"),
        (1, "74,2 50,8 14,54 30,100 68,78 84,34 64,4 36,16"),
    ),
    1: (
        (8, "50,0 50,35 50,70 50,100"),
        (1, "28,26 50,2! 50,50 50,100"),
        (0.6, "22,25 50,0! 50,50 50,100 / 20,100 50,100 80,99"),
        (0.4, "36,12 52,0! 52,50 52,100 / 16,98 54,98 88,98"),
    ),
    2: (
        (3, "12,20 35,2 70,5 78,30 50,65 12,97! 50,97 92,95"),
        (3, "14,22 38,2 72,8 74,38 48,75 18,96 8,84 30,78 60,92 95,90"),
        (2, "15,15 50,0 82,20 70,50 35,80 8,98! 50,96 90,99"),
        (2, "10,24 36,2 72,6 78,36 56,70 28,98 8,92 16,76 44,82 70,98 98,92"),
        (2, "22,30 44,4 74,14 76,52 50,92 18,98 10,76 34,66 60,84 92,100"),
        (2, "34,22 48,2 66,12 60,46 36,94! 58,94 84,92"),
        (1.5, "28,16 46,2 64,10 66,34 56,64 36,92! 62,94 84,90"),
        (1.5, "24,34 26,10 54,0 78,18 66,56 32,92 12,94 14,78 40,80 96,98"),
        (1.5, "30,22 46,4 64,12 60,50 40,90 28,84 42,78 62,92 90,88"),
        (1, "10,8 50,3 85,10! 50,52 12,95! 50,96 95,92"),
        (1, "20,14 50,0 70,20 58,56 24,98! 60,90 94,86"),
        (1, "8,14 44,2 84,10 72,44 44,72 16,94! 60,92 100,100"),
        (1, "26,30 40,2 72,8 74,50 46,98 22,92 30,76 56,82 72,100"),
    ),
    3: (
        (3, "15,12 45,0 75,15 65,38 36,48! 70,55 82,76 55,98 10,90"),
        (3, "15,10 50,0 75,20 58,44 38,47 58,48 82,70 62,97 10,90"),
        (3, "14,14 42,0 72,12 64,36 48,46 66,52 80,72 62,98 24,100 8,88"),
        (3, "28,14 52,0 74,10 70,30 50,46! 70,52 74,72 52,92 22,100 4,94"),
        (2, "12,6 48,5 80,6! 62,26 40,44! 72,52 84,75 60,97 12,92"),
        (2, "26,8 60,2 66,24 44,46! 62,58 64,80 44,98 18,96"),
        (2, "16,8 46,0 80,4 72,26 46,44 66,50 76,66 60,90 30,100 0,94"),
        (2, "22,12 54,0 74,14 44,42! 66,48 70,68 44,94 10,100"),
        (1.5, "22,18 44,2 64,14 56,36 40,46 60,54 66,74 50,96 26,96 18,82"),
        (1.5, "14,16 44,2 64,8 58,30 38,46! 58,46 66,64 40,92 4,96"),
        (1, "12,8 55,0 78,18 56,42 34,50 42,42 76,55 70,92 10,94"),
        (1, "10,20 34,2 76,10 60,38 40,50 70,54 90,70 66,96 20,98 4,84"),
    ),
    4: (
        (3, "22,0 16,28 12,55! 48,56 88,50 / 74,5 68,50 60,100"),
        (3, "24,4 14,38 26,58 58,52 76,8! 70,52 62,100"),
        (2, "30,0 18,30 14,52! 45,54 70,46 / 78,0 70,50 58,100"),
        (1.5, "62,0 35,34 8,66! 50,66 94,62 / 64,0 62,50 60,100"),
        (1, "36,4 22,30 6,62! 48,60 96,56 / 66,20 62,60 58,100"),
        (1, "20,2 22,36 44,48 66,38 80,4! 68,50 56,100"),
        (1, "26,8 14,40 20,64 50,56 74,30 84,4! 72,52 66,100"),
    ),
    5: (
        (3, "28,5 22,26 20,46! 50,38 78,56 74,86 45,100 8,90 / 28,5 58,5 90,2"),
        (3, "92,3 60,5 32,6! 20,44 58,48 74,72 50,97 8,92"),
        (2, "88,2 48,5 26,25 46,45 68,66 55,94 12,94"),
        (2, "26,10 24,44! 56,42 72,62 60,92 32,100 8,90 / 24,10 56,8 96,0"),
        (1, "30,8 20,45! 52,40 74,60 66,90 36,100 10,86 / 30,6 60,8 82,6"),
        (1, "84,4 40,8! 28,42! 62,46 72,70 48,96 10,92"),
    ),
    6: (
        (4, "68,0 34,26 12,66 26,96 60,98 76,75 54,58 24,70 15,84"),
        (3, "42,0 20,42 12,80 40,100 74,86 70,60 40,58 16,80"),
        (2, "80,2 40,20 14,60 20,92 52,100 74,82 60,62 30,68 16,80"),
        (2, "60,0 30,30 10,70 34,100 70,92 84,66 60,52 34,70 26,88"),
        (1.5, "52,0 24,34 6,72 30,100 72,94 98,76 84,58 50,66 34,86"),
        (1, "52,0 30,36 20,80 40,100 64,90 60,70 38,70 22,86"),
        (1, "24,0 12,42 14,82 42,100 76,86 72,60 44,56 18,74"),
    ),
    7: (
        (5, "10,8 48,6 88,5! 62,50 40,100"),
        (2, "8,10 48,8 86,6! 60,50 38,100 / 26,52 52,50 80,46"),
        (2, "14,26 12,8! 48,7 86,4! 66,50 52,100"),
        (2, "10,20 35,5 74,6 80,30 60,62 42,100"),
        (1, "14,42 12,12! 46,8 80,4! 68,50 60,100"),
        (1, "10,24 24,6 60,10 86,4! 58,50 44,100"),
        (1, "8,12 40,4 76,8! 60,54 52,100 / 16,60 52,56 90,52"),
        (1, "22,40 18,16 40,8 78,4! 58,46 46,100"),
        (1, "10,14 44,6 84,8! 62,50 54,100 / 34,60 56,54 78,56"),
    ),
    8: (
        (3, "76,14 48,0 22,20 46,44 74,70 54,100 22,86 34,60 66,36 80,12 60,2"),
        (2, "88,4 50,2 26,22 48,46 70,72 48,99 22,84 40,58 74,34 92,8"),
        (2, "72,14 50,0 26,14 34,36 56,52 70,74 54,99 30,90 30,70 48,50 68,30 72,10"),
        (2, "78,16 50,0 22,20 40,44 58,66 56,92 42,99 34,86 46,62 64,40 80,14"),
        (2, "86,10 62,0 36,16 46,42 58,66 42,96 22,92 26,70 56,44 84,18"),
        (2, "74,6 48,4 32,20 44,44 62,72 50,98 36,88 44,62 60,40 82,10"),
        (1.5, "64,10 48,0 34,12 46,34 74,60 76,86 46,100 18,86 24,60 50,36 64,20 60,4"),
        (1.5, "94,4 62,2 34,14 40,40 62,66 56,94 34,98 22,82 46,56 76,30 98,0"),
        (1.5, "44,4 28,16 34,34 54,48 66,70 58,96 40,98 34,80 50,54 70,30 78,2"),
        (1, "55,2 26,14 32,38 66,60 68,90 36,98 22,76 46,52 72,28 58,4"),
        (1, "50,0 28,18 40,42 66,40 72,16 50,0 / 50,44 24,64 28,92 60,100 76,74 50,44"),
        (1, "50,46 28,26 40,2 66,6 70,26 50,46 28,70 36,98 66,96 72,70 48,44"),
        (1, "70,16 48,2 22,18 36,40 60,46 88,66 74,96 34,98 12,78 32,54 62,40 72,18"),
        (1, "80,22 66,2 30,4 26,26 52,48 66,78 44,100 28,84 46,56 72,40 82,18"),
    ),
    9: (
        (3, "74,18 46,2 18,24 30,50 60,42 76,12! 72,52 64,100"),
        (2, "72,16 42,2 16,26 32,48 62,38 74,10! 74,62 54,96 18,94"),
        (2, "66,42 34,48 20,22 46,2 74,18 68,58 50,100"),
        (2, "70,10 44,2 20,22 34,44 62,38 72,14 / 74,4 72,50 66,100"),
        (1.5, "72,14 40,4 12,34 24,62 56,56 74,24! 76,60 74,100"),
        (1.5, "64,20 40,4 14,30 22,60 48,58 66,24 70,4! 68,50 60,100"),
        (1, "74,10 40,6 18,30 40,46 72,30! 66,62 46,100"),
        (1, "60,8 36,4 26,24 44,34 66,14! 56,54 40,100"),
        (1, "84,8 50,0 14,20 20,46 54,44 86,10! 70,56 52,100"),
        (1, "64,16 44,2 28,16 36,40 60,40 70,18 70,60 52,98 22,86"),
    ),
}


class _Skeletons(NamedTuple):
    """Every style at once: ``basis[s] @ control[s]`` are the pen positions of style ``s``."""

    control: NDArray[np.float64]  # (styles, control points, 2), zero-padded
    basis: NDArray[np.float64]  # (styles, positions, control points)
    starts: NDArray[np.int64]  # (10,): first style of each digit
    shares: list[NDArray[np.float64]]  # per digit: cumulated probability of its styles


def _spline_weights(t: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Natural cubic spline through n points: their weights, (len(t), n), at t in 0..n-1."""
    points = np.eye(n)
    inner = 4 * np.eye(n - 2) + np.eye(n - 2, k=1) + np.eye(n - 2, k=-1)
    bend = np.zeros((n, n))  # second derivatives; zero at both ends
    bend[1:-1] = np.linalg.solve(inner, 6 * np.diff(points, n=2, axis=0))
    i = np.minimum(t.astype(np.int64), n - 2)
    u = (t - i)[:, None]
    v = 1 - u
    sag = u * v * ((1 + v) * bend[i] + (1 + u) * bend[i + 1]) / 6
    return v * points[i] + u * points[i + 1] - sag


def _parse(path: str) -> tuple[NDArray[np.float64], list[range]]:
    """Control points of a style, and the index range of each smooth piece of it."""
    points: list[tuple[float, float]] = []
    pieces: list[range] = []
    for stroke in path.split("/"):
        start = len(points)
        for token in stroke.split():
            x, y = token.rstrip("!").split(",")
            points.append((float(x), float(y)))
            if token.endswith("!"):  # the corner ends one piece and begins the next
                pieces.append(range(start, len(points)))
                start = len(points) - 1
        pieces.append(range(start, len(points)))
    return np.array(points) / 100 - 0.5, pieces


def _even_basis(points: NDArray[np.float64], pieces: list[range]) -> NDArray[np.float64]:
    """Weights (positions, points) that place pen positions evenly along a style."""
    fine = []
    for piece in pieces:
        t = np.linspace(0, len(piece) - 1, 32 * len(piece))
        weights = np.zeros((len(t), len(points)))
        weights[:, piece.start : piece.stop] = _spline_weights(t, len(piece))
        fine.append(weights)
    # Each piece starts with a step of length 0, so that a pen lift is not travelled.
    drawn = [weights @ points for weights in fine]
    steps = [np.linalg.norm(np.diff(p, axis=0, prepend=p[:1]), axis=1) for p in drawn]
    travelled = np.cumsum(np.concatenate(steps))
    wanted = np.linspace(0, travelled[-1], _POSITIONS)
    return np.concatenate(fine)[np.searchsorted(travelled, wanted)]


@functools.cache
def _skeletons() -> _Skeletons:
    """Parse the styles, once and not at import."""
    parsed = [_parse(path) for digit in range(10) for _, path in _STYLES[digit]]
    width = max(len(points) for points, _ in parsed)
    control = np.zeros((len(parsed), width, 2))
    basis = np.zeros((len(parsed), _POSITIONS, width))
    for s, (points, pieces) in enumerate(parsed):
        control[s, : len(points)] = points
        basis[s, :, : len(points)] = _even_basis(points, pieces)
    counts = [len(_STYLES[digit]) for digit in range(10)]
    starts = np.cumsum([0, *counts[:-1]])
    shares = [np.cumsum([share for share, _ in _STYLES[digit]]) for digit in range(10)]
    return _Skeletons(control, basis, starts, [share / share[-1] for share in shares])


def _pick_styles(rng: np.random.Generator, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """One style index per label, by the shares of the styles."""
    skeletons = _skeletons()
    u = rng.random(len(labels))
    styles = skeletons.starts[labels]
    for digit, share in enumerate(skeletons.shares):
        mine = labels == digit
        styles[mine] += np.searchsorted(share, u[mine], side="right")
    return styles


def _lean(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Random aspect, slant and rotation: matrices (n, 2, 2) for row vectors (x, y).

    Uniform, here and below: the tails of a normal would make digits that nobody can read.
    """
    aspect = np.exp(rng.uniform(-0.4, 0.4, n))
    slant = rng.uniform(-0.3, 0.6, n)  # most hands lean to the right
    angle = rng.uniform(-0.25, 0.25, n)
    cos, sin = np.cos(angle), np.sin(angle)
    # Row by row, the images of (1, 0) and (0, 1); size is left to the fit into the box.
    across = np.stack([aspect * cos, aspect * sin], axis=-1)
    down = np.stack([-slant * cos - sin, -slant * sin + cos], axis=-1)
    return np.stack([across, down], axis=1)


def _taper(rng: np.random.Generator, path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let the upper half be wider or taller than the lower, or the other way round."""
    widen, lift = rng.uniform(-0.5, 0.5, (2, len(path), 1))
    x, y = path[..., 0], path[..., 1]
    return np.stack([x * np.exp(widen * y), y + lift * (y * y - 0.25)], axis=-1)


def _warp(rng: np.random.Generator, path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth elastic distortion: a few long plane waves push the plane under the pen."""
    n, waves = len(path), 3
    frequency = rng.uniform(-4.5, 4.5, (n, 2, waves))
    phase = rng.uniform(0.0, 2 * np.pi, (n, 1, waves))
    push = rng.uniform(-0.09, 0.09, (n, waves, 2))
    return path + np.sin(path @ frequency + phase) @ push


def _write(rng: np.random.Generator, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Write the labels: pen paths (n, positions, 2), of any size and place."""
    skeletons = _skeletons()
    styles = _pick_styles(rng, labels)
    control = skeletons.control[styles]
    control += rng.normal(0.0, 0.03, control.shape)
    path = skeletons.basis[styles] @ control @ _lean(rng, len(labels))
    return _warp(rng, _taper(rng, path))


def _ink(rng: np.random.Generator, path: NDArray[np.float64]) -> NDArray[np.float32]:
    """Ink pen paths into boxes (20, 20, n), 0..1; the ink reaches the box's nearer two sides."""
    n = len(path)
    radius = np.clip(np.exp(rng.normal(0.2, 0.34, n)), 0.65, 2.6)
    soft = rng.uniform(0.6, 1.3, n)  # width of the grey rim in pixels: anti-aliasing and blur
    reach = radius + soft / 2
    low, high = path.min(axis=1), path.max(axis=1)
    scale = (_BOX - 2 * reach) / (high - low).max(axis=1)
    path = (path - (low + high)[:, None] / 2) * scale[:, None, None] + _BOX / 2
    # Samples come last: the loop below then runs over long contiguous rows.  A pixel's distance
    # to the path is taken to the nearest position, which are close enough not to show.
    centre = np.arange(0.5, _BOX, dtype=np.float32)[:, None]
    place = np.ascontiguousarray(path.transpose(1, 2, 0), dtype=np.float32)
    nearest = np.full((_BOX, _BOX, n), np.inf, dtype=np.float32)
    squared = np.empty_like(nearest)
    for x, y in place:
        np.add(np.square(centre - y)[:, None], np.square(centre - x), out=squared)
        np.minimum(nearest, squared, out=nearest)
    rim = (reach.astype(np.float32) - np.sqrt(nearest)) / soft.astype(np.float32)
    return np.clip(rim, 0, 1)


def _frame(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Place boxes (20, 20, n) by their centre of mass into images (n, 28, 28)."""
    grey = np.rint(255 * ink.transpose(2, 0, 1)).astype(np.uint8)
    at = np.arange(_BOX)
    mass = grey.sum(axis=(1, 2), dtype=np.int64)
    corners = []
    for axis in (2, 1):  # rows, then columns
        moment = grey.sum(axis=axis, dtype=np.int64) @ at
        mean = (2 * moment + mass) // (2 * mass)  # rounded; integers, so exact everywhere
        # Pixel 14 is the middle.  A very lopsided digit goes as far as the frame allows.
        corners.append(np.clip(_SIDE // 2 - mean, 0, _SIDE - _BOX)[:, None] + at)
    rows, columns = corners
    images = np.zeros((len(grey), _SIDE, _SIDE), dtype=np.uint8)
    images[np.arange(len(grey))[:, None, None], rows[:, :, None], columns[:, None, :]] = grey
    return images


def _draw_chunk(seed: int, chunk: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """One whole chunk of images and labels; a function of seed and chunk number alone."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(chunk,)))
    tens = np.tile(np.arange(10, dtype=np.int64), (_CHUNK // 10, 1))
    labels = rng.permuted(tens, axis=1).ravel()
    return _frame(_ink(rng, _write(rng, labels))), labels


def _natural(name: str, value: SupportsIndex) -> int:
    """``value`` as an int that is not negative."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {type(value).__name__} {value!r}") from None
    if number < 0:
        raise ValueError(f"{name} must not be negative, got {number}")
    return number


def make_digits(
    n_samples: SupportsIndex = 1000, *, seed: SupportsIndex = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw handwritten-like digits in MNIST's format.

    White ink (255) on black (0), anti-aliased, fitted into 20x20 pixels with the aspect ratio
    kept and placed in 28x28 so that the centre of mass falls on pixel (14, 14), to within half a
    pixel (rare lopsided digits stop at the edge of the frame).

    Parameters
    ----------
    n_samples : int, default 1000
        Number of images.
    seed : int, default 0
        Seed; one for training and another for testing give disjoint random streams.

    Returns
    -------
    images : ndarray of uint8, shape (n_samples, 28, 28)
    labels : ndarray of int64, shape (n_samples,)
        0 to 9.  Every ten in a row hold each digit once, in random order, so that any prefix is
        balanced to within one.

    Raises
    ------
    TypeError
        If ``n_samples`` or ``seed`` is not an integer.
    ValueError
        If ``n_samples`` or ``seed`` is negative.

    Notes
    -----
    Deterministic: the same seed gives the same bits, and the first k of n images are those of
    ``make_digits(k)``.  (Another NumPy version or processor may round a sine differently and so
    move single pixels by one grey level.)  Images are drawn in chunks of 250 with a random stream
    each; the memory used beside the result does not grow with ``n_samples``.

    The styles were drawn by hand.  Their shares and the amount of deformation were chosen by how
    a small CNN, trained on these digits alone, reads the first 10,000 MNIST *training* images.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner: "Gradient-based learning applied to document recognition",
    Proc. IEEE 86(11), 1998, section III.A (how MNIST's images were framed).

    Examples
    --------
    >>> images, labels = make_digits(30, seed=1)
    >>> images.shape, images.dtype, int(images.max())
    ((30, 28, 28), dtype('uint8'), 255)
    >>> [int(count) for count in np.bincount(labels)]
    [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]
    """
    n = _natural("n_samples", n_samples)
    key = _natural("seed", seed)
    images = np.empty((n, _SIDE, _SIDE), dtype=np.uint8)
    labels = np.empty(n, dtype=np.int64)
    for chunk, start in enumerate(range(0, n, _CHUNK)):
        stop = min(start + _CHUNK, n)
        drawn, written = _draw_chunk(key, chunk)
        images[start:stop] = drawn[: stop - start]
        labels[start:stop] = written[: stop - start]
    return images, labels
