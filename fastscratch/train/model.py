"""Model: compile, fit, predict. The Trainer in three verbs, with NumPy arrays in and out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import dtypes, nn
from ..data import DataLoader, TensorDataset
from ..optim import Optimizer
from ..tensor import Array, Tensor, wrap
from .callbacks import Callback, Logs, in_order
from .choices import OF_CLASSES, OF_VALUES, Function, loss_of, metrics_of, optimizer_of, shaped
from .history import History
from .progress import ProgressBar
from .trainer import Trainer


class Model:
    """A network with its training: layers one after the other, compile, fit, evaluate, predict.

    Parameters
    ----------
    *layers : nn.Module
        The first layers, or a whole network of your own.

    Attributes
    ----------
    module : nn.Sequential
        The network. Its parameters are what ``fs.save(model.module.state_dict(), path)`` keeps.
    trainer : Trainer or None
        What compile made: all that is done is done by it.

    Notes
    -----
    Arrays of floats are converted to the dtype of the network's parameters, and so are integers, unless the network begins
    with an Embedding. Labels stay integers for losses of classes ("cross_entropy", "nll").

    Examples
    --------
    >>> import fastscratch as fs
    >>> from fastscratch.data import make_moons
    >>> _ = fs.manual_seed(0)
    >>> X, y = make_moons(500, noise=0.1, random_state=0)
    >>> model = fs.train.Model()
    >>> for layer in (fs.nn.Linear(2, 16), fs.nn.ReLU(), fs.nn.Linear(16, 2)):
    ...     model.add(layer)
    >>> model.compile("adam", "cross_entropy", metrics=["accuracy"], lr=0.01)
    >>> history = model.fit(X[:400], y[:400], epochs=20, validation_data=(X[400:], y[400:]), verbose=False)
    >>> history["val_accuracy"][-1] > 0.9
    True
    >>> model.predict(X[:3]).shape
    (3, 2)
    """

    def __init__(self, *layers: nn.Module) -> None:
        self.module = nn.Sequential()
        self.trainer: Trainer | None = None
        self._loss: Any = None
        for layer in layers:
            self.add(layer)

    def add(self, layer: nn.Module) -> None:
        """Put a layer after the last one.

        Raises
        ------
        TypeError
            If it is no nn.Module.
        RuntimeError
            After compile: the optimizer would not know of it.
        """
        if not isinstance(layer, nn.Module):
            raise TypeError(f"add: a layer must be a fastscratch.nn.Module, got {layer!r}")
        if self.trainer is not None:
            raise RuntimeError("add: the model is compiled; add all layers before compile")
        self.module.append(layer)

    def compile(
        self,
        optimizer: str | Optimizer | Callable[[Any], Optimizer] = "adam",
        loss: str | Function = "mse",
        metrics: str | Sequence[str | Function] | Mapping[str, Function] = (),
        *,
        lr: float | None = None,
    ) -> None:
        """Say how to train. Compiling again keeps the parameters and begins a new training.

        Parameters
        ----------
        optimizer : {"sgd", "rmsprop", "adam", "adamw"}, Optimizer, or callable
            By name with customary settings (sgd: momentum 0.9); an optimizer of ``model.module.parameters()``; or what
            makes one of parameters, such as a class.
        loss : {"mse", "mae", "huber", "smooth_l1", "cross_entropy", "nll", "bce", "bce_with_logits", "kl_div"}, or callable
            loss(output, target) -> scalar Tensor, the mean over the batch.
        metrics : str or callable, or several in a sequence or in a dict by name
            "accuracy", "mse", "mae", or metric(output, target) -> float, a mean over the batch. The accuracy under "bce"
            and "bce_with_logits" is that of yes or no.
        lr : float, optional
            The learning rate, for an optimizer that is given by name.

        Raises
        ------
        ValueError
            For an unknown name (saying the nearest that is known), a network without parameters, or an optimizer of others.
        TypeError
            For what is neither a name nor an object of the kind.
        """
        self._loss = loss_of(loss)
        fitted = optimizer_of(optimizer, list(self.module.parameters()), lr)
        self.trainer = Trainer(self.module, fitted, shaped(self._loss), metrics=metrics_of(metrics, self._loss))

    def fit(
        self,
        X: Any,
        y: Any,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: tuple[Any, Any] | None = None,
        callbacks: Sequence[Callback] = (),
        *,
        shuffle: bool = True,
        verbose: bool = True,
    ) -> History:
        """Train for so many epochs, or so many more.

        Parameters
        ----------
        X, y : array, one row for each sample
        epochs, batch_size : int
        validation_data : (X, y), optional
            Evaluated after each epoch: columns val_loss and val_ of each metric.
        callbacks : sequence of Callback
        shuffle : bool
            A new order in each epoch, from the generator that ``fs.manual_seed`` seeds.
        verbose : bool
            A progress bar on stderr; a line per epoch where that is no terminal.

        Returns
        -------
        History
            Of all epochs since compile; ``history["loss"]`` is a column. See Trainer.fit.

        Raises
        ------
        RuntimeError
            Before compile.
        ValueError
            If X and y do not go together, are empty or not finite.
        NonFiniteLossError
            If the loss becomes NaN or infinite.
        """
        trainer = self._compiled("fit")
        if operator.index(epochs) < 1:
            raise ValueError(f"fit: epochs must be at least 1, got {epochs}")
        loader = DataLoader(self._samples(X, y), batch_size=batch_size, shuffle=shuffle)
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
                raise ValueError(f"fit: validation_data must be a pair (X, y), got {type(validation_data).__name__}")
            names = "validation_data[0]", "validation_data[1]"
            validation = DataLoader(self._samples(*validation_data, names), batch_size=batch_size)
        trainer.callbacks = in_order([*([ProgressBar()] if verbose else []), *callbacks])
        return trainer.fit(loader, validation, trainer.epoch + epochs)

    def evaluate(self, X: Any, y: Any, batch_size: int = 512) -> Logs:
        """The mean loss and metrics, without training: a dict by name. Errors as of fit."""
        return self._compiled("evaluate").evaluate(DataLoader(self._samples(X, y), batch_size=batch_size))

    def predict(self, X: Any, batch_size: int = 512) -> Array:
        """The network's output for each sample, as an array; compiled or not.

        Raises
        ------
        ValueError
            If X is empty or not finite.
        """
        trainer = self.trainer or Trainer(self.module)
        return trainer.predict(wrap(self._features(X, "X")), batch_size).array

    def _compiled(self, what: str) -> Trainer:
        if self.trainer is None:
            raise RuntimeError(f"{what}: compile the model first: model.compile(optimizer, loss)")
        return self.trainer

    def _samples(self, X: Any, y: Any, names: tuple[str, str] = ("X", "y")) -> TensorDataset:
        features, targets = self._features(X, names[0]), self._targets(y, names[1])
        if len(features) != len(targets):
            raise ValueError(f"{names[0]} has {len(features)} samples and {names[1]} has {len(targets)}")
        return TensorDataset(features, targets)

    def _features(self, X: Any, name: str) -> Array:
        array = _numbers(X, name)
        if array.dtype.kind != "f" and self._begins_with_embedding():
            return array.astype(np.int64)
        return array.astype(self._dtype(), copy=False)

    def _targets(self, y: Any, name: str) -> Array:
        array = _numbers(y, name)
        if isinstance(self._loss, OF_CLASSES):
            if array.dtype.kind == "f" and array.ndim == 1:
                raise TypeError(f"{name} must be labels, integers from 0, for this loss, got {array.dtype}")
            return array.astype(self._dtype() if array.dtype.kind == "f" else np.int64, copy=False)
        labels = array.dtype.kind != "f" and not isinstance(self._loss, OF_VALUES)
        return array.astype(np.int64 if labels else self._dtype(), copy=False)

    def _dtype(self) -> Any:
        """Of the parameters."""
        floating = (p.dtype for p in self.module.parameters() if p.dtype.kind == "f")
        return next(floating, dtypes.get_default_dtype())

    def _begins_with_embedding(self) -> bool:
        layers = (m for m in self.module.modules() if m.__dict__.get("weight") is not None)
        return isinstance(next(layers, None), nn.Embedding)

    def __repr__(self) -> str:
        state = "not compiled" if self.trainer is None else f"{self.trainer.epoch} epochs trained"
        return f"Model({', '.join(map(repr, self.module))}; {state})"


def _numbers(values: Any, name: str) -> Array:
    """An array of finite numbers with at least one row."""
    array = values.detach().array if isinstance(values, Tensor) else np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of numbers, got {array.dtype}")
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(f"{name} must have at least one row, got shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} contains {'NaN' if np.isnan(array).any() else 'infinity'}: numbers must be finite")
    return array
