"""A schedule that looks at what it is told."""

import math
from typing import Any, SupportsFloat

from ..optimizer import Optimizer
from .base import LRScheduler, need_optimizer, per_group


class ReduceLROnPlateau(LRScheduler):
    """Times factor when a value has not got better for more than patience epochs.

    Parameters
    ----------
    optimizer : Optimizer
    mode : {"min", "max"}
        Is smaller better, or larger?
    factor : float
        Below 1.
    patience : int
        Epochs without improvement that are borne.
    threshold : float
        What counts as better: by this share of the best value ("rel") or by this much ("abs").
    threshold_mode : {"rel", "abs"}
    cooldown : int
        Epochs after a reduction in which nothing is counted.
    min_lr : float or list of float
        No rate goes below it.
    eps : float
        Reductions smaller than this are left out.

    Raises
    ------
    ValueError
        If factor is 1 or more, a mode is unknown, or min_lr does not fit the groups.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: Any = 0,
        eps: float = 1e-8,
    ) -> None:
        if not factor < 1.0:
            raise ValueError(f"factor must be below 1, got {factor}")
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', got {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode must be 'rel' or 'abs', got {threshold_mode!r}")
        self.optimizer = need_optimizer(optimizer, self)
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.min_lrs = per_group(min_lr, optimizer, "min_lr")
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self.last_epoch = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    @property
    def in_cooldown(self) -> bool:
        """Are bad epochs not counted just now?"""
        return self.cooldown_counter > 0

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]
        """Look at a value, once per epoch; NaN is never better."""
        current = float(metrics)
        self.last_epoch += 1
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _is_better(self, value: float) -> bool:
        change = -self.threshold if self.mode == "min" else self.threshold
        mark = self.best * (1.0 + change) if self.threshold_mode == "rel" else self.best + change
        return value < mark if self.mode == "min" else value > mark

    def _reduce(self) -> None:
        for group, lowest in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            reduced = max(group["lr"] * self.factor, lowest)
            if group["lr"] - reduced > self.eps:
                group["lr"] = reduced
