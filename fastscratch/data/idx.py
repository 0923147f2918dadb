"""The IDX format of the MNIST files: a magic number, the sizes, the values, all big-endian.

The format is described at http://yann.lecun.com/exdb/mnist/. Files may be compressed with gzip;
the content tells, not the name.
"""

import gzip
import math
import os
import zlib
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..files import FileFormatError, StrPath, atomic_write, open_regular

_DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}

_Stream = BinaryIO | gzip.GzipFile

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_MAX_RATIO = 1032  # deflate cannot compress better than this
_CHUNK = 1 << 20
_MAX_SIZE = 2**31 - 1
_MAX_NDIM = 64  # NumPy's
_MAX_BYTES = 2**63 - 1


class IDXError(FileFormatError):
    """An IDX file, or an array that should become one, is not valid: names file and fault."""


class _Header(NamedTuple):
    """What a file promises."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read_idx(path: StrPath) -> np.ndarray:
    """Read an IDX file, compressed or not.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    ndarray
        uint8, int8, int16, int32, float32 or float64 in the machine's byte order, writable.

    Raises
    ------
    IDXError
        If the file is not a regular file, not IDX, cut short, damaged, or has bytes after the end.
    OSError
        If the file cannot be read.

    Notes
    -----
    Every length is checked before anything is allocated. A compressed file is unpacked in pieces
    and never beyond the size that its header promises.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_idx(f"{folder}/labels.gz", np.uint8([7, 2, 1]))
    ...     read_idx(f"{folder}/labels.gz")
    array([7, 2, 1], dtype=uint8)
    """
    with open_regular(path, IDXError) as file:
        size = os.fstat(file.fileno()).st_size
        if not file.peek(2).startswith(_GZIP_MAGIC):
            return _read_array(file, size, path)
        with gzip.GzipFile(fileobj=file) as unpacked:
            try:
                return _read_array(unpacked, size * _GZIP_MAX_RATIO, path)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise IDXError(path, f"damaged gzip data: {error}") from None


def write_idx(path: StrPath, array: np.ndarray) -> None:
    """Write an array to an IDX file, completely or not at all.

    Parameters
    ----------
    path : str or path-like
        Replaced if it is there; compressed if its name ends in ``.gz``.
    array : ndarray
        uint8, int8, int16, int32, float32 or float64, either byte order; every size below 2**31.

    Raises
    ------
    IDXError
        If the format has no such dtype or size.
    OSError
        If the file cannot be written; the old one is then untouched.
    """
    dtype = np.asarray(array).dtype.newbyteorder(">")
    if dtype not in _CODES:
        names = ", ".join(known.name for known in _CODES)
        raise IDXError(path, f"dtype {dtype.name} cannot be stored, only {names}")
    stored = np.asarray(array, dtype=dtype, order="C")
    if max(stored.shape, default=0) > _MAX_SIZE:
        raise IDXError(path, f"shape {stored.shape} cannot be stored, sizes must be below 2**31")
    header = bytes([0, 0, _CODES[dtype], stored.ndim]) + np.array(stored.shape, ">i4").tobytes()
    content = stored.reshape(-1).view(np.uint8).data
    with atomic_write(path) as file:
        if not os.fspath(path).endswith(".gz"):
            file.write(header)
            file.write(content)
            return
        # No name and no time inside: the same array makes the same file.
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
            packed.write(header)
            packed.write(content)


def _read_array(stream: _Stream, available: int, path: StrPath) -> np.ndarray:
    """Read header and values from a stream that can yield at most `available` bytes."""
    header = _read_header(stream, path)
    if header.nbytes > available:
        raise IDXError(path, f"cut short: shape {header.shape} takes {header.nbytes} bytes, more than it holds")
    content = _read_at_most(stream, header.nbytes)
    if len(content) < header.nbytes:
        raise IDXError(path, f"cut short: {len(content)} of {header.nbytes} bytes of data")
    if stream.read(1):
        raise IDXError(path, f"has more than the {header.nbytes} bytes of data it promises")
    array = np.frombuffer(content, header.dtype).reshape(header.shape)
    return array.astype(header.dtype.newbyteorder("="), copy=False)


def _read_header(stream: _Stream, path: StrPath) -> _Header:
    """Read and check the magic number and the sizes."""
    magic = _read_at_most(stream, 4)
    if len(magic) < 4:
        raise IDXError(path, f"cut short: {len(magic)} bytes, the magic number takes 4")
    if magic[:2] != b"\0\0":
        raise IDXError(path, f"not an IDX file: starts with 0x{magic.hex()}, expected 0x0000....")
    code, ndim = magic[2], magic[3]
    if code not in _DTYPES:
        raise IDXError(path, f"not an IDX file: unknown dtype 0x{code:02x}")
    if ndim > _MAX_NDIM:
        raise IDXError(path, f"{ndim} dimensions, at most {_MAX_NDIM}")
    encoded = _read_at_most(stream, 4 * ndim)
    if len(encoded) < 4 * ndim:
        raise IDXError(path, f"cut short: {len(encoded)} bytes of sizes, expected {4 * ndim}")
    shape = tuple(np.frombuffer(encoded, ">i4").tolist())
    if min(shape, default=0) < 0:
        raise IDXError(path, f"shape {shape} has a negative size")
    if math.prod(max(size, 1) for size in shape) * _DTYPES[code].itemsize > _MAX_BYTES:
        raise IDXError(path, f"shape {shape} is too large")
    return _Header(_DTYPES[code], shape)


def _read_at_most(stream: _Stream, count: int) -> bytearray:
    """Read `count` bytes, fewer at the end; memory grows with what arrives, not with `count`."""
    content = bytearray()
    while len(content) < count:
        piece = stream.read(min(_CHUNK, count - len(content)))
        if not piece:
            break
        content += piece
    return content
