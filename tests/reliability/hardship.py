"""What can happen to a training's disk and folder, done to the real command in a process of its own.

Each case waits until the run has a checkpoint, does its harm, and looks: the command ends with code 2 and one line that
names the file, the checkpoints that were there load, and, where the harm can be undone, a resume ends with the expected
bits.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fastscratch import safetensors

from .training import check_checkpoints, checkpoints

_OPTIONS = ["--model", "mlp", "--data", "digits", "--samples", "800", "--validation", "100", "--epochs", "12"]
_OPTIONS += ["--save-steps", "2", "--batch-size", "16"]
_ROOM = 24 << 20  # bytes of the small disk
_PATIENCE = 120.0  # seconds
NOT_RUN = "not run"

Row = dict[str, Any]


class Run:
    """A `fastscratch train` that is going on in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.process = start("train", *_OPTIONS, "--runs", str(root))
        deadline = time.monotonic() + _PATIENCE
        while not (found := list(root.glob("*/checkpoints/last.safetensors"))):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the training did not begin: {self.end()[1]}")
            time.sleep(0.01)
        self.folder = found[0].parent.parent

    def end(self) -> tuple[int, str]:
        """The exit code, and what it said to stderr beside its progress."""
        _, said = self.process.communicate(timeout=_PATIENCE)
        return self.process.returncode, _errors(said)


def start(*arguments: str) -> subprocess.Popen[str]:
    """`fastscratch` with these arguments, in a process whose words can be read; root is denied what others are."""
    denied = [] if os.getuid() else ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    command = [*denied, sys.executable, "-m", "fastscratch", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def resumed(folder: Path) -> tuple[int, str]:
    """`fastscratch resume`: the exit code, and its error line."""
    done = start("resume", str(folder))
    _, said = done.communicate(timeout=_PATIENCE)
    return done.returncode, _errors(said)


def _errors(said: str) -> str:
    lines = re.split(r"[\r\n]+", said)
    return " ".join(line for line in lines if line.startswith(("fastscratch: ", "Traceback")))


def weights(folder: Path) -> dict[str, np.ndarray]:
    """Of the last checkpoint."""
    arrays, _ = safetensors.load(folder / "checkpoints" / "last.safetensors")
    return {name: array for name, array in arrays.items() if name.startswith("model.")}


def same_weights(a: Path, b: Path) -> bool:
    """To the bit."""
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def judged(what: str, said: str, *checks: bool) -> Row:
    """A row; the message without the places of this machine."""
    return {"what": what, "said": re.sub(r"(/[^\s:]+)/(?=[^\s/:]+)", "…/", said), "ok": all(checks)}


def one_line(code: int, said: str, text: str) -> bool:
    """A mistake's exit code, and one line that says so."""
    return code == 2 and said.count("fastscratch: error:") == 1 and "Traceback" not in said and text in said


# ---- the cases; `whole` is the folder of a training that was left alone ----


def full_disk(root: Path, whole: Path) -> Row:
    """Something else takes all the room."""
    disk = root / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "tmpfs", str(disk)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        return {"what": "a full disk", "said": f"{NOT_RUN}: {mounted.stderr.strip()}", "ok": False}
    try:
        run = Run(disk)
        filler = disk / "filler"
        while run.process.poll() is None:  # what the run itself gives back is taken too
            _fill(filler)
            time.sleep(0.01)
        code, said = run.end()
        loaded = check_checkpoints(run.folder)
        filler.unlink()
        again, _ = resumed(run.folder)
        checks = (
            one_line(code, said, "No space left on device"),
            loaded >= 1,
            again == 0,
            same_weights(run.folder, whole),
        )
        return judged("a full disk; then room again, and a resume", said, *checks)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def _fill(path: Path) -> None:
    with open(path, "ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def read_only_folder(root: Path, whole: Path) -> Row:
    """The run folder may not be written to any longer; nor may the folder that a new run is to go into."""
    home = root / "home"
    home.mkdir()
    run = Run(home)
    inside = [run.folder, run.folder / "checkpoints"]
    for folder in inside:
        os.chmod(folder, 0o555)
    code, said = run.end()
    loaded = check_checkpoints(run.folder)
    os.chmod(home, 0o555)
    new = start("train", *_OPTIONS, "--runs", str(home))
    _, refused = new.communicate(timeout=_PATIENCE)
    for folder in (*inside, home):
        os.chmod(folder, 0o755)
    again, _ = resumed(run.folder)
    checks = one_line(code, said, "Permission denied"), loaded >= 1, again == 0, same_weights(run.folder, whole)
    checks += (one_line(new.returncode, refused, "Permission denied"),)
    return judged("a folder that becomes read-only; then writable again, and a resume", said, *checks)


def folder_removed(root: Path, whole: Path) -> Row:
    """The run folder is removed in mid-run, for good."""
    run = Run(root / "removed")
    os.rename(run.folder, root / "forgotten")  # at once: the run is writing there
    shutil.rmtree(root / "forgotten")
    code, said = run.end()
    again, told = resumed(run.folder)
    checks = (
        one_line(code, said, "No such file or directory"),
        again == 2,
        "Traceback" not in told,
        not run.folder.exists(),
    )
    return judged("a folder removed in mid-run; then a resume", f"{said}; {told}", *checks)


def folder_moved(root: Path, whole: Path) -> Row:
    """The run folder is moved away in mid-run, and found again."""
    run = Run(root / "moved")
    gone = root / "gone"
    os.rename(run.folder, gone)
    code, said = run.end()
    loaded = check_checkpoints(gone)
    again, _ = resumed(gone)
    checks = one_line(code, said, "No such file or directory"), loaded >= 1, again == 0, same_weights(gone, whole)
    return judged("a folder moved away in mid-run; then a resume where it is", said, *checks)


def checkpoints_removed(root: Path, whole: Path) -> Row:
    """The folder of the checkpoints alone is removed, for good."""
    run = Run(root / "bare")
    os.rename(run.folder / "checkpoints", root / "no-more")  # at once: the run is writing there
    shutil.rmtree(root / "no-more")
    code, said = run.end()
    again, told = resumed(run.folder)
    checks = one_line(code, said, "No such file or directory"), one_line(again, told, "has no last checkpoint")
    return judged("the checkpoints removed in mid-run; then a resume", f"{said}; {told}", *checks)


def two_runs(root: Path, whole: Path) -> Row:
    """A second training on the folder is refused, and the first does not notice."""
    run = Run(root / "shared")
    code, said = resumed(run.folder)
    first, _ = run.end()
    checks = one_line(code, said, "another training is writing to it"), first == 0, same_weights(run.folder, whole)
    return judged("two trainings on one folder", said, *checks)


CASES: list[Callable[[Path, Path], Row]] = [full_disk, read_only_folder, two_runs]
CASES += [folder_removed, folder_moved, checkpoints_removed]


def all_of_them(root: Path) -> list[Row]:
    """A row for each case."""
    alone = Run(root / "alone")
    code, said = alone.end()
    if code or not checkpoints(alone.folder):
        return [judged("a training that is left alone", said, False)]
    return [case(root, alone.folder) for case in CASES]
