"""Is memory flat while a network trains? ``python -m benchmarks.memory [--steps 10000] [--threads 1] [--json FILE]``.

Per step, after a warm-up: minor page faults of the process (fresh memory from the system) and requests that the allocator
could not serve from what lay idle. Resident memory at every tenth of the run, and the slope of its least-squares line. The
network with batch norm makes a tenth as many steps. Each tenth is told of on stderr.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fastscratch as fs

from .library import Call, Library
from .timing import machine, save, spread, table
from .works import steps

WARM_UP, TENTHS = 20, 10
COLUMNS = {
    "step": "", "steps": "d", "threads": "d", "ms": ".3f", "faults_per_step": ".4f", "misses_per_step": ".4f",
    "peak_mb": ".1f", "rss_growth_kb": ".0f", "rss_bytes_per_step": ".2f",
}  # fmt: skip


def _networks(count: int) -> Iterator[tuple[str, int, Callable[[Library], Call]]]:
    """Name, number of steps and the step."""
    few = max(count // 10, TENTHS)
    yield "MLP 784-128-10 tanh, SGD, batch 64", count, steps.step(steps.mlp, (64, 784), "SGD", lr=1e-3)
    yield "MLP 784-256-128-10, Adam, batch 64", count, steps.step(steps.deep_mlp, (64, 784), "Adam", lr=1e-4)
    images = (64, 1, 28, 28)
    yield "CNN, batch 64", count, steps.step(steps.cnn, images, "SGD", lr=1e-3, momentum=0.9)
    yield "CNN with batch norm, batch 64", few, steps.step(steps.bn_cnn, images, "SGD", lr=1e-3, momentum=0.9)


def resident() -> int:
    """Bytes of this process in memory now; at the peak where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def watch(call: Call, count: int) -> dict[str, Any]:
    """What `count` calls take from the system, after a warm-up."""
    for _ in range(WARM_UP):
        call()
    tenth = count // TENTHS
    fs.backend.reset_peak_memory_stats()
    sizes, misses, faults = [resident()], fs.backend.memory_stats()["misses"], 0
    seconds: list[float] = []
    for part in range(TENTHS):
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter()
        for _ in range(tenth):
            call()
        seconds.append(time.perf_counter() - start)
        faults += resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        sizes.append(resident())
        print(
            f"\r{(part + 1) * tenth} of {tenth * TENTHS} steps",
            end="\n" * (part == TENTHS - 1),
            file=sys.stderr,
            flush=True,
        )
    made = tenth * TENTHS
    memory = fs.backend.memory_stats()
    return {
        "steps": made,
        "ms": 1e3 * sum(seconds) / made,
        "spread": spread(seconds),  # of the tenths
        "faults_per_step": faults / made,
        "misses_per_step": (memory["misses"] - misses) / made,
        "peak_mb": memory["peak"] / 1e6,
        "rss_growth_kb": (sizes[-1] - sizes[0]) / 1e3,
        "rss_bytes": sizes,
        "rss_bytes_per_step": float(np.polyfit(np.arange(TENTHS + 1) * tenth, sizes, 1)[0]),
    }


def run(count: int, threads: int) -> list[dict[str, Any]]:
    """One row for each network."""
    library = Library("fastscratch", threads)
    return [
        {"step": name, "threads": threads, **watch(build(library), number)} for name, number, build in _networks(count)
    ]


def text(rows: list[dict[str, Any]]) -> str:
    """The table, below it the machine."""
    about = machine()
    where = ", ".join(about[key] for key in ("processor", "instruction_set", "compiler", "platform", "date"))
    notes = "float32; faults: minor page faults; misses and peak: of the allocator"
    return f"{table(rows, COLUMNS)}\n\n{notes}. {where}, {about['cpus']} processors."


def main() -> None:
    """Measure and print; write JSON and, beside it, Markdown where --json says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000, help="steps of each network but the last, at least 10")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="write the figures there, and the table beside it")
    arguments = parser.parse_args()
    if arguments.steps < TENTHS:
        parser.error(f"--steps must be at least {TENTHS}, got {arguments.steps}")
    rows = run(arguments.steps, arguments.threads)
    print(text(rows))
    if arguments.json:
        save(arguments.json, rows)
        Path(arguments.json).with_suffix(".md").write_text(text(rows) + "\n")


if __name__ == "__main__":
    main()
