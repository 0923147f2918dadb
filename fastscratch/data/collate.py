"""Stacking samples into a batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..quiet import quiet
from ..tensor import Tensor, wrap


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack samples into a batch along a new first axis.

    Parameters
    ----------
    batch : sequence
        Tensors, arrays and numbers become one tensor; mappings, tuples and lists are stacked entry by entry; text stays a
        list.

    Raises
    ------
    RuntimeError
        If the samples have different shapes or lengths.
    TypeError
        If they are of another type.

    Examples
    --------
    >>> default_collate([(1.0, 0), (2.0, 1)])
    [tensor([1., 2.], dtype=float64), tensor([0, 1])]
    """
    first = batch[0]
    if isinstance(first, (Tensor, np.ndarray, np.generic)):
        return wrap(_stacked(batch))
    if isinstance(first, (bool, int, float)):
        return wrap(np.array(batch))
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError(f"samples of a batch have different lengths: {sorted({len(s) for s in batch})}")
        columns = [default_collate(column) for column in zip(*batch, strict=True)]
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    raise TypeError(f"default_collate: cannot make a batch of {type(first).__name__}; give a collate_fn")


def _stacked(batch: Sequence[Any]) -> np.ndarray:
    arrays = [sample.array if isinstance(sample, Tensor) else np.asarray(sample) for sample in batch]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise RuntimeError(f"samples of a batch have different shapes: {sorted(shapes)}")
    return quiet.call(np.stack, arrays)
