"""The safetensors format: eight bytes of header length, a JSON header, the arrays.

A file holds nothing but numbers and text, so reading one can run nothing. The names follow
``safetensors.numpy``, and files are exchanged with that package freely. The format is described
at https://huggingface.co/docs/safetensors.
"""

import json
import math
import os
from collections.abc import Mapping
from io import BufferedReader
from typing import Any, NamedTuple, NoReturn

import numpy as np

from .files import FileFormatError, StrPath, atomic_write, open_regular

_DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "F16": np.dtype("<f2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}

_MAX_HEADER = 100_000_000  # the limit of the format
_MAX_NDIM = 64  # NumPy's
_MAX_BYTES = 2**63 - 1
_METADATA = "__metadata__"


class SafetensorsError(FileFormatError):
    """A safetensors file, or what should become one, is not valid: names the file and the fault."""


class _Entry(NamedTuple):
    """One array of the header, checked."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


def save_file(tensors: Mapping[str, np.ndarray], path: StrPath, metadata: Mapping[str, str] | None = None) -> None:
    """Write arrays to a safetensors file, completely or not at all.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        Any shape and layout; bool, integers, float16, float32 or float64, either byte order.
    path : str or path-like
        Replaced if it is there.
    metadata : mapping of str to str, optional
        Text to keep with the arrays.

    Raises
    ------
    TypeError
        If a name or metadata is not `str`, or a value not an ndarray.
    SafetensorsError
        If a dtype or name cannot be stored, or the header would pass 100 MB.
    OSError
        If the file cannot be written; the old one is then untouched.

    Notes
    -----
    Wider dtypes come first in the file, so every array is aligned to its item size. The header
    keeps the order of `tensors`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file({"w": np.eye(2)}, f"{folder}/w.safetensors", {"epoch": "3"})
    ...     load(f"{folder}/w.safetensors")
    ({'w': array([[1., 0.],
           [0., 1.]])}, {'epoch': '3'})
    """
    stored = {name: _little_endian(name, array, path) for name, array in tensors.items()}
    layout = sorted(stored, key=lambda name: (-stored[name].dtype.itemsize, name))
    header = _encode_header(stored, layout, metadata, path)
    with atomic_write(path) as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for name in layout:
            file.write(_bytes_of(stored[name]))


def load_file(path: StrPath) -> dict[str, np.ndarray]:
    """Read the arrays of a safetensors file, in the order of its header.

    Raises
    ------
    SafetensorsError
        If the file is not a valid safetensors file or holds a dtype that NumPy lacks (bfloat16,
        float8); nothing larger than the file is allocated.
    OSError
        If the file cannot be read.
    """
    return load(path)[0]


def load_metadata(path: StrPath) -> dict[str, str]:
    """Read only the metadata of a safetensors file; empty if it has none.

    Raises
    ------
    SafetensorsError, OSError
        As :func:`load_file`.
    """
    with open_regular(path, SafetensorsError) as file:
        return _read_header(file, path)[1]


def load(path: StrPath) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read the arrays and the metadata of a safetensors file.

    Raises
    ------
    SafetensorsError, OSError
        As :func:`load_file`.
    """
    with open_regular(path, SafetensorsError) as file:
        entries, metadata = _read_header(file, path)
        arrays = {
            entry.name: _read_array(file, entry, path)
            for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end))
        }
    return {entry.name: arrays[entry.name] for entry in entries}, metadata


# Writing


def _little_endian(name: str, array: np.ndarray, path: StrPath) -> np.ndarray:
    """The array as the file holds it: C order, little-endian."""
    if not isinstance(name, str):
        raise TypeError(f"names of tensors must be str, got {type(name).__name__}: {name!r}")
    if name == _METADATA:
        raise SafetensorsError(path, f"{_METADATA!r} is not a name for a tensor")
    if not isinstance(array, (np.ndarray, np.generic)):
        raise TypeError(f"tensor {name!r} must be a numpy.ndarray, got {type(array).__name__}")
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _CODES:
        raise SafetensorsError(path, f"tensor {name!r}: dtype {array.dtype} cannot be stored, only {_supported()}")
    return np.asarray(array, dtype=dtype, order="C")


def _encode_header(
    stored: Mapping[str, np.ndarray],
    layout: list[str],
    metadata: Mapping[str, str] | None,
    path: StrPath,
) -> bytes:
    """The JSON header, padded with spaces so that the data starts at a multiple of eight."""
    ends, end = {}, 0
    for name in layout:
        end += stored[name].nbytes
        ends[name] = end
    header: dict[str, Any] = {} if not metadata else {_METADATA: _checked_metadata(metadata)}
    for name, array in stored.items():
        header[name] = {
            "dtype": _CODES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [ends[name] - array.nbytes, ends[name]],
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SafetensorsError(path, f"a name or metadata is not valid Unicode: {error}") from None
    encoded += b" " * (-len(encoded) % 8)
    if len(encoded) > _MAX_HEADER:
        raise SafetensorsError(path, f"header of {len(encoded)} bytes, at most {_MAX_HEADER}")
    return encoded


def _checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata, if it is text throughout."""
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata must map str to str, got {key!r}: {value!r}")
    return dict(metadata)


def _bytes_of(array: np.ndarray) -> memoryview:
    """The memory of a C-contiguous array."""
    return array.reshape(-1).view(np.uint8).data


def _supported() -> str:
    return ", ".join(_DTYPES)


# Reading


def _read_header(file: BufferedReader, path: StrPath) -> tuple[list[_Entry], dict[str, str]]:
    """Read and check everything before the data, and the data's size."""
    size = os.fstat(file.fileno()).st_size
    if size < 8:
        raise SafetensorsError(path, f"cut short: {size} bytes, a header length takes 8")
    length = int.from_bytes(file.read(8), "little")
    if length > _MAX_HEADER:
        raise SafetensorsError(path, f"header of {length} bytes, at most {_MAX_HEADER}")
    if length > size - 8:
        raise SafetensorsError(path, f"cut short: header of {length} bytes, {size - 8} in the file")
    header = _parse_header(file.read(length), path)
    metadata = _parse_metadata(header.pop(_METADATA, {}), path)
    entries = [_parse_entry(name, fields, path) for name, fields in header.items()]
    _check_layout(entries, size - 8 - length, path)
    return entries, metadata


def _parse_header(encoded: bytes, path: StrPath) -> dict[str, Any]:
    """Decode the JSON object, refusing what Python's reader would let pass."""

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        unique = {}
        for key, value in pairs:
            if key in unique:
                raise SafetensorsError(path, f"header has {_shown(key)} twice")
            unique[key] = value
        return unique

    def no_constants(text: str) -> NoReturn:
        raise SafetensorsError(path, f"header is not JSON: {text}")

    if not encoded.startswith(b"{"):
        raise SafetensorsError(path, "header does not start with '{'")
    try:
        header: dict[str, Any] = json.loads(
            encoded.decode("utf-8"), object_pairs_hook=no_duplicates, parse_constant=no_constants
        )
    except SafetensorsError:
        raise
    except RecursionError:
        raise SafetensorsError(path, "header is nested too deeply") from None
    except ValueError as error:  # not UTF-8, not JSON, or an integer of thousands of digits
        raise SafetensorsError(path, f"header is not JSON: {error}") from None
    return header


def _parse_metadata(fields: Any, path: StrPath) -> dict[str, str]:
    if not isinstance(fields, dict) or not all(isinstance(v, str) for v in fields.values()):
        raise SafetensorsError(path, f"{_METADATA} must map text to text")
    return fields


def _parse_entry(name: str, fields: Any, path: StrPath) -> _Entry:
    """Check one array's dtype, shape and span against one another."""
    if not isinstance(fields, dict) or set(fields) != {"dtype", "shape", "data_offsets"}:
        raise SafetensorsError(path, f"tensor {name!r} must have dtype, shape and data_offsets")
    code, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(code, str) or code not in _DTYPES:
        raise SafetensorsError(path, f"tensor {name!r}: dtype {code!r} is not supported, only {_supported()}")
    if not _are_sizes(shape) or len(shape) > _MAX_NDIM:
        raise SafetensorsError(path, f"tensor {name!r}: shape {_shown(shape)} is not valid")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise SafetensorsError(path, f"tensor {name!r}: offsets {_shown(offsets)} are not valid")
    dtype, span = _DTYPES[code], offsets[1] - offsets[0]
    if math.prod(max(size, 1) for size in shape) * dtype.itemsize > _MAX_BYTES:
        raise SafetensorsError(path, f"tensor {name!r}: shape {_shown(shape)} is too large")
    if math.prod(shape) * dtype.itemsize != span:
        raise SafetensorsError(path, f"tensor {name!r}: {code} of shape {_shown(shape)} does not fill {span} bytes")
    return _Entry(name, dtype, tuple(shape), *offsets)


def _check_layout(entries: list[_Entry], data_bytes: int, path: StrPath) -> None:
    """The arrays must cover the data exactly: no gap, no overlap, nothing left over."""
    position = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != position:
            fault = "leaves a gap before it" if entry.begin > position else "overlaps another"
            raise SafetensorsError(path, f"tensor {entry.name!r} at {entry.begin} {fault}")
        position = entry.end
    if position != data_bytes:
        fault = "cut short" if position > data_bytes else "bytes after the end"
        raise SafetensorsError(path, f"{fault}: {position} bytes of data expected, {data_bytes} there")


def _read_array(file: BufferedReader, entry: _Entry, path: StrPath) -> np.ndarray:
    """Read the next array; the file's size has vouched for its."""
    raw = np.empty(entry.end - entry.begin, np.uint8)
    if raw.size and file.readinto(raw.data) != raw.size:
        raise SafetensorsError(path, f"cut short while tensor {entry.name!r} was read")
    if entry.dtype == np.bool_ and raw.size and raw.max() > 1:
        raise SafetensorsError(path, f"tensor {entry.name!r}: a bool is neither 0 nor 1")
    array = raw.view(entry.dtype).reshape(entry.shape)
    return array.astype(entry.dtype.newbyteorder("="), copy=False)


def _are_sizes(value: Any) -> bool:
    """Whether the value is a list of non-negative integers (True is none)."""
    return isinstance(value, list) and all(type(v) is int and 0 <= v <= _MAX_BYTES for v in value)


def _shown(value: Any) -> str:
    """A value from the file, short enough for a message."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
