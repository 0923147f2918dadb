"""MLPClassifier and MLPRegressor: scikit-learn's names and behaviour on our networks, optimizers and Trainer."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from .. import metrics
from ..base import ClassifierMixin, RegressorMixin
from ..tensor import Tensor, wrap
from ..validation import check_labels, check_target
from .layers import Activation
from .perceptron import Perceptron, keep
from .training import Loss, binary_log_loss, log_loss, poisson, squared_error

Array = np.ndarray[Any, Any]


class MLPClassifier(ClassifierMixin, Perceptron):
    """A classifier of linear layers with an activation between them, trained on the cross entropy.

    Two classes, or a y of several columns of 0 and 1 (labels that may hold together), take logistic outputs, more classes
    the softmax.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        The units of each hidden layer; an empty sequence leaves a linear model.
    activation : {"relu", "tanh", "logistic", "identity"} or callable
        Or what makes a module: ``nn.GELU``.
    solver : {"adam", "adamw", "rmsprop", "sgd", "lbfgs"} or callable
        "lbfgs" takes all samples in every one of its max_iter steps. A callable makes an optimizer of parameter groups:
        ``lambda groups: optim.SGD(groups, lr=0.1)``.
    alpha : float
        The penalty alpha |W|^2 / 2 of the matrices, divided by the weight of the batch as scikit-learn's. With a callable,
        the optimizer's ``weight_decay`` is set to it; "adamw" shrinks the matrices by it instead of adding it to the slope.
    batch_size : int or "auto"
        "auto" is min(200, n_samples).
    learning_rate : {"constant", "invscaling", "adaptive"} or callable
        The last two are of "sgd": learning_rate_init / (t + 1)^power_t, with t the samples seen; divided by 5 whenever
        nothing has got better for n_iter_no_change epochs. A callable makes a schedule of an optimizer, stepped after each
        epoch: ``lambda optimizer: optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)``.
    learning_rate_init, power_t : float
    max_iter : int
        Epochs at most.
    shuffle : bool
    random_state : int, Generator or None
        Of weights, batches, dropout and held-out samples. fastscratch's own random state stays as it is.
    tol, n_iter_no_change : float
        Training stops when the loss, or with early_stopping the score, has not got better by tol for more than
        n_iter_no_change epochs in a row.
    verbose : bool
        A progress bar, and a line for each epoch; of "lbfgs" a bar, or a line for each iteration where there is no
        terminal.
    warm_start : bool
        Go on from the weights of the last fit.
    momentum, nesterovs_momentum
        Of "sgd".
    early_stopping : bool
        Hold out validation_fraction of the samples, stop by their accuracy, and keep the weights that were best.
    validation_fraction : float
    beta_1, beta_2, epsilon : float
        Of "adam" and "adamw".
    dropout : float
        The share of hidden units that are dropped in training.
    batch_norm : bool
        Batch normalisation before each activation.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    network_ : nn.Sequential
        What was trained; ``fs.save(model.network_.state_dict(), file)`` keeps it.
    coefs_, intercepts_ : list of ndarray
        The matrix (inputs, outputs) and the biases of each linear layer.
    loss_, best_loss_ : float
    loss_curve_, validation_scores_ : list of float
        Of each epoch: the mean training loss with its penalty, and the accuracy on the samples that were held out.
    best_validation_score_ : float
    n_iter_, t_ : int
        Epochs of the last fit, and samples seen in all.
    n_features_in_, n_layers_, n_outputs_ : int
    out_activation_ : str

    Notes
    -----
    float32 X is trained in float32, everything else in float64. A step costs about 6 operations for each sample and weight.

    References
    ----------
    D. Rumelhart, G. Hinton and R. Williams, Learning representations by back-propagating errors, Nature 323, 1986.

    Examples
    --------
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["no", "yes", "yes", "no"]
    >>> model = MLPClassifier((16,), "tanh", learning_rate_init=0.05, max_iter=300, tol=0, random_state=0)
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     print(model.fit(X, y).predict(X))
    ['no' 'yes' 'yes' 'no']
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Activation = "relu",
        *,
        solver: str | Callable[[Any], Any] = "adam",
        alpha: float = 1e-4,
        batch_size: Any = "auto",
        learning_rate: str | Callable[[Any], Any] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        dropout: float = 0.0,
        batch_norm: bool = False,
    ) -> None:
        keep(self, locals())

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch (of "lbfgs" a step) from the weights that are there; the first call needs all classes there will be."""
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if not hasattr(self, "classes_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self.classes_ = np.unique(np.asarray(classes))
        elif classes is not None and not np.array_equal(self.classes_, np.unique(np.asarray(classes))):
            raise ValueError(f"classes={classes} is not the same as on last call to partial_fit: {self.classes_}")
        return self._fit(X, y, sample_weight, epochs=1, goes_on=True)

    def predict(self, X: Any) -> Array:
        """The most probable class of each sample; for labels that may hold together, 0 or 1 for each of them."""
        output = self._checked_output(X)
        if self.out_activation_ == "softmax":
            return self.classes_[output.argmax(1)]
        if self._several:
            return (output > 0).astype(np.int64)
        return self.classes_[
            (output[:, 0] > 0).astype(np.int64) if len(self.classes_) > 1 else np.zeros(len(output), int)
        ]

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, shape (n_samples, n_classes)."""
        output = wrap(self._checked_output(X))
        if self.out_activation_ == "softmax":
            return output.softmax(1).array
        yes = output.sigmoid().array
        if self._several:
            return yes
        return np.hstack([1 - yes, yes]) if len(self.classes_) > 1 else np.ones_like(yes)

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`."""
        if hasattr(self, "out_activation_") and self.out_activation_ == "softmax":
            return wrap(self._checked_output(X)).log_softmax(1).array
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _targets(self, X: Array, y: Any, keep: bool) -> Array:
        labels = y.detach().array if isinstance(y, Tensor) else np.asarray(y)
        self._several = labels.ndim == 2 and labels.shape[1] > 1
        if self._several:
            if len(labels) != len(X) or not np.isin(labels, (0, 1)).all():
                raise ValueError(f"y of {labels.shape[1]} columns must hold 0 and 1 for each of {len(X)} samples")
            self.classes_ = np.arange(labels.shape[1])
            return labels.astype(X.dtype)
        classes, codes = check_labels(self, y, len(X))
        if keep:
            if not np.isin(classes, self.classes_).all():
                raise ValueError(f"`y` has classes not in `self.classes_`: {classes}, expected {self.classes_}")
            codes = np.searchsorted(self.classes_, classes)[codes]
        else:
            self.classes_ = classes
        return codes if len(self.classes_) > 2 else codes[:, None].astype(X.dtype)

    def _begin(self, X: Array, targets: Array) -> None:
        several = targets.ndim == 1
        self.n_outputs_ = len(self.classes_) if several else targets.shape[1]
        self.out_activation_ = "softmax" if several else "logistic"
        super()._begin(X, targets)

    def _loss(self) -> Loss:
        return log_loss if self.out_activation_ == "softmax" else binary_log_loss

    def _score(self, X: Array, y: Array, weight: Array | None = None) -> float:
        output = self._output(X)
        right = output.argmax(1) == y if y.ndim == 1 else ((output > 0) == y).all(1)
        return float(np.average(right, weights=weight))

    def _strata(self, y: Array) -> Array | None:
        return y.ravel() if y.ndim == 1 or y.shape[1] == 1 else None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, Perceptron):
    """A regressor of linear layers with an activation between them.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}
        Half the square of the error, or, for counts, the deviance of a rate that is the exponential of the output; both
        are summed over the outputs.
    hidden_layer_sizes, activation, solver, ...
        As MLPClassifier's. With early_stopping, what is watched is R^2.

    Attributes
    ----------
    network_, coefs_, intercepts_, loss_, loss_curve_, ...
        As MLPClassifier's.

    Examples
    --------
    >>> import warnings
    >>> X = np.linspace(0, 1, 50)[:, None]
    >>> model = MLPRegressor(solver="sgd", learning_rate_init=0.1, max_iter=500, random_state=0)
    >>> with warnings.catch_warnings(action="ignore"):
    ...     bool(model.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.9)
    True
    """

    loss: str

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Activation = "relu",
        *,
        solver: str | Callable[[Any], Any] = "adam",
        alpha: float = 1e-4,
        batch_size: Any = "auto",
        learning_rate: str | Callable[[Any], Any] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        dropout: float = 0.0,
        batch_norm: bool = False,
    ) -> None:
        keep(self, locals())

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch over X and y from the weights that are there."""
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        return self._fit(X, y, sample_weight, epochs=1, goes_on=True)

    def predict(self, X: Any) -> Array:
        """The expected target of each sample, shape (n_samples,) or (n_samples, n_outputs)."""
        return self._expected(self._checked_output(X))

    def _expected(self, output: Array) -> Array:
        expected = np.exp(output) if self.out_activation_ == "exp" else output
        return expected[:, 0] if self.n_outputs_ == 1 else expected

    def _targets(self, X: Array, y: Any, keep: bool) -> Array:
        if y is None:
            raise ValueError("MLPRegressor requires y to be passed, but the target y is None.")
        targets = check_target(y, len(X), dtype=X.dtype, outputs=True).reshape(len(X), -1)
        if self.loss == "poisson" and (targets < 0).any():
            raise ValueError(f"y must not be negative for loss='poisson', got {targets.min()}")
        if hasattr(self, "network_") and keep and targets.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {targets.shape[1]} outputs, the network was made for {self.n_outputs_}")
        return targets

    def _begin(self, X: Array, targets: Array) -> None:
        self.n_outputs_ = targets.shape[1]
        self.out_activation_ = "exp" if self.loss == "poisson" else "identity"
        super()._begin(X, targets)

    def _loss(self) -> Loss:
        return poisson if self.loss == "poisson" else squared_error

    def _score(self, X: Array, y: Array, weight: Array | None = None) -> float:
        return metrics.r2_score(
            y.squeeze(1) if self.n_outputs_ == 1 else y, self._expected(self._output(X)), sample_weight=weight
        )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.loss not in ("squared_error", "poisson"):
            raise ValueError(f"loss must be 'squared_error' or 'poisson', got {self.loss!r}")
