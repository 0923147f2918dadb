"""Networks: modules one after the other, and modules side by side."""

from typing import Any

import numpy as np

from .checks import Array, delta_of, floating
from .module import Module


def _modules(layers: tuple[Any, ...], owner: str) -> tuple[Module, ...]:
    for layer in layers:
        if not isinstance(layer, Module):
            raise TypeError(f"{owner}: expected modules of fastscratch.nn.explicit, got {layer!r}")
    return layers


class Sequentiel(Module):
    """y = f_n(... f_2(f_1(x))); deltas are handed from the last layer to the first: the chain rule.

    Parameters
    ----------
    *layers : Module
        One may stand in several places: its gradients add up, and it is updated once.

    Raises
    ------
    TypeError
        For a layer that is no Module.

    Notes
    -----
    ``backward_update_gradient(x, delta)`` runs forward first, since nothing was kept. With ``activations(x)`` kept by
    the caller, ``backward_through(activations, delta)`` need not: Optim does that.

    Examples
    --------
    >>> from fastscratch.nn.explicit import Sigmoid, TanH
    >>> net = Sequentiel(TanH(), Sigmoid())
    >>> net.activations([[0.0]])
    [[[0.0]], array([[0.]]), array([[0.5]])]
    >>> net.backward_delta([[0.0]], [[1.0]])  # 1 * 0.25, the slopes of tanh and of the sigmoid at 0
    array([[0.25]])
    """

    def __init__(self, *layers: Module) -> None:
        super().__init__()
        self.layers = _modules(layers, "Sequentiel")

    def children(self) -> tuple[Module, ...]:
        """The layers."""
        return self.layers

    def activations(self, input: Any) -> list[Any]:
        """What each layer is given, and the output at the end."""
        values = [input]
        for layer in self.layers:
            values.append(layer.forward(values[-1]))
        return values

    def forward(self, input: Any) -> Array:
        """The last layer's output."""
        for layer in self.layers:
            input = layer.forward(input)
        return floating(input, self)

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """Through all layers, from the last to the first."""
        given = self.activations(input)
        for layer, x in zip(self.layers[::-1], given[-2::-1], strict=True):
            delta = layer.backward_delta(x, delta)
        return np.asarray(delta)

    def backward_update_gradient(self, input: Any, delta: Any) -> None:
        """Add to the gradients of all layers."""
        self.backward_through(self.activations(input), delta)

    def backward_through(self, activations: list[Any], delta: Any) -> None:
        """Add to the gradients of all layers, given what each of them was given."""
        for i in reversed(range(len(self.layers))):
            self.layers[i].backward_update_gradient(activations[i], delta)
            if i:  # nobody asks for the delta before the first layer
                delta = self.layers[i].backward_delta(activations[i], delta)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"


Sequential = Sequentiel


class Concatenated(Module):
    """y = [f_1(x), f_2(x), ...]: modules side by side on the same input, their outputs joined along the last axis.

    delta is cut where the outputs were joined; dL/dx = the sum of what the modules make of their parts.

    Parameters
    ----------
    *branches : Module

    Raises
    ------
    TypeError
        For a branch that is no Module.
    ValueError
        If there are none, or their outputs differ in more than the last axis.

    Examples
    --------
    >>> from fastscratch.nn.explicit import ReLU, TanH
    >>> Concatenated(TanH(), ReLU()).forward([[0.0, -1.0]]).shape
    (1, 4)
    """

    def __init__(self, *branches: Module) -> None:
        super().__init__()
        if not branches:
            raise ValueError("Concatenated: expected at least one module")
        self.branches = _modules(branches, "Concatenated")

    def children(self) -> tuple[Module, ...]:
        """The branches."""
        return self.branches

    def forward(self, input: Any) -> Array:
        """The outputs, joined."""
        return self._joined([branch.forward(input) for branch in self.branches])

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """The sum over the branches."""
        parts = self._parts(input, delta)
        return np.sum([branch.backward_delta(x[0], dy) for branch, x, dy in parts], axis=0)

    def backward_update_gradient(self, input: Any, delta: Any) -> None:
        """Add to the gradients of all branches."""
        for branch, activations, dy in self._parts(input, delta):
            branch.backward_through(activations, dy)

    def _parts(self, input: Any, delta: Any) -> list[tuple[Module, list[Any], Array]]:
        """Each branch, its activations, and its part of delta."""
        runs = [branch.activations(input) for branch in self.branches]
        whole = self._joined([run[-1] for run in runs])
        dy = delta_of(delta, whole.shape, whole, self)
        ends = np.cumsum([run[-1].shape[-1] for run in runs])
        return list(zip(self.branches, runs, np.split(dy, ends[:-1], axis=-1), strict=True))

    def _joined(self, outputs: list[Array]) -> Array:
        if len({y.shape[:-1] for y in outputs}) > 1:
            raise ValueError(f"{self}: outputs of shapes {', '.join(str(y.shape) for y in outputs)} cannot be joined")
        return np.concatenate(outputs, axis=-1)

    def __repr__(self) -> str:
        return f"Concatenated({', '.join(map(repr, self.branches))})"
