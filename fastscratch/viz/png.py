"""PNG files of arrays, and grids of small images."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_write

Array = np.ndarray[Any, Any]


def write_png(path: str | Path, image: Array) -> None:
    """Write a uint8 image, (H, W) gray or (H, W, 3) RGB.

    Raises
    ------
    ValueError
        For another shape or dtype.

    References
    ----------
    Portable Network Graphics (PNG) Specification, ISO/IEC 15948:2004.
    """
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ValueError(f"a PNG needs uint8 of shape (H, W) or (H, W, 3), got {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    colour = 0 if image.ndim == 2 else 2
    # Each row is preceded by its filter, 0 for none.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)
    with atomic_write(path) as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)))
        file.write(_chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)))
        file.write(_chunk(b"IEND", b""))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def image_grid(images: Array, columns: int, *, scale: int = 3, gap: int = 1) -> Array:
    """Images (N, H, W) in [0, 1] as one uint8 picture, row by row, each pixel scale x scale, on gray."""
    count, height, width = images.shape
    rows = -(-count // columns)
    grid = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap), 96, np.uint8)
    for i in range(count):
        y, x = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        grid[y : y + height, x : x + width] = np.rint(np.clip(images[i], 0, 1) * 255)
    return np.kron(grid, np.ones((scale, scale), np.uint8))
