"""One training from settings to results: data, model, trainer, run folder, test."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import random
from ..data import DataLoader, TensorDataset, load_splits
from ..data.registry import Samples
from ..files import atomic_write
from ..metrics import accuracy, confusion_matrix
from ..nn import functional as F
from ..tensor import Tensor, wrap
from ..viz import confusion_svg, curves_svg, image_grid, write_png
from . import runs
from .callbacks import EarlyStopping, JSONLinesLogger, ModelCheckpoint
from .checkpoint import load_checkpoint
from .progress import ProgressBar
from .recipes import Recipe
from .trainer import Trainer, trainer_state

_DRAWN = (20_000, 4_000)  # training and test digits, where they are drawn and no number is given
_EVALUATION_BATCH = 500
_CLASSES = 10  # that the networks tell apart


@dataclass(frozen=True)
class Settings:
    """What a training depends on; saved with the run."""

    recipe: Recipe
    data: str | None = None
    validation: int = 5000
    patience: int | None = None
    samples: int | None = None
    seed: int = 0
    download: bool = True


class Session:
    """Everything that one training needs, made from its settings alone."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        recipe = settings.recipe
        train, self.test_samples = _load(settings)
        _check_fits(train, recipe)
        self.train_samples, self.validation_samples = _hold_out(train, settings)
        random.manual_seed(settings.seed)
        self.model = recipe.build()
        self.loader = DataLoader(self._dataset(self.train_samples), batch_size=recipe.batch_size, shuffle=True)
        optimizer = recipe.make_optimizer(self.model.parameters())
        self.stopping = None
        if settings.patience:
            self.stopping = EarlyStopping(self.monitor, patience=settings.patience)
        self.trainer = Trainer(
            self.model,
            optimizer,
            F.mse_loss if recipe.reconstruct else F.cross_entropy,
            metrics={} if recipe.reconstruct else {"accuracy": accuracy},
            scheduler=recipe.make_scheduler(optimizer, recipe.epochs * len(self.loader)),
            scheduler_interval="step",
        )

    @property
    def monitor(self) -> str:
        """What the best epoch is chosen by."""
        return "val_loss" if self.settings.recipe.reconstruct else "val_accuracy"

    @property
    def stopping_reason(self) -> str:
        """Why the training stopped early; empty if it did not."""
        return self.stopping.reason if self.stopping else ""

    def data_line(self) -> str:
        """What the data is and where it came from, in one line."""
        sizes = ", ".join(
            f"{len(part):,} {name}"
            for part, name in (
                (self.train_samples, "training"),
                (self.validation_samples, "validation"),
                (self.test_samples, "test"),
            )
        )
        return f"{self.train_samples.name} ({sizes}); {self.train_samples.source}"

    def parameter_count(self) -> int:
        """Numbers to be learnt."""
        return sum(p.numel() for p in self.model.parameters())

    def _dataset(self, samples: Samples) -> TensorDataset:
        images = _scale(samples.data)
        target = images.reshape(len(samples), -1) if self.settings.recipe.reconstruct else Tensor(samples.targets)
        return TensorDataset(images, target)

    def _batches(self, samples: Samples) -> DataLoader:
        return DataLoader(self._dataset(samples), batch_size=_EVALUATION_BATCH)

    def fit(self, folder: Path) -> None:
        """Train, leaving checkpoints and metrics in the folder."""
        checkpoints = ModelCheckpoint(folder / "checkpoints", monitor=self.monitor)
        self._attach(folder, checkpoints)
        start = time.perf_counter()
        self.trainer.fit(self.loader, self._batches(self.validation_samples), self.settings.recipe.epochs)
        self.seconds = time.perf_counter() - start

    def resume(self, checkpoint: Path, folder: Path) -> None:
        """Take the state of a checkpoint of this run."""
        self._attach(folder, ModelCheckpoint(folder / "checkpoints", monitor=self.monitor))
        self.trainer.resume(checkpoint)

    def _attach(self, folder: Path, checkpoints: ModelCheckpoint) -> None:
        """Give the trainer its callbacks, once."""
        if not self.trainer.callbacks:
            stopping = [self.stopping] if self.stopping else []
            logger = JSONLinesLogger(folder / "metrics.jsonl")
            self.trainer.callbacks = [ProgressBar(), logger, *stopping, checkpoints]

    def test(self, checkpoint: Path) -> dict[str, Any]:
        """Evaluate a checkpoint on the test set."""
        extra = load_checkpoint(checkpoint, model=self.model)
        results: dict[str, Any] = {
            "test": self.trainer.evaluate(self._batches(self.test_samples)),
            "samples": len(self.test_samples),
            "best_epoch": trainer_state(checkpoint, extra)["epoch"],
        }
        if not self.settings.recipe.reconstruct:
            predicted = self.trainer.predict(_scale(self.test_samples.data)).argmax(1)
            classes = list(self.test_samples.classes)
            matrix = confusion_matrix(self.test_samples.targets, predicted.numpy(), labels=range(len(classes)))
            results.update(classes=classes, confusion=matrix.tolist())
        return results

    def report(self, folder: Path) -> dict[str, Any]:
        """Test the best checkpoint, and leave the results and pictures in the run folder."""
        results = self.test(folder / "checkpoints" / "best.safetensors")
        results.update(epochs=len(self.trainer.history), seconds=sum(self.trainer.history["seconds"]))
        runs.write_json(folder / "results.json", results)
        names = ["loss"] if self.settings.recipe.reconstruct else ["loss", "accuracy"]
        _write_text(folder / "curves.svg", curves_svg(self.trainer.history.rows, names))
        if self.settings.recipe.reconstruct:
            write_png(folder / "reconstructions.png", self._reconstructions())
        else:
            title = f"{self.settings.recipe.model} on {self.test_samples.name}: {results['test']['accuracy']:.2%}"
            _write_text(folder / "confusion.svg", confusion_svg(results["confusion"], results["classes"], title))
        return results

    def _reconstructions(self, count: int = 16) -> Any:
        """Test images above what the network makes of them."""
        images = _scale(self.test_samples.data[:count])
        made = self.trainer.predict(images)
        return image_grid(np.concatenate([images.array[:, 0], made.array.reshape(-1, 28, 28)]), columns=len(images))


def _load(settings: Settings) -> tuple[Samples, Samples]:
    """The data that was asked for; without a wish MNIST, or drawn digits where it is not to be had."""
    name = settings.data or "mnist"
    n_train = None if settings.samples is None else settings.samples + settings.validation
    if name == "digits":
        return load_splits(name, n_train=n_train or _DRAWN[0] + settings.validation, n_test=_DRAWN[1])
    if settings.data is not None:
        return load_splits(name, n_train=n_train, download=settings.download)
    train, test = load_splits("mnist", n_train=n_train, download=settings.download, fallback="digits")
    if train.name == "digits" and settings.samples is None:
        reason = train.source
        train, test = load_splits("digits", n_train=_DRAWN[0] + settings.validation, n_test=_DRAWN[1])
        train, test = replace(train, source=reason), replace(test, source=reason)
    return train, test


def _check_fits(samples: Samples, recipe: Recipe) -> None:
    """ValueError for data that is not for these networks."""
    if np.ndim(samples.data) != 3 or samples.data.shape[1:] != (28, 28):
        shape = samples.data.shape[1:]
        raise ValueError(f"the networks take 28x28 images, {samples.name} has samples of shape {shape}")
    if len(samples.classes) > _CLASSES and not recipe.reconstruct:
        known = f"labels 0 to {_CLASSES - 1}"
        raise ValueError(f"the networks know {known}, {samples.name} has labels up to {len(samples.classes) - 1}")


def _hold_out(train: Samples, settings: Settings) -> tuple[Samples, Samples]:
    """Split off the validation samples, drawn by the seed."""
    if settings.validation >= len(train):
        raise ValueError(f"{settings.validation} validation samples of {len(train)} leave none to train on")
    order = np.random.default_rng(settings.seed).permutation(len(train))
    held, kept = np.sort(order[: settings.validation]), np.sort(order[settings.validation :])
    return _take(train, kept), _take(train, held)


def _take(samples: Samples, index: Any) -> Samples:
    return replace(samples, data=samples.data[index], targets=samples.targets[index])


def _scale(images: Any) -> Tensor:
    """uint8 (N, 28, 28) as float32 (N, 1, 28, 28) in [0, 1]."""
    return wrap((images[:, None].astype(np.float32)) / np.float32(255))


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text.encode())
