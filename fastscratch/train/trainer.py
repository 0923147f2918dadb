"""Trainer: the training loop, with everything around it that a training needs to be stopped, resumed and trusted."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from .. import random
from ..nn.utils import clip_grad_norm_
from ..optim.swa_utils import AveragedModel
from ..tape import no_grad
from ..tensor import Tensor, wrap
from .callbacks import Callback, Logs, in_order
from .checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from .history import History

Metric = Callable[[Tensor, Tensor], float]

_ADVICE = "a smaller learning rate or clip_grad_norm may help"


class NonFiniteLossError(RuntimeError):
    """The loss became NaN or infinite; the message says where."""


class Trainer:
    """Fits a model, evaluates it and predicts with it.

    Parameters
    ----------
    model : nn.Module
    optimizer : optim.Optimizer, optional
        Needed for fit.
    loss : callable
        loss(output, target) -> scalar Tensor, the mean over the batch.
    metrics : dict of str to callable, optional
        metric(output, target) -> float, a mean over the batch; columns of the history, and with ``val_`` in front for the
        validation data.
    scheduler : optim.lr_scheduler.LRScheduler, optional
    scheduler_interval : {"epoch", "step"}
        When the scheduler is stepped. ReduceLROnPlateau is given val_loss (or loss).
    callbacks : sequence of Callback
    clip_grad_norm : float, optional
        Clip the total norm of the gradients to this before each step.
    accumulate : int
        Batches whose gradients are averaged for one optimizer step; the last step of an epoch takes those that are left.
        Steps, of schedules and callbacks too, are always those of the optimizer.
    average : AveragedModel, optional
        Of this model; updated after each step. It is what is evaluated, predicts, and is the model of a checkpoint.

    Raises
    ------
    ValueError
        For a scheduler_interval that is not known, or an accumulate below 1.
    TypeError
        If average is no AveragedModel.

    Examples
    --------
    >>> import fastscratch as fs
    >>> from fastscratch.data import DataLoader, TensorDataset
    >>> _ = fs.manual_seed(0)
    >>> x = fs.randn(64, 3)
    >>> model = fs.nn.Linear(3, 1)
    >>> trainer = Trainer(model, fs.optim.SGD(model.parameters(), lr=0.1), fs.nn.functional.mse_loss)
    >>> history = trainer.fit(DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=16), epochs=20)
    >>> history["loss"][-1] < 1e-3
    True
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any = None,
        loss: Callable[[Tensor, Tensor], Tensor] | None = None,
        *,
        metrics: dict[str, Metric] | None = None,
        scheduler: Any = None,
        scheduler_interval: str = "epoch",
        callbacks: Sequence[Callback] = (),
        clip_grad_norm: float | None = None,
        accumulate: int = 1,
        average: AveragedModel | None = None,
    ) -> None:
        if scheduler_interval not in ("epoch", "step"):
            raise ValueError(f'scheduler_interval must be "epoch" or "step", got {scheduler_interval!r}')
        if not isinstance(accumulate, int) or accumulate < 1:
            raise ValueError(f"accumulate must be a whole number of batches, at least 1, got {accumulate!r}")
        if average is not None and not isinstance(average, AveragedModel):
            raise TypeError(f"average must be an AveragedModel, got {type(average).__name__}")
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = dict(metrics or {})
        self.scheduler = scheduler
        self.scheduler_interval = scheduler_interval
        self.callbacks = in_order(callbacks)
        self.clip_grad_norm = clip_grad_norm
        self.accumulate = accumulate
        self.average = average
        self.history = History()
        self.epoch = 0  # epochs finished
        self.step = 0  # steps done in the current epoch
        self.global_step = 0
        self.seen = 0  # samples seen in the current epoch
        self.epochs = 0
        self.steps_per_epoch = 0
        self.should_stop = False
        self.interrupted = False
        self.failed = False
        self._sums: dict[str, float] = {}
        self._loader: Any = None
        self._lr = 0.0
        self._seconds = 0.0  # spent in the current epoch before an interruption
        self._loader_state: dict[str, Any] | None = None

    @property
    def evaluated(self) -> Any:
        """The model that is evaluated and saved: the averaged one if there is an average."""
        return self.model if self.average is None else self.average.module

    # ---- fit ----

    def fit(self, loader: Any, validation: Iterable[Any] | None = None, epochs: int = 1) -> History:
        """Train until `epochs` epochs are done in all (a resumed training does what is left of them).

        Parameters
        ----------
        loader : DataLoader
            Gives (input, target) batches.
        validation : iterable of batches, optional
            Evaluated after each epoch.
        epochs : int

        Returns
        -------
        History
            Columns: epoch, loss, each metric, val_ columns, lr, images_per_second, seconds.

        Raises
        ------
        NonFiniteLossError
            If the loss, of training or of validation, becomes NaN or infinite. Checkpoints written before stay as they are.
        ValueError
            If the loader has no batches.

        Notes
        -----
        Ctrl-C finishes the batch, lets the callbacks save, and returns with ``interrupted`` set; a second one stops at
        once.
        """
        if self.optimizer is None or self.loss is None:
            raise ValueError("fit needs an optimizer and a loss")
        self.epochs, self.steps_per_epoch, self._loader = epochs, -(-len(loader) // self.accumulate), loader
        if self.steps_per_epoch == 0:
            raise ValueError("the loader has no batches: fewer samples than one batch, or none")
        if self._loader_state is not None:
            loader.load_state_dict(self._loader_state)
            self._loader_state = None
        self.should_stop = self.interrupted = self.failed = False
        with self._interruptible():
            self._call("on_fit_begin")
            try:
                while self.epoch < epochs and not self.should_stop:
                    if not self._run_epoch(loader, validation):
                        break
            except BaseException:
                self.failed = True
                raise
            finally:
                self._call("on_fit_end")
        return self.history

    def _run_epoch(self, loader: Any, validation: Iterable[Any] | None) -> bool:
        """One epoch, or what is left of it; False if it was interrupted."""
        start = time.perf_counter() - self._seconds
        self._call("on_epoch_begin")
        self.model.train()
        batches = iter(loader)
        while group := list(islice(batches, self._group_size(loader))):
            self._train_step(group)
            self._seconds = time.perf_counter() - start
            self._call("on_batch_end", self._means())
            if self.interrupted:
                return False
        if self.step == 0:
            raise ValueError("the loader gave no batches")
        row: Logs = {"epoch": self.epoch + 1, **self._means()}
        seconds = time.perf_counter() - start
        if validation is not None:
            row.update({f"val_{name}": value for name, value in self.evaluate(validation).items()})
            if not math.isfinite(row["val_loss"]):
                raise NonFiniteLossError(
                    f"the validation loss is {row['val_loss']} after epoch {self.epoch + 1}; {_ADVICE}"
                )
        row["lr"] = self._lr
        row["images_per_second"] = self.seen / max(seconds, 1e-9)
        row["seconds"] = time.perf_counter() - start
        self._step_scheduler("epoch", row)
        self.history.append(row)
        # What callbacks save is the state after the epoch, from which the next one begins.
        self.epoch += 1
        self.step, self.seen, self._sums, self._seconds = 0, 0, {}, 0.0
        self._call("on_epoch_end", row)
        return not self.interrupted

    def _group_size(self, loader: Any) -> int:
        """The batches of the next step; no more than are left, so that the loader is asked for none when it has no more."""
        return max(1, min(self.accumulate, len(loader) - self.step * self.accumulate))

    def _train_step(self, batches: list[Any]) -> None:
        """One step of the optimizer, with the mean of the batches' gradients."""
        for i, (inputs, target) in enumerate(batches):
            output = self.model(inputs)
            loss = self.loss(output, target)  # type: ignore[misc]
            value = loss.item()
            if not math.isfinite(value):
                where = f"epoch {self.epoch + 1}, batch {self.step * self.accumulate + i + 1} of {len(self._loader)}"
                raise NonFiniteLossError(f"the loss is {value} in {where}; {_ADVICE}")
            if i == 0:
                self.optimizer.zero_grad()
            (loss if len(batches) == 1 else loss / len(batches)).backward()
            self._add({"loss": value, **self._measure(output, target)}, len(inputs))
            self.seen += len(inputs)
        if self.clip_grad_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.clip_grad_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        self._lr = float(self.optimizer.param_groups[0]["lr"])  # of this step; the schedule is about to change it
        self._step_scheduler("step", {})
        self.step += 1
        self.global_step += 1

    def _step_scheduler(self, interval: str, row: Logs) -> None:
        if self.scheduler is None or self.scheduler_interval != interval:
            return
        if hasattr(self.scheduler, "patience"):  # ReduceLROnPlateau looks at a value
            self.scheduler.step(row.get("val_loss", row.get("loss")))
        else:
            self.scheduler.step()

    def _measure(self, output: Tensor, target: Tensor) -> Logs:
        with no_grad():
            return {name: float(metric(output, target)) for name, metric in self.metrics.items()}

    def _add(self, values: Logs, count: int) -> None:
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value * count

    def _means(self) -> Logs:
        return {name: total / self.seen for name, total in self._sums.items()}

    def _call(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, *args)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C asks the loop to stop after the batch; a second one raises as usual."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = signal.getsignal(signal.SIGINT)

        def ask(number: int, frame: Any) -> None:
            if self.interrupted:
                raise KeyboardInterrupt
            self.interrupted = True

        signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    # ---- evaluate, predict ----

    def evaluate(self, loader: Iterable[Any]) -> Logs:
        """The mean loss and metrics over all batches, in eval mode, without gradients."""
        sums: Logs = {}
        seen = 0
        with self._evaluating() as model:
            for inputs, target in loader:
                output = model(inputs)
                values = self._measure(output, target)
                if self.loss is not None:
                    values = {"loss": self.loss(output, target).item(), **values}
                for name, value in values.items():
                    sums[name] = sums.get(name, 0.0) + value * len(inputs)
                seen += len(inputs)
        if seen == 0:
            raise ValueError("evaluate: the loader gave no batches")
        return {name: total / seen for name, total in sums.items()}

    def predict(self, inputs: Tensor, batch_size: int = 512) -> Tensor:
        """The model's output for each sample of a tensor, in eval mode, without gradients, in batches."""
        if len(inputs) == 0:
            raise ValueError(f"predict: no samples in a tensor of shape {inputs.shape}")
        with self._evaluating() as model:
            parts = [model(inputs[i : i + batch_size]).array for i in range(0, len(inputs), batch_size)]
        return wrap(np.concatenate(parts))

    @contextmanager
    def _evaluating(self) -> Iterator[Any]:
        model = self.evaluated
        training = model.training
        model.eval()
        try:
            with no_grad():
                yield model
        finally:
            model.train(training)

    # ---- save, resume ----

    def save(self, path: str | Path) -> None:
        """Write a checkpoint: model, optimizer, schedule, callbacks, history, position in the data and random state.

        The file is whole or not there: it is written beside its final name and renamed. With an average, the averaged model
        is the checkpoint's, and the one that is trained lies beside it.
        """
        save_checkpoint(
            path,
            model=self.evaluated,
            optimizer=self.optimizer,
            scheduler=self.scheduler,
            extra={"trainer": self._state()},
        )

    def _state(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "step": self.step,
            "global_step": self.global_step,
            "seen": self.seen,
            "sums": self._sums,
            "seconds": self._seconds,
            "lr": self._lr,
            "history": self.history.rows,
            "callbacks": {type(c).__name__: c.state_dict() for c in self.callbacks},
            "loader": None if self._loader is None else self._loader.state_dict(),
            "random": random.get_rng_state(),
            "trained": None if self.average is None else self.model.state_dict(),
            "averaged": None if self.average is None else int(self.average.n_averaged.item()),
        }

    def resume(self, path: str | Path) -> None:
        """Go on where a checkpoint was written, from inside an epoch too: fit() then does what is left, to the same bits.

        Raises
        ------
        CheckpointError
            If the file is damaged, was not written by a Trainer, or belongs to another model, or to one with an average
            where there is none, or without where there is one.
        """
        extra = load_checkpoint(path)
        state = trainer_state(path, extra)
        if (state.get("trained") is None) != (self.average is None):
            raise CheckpointError(
                path, "one of checkpoint and Trainer has an average of the weights, the other has none"
            )
        load_checkpoint(path, model=self.evaluated, optimizer=self.optimizer, scheduler=self.scheduler)
        if self.average is not None:
            self.model.load_state_dict(state["trained"])
            self.average.n_averaged.array[...] = state["averaged"]
        self.epoch, self.step, self.global_step = state["epoch"], state["step"], state["global_step"]
        self.seen, self._sums, self._seconds = state["seen"], dict(state["sums"]), state["seconds"]
        self._lr = state["lr"]
        self.history.rows = list(state["history"])
        for callback in self.callbacks:
            if type(callback).__name__ in state["callbacks"]:
                callback.load_state_dict(state["callbacks"][type(callback).__name__])
        self._loader_state = state["loader"]
        random.set_rng_state(state["random"])


def trainer_state(path: str | Path, extra: dict[str, Any]) -> dict[str, Any]:
    """What Trainer.save put into a checkpoint beside model, optimizer and schedule."""
    state = extra.get("trainer") if isinstance(extra, dict) else None
    if not isinstance(state, dict) or "epoch" not in state:
        raise CheckpointError(path, "was not written by a Trainer: it does not say which epoch it is of")
    return state
