"""Recipes: a network and the settings that train it well; customary ones, not the winners of a search."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import models, nn, optim


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    ``reconstruct`` says that the target is the image itself, the loss the mean squared error.
    """

    model: str
    optimizer: str = "adam"
    lr: float = 1e-3
    schedule: str = "cosine"
    weight_decay: float = 0.0
    batch_size: int = 64
    epochs: int = 8
    reconstruct: bool = False

    def check(self) -> None:
        """Raise ValueError for a name that is not known."""
        for kind, known in (("model", models.MODELS), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, kind) not in known:
                raise ValueError(f"unknown {kind} {getattr(self, kind)!r}: known are {', '.join(known)}")

    def build(self) -> nn.Module:
        """A new network, initialised from the default generator."""
        return models.MODELS[self.model]()

    def make_optimizer(self, parameters: Any) -> optim.Optimizer:
        """The optimizer of these settings for these parameters."""
        return OPTIMIZERS[self.optimizer](parameters, self.lr, self.weight_decay)

    def make_scheduler(self, optimizer: optim.Optimizer, steps: int) -> Any:
        """The schedule over so many optimizer steps; None if the learning rate is constant."""
        return SCHEDULES[self.schedule](optimizer, self.lr, steps)


OPTIMIZERS: dict[str, Callable[[Any, float, float], optim.Optimizer]] = {
    "sgd": lambda p, lr, decay: optim.SGD(p, lr=lr, momentum=0.9, weight_decay=decay),
    "rmsprop": lambda p, lr, decay: optim.RMSprop(p, lr=lr, weight_decay=decay),
    "adam": lambda p, lr, decay: optim.Adam(p, lr=lr, weight_decay=decay),
    "adamw": lambda p, lr, decay: optim.AdamW(p, lr=lr, weight_decay=decay),
}

SCHEDULES: dict[str, Callable[[Any, float, int], Any]] = {
    "constant": lambda optimizer, lr, steps: None,
    "cosine": lambda optimizer, lr, steps: optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps),
    "onecycle": lambda optimizer, lr, steps: optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps),
}

RECIPES: dict[str, Recipe] = {
    "mlp": Recipe("mlp", optimizer="sgd", lr=0.1, epochs=10),
    "cnn": Recipe("cnn", optimizer="adam", lr=2e-3, schedule="onecycle", epochs=8),
    "cnn1d": Recipe("cnn1d", optimizer="adam", lr=3e-3, schedule="onecycle", epochs=12),
    "autoencoder": Recipe("autoencoder", optimizer="adam", lr=2e-3, epochs=20, batch_size=128, reconstruct=True),
}
