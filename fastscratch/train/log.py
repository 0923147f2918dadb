"""The log of a run: what was said while it trained, with the time."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import name_disk_fault
from .callbacks import Callback, Logs

if TYPE_CHECKING:
    from .trainer import Trainer


class Log(Callback):
    """A file that lines are added to: one for each epoch, and what else is written."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def write(self, text: str) -> None:
        """Add lines, each with the time before it."""
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.writelines(f"{now}  {line}\n" for line in text.splitlines())
        except OSError as error:
            name_disk_fault(error, self.path)
            raise

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        numbers = "  ".join(f"{name} {value:.6g}" for name, value in logs.items() if name != "epoch")
        self.write(f"epoch {trainer.epoch}/{trainer.epochs}  {numbers}")

    def on_fit_end(self, trainer: Trainer) -> None:
        if not trainer.interrupted and not trainer.failed:
            return
        how = "failed" if trainer.failed else "interrupted"
        with suppress(OSError):  # the disk may be what failed, and that is what is to be said
            self.write(f"{how} in epoch {trainer.epoch + 1}, after {trainer.step} batches of it")
