"""Small networks by name, for 28x28 images in ten classes, and a user's own by ``module:Class``."""

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from . import nn
from .names import unknown
from .tensor import Tensor

__all__ = ["MODELS", "Residual", "build", "builder"]


def mlp(dropout: float = 0.0) -> nn.Module:
    """784-128-10 with tanh."""
    hidden = [nn.Linear(784, 128), nn.Tanh(), *_dropout(dropout)]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(128, 10))


def cnn() -> nn.Module:
    """conv(1,32,3)-ReLU-pool-conv(32,64,3)-ReLU-pool-FC128-ReLU-FC10."""
    return _cnn()


def cnn_bn() -> nn.Module:
    """The cnn with batch norm after both convolutions and the first linear layer."""
    return _cnn(batch_norm=True)


def cnn_dropout(dropout: float = 0.5) -> nn.Module:
    """The cnn with dropout: this much before the last layer, half as much after each pool."""
    return _cnn(dropout=dropout)


def cnn_bn_dropout(dropout: float = 0.5) -> nn.Module:
    """The cnn with both."""
    return _cnn(batch_norm=True, dropout=dropout)


def _cnn(batch_norm: bool = False, dropout: float = 0.0) -> nn.Module:
    layers: list[nn.Module] = []
    for channels_in, channels in ((1, 32), (32, 64)):
        layers.append(nn.Conv2d(channels_in, channels, 3))
        layers += [nn.BatchNorm2d(channels)] * batch_norm
        layers += [nn.ReLU(), nn.MaxPool2d(2), *_dropout(dropout / 2)]
    layers += [nn.Flatten(), nn.Linear(1600, 128)]
    layers += [nn.BatchNorm1d(128)] * batch_norm
    layers += [nn.ReLU(), *_dropout(dropout), nn.Linear(128, 10)]
    return nn.Sequential(*layers)


def _dropout(p: float) -> list[nn.Module]:
    return [nn.Dropout(p)] if p else []


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


def lenet() -> nn.Module:
    """LeNet-5 as it is usually taught: conv 6 and 16 with tanh and average pools, 120-84-10.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner: "Gradient-based learning applied to document recognition", Proc. IEEE 86(11), 1998.
    """
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),
    )


class Residual(nn.Module):
    """relu(f(x) + s(x)): f is two 3x3 convolutions with batch norm; s is x, or a 1x1 convolution where shapes differ.

    References
    ----------
    He, Zhang, Ren, Sun: "Deep residual learning for image recognition", CVPR 2016.
    """

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        same = stride == 1 and channels_in == channels
        self.shortcut = nn.Sequential() if same else _projection(channels_in, channels, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, H, W) to (N, channels, H / stride, W / stride)."""
        return self.relu(self.body(x) + self.shortcut(x))


def _projection(channels_in: int, channels: int, stride: int) -> nn.Module:
    convolution = nn.Conv2d(channels_in, channels, 1, stride=stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels))


def resnet_small() -> nn.Module:
    """conv32-pool, residual blocks of 32, 64 (7x7) and 128 (4x4) channels, mean over the pixels, FC10."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        Residual(32, 32),
        Residual(32, 64, stride=2),
        Residual(64, 128, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, 10),
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


MODELS: dict[str, Callable[..., nn.Module]] = {
    "mlp": mlp,
    "cnn": cnn,
    "cnn1d": cnn1d,
    "cnn-bn": cnn_bn,
    "cnn-dropout": cnn_dropout,
    "cnn-bn-dropout": cnn_bn_dropout,
    "lenet": lenet,
    "resnet-small": resnet_small,
    "autoencoder": autoencoder,
}


def builder(name: str) -> Callable[..., nn.Module]:
    """What makes a model of this name: one of MODELS, or ``module:Class`` from the path or the current folder.

    Raises
    ------
    ValueError
        If there is no such model, module or class; the message names the nearest.
    """
    if name in MODELS:
        return MODELS[name]
    module_name, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(unknown("model", name, MODELS, ", or module:Class"))
    module = _import(module_name, name)
    made = getattr(module, attribute, None)
    if not callable(made):
        public = [key for key, value in vars(module).items() if inspect.isclass(value) and issubclass(value, nn.Module)]
        if not public:
            raise ValueError(f"model {name!r}: {module_name} has no class of a fastscratch.nn.Module")
        raise ValueError(f"model {name!r}: {unknown('class', attribute, public)}")
    return made


def build(name: str, **options: Any) -> nn.Module:
    """A new model, initialised from the default generator; options that are None are left out.

    Raises
    ------
    ValueError
        If there is no such model, it does not take an option, or what it makes is no Module.
    """
    check_options(name, **options)
    try:
        model = builder(name)(**{key: value for key, value in options.items() if value is not None})
    except TypeError as error:
        if name in MODELS:
            raise
        raise ValueError(f"model {name!r} cannot be made without arguments: {error}") from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"model {name!r} makes {type(model).__name__}, not a fastscratch.nn.Module")
    return model


def check_options(name: str, **options: Any) -> None:
    """ValueError if a model does not take one of these options that is not None."""
    for key, value in options.items():
        if value is not None and not _takes(builder(name), key):
            takers = [known for known, make in MODELS.items() if _takes(make, key)]
            raise ValueError(f"model {name!r} has no {key} to set; those that have are {', '.join(takers)}")


def _takes(make: Callable[..., Any], key: str) -> bool:
    return key in inspect.signature(make).parameters


def _import(module_name: str, model: str) -> Any:
    """A module, from the current folder too, as ``python -m`` finds it."""
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(module_name)
    except Exception as error:  # whatever a user's module does
        raise ValueError(f"model {model!r}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(os.getcwd())
