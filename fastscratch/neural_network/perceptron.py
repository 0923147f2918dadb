"""What both perceptrons have in common: parameters, a network, its training, and when to stop."""

import math
import warnings
from typing import Any, Self

import numpy as np

from .. import random
from ..base import BaseEstimator
from ..data import DataLoader
from ..exceptions import ConvergenceWarning, compatible
from ..model_selection import train_test_split
from ..tensor import wrap
from ..train import NonFiniteLossError, ProgressBar, Trainer
from ..validation import check_features, check_is_fitted, check_random_state, check_sample_weight
from . import full_batch
from .layers import ACTIVATIONS, perceptron
from .training import SOLVERS, Loss, Objective, Samples, Watch, make_optimizer, need_finite

Array = np.ndarray[Any, Any]

PREDICTED_AT_ONCE = 1024  # samples


class Perceptron(BaseEstimator):
    """What both have in common. A subclass prepares targets and says which loss and score are its own."""

    # What __init__ of the subclasses sets; here for the type checker's sake.
    hidden_layer_sizes: Any
    activation: Any
    solver: Any
    alpha: float
    batch_size: Any
    learning_rate: Any
    learning_rate_init: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: Any
    warm_start: bool
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: float
    dropout: float
    batch_norm: bool
    n_outputs_: int

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    # ---- fit ----

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to X (n_samples, n_features) and y, from new random weights unless warm_start is set.

        Raises
        ------
        ValueError
            For data or a parameter that cannot be, or when the weights have become infinite.
        """
        goes_on = self.warm_start and hasattr(self, "network_")
        return self._fit(X, y, sample_weight, epochs=self.max_iter, goes_on=goes_on)

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, epochs: int, goes_on: bool) -> Self:
        self._check_parameters()
        first = not (goes_on and hasattr(self, "network_"))
        X = check_features(self, X, reset=first)
        targets = self._targets(X, y, goes_on)
        weight = None if sample_weight is None else check_sample_weight(sample_weight, len(X), X.dtype)
        rng = check_random_state(self.random_state)
        with random.fork_rng():
            random.manual_seed(int(rng.integers(2**63)))
            if first:
                self._begin(X, targets)
            self._train(X, targets, weight, epochs, rng)
        need_finite(self.network_)
        return self

    def _begin(self, X: Array, targets: Array) -> None:
        """A network with new weights, and empty curves; a subclass sets n_outputs_ and out_activation_ before."""
        hidden = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=np.int64)).tolist()
        self.n_layers_ = len(hidden) + 2
        self.network_ = perceptron(
            [X.shape[1], *hidden, self.n_outputs_],
            self.activation,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
            dtype=X.dtype.name,
        )
        self._optimizer = None if self.solver == "lbfgs" else make_optimizer(self, self.network_)
        self._scheduler = self.learning_rate(self._optimizer) if callable(self.learning_rate) else None
        self.t_ = 0
        self.loss_curve_: list[float] = []
        self.best_loss_ = None if self.early_stopping else math.inf
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_ = -math.inf if self.early_stopping else None

    def _train(self, X: Array, y: Array, weight: Array | None, epochs: int, rng: np.random.Generator) -> None:
        if self.solver == "lbfgs":
            self._descend(X, y, weight, epochs)
            return
        held_out = None
        if self.early_stopping:
            X, y, weight, held_out = self._hold_out(X, y, weight, rng)
        score = None if held_out is None else lambda: self._score(*held_out)
        watch = Watch(self, len(X), score)
        size = self._batch(len(X))
        trainer = Trainer(
            self.network_,
            self._optimizer,
            Objective(self._loss(), self.alpha, self._optimizer),  # type: ignore[arg-type]
            scheduler=self._scheduler,
            callbacks=[watch, ProgressBar()] if self.verbose else [watch],
        )
        lone = self.batch_norm and len(X) > size and len(X) % size == 1  # one sample has no variance
        loader = DataLoader(Samples(X, y, weight), batch_size=size, shuffle=self.shuffle, drop_last=lone)
        self.n_iter_ = 0
        try:
            trainer.fit(loader, epochs=epochs)
        except NonFiniteLossError as error:
            raise ValueError(f"Solver produced non-finite values: {error}") from error
        self._say(trainer, watch, epochs)
        if watch.best is not None:
            self.network_.load_state_dict({name: wrap(array) for name, array in watch.best.items()})

    def _descend(self, X: Array, y: Array, weight: Array | None, steps: int) -> None:
        settings: dict[str, Any] = {"alpha": self.alpha, "tol": self.tol, "max_iter": steps, "verbose": self.verbose}
        curve, converged = full_batch.descend(self.network_, self._loss(), X, y, weight, **settings)
        self.n_iter_, self.loss_ = len(curve), curve[-1]
        self.t_ += len(X) * len(curve)
        self.loss_curve_ += curve
        self.best_loss_ = min(curve)
        if not converged and steps > 1:
            warnings.warn(
                f"lbfgs failed to converge after {self.n_iter_} iterations: increase max_iter or scale the data",
                compatible(ConvergenceWarning),
                stacklevel=4,
            )

    def _say(self, trainer: Trainer, watch: Watch, epochs: int) -> None:
        if trainer.interrupted:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        elif epochs > 1 and not watch.converged and self.n_iter_ == epochs:
            warnings.warn(
                f"Maximum iterations ({epochs}) reached and the optimization hasn't converged yet.",
                compatible(ConvergenceWarning),
                stacklevel=4,
            )

    def _hold_out(self, X: Array, y: Array, weight: Array | None, rng: np.random.Generator) -> tuple[Any, ...]:
        """What is left to train on, and the samples to judge by."""
        arrays = [X, y] if weight is None else [X, y, weight]
        parts = train_test_split(
            *arrays, test_size=self.validation_fraction, random_state=rng, stratify=self._strata(y)
        )
        if len(parts[1]) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        left, held = parts[::2], parts[1::2]
        return (*left, None, held) if weight is None else (*left, held)

    def _strata(self, y: Array) -> Array | None:
        return None

    def _batch(self, n_samples: int) -> int:
        if self.batch_size == "auto":
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warnings.warn(f"batch_size {self.batch_size} is more than {n_samples} samples: it is clipped", stacklevel=5)
        return min(int(self.batch_size), n_samples)

    def _check_parameters(self) -> None:
        for name, known in (("activation", ACTIVATIONS), ("solver", (*SOLVERS, "lbfgs"))):
            value = getattr(self, name)
            if not callable(value) and value not in known:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, known))} or a callable, got {value!r}")
        rates = ("constant", "invscaling", "adaptive")
        if not callable(self.learning_rate) and self.learning_rate not in rates:
            raise ValueError(f"learning_rate must be one of {rates} or a callable, got {self.learning_rate!r}")
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes))
        if sizes.ndim != 1 or (sizes.size and (sizes.dtype.kind not in "iu" or sizes.min() < 1)):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {self.hidden_layer_sizes}")
        for name, least, below in _RANGES:
            value = getattr(self, name)
            if not least <= value < below:
                raise ValueError(f"{name} must be in [{least}, {below}), got {value}")
        if self.solver == "lbfgs" and (self.dropout or self.early_stopping or callable(self.learning_rate)):
            raise ValueError("solver='lbfgs' takes all samples at once: no dropout, early_stopping or schedule")
        if not self.learning_rate_init > 0:
            raise ValueError(f"learning_rate_init must be positive, got {self.learning_rate_init}")
        if self.batch_size != "auto" and not self.batch_size >= 1:
            raise ValueError(f"batch_size must be 'auto' or at least 1, got {self.batch_size}")

    def _penalty(self, network: Any, n_samples: int) -> float:
        """alpha / 2 |W|^2 over a batch's samples, which scikit-learn counts among the loss."""
        squares = sum(float(np.vdot(p.array, p.array)) for p in network.parameters() if p.ndim > 1)
        return self.alpha * squares / 2 / self._batch(n_samples)

    # ---- what was learnt ----

    @property
    def coefs_(self) -> list[Array]:
        """The matrix of each layer, shape (inputs, outputs)."""
        return [p.array.T for p in self._linear("weight")]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer."""
        return [p.array for p in self._linear("bias")]

    def _linear(self, name: str) -> list[Any]:
        check_is_fitted(self, "network_")
        return [getattr(layer, name) for layer in self.network_ if hasattr(layer, "in_features")]

    def _output(self, X: Array) -> Array:
        return Trainer(self.network_).predict(wrap(X), PREDICTED_AT_ONCE).array

    def _checked_output(self, X: Any) -> Array:
        check_is_fitted(self, "network_")
        dtype = next(iter(self.network_.parameters())).array.dtype
        return self._output(check_features(self, X, reset=False, dtype=dtype))

    # ---- what a subclass says ----

    def _targets(self, X: Array, y: Any, keep: bool) -> Array:
        raise NotImplementedError

    def _loss(self) -> Loss:
        raise NotImplementedError

    def _score(self, X: Array, y: Array, weight: Array | None = None) -> float:
        raise NotImplementedError


_RANGES = [
    ("alpha", 0, math.inf), ("dropout", 0, 1), ("max_iter", 1, math.inf), ("tol", 0, math.inf),
    ("validation_fraction", 0, 1), ("n_iter_no_change", 1, math.inf), ("power_t", 0, math.inf),
    ("beta_1", 0, 1), ("beta_2", 0, 1),
]  # fmt: skip


def keep(estimator: Any, arguments: dict[str, Any]) -> None:
    """The arguments of an __init__ as attributes of their names."""
    vars(estimator).update({k: v for k, v in arguments.items() if k not in ("self", "__class__")})
