"""How many threads to use by default: what this process may really have."""

import math
import os
from collections.abc import Callable


def _cgroup_quota(root: str = "/sys/fs/cgroup", proc: str = "/proc/self/cgroup") -> float:
    """Processors granted by the control group (v2, then v1); inf where there is no limit."""
    best = float("inf")
    for line in _read(proc).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            best = min(best, _walk(root, path, _quota_v2))
        elif "cpu" in controllers.split(","):
            best = min(best, _walk(os.path.join(root, "cpu"), path, _quota_v1))
    return best


def _walk(root: str, path: str, quota: Callable[[str], float]) -> float:
    """The tightest limit from a group up to the root."""
    parts = [part for part in path.split("/") if part]
    folders = [os.path.join(root, *parts[:depth]) for depth in range(len(parts) + 1)]
    return min(quota(folder) for folder in folders)


def _quota_v2(folder: str) -> float:
    try:
        quota, period = _read(os.path.join(folder, "cpu.max")).split()
        return float("inf") if quota == "max" else int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return float("inf")


def _quota_v1(folder: str) -> float:
    try:
        quota = int(_read(os.path.join(folder, "cpu.cfs_quota_us")))
        period = int(_read(os.path.join(folder, "cpu.cfs_period_us")))
        return float("inf") if quota <= 0 else quota / period
    except (ValueError, ZeroDivisionError):
        return float("inf")


def _read(path: str) -> str:
    """What a file says; nothing if it is not there."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def default_num_threads() -> int:
    """FASTSCRATCH_NUM_THREADS, else OMP_NUM_THREADS, else the smaller of CPU affinity and cgroup quota, at least 1."""
    for name in ("FASTSCRATCH_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").split(",")[0].strip()
        if text:
            if not text.isdigit() or int(text) < 1:
                if name == "OMP_NUM_THREADS":  # not ours to complain about
                    continue
                raise ValueError(f"{name} must be a whole number of at least 1, got {text!r}")
            return int(text)
    return usable_cores()


def usable_cores() -> int:
    """The smaller of CPU affinity and cgroup quota, at least 1."""
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        usable = os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, math.ceil(quota)) if quota < usable else usable
