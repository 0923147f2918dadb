"""DataLoader: a data set, batch by batch."""

import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from ..random import Generator, current_generator
from ..tensor import Array, Tensor
from .dataset import fetch
from .prefetch import Prefetcher


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
        0: a batch is made when it is asked for. More: batches are made ahead, in one thread however many are asked for,
        since another process could not send a batch as fast as this one gathers it.
    collate_fn : callable, optional
        Makes a batch of a list of samples.
    pin_memory : bool
        Taken and ignored.
    drop_last : bool
        Leave out a last batch that is not full.
    generator : Generator, optional
        Where the orders come from. Default: the one that ``manual_seed`` seeds.
    prefetch_factor : int, optional
        How many batches the thread may be ahead, 2 by default; only with `num_workers`.
    transform : callable, optional
        One of :mod:`.transforms`, or any function. Applied to the images of every batch, which are the batch or the first
        entry of it, as ``transform(images, seed=..., samples=indices)``. The seed is the epoch's.

    Raises
    ------
    TypeError
        If `transform` is not callable, or there is one and a batch has no tensor to give it.
    ValueError
        If `batch_size` is not positive, options exclude each other, or an empty data set is to be shuffled.

    Notes
    -----
    Batches made ahead are the same, in the same order, as those made when asked for, unless the data set or `collate_fn`
    draws random numbers itself. What the thread raises is raised where its batch is asked for, and ends the epoch. The
    thread ends with the epoch, also where a loop is left early; a forked child goes on without it.

    The images of an epoch are a function of its seed and their index alone: neither batch size nor order nor a resume
    changes them.

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
        prefetch_factor: int | None = None,
        transform: Callable[..., Any] | None = None,
    ) -> None:
        if sampler is not None and shuffle:
            raise ValueError("sampler and shuffle exclude each other")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ValueError("batch_sampler excludes batch_size, shuffle, sampler and drop_last")
        if operator.index(batch_size) < 1:
            raise ValueError(f"batch_size must be positive, got {batch_size}")
        if shuffle and len(dataset) == 0:
            raise ValueError("an empty data set cannot be shuffled")
        if operator.index(num_workers) < 0:
            raise ValueError(f"num_workers must not be negative, got {num_workers}")
        if prefetch_factor is not None and (not num_workers or operator.index(prefetch_factor) < 1):
            raise ValueError(f"prefetch_factor must be positive and goes with num_workers, got {prefetch_factor}")
        if transform is not None and not callable(transform):
            raise TypeError(f"transform must be callable, got {type(transform).__name__}")
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
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.transform = transform
        self._running: _Place | None = None
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
        self._running = _Place(seed, position)
        return _Epoch(self, self._running)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: the epoch that runs, the batches it has handed out, and its generator.

        Integers and None, but for ``transform``, its text if there is one, and ``generator``, a uint8 tensor if the loader
        has a generator of its own. The default generator's state is not the loader's to keep.
        """
        seed, position = self._resumed or (None, 0)
        if self._running is not None:
            seed, position = self._running.seed, self._running.position
        state = {**self._fingerprint(), "epoch_seed": seed, "position": position}
        if self.transform is not None:
            state["transform"] = self._transform_name()
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
            if state_dict.get("transform") != self._transform_name():
                theirs = state_dict.get("transform")
                raise ValueError(f"state of a loader with transform {theirs}, this one has {self._transform_name()}")
            seed, position = state_dict["epoch_seed"], operator.index(state_dict["position"])
            if seed is not None and not 0 <= operator.index(seed) < 2**63:
                raise ValueError(f"epoch_seed must be in 0 ... 2**63 - 1, got {seed}")
            if position < 0 or (position and self._has_seed() and seed is None):
                raise ValueError(f"position {position} does not go with epoch_seed {seed}")
            if self.generator is not None:
                self.generator.set_state(state_dict["generator"])
        except (KeyError, TypeError, AttributeError) as error:
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

    def _transform_name(self) -> str | None:
        return None if self.transform is None else repr(self.transform)

    def _has_seed(self) -> bool:
        return self.shuffle or self.transform is not None

    def _draw_seed(self) -> int | None:
        """The seed of a new epoch's order and images; None if there is nothing to draw."""
        if not self._has_seed():
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
            order = np.random.Generator(np.random.PCG64(seed)).permutation(n) if self.shuffle else np.arange(n)
            for start in range(0, len(self) * self.batch_size, self.batch_size):
                yield order[start : start + self.batch_size]

    def _batches(self, place: "_Place") -> Iterator[Any]:
        """The batches of an epoch from a place on."""
        return map(partial(self._fetch, place.seed), islice(self._index_batches(place.seed), place.position, None))

    def _fetch(self, seed: int | None, indices: Array) -> Any:
        if self.collate_fn is None:
            batch = fetch(self.dataset, indices)
        else:
            batch = self.collate_fn([self.dataset[i] for i in indices.tolist()])
        return batch if self.transform is None else _transformed(self.transform, batch, seed, indices)


def _transformed(transform: Callable[..., Any], batch: Any, seed: int | None, indices: Array) -> Any:
    """The batch with its images, which are all of it or its first entry, transformed."""
    if isinstance(batch, (Tensor, np.ndarray)):
        return transform(batch, seed=seed, samples=indices)
    if isinstance(batch, (list, tuple)) and batch and isinstance(batch[0], (Tensor, np.ndarray)):
        return [transform(batch[0], seed=seed, samples=indices), *batch[1:]]
    raise TypeError(f"transform: expected batches of images, or lists that begin with them, got {type(batch).__name__}")


@dataclass
class _Place:
    """How far an epoch is: what is saved and resumed."""

    seed: int | None
    position: int  # batches handed out


class _Epoch:
    """One pass over a loader's batches, which knows where it is. The loader does not know it, only its place: so it goes
    when the loop does, and its thread with it.
    """

    def __init__(self, loader: DataLoader, place: _Place) -> None:
        self.loader = loader
        self.place = place
        self.batches = loader._batches(place)
        if loader.prefetch_factor:
            self.batches = Prefetcher(self.batches, loader.prefetch_factor)

    def __iter__(self) -> "_Epoch":
        return self

    def __next__(self) -> Any:
        if isinstance(self.batches, Prefetcher) and self.batches.lost:  # a forked child makes its batches itself
            self.batches = self.loader._batches(self.place)
        try:
            batch = next(self.batches)
        except StopIteration:
            if self.loader._running is self.place:
                self.loader._running = None
            raise
        self.place.position += 1
        return batch
