"""Checkpoints: training goes on to the same bits, and what does not fit changes nothing."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastscratch as fs
from fastscratch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, StepLR
from fastscratch.safetensors import load_file
from fastscratch.train import CheckpointError, load_checkpoint, save_checkpoint


class _Run:
    """A small network in training on random data."""

    def __init__(self, seed: int, kind: Callable[..., Any] = fs.optim.AdamW, hidden: int = 5) -> None:
        fs.manual_seed(seed)
        self.model = fs.nn.Sequential(fs.nn.Linear(4, hidden), fs.nn.Linear(hidden, 2))
        self.optimizer = kind(self.model.parameters(), lr=0.05)
        self.scheduler: Any = OneCycleLR(self.optimizer, 0.1, total_steps=20)

    def train(self, steps: int) -> None:
        for _ in range(steps):
            rng = fs.random.default_generator.numpy
            x = fs.tensor(rng.standard_normal((8, 4)).astype(np.float32))
            self.optimizer.zero_grad()
            y = self.model(x)
            (y * y).mean().backward()
            self.optimizer.step()
            self.scheduler.step()

    @property
    def parts(self) -> dict[str, Any]:
        return {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}

    def state(self) -> dict[str, Any]:
        return copy.deepcopy({name: part.state_dict() for name, part in self.parts.items()})

    def values(self) -> list[np.ndarray]:
        return [p.detach().numpy().copy() for p in self.model.parameters()]


@pytest.mark.parametrize("kind", [fs.optim.AdamW, lambda p, lr: fs.optim.SGD(p, lr, momentum=0.9), fs.optim.RMSprop])
def test_resumed_is_the_same_to_the_bit(tmp_path: Path, kind: Callable[..., Any]) -> None:
    if kind is fs.optim.RMSprop:
        kind = lambda p, lr: fs.optim.RMSprop(p, lr, momentum=0.5, centered=True)  # noqa: E731
    path = tmp_path / "last.safetensors"
    run = _Run(0, kind)
    run.train(6)
    save_checkpoint(path, **run.parts, extra={"epoch": 2, "random": fs.get_rng_state(), "history": [{"loss": 0.5}]})
    run.train(6)
    again = _Run(1, kind)
    extra = load_checkpoint(path, **again.parts)
    fs.set_rng_state(extra["random"])
    again.train(6)
    for a, b in zip(run.values(), again.values(), strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_array_equal(a, b)
    assert run.optimizer.param_groups[0]["lr"] == again.optimizer.param_groups[0]["lr"]
    assert (extra["epoch"], extra["history"]) == (2, [{"loss": 0.5}])


def test_only_what_is_given_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    run, other = _Run(0), _Run(1)
    run.train(3)
    save_checkpoint(path, **run.parts)
    before = other.state()["optimizer"]
    assert load_checkpoint(path, model=other.model) == {}
    np.testing.assert_array_equal(run.values()[0], other.values()[0])
    assert str(other.optimizer.state_dict()) == str(before)
    assert load_checkpoint(path) == {}


def test_any_reader_finds_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    run = _Run(0)
    run.train(1)
    save_checkpoint(path, **run.parts)
    arrays = load_file(path)
    np.testing.assert_array_equal(arrays["model.0.weight"], run.values()[0])
    assert "optimizer.state.0.exp_avg" in arrays


def _refused(path: Path, run: _Run, message: str, **parts: Any) -> None:
    """The message, and nothing changed."""
    before = str(run.state())
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(path, **(parts or run.parts))
    assert caught.value.path == str(path)
    assert str(run.state()) == before


def test_another_architecture(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, **_Run(0, hidden=7).parts)
    _refused(
        path,
        _Run(1),
        r"last\.safetensors: does not fit this Sequential: of another shape: 0\.weight \(7, 4\), expected \(5, 4\)",
    )
    run = _Run(1)
    run.model = fs.nn.Sequential(fs.nn.Linear(4, 7), fs.nn.Linear(7, 2, bias=False), fs.nn.Linear(2, 2))
    _refused(path, run, r"missing: 2\.weight, 2\.bias \| unexpected: 1\.bias")


def test_another_optimizer_or_schedule(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    run = _Run(0)
    save_checkpoint(path, **run.parts)
    _refused(path, run, "holds the optimizer AdamW, but a SGD is", optimizer=fs.optim.SGD(run.model.parameters()))
    _refused(path, run, "holds the scheduler OneCycleLR, but a StepLR is", scheduler=StepLR(run.optimizer, 1))
    two = fs.optim.AdamW([{"params": [p]} for p in run.model.parameters()])
    _refused(path, run, r"optimizer: the state has groups of \[4\] parameters", model=run.model, optimizer=two)
    save_checkpoint(path, model=run.model)
    _refused(path, run, "holds no optimizer, but a AdamW is to be loaded")


def test_a_schedule_that_does_not_fit_leaves_the_model_alone(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    run, other = _Run(0), _Run(1)
    run.train(2)
    run.scheduler = CosineAnnealingLR(run.optimizer, 3)
    save_checkpoint(path, **run.parts)
    other.scheduler = CosineAnnealingLR(other.optimizer, 3)
    del other.scheduler.eta_min
    _refused(path, other, "scheduler: the state of CosineAnnealingLR has the keys")


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    run = _Run(0)
    save_checkpoint(path, **run.parts)
    whole = path.read_bytes()
    for size in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        _refused(path, run, r"last\.safetensors: (cut short|header)")
    path.write_bytes(whole.replace(b'\\"version\\":', b'\\"versiom\\":').replace(b'"version":"1"', b'"version":"2"'))
    _refused(path, run, "a checkpoint of version '2', only '1' is known")
    fs.save(run.model.state_dict(), path)
    _refused(path, run, "a safetensors file, but not a checkpoint")
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.safetensors", model=run.model)


def test_what_cannot_be_saved_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    run = _Run(0)
    save_checkpoint(path, **run.parts, extra={"epoch": 1})
    with pytest.raises(TypeError, match=r"cannot save extra\.loader: a object"):
        save_checkpoint(path, **run.parts, extra={"loader": object()})
    assert load_checkpoint(path) == {"epoch": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["last.safetensors"]
