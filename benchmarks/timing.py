"""Timing two things against each other: in turns, so that a machine that changes its pace changes it for both."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch.machine import processor

SETTINGS = ("MALLOC_", "OPENBLAS_", "OMP_", "NPY_", "FASTSCRATCH_ISA")


@dataclass
class Timing:
    """Seconds per call of several contestants, one list of samples each."""

    samples: dict[str, list[float]]

    def best(self, name: str) -> float:
        """The least time."""
        return min(self.samples[name])

    def middle(self, name: str) -> float:
        """The median time."""
        return median(self.samples[name])

    def ratio(self, peer: str, ours: str) -> float:
        """The median of peer / ours, pair by pair."""
        pairs = zip(self.samples[peer], self.samples[ours], strict=True)
        return median(p / o for p, o in pairs)


def spread(samples: Sequence[float]) -> float:
    """The interquartile range over the median."""
    t = sorted(samples)
    return (t[3 * len(t) // 4] - t[len(t) // 4]) / median(t)


def in_turns(
    contestants: dict[str, Callable[[], Any]],
    *,
    around: Callable[[str], AbstractContextManager[Any]] = lambda name: nullcontext(),
    rounds: int = 15,
    least: float = 0.01,
) -> Timing:
    """Call each contestant in turn, many times; a sample lasts at least `least` seconds.

    around(name) is entered before each sample of a contestant, and left after it, off the clock.
    """
    counts = {}
    for name, call in contestants.items():
        with around(name):
            counts[name] = _calls_for(call, least)
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            with around(name):
                start = time.perf_counter()
                for _ in range(counts[name]):
                    call()
                samples[name].append((time.perf_counter() - start) / counts[name])
    return Timing(samples)


def _calls_for(call: Callable[[], Any], least: float) -> int:
    """How many calls last `least` seconds, after a warm-up."""
    call()
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            call()
        seconds = time.perf_counter() - start
        if seconds >= least:
            return count
        count = max(count + 1, int(count * min(10, 1.2 * least / max(seconds, 1e-9))))


def numpy_features() -> list[str]:
    """The groups of instructions that NumPy uses beyond what it always does."""
    return list(np.show_config(mode="dicts")["SIMD Extensions"].get("found", []))  # type: ignore[call-overload]


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "platform": platform.platform(),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "numpy_blas": np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"],  # type: ignore[call-overload]
        "numpy_features": numpy_features(),
        "fastscratch": fs.__version__,
        "instruction_set": fs.backend.get_isa(),
        "compiler": fs.backend.compiler(),
        "threads": fs.get_num_threads(),
        "environment": {k: v for k, v in os.environ.items() if k.startswith(SETTINGS)},
    }


def save(path: str | Path, rows: Sequence[dict[str, Any]], **more: Any) -> None:
    """Write rows and machine as JSON."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps({"machine": machine(), **more, "rows": list(rows)}, indent=1) + "\n")


def table(rows: Sequence[dict[str, Any]], columns: dict[str, str]) -> str:
    """Rows as a Markdown table; columns maps a key to its format."""
    cells = [[format(row[key], spec) for key, spec in columns.items()] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(columns)]
    lines = ["| " + " | ".join(name.ljust(w) for name, w in zip(columns, widths, strict=True)) + " |"]
    lines.append("|" + "|".join("-" * (w + 2) for w in widths) + "|")
    lines += ["| " + " | ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in cells]
    return "\n".join(lines)
