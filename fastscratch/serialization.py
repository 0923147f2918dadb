"""save and load: nested dicts, lists, numbers, text and tensors in one safetensors file, without pickle.

A flat dict of tensors (a state_dict) becomes a plain safetensors file that any reader of the format understands. Anything
deeper keeps its structure as JSON in the file's metadata, where each tensor is a reference by name.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .files import StrPath
from .safetensors import SafetensorsError, save_file
from .safetensors import load as load_arrays
from .tensor import Tensor, wrap

__all__ = ["load", "save"]

_TREE = "fastscratch.tree"


def save(obj: Any, f: StrPath) -> None:
    """Write tensors, and what they are nested in, to a file: completely or not at all.

    Parameters
    ----------
    obj : dict, list, tuple, number, str, bool, None, Tensor or ndarray
        Nested in any way. Usually a state_dict.
    f : str or path-like
        Replaced if it is there.

    Raises
    ------
    TypeError
        If something else is among it; the message says where.
    OSError
        If the file cannot be written; the old one is then untouched.

    Notes
    -----
    Nothing is pickled: reading a file can run nothing. Tensors are stored in C order, whatever theirs is, and those that
    share memory are stored twice.

    Examples
    --------
    >>> import tempfile
    >>> import fastscratch as fs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fs.save({"weight": fs.tensor([1.0, 2.0]), "epoch": 3}, f"{folder}/model.safetensors")
    ...     fs.load(f"{folder}/model.safetensors")
    {'weight': tensor([1., 2.]), 'epoch': 3}
    """
    write(obj, f)


def load(f: StrPath, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Read what :func:`save` wrote, or the tensors of any safetensors file as a dict.

    Parameters
    ----------
    f : str or path-like
    map_location, weights_only
        Accepted for PyTorch's sake: everything is on the CPU, and nothing but data is ever read.

    Raises
    ------
    SafetensorsError
        If the file is damaged or of another kind.
    OSError
        If it cannot be read.
    """
    return read(f)[0]


def write(obj: Any, path: StrPath, metadata: Mapping[str, str] | None = None) -> None:
    """save(), with metadata of one's own."""
    arrays: dict[str, np.ndarray] = {}
    if isinstance(obj, Mapping) and all(type(k) is str and isinstance(v, Tensor) for k, v in obj.items()):
        save_file({name: value.array for name, value in obj.items()}, path, metadata)
        return
    tree = json.dumps(_encoded(obj, "", arrays), separators=(",", ":"))
    save_file(arrays, path, {**(metadata or {}), _TREE: tree})


def read(path: StrPath) -> tuple[Any, dict[str, str]]:
    """load(), and the metadata."""
    arrays, metadata = load_arrays(path)
    if _TREE not in metadata:
        return {name: wrap(array) for name, array in arrays.items()}, metadata
    tree = metadata.pop(_TREE)
    try:
        return _decoded(json.loads(tree), arrays), metadata
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise SafetensorsError(path, f"the structure that its tensors are nested in is damaged: {error!r}") from None


def _encoded(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    """A value as JSON; tensors go into arrays, under the name of their place."""
    if isinstance(value, (Tensor, np.ndarray)):
        name = place or "tensor"
        while name in arrays:  # {"a.b": x, "a": {"b": y}} has one place twice
            name += "'"
        arrays[name] = value.array if isinstance(value, Tensor) else value
        return {"tensor" if isinstance(value, Tensor) else "array": name}
    if isinstance(value, np.generic):
        return _encoded(value.item(), place, arrays)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    prefix = f"{place}." if place else ""
    if isinstance(value, Mapping):
        # pairs, because JSON would turn the numbers of an optimizer's parameters into text
        keys = [_key(key, place) for key in value]
        return {"dict": [[k, _encoded(v, f"{prefix}{k}", arrays)] for k, v in zip(keys, value.values(), strict=True)]}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_encoded(part, f"{prefix}{i}", arrays) for i, part in enumerate(value)]}
    raise TypeError(
        f"cannot save {place or 'this'}: a {type(value).__name__} is not a number, text, tensor or nest of them"
    )


def _key(key: Any, place: str) -> Any:
    if isinstance(key, np.generic):
        key = key.item()
    if not isinstance(key, (str, int, float, bool)):
        raise TypeError(f"cannot save {place or 'this'}: a key is a {type(key).__name__}, only text and numbers can be")
    return key


def _decoded(node: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The value that _encoded was given."""
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "tensor":
        return wrap(arrays[content])
    if kind == "array":
        return arrays[content]
    if kind == "dict":
        return {key: _decoded(part, arrays) for key, part in content}
    if kind in ("list", "tuple"):
        parts = [_decoded(part, arrays) for part in content]
        return tuple(parts) if kind == "tuple" else parts
    raise ValueError(f"unknown kind {kind!r}")
