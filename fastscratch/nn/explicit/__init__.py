"""Explicit back-propagation: modules and losses that know their own derivatives, on NumPy arrays, without a tape.

For those who learn or teach how gradients flow. A module f with parameters w answers three questions about y = f(x), given
x (`input`) and the derivative of the loss in y (`delta`): what is y (``forward``), what is dL/dw
(``backward_update_gradient``, which adds it to ``gradients``), and what is dL/dx (``backward_delta``). It remembers nothing
of x between the calls, so that a layer may stand in a network twice. Arithmetic is done by the kernels that the tape
calls too (:mod:`fastscratch.backend`); signals and images have their channels last, (batch, length, channels) and
(batch, height, width, channels).

Examples
--------
>>> import numpy as np
>>> import fastscratch as fs
>>> from fastscratch.nn import explicit
>>> _ = fs.manual_seed(0)
>>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
>>> y = np.array([[0], [1], [1], [0]])
>>> net = explicit.Sequentiel(explicit.Linear(2, 8), explicit.TanH(), explicit.Linear(8, 1), explicit.Sigmoid())
>>> optim = explicit.Optim(net, explicit.BCE(), eps=1.0)
>>> losses = [optim.step(x, y) for _ in range(500)]
>>> losses[-1] < 0.05
True
>>> (net.forward(x) > 0.5).astype(int).ravel()
array([0, 1, 1, 0])
"""

from .activation import LogSoftmax, ReLU, Sigmoid, Softmax, TanH
from .autoencoder import AutoEncodeur
from .container import Concatenated, Sequential, Sequentiel
from .conv import Conv1D, Conv2D
from .linear import Linear, TiedLinear
from .loss import BCE, CrossEntropyLoss, Loss, MSELoss, NLLLoss
from .module import Module
from .optim import SGD, Optim
from .pool import AvgPool1D, AvgPool2D, MaxPool1D, MaxPool2D
from .shape import Flatten, Reshape, Transpose

__all__ = [
    "BCE",
    "SGD",
    "AutoEncodeur",
    "AvgPool1D",
    "AvgPool2D",
    "Concatenated",
    "Conv1D",
    "Conv2D",
    "CrossEntropyLoss",
    "Flatten",
    "Linear",
    "LogSoftmax",
    "Loss",
    "MSELoss",
    "MaxPool1D",
    "MaxPool2D",
    "Module",
    "NLLLoss",
    "Optim",
    "ReLU",
    "Reshape",
    "Sequential",
    "Sequentiel",
    "Sigmoid",
    "Softmax",
    "TanH",
    "TiedLinear",
    "Transpose",
]
