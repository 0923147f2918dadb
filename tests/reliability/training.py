"""The training that is killed, starved and robbed by faults.py: small, all kinds of chance in it, and many checkpoints."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from fastscratch import files, safetensors
from fastscratch.data import load_splits
from fastscratch.train import load_checkpoint, runs
from fastscratch.train.claim import claim
from fastscratch.train.session import Session, Splits
from fastscratch.train.settings import Settings
from fastscratch.train.trainer import trainer_state

STAGES = ("opened", "written", "flushed", "synced", "renamed")
SETTINGS = Settings(
    model="mlp", data="digits", samples=160, validation=40, epochs=4, batch_size=16, save_steps=2, save_every=2, ema=0.9,
    schedule="onecycle", lr=1e-3,
)  # fmt: skip
_TIMES = ("seconds", "images_per_second")


def load_data() -> Splits:
    """Read once, by whoever starts trainings."""
    return load_splits("digits", n_train=200, n_test=20)


def train(folder: Path, data: Splits) -> None:
    """What `fastscratch train` does, or `fastscratch resume` if there is a checkpoint."""
    with claim(folder):
        session = Session(SETTINGS, data)
        if (folder / "checkpoints" / "last.safetensors").exists():
            session.resume(folder, [])
        else:
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
            session.attach(folder)
        session.fit(folder, [])
        session.report(folder)


def checkpoints(folder: Path) -> list[Path]:
    """Those that a run has, by name."""
    return sorted((folder / "checkpoints").glob("*.safetensors"))


def check_checkpoints(folder: Path) -> int:
    """Load every checkpoint of a run as a training would; how many there were. CheckpointError if one is damaged."""
    found = checkpoints(folder)
    for path in found:
        trainer_state(path, load_checkpoint(path))
    return len(found)


def outcome(folder: Path) -> dict[str, Any]:
    """All that a finished run has to show for itself, without times."""
    found: dict[str, Any] = {}
    for path in checkpoints(folder):
        arrays, metadata = safetensors.load(path)
        found[path.name] = {name: (array.shape, array.tobytes()) for name, array in arrays.items()}
        found[f"{path.name} made of"] = sorted(metadata)
        history = trainer_state(path, load_checkpoint(path))["history"]
        found[f"{path.name} history"] = [_timeless(row) for row in history]
    rows = runs.read_rows(folder / "metrics.jsonl")
    found["metrics"] = [_timeless(row) for row in rows]
    found["gradients"] = runs.read_rows(folder / "gradients.jsonl")
    results = json.loads((folder / "results.json").read_text())
    found["results"] = _timeless(results)
    return found


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _TIMES}


class Bomb:
    """Kills its process inside the write of a checkpoint: the write's number, how far it is, and after how many bytes."""

    def __init__(self, write: int, stage: str, after: int) -> None:
        self.write, self.stage, self.after = write, stage, after
        self.seen = 0
        self._atomic_write = safetensors.atomic_write

    def arm(self) -> None:
        """From now on, in this process."""
        safetensors.atomic_write = self._watched  # type: ignore[attr-defined]

    @contextmanager
    def _watched(self, path: Any, mode: Any = "wb") -> Iterator[IO[Any]]:
        self.seen += 1
        if self.seen == self.write:
            self._lay()
        with self._atomic_write(path, mode) as file:
            if self.seen == self.write and self.stage == "opened":
                die()
            yield _Fuse(file, self.after) if self.seen == self.write and self.stage == "written" else file
            if self.seen == self.write and self.stage == "flushed":
                file.flush()
                die()

    def _lay(self) -> None:
        """Die after the sync, or after the renaming, of this file."""
        fsync, replace = os.fsync, os.replace
        if self.stage == "synced":
            files.os.fsync = lambda descriptor: (fsync(descriptor), die())  # type: ignore[assignment]
        elif self.stage == "renamed":
            files.os.replace = lambda source, target: (replace(source, target), die())  # type: ignore[assignment]


class _Fuse:
    """A file that is written to until so many bytes are on the disk."""

    def __init__(self, file: Any, after: int) -> None:
        self._file, self._left = file, after

    def write(self, data: Any) -> None:
        view = memoryview(data).cast("B")
        self._file.write(view[: self._left])
        self._left -= len(view)
        if self._left <= 0:
            self._file.flush()
            die()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def die() -> None:
    """As with kill -9, and so it is."""
    os.kill(os.getpid(), signal.SIGKILL)


def differences(got: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """The names under which two outcomes differ."""
    return [name for name in {**got, **expected} if not _equal(got.get(name), expected.get(name))]


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (np.isnan(a) and np.isnan(b))
    return bool(a == b)
