"""The Trainer: learning, stopping, resuming to the same bits, and failing without loss."""

import errno
import io
import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastscratch as fs
from fastscratch import nn
from fastscratch.data import DataLoader, TensorDataset
from fastscratch.metrics import accuracy
from fastscratch.nn import functional as F
from fastscratch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from fastscratch.train import (
    Callback,
    CheckpointError,
    EarlyStopping,
    JSONLinesLogger,
    ModelCheckpoint,
    NonFiniteLossError,
    ProgressBar,
    Trainer,
)
from fastscratch.train.progress import StepBar

TIMES = ("seconds", "images_per_second")


def samples(n: int = 60) -> TensorDataset:
    """Two classes that a line nearly separates."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 6)).astype(np.float32)
    y = (x[:, 0] + 0.3 * rng.standard_normal(n) > 0).astype(np.int64)
    return TensorDataset(fs.from_numpy(x), fs.from_numpy(y))


def make(*callbacks: Callback, seed: int = 0, lr: float = 0.01, **options: Any) -> tuple[Trainer, DataLoader]:
    """A trainer whose steps depend on everything random: initial weights, order, dropout; with a schedule and momenta."""
    fs.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.3), nn.BatchNorm1d(16), nn.Linear(16, 2))
    optimizer = fs.optim.Adam(model.parameters(), lr=lr)
    scheduler = fs.optim.lr_scheduler.StepLR(optimizer, 5, 0.9)
    trainer = Trainer(
        model,
        optimizer,
        F.cross_entropy,
        metrics={"accuracy": accuracy},
        scheduler=scheduler,
        scheduler_interval="step",
        callbacks=callbacks,
        **options,
    )
    return trainer, DataLoader(samples(), batch_size=8, shuffle=True)


def weights(trainer: Trainer) -> list[np.ndarray]:
    return [t.array.copy() for t in trainer.model.state_dict().values()]


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def without_times(trainer: Trainer) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k not in TIMES} for row in trainer.history]


class At(Callback):
    """Does something after one particular optimizer step."""

    def __init__(self, step: int, action: Any) -> None:
        self.step, self.action = step, action

    def on_batch_end(self, trainer: Trainer, logs: dict[str, float]) -> None:
        if trainer.global_step == self.step:
            self.action()


def test_fit_learns_and_fills_the_history() -> None:
    trainer, loader = make()
    history = trainer.fit(loader, DataLoader(samples(), batch_size=20), epochs=15)
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    assert history["val_accuracy"][-1] > 0.85
    assert history["epoch"] == list(range(1, 16))
    assert set(history.columns) == {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr", *TIMES}
    assert history["lr"][0] == pytest.approx(0.01 * 0.9)


def test_same_seed_same_bits() -> None:
    runs = []
    for _ in range(2):
        trainer, loader = make()
        trainer.fit(loader, epochs=3)
        runs.append(weights(trainer))
    assert same(*runs)
    other, loader = make(seed=1)
    other.fit(loader, epochs=3)
    assert not same(runs[0], weights(other))


@pytest.mark.parametrize("step", [1, 5, 8, 11, 16, 19])
def test_resume_gives_the_bits_of_never_having_stopped(tmp_path: Path, step: int) -> None:
    """Steps inside an epoch, at its end (8 per epoch), and in a later one."""
    straight, loader = make()
    straight.fit(loader, DataLoader(samples(), batch_size=20), epochs=3)

    stopped, loader = make()
    stopped.callbacks.append(At(step, lambda: stopped.save(tmp_path / "stop.safetensors")))
    stopped.fit(loader, epochs=3)

    resumed, loader = make(seed=99)
    resumed.resume(tmp_path / "stop.safetensors")
    assert resumed.global_step == step
    resumed.fit(loader, DataLoader(samples(), batch_size=20), epochs=3)
    assert same(weights(resumed), weights(straight))
    assert without_times(resumed)[-1] == without_times(straight)[-1]
    assert resumed.history["lr"] == straight.history["lr"]


def test_resume_between_epochs(tmp_path: Path) -> None:
    straight, loader = make()
    straight.fit(loader, epochs=4)
    first, loader = make(ModelCheckpoint(tmp_path, monitor="loss"))
    first.fit(loader, epochs=2)
    second, loader = make(ModelCheckpoint(tmp_path, monitor="loss"), seed=5)
    second.resume(tmp_path / "last.safetensors")
    assert second.epoch == 2
    second.fit(loader, epochs=4)
    assert same(weights(second), weights(straight))
    assert without_times(second) == without_times(straight)


def test_resume_with_a_generator_of_the_loader(tmp_path: Path) -> None:
    def loader() -> DataLoader:
        return DataLoader(samples(), batch_size=8, shuffle=True, generator=fs.Generator().manual_seed(7))

    straight, _ = make()
    straight.fit(loader(), epochs=3)
    stopped, _ = make()
    stopped.callbacks.append(At(11, lambda: stopped.save(tmp_path / "stop.safetensors")))
    stopped.fit(loader(), epochs=3)
    resumed, _ = make(seed=3)
    resumed.resume(tmp_path / "stop.safetensors")
    resumed.fit(loader(), epochs=3)
    assert same(weights(resumed), weights(straight))


def test_ctrl_c_stops_cleanly_and_resumes_to_the_same_bits(tmp_path: Path) -> None:
    straight, loader = make()
    straight.fit(loader, epochs=3)

    interrupt = At(11, lambda: os.kill(os.getpid(), signal.SIGINT))
    before = signal.getsignal(signal.SIGINT)
    stopped, loader = make(interrupt, ModelCheckpoint(tmp_path, monitor="loss"))
    stopped.fit(loader, epochs=3)
    assert stopped.interrupted
    assert stopped.global_step in (11, 12)
    assert signal.getsignal(signal.SIGINT) is before

    resumed, loader = make(seed=5)
    resumed.resume(tmp_path / "last.safetensors")
    resumed.fit(loader, epochs=3)
    assert same(weights(resumed), weights(straight))


def test_second_ctrl_c_stops_at_once() -> None:
    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    trainer, loader = make(At(3, twice))
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(loader, epochs=3)


def test_non_finite_loss_names_the_batch_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    trainer, loader = make(ModelCheckpoint(tmp_path, monitor="loss"))

    def poison() -> None:
        with fs.no_grad():
            trainer.model[0].weight.mul_(math.nan)

    trainer.callbacks.append(At(10, poison))
    with pytest.raises(NonFiniteLossError, match=r"the loss is nan in epoch 2, batch 3 of 8"):
        trainer.fit(loader, epochs=3)
    fresh, _ = make(seed=4)
    fresh.resume(tmp_path / "last.safetensors")
    assert fresh.epoch == 1
    assert all(np.isfinite(w).all() for w in weights(fresh))


def test_non_finite_validation_loss_is_named_and_not_saved(tmp_path: Path) -> None:
    trainer, loader = make(ModelCheckpoint(tmp_path, monitor="val_accuracy"))

    def poison() -> None:
        with fs.no_grad():
            trainer.model[0].weight.mul_(math.nan)

    trainer.callbacks.insert(0, At(8, poison))  # the last batch of the first epoch
    with pytest.raises(NonFiniteLossError, match="the validation loss is nan after epoch 1"):
        trainer.fit(loader, loader, epochs=3)
    assert not list(tmp_path.iterdir())


def test_full_disk_leaves_the_older_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, loader = make(ModelCheckpoint(tmp_path, monitor="loss"))
    trainer.fit(loader, epochs=1)
    before = (tmp_path / "last.safetensors").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        trainer.fit(loader, epochs=2)
    assert (tmp_path / "last.safetensors").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.safetensors", "last.safetensors"]


def test_early_stopping_by_patience() -> None:
    stopping = EarlyStopping("loss", patience=2)
    trainer, loader = make(stopping, lr=1e-12)
    trainer.model.eval = trainer.model.train = lambda mode=True: trainer.model  # type: ignore[method-assign]
    for module in trainer.model:
        module.training = False
    trainer.fit(loader, epochs=50)
    assert len(trainer.history) < 50
    assert stopping.reason.startswith("loss has not improved for 2 epochs")


class Scripted(Callback):
    """Puts given values into the history, in place of a validation."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, float]) -> None:
        logs["val_loss"] = self.values[int(logs["epoch"]) - 1]


@pytest.mark.parametrize(
    ("values", "options", "epochs"),
    [
        ([3, 2, 1, 1.5, 1.4, 1.3, 9, 9], {"patience": 3}, 6),
        ([3, 2.95, 2.92, 2.91, 1], {"patience": 3, "min_delta": 0.1}, 4),
        ([1, 0.5, 0.51, 0.52, 0.56, 0.4], {"patience": 9, "generalization_loss": 10}, 5),  # 100 (0.56 / 0.5 - 1) = 12
        ([1, 0.5, 0.51, 0.52, 0.54, 0.4], {"patience": 9, "generalization_loss": 10}, 6),
    ],
)
def test_early_stopping_criteria(values: list[float], options: dict[str, Any], epochs: int) -> None:
    stopping = EarlyStopping("val_loss", **options)
    trainer, loader = make(Scripted(values), stopping)
    trainer.fit(loader, epochs=len(values))
    assert len(trainer.history) == epochs
    assert stopping.best_epoch == int(np.argmin(values[:epochs])) + 1 or "min_delta" in options


def test_early_stopping_counts_on_after_a_resume(tmp_path: Path) -> None:
    values = [3, 1, 2, 2, 2, 2]
    first, loader = make(Scripted(values), EarlyStopping("val_loss", patience=3), ModelCheckpoint(tmp_path))
    first.fit(loader, epochs=4)
    stopping = EarlyStopping("val_loss", patience=3)
    second, loader = make(Scripted(values), stopping)
    second.resume(tmp_path / "last.safetensors")
    second.fit(loader, epochs=6)
    assert len(second.history) == 5
    assert stopping.best_epoch == 2


def test_a_training_that_stopped_early_stays_stopped(tmp_path: Path) -> None:
    values = [3, 1, 2, 2, 2, 2]
    first, loader = make(Scripted(values), EarlyStopping("val_loss", patience=2), ModelCheckpoint(tmp_path))
    first.fit(loader, epochs=6)
    stopping = EarlyStopping("val_loss", patience=2)
    second, loader = make(Scripted(values), stopping, ModelCheckpoint(tmp_path))
    second.resume(tmp_path / "last.safetensors")
    second.fit(loader, epochs=6)
    assert len(first.history) == len(second.history) == 4
    assert stopping.reason == "val_loss has not improved for 2 epochs (best: epoch 2)"
    assert same(weights(first), weights(second))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "up"}, 'mode must be "auto", "min" or "max"'),
        ({"patience": 0}, "patience must be at least 1, got 0"),
        ({"min_delta": -1.0}, "min_delta must not be negative"),
        ({"monitor": "val_accuracy", "generalization_loss": 5.0}, "values that are minimised"),
    ],
)
def test_early_stopping_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**options)


def test_unknown_column_is_named() -> None:
    trainer, loader = make(EarlyStopping("val_f1"))
    with pytest.raises(KeyError, match="no column 'val_f1'; it has: epoch, loss, accuracy"):
        trainer.fit(loader, epochs=1)
    with pytest.raises(KeyError, match="no column 'f1'"):
        trainer.history["f1"]


def test_best_checkpoint_is_the_best_epoch(tmp_path: Path) -> None:
    checkpoints = ModelCheckpoint(tmp_path, monitor="val_loss")
    trainer, loader = make(Scripted([3, 1, 2]), checkpoints)
    trainer.fit(loader, epochs=3)
    fresh, _ = make(seed=4)
    fresh.resume(checkpoints.best_path)
    assert fresh.epoch == checkpoints.best_epoch == 2


def test_json_lines(tmp_path: Path) -> None:
    trainer, loader = make(JSONLinesLogger(tmp_path / "metrics.jsonl"))
    trainer.fit(loader, epochs=2)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows == trainer.history.rows


def test_json_lines_are_whole_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, loader = make(JSONLinesLogger(tmp_path / "metrics.jsonl"))
    trainer.fit(loader, epochs=2)
    before = (tmp_path / "metrics.jsonl").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*metrics\.jsonl"):
        trainer.fit(loader, epochs=3)
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_evaluate_and_predict_leave_the_model_as_it_was() -> None:
    trainer, loader = make()
    trainer.fit(loader, epochs=1)
    before = weights(trainer)
    results = trainer.evaluate(DataLoader(samples(), batch_size=7))
    x, y = samples()[:]
    outputs = trainer.predict(x, batch_size=7)
    assert outputs.shape == (60, 2)
    assert not outputs.requires_grad
    assert results["accuracy"] == pytest.approx((outputs.argmax(1) == y).float().mean().item())
    assert results["loss"] == pytest.approx(F.cross_entropy(outputs, y).item(), rel=1e-5)
    assert same(weights(trainer), before)
    assert trainer.model.training


def test_clip_grad_norm_bounds_the_step() -> None:
    trainer, loader = make(clip_grad_norm=1e-3)
    norms = []

    class Look(Callback):
        def on_batch_end(self, trainer: Trainer, logs: dict[str, float]) -> None:
            grads = [p.grad.array.ravel() for p in trainer.model.parameters()]
            norms.append(float(np.linalg.norm(np.concatenate(grads))))

    trainer.callbacks.append(Look())
    trainer.fit(loader, epochs=1)
    assert max(norms) <= 1e-3 * 1.001


def test_plateau_schedule_is_given_the_loss() -> None:
    fs.manual_seed(0)
    model = nn.Linear(6, 2)
    optimizer = fs.optim.SGD(model.parameters(), lr=1e-4)
    scheduler = fs.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, factor=0.5, threshold=0.5)
    trainer = Trainer(model, optimizer, F.cross_entropy, scheduler=scheduler)
    trainer.fit(DataLoader(samples(), batch_size=30), epochs=6)
    assert optimizer.param_groups[0]["lr"] <= 0.5e-4


def test_fit_refuses_what_it_cannot_do() -> None:
    trainer, loader = make()
    with pytest.raises(ValueError, match="no batches"):
        trainer.fit(DataLoader(samples(4), batch_size=8, drop_last=True))
    with pytest.raises(ValueError, match="needs an optimizer and a loss"):
        Trainer(trainer.model).fit(loader)
    with pytest.raises(ValueError, match='scheduler_interval must be "epoch" or "step"'):
        Trainer(trainer.model, scheduler_interval="day")
    with pytest.raises(ValueError, match="no samples"):
        trainer.predict(fs.zeros(0, 6))


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_progress_bar_in_a_terminal() -> None:
    stream = Terminal()
    trainer, loader = make(ProgressBar(stream, interval=0.0))
    trainer.fit(loader, epochs=2)
    text = stream.getvalue()
    assert "epoch 1/2 |" in text
    assert "images/s" in text
    assert "left" in text
    assert "loss" in text and "accuracy" in text
    assert text.count("\n") == 2  # a line that stays for each epoch


def test_progress_in_a_file_is_one_line_per_epoch() -> None:
    stream = io.StringIO()
    trainer, loader = make(ProgressBar(stream))
    trainer.fit(loader, epochs=2)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2  loss ")


def test_steps_without_a_trainer_have_a_bar_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for verbose in (True, False):
        monkeypatch.setattr("sys.stderr", stream := Terminal())
        steps = StepBar("step", 3, verbose)
        steps.interval = 0.0
        for done in (1, 2, 3):
            steps.tell(done, loss=1 / done)
        steps.end()
        text = stream.getvalue()
        assert text.count("\n") == verbose  # the last step's line stays
        assert ("step 2/3 |" in text, "loss 0.5000" in text, "left" in text) == (verbose,) * 3
        assert text.rpartition("\r")[2].startswith("step 3/3  loss 0.3333" if verbose else "")


# ---- averaged weights, accumulated gradients ----


def averaged(*callbacks: Callback, seed: int = 0, **options: Any) -> tuple[Trainer, DataLoader]:
    trainer, loader = make(*callbacks, seed=seed, **options)
    trainer.average = AveragedModel(trainer.model, multi_avg_fn=get_ema_multi_avg_fn(0.8))
    return trainer, loader


def test_the_average_is_what_is_evaluated_and_saved(tmp_path: Path) -> None:
    trainer, loader = averaged(ModelCheckpoint(tmp_path))
    validation = DataLoader(samples(), batch_size=20)
    trainer.fit(loader, validation, epochs=2)
    plain = Trainer(trainer.average.module, loss=F.cross_entropy, metrics={"accuracy": accuracy})
    assert plain.evaluate(validation)["loss"] == trainer.history["val_loss"][-1]
    trained = Trainer(trainer.model, loss=F.cross_entropy)
    assert trained.evaluate(validation)["loss"] != trainer.history["val_loss"][-1]
    x = samples().tensors[0]
    assert np.array_equal(trainer.predict(x).array, plain.predict(x).array)
    fresh, _ = make(seed=4)
    fs.train.load_checkpoint(tmp_path / "last.safetensors", model=fresh.model)
    assert np.array_equal(fresh.predict(x).array, plain.predict(x).array)


@pytest.mark.parametrize("step", [1, 8, 11])
def test_an_averaged_training_resumes_to_the_same_bits(tmp_path: Path, step: int) -> None:
    straight, loader = averaged()
    straight.fit(loader, DataLoader(samples(), batch_size=20), epochs=2)
    stopped, loader = averaged()
    stopped.callbacks.append(At(step, lambda: stopped.save(tmp_path / "stop.safetensors")))
    stopped.fit(loader, epochs=2)
    resumed, loader = averaged(seed=9)
    resumed.resume(tmp_path / "stop.safetensors")
    resumed.fit(loader, DataLoader(samples(), batch_size=20), epochs=2)
    assert same(weights(resumed), weights(straight))
    for a, b in zip(resumed.average.state_dict().values(), straight.average.state_dict().values(), strict=True):
        assert np.array_equal(a.array, b.array)
    assert without_times(resumed)[-1] == without_times(straight)[-1]


def test_a_checkpoint_with_an_average_belongs_to_a_trainer_with_one(tmp_path: Path) -> None:
    for ours, theirs in ((averaged, make), (make, averaged)):
        trainer, loader = ours()
        trainer.fit(loader, epochs=1)
        trainer.save(tmp_path / "a.safetensors")
        with pytest.raises(CheckpointError, match="has an average of the weights"):
            theirs()[0].resume(tmp_path / "a.safetensors")


def linear(accumulate: int, batch_size: int, seen: list[int]) -> Trainer:
    fs.manual_seed(3)
    model = nn.Linear(6, 2)
    optimizer = fs.optim.SGD(model.parameters(), lr=0.1)

    class Count(Callback):
        def on_batch_end(self, trainer: Trainer, logs: dict[str, float]) -> None:
            seen.append(trainer.step)

    trainer = Trainer(
        model, optimizer, F.cross_entropy, metrics={"accuracy": accuracy}, callbacks=[Count()], accumulate=accumulate
    )
    trainer.fit(DataLoader(samples(), batch_size=batch_size), epochs=2)
    return trainer


def test_four_batches_are_one_four_times_as_large() -> None:
    small, large = [], []
    accumulated, whole = linear(4, 5, small), linear(1, 20, large)
    assert small == large == [1, 2, 3] * 2
    assert (accumulated.steps_per_epoch, accumulated.global_step) == (3, 6)
    for a, b in zip(weights(accumulated), weights(whole), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(accumulated.history["loss"], whole.history["loss"], rtol=1e-5)
    assert accumulated.history["accuracy"] == pytest.approx(whole.history["accuracy"])


def test_the_last_step_takes_what_is_left() -> None:
    steps: list[int] = []
    trainer = linear(5, 10, steps)  # six batches: five and one
    assert steps == [1, 2] * 2
    assert trainer.history["loss"][1] < trainer.history["loss"][0]


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_accumulation_resumes_to_the_same_bits(tmp_path: Path, step: int) -> None:
    straight, loader = make(accumulate=3)
    straight.fit(loader, epochs=2)
    stopped, loader = make(accumulate=3)
    stopped.callbacks.append(At(step, lambda: stopped.save(tmp_path / "stop.safetensors")))
    stopped.fit(loader, epochs=2)
    resumed, loader = make(accumulate=3, seed=9)
    resumed.resume(tmp_path / "stop.safetensors")
    resumed.fit(loader, epochs=2)
    assert same(weights(resumed), weights(straight))
    assert without_times(resumed)[-1] == without_times(straight)[-1]


def noisy(images: fs.Tensor, *, seed: int, samples: np.ndarray) -> fs.Tensor:
    noise = [np.random.default_rng((seed, i)).random(images.shape[1:]) for i in samples]
    return fs.from_numpy(images.array + np.float32(noise))


def test_augmented_batches_made_ahead_resume_to_the_same_bits(tmp_path: Path) -> None:
    def data(workers: int) -> DataLoader:
        images = np.random.default_rng(0).random((40, 1, 6, 6)).astype(np.float32)
        return DataLoader(
            TensorDataset(images, np.arange(40) % 2), 8, shuffle=True, num_workers=workers, transform=noisy
        )

    def trainer(seed: int = 0) -> Trainer:
        fs.manual_seed(seed)
        model = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
        return Trainer(model, fs.optim.Adam(model.parameters(), lr=0.01), F.cross_entropy)

    straight = trainer()
    straight.fit(data(0), epochs=3)
    stopped = trainer()
    stopped.callbacks.append(At(8, lambda: stopped.save(tmp_path / "stop.safetensors")))
    stopped.fit(data(1), epochs=3)
    resumed = trainer(seed=9)
    resumed.resume(tmp_path / "stop.safetensors")
    resumed.fit(data(1), epochs=3)
    assert same(weights(resumed), weights(straight))
    assert same(weights(stopped), weights(straight))


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="accumulate must be a whole number"):
        make(accumulate=0)
    with pytest.raises(TypeError, match="average must be an AveragedModel"):
        make(average=nn.Linear(2, 2))
