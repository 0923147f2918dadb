"""Callbacks: what may look on, and have a say, while a Trainer fits."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import atomic_write

if TYPE_CHECKING:
    from .trainer import Trainer

Logs = dict[str, float]


class Callback:
    """Override what you need. To stop the training, set ``trainer.should_stop``; what must survive a resume goes through
    state_dict, which has to be fit for JSON.
    """

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Before the first batch, of a resumed training too."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Before each epoch."""

    def on_batch_end(self, trainer: Trainer, logs: Logs) -> None:
        """After each optimizer step; logs holds the epoch's running means."""

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """After each epoch and its validation; logs is the row that goes into the history."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch, or when the training was stopped, interrupted or failed."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training has to know."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what state_dict gave."""


class EarlyStopping(Callback):
    """Stop when a monitored value no longer gets better.

    Parameters
    ----------
    monitor : str
        A column of the history, such as "val_loss" or "val_accuracy".
    patience : int
        Stop after this many epochs in a row without an improvement of more than min_delta.
    min_delta : float
        The least change that counts, in the monitored value's unit.
    mode : {"auto", "min", "max"}
        Which way is better; "auto" takes "max" for accuracies and "min" for everything else.
    generalization_loss : float, optional
        Prechelt's criterion GL_alpha, in percent: stop as soon as 100 (value / lowest so far - 1) exceeds it. For a
        positive quantity that is minimised, in addition to patience.

    References
    ----------
    L. Prechelt, Early Stopping - But When?, in Neural Networks: Tricks of the Trade, LNCS 1524, 1998.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "auto",
        generalization_loss: float | None = None,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'mode must be "auto", "min" or "max", got {mode!r}')
        if patience < 1:
            raise ValueError(f"patience must be at least 1, got {patience}")
        if min_delta < 0:
            raise ValueError(f"min_delta must not be negative, got {min_delta}")
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.sign = _sign(monitor, mode)
        self.generalization_loss = generalization_loss
        if generalization_loss is not None and self.sign > 0:
            raise ValueError("generalization_loss is a criterion for values that are minimised")
        self.best = -math.inf
        self.best_epoch = 0
        self.waited = 0
        self.reason = ""

    def on_fit_begin(self, trainer: Trainer) -> None:
        if self.reason:  # a training that was stopped is resumed: there is nothing left of it
            trainer.should_stop = True

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        value = _monitored(logs, self.monitor)
        if self.sign * value > self.best + self.min_delta:
            self.best, self.best_epoch, self.waited = self.sign * value, int(logs["epoch"]), 0
        else:
            self.waited += 1
        if self.waited >= self.patience:
            self.reason = f"{self.monitor} has not improved for {self.waited} epochs (best: epoch {self.best_epoch})"
        lowest = self.sign * self.best
        if self.generalization_loss is not None and 100 * (value / lowest - 1) > self.generalization_loss:
            self.reason = f"generalization loss of {self.monitor} above {self.generalization_loss:g} %"
        if self.reason:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        best = None if math.isinf(self.best) else self.best
        return {"best": best, "best_epoch": self.best_epoch, "waited": self.waited, "reason": self.reason}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = -math.inf if state["best"] is None else state["best"]
        self.best_epoch, self.waited, self.reason = state["best_epoch"], state["waited"], state["reason"]


class ModelCheckpoint(Callback):
    """Keep ``last.safetensors`` after every epoch and ``best.safetensors`` whenever the monitored value improves.

    Parameters
    ----------
    folder : path
        Where the two files go; made if it is not there.
    monitor, mode
        As in EarlyStopping.
    every_steps : int, optional
        Also write ``last`` after so many optimizer steps; a resume goes on from there, inside the epoch.
    every_epochs : int, optional
        Also keep ``epoch-0010.safetensors`` and so on after every so many epochs.
    """

    def __init__(
        self,
        folder: str | Path,
        monitor: str = "val_loss",
        mode: str = "auto",
        every_steps: int | None = None,
        every_epochs: int | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.monitor = monitor
        self.sign = _sign(monitor, mode)
        self.every_steps = every_steps
        self.every_epochs = every_epochs
        self.best = -math.inf
        self.best_epoch = 0

    @property
    def last_path(self) -> Path:
        """The checkpoint to resume from."""
        return self.folder / "last.safetensors"

    @property
    def best_path(self) -> Path:
        """The checkpoint to use."""
        return self.folder / "best.safetensors"

    def on_fit_begin(self, trainer: Trainer) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_batch_end(self, trainer: Trainer, logs: Logs) -> None:
        if self.every_steps and trainer.global_step % self.every_steps == 0:
            trainer.save(self.last_path)

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        value = self.sign * _monitored(logs, self.monitor)
        if value > self.best:
            self.best, self.best_epoch = value, int(logs["epoch"])
            trainer.save(self.best_path)
        if self.every_epochs and trainer.epoch % self.every_epochs == 0:
            trainer.save(self.folder / f"epoch-{trainer.epoch:04d}.safetensors")
        trainer.save(self.last_path)

    def on_fit_end(self, trainer: Trainer) -> None:
        if trainer.interrupted and not trainer.failed:
            trainer.save(self.last_path)

    def state_dict(self) -> dict[str, Any]:
        return {"best": None if math.isinf(self.best) else self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = -math.inf if state["best"] is None else state["best"]
        self.best_epoch = state["best_epoch"]


class JSONLinesLogger(Callback):
    """One JSON object per line and epoch; the file is whole at any moment, and of a resumed training too."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def on_fit_begin(self, trainer: Trainer) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._write(trainer)

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        with atomic_write(self.path, "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in trainer.history.rows)


def in_order(callbacks: Iterable[Callback]) -> list[Callback]:
    """Checkpoints last: they hold the state of the others, so they are written after those have seen the epoch."""
    return sorted(callbacks, key=lambda callback: isinstance(callback, ModelCheckpoint))


def _sign(monitor: str, mode: str) -> int:
    """+1 where more is better, -1 where less is."""
    if mode == "auto":
        return 1 if "accuracy" in monitor else -1
    return 1 if mode == "max" else -1


def _monitored(logs: Logs, monitor: str) -> float:
    if monitor not in logs:
        raise KeyError(f"the history has no column {monitor!r}; it has: {', '.join(logs)}")
    return logs[monitor]
