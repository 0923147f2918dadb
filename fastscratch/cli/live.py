"""A table in the terminal that is drawn anew as trainings go on; where there is no terminal, a line as each is finished."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from ..train.callbacks import Callback, Logs
from ..train.trainer import Trainer


class Board:
    """Names, and beside each what it is at."""

    def __init__(self, names: Sequence[str], stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.live = self.stream is not None and self.stream.isatty()
        self.told = dict.fromkeys(names, "waiting")
        self.width = max(map(len, names))
        self.drawn = 0  # lines

    def set(self, name: str, text: str, *, final: bool = False) -> None:
        """What one is at now; `final` says that it stays so."""
        self.told[name] = text
        if self.live:
            self._draw(name)
        elif final and self.stream is not None:
            print(f"{name:<{self.width}}  {text}", file=self.stream, flush=True)

    def close(self) -> None:
        """Leave the table as it is; what is printed next comes below."""
        self.drawn = 0

    def _draw(self, current: str) -> None:
        columns, rows = shutil.get_terminal_size()
        lines = [f"{name:<{self.width}}  {text}"[: columns - 1] for name, text in self.told.items()]
        room = max(1, rows - 2)
        if len(lines) > room:  # as many as fit, the current one among them
            first = min(max(0, list(self.told).index(current) - room // 2), len(lines) - room)
            lines = lines[first : first + room]
        up = f"\x1b[{self.drawn}A" if self.drawn else ""
        self.stream.write(up + "".join(f"\r\x1b[K{line}\n" for line in lines))
        self.stream.flush()
        self.drawn = len(lines)


class CellWatcher(Callback):
    """Tells the board how far one training is, a few times a second."""

    def __init__(self, board: Board, name: str, interval: float = 0.2) -> None:
        self.board, self.name, self.interval = board, name, interval
        self.told = 0.0
        self.last = ""

    def on_batch_end(self, trainer: Trainer, logs: Logs) -> None:
        now = time.perf_counter()
        if self.board.live and now - self.told >= self.interval:
            self.told = now
            share = trainer.step / trainer.steps_per_epoch
            text = f"epoch {trainer.epoch + 1}/{trainer.epochs} {share:4.0%}  loss {logs['loss']:.4f}"
            self.board.set(self.name, text + self.last)

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        kind = "val_accuracy" if "val_accuracy" in logs else "val_loss"
        self.last = f"  {kind} {logs[kind]:.4f} after {trainer.epoch}"
