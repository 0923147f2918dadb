"""Whole training steps and predictions, through the public interface: forward, loss, backward, step, zero_grad."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..library import Call, Library
from . import with_jax
from .work import Work


def mlp(nn: Any) -> Any:
    """784-128-10 with tanh."""
    return nn.Sequential(nn.Linear(784, 128), nn.Tanh(), nn.Linear(128, 10))


def deep_mlp(nn: Any) -> Any:
    """784-256-128-10 with ReLU."""
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def tiny_mlp(nn: Any) -> Any:
    """2-16-16-2 with tanh, for two moons."""
    return nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2))


def cnn(nn: Any) -> Any:
    """conv32-ReLU-pool-conv64-ReLU-pool-FC128-ReLU-FC10."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def bn_cnn(nn: Any) -> Any:
    """Three convolutions with batch norm and dropout."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )


def cnn1d(nn: Any) -> Any:
    """A 1-d convolution over 784 pixels."""
    return nn.Sequential(
        *(nn.Conv1d(1, 32, 3), nn.MaxPool1d(2, 2), nn.Flatten()),
        *(nn.Linear(12512, 100), nn.ReLU(), nn.Linear(100, 10)),
    )


def batch(shape: tuple[int, ...], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images in [0, 1] and labels."""
    rng = np.random.default_rng(0)
    return rng.random(shape, dtype=np.float32), rng.integers(0, classes, shape[0])


def step(
    make: Callable[[Any], Any], shape: tuple[int, ...], optimizer: str, classes: int = 10, **options: Any
) -> Callable[[Library], Call]:
    """One step of training on one batch."""

    def build(library: Library) -> Call:
        images, labels = batch(shape, classes)
        x, y = library.tensor(images), library.tensor(labels)
        net = library.network(make)
        optim = library.optimizer(optimizer, net.parameters(), **options)
        criterion = library.nn.CrossEntropyLoss()

        def call() -> Any:
            optim.zero_grad()
            loss = criterion(net(x), y)
            loss.backward()
            optim.step()
            return loss

        return call

    return build


def predict(make: Callable[[Any], Any], shape: tuple[int, ...]) -> Callable[[Library], Call]:
    """The logits of one batch, nothing recorded."""

    def build(library: Library) -> Call:
        x = library.tensor(batch(shape, 10)[0])
        net = library.network(make)
        net.eval()

        def call() -> Any:
            with library.inference():
                return net(x)

        return call

    return build


def _sum(y: Any) -> float:
    return float(y.sum().item())


def _works() -> list[Work]:
    works = []
    for n, target in ((32, 2.5), (64, 2.5), (256, 2.0)):
        flops = n * (784 * 128 * 4 + 128 * 10 * 6)
        name = f"step, MLP 784-128-10 tanh, SGD, batch {n}"
        peers = {"jax": with_jax.step(with_jax.MLP, (n, 784), 10)}
        works.append(Work(name, step(mlp, (n, 784), "SGD", lr=1e-3), target, flops=flops, check=_sum, peers=peers))
    flops = 64 * (784 * 256 * 4 + 256 * 128 * 6 + 128 * 10 * 6)
    adam = step(deep_mlp, (64, 784), "Adam", lr=1e-4)
    works.append(Work("step, MLP 784-256-128-10, Adam, batch 64", adam, 2.0, flops=flops, check=_sum))
    for n in (32, 64, 256):
        # 3x3 convolutions: 676 pixels x 1 -> 32 (no gradient in x), 121 pixels x 32 -> 64
        flops = n * (676 * 9 * 32 * 4 + 121 * 288 * 64 * 6 + 1600 * 128 * 6 + 128 * 10 * 6)
        work = step(cnn, (n, 1, 28, 28), "SGD", lr=1e-3, momentum=0.9)
        peers = {"jax": with_jax.step(with_jax.CNN, (n, 28, 28, 1), 10, momentum=0.9)}
        name = f"step, CNN, SGD with momentum, batch {n}"
        works.append(Work(name, work, 2.5, flops=flops, images=True, check=_sum, peers=peers))
    work = step(bn_cnn, (64, 1, 28, 28), "SGD", lr=1e-3, momentum=0.9)
    flops = 64 * (784 * 9 * 32 * 4 + 784 * 288 * 32 * 6 + 196 * 288 * 64 * 6 + 3136 * 128 * 6 + 128 * 10 * 6)
    works.append(Work("step, CNN with batch norm and dropout, batch 64", work, 2.3, flops=flops, images=True))
    flops = 64 * (782 * 3 * 32 * 4 + 12512 * 100 * 6 + 1000 * 6)
    work = step(cnn1d, (64, 1, 784), "Adam", lr=1e-4)
    works.append(Work("step, 1-d CNN, Adam, batch 64", work, 2.5, flops=flops, check=_sum))
    work = step(tiny_mlp, (32, 2), "SGD", classes=2, lr=1e-3)
    peers = {"jax": with_jax.step(with_jax.TINY_MLP, (32, 2), 2)}
    flops = 32 * (32 * 4 + 288 * 6)
    works.append(Work("step, MLP 2-16-16-2, SGD, batch 32", work, 5.0, flops=flops, check=_sum, peers=peers))
    for n, target in ((1, 4.0), (64, 2.5), (1024, 2.0)):
        flops = n * (676 * 9 * 32 * 2 + 121 * 288 * 64 * 2 + 1600 * 128 * 2 + 128 * 10 * 2)
        work = predict(cnn, (n, 1, 28, 28))
        peers = {"jax": with_jax.predict(with_jax.CNN, (n, 28, 28, 1))}
        works.append(Work(f"predict, CNN, batch {n}", work, target, flops=flops, images=True, check=_sum, peers=peers))
    return works


WORKS = [replace(work, target_avx2=1.25) for work in _works()]
