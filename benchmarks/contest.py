"""Contestants in processes of their own, timed in turns."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import fastscratch as fs

from .timing import spread
from .works import GROUPS, Work

# Fresh memory costs a page fault for every 4 KB; glibc gives large blocks back to the system unless told to keep them.
TUNED_MALLOC = {"MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_MMAP_THRESHOLD_": "4000000000"}
PEERS = {"torch": ["torch", "torch as installed"], "avx2": ["fastscratch-avx2"], "baseline": ["fastscratch-baseline"]}
AVX2 = "fastscratch-avx2"
MORE_TARGETS = ("target_share", "target_seconds", "target_avx2")  # beside the ratio
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


def _prepared(
    team: Sequence[Contestant], group: str, work: Work
) -> tuple[dict[str, list[str]], dict[str, float], dict[str, float]]:
    """The variants of each contestant that is to be timed, the numbers that were compared, and those that disagree."""
    variants, checks = {}, {}
    for one in team:
        prepared = one.ask("prepare", group=group, name=work.name)
        variants[one.name] = prepared["variants"]
        if prepared["check"] is not None:
            checks[one.name] = prepared["check"]
    disagree = _disagreeing(work, checks)
    # "torch as installed" is torch.
    timed = {name: vs for name, vs in variants.items() if vs and not any(name.startswith(peer) for peer in disagree)}
    return timed, {name: value for name, value in checks.items() if name in timed}, disagree


def _samples(
    team: Sequence[Contestant], variants: dict[str, list[str]], rounds: int
) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Samples of each contestant and variant, taken in turns."""
    samples: dict[str, dict[str, list[Any]]] = {name: {v: [] for v in vs} for name, vs in variants.items()}
    for _ in range(rounds):
        for one in team:
            for variant in variants.get(one.name, []):
                samples[one.name][variant].append(one.ask("sample", variant=variant))
    return samples


def _disagreeing(work: Work, checks: dict[str, float]) -> dict[str, float]:
    """The peers that compute something else, which must not be compared, and what they compute."""
    if not checks:
        return {}
    ours = checks["fastscratch"]
    room = work.agree * max(abs(ours), 1e-3)
    return {name: value for name, value in checks.items() if name != "fastscratch" and not abs(value - ours) <= room}


def _figures(variants: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """The fastest variant's median, minimum and spread (interquartile range over median)."""
    times = {v: sorted(s["seconds"] for s in samples) for v, samples in variants.items()}
    best = min(times, key=lambda v: median(times[v]))
    t = times[best]
    figures: dict[str, Any] = {
        "median": median(t),
        "min": t[0],
        "spread": spread(t),
    }
    figures["faults"] = median(s["faults"] for s in variants[best])
    if best:
        figures["variant"] = best
    return figures


def contest(
    group: str, against: Sequence[str], threads: int, *, match: str = "", rounds: int = 15
) -> Iterator[dict[str, Any]]:
    """One row for each work of the group whose name holds `match`, as soon as it is measured."""
    peaks = _peaks(threads) if any(work.flops and match in work.name for work in GROUPS[group]) else {}
    team = [Contestant(name, threads) for name in contestants(against)]  # they begin by importing, on every core
    try:
        for work in GROUPS[group]:
            if match not in work.name:
                continue
            variants, checks, disagree = _prepared(team, group, work)
            figures = {name: _figures(v) for name, v in _samples(team, variants, rounds).items()}
            for name, value in checks.items():
                figures[name]["check"] = value
            row = _row(work, threads, figures, peaks.get(work.dtype), disagree)
            print(f"{work.name}, {threads} threads: {_brief(row)}", file=sys.stderr, flush=True)
            yield row
    finally:
        for one in team:
            one.close()


def _peaks(threads: int) -> dict[str, float]:
    """Multiply-adds in registers, in FLOP/s by dtype, as they are measured here and now."""
    return fs.profiler.limits(fs.backend.get_isa() or "numpy", threads).peak


def _row(
    work: Work,
    threads: int,
    figures: dict[str, Any],
    peak: float | None = None,
    disagree: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    ours, target = figures["fastscratch"], work.target_for(threads)
    row: dict[str, Any] = {"work": work.name, "threads": threads, "target": target, "figures": figures}
    row["ratios"] = {name: f["median"] / ours["median"] for name, f in figures.items() if name != "fastscratch"}
    row["ratios_of_minima"] = {name: f["min"] / ours["min"] for name, f in figures.items() if name != "fastscratch"}
    if work.target_installed:
        row["target_installed"] = work.target_installed
    if work.flops:
        row["gflops"] = work.flops / ours["median"] / 1e9
        if peak and not work.images:  # Winograd's algorithm computes images with fewer operations than the formula has
            row["peak_gflops"], row["limit"] = peak / 1e9, work.flops / peak
    if disagree:
        row["disagree"] = dict(disagree)
    return judged(row, work)


def judged(row: dict[str, Any], work: Work | None) -> dict[str, Any]:
    """The row with the targets beyond the ratio that its work has by now, and whether all that can be judged are reached.

    A row of an earlier run, which knew fewer targets, is judged by those of today without being measured again.
    """
    row = row | {key: getattr(work, key) for key in MORE_TARGETS if work and getattr(work, key)}
    found = verdicts(row)
    row.pop("reached", None)
    if found or "disagree" in row:
        row["reached"] = all(found.values()) and "disagree" not in row
    return row


def verdicts(row: dict[str, Any]) -> dict[str, bool]:
    """For each target of a row that its figures can be held to, whether it is reached."""
    found, seconds = {}, row["figures"]["fastscratch"]["median"]
    best = [ratio for name, ratio in row["ratios"].items() if name in JUDGES]
    if best and row["target"]:
        found["target"] = min(best) >= row["target"]
    if row.get("target_share") and "limit" in row:
        found["target_share"] = row["limit"] / seconds >= row["target_share"]
    if row.get("target_seconds"):
        found["target_seconds"] = seconds <= row["target_seconds"]
    if row.get("target_avx2") and AVX2 in row["ratios"]:
        found["target_avx2"] = row["ratios"][AVX2] <= row["target_avx2"]
    return found


def _brief(row: dict[str, Any]) -> str:
    text = f"{1e6 * row['figures']['fastscratch']['median']:.1f} us"
    text += "".join(f", {name} {ratio:.2f}x" for name, ratio in row["ratios"].items())
    if "disagree" in row:
        return f"{text} ({disagreement(row)})"
    if "reached" in row:
        short = [key for key, reached in verdicts(row).items() if not reached]
        text += f" (missed {', '.join(f'{key} {row[key]:g}' for key in short)})" if short else " (reached)"
    return text


def disagreement(row: dict[str, Any]) -> str:
    """Who computes something else, in words."""
    others = ", ".join(f"{name} computes {value:.10g}" for name, value in row["disagree"].items())
    return f"not compared: {others}, fastscratch {row['figures']['fastscratch']['check']:.10g}"


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
