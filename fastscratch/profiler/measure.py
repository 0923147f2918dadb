"""The machine's limits, measured: how fast it multiplies and adds, and how fast it moves what it works on."""

import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..files import atomic_write
from ..machine import processor
from ..turns import Turn

_SIZES = tuple(24_000 * 4**i for i in range(7))  # bytes in use: from the first cache of one core to memory
_TRIALS, _SAMPLE = 8, 0.0005  # the best of so many samples, which last so many seconds at least
_measured: dict[tuple[str, int], "Limits"] = {}
_lock = Turn()


class Limits(NamedTuple):
    """What this machine reaches with one instruction set and number of threads."""

    isa: str  # "avx512", ..., or "numpy" for what NumPy reaches
    threads: int
    peak: dict[str, float]  # FLOP/s by dtype: multiply-adds in registers, each counted as two
    bandwidth: tuple[
        tuple[int, float], ...
    ]  # bytes in use and bytes/s, never rising: the faster of triad and dot product

    def bytes_per_second(self, size: int) -> float:
        """The bandwidth for so many bytes in use, between those that were measured on a line in logarithms."""
        if size <= self.bandwidth[0][0]:
            return self.bandwidth[0][1]
        for (small, fast), (large, slow) in pairwise(self.bandwidth):
            if size <= large:
                return fast * (slow / fast) ** (math.log(size / small) / math.log(large / small))
        return self.bandwidth[-1][1]

    def arithmetic_seconds(self, flops: int, dtype: str) -> float:
        """The least time for so many operations."""
        return flops / self.peak.get(dtype, self.peak["float32"])

    def memory_seconds(self, size: int, in_use: int) -> float:
        """The least time to move so many bytes in memory of so many."""
        return size / self.bytes_per_second(in_use)

    def __str__(self) -> str:
        rates = ", ".join(f"{rate / 1e9:,.0f} ({readable(size)})" for size, rate in self.bandwidth)
        peaks = ", ".join(f"{rate / 1e9:,.0f} {dtype}" for dtype, rate in self.peak.items())
        return f"{self.setting}: GFLOP/s {peaks}; GB/s by bytes in use {rates}"

    @property
    def setting(self) -> str:
        """Instruction set and threads in words."""
        return self.isa if self.isa == "numpy" else f"{self.isa}, {self.threads} thread{'s' * (self.threads > 1)}"


def limits(isa: str | None = None, threads: int | None = None) -> Limits:
    """The limits of this machine; of the setting in force unless told otherwise.

    Measured when first asked for, in less than half a second, and kept for the life of the process, unless
    :func:`measure_limits` has saved them for this processor and setting. Measuring moves the backend's settings for that
    long, so no other thread should compute then.

    Parameters
    ----------
    isa : str, optional
        An instruction set, or "numpy" for the twins, which are held to what NumPy reaches.
    threads : int, optional

    Examples
    --------
    >>> import fastscratch as fs
    >>> limits = fs.profiler.limits()
    >>> sorted(limits.peak)
    ['float32', 'float64']
    """
    key = current_setting() if isa is None else (isa, 1 if isa == "numpy" else threads or backend.get_num_threads())
    if isa is None and threads is not None and key[0] != "numpy":
        key = key[0], threads
    with _lock.lock:
        if key not in _measured:
            _measured[key] = _saved(*key) or _measure(*key)
        return _measured[key]


def measure_limits(save: bool = False) -> Limits:
    """Measure the limits of the setting in force again; best on a machine that does nothing else.

    With save, they are kept in the user's cache folder (``fastscratch/roofline.json``) for this processor, instruction set
    and number of threads, and later processes do not measure.
    """
    key = current_setting()
    with _lock.lock:
        _measured[key] = found = _measure(*key)
    if save:
        _save(found)
    return found


def current_setting() -> tuple[str, int]:
    """The instruction set and the threads that a kernel called now uses."""
    isa = backend.get_isa()
    return ("numpy", 1) if isa is None or backend.name() == "numpy" else (isa, backend.get_num_threads())


# ---- measuring ----


def _measure(isa: str, threads: int) -> Limits:
    with nullcontext() if isa == "numpy" else _kernels_with(isa, threads):
        arithmetic, stream = _by_numpy() if isa == "numpy" else _by_kernels(threads)
        room = _aligned(max(_SIZES) // 4)  # one for all sizes: fresh memory is slow, and not what is measured
        peak = {dtype: _best(arithmetic(dtype)) for dtype in ("float32", "float64")}
        rates = [max(_best(stream(room[: size // 4], write)) for write in (True, False)) for size in _SIZES]
    for i in range(len(rates) - 2, -1, -1):  # more in use is never faster; where it seems so, a sample was disturbed
        rates[i] = max(rates[i], rates[i + 1])
    return Limits(isa, threads, peak, tuple(zip(_SIZES, rates, strict=True)))


@contextmanager
def _kernels_with(isa: str, threads: int) -> Iterator[None]:
    """The C kernels on this instruction set and so many threads; Python's side of the backend does not notice."""
    c: Any = backend._c
    if c is None:
        raise ImportError("the C extension of fastscratch is not there: only the limits of isa='numpy' can be measured")
    before = c.get_isa(), c.get_num_threads()
    try:
        c.set_isa(isa)
        if threads != before[1]:
            c.set_num_threads(threads)
        yield
    finally:
        c.set_isa(before[0])
        if threads != before[1]:
            c.set_num_threads(before[1])


def _aligned(elements: int) -> Any:
    """Ones that begin with a cache line; their count is no power of two, lest the thirds lie on each other in the cache."""
    room = np.ones(elements + 16, np.float32)
    return room[-room.ctypes.data % 64 // 4 :]


def _best(work: Callable[[int], float]) -> float:
    """The highest rate of several samples: work(rounds) says how much it did.

    How many rounds fill a sample is judged by the fastest as well: one alone may have had to wait for the processor.
    """
    rounds = 1
    while True:
        seconds, amount = min(_sample(work, rounds) for _ in range(_TRIALS))
        if seconds >= _SAMPLE:
            return amount / seconds
        rounds = max(rounds + 1, int(rounds * min(100, 1.5 * _SAMPLE / max(seconds, 1e-9))))


def _sample(work: Callable[[int], float], rounds: int) -> tuple[float, float]:
    """Seconds and amount."""
    start = time.perf_counter()
    amount = work(rounds)
    return time.perf_counter() - start, amount


def _by_kernels(threads: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Multiply-adds and streams in C (csrc/roofline.c), a chunk for each thread."""
    c: Any = backend._c

    def arithmetic(dtype: str) -> Callable[[int], float]:
        return lambda rounds: c.run_fma(dtype, threads, rounds)

    def stream(room: Any, write: bool) -> Callable[[int], float]:
        return lambda rounds: c.run_stream(room, threads, rounds, write)

    return arithmetic, stream


def _by_numpy() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """What NumPy's BLAS and copies reach."""

    def arithmetic(dtype: str) -> Callable[[int], float]:
        a = np.ones((256, 256), dtype)
        out = np.empty_like(a)

        def work(rounds: int) -> float:
            for _ in range(rounds):
                np.dot(a, a, out=out)
            return 2.0 * rounds * a.size * a.shape[0]

        return work

    def stream(room: Any, write: bool) -> Callable[[int], float]:
        half = len(room) // 2
        x, y = room[:half], room[half : 2 * half]

        def work(rounds: int) -> float:
            for _ in range(rounds):
                np.copyto(y, x) if write else np.dot(x, y)
            return float(rounds * (x.nbytes + y.nbytes))

        return work

    return arithmetic, stream


# ---- keeping ----


def _path() -> Path:
    from ..data.registry import cache_folder

    return cache_folder().parent / "roofline.json"


def _key(isa: str, threads: int) -> str:
    return f"{processor()} | {isa} | {threads}"


def _read() -> dict[str, Any]:
    """What was saved; nothing where there is no file, and a warning where it does not hold what it should."""
    try:
        path = _path()
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("not an object")
        return content
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        warnings.warn(
            f"the saved limits of this machine cannot be read ({error}); measuring", RuntimeWarning, stacklevel=4
        )
        return {}


def _saved(isa: str, threads: int) -> Limits | None:
    entry: Any = _read().get(_key(isa, threads))
    with suppress(TypeError, ValueError, KeyError):
        peak = {dtype: float(entry["peak"][dtype]) for dtype in ("float32", "float64")}
        bandwidth = tuple((int(size), float(rate)) for size, rate in entry["bandwidth"])
        if bandwidth and min(*peak.values(), *(n for pair in bandwidth for n in pair)) > 0:
            return Limits(isa, threads, peak, bandwidth)
    return None


def _save(found: Limits) -> None:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = _read() | {_key(found.isa, found.threads): {"peak": found.peak, "bandwidth": found.bandwidth}}
    with atomic_write(path, "w") as file:
        file.write(json.dumps(entries, indent=1) + "\n")


def readable(size: float) -> str:
    """Bytes in words: "96 KB"."""
    return f"{size / 1e6:.3g} MB" if size >= 1e6 else f"{size / 1e3:.3g} KB"
