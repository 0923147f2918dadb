"""Data sets: what has a length and can be indexed."""

import operator
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from .. import backend
from ..quiet import quiet
from ..tensor import Array, Tensor, wrap
from .collate import default_collate

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Something with a length whose samples are reached by an index, to be inherited from.

    A subclass may also have ``gather(indices)``, which returns a whole batch for an array of indices: the loader then
    calls that instead of stacking single samples.
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors of one length, side by side: sample i is the tuple of their rows i.

    Parameters
    ----------
    *tensors : Tensor or ndarray
        Shared, not copied.

    Raises
    ------
    ValueError
        If there are none, one has no axis, or their lengths differ.

    Notes
    -----
    A batch is one gather per tensor, never a loop over samples.

    Examples
    --------
    >>> data = TensorDataset(np.arange(6).reshape(3, 2), np.arange(3))
    >>> data.gather(np.array([2, 0]))
    [tensor([[4, 5],
            [0, 1]]), tensor([2, 0])]
    """

    def __init__(self, *tensors: Any) -> None:
        if not tensors:
            raise ValueError("TensorDataset needs at least one tensor")
        self.tensors = tuple(t if isinstance(t, Tensor) else Tensor(t) for t in tensors)
        lengths = [t.shape[0] if t.ndim else None for t in self.tensors]
        if None in lengths or len(set(lengths)) > 1:
            raise ValueError(f"tensors must have one length, got shapes {[t.shape for t in self.tensors]}")

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def gather(self, indices: Array) -> list[Tensor]:
        """The batch with these samples: copies, without history."""
        return [wrap(rows(tensor.array, indices)) for tensor in self.tensors]


class Subset(Dataset[T_co]):
    """Some samples of a data set.

    Parameters
    ----------
    dataset : Dataset
    indices : sequence of int
        Which, and in which order.
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        self._indices = np.asarray(indices, dtype=np.int64)

    def __getitem__(self, index: Any) -> T_co:
        chosen = self._indices[index]
        sample: T_co = self.dataset[chosen if isinstance(chosen, np.ndarray) else int(chosen)]
        return sample

    def __len__(self) -> int:
        return len(self._indices)

    def gather(self, indices: Array) -> Any:
        """The batch with these samples, by one gather if the data set can."""
        return fetch(self.dataset, self._indices[indices])


def fetch(dataset: Any, indices: Array) -> Any:
    """A batch of a data set: gathered if it can, else stacked sample by sample."""
    if hasattr(dataset, "gather"):
        return dataset.gather(indices)
    return default_collate([dataset[i] for i in indices.tolist()])


def rows(array: Array, indices: Array) -> Array:
    """The rows, copied: by the embedding's kernel, or take(), which would copy all of an array that is not contiguous."""
    if not array.flags.c_contiguous:
        return quiet.call(operator.getitem, array, indices)
    kernel = array.ndim > 1 and array.size and array.dtype in (np.float32, np.float64)
    if not kernel or indices.min(initial=0) < 0:  # the kernel does not count from the end
        return quiet.call(array.take, indices, axis=0)
    return backend.embedding_forward(array.reshape(len(array), -1), indices).reshape(len(indices), *array.shape[1:])
