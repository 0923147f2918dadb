"""Module: something with a forward pass, and with its own way back."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import backend
from ...random import current_generator
from .checks import Array, parameter_type


class Module:
    """Base of all layers: y = f(x; w).

    A subclass defines ``forward`` and ``backward_delta``, and ``backward_update_gradient`` if it has parameters.

    Attributes
    ----------
    parameters : dict of str to ndarray
        The layer's own w, changed in place by update_parameters.
    gradients : dict of str to ndarray
        Beside each of them the sum of the gradients since zero_grad.

    Notes
    -----
    Nothing of a forward pass is kept. What a way back needs is computed again from `input`, which for an activation costs
    as much as its forward pass.
    """

    def __init__(self, **parameters: Array) -> None:
        self.parameters = parameters
        self.gradients = {name: np.zeros_like(value) for name, value in parameters.items()}

    def forward(self, input: Any) -> Array:
        """y = f(x), for a batch x; its first axis is the batch."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """dL/dx = (dy/dx)^T delta, where delta = dL/dy has the shape of y."""
        raise NotImplementedError(f"{type(self).__name__} must define backward_delta")

    def backward_update_gradient(self, input: Any, delta: Any) -> None:
        """Add dL/dw = (dy/dw)^T delta to the gradients; nothing to do without parameters."""

    def zero_grad(self) -> None:
        """Set the gradients to zero."""
        for module in self.modules():
            for gradient in module.gradients.values():
                gradient.fill(0)

    def update_parameters(self, gradient_step: float = 1e-3) -> None:
        """w -= gradient_step dL/dw, once for each parameter, also where a layer stands in a network twice."""
        owners = [module for module in self.modules() if module.parameters]
        parameters = [value for module in owners for value in module.parameters.values()]
        gradients = [value for module in owners for value in module.gradients.values()]
        if parameters:
            backend.sgd_step(parameters, gradients, None, float(gradient_step), 0.0, 0.0, 0.0, False, False)

    def children(self) -> tuple["Module", ...]:
        """The modules that this one is made of."""
        return ()

    def modules(self) -> Iterator["Module"]:
        """This module and all that it is made of, each once."""
        seen: set[int] = set()
        waiting: list[Module] = [self]
        while waiting:
            module = waiting.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield module
                waiting += reversed(module.children())

    def activations(self, input: Any) -> list[Any]:
        """The input, what lies between the layers if there are several, and the output."""
        return [input, self.forward(input)]

    def backward_through(self, activations: list[Any], delta: Any) -> None:
        """backward_update_gradient, given the activations of the forward pass: it need not be done again."""
        self.backward_update_gradient(activations[0], delta)

    def __call__(self, input: Any) -> Array:
        return self.forward(input)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def drawn(*shapes: tuple[int, ...], dtype: Any, owner: str) -> list[Array]:
    """A weight and perhaps a bias from U(-k, k), k = 1 / sqrt(inputs of one output): as the tape's layers draw theirs."""
    chosen = parameter_type(dtype, owner)
    bound = 1 / np.sqrt(np.prod(shapes[0][1:]))
    return [current_generator().numpy.uniform(-bound, bound, shape).astype(chosen) for shape in shapes]
