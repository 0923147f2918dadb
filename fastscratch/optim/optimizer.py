"""What all optimizers share: parameter groups, state, and the walk over them that a step is."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import numpy as np

from ..gradients import forget, zero
from ..quiet import quiet
from ..tape import enable_grad
from ..tensor import Tensor, as_array, wrap
from ..turns import Turn
from .batch import Batch, Plan, gather, settle

Group = dict[str, Any]


class Optimizer:
    """Base of all optimizers.

    A subclass says in :meth:`_names` what state a parameter has, and in :meth:`_update` which kernel changes a list of
    them; overriding :meth:`step` instead works as it does in PyTorch.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        What to optimize. A dict is a group: its ``"params"``, and options that differ from the defaults.
    defaults : dict
        The options of every group that does not set its own.

    Attributes
    ----------
    param_groups : list of dict
        Each holds ``"params"`` and its options, which may be changed between steps.
    state : dict
        What is kept for each parameter, by name; tensors in the parameter's shape and memory order.

    Raises
    ------
    TypeError
        If params is not an iterable of tensors or dicts, or a set, which has no order.
    ValueError
        If there is nothing to optimize, a tensor is not a leaf, or appears twice.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError("params must be an iterable of tensors or dicts, got one Tensor; put it in a list")
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._plans: dict[int, Plan] = {}  # by the place of the group
        self._turn = Turn()  # the lists that a step hands to a kernel stay as they are until it is done
        self._opt_called = False  # schedulers ask
        groups = list(_ordered(params))
        if not groups:
            raise ValueError("there is nothing to optimize: params is empty")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: Group) -> None:
        """Optimize these parameters too, with options of their own."""
        if not isinstance(param_group, dict):
            raise TypeError(f"a parameter group must be a dict, got {type(param_group).__name__}")
        params = param_group["params"]
        params = [params] if isinstance(params, Tensor) else list(_ordered(params))
        known = {id(p) for group in self.param_groups for p in group["params"]}
        for i, p in enumerate(params):
            if not isinstance(p, Tensor):
                raise TypeError(f"only tensors can be optimized, params[{i}] is of type {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError(f"params[{i}] is the result of an operation; only leaf tensors can be optimized")
            if id(p) in known:
                raise ValueError(f"params[{i}], of shape {p.shape}, is there twice; a parameter is optimized once")
            known.add(id(p))
        self.param_groups.append({**self.defaults, **param_group, "params": params})

    # ---- stepping ----

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient: one kernel call for each group (and dtype, and age). Steps that
        several threads ask for are made one after the other.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss and its gradients anew; called first.

        Returns
        -------
        What closure returned, or None.

        Raises
        ------
        TypeError, ValueError
            If a gradient does not have its parameter's dtype and shape; that group is then unchanged.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with self._turn.lock:
            for place, group in enumerate(self.param_groups):
                for batch in self._batches(place, group):
                    self._update(group, batch.age, *batch.lists)
                    settle(batch)
        self._opt_called = True
        return loss

    def _batches(self, place: int, group: Group) -> list[Batch]:
        """The group's parameters that have a gradient, by what they must have in common to share a call; lists filled."""
        names = self._names(group)
        plan = self._plans.get(place)
        if plan is None or plan.names != names or not gather(plan, group["params"], self.state):
            plan = self._plans[place] = Plan(group["params"], names)
            batches: dict[Any, Batch] = {}
            for p in plan.params:
                if p.grad is not None:
                    age, typenum = self._age(p, group), p.array.dtype.num
                    batch = batches.setdefault((typenum, age), Batch(names, age, typenum))
                    batch.params.append(p)
                    batch.states.append(self._prepared(p, names))
            plan.batches = list(batches.values())
            if not gather(plan, plan.params, self.state):
                raise TypeError("gradients, and what is kept for a parameter, must be tensors")
        return plan.batches

    def _prepared(self, p: Tensor, names: tuple[str, ...]) -> dict[str, Any] | None:
        """The state of a parameter, with zeros under the names that it does not have yet; None where none is kept."""
        if not names and not self._counts:
            return self.state.get(p)
        state = self.state[p]
        if self._counts:
            state.setdefault("step", 0)
        for name in names:
            if state.get(name) is None:
                state[name] = zeros_for(p)
        return state

    _counts = False  # is the number of steps part of the state?

    def _names(self, group: Group) -> tuple[str, ...]:
        """What is kept for each parameter, in the order in which _update takes it."""
        raise NotImplementedError(f"{type(self).__name__} implements neither step nor _names and _update")

    def _age(self, p: Tensor, group: Group) -> int | None:
        """How many steps a parameter has made, where parameters of different age cannot share a call."""
        return None

    def _update(self, group: Group, age: int | None, params: list[Any], grads: list[Any], *state: list[Any]) -> None:
        """Change these parameters and their state in place: lists of arrays."""
        raise NotImplementedError(f"{type(self).__name__} implements neither step nor _names and _update")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; with set_to_none=False, make them zero instead, in place."""
        for group in self.param_groups:
            (forget if set_to_none else zero)(group["params"])

    # ---- saving and loading ----

    def state_dict(self) -> dict[str, Any]:
        """State and options, with parameters numbered in the order of the groups.

        Returns
        -------
        dict
            ``"state"``: number -> name -> value; ``"param_groups"``: the groups, ``"params"`` as numbers. The tensors are
            the live ones, not copies.
        """
        numbers = {id(p): i for i, p in enumerate(chain.from_iterable(g["params"] for g in self.param_groups))}
        groups = [{**group, "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups]
        groups = [dict(sorted(group.items(), key=lambda item: item[0] == "params")) for group in groups]
        return {"state": {numbers[id(p)]: dict(s) for p, s in self.state.items() if s}, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what state_dict() returned; values are copied.

        Raises
        ------
        ValueError
            If groups, their sizes or the shapes of state do not fit this optimizer, which is then unchanged.
        """
        self.param_groups, self.state = self._checked(state_dict)

    def check_state_dict(self, state_dict: dict[str, Any]) -> None:
        """ValueError where load_state_dict() would raise it; nothing is changed."""
        self._checked(state_dict)

    def _checked(self, state_dict: dict[str, Any]) -> tuple[list[Group], dict[Tensor, dict[str, Any]]]:
        """Groups and state as they would be after loading; nothing is changed yet."""
        if not isinstance(state_dict, dict) or not {"state", "param_groups"} <= set(state_dict):
            raise ValueError("an optimizer's state has the keys 'state' and 'param_groups'")
        saved, state = state_dict["param_groups"], state_dict["state"]
        sizes, expected = [len(g["params"]) for g in saved], [len(g["params"]) for g in self.param_groups]
        if sizes != expected:
            raise ValueError(f"the state has groups of {sizes} parameters, this optimizer groups of {expected}")
        by_number = dict(
            zip(
                chain.from_iterable(g["params"] for g in saved),
                chain.from_iterable(g["params"] for g in self.param_groups),
                strict=True,
            )
        )
        groups = [
            {**mine, **_copied(group), "params": mine["params"]}
            for mine, group in zip(self.param_groups, saved, strict=True)
        ]
        fresh: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        for number, values in state.items():
            if number not in by_number:
                raise ValueError(f"the state has an entry for parameter {number!r}, which no group contains")
            p = by_number[number]
            fresh[p] = {name: _state_for(p, value, name, number) for name, value in values.items()}
        return groups, fresh

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def zeros_for(p: Tensor) -> Tensor:
    """Zeros in the shape, dtype and memory order of a parameter."""
    return wrap(quiet.call(np.zeros_like, p.array))


def need_at_least_zero(**options: float) -> None:
    """ValueError for the first option that is negative or NaN."""
    for name, value in options.items():
        if not value >= 0.0:
            raise ValueError(f"{name} must be at least 0, got {value}")


def refuse(**flags: Any) -> None:
    """ValueError for a flag of PyTorch's that has no meaning here; foreach and fused need none: every step is both."""
    for name, value in flags.items():
        if value:
            raise ValueError(f"{name}=True is not supported: steps run on the CPU and are not on the tape")


def _ordered(params: Any) -> Iterable[Any]:
    """params, if it can be walked in an order that stays."""
    if isinstance(params, (set, frozenset)):
        raise TypeError("params must have an order that stays, a set has none; use a list")
    try:
        return iter(params)
    except TypeError:
        raise TypeError(f"params must be an iterable of tensors or dicts, got {type(params).__name__}") from None


def _copied(value: Any) -> Any:
    """Options without what they share: lists become lists of their own, tuples stay tuples."""
    if isinstance(value, dict):
        return {key: _copied(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(part) for part in value)
    return value


def _state_for(p: Tensor, value: Any, name: str, number: Any) -> Any:
    """A copy of a saved value: numbers as they are (PyTorch's step is a tensor), arrays as the parameter's are."""
    if name == "step":
        return int(value)
    if not isinstance(value, (Tensor, np.ndarray)):
        return _copied(value)
    array = as_array(value)
    if array.shape != p.shape:
        raise ValueError(f"state[{number}][{name!r}] has shape {array.shape}, the parameter {p.shape}")
    copy = zeros_for(p)
    copy.array[...] = array
    return copy
