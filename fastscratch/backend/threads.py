"""How many threads to use, and why: by default what this process may really have."""

import math
import os
from collections.abc import Callable

MOST = (1 << 31) - 1  # what C counts with

asked = (1, "")
"""What get_num_threads() would say if nothing stood against it, and who wanted it."""

_process = os.getpid()


def why(n: int) -> str:
    """Why it says n."""
    number, reason = asked
    if n == number:
        return reason
    if os.getpid() != _process:
        return "a forked child computes alone"
    return f"no more can be had; {number} by {reason}"


def default_threads() -> tuple[int, str]:
    """FASTSCRATCH_NUM_THREADS, else OMP_NUM_THREADS, else usable_cores(); and which of them it was.

    Raises
    ------
    ValueError
        For a FASTSCRATCH_NUM_THREADS that is no number. OMP_NUM_THREADS is not ours to complain about.
    """
    for name in ("FASTSCRATCH_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").split(",")[0].strip()
        number = _whole(text)
        if number >= 1:
            return number, f"{name}={text}"
        if text and name == "FASTSCRATCH_NUM_THREADS":
            raise ValueError(f"{name} must be a whole number of at least 1, got {text!r}")
    return _usable()


def usable_cores() -> int:
    """The smaller of CPU affinity and cgroup quota, at least 1."""
    return _usable()[0]


def _usable() -> tuple[int, str]:
    try:
        cores, reason = len(os.sched_getaffinity(0)), "CPU affinity"
    except (AttributeError, OSError):  # not on macOS and Windows, nor wherever it is refused
        cores, reason = os.cpu_count() or 1, "the number of processors"
    quota = _cgroup_quota()
    return (max(1, math.ceil(quota)), f"cgroup quota of {quota:g} processors") if quota < cores else (cores, reason)


def _whole(text: str) -> int:
    """The number that a text of digits says, as far as C counts; 0 for any other text."""
    if not (text.isascii() and text.isdigit()):
        return 0
    return min(int(text), MOST) if len(text) <= 20 else MOST


def _cgroup_quota(root: str = "/sys/fs/cgroup", proc: str = "/proc/self/cgroup") -> float:
    """Processors granted by the control group (v2, then v1); inf where there is no limit, or none that can be read."""
    best = float("inf")
    for line in _read(proc).splitlines():
        controllers, colon, path = line.partition(":")[2].partition(":")
        if colon and controllers == "":
            best = min(best, _walk(root, path, _quota_v2))
        elif "cpu" in controllers.split(","):
            for mount in ("cpu", controllers):
                best = min(best, _walk(os.path.join(root, mount), path, _quota_v1))
    return best


def _walk(root: str, path: str, quota: Callable[[str], float]) -> float:
    """The tightest limit from a group up to the root: in a container, where paths are the host's, often the root alone."""
    parts = [part for part in path.split("/") if part]
    if ".." in parts:  # beside what this namespace shows
        parts = []
    folders = [os.path.join(root, *parts[:depth]) for depth in range(len(parts) + 1)]
    return min(quota(folder) for folder in folders)


def _quota_v2(folder: str) -> float:
    return _ratio(_read(os.path.join(folder, "cpu.max")))


def _quota_v1(folder: str) -> float:
    return _ratio(" ".join(_read(os.path.join(folder, f"cpu.cfs_{name}_us")) for name in ("quota", "period")))


def _ratio(text: str) -> float:
    """Of a quota and its period, in microseconds; inf for "max", for -1 and for what is neither."""
    try:
        quota, period = (int(word) for word in text.split())
        return quota / period if quota > 0 and period > 0 else float("inf")
    except (ValueError, OverflowError):
        return float("inf")


def _read(path: str) -> str:
    """What a file says, names in it as the system has them; nothing if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (OSError, ValueError):
        return ""
