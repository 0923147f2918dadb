"""What all schedules share: counting steps, setting learning rates, saving and loading."""

import copy
import warnings
from typing import Any

from ..optimizer import Optimizer


class LRScheduler:
    """Base of all schedules: sets ``lr`` of every group, at once for epoch 0 and then at each step().

    A subclass implements :meth:`get_lr`: the rates of epoch ``last_epoch``, preferably as a change of those that the groups
    have, so that several schedules on one optimizer multiply.

    Parameters
    ----------
    optimizer : Optimizer
    last_epoch : int
        The epoch already reached, -1 for none. With another value the groups must have their ``initial_lr``, which a loaded
        optimizer state brings.

    Attributes
    ----------
    last_epoch : int
        How often step() was called.
    base_lrs : list of float
        The learning rates that the groups started with (``initial_lr``).

    Raises
    ------
    TypeError
        If optimizer is none.
    KeyError
        If last_epoch is not -1 and a group has no ``initial_lr``.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = need_optimizer(optimizer, self)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(f"param_groups[{i}] has no 'initial_lr', which last_epoch={last_epoch} needs")
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def _begin(self) -> None:
        """Set the rates of the epoch after last_epoch: what construction ends with."""
        self._step_count = 1
        self.last_epoch += 1
        self._set(self._first())

    def _first(self) -> list[float]:
        """The rates to begin with, from what the groups have."""
        return self.get_lr()

    def _again(self) -> list[float]:
        """The rates of epoch 0, from what the groups began with."""
        return self.get_lr()

    def get_lr(self) -> list[float]:
        """The rates of epoch last_epoch; meant for step(), use get_last_lr() to ask for the rates in force."""
        raise NotImplementedError(f"{type(self).__name__} does not implement get_lr")

    def get_last_lr(self) -> list[float]:
        """The rates set by the last step, one for each group."""
        return self._last_lr

    def step(self) -> None:
        """Go on by one epoch (or batch, where the schedule counts those); after optimizer.step().

        Warns
        -----
        UserWarning
            If the optimizer has not made a step yet: its first would then be made with the second rate.
        """
        known = type(self.optimizer).step is Optimizer.step  # a step of its own may not say that it was called
        if self._step_count == 1 and known and not self.optimizer._opt_called:
            warnings.warn(
                "lr_scheduler.step() was called before optimizer.step(): the first learning rate is skipped",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self.last_epoch += 1
        self._set(self.get_lr())

    def _restart(self) -> None:
        """Go back to epoch 0: a sequence does so when a schedule's turn comes."""
        self.last_epoch = 0
        self._set(self._again())

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: copy.copy(value) for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what state_dict() returned; the learning rates come with the optimizer's state.

        Raises
        ------
        ValueError
            If it is the state of another kind of schedule; this one is then unchanged.
        """
        self.check_state_dict(state_dict)
        self.__dict__.update({key: copy.copy(value) for key, value in state_dict.items()})

    def check_state_dict(self, state_dict: dict[str, Any]) -> None:
        """ValueError where load_state_dict() would raise it; nothing is changed."""
        expected = set(self.state_dict())
        if not isinstance(state_dict, dict) or set(state_dict) != expected:
            got = sorted(state_dict) if isinstance(state_dict, dict) else type(state_dict).__name__
            raise ValueError(f"the state of {type(self).__name__} has the keys {sorted(expected)}, got {got}")


def need_optimizer(optimizer: Any, scheduler: LRScheduler) -> Optimizer:
    """optimizer, if it is one; TypeError if not."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(scheduler).__name__} needs an Optimizer, got {type(optimizer).__name__}")
    return optimizer


def per_group(value: Any, optimizer: Optimizer, name: str) -> list[Any]:
    """One value for each group: a list of them, or one value for all."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name} must have {groups} values, one for each parameter group, got {len(value)}")
    return list(value)
