"""Schedules that multiply the learning rate by a function of the epoch."""

from collections.abc import Callable
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, need_optimizer


class _FactorLR(LRScheduler):
    """lr(t) = lr(t - 1) f(t) / f(t - 1), so that several schedules on one optimizer multiply; alone, base_lr f(t)."""

    def _factor(self, epoch: int) -> float:
        raise NotImplementedError

    def _first(self) -> list[float]:
        # A schedule that is picked up again (last_epoch given) finds its rate in the groups already.
        factor = self._factor(0) if self.last_epoch == 0 else 1.0
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _again(self) -> list[float]:
        return [base * self._factor(0) for base in self.base_lrs]

    def get_lr(self) -> list[float]:
        """The rates of the epoch before, times the change of the factor."""
        now, before = self._factor(self.last_epoch), self._factor(self.last_epoch - 1)
        change = now / before if before not in (now, 0) else 1.0
        return [group["lr"] * change for group in self.optimizer.param_groups]


class StepLR(_FactorLR):
    """Times gamma after every step_size epochs.

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
    gamma : float
    last_epoch : int

    Examples
    --------
    >>> import fastscratch as fs
    >>> optimizer = fs.optim.SGD([fs.zeros(2, requires_grad=True)], lr=1.0)
    >>> scheduler = fs.optim.lr_scheduler.StepLR(optimizer, step_size=2)
    >>> for epoch in range(4):
    ...     optimizer.step()
    ...     print(scheduler.get_last_lr())
    ...     scheduler.step()
    [1.0]
    [1.0]
    [0.1]
    [0.1]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if step_size < 1:
            raise ValueError(f"step_size must be at least 1, got {step_size}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return self.gamma ** (epoch // self.step_size)


class MultiStepLR(_FactorLR):
    """Times gamma at each of the milestones.

    Parameters
    ----------
    optimizer : Optimizer
    milestones : list of int
        Epochs; one that is listed twice counts twice.
    gamma : float
    last_epoch : int
    """

    def __init__(self, optimizer: Optimizer, milestones: Any, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.milestones = sorted(int(m) for m in milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return self.gamma ** sum(m <= epoch for m in self.milestones)


class ExponentialLR(_FactorLR):
    """Times gamma at every epoch.

    Parameters
    ----------
    optimizer : Optimizer
    gamma : float
    last_epoch : int
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return self.gamma**epoch


class ConstantLR(_FactorLR):
    """Times factor for the first total_iters epochs.

    Parameters
    ----------
    optimizer : Optimizer
    factor : float
        In (0, 1].
    total_iters : int
    last_epoch : int

    Raises
    ------
    ValueError
        If factor is not in (0, 1].
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 < factor <= 1:
            raise ValueError(f"factor must be in (0, 1], got {factor}")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return self.factor if epoch < self.total_iters else 1.0


class LinearLR(_FactorLR):
    """Times a factor that goes from start_factor to end_factor in total_iters epochs: the usual warm-up.

    Parameters
    ----------
    optimizer : Optimizer
    start_factor : float
        In (0, 1].
    end_factor : float
        In [0, 1].
    total_iters : int
    last_epoch : int

    Raises
    ------
    ValueError
        If a factor is out of its range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"start_factor must be in (0, 1], got {start_factor}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"end_factor must be in [0, 1], got {end_factor}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        if epoch >= self.total_iters:
            return self.end_factor
        return self.start_factor + (self.end_factor - self.start_factor) * epoch / self.total_iters


class LambdaLR(LRScheduler):
    """The starting rate times a function of the epoch.

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : callable, or list of callables
        ``epoch -> factor``, one for all groups or one for each. Functions are not part of state_dict().
    last_epoch : int
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        groups = len(need_optimizer(optimizer, self).param_groups)
        lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(lambdas) != groups:
            raise ValueError(
                f"lr_lambda must have {groups} functions, one for each parameter group, got {len(lambdas)}"
            )
        self.lr_lambdas: list[Callable[[int], float]] = lambdas
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """base_lr times the function at last_epoch."""
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and the functions."""
        state = super().state_dict()
        del state["lr_lambdas"]
        return state
