"""Whole training steps: the same bits for any number of threads, and nothing new from the system after the first few."""

import sys
from typing import Any

import numpy as np
import pytest
from conftest import needs_cache, needs_extension, needs_our_memory, use_threads

import fastscratch as fs
from fastscratch import nn


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.Tanh(), nn.Linear(64, 10))


def _cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 10),
    )  # fmt: skip


def _cnn_with_batch_norm() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(3136, 10),
    )  # fmt: skip


class _Joined(nn.Module):
    """Padded, joined, broadcast, indexed: what NumPy computes on every backend."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3)
        self.scale = nn.Parameter(fs.ones(16, 1, 1))
        self.last = nn.Linear(16 * 49, 10)

    def forward(self, x: fs.Tensor) -> fs.Tensor:
        a = self.first(nn.functional.pad(x, (1, 1, 1, 1))).relu()
        b = self.second(nn.functional.pad(a, (1, 1, 1, 1), "reflect")).abs()
        joined = fs.cat([a, fs.where(b > 1, a, b)], 1) * self.scale
        flipped = joined[:, list(range(15, -1, -1))]
        return self.last(nn.functional.max_pool2d(flipped, 4).flatten(1))


NETWORKS = [_mlp, _cnn, _cnn_with_batch_norm, _Joined]


def _training(network: Any) -> tuple[nn.Module, Any]:
    """A network and a function that makes one step on it; always from the same seed."""
    fs.manual_seed(0)
    net = network()
    optimizer = fs.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    rng = np.random.default_rng(0)
    x = fs.from_numpy(rng.standard_normal((32, 1, 28, 28)).astype(np.float32))
    target = fs.from_numpy(rng.integers(0, 10, 32))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), target).backward()
        optimizer.step()

    return net, step


@needs_extension
@pytest.mark.parametrize("network", NETWORKS)
def test_training_gives_the_same_bits_for_any_number_of_threads(network: Any) -> None:
    fs.backend.use("c")
    results = []
    for threads in (1, 2, 3, 4, 8):
        use_threads(threads)
        net, step = _training(network)
        for _ in range(3):
            step()
        results.append([value.numpy().copy() for value in net.state_dict().values()])
    for got in results[1:]:
        for a, b in zip(got, results[0], strict=True):
            np.testing.assert_array_equal(a, b)


@needs_cache
@needs_extension
@pytest.mark.parametrize("network", NETWORKS)
def test_a_step_asks_the_system_for_no_memory(network: Any) -> None:
    fs.backend.use("c")
    use_threads(1)
    _, step = _training(network)
    for _ in range(5):
        step()
    before = fs.backend.memory_stats()
    for _ in range(50):
        step()
    after = fs.backend.memory_stats()
    assert after["misses"] == before["misses"]
    assert after["hits"] > before["hits"]
    assert after["used"] == before["used"]


@needs_cache
@needs_our_memory
@pytest.mark.skipif(sys.platform == "win32", reason="needs a count of page faults")
@pytest.mark.parametrize("network", NETWORKS)
def test_a_step_takes_no_page_faults(network: Any) -> None:
    """It took hundreds when NumPy's results lay in memory of the system's: a stray few are not the step's."""
    import resource

    fs.backend.use("c")
    use_threads(1)
    _, step = _training(network)
    for _ in range(5):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        step()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 20 * 20
