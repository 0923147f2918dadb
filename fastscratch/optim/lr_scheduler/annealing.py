"""Schedules along half a cosine: down once, or up and down with the momentum going the other way."""

import math
from typing import Any

from ..optimizer import Group, Optimizer
from .base import LRScheduler, need_optimizer, per_group


class CosineAnnealingLR(LRScheduler):
    r"""Down a cosine from the starting rate to eta_min in T_max epochs, and up again if it goes on.

    .. math:: \eta_t = \eta_{min} + \tfrac{1}{2} (\eta_0 - \eta_{min}) (1 + \cos(\pi t / T_{max}))

    Parameters
    ----------
    optimizer : Optimizer
    T_max : int
    eta_min : float
    last_epoch : int

    References
    ----------
    I. Loshchilov and F. Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017, equation 5.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_max < 1:
            raise ValueError(f"T_max must be at least 1, got {T_max}")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def _height(self, epoch: int) -> float:
        """From 1 at the start to 0 at T_max."""
        return (1 + math.cos(math.pi * epoch / self.T_max)) / 2

    def _first(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def _again(self) -> list[float]:
        return list(self.base_lrs)

    def get_lr(self) -> list[float]:
        """From the rates of the epoch before, so that it may be combined with other schedules."""
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # at the bottom: there is nothing to multiply
            rise = self._height(self.last_epoch)
            pairs = zip(self.optimizer.param_groups, self.base_lrs, strict=True)
            return [group["lr"] + (base - self.eta_min) * rise for group, base in pairs]
        change = self._height(self.last_epoch) / self._height(self.last_epoch - 1)
        return [self.eta_min + (group["lr"] - self.eta_min) * change for group in self.optimizer.param_groups]


class OneCycleLR(LRScheduler):
    """Up to max_lr and down to almost nothing in one cycle, the momentum going the other way; step() after every batch.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float or list of float
        The top of the cycle, for each group.
    total_steps : int, optional
        Length of the cycle; otherwise epochs times steps_per_epoch.
    epochs, steps_per_epoch : int, optional
    pct_start : float
        The share of the cycle that goes up.
    anneal_strategy : {"cos", "linear"}
    cycle_momentum : bool
        Also move the momentum (for Adam, beta1) between max_momentum and base_momentum.
    base_momentum, max_momentum : float or list of float
    div_factor : float
        The start is at max_lr / div_factor.
    final_div_factor : float
        The end is at the start / final_div_factor.
    three_phase : bool
        Come down symmetrically first, then go to the end.
    last_epoch : int

    Raises
    ------
    ValueError
        If the length is missing or not positive, pct_start is not in [0, 1], a name is unknown, the optimizer has no
        momentum to cycle, or step() is called more than total_steps times.

    References
    ----------
    L. Smith and N. Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2018.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        need_optimizer(optimizer, self)
        self.total_steps = _length(total_steps, epochs, steps_per_epoch)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start must be in [0, 1], got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError(f"{type(optimizer).__name__} has no momentum to cycle; pass cycle_momentum=False")
        self.pct_start = pct_start
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.three_phase = three_phase
        if last_epoch == -1:
            tops = per_group(max_lr, optimizer, "max_lr")
            lows = per_group(base_momentum, optimizer, "base_momentum")
            highs = per_group(max_momentum, optimizer, "max_momentum")
            for group, top, low, high in zip(optimizer.param_groups, tops, lows, highs, strict=True):
                start = top / div_factor
                group.update(initial_lr=start, max_lr=top, min_lr=start / final_div_factor)
                if cycle_momentum:
                    group.update(base_momentum=low, max_momentum=high)
        super().__init__(optimizer, last_epoch)

    def _phases(self) -> list[tuple[float, str, str, str, str]]:
        """(last step, rate at its start and end, momentum at its start and end) of each phase."""
        end = self.total_steps - 1
        up = self.pct_start * self.total_steps - 1
        rise = (up, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        if not self.three_phase:
            return [rise, (end, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        down = 2 * self.pct_start * self.total_steps - 2
        return [
            rise,
            (down, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
            (end, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
        ]

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * share
        return end + (start - end) / 2 * (1 + math.cos(math.pi * share))

    def get_lr(self) -> list[float]:
        """The rates of step last_epoch; the momenta are set on the way."""
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"the cycle has {self.total_steps} steps, this would be step {step}")
        phases, begin = self._phases(), 0.0
        for phase in phases[:-1]:
            if step <= phase[0]:
                break
            begin = phase[0]
        else:
            phase = phases[-1]
        end, lr0, lr1, momentum0, momentum1 = phase
        share = (step - begin) / (end - begin) if end != begin else 1.0
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[lr0], group[lr1], share))
            if self.cycle_momentum:
                _set_momentum(group, self._between(group[momentum0], group[momentum1], share))
        return rates


def _set_momentum(group: Group, value: float) -> None:
    """Momentum, or what plays its part."""
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def _length(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """How many steps the cycle has."""
    if total_steps is not None:
        given = {"total_steps": total_steps}
    elif epochs is not None and steps_per_epoch is not None:
        given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    else:
        raise ValueError("the length of the cycle is missing: give total_steps, or epochs and steps_per_epoch")
    for name, value in given.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive int, got {value!r}")
    return math.prod(given.values())
