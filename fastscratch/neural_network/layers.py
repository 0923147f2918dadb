"""The network of a perceptron: linear layers with batch normalisation, an activation and dropout between them."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from .. import nn

Activation = str | Callable[[], nn.Module]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
}


def perceptron(
    units: Sequence[int], activation: Activation, *, dropout: float = 0.0, batch_norm: bool = False, dtype: Any = None
) -> nn.Sequential:
    """A network of layers with so many units, the number of inputs first; its output is linear."""
    layers: list[nn.Module] = [linear(units[0], units[1], activation, dtype)]
    for inputs, outputs in pairwise(units[1:]):
        if batch_norm:
            layers.append(nn.BatchNorm1d(inputs, dtype=dtype))
        layers.append(ACTIVATIONS[activation]() if isinstance(activation, str) else activation())
        if dropout:
            layers.append(nn.Dropout(dropout))
        layers.append(linear(inputs, outputs, activation, dtype))
    return nn.Sequential(*layers)


def linear(inputs: int, outputs: int, activation: Activation, dtype: Any) -> nn.Linear:
    """A layer whose numbers are uniform in +-sqrt(6 / (inputs + outputs)), 2 in place of 6 for a logistic activation.

    References
    ----------
    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
    """
    layer = nn.Linear(inputs, outputs, dtype=dtype)
    bound = math.sqrt((2 if activation == "logistic" else 6) / (inputs + outputs))
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound)
    return layer
