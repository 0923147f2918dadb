"""How many threads to use by default: what this process may really have."""

import os
from pathlib import Path


def _cgroup_quota(root: Path = Path("/sys/fs/cgroup"), proc: Path = Path("/proc/self/cgroup")) -> float:
    """Processors granted by the control group (v2, then v1); inf where there is no limit."""
    best = float("inf")
    try:
        lines = proc.read_text().splitlines()
    except OSError:
        return best
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            best = min(best, _walk(root, path, _quota_v2))
        elif "cpu" in controllers.split(","):
            best = min(best, _walk(root / "cpu", path, _quota_v1))
    return best


def _walk(root: Path, path: str, read) -> float:  # type: ignore[no-untyped-def]
    """The tightest limit from a group up to the root."""
    folder = root / path.lstrip("/")
    folders = [folder, *[parent for parent in folder.parents if parent.is_relative_to(root)]]
    return min(read(each) for each in folders)


def _quota_v2(folder: Path) -> float:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return float("inf") if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return float("inf")


def _quota_v1(folder: Path) -> float:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
        return float("inf") if quota <= 0 else quota / period
    except (OSError, ValueError, ZeroDivisionError):
        return float("inf")


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
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        usable = os.cpu_count() or 1
    return max(1, min(usable, int(_cgroup_quota() + 0.999)) if _cgroup_quota() < usable else usable)
