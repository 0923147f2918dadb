"""Eight threads of Python at once: each gets what it would get alone. On free-threaded Python they run side by side."""

import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from conftest import use_threads
from test_processes import run_python

import fastscratch as fs
from fastscratch import nn
from fastscratch.data import transforms

THREADS = 8


@pytest.fixture(autouse=True)
def _switching_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What work(0), work(1), ... return, each in a thread of its own, all begun together; raises what one of them does."""
    start, results, errors = threading.Barrier(THREADS, timeout=60), [None] * THREADS, []

    def run(i: int) -> None:
        try:
            start.wait()
            results[i] = work(i)
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[0]
    return results


def _two_threads() -> None:
    if "c" in fs.backend.available():
        use_threads(2)


def _network(i: int) -> nn.Module:
    if i % 2:
        return nn.Sequential(nn.Flatten(), nn.Linear(144, 24), nn.Tanh(), nn.Linear(24, 10))
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(216, 10),
    )  # fmt: skip


def _trained(i: int) -> bytes:
    """All bits of network i and of its losses, after a few steps on augmented images."""
    with fs.random.fork_rng():
        fs.manual_seed(i)
        net = _network(i)
        optimizer = fs.optim.Adam(net.parameters()) if i % 3 else fs.optim.SGD(net.parameters(), 0.1, momentum=0.9)
        move = transforms.RandomAffine(degrees=10)
        rng = np.random.default_rng(i)
        images = rng.standard_normal((16, 1, 12, 12)).astype(np.float32)
        target = fs.from_numpy(rng.integers(0, 10, 16))
        bits = b""
        for step in range(4):
            moved = move(images, seed=step, samples=np.arange(16))
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(fs.from_numpy(np.asarray(moved))), target)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            bits += loss.detach().numpy().tobytes()
        return bits + b"".join(value.numpy().tobytes() for value in net.state_dict().values())


def test_networks_trained_side_by_side_are_as_trained_alone() -> None:
    _two_threads()
    alone = [_trained(i) for i in range(THREADS)]
    assert len(set(alone)) == THREADS
    assert at_once(_trained) == alone


def test_one_network_predicts_for_all() -> None:
    """It is called for the first time by all of them at once, and switched to no other mode meanwhile."""
    _two_threads()
    x = [fs.randn(5, 1, 12, 12) for _ in range(THREADS)]

    def predicted(net: nn.Module, i: int) -> list[bytes]:
        with fs.no_grad():
            return [net(x[i]).numpy().tobytes() for _ in range(10)]

    net = _network(0).eval()
    got = at_once(lambda i: predicted(net, i))
    again = _network(0).eval()
    again.load_state_dict(net.state_dict())
    assert got == [predicted(again, i) for i in range(THREADS)]


@pytest.mark.parametrize("shape", [(3,), (300, 200)])
def test_no_gradient_of_a_shared_leaf_is_lost(shape: tuple[int, ...]) -> None:
    """Each thread's backward adds to the same .grad: whole numbers, so that any order gives the same sum."""
    leaf = nn.Parameter(fs.zeros(*shape))
    rounds = 20

    def work(i: int) -> None:
        for _ in range(rounds):
            fs.autograd.backward([leaf + 0.0, leaf * 1.0], [fs.full(shape, float(i))] * 2)

    for _ in range(3):
        leaf.grad = None
        at_once(work)
        assert leaf.grad is not None
        assert np.unique(leaf.grad.numpy()).tolist() == [2 * rounds * sum(range(THREADS))]


def test_no_random_number_is_given_to_two_threads() -> None:
    generator = fs.Generator().manual_seed(0)

    def work(i: int) -> list[Any]:
        return [*(generator.next_key() for _ in range(200)), *generator.numpy.random(200).tolist()]

    drawn = [value for part in at_once(work) for value in part]
    assert len(set(drawn)) == len(drawn)
    alone = fs.Generator().manual_seed(0)
    assert {key for key in drawn if isinstance(key, tuple)} == {alone.next_key() for _ in range(200 * THREADS)}
    assert {x for x in drawn if isinstance(x, float)} == set(alone.numpy.random(200 * THREADS).tolist())


def test_a_view_of_a_changed_base_has_its_history_in_every_thread() -> None:
    for _ in range(20):
        base = fs.ones(50, requires_grad=True) * 1.0
        view = base[10:20]
        base.mul_(2.0)  # the view reads its history anew when it is asked for it
        assert at_once(lambda i, view=view: (view * 3.0).requires_grad) == [True] * THREADS


def test_settings_of_one_thread_are_not_anothers() -> None:
    def work(i: int) -> tuple[bool, list[float]]:
        drawn = []
        for _ in range(30):
            with fs.no_grad() if i % 2 else fs.enable_grad(), fs.random.fork_rng():
                fs.manual_seed(i)
                drawn.append(fs.randn(1).item())
                if (fs.ones(2, requires_grad=True) * 2).requires_grad == bool(i % 2):
                    return False, drawn
        return fs.is_grad_enabled(), drawn

    for i, (right, drawn) in enumerate(at_once(work)):
        with fs.random.fork_rng():
            fs.manual_seed(i)
            assert (right, set(drawn)) == (True, {fs.randn(1).item()})


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="needs free-threaded Python")
def test_the_gil_stays_off() -> None:
    done = run_python("import sys, fastscratch; print(sys._is_gil_enabled())")
    assert done.stdout.strip() == "False", done.stderr
