"""What the estimators give to a Trainer: weighted batches, a loss with its penalty, and a watch on every epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import optim
from ..data.dataset import rows
from ..nn import functional as F
from ..tensor import Tensor, wrap
from ..train import Callback, Trainer
from ..train.callbacks import Logs

Array = np.ndarray[Any, Any]
Loss = Callable[[Tensor, Tensor], Tensor]  # of each sample

LEAST_LR = 1e-6  # below this an adaptive rate is no longer divided


def log_loss(output: Tensor, target: Tensor) -> Tensor:
    """Cross entropy of each sample's class."""
    return F.cross_entropy(output, target, reduction="none")


def binary_log_loss(output: Tensor, target: Tensor) -> Tensor:
    """Cross entropy of each sample's yes or no, summed over the outputs."""
    return F.binary_cross_entropy_with_logits(output, target, reduction="none").sum(1)


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Half the square of each sample's error, summed over the outputs."""
    return F.mse_loss(output, target, reduction="none").sum(1) / 2


def poisson(output: Tensor, target: Tensor) -> Tensor:
    """Half the deviance of each sample's counts, whose rates are exp(output), summed over the outputs."""
    counts = target.array
    least = (counts * np.log(np.where(counts > 0, counts, 1)) - counts).sum(1)
    return (output.exp() - target * output).sum(1) + wrap(least)


class Samples:
    """A data set whose batch is (inputs, (target, weights or None))."""

    def __init__(self, X: Array, y: Array, weight: Array | None) -> None:
        self.X, self.y, self.weight = X, y, weight

    def __len__(self) -> int:
        return len(self.X)

    def gather(self, indices: Array) -> tuple[Tensor, tuple[Tensor, Tensor | None]]:
        """The batch with these samples: one gather for each array."""
        weight = None if self.weight is None else wrap(self.weight[indices])
        return wrap(rows(self.X, indices)), (wrap(rows(self.y, indices)), weight)


class Objective:
    """The weighted mean loss of a batch. The penalty alpha |W|^2 / 2, divided by the batch's weight, is the optimizer's."""

    def __init__(self, loss: Loss, alpha: float, optimizer: Any) -> None:
        self.loss, self.alpha, self.optimizer = loss, alpha, optimizer
        self.mean = _MEANS.get(loss)

    def __call__(self, output: Tensor, target: tuple[Tensor, Tensor | None]) -> Tensor:
        y, weight = target
        total = float(len(output)) if weight is None else max(float(weight.sum().item()), 1e-30)
        if self.alpha:
            self.optimizer.param_groups[0]["weight_decay"] = self.alpha / total
        if weight is not None:
            return (self.loss(output, y) * weight).sum() / total
        return self.loss(output, y).mean() if self.mean is None else self.mean(output, y)


_MEANS: dict[Loss, Loss] = {log_loss: F.cross_entropy}  # one kernel for loss and mean

SOLVERS: dict[str, Callable[[Any, Any], Any]] = {  # an optimizer from parameter groups and the estimator's parameters
    "adam": lambda groups, e: optim.Adam(groups, lr=e.learning_rate_init, betas=(e.beta_1, e.beta_2), eps=e.epsilon),
    "adamw": lambda groups, e: optim.AdamW(
        groups, lr=e.learning_rate_init, betas=(e.beta_1, e.beta_2), eps=e.epsilon, weight_decay=0
    ),
    "rmsprop": lambda groups, e: optim.RMSprop(groups, lr=e.learning_rate_init, eps=e.epsilon),
    "sgd": lambda groups, e: optim.SGD(
        groups, lr=e.learning_rate_init, momentum=e.momentum, nesterov=e.nesterovs_momentum and e.momentum > 0
    ),
}


def make_optimizer(estimator: Any, network: Any) -> Any:
    """The solver on two groups of parameters, matrices, which are penalised, and the rest."""
    parameters = list(network.parameters())
    groups = [{"params": [p for p in parameters if (p.ndim > 1) == matrices]} for matrices in (True, False)]
    if callable(estimator.solver):
        return estimator.solver(groups)
    return SOLVERS[estimator.solver](groups, estimator)


class Watch(Callback):
    """Keeps an estimator's curves, lowers its rate, and stops where nothing has got better for n_iter_no_change epochs.

    Parameters
    ----------
    score : callable, optional
        The score on held-out samples; with it the best network is kept in `best`, else the training loss is watched.
    """

    def __init__(self, estimator: Any, n_samples: int, score: Callable[[], float] | None) -> None:
        self.estimator, self.n_samples, self.score = estimator, n_samples, score
        self.waited = 0
        self.best: dict[str, Array] | None = None
        self.converged = False

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        e = self.estimator
        e.n_iter_ += 1
        e.t_ += self.n_samples
        e.loss_ = logs["loss"] + e._penalty(trainer.model, self.n_samples)
        e.loss_curve_.append(e.loss_)
        self.waited = 0 if self._better(trainer) else self.waited + 1
        if e.solver == "sgd" and e.learning_rate == "invscaling":
            _set_rate(trainer.optimizer, e.learning_rate_init / (e.t_ + 1) ** e.power_t)
        if self.waited > e.n_iter_no_change:
            self._give_up(trainer)

    def _better(self, trainer: Trainer) -> bool:
        e = self.estimator
        if self.score is None:
            better = e.loss_ <= e.best_loss_ - e.tol
            e.best_loss_ = min(e.best_loss_, e.loss_)
            return better
        value = self.score()
        e.validation_scores_.append(value)
        better = value >= e.best_validation_score_ + e.tol
        if value > e.best_validation_score_:
            e.best_validation_score_ = value
            self.best = {name: tensor.array.copy() for name, tensor in trainer.model.state_dict().items()}
        return better

    def _give_up(self, trainer: Trainer) -> None:
        rate = trainer.optimizer.param_groups[0]["lr"]
        if self.estimator.solver == "sgd" and self.estimator.learning_rate == "adaptive" and rate > LEAST_LR:
            _set_rate(trainer.optimizer, rate / 5)
            self.waited = 0
        else:
            trainer.should_stop = self.converged = True


def _set_rate(optimizer: Any, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def need_finite(network: Any) -> None:
    """An error if a parameter is NaN or infinite."""
    if not all(math.isfinite(float(p.array.sum())) or np.isfinite(p.array).all() for p in network.parameters()):
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            "preprocessed."
        )
