"""DataLoader: a data set, batch by batch."""

import operator
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from ..random import Generator, current_generator
from ..tensor import Array
from .dataset import fetch


class DataLoader:
    """Iterate over a data set in batches, anew in every ``for``.

    Parameters
    ----------
    dataset : Dataset
        Anything with a length and an index. If it has ``gather(indices)``, as TensorDataset and Subset have, a batch is
        one call of that; else its samples are stacked by `collate_fn`.
    batch_size : int
    shuffle : bool, optional
        Draw a new order for every epoch.
    sampler : iterable of int, optional
        The order, in place of `shuffle`.
    batch_sampler : iterable of sequences of int, optional
        The batches themselves, in place of `batch_size`, `shuffle`, `sampler` and `drop_last`.
    num_workers : int
        Taken and ignored: a batch is gathered faster than another process could send it.
    collate_fn : callable, optional
        Makes a batch of a list of samples.
    pin_memory : bool
        Taken and ignored.
    drop_last : bool
        Leave out a last batch that is not full.
    generator : Generator, optional
        Where the orders come from. Default: the one that ``manual_seed`` seeds.

    Raises
    ------
    ValueError
        If `batch_size` is not positive, options exclude each other, or an empty data set is to be shuffled.

    Notes
    -----
    :meth:`state_dict` between two batches, loaded into a loader like this one, goes on with the next batch. What is kept is
    the seed of the epoch's order and the number of batches that were handed out, so a `sampler` must repeat its order.

    Examples
    --------
    >>> from fastscratch.data import TensorDataset
    >>> for (x,) in DataLoader(TensorDataset(np.arange(5)), batch_size=2):
    ...     print(x)
    tensor([0, 1])
    tensor([2, 3])
    tensor([4])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        *,
        generator: Generator | None = None,
    ) -> None:
        if sampler is not None and shuffle:
            raise ValueError("sampler and shuffle exclude each other")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ValueError("batch_sampler excludes batch_size, shuffle, sampler and drop_last")
        if operator.index(batch_size) < 1:
            raise ValueError(f"batch_size must be positive, got {batch_size}")
        if shuffle and len(dataset) == 0:
            raise ValueError("an empty data set cannot be shuffled")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = bool(shuffle)
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.generator = generator
        self._running: _Epoch | None = None
        self._resumed: tuple[int | None, int] | None = None

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        n = len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if self._resumed is not None:
            (seed, position), self._resumed = self._resumed, None
        else:
            seed, position = self._draw_seed(), 0
        self._running = _Epoch(self, seed, position)
        return self._running

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: the epoch that runs, the batches it has handed out, and its generator.

        Integers and None, but for ``generator``, a uint8 tensor if the loader has a generator of its own. The default
        generator's state is not the loader's to keep.
        """
        seed, position = self._resumed or (None, 0)
        if self._running is not None:
            seed, position = self._running.seed, self._running.position
        state = {**self._fingerprint(), "epoch_seed": seed, "position": position}
        if self.generator is not None:
            state["generator"] = self.generator.get_state()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next epoch go on where :meth:`state_dict` was called.

        Raises
        ------
        ValueError
            If the state is not one of a loader with this data set's length, batch size and way of shuffling.
        """
        try:
            for name, mine in self._fingerprint().items():
                if state_dict[name] != mine:
                    raise ValueError(f"state of a loader with {name} {state_dict[name]}, this one has {mine}")
            seed, position = state_dict["epoch_seed"], operator.index(state_dict["position"])
            if seed is not None and not 0 <= operator.index(seed) < 2**63:
                raise ValueError(f"epoch_seed must be in 0 ... 2**63 - 1, got {seed}")
            if position < 0 or (position and self.shuffle and seed is None):
                raise ValueError(f"position {position} does not go with epoch_seed {seed}")
            if self.generator is not None:
                self.generator.set_state(state_dict["generator"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a state of a DataLoader: {error!r}") from None
        self._running = None
        begun = seed is not None or position > 0
        self._resumed = (seed, position) if begun else None

    def _fingerprint(self) -> dict[str, Any]:
        """What must be the same for a position to mean the same."""
        return {
            "n_samples": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }

    def _draw_seed(self) -> int | None:
        """The seed of a new epoch's order; None if there is nothing to draw."""
        if not self.shuffle:
            return None
        generator = current_generator() if self.generator is None else self.generator
        return int(generator.numpy.integers(2**63))

    def _index_batches(self, seed: int | None) -> Iterator[Array]:
        """The indices of each batch of an epoch."""
        if self.batch_sampler is not None:
            for batch in self.batch_sampler:
                yield np.asarray(batch, dtype=np.int64)
        elif self.sampler is not None:
            indices = iter(self.sampler)
            while batch := list(islice(indices, self.batch_size)):
                if len(batch) == self.batch_size or not self.drop_last:
                    yield np.asarray(batch, dtype=np.int64)
        else:
            n = len(self.dataset)
            order = np.arange(n) if seed is None else np.random.Generator(np.random.PCG64(seed)).permutation(n)
            for start in range(0, len(self) * self.batch_size, self.batch_size):
                yield order[start : start + self.batch_size]

    def _fetch(self, indices: Array) -> Any:
        if self.collate_fn is None:
            return fetch(self.dataset, indices)
        return self.collate_fn([self.dataset[i] for i in indices.tolist()])


class _Epoch:
    """One pass over a loader's batches, which knows where it is."""

    def __init__(self, loader: DataLoader, seed: int | None, position: int) -> None:
        self.loader = loader
        self.seed = seed
        self.position = position
        self.batches = islice(loader._index_batches(seed), position, None)

    def __iter__(self) -> "_Epoch":
        return self

    def __next__(self) -> Any:
        indices = next(self.batches, None)
        if indices is None:
            if self.loader._running is self:
                self.loader._running = None
            raise StopIteration
        batch = self.loader._fetch(indices)
        self.position += 1
        return batch
