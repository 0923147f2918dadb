"""Event files for TensorBoard, written by tensorboardX (the extra `tensorboard`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .callbacks import Callback, Logs

if TYPE_CHECKING:
    from .trainer import Trainer

_IMAGES = 32  # training images that are shown
_FLUSH = 2  # seconds of events that are lost at most, should the process be killed
_CELL = 12  # pixels of a cell of the confusion matrix


class TensorBoard(Callback):
    """Every number of the history, and histograms of the weights and of the gradients of the last batch, epoch by epoch.

    Parameters
    ----------
    folder : path
        Where the event files go. A training that is resumed adds a file, and what an earlier one holds of the epochs that
        are done again is passed over.
    images : ndarray, shape (n, height, width), optional
        In [0, 1]: the first of them are shown.

    Raises
    ------
    ImportError
        If tensorboardX is not installed, saying how to get it.
    """

    def __init__(self, folder: str | Path, images: Any = None) -> None:
        writer_class()  # now, and not when the training begins
        self.folder, self.images = Path(folder), images
        self._writer: Any = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._open(f".{trainer.epoch}.{trainer.global_step}", trainer.epoch + 1)
        if self.images is not None and trainer.global_step == 0:
            self._writer.add_image("images", _sheet(self.images[:_IMAGES]), 0, dataformats="HW")

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        for name, value in logs.items():
            if name != "epoch":
                self._writer.add_scalar(_tag(name), value, trainer.epoch)
        for name, parameter in trainer.model.named_parameters():
            self._writer.add_histogram(f"weights/{name}", parameter.array, trainer.epoch)
            if parameter.grad is not None:
                self._writer.add_histogram(f"gradients/{name}", parameter.grad.array, trainer.epoch)

    def on_fit_end(self, trainer: Trainer) -> None:
        self._writer.close()

    def report(self, results: dict[str, Any], epoch: int) -> None:
        """The confusion matrix as an image, and what the test set said, at the epoch of the best checkpoint."""
        self._open(".results")
        for name, value in results["test"].items():
            self._writer.add_scalar(f"test/{name}", value, epoch)
        if "confusion" in results:
            self._writer.add_image("confusion", confusion_image(results["confusion"]), epoch, dataformats="HWC")
        self._writer.close()

    def _open(self, suffix: str, purge_step: int | None = None) -> None:
        """A new file: its name has the second in it, so two need the suffix to differ."""
        how = {"purge_step": purge_step, "filename_suffix": suffix, "flush_secs": _FLUSH}
        self._writer = writer_class()(str(self.folder), **how)


def confusion_image(matrix: Any) -> np.ndarray:
    """(H, W, 3) uint8: rows true classes, columns predicted ones; right answers blue, mistakes red, by their share.

    The square root of a share of mistakes, so that one in a thousand is seen.
    """
    counts = np.asarray(matrix, np.float64)
    share = counts / np.maximum(1, counts.sum(1, keepdims=True))
    right = np.eye(len(counts), dtype=bool)
    strength = np.where(right, share, np.sqrt(share))[..., None]
    colour = np.where(right[..., None], np.array([31.0, 111, 235]), np.array([217.0, 72, 15]))
    cells = np.rint(255 + (colour - 255) * strength).astype(np.uint8)
    return np.kron(cells, np.ones((_CELL, _CELL, 1), np.uint8))


def _tag(column: str) -> str:
    """loss/training and loss/validation are drawn side by side."""
    if column in ("lr", "seconds", "images_per_second"):
        return column
    return f"{column.removeprefix('val_')}/{'validation' if column.startswith('val_') else 'training'}"


def _sheet(images: Any) -> np.ndarray:
    from ..viz import image_grid

    return image_grid(np.asarray(images), columns=8, scale=2)


def writer_class() -> Any:
    """tensorboardX's SummaryWriter; ImportError that says how to get it."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise ImportError("event files are written by tensorboardX: pip install 'fastscratch[tensorboard]'") from None
    return SummaryWriter
