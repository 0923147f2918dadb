"""Gradient descent: a step, and the loop over batches."""

from typing import Any

import numpy as np

from ...random import Generator, current_generator
from .checks import size
from .loss import Loss
from .module import Module


class Optim:
    """Gradient descent on a network: forward, loss, back, w -= eps dL/dw.

    Parameters
    ----------
    net : Module
    loss : Loss
    eps : float
        The learning rate; not negative.

    Raises
    ------
    TypeError, ValueError
        For a net, a loss or a rate that is none.

    Examples
    --------
    >>> import numpy as np
    >>> from fastscratch.nn.explicit import Linear, MSELoss
    >>> x = np.array([[0.0], [1.0], [2.0]], np.float32)
    >>> net = Linear(1, 1)
    >>> optim = Optim(net, MSELoss(), eps=0.1)
    >>> losses = [optim.step(x, 3 * x + 1) for _ in range(200)]
    >>> net.forward([[10]]).round(2)
    array([[31.]], dtype=float32)
    """

    def __init__(self, net: Module, loss: Loss, eps: float = 1e-3) -> None:
        for name, value, kind in (("net", net, Module), ("loss", loss, Loss)):
            if not isinstance(value, kind):
                raise TypeError(f"Optim: {name} must be a {kind.__name__} of fastscratch.nn.explicit, got {value!r}")
        if not float(eps) >= 0:
            raise ValueError(f"Optim: eps must not be negative, got {eps}")
        self.net, self.loss, self.eps = net, loss, float(eps)

    def step(self, batch_x: Any, batch_y: Any) -> float:
        """One step on a batch; returns the mean loss before it."""
        activations = self.net.activations(batch_x)
        value = float(self.loss.forward(batch_y, activations[-1]).mean())
        self.net.zero_grad()
        self.net.backward_through(activations, self.loss.backward(batch_y, activations[-1]))
        self.net.update_parameters(self.eps)
        return value


def SGD(
    net: Module,
    loss: Loss,
    x: Any,
    y: Any,
    batch_size: int = 32,
    epochs: int = 10,
    eps: float = 1e-2,
    shuffle: bool = True,
    generator: Generator | None = None,
) -> list[float]:
    """Stochastic gradient descent: steps on batches, in a new random order each epoch.

    Parameters
    ----------
    net : Module
        Changed in place.
    loss : Loss
    x, y : array, one row for each sample
    batch_size, epochs : int
        With batch_size 1 it is stochastic, with the number of samples it is batch gradient descent.
    eps : float
        The learning rate.
    shuffle : bool
    generator : Generator, optional
        Of the orders; the one that ``fs.manual_seed`` seeds if not given.

    Returns
    -------
    list of float
        The mean loss of each epoch, over its samples as they were met.

    Raises
    ------
    ValueError
        If x and y have different lengths, or there are no samples.
    FloatingPointError
        If the loss becomes NaN or infinite; the message says in which epoch.

    Examples
    --------
    >>> import numpy as np
    >>> import fastscratch as fs
    >>> from fastscratch.nn.explicit import Linear, MSELoss
    >>> _ = fs.manual_seed(0)
    >>> x = np.random.default_rng(0).normal(size=(64, 2))
    >>> losses = SGD(Linear(2, 1, dtype=np.float64), MSELoss(), x, x @ [1.0, -2.0], batch_size=16, epochs=30, eps=0.1)
    >>> losses[-1] < 1e-4 < losses[0]
    True
    """
    samples, targets = np.asarray(x), np.asarray(y)
    batch_size, epochs = size(batch_size, "batch_size", "SGD"), size(epochs, "epochs", "SGD")
    if samples.ndim == 0 or targets.ndim == 0 or len(samples) != len(targets) or len(samples) == 0:
        raise ValueError(f"SGD: x and y must have one row for each sample, got shapes {samples.shape}, {targets.shape}")
    optim, rng = Optim(net, loss, eps), (current_generator() if generator is None else generator).numpy
    losses = []
    for epoch in range(epochs):
        order = rng.permutation(len(samples)) if shuffle else np.arange(len(samples))
        batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        total = sum(len(batch) * optim.step(samples[batch], targets[batch]) for batch in batches)
        losses.append(total / len(samples))
        if not np.isfinite(losses[-1]):
            raise FloatingPointError(f"SGD: the loss is {losses[-1]} in epoch {epoch + 1}; a smaller eps may help")
    return losses
