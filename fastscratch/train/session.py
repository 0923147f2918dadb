"""One training from settings to results: data, model, trainer, run folder, test."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import backend, models, random
from ..backend.threads import usable_cores
from ..data import DataLoader, TensorDataset, load_splits
from ..data.registry import Samples
from ..data.transforms import Compose, ElasticTransform, RandomAffine, Transform
from ..files import atomic_write
from ..metrics import accuracy, confusion_matrix
from ..nn import functional as F
from ..optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from ..tape import no_grad
from ..tensor import Tensor, wrap
from ..viz import confusion_svg, curves_svg, image_grid, write_png
from . import runs
from .callbacks import Callback, EarlyStopping, JSONLinesLogger, ModelCheckpoint
from .checkpoint import load_checkpoint
from .gradients import GradientNorms
from .log import Log
from .progress import ProgressBar
from .recipes import OPTIMIZERS, SCHEDULES
from .settings import Settings, lasting
from .tensorboard import TensorBoard, writer_class
from .trainer import Trainer, trainer_state

_DRAWN = (20_000, 4_000)  # training and test digits, where they are drawn and no number is given
_EVALUATION_BATCH = 500
_CLASSES = 10  # that the networks of ours tell apart

Splits = tuple[Samples, Samples]


class Session:
    """Everything that one training needs, made from its settings alone.

    Parameters
    ----------
    settings : Settings
    data : pair of Samples, optional
        Training and test samples that are already there, as :func:`load` gave them for these settings.
    """

    def __init__(self, settings: Settings, data: Splits | None = None) -> None:
        if settings.tensorboard:
            writer_class()  # before anything is read or written
        train, self.test_samples = data or load(settings)
        _check_fits(train, settings)
        # What was found is what the run was trained on, wherever it is resumed.
        self.settings = replace(settings, data=lasting(settings.data or train.name))
        self.train_samples, self.validation_samples = _hold_out(train, settings)
        random.manual_seed(settings.seed)
        self.model = models.build(settings.model, dropout=settings.dropout)
        _check_model(self.model, train, settings)
        transform = _augmentation(settings)
        self.loader = DataLoader(
            self._dataset(self.train_samples),
            batch_size=settings.batch_size,
            shuffle=True,
            transform=transform,
            # Made ahead, while the network computes, where a core is left for that: else the two are in each other's way.
            num_workers=int(transform is not None and backend.get_num_threads() < usable_cores()),
        )
        self.stopping = EarlyStopping(self.monitor, patience=settings.patience) if settings.patience else None
        self.board: TensorBoard | None = None
        self.trainer = self._trainer()

    def _trainer(self) -> Trainer:
        settings = self.settings
        make = OPTIMIZERS[settings.optimizer]
        optimizer = make(self.model.parameters(), settings.lr, settings.weight_decay, settings.momentum)
        steps = -(-len(self.loader) // settings.accumulate)
        average = None
        if settings.ema is not None:
            average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(settings.ema), use_buffers=True)
        return Trainer(
            self.model,
            optimizer,
            F.mse_loss if settings.reconstruct else F.cross_entropy,
            metrics={} if settings.reconstruct else {"accuracy": accuracy},
            scheduler=SCHEDULES[settings.schedule](optimizer, settings.lr, settings.epochs * steps, steps),
            scheduler_interval="step",
            clip_grad_norm=settings.clip_grad_norm,
            accumulate=settings.accumulate,
            average=average,
        )

    @property
    def monitor(self) -> str:
        """What the best epoch is chosen by."""
        return "val_loss" if self.settings.reconstruct else "val_accuracy"

    @property
    def stopping_reason(self) -> str:
        """Why the training stopped early; empty if it did not."""
        return self.stopping.reason if self.stopping else ""

    @property
    def over(self) -> bool:
        """Whether nothing is left to train."""
        return self.trainer.epoch >= self.settings.epochs or bool(self.stopping_reason)

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
        inputs = scale(samples.data)
        target = inputs.reshape(len(samples), -1) if self.settings.reconstruct else Tensor(samples.targets)
        return TensorDataset(inputs, target)

    def _batches(self, samples: Samples) -> DataLoader:
        return DataLoader(self._dataset(samples), batch_size=_EVALUATION_BATCH)

    def attach(self, folder: Path, watchers: Sequence[Callback] = ()) -> None:
        """Let the training leave its checkpoints, metrics and log in a folder, with others looking on."""
        settings = self.settings
        if settings.tensorboard:
            images = self.train_samples.data[:32] / np.float32(255) if np.ndim(self.train_samples.data) == 3 else None
            self.board = TensorBoard(folder / "tensorboard", images)
        checkpoints = ModelCheckpoint(
            folder / "checkpoints",
            monitor=self.monitor,
            every_steps=settings.save_steps,
            every_epochs=settings.save_every,
        )
        callbacks: list[Callback] = [*watchers, JSONLinesLogger(folder / "metrics.jsonl"), Log(folder / "log.txt")]
        callbacks.append(GradientNorms(folder / "gradients.jsonl"))
        if self.stopping:
            callbacks.append(self.stopping)
        if self.board:
            callbacks.append(self.board)
        self.trainer.callbacks = [*callbacks, checkpoints]

    def fit(self, folder: Path, watchers: Sequence[Callback] | None = None) -> None:
        """Train, or do what is left of a training that was resumed, leaving everything in the folder.

        `watchers` are callbacks beside those that write; a progress bar unless said.
        """
        if not self.trainer.callbacks:
            self.attach(folder, [ProgressBar()] if watchers is None else watchers)
        start = time.perf_counter()
        self.trainer.fit(self.loader, self._batches(self.validation_samples), self.settings.epochs)
        self.seconds = time.perf_counter() - start

    def resume(self, folder: Path, watchers: Sequence[Callback] | None = None) -> None:
        """Take the state of the last checkpoint of this run."""
        self.attach(folder, [ProgressBar()] if watchers is None else watchers)
        self.trainer.resume(runs.checkpoint(folder, "last"))

    def test(self, checkpoint: Path) -> dict[str, Any]:
        """Evaluate a checkpoint on the test set."""
        extra = load_checkpoint(checkpoint, model=self.trainer.evaluated)
        results: dict[str, Any] = {
            "test": self.trainer.evaluate(self._batches(self.test_samples)),
            "samples": len(self.test_samples),
            "best_epoch": trainer_state(checkpoint, extra)["epoch"],
        }
        if not self.settings.reconstruct:
            predicted = self.trainer.predict(scale(self.test_samples.data)).argmax(1)
            classes = list(self.test_samples.classes)
            matrix = confusion_matrix(self.test_samples.targets, predicted.numpy(), labels=range(len(classes)))
            results.update(classes=classes, confusion=matrix.tolist())
        return results

    def report(self, folder: Path) -> dict[str, Any]:
        """Test the best checkpoint, and leave the results and pictures in the run folder."""
        results = self.test(runs.checkpoint(folder, "best"))
        rows = self.trainer.history.rows
        results["validation"] = {
            name.removeprefix("val_"): value
            for name, value in rows[results["best_epoch"] - 1].items()
            if name.startswith("val_")
        }
        results.update(epochs=len(rows), seconds=sum(row["seconds"] for row in rows))
        self._draw(folder / "figures", results)
        if self.board:
            self.board.report(results, results["best_epoch"])
        runs.write_json(folder / "results.json", results)  # last: where it is, the run is whole
        return results

    def _draw(self, folder: Path, results: dict[str, Any]) -> None:
        folder.mkdir(exist_ok=True)
        names = ["loss"] if self.settings.reconstruct else ["loss", "accuracy"]
        _write_text(folder / "curves.svg", curves_svg(self.trainer.history.rows, names))
        if not self.settings.reconstruct:
            title = f"{self.settings.model} on {self.test_samples.name}: {results['test']['accuracy']:.2%}"
            _write_text(folder / "confusion.svg", confusion_svg(results["confusion"], results["classes"], title))
        elif np.ndim(self.test_samples.data) == 3:
            write_png(folder / "reconstructions.png", self._reconstructions())

    def _reconstructions(self, count: int = 16) -> Any:
        """Test images above what the network makes of them."""
        images = scale(self.test_samples.data[:count])
        made = self.trainer.predict(images)
        originals = images.array[:, 0]
        return image_grid(np.concatenate([originals, made.array.reshape(originals.shape)]), columns=len(images))


def load(settings: Settings) -> Splits:
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


def _check_fits(samples: Samples, settings: Settings) -> None:
    """ValueError for data that is not for our networks; what others take, they know."""
    if settings.model not in models.MODELS:
        return
    if np.ndim(samples.data) != 3 or samples.data.shape[1:] != (28, 28):
        shape = samples.data.shape[1:]
        raise ValueError(f"the networks take 28x28 images, {samples.name} has samples of shape {shape}")
    if len(samples.classes) > _CLASSES and not settings.reconstruct:
        known = f"labels 0 to {_CLASSES - 1}"
        raise ValueError(f"the networks know {known}, {samples.name} has labels up to {len(samples.classes) - 1}")


def _check_model(model: Any, samples: Samples, settings: Settings) -> None:
    """ValueError if a network does not take one sample, or gives what cannot be compared with its target."""
    sample = scale(samples.data[:1])
    model.eval()
    try:
        with no_grad():
            given = model(sample)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        taken = tuple(sample.shape[1:])
        raise ValueError(f"model {settings.model!r} does not take samples of shape {taken}: {error}") from error
    finally:
        model.train()
    if not isinstance(given, Tensor):
        raise ValueError(f"model {settings.model!r} is to give one tensor, and gives a {type(given).__name__}")
    shape = tuple(given.shape)
    if settings.reconstruct:
        size = sample.numel()
        if shape != (1, size):
            raise ValueError(
                f"model {settings.model!r} is to make the {size} values of a sample, and gives {shape[1:]}"
            )
    elif len(shape) != 2 or shape[1] < len(samples.classes):
        wanted = f"a score for each of {len(samples.classes)} classes"
        raise ValueError(f"model {settings.model!r} is to give {wanted}, and gives values of shape {shape[1:]}")


def _augmentation(settings: Settings) -> Transform | None:
    """What training images go through; None if nothing."""
    chain: list[Transform] = []
    if settings.rotate or settings.translate or settings.zoom:
        shift, zoom = settings.translate, settings.zoom
        chain.append(RandomAffine(settings.rotate, translate=(shift, shift), scale=(1 - zoom, 1 + zoom)))
    if settings.elastic:
        chain.append(ElasticTransform(settings.elastic, settings.elastic_sigma))
    return Compose(chain) if chain else None


def _hold_out(train: Samples, settings: Settings) -> Splits:
    """Split off the validation samples, drawn by the seed."""
    if settings.validation >= len(train):
        raise ValueError(f"{settings.validation} validation samples of {len(train)} leave none to train on")
    order = np.random.default_rng(settings.seed).permutation(len(train))
    held, kept = np.sort(order[: settings.validation]), np.sort(order[settings.validation :])
    return _take(train, kept), _take(train, held)


def _take(samples: Samples, index: Any) -> Samples:
    return replace(samples, data=samples.data[index], targets=samples.targets[index])


def scale(data: Any) -> Tensor:
    """uint8 images (N, H, W) as float32 (N, 1, H, W) in [0, 1]; features (N, d) as they are."""
    if data.dtype != np.uint8:
        return wrap(np.asarray(data, np.float32))
    return wrap((data[:, None].astype(np.float32)) / np.float32(255))


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text.encode())
