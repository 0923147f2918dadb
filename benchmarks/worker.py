"""A contestant in a process of its own: two libraries' thread pools in one process disturb each other.

It reads commands from standard input, one JSON object in a line, and answers each with one.
"""

import gc
import json
import resource
import sys
import time
from typing import Any

from .library import Call, about, libraries
from .works import GROUPS, Work

LEAST = 0.01  # seconds that a sample lasts at least
LONG = 0.3  # a call of so many seconds is a sample, and waking the threads is no part of it worth a call more
CHECKED = ("fastscratch", "torch", "sklearn")  # whose results are compared


def _find(group: str, name: str) -> Work:
    return next(work for work in GROUPS[group] if work.name == name)


class Worker:
    """Holds the calls of one work, one for each variant of the contestant."""

    def __init__(self, contestant: str, threads: int) -> None:
        self.contestant, self.threads = contestant, threads
        self.calls: dict[str, tuple[Call, int, bool]] = {}  # the call, how many fill a sample, and whether it is short

    def about(self) -> dict[str, Any]:
        """Versions and settings."""
        return about(self.contestant)

    def prepare(self, group: str, name: str) -> dict[str, Any]:
        """Build the work and find out how many calls fill a sample."""
        self.calls.clear()
        gc.collect()
        work = _find(group, name)
        checks = []
        for variant, call in self._variants(work).items():
            start = time.perf_counter()
            result = call()
            short = time.perf_counter() - start < LONG
            if work.check and self.contestant in CHECKED:
                checks.append(work.check(result))
            self.calls[variant] = call, _calls_for(call) if short else 1, short
        return {"variants": list(self.calls), "check": checks[0] if checks else None}

    def _variants(self, work: Work) -> dict[str, Call]:
        if self.contestant in work.peers:
            return {"": work.peers[self.contestant](self.threads)}
        if not self.contestant.startswith(("fastscratch", "torch")):
            return {}
        if work.ours_alone and self.contestant.startswith("torch"):
            return {}
        found = libraries(self.contestant, self.threads, images=work.images)
        return {variant: work.build(library) for variant, library in found.items()}

    def sample(self, variant: str) -> dict[str, float]:
        """Seconds and page faults of one call, the mean over a sample."""
        call, count, short = self.calls[variant]
        if short:
            call()  # wake the threads
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        start = time.perf_counter()
        for _ in range(count):
            call()
        seconds = time.perf_counter() - start
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        return {"seconds": seconds / count, "faults": faults / count}


def _calls_for(call: Call) -> int:
    """How many calls last LEAST seconds, after a warm-up."""
    count, seconds = 1, 0.0
    while seconds < LEAST:
        start = time.perf_counter()
        for _ in range(count):
            call()
        seconds = time.perf_counter() - start
        count = max(count, int(count * min(10, 1.2 * LEAST / max(seconds, 1e-9))))
    return count


def main() -> None:
    """Answer commands until the input ends."""
    contestant, threads = sys.argv[1], int(sys.argv[2])
    worker = Worker(contestant, threads)
    answers, sys.stdout = sys.stdout, sys.stderr  # nothing else may write where the answers go
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(worker, command.pop("do"))(**command)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
