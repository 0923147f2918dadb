"""Optimizers and schedules by name, and recipes: customary settings for each network, not the winners of a search."""

from collections.abc import Callable
from typing import Any

from .. import optim

OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": lambda p, lr, decay, momentum: optim.SGD(p, lr=lr, momentum=momentum, weight_decay=decay),
    "rmsprop": lambda p, lr, decay, momentum: optim.RMSprop(p, lr=lr, weight_decay=decay),
    "adam": lambda p, lr, decay, momentum: optim.Adam(p, lr=lr, weight_decay=decay),
    "adamw": lambda p, lr, decay, momentum: optim.AdamW(p, lr=lr, weight_decay=decay),
}

LEARNING_RATES = {"sgd": 0.05, "rmsprop": 1e-3, "adam": 1e-3, "adamw": 1e-3}

# Each is stepped after every batch, over so many in all; `epoch` is the number of batches in an epoch.
SCHEDULES: dict[str, Callable[[Any, float, int, int], Any]] = {
    "constant": lambda optimizer, lr, steps, epoch: None,
    "cosine": lambda optimizer, lr, steps, epoch: optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps),
    "onecycle": lambda optimizer, lr, steps, epoch: optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=lr, total_steps=steps, cycle_momentum="betas" in optimizer.defaults
    ),
    "linear": lambda optimizer, lr, steps, epoch: optim.lr_scheduler.LinearLR(
        optimizer, start_factor=1.0, end_factor=1e-3, total_iters=steps
    ),
    "step": lambda optimizer, lr, steps, epoch: optim.lr_scheduler.StepLR(optimizer, step_size=max(1, steps // 3)),
    "exponential": lambda optimizer, lr, steps, epoch: optim.lr_scheduler.ExponentialLR(optimizer, 0.9 ** (1 / epoch)),
}

RECIPES: dict[str, dict[str, Any]] = {
    "mlp": {"optimizer": "sgd", "lr": 0.1, "epochs": 10},
    "cnn": {"optimizer": "adam", "lr": 2e-3, "schedule": "onecycle", "epochs": 8},
    "cnn1d": {"optimizer": "adam", "lr": 3e-3, "schedule": "onecycle", "epochs": 12},
    "cnn-bn": {"optimizer": "adam", "lr": 2e-3, "schedule": "onecycle", "epochs": 8},
    "cnn-dropout": {"optimizer": "adam", "lr": 2e-3, "schedule": "onecycle", "epochs": 8},
    "cnn-bn-dropout": {"optimizer": "adam", "lr": 2e-3, "schedule": "onecycle", "epochs": 8},
    "lenet": {"optimizer": "adam", "lr": 2e-3, "schedule": "onecycle", "epochs": 12},
    "resnet-small": {"optimizer": "adamw", "lr": 3e-3, "schedule": "onecycle", "epochs": 8, "weight_decay": 1e-2},
    "autoencoder": {"optimizer": "adam", "lr": 2e-3, "epochs": 20, "batch_size": 128, "reconstruct": True},
}
