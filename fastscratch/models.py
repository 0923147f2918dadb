"""Small networks by name, for 28x28 images in ten classes."""

from collections.abc import Callable

from . import nn


def mlp() -> nn.Module:
    """784-128-10 with tanh."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.Tanh(), nn.Linear(128, 10))


def cnn() -> nn.Module:
    """conv(1,32,3)-ReLU-pool-conv(32,64,3)-ReLU-pool-FC128-ReLU-FC10."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1600, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def cnn1d() -> nn.Module:
    """A 1-d convolution over the pixels in reading order: (N, 1, 784)."""
    return nn.Sequential(
        nn.Flatten(2),
        nn.Conv1d(1, 32, 3),
        nn.MaxPool1d(2, 2),
        nn.Flatten(),
        nn.Linear(12512, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )


def autoencoder() -> nn.Module:
    """784-256-128-32-128-256-784: 32 numbers for an image; sigmoid at the end, so pixels lie in [0, 1]."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 32),
        nn.Linear(32, 128),
        nn.ReLU(),
        nn.Linear(128, 256),
        nn.ReLU(),
        nn.Linear(256, 784),
        nn.Sigmoid(),
    )


MODELS: dict[str, Callable[[], nn.Module]] = {
    "mlp": mlp,
    "cnn": cnn,
    "cnn1d": cnn1d,
    "autoencoder": autoencoder,
}
