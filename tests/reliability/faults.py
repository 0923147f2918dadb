"""``make faults``: a training that is killed again and again, and one whose disk or folder goes away.

    python -m reliability.faults [--kills N] [--inside M] [--quick]

After every kill each checkpoint on the disk is loaded; the training then goes on, and where it ends all that it has to
show is compared, to the bit, with that of a training that was left alone. ``--quick`` records nothing.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastscratch.files import leftovers

from . import hardship, training
from .record import record
from .training import Bomb


def in_child(action: Callable[[], None]) -> int:
    """Start a child that does this; its process number. It ends with 0, or with 1 after an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on: OpenBLAS's threads, which wait
        child = os.fork()
    if child:
        return child
    try:
        action()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def ended(child: int) -> int:
    """Wait for it; the exit code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Killer:
    """Kills trainings, and keeps count."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.rng = root, random.Random(seed)
        self.data = training.load_data()
        self.counts: Counter[str] = Counter()
        reference = root / "reference"
        reference.mkdir()
        start = time.perf_counter()
        if ended(in_child(lambda: training.train(reference, self.data))):
            raise RuntimeError("the training fails without being killed")
        self.seconds = time.perf_counter() - start
        self.expected = training.outcome(reference)
        self.size = (reference / "checkpoints" / "last.safetensors").stat().st_size

    def kill(self, kills: int, inside: int) -> None:
        """So many kills in all, so many of them inside a write; the training that is going on then is let finish."""
        folder = self._fresh()
        plan = [True] * inside + [False] * (kills - inside)
        self.rng.shuffle(plan)
        while plan:
            if self._run(folder, plan[-1]):
                folder = self._finished(folder)
            else:
                plan.pop()
                self._look(folder)
        if ended(in_child(lambda: training.train(folder, self.data))) == 0:
            self._finished(folder)
        else:
            self.counts["trainings that failed"] += 1

    def _run(self, folder: Path, inside: bool) -> bool:
        """Start or resume the training and kill it; True if it was over before it could be killed."""
        if inside:
            stage = self.rng.choice(training.STAGES)
            bomb = Bomb(self.rng.randint(1, 6), stage, self.rng.randrange(self.size))
            code = ended(in_child(lambda: (bomb.arm(), training.train(folder, self.data))[1]))
        else:
            child = in_child(lambda: training.train(folder, self.data))
            time.sleep(self.rng.uniform(0, self.seconds))
            os.kill(child, signal.SIGKILL)
            code = ended(child)
        if code == -signal.SIGKILL:
            self.counts["kills"] += 1
            where = "inside a checkpoint's write" if inside else "at any moment"
            self.counts[where] += 1
            return False
        if code:
            self.counts["trainings that failed"] += 1
        return True

    def _look(self, folder: Path) -> None:
        """Load what is there after a kill."""
        self.counts["kills that left a file half-written"] += bool(leftovers(folder))
        try:
            self.counts["checkpoints loaded"] += training.check_checkpoints(folder)
        except ValueError as error:
            self.counts["checkpoints damaged"] += 1
            print(error, flush=True)

    def _fresh(self) -> Path:
        folder = self.root / f"run-{self.counts['trainings begun']}"
        self.counts["trainings begun"] += 1
        folder.mkdir()
        return folder

    def _finished(self, folder: Path) -> Path:
        """Compare a training that came to its end; the folder of the next."""
        different = training.differences(training.outcome(folder), self.expected)
        self.counts["trainings finished, the same to the bit" if not different else "trainings that differ"] += 1
        if different:
            print(f"{folder.name} differs: {', '.join(different)}", flush=True)
        if leftovers(folder):
            self.counts["trainings that left a temporary file"] += 1
        shutil.rmtree(folder)
        return self._fresh()


_FAULTS = (
    "trainings that failed",
    "checkpoints damaged",
    "trainings that differ",
    "trainings that left a temporary file",
)


def main() -> int:
    """Do it, print it, record it; 1 if something was damaged."""
    parser = argparse.ArgumentParser(prog="reliability.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--inside", type=int, default=80, help="how many of them inside a checkpoint's write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="kills alone, and no record")
    arguments = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="fastscratch-faults-") as root:
        killer = Killer(Path(root), arguments.seed)
        killer.kill(arguments.kills, arguments.inside)
        counts: dict[str, Any] = dict(sorted(killer.counts.items()))
        counts |= {name: killer.counts[name] for name in _FAULTS}
        rows = [] if arguments.quick else hardship.all_of_them(Path(root))
    ok = not any(killer.counts[name] for name in _FAULTS) and all(row["ok"] for row in rows)
    ok = ok and killer.counts["trainings finished, the same to the bit"] > 0
    for name, count in counts.items():
        print(f"{name:<45} {count:>6}")
    for row in rows:
        print(f"{row['what']}: {row['said']} ({'ok' if row['ok'] else 'FAILED'})")
    if not arguments.quick:
        seconds = time.perf_counter() - start
        not_run = [row["what"] for row in rows if row["said"].startswith(hardship.NOT_RUN)]
        left = {"left": ", ".join(not_run)} if len(not_run) == sum(not row["ok"] for row in rows) else {}
        record(
            "faults", {"command": "make faults", "ok": ok, "seconds": seconds, "counts": counts, "rows": rows} | left
        )
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
