"""Events as a Chrome trace: one bar for each call, one lane for each thread."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .averages import LimitsOf
from .formulas import FORMULAS

if TYPE_CHECKING:
    from .recording import Event


def chrome_trace(events: Iterable["Event"], origin: int, limits_of: LimitsOf) -> dict[str, Any]:
    """The trace as an object for JSON; times in microseconds since the origin (nanoseconds).

    References
    ----------
    Trace Event Format, Google, https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
    """
    events = sorted(events, key=lambda event: (event.start, -event.end))
    lanes = {thread: lane for lane, thread in enumerate(dict.fromkeys(event.thread for event in events))}
    bars = [_bar(event, origin, lanes[event.thread], limits_of) for event in events]
    names = [_name("process_name", 0, "fastscratch")]
    names += [_name("thread_name", lane, f"thread {lane}") for lane in lanes.values()]
    return {"traceEvents": names + bars, "displayTimeUnit": "ms"}


def _name(kind: str, lane: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": os.getpid(), "tid": lane, "args": {"name": name}}


def _bar(event: "Event", origin: int, lane: int, limits_of: LimitsOf) -> dict[str, Any]:
    return {
        "ph": "X",
        "name": event.name,
        "cat": "kernel" if event.work else "user_annotation",
        "ts": (event.start - origin) / 1e3,
        "dur": (event.end - event.start) / 1e3,
        "pid": os.getpid(),
        "tid": lane,
        "args": _details(event, limits_of),
    }


def _details(event: "Event", limits_of: LimitsOf) -> dict[str, Any]:
    """What is shown when a bar is clicked on."""
    if not event.work:
        return {}
    flops, size, dtype, in_use = event.work
    limits, seconds = limits_of(event.setting), max(event.end - event.start, 1) / 1e9
    least = max(limits.arithmetic_seconds(flops, dtype), limits.memory_seconds(size, in_use))
    details = {
        "FLOP": flops,
        "bytes": size,
        "dtype": dtype,
        "formula": str(FORMULAS[event.name]),
        "GFLOP/s": flops / seconds / 1e9,
        "GB/s": size / seconds / 1e9,
        "% of limit": 100 * least / seconds,
        "instruction set": event.setting[0],
        "threads": event.setting[1],
    }
    return details | ({"shapes": event.shapes} if event.shapes else {})
