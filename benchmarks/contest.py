"""Contestants in processes of their own, timed in turns."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

import fastscratch as fs

from .works import GROUPS, Work

# Fresh memory costs a page fault for every 4 KB; glibc gives large blocks back to the system unless told to keep them.
TUNED_MALLOC = {"MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_MMAP_THRESHOLD_": "4000000000"}
PEERS = {"torch": ["torch", "torch as installed"], "avx2": ["fastscratch-avx2"], "baseline": ["fastscratch-baseline"]}
JUDGES = ("torch", "numpy", "sklearn")  # the peers that a target is set against


class Contestant:
    """A library in a process of its own, with its threads and its malloc settings."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        environment = {
            **os.environ,
            **{f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")},
        }
        if name == "torch":
            environment.update(TUNED_MALLOC)
        if name.startswith("fastscratch-"):
            environment["FASTSCRATCH_ISA"] = name.split("-")[1]
        command = [sys.executable, "-m", "benchmarks.worker", name, str(threads)]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if name == "jax" and hasattr(os, "sched_setaffinity"):  # it has no setting for its threads
            os.sched_setaffinity(self.process.pid, sorted(os.sched_getaffinity(0))[:threads])

    def ask(self, do: str, **arguments: Any) -> Any:
        """Send a command and wait for its answer; RuntimeError with what went wrong there.

        Between its turns the process is stopped: a pool of threads that still spins, for milliseconds in some
        libraries, would take the cores from the contestant whose turn it is.
        """
        assert self.process.stdin and self.process.stdout
        self._freeze(False)
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "the process ended"}')
        self._freeze(True)
        if isinstance(answer, dict) and answer.get("error"):
            raise RuntimeError(f"{self.name}, {do} {arguments}: {answer['error']}")
        return answer

    def _freeze(self, frozen: bool) -> None:
        if hasattr(signal, "SIGSTOP"):
            self.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin and self.process.stdout
        self._freeze(False)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def contestants(against: Iterable[str]) -> list[str]:
    """fastscratch and the processes that stand for each peer."""
    return ["fastscratch", *(name for peer in against for name in PEERS.get(peer, [peer]))]


def _samples(
    team: Sequence[Contestant], group: str, work: Work, rounds: int
) -> tuple[dict[str, dict[str, list[Any]]], dict[str, float]]:
    """Samples of each contestant and variant, taken in turns, and the numbers that were compared."""
    variants, checks = {}, {}
    for one in team:
        prepared = one.ask("prepare", group=group, name=work.name)
        variants[one.name] = prepared["variants"]
        if prepared["check"] is not None:
            checks[one.name] = prepared["check"]
    _agree(work, checks)
    samples: dict[str, dict[str, list[Any]]] = {n: {v: [] for v in vs} for n, vs in variants.items() if vs}
    for _ in range(rounds):
        for one in team:
            for variant in variants[one.name]:
                samples[one.name][variant].append(one.ask("sample", variant=variant))
    return samples, checks


def _agree(work: Work, checks: dict[str, float]) -> None:
    """Contestants that compute different things must not be compared."""
    for name, value in checks.items():
        ours = checks["fastscratch"]
        if not abs(value - ours) <= work.agree * max(abs(ours), 1e-3):
            raise RuntimeError(f"{work.name}: {name} computes {value}, fastscratch {ours}")


def _figures(variants: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """The fastest variant's median, minimum and spread (interquartile range over median)."""
    times = {v: sorted(s["seconds"] for s in samples) for v, samples in variants.items()}
    best = min(times, key=lambda v: median(times[v]))
    t = times[best]
    figures: dict[str, Any] = {
        "median": median(t),
        "min": t[0],
        "spread": (t[3 * len(t) // 4] - t[len(t) // 4]) / median(t),
    }
    figures["faults"] = median(s["faults"] for s in variants[best])
    if best:
        figures["variant"] = best
    return figures


def contest(
    group: str, against: Sequence[str], threads: int, *, match: str = "", rounds: int = 15
) -> list[dict[str, Any]]:
    """One row for each work of the group whose name holds `match`."""
    team = [Contestant(name, threads) for name in contestants(against)]
    peaks = _peaks(threads) if any(work.flops and match in work.name for work in GROUPS[group]) else {}
    rows = []
    try:
        for work in GROUPS[group]:
            if match not in work.name:
                continue
            samples, checks = _samples(team, group, work, rounds)
            figures = {name: _figures(v) for name, v in samples.items()}
            for name, value in checks.items():
                figures[name]["check"] = value
            rows.append(_row(work, threads, figures, peaks.get(work.dtype)))
            print(f"{work.name}, {threads} threads: {_brief(rows[-1])}", file=sys.stderr, flush=True)
    finally:
        for one in team:
            one.close()
    return rows


def _peaks(threads: int) -> dict[str, float]:
    """Multiply-adds in registers, in FLOP/s by dtype, as they are measured here and now."""
    return fs.profiler.limits(fs.backend.get_isa() or "numpy", threads).peak


def _row(work: Work, threads: int, figures: dict[str, Any], peak: float | None = None) -> dict[str, Any]:
    ours = figures["fastscratch"]
    row: dict[str, Any] = {"work": work.name, "threads": threads, "target": work.target, "figures": figures}
    row["ratios"] = {name: f["median"] / ours["median"] for name, f in figures.items() if name != "fastscratch"}
    row["ratios_of_minima"] = {name: f["min"] / ours["min"] for name, f in figures.items() if name != "fastscratch"}
    if work.target_installed:
        row["target_installed"] = work.target_installed
    if work.flops:
        row["gflops"] = work.flops / ours["median"] / 1e9
        if peak and not work.images:  # Winograd's algorithm computes images with fewer operations than the formula has
            row["peak_gflops"], row["limit"] = peak / 1e9, work.flops / peak
    best = [ratio for name, ratio in row["ratios"].items() if name in JUDGES]
    if best and work.target:
        row["reached"] = min(best) >= work.target
    return row


def _brief(row: dict[str, Any]) -> str:
    text = f"{1e6 * row['figures']['fastscratch']['median']:.1f} us"
    text += "".join(f", {name} {ratio:.2f}x" for name, ratio in row["ratios"].items())
    if "reached" in row:
        text += f" ({'reached' if row['reached'] else 'missed'} {row['target']})"
    return text


def versions(against: Sequence[str], threads: int) -> dict[str, Any]:
    """What each contestant says of itself."""
    answers = {}
    for name in contestants(against):
        one = Contestant(name, threads)
        try:
            answers[name] = one.ask("about")
        finally:
            one.close()
    return answers
