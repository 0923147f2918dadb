"""The parameters that one call of a kernel changes, and the lists of arrays that it is given.

Both are kept from step to step. Before each step :func:`gather` looks at everything a list depends on, and puts into it
only what is another array than before; where parameters no longer belong together (one was frozen, replaced or converted,
state was loaded), the optimizer groups them anew.
"""

from collections.abc import Sequence
from typing import Any

from .. import gradients
from ..gradients import Arrays
from ..tape import touch_all
from ..tensor import Tensor


class Batch:
    """Parameters of one dtype and age, with gradients; and the lists: parameters, gradients, and one for each name."""

    __slots__ = ("age", "lists", "names", "params", "states", "typenum")

    def __init__(self, names: tuple[str, ...], age: int | None, typenum: int) -> None:
        self.names = names
        self.age = age  # how many steps they have made, where the step depends on it
        self.typenum = typenum
        self.params: list[Tensor] = []
        self.states: list[dict[str, Any] | None] = []
        self.lists: list[Any] = [Arrays() for _ in range(2 + len(names))]


class Plan:
    """The batches of a group, as its parameters were when they were formed."""

    __slots__ = ("batches", "names", "params")

    def __init__(self, params: Sequence[Tensor], names: tuple[str, ...]) -> None:
        self.params = list(params)
        self.names = names
        self.batches: list[Batch] = []


def gather(plan: Plan, params: list[Tensor], state: Any) -> bool:
    """Fill the lists with the arrays as they are now. False if the plan is not (any more) that of these parameters, the
    state that they have and the gradients that are there.
    """
    if len(plan.params) != len(params) or any(p is not q for p, q in zip(plan.params, params, strict=True)):
        return False
    ready = sum(len(batch.params) for batch in plan.batches)
    return all(_fill(batch, state) for batch in plan.batches) and ready == sum(p.grad is not None for p in params)


def _fill(batch: Batch, state: Any) -> bool:
    for p, kept in zip(batch.params, batch.states, strict=True):
        if p.grad is None or p.array.dtype.num != batch.typenum or state.get(p) is not kept:
            return False
        if kept is None:
            continue
        if batch.age is not None and kept.get("step", 0) != batch.age:
            return False
        if any(not isinstance(kept.get(name), Tensor) for name in batch.names):
            return False
    batch.lists[0][:] = [p.array for p in batch.params]
    batch.lists[1][:] = [p.grad.array for p in batch.params]  # type: ignore[union-attr]
    for name, arrays in zip(batch.names, batch.lists[2:], strict=True):
        arrays[:] = [kept[name].array for kept in batch.states]  # type: ignore[index]
    return True


def settle(batch: Batch) -> None:
    """Note that the parameters have changed and made a step; let go of the gradients."""
    touch_all(batch.params)
    for kept in batch.states:
        if kept is not None and "step" in kept:
            kept["step"] += 1
    if batch.age is not None:
        batch.age += 1
    batch.lists[1].clear()


if gradients.settle is not None:  # without the interpreter
    gather, settle = gradients.gather, gradients.settle
