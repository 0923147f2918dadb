"""Recording: kernels with a clock around them while a profile runs, and named stretches of code."""

import functools
import threading
import time
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any, NamedTuple

from .. import backend
from ..backend.parity import describe
from ..turns import Turn
from .averages import Averages, average
from .formulas import FORMULAS, Work
from .measure import Limits, current_setting, limits
from .trace import chrome_trace

_clock = time.perf_counter_ns
_lock = Turn()
_running: tuple["profile", ...] = ()


class Event(NamedTuple):
    """One call of a kernel, or one pass through a record_function; times in nanoseconds of time.perf_counter_ns()."""

    name: str
    start: int
    end: int
    thread: int
    work: Work | None = None  # None for a record_function
    setting: tuple[str, int] = ("", 0)  # instruction set and threads
    shapes: str = ""
    noted: int = 0  # when the profiler was done with writing this down


class profile:
    """Record every kernel that is called, in any thread, from start() to stop() or inside a ``with``.

    Profiles may be nested and overlap: each sees all that happens while it runs. A call that raises is not counted. Kernels
    are called as they are again when the last profile ends, however it ends.

    Parameters
    ----------
    record_shapes : bool, optional
        Keep dtypes and shapes of the arguments, for ``key_averages(group_by_input_shape=True)`` and the trace.
    limits : Limits, optional
        Hold kernels to these limits instead of the ones measured on this machine.

    Notes
    -----
    Some 10 to 20 microseconds for each call of a kernel, outside the time that is noted for it. The names are those of
    torch.profiler.

    References
    ----------
    S. Williams, A. Waterman and D. Patterson, Roofline: an insightful visual performance model for multicore
    architectures, Communications of the ACM 52(4), 2009.

    Examples
    --------
    >>> import fastscratch as fs
    >>> with fs.profiler.profile() as prof:
    ...     y = fs.ones(64, 64) @ fs.ones(64, 64)
    >>> (row,) = prof.key_averages()
    >>> row.key, row.count, row.flops, row.bytes, str(row.formula)
    ('matmul', 1, 524288, 49152, '2 y k FLOP; a + b + y bytes; k = a.shape[-1]')
    """

    def __init__(self, *, record_shapes: bool = False, limits: Limits | None = None) -> None:
        self._record_shapes = record_shapes
        self._limits = limits
        self._events: list[Event] = []
        self._start = self._stop = 0

    def start(self) -> None:
        """Begin; whatever was recorded before is forgotten. RuntimeError if it runs already."""
        global _running  # noqa: PLW0603
        with _lock.lock:
            if self in _running:
                raise RuntimeError("this profile is running already")
            self._events, self._stop = [], 0
            if not _running:
                backend.wrap_kernels(_timed)
            _running = (*_running, self)
            self._start = _clock()

    def stop(self) -> None:
        """End. RuntimeError if it does not run."""
        global _running  # noqa: PLW0603
        with _lock.lock:
            if self not in _running:
                raise RuntimeError("this profile is not running")
            self._stop = _clock()
            _running = tuple(other for other in _running if other is not self)
            if not _running:
                backend.wrap_kernels(None)

    def __enter__(self) -> "profile":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def events(self) -> list[Event]:
        """All that was recorded, in the order in which it ended."""
        return list(self._events)

    @property
    def seconds(self) -> float:
        """From start to stop, or to now while it runs."""
        return ((self._stop or _clock()) - self._start) / 1e9

    def key_averages(self, group_by_input_shape: bool = False) -> Averages:
        """A row for each kernel and record_function, in the order of their first calls.

        Raises
        ------
        RuntimeError
            For group_by_input_shape without record_shapes.
        """
        if group_by_input_shape and not self._record_shapes:
            raise RuntimeError("group_by_input_shape needs profile(record_shapes=True)")
        return average(self.events(), self._limits_of, self.seconds, group_by_input_shape)

    def _limits_of(self, setting: tuple[str, int]) -> Limits:
        return self._limits or limits(*setting)

    def __str__(self) -> str:
        return self.key_averages().table(sort_by="self_cpu_time_total")

    def export_chrome_trace(self, path: Any) -> None:
        """Write every call as JSON for https://ui.perfetto.dev or chrome://tracing, with shapes, work and formulas."""
        import json

        from ..files import atomic_write

        content = json.dumps(chrome_trace(self.events(), self._start, self._limits_of), allow_nan=False)
        with atomic_write(path, "w") as file:
            file.write(content)

    def export_json(self, path: Any) -> None:
        """Write the rows, with work, rates and formulas, and the limits they are held to, as JSON."""
        import json

        from ..files import atomic_write

        content = json.dumps(self.key_averages(self._record_shapes).as_dict(), indent=1, allow_nan=False)
        with atomic_write(path, "w") as file:
            file.write(content + "\n")

    def export_roofline(self, path: Any) -> None:
        """Draw the kernels under the roof of the machine's limits, as SVG.

        Raises
        ------
        ValueError
            If no kernel that computes was called.
        """
        from ..files import atomic_write

        picture = self.key_averages().roofline()
        with atomic_write(path, "w") as file:
            file.write(picture)


class record_function(ContextDecorator):
    """Name a stretch of code in the profiles that run: ``with record_function("forward"):``, or above a function.

    Its row holds the work of the kernels inside it. Outside a profile it does nothing.

    Examples
    --------
    >>> import fastscratch as fs
    >>> @fs.profiler.record_function("double")
    ... def double(x):
    ...     return 2 * x
    >>> with fs.profiler.profile() as prof:
    ...     _ = double(fs.ones(3))
    >>> [event.name for event in prof.events()]
    ['mul', 'double']
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._begun: list[tuple[int, tuple[profile, ...]]] = []

    def _recreate_cm(self) -> "record_function":  # for each call of a decorated function one of its own
        return record_function(self.name)

    def __enter__(self) -> "record_function":
        self._begun.append((_clock() if _running else 0, _running))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        start, profiles = self._begun.pop()
        if profiles:
            _note(Event(self.name, start, _clock(), threading.get_ident()), profiles)


def _note(event: Event, profiles: tuple[profile, ...]) -> None:
    """Write the event down for those that ran when it began and still do."""
    for running in profiles:
        if running in _running:
            running._events.append(event)


def _timed(name: str, kernel: Any) -> Any:
    """The kernel, and a note of each call."""
    formula = FORMULAS.get(name)

    @functools.wraps(kernel)
    def call(*args: Any, **kwargs: Any) -> Any:
        profiles = _running
        start = _clock()
        result = kernel(*args, **kwargs)
        end = _clock()
        work = formula.count(args, kwargs, result) if formula else None
        shapes = ", ".join(map(describe, args)) if any(p._record_shapes for p in profiles) else ""
        event = Event(name, start, end, threading.get_ident(), work, current_setting(), shapes, _clock())
        _note(event, profiles)
        return result

    return call
