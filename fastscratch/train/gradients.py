"""The norm of each parameter's gradient, epoch by epoch."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import atomic_write
from .callbacks import Callback, Logs

if TYPE_CHECKING:
    from .trainer import Trainer

_LOOKS = 16  # batches of an epoch that are looked at


class GradientNorms(Callback):
    """Root mean square, over some batches of the epoch, of the Euclidean norm of each parameter's gradient.

    A line of JSON per epoch: ``{"epoch": 1, "0.weight": 0.12, ...}``. The gradients are those that the step was made with,
    after clipping.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, float] = {}
        self.looks = 0

    def on_batch_end(self, trainer: Trainer, logs: Logs) -> None:
        if trainer.step % max(1, trainer.steps_per_epoch // _LOOKS):
            return
        for name, parameter in trainer.model.named_parameters():
            if parameter.grad is not None:
                norm = float(np.linalg.norm(parameter.grad.array))
                self.sums[name] = self.sums.get(name, 0.0) + norm * norm
        self.looks += 1

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        norms = {name: math.sqrt(total / self.looks) for name, total in self.sums.items()}
        self.rows.append({"epoch": logs["epoch"], **norms})
        self.sums, self.looks = {}, 0
        with atomic_write(self.path, "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in self.rows)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "sums": self.sums, "looks": self.looks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows, self.sums, self.looks = list(state["rows"]), dict(state["sums"]), state["looks"]
