"""One way to train for all experiments: shuffled batches, and after each epoch a look at the samples held out."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import fastscratch as fs
from fastscratch import nn
from fastscratch.data import DataLoader, TensorDataset
from fastscratch.metrics import accuracy
from fastscratch.nn import functional as F
from fastscratch.train import History, NonFiniteLossError, Trainer

Loss = Callable[[Any, Any], Any]

OPTIMIZERS: dict[str, Callable[[Any, float], Any]] = {
    "SGD": lambda parameters, lr: fs.optim.SGD(parameters, lr=lr),
    "SGD, momentum 0.9": lambda parameters, lr: fs.optim.SGD(parameters, lr=lr, momentum=0.9),
    "RMSprop": lambda parameters, lr: fs.optim.RMSprop(parameters, lr=lr),
    "Adam": lambda parameters, lr: fs.optim.Adam(parameters, lr=lr),
}


def mlp(*sizes: int, activation: Callable[[], nn.Module] = nn.Tanh) -> nn.Sequential:
    """Linear layers with an activation between them."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), activation()]
    return nn.Sequential(*layers[:-1])


def fit(
    model: nn.Module,
    optimizer: Any,
    train: Sequence[Any],
    validation: Sequence[Any],
    *,
    epochs: int,
    batch_size: int = 64,
    loss: Loss = F.cross_entropy,
    classify: bool = True,
) -> History:
    """Train; what was reached before a loss became NaN or infinite is kept, and the history ends there."""
    loaders = [
        DataLoader(TensorDataset(*part), batch_size=size, shuffle=shuffle)
        for part, size, shuffle in ((train, batch_size, True), (validation, 512, False))
    ]
    trainer = Trainer(model, optimizer, loss, metrics={"accuracy": accuracy} if classify else None)
    with suppress(NonFiniteLossError):
        trainer.fit(*loaders, epochs=epochs)
    return trainer.history


def last(history: History, column: str, otherwise: float = float("nan")) -> float:
    """The last value of a column; `otherwise` if no epoch was finished."""
    return history[column][-1] if len(history) else otherwise
