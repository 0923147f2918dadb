"""Random numbers: seeded generators whose state can be saved, and the default one that manual_seed sets."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .tensor import Tensor
from .turns import Turn

_MASK = (1 << 64) - 1


class Generator:
    """A source of random numbers.

    It holds two streams: ``numpy``, a numpy.random.Generator for permutations and initial values, and the keys that
    :meth:`next_key` hands to counter-based kernels (dropout), which give the same bits whatever the number of threads.
    """

    def __init__(self, device: str = "cpu") -> None:
        if device != "cpu":
            raise RuntimeError(f"only the cpu has a generator here, got {device!r}")
        self._turn = Turn()
        self.seed()

    def manual_seed(self, seed: int) -> "Generator":
        """Start both streams anew from an integer."""
        if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
            raise TypeError(f"a seed must be an int, got {type(seed).__name__}")
        with self._turn.lock:
            self._seed = int(seed) & _MASK
            self._keys = 0
            self._numpy: np.random.Generator | None = None
        return self

    @property
    def numpy(self) -> "np.random.Generator":
        """The stream for permutations and initial values; made when first asked for, which keeps the import light."""
        with self._turn.lock:
            if self._numpy is None:
                self._numpy = np.random.Generator(np.random.PCG64(self._seed))
            return self._numpy

    def seed(self) -> int:
        """Start anew from a seed of the operating system, which is returned."""
        drawn = int.from_bytes(os.urandom(8)) >> 1
        self.manual_seed(drawn)
        return drawn

    def initial_seed(self) -> int:
        """The seed that the streams were started from."""
        return self._seed

    def next_key(self) -> tuple[int, int]:
        """(seed, number of this key): the two words that select an independent stream of a counter-based generator."""
        with self._turn.lock:  # no key is given to two threads
            key = (self._seed, self._keys)
            self._keys += 1
        return key

    def get_state(self) -> Tensor:
        """All there is to know, as a uint8 tensor that set_state takes."""
        with self._turn.lock:
            state = {"seed": self._seed, "keys": self._keys, "numpy": self.numpy.bit_generator.state}
        return Tensor(np.frombuffer(json.dumps(state).encode(), np.uint8).copy())

    def set_state(self, state: Tensor) -> "Generator":
        """Go on exactly where get_state was called; ValueError for anything it did not make."""
        try:
            known: dict[str, Any] = json.loads(bytes(state.array))
            generator = np.random.Generator(np.random.PCG64(0))
            generator.bit_generator.state = known["numpy"]
            seed, keys = int(known["seed"]), int(known["keys"])
        except (AttributeError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not a state of a Generator: {error}") from None
        with self._turn.lock:
            self._seed, self._keys, self._numpy = seed, keys, generator
        return self


default_generator = Generator()
_forked = threading.local()  # .generator: what stands in for the default one in this thread


def current_generator() -> Generator:
    """The generator that is drawn from where none is given: the default one, or in this thread's fork_rng its own."""
    return getattr(_forked, "generator", default_generator)


def manual_seed(seed: int) -> Generator:
    """Seed the default generator."""
    return current_generator().manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the operating system."""
    return current_generator().seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return current_generator().initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator."""
    return current_generator().get_state()


def set_rng_state(state: Tensor) -> None:
    """Set the state of the default generator."""
    current_generator().set_state(state)


@contextmanager
def fork_rng() -> Iterator[None]:
    """Inside, this thread draws from a copy of the default generator, which nothing else draws from or seeds.

    Whatever is drawn there, the default generator goes on afterwards as if it had not been.

    Examples
    --------
    >>> with fork_rng():
    ...     _ = manual_seed(0)
    """
    outer = current_generator()
    _forked.generator = Generator().set_state(outer.get_state())
    try:
        yield
    finally:
        _forked.generator = outer
