"""Small drawn images: lines and crosses at random places, under noise."""

from collections.abc import Callable

import numpy as np


def _row(n: int) -> np.ndarray:
    return (np.arange(n) == n // 2).astype(np.float32)[:, None].repeat(n, 1)


PATTERNS: dict[str, Callable[[int], np.ndarray]] = {  # of odd width n, drawn in n x n pixels
    "horizontal": _row,
    "vertical": lambda n: _row(n).T,
    "diagonal": lambda n: np.eye(n, dtype=np.float32),
    "plus": lambda n: np.maximum(_row(n), _row(n).T),
    "cross": lambda n: np.maximum(np.eye(n, dtype=np.float32), np.eye(n, dtype=np.float32)[::-1]),
}


def put(image: np.ndarray, pattern: np.ndarray, rng: np.random.Generator) -> None:
    """Draw a pattern into an image at a place of its own."""
    top, left = rng.integers(0, len(image) - len(pattern) + 1, 2)
    part = image[top : top + len(pattern), left : left + len(pattern)]
    np.maximum(part, pattern, out=part)


def one_pattern(n: int, size: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n images (size, size) with one of the five patterns each, 5 or 7 pixels wide, and which it is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(PATTERNS), n)
    images = np.zeros((n, size, size), np.float32)
    draw = list(PATTERNS.values())
    for image, label in zip(images, labels, strict=True):
        put(image, draw[label](int(rng.choice((5, 7)))), rng)
    return noisy(images, noise, rng), labels


def two_motifs(n: int, size: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n images with a horizontal line (label 1), a vertical one (2), both (3) or neither (0); lines are 5 pixels long.

    Everywhere else stand as many single pixels as make the sum of all images alike: the light tells nothing.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    images = np.zeros((n, size, size), np.float32)
    for image, label in zip(images, labels, strict=True):
        for bit, name in ((1, "horizontal"), (2, "vertical")):
            if label & bit:
                put(image, PATTERNS[name](5), rng)
        dark = np.flatnonzero(image == 0)
        image.flat[rng.choice(dark, 12 - int(image.sum()), replace=False)] = 1
    return noisy(images, noise, rng), labels


def noisy(images: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """With normal noise of this standard deviation on every pixel."""
    return images + noise * rng.standard_normal(images.shape, np.float32)
