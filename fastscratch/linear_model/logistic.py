"""Logistic regression, for two classes and for many."""

import math
import sys
import warnings
from typing import Any, Literal, Self

import numpy as np

from .. import backend
from ..base import BaseEstimator, ClassifierMixin
from ..exceptions import ConvergenceWarning, compatible
from ..lbfgs import minimise
from ..train.progress import bar
from ..validation import (
    check_class_weight,
    check_features,
    check_is_fitted,
    check_labels,
    check_random_state,
    check_sample_weight,
)
from .normal_equations import LIMIT, solve

__all__ = ["LogisticRegression"]

Array = np.ndarray[Any, Any]


class _Objective:
    """mean of the losses, each with its weight, + |coef|^2 / (2 C sum of the weights), in one vector of parameters.

    The parameters are the rows of coefficients, then the intercepts. Two classes have one row: the scores of class 0 are 0.
    """

    def __init__(self, X: Array, codes: Array, weight: Array | None, classes: int, C: float, intercept: bool) -> None:
        self.X, self.codes, self.weight, self.intercept = X, codes, weight, intercept
        self.classes, self.rows = classes, classes if classes > 2 else 1
        self.total = float(len(X)) if weight is None else float(weight.sum(dtype=np.float64))
        self.penalty = 1 / (C * self.total)

    @property
    def size(self) -> int:
        """How many parameters there are."""
        return self.rows * (self.X.shape[1] + self.intercept)

    def parts(self, parameters: Array) -> tuple[Array, Array]:
        """Coefficients (rows, d) and intercepts (rows,), in float64."""
        d = self.X.shape[1]
        coef = parameters[: self.rows * d].reshape(self.rows, d)
        return coef, parameters[self.rows * d :] if self.intercept else np.zeros(self.rows)

    def full(self, parameters: Array) -> tuple[Array, Array]:
        """A row for each class, in the dtype of X."""
        coef, intercept = self.parts(parameters)
        if self.rows == 1:
            coef, intercept = np.vstack([np.zeros_like(coef), coef]), np.append(0.0, intercept)
        return coef.astype(self.X.dtype), intercept.astype(self.X.dtype)

    def __call__(self, parameters: Array, rows: Any = None) -> tuple[float, Array]:
        """Value and gradient; with rows, of these samples for all."""
        X, codes, weight, total = self.X, self.codes, self.weight, self.total
        if rows is not None:
            X, codes, weight = X[rows], codes[rows], None if weight is None else weight[rows]
            total *= len(X) / len(self.X)
        loss, dw, db = backend.logistic_gradient(X, *self.full(parameters), codes, weight)
        coef, _ = self.parts(parameters)
        dw = dw[-self.rows :].astype(np.float64) / total + self.penalty * coef
        gradient = np.concatenate([dw.ravel(), db[-self.rows :] / total]) if self.intercept else dw.ravel()
        return loss / total + 0.5 * self.penalty * float((coef * coef).sum()), gradient

    def hessian(self, parameters: Array) -> Array:
        """Second derivatives, (size, size); where they vanish (see `_flat`), something positive is added."""
        X = self.X.astype(np.float64, copy=False)
        coef, intercept = self.full(parameters)
        scores = backend.linear_forward(self.X, np.ascontiguousarray(coef), np.ascontiguousarray(intercept), None)
        p = backend.softmax_forward(scores, 1).astype(np.float64)[:, -self.rows :]
        weight = 1 / self.total if self.weight is None else self.weight.astype(np.float64) / self.total
        d, rows = X.shape[1], self.rows
        whole = np.zeros((rows, d + 1, rows, d + 1))
        for i in range(rows):
            for j in range(i + 1):
                share = p[:, i] * (1 - p[:, i]) if i == j else p[:, i] * p[:, j]
                matrix, total = backend.scatter(X, None, share * weight, None)
                block = np.block([[matrix, total[:, None]], [total, (share * weight).sum()]])
                whole[i, :, j] = whole[j, :, i] = block if i == j else -block
        order = np.r_[: rows * d, rows * d : rows * (d + 1)] if self.intercept else np.r_[: rows * d]
        at = np.concatenate(
            [np.add.outer(np.arange(rows) * (d + 1), np.arange(d)).ravel(), np.arange(rows) * (d + 1) + d]
        )
        h = whole.reshape(rows * (d + 1), -1)[np.ix_(at[order], at[order])]
        h[np.diag_indices(rows * d)] += self.penalty
        return self._flat(h)

    def _flat(self, h: Array) -> Array:
        """The scores of many classes may all be raised alike at no cost: where no penalty forbids it, the Hessian is
        singular that way, the gradient 0, and what is added there changes no step."""
        if self.rows == 1:
            return h
        d, size = self.X.shape[1], float(np.diagonal(h).mean()) / self.rows
        free = [np.arange(self.rows) * d + j for j in range(d)] if self.penalty == 0 else []
        free += [self.rows * d + np.arange(self.rows)] if self.intercept else []
        for alike in free:
            h[np.ix_(alike, alike)] += size
        return h


class LogisticRegression(ClassifierMixin, BaseEstimator):
    """Linear classification by maximum likelihood with an L2 penalty, multinomial for more than two classes.

    It minimises C sum_i w_i (log sum_c exp(z_ic) - z_i,y_i) + |coef|^2 / 2, z = X coef^T + intercept; of two classes, the
    first has the scores 0.

    Parameters
    ----------
    C : float
        Positive; the weight of the data against the penalty. ``inf``: no penalty.
    l1_ratio : float
        0; there is no other penalty.
    tol : float
        Converged where no component of the gradient of the objective, divided by C sum_i w_i, is larger.
    fit_intercept : bool
        The intercept is not penalised.
    class_weight : dict, "balanced" or None
        What the weight of each sample is multiplied by, by its class; "balanced": n / (classes * samples of the class).
    random_state : int, Generator, RandomState or None
        Of "sgd": the order of the samples.
    solver : {"lbfgs", "newton-cholesky", "sgd"}
        "newton-cholesky" forms and factors the Hessian: few iterations, for few features and classes. "sgd" steps along the
        gradient of batches, with lr falling as 1 / sqrt(epoch): for teaching, and not exact.
    max_iter : int
        Iterations; of "sgd", epochs.
    verbose : int
        Above 0, a line tells of the progress.
    warm_start : bool
        Begin where the last fit ended.
    lr, batch_size
        Of "sgd".

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    coef_ : ndarray, shape (1 or n_classes, n_features)
    intercept_ : ndarray, shape (1 or n_classes,)
    n_iter_ : ndarray, shape (1,)
    n_features_in_ : int

    Notes
    -----
    An evaluation of the objective and its gradient reads X once: 4 n d n_classes operations, in the dtype of X.

    References
    ----------
    C. Bishop, Pattern Recognition and Machine Learning, 2006, sections 4.3.2 to 4.3.4.

    Examples
    --------
    >>> model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"])
    >>> model.predict([[0.5], [2.5]])
    array(['no', 'yes'], dtype='<U3')
    """

    def __init__(
        self,
        *,
        C: float = 1.0,
        l1_ratio: float = 0.0,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        class_weight: Any = None,
        random_state: Any = None,
        solver: Literal["lbfgs", "newton-cholesky", "sgd"] = "lbfgs",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        lr: float = 0.1,
        batch_size: int = 64,
    ) -> None:
        self.C = C
        self.l1_ratio = l1_ratio
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.lr = lr
        self.batch_size = batch_size

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to X (n_samples, n_features) and labels y (n_samples,)."""
        self._check()
        X = check_features(self, X, reset=True)
        self.classes_, codes = check_labels(self, y, len(X))
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes, but y holds one class: {self.classes_[0]!r}"
            )
        weight = None if sample_weight is None else check_sample_weight(sample_weight, len(X))
        if self.class_weight is not None:
            of_class = check_class_weight(self.class_weight, self.classes_, codes, weight)[codes]
            weight = of_class if weight is None else weight * of_class
        given = None if weight is None else weight.astype(X.dtype)
        f = _Objective(X, codes, given, len(self.classes_), self.C, self.fit_intercept)
        found, iterations, converged = self._minimise(f, self._start(f))
        if not converged:
            warnings.warn(
                f"{self.solver} did not converge within {self.max_iter} iterations: raise max_iter, or scale the data",
                compatible(ConvergenceWarning),
                stacklevel=2,
            )
        coef, intercept = f.parts(found)
        self.coef_, self.intercept_ = coef.astype(X.dtype), intercept.astype(X.dtype)
        self.n_iter_ = np.array([iterations], np.int32)
        return self

    def _check(self) -> None:
        if self.solver not in ("lbfgs", "newton-cholesky", "sgd"):
            raise ValueError(f"solver must be one of 'lbfgs', 'newton-cholesky', 'sgd', got {self.solver!r}")
        if self.l1_ratio != 0:
            raise ValueError(f"l1_ratio must be 0: only the L2 penalty is there, got {self.l1_ratio!r}")
        for name, least in (("max_iter", 0), ("batch_size", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)!r}")
        for name in ("C", "lr"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)!r}")
        if not self.tol >= 0:
            raise ValueError(f"tol must be at least 0, got {self.tol!r}")

    def _start(self, f: _Objective) -> Array:
        """The parameters of the last fit, if they are wanted and fit."""
        rows, d = f.rows, f.X.shape[1]
        if self.warm_start and getattr(self, "coef_", np.empty(0)).shape == (rows, d):
            return np.concatenate([self.coef_.ravel(), self.intercept_[: rows * f.intercept]]).astype(np.float64)
        return np.zeros(f.size)

    def _minimise(self, f: _Objective, start: Array) -> tuple[Array, int, bool]:
        if self.solver == "sgd":
            return self._descend(f, start)
        done, converged = 0, False
        if self.solver == "newton-cholesky":
            start, done, converged = self._newton(f, start)
        if not converged and done < self.max_iter:
            found = minimise(f, start, tol=self.tol, max_iter=self.max_iter - done, report=self._tell)
            start, done, converged = found.x, done + found.iterations, found.converged
        if self.verbose:
            print(file=sys.stderr)
        return start, done, converged

    def _newton(self, f: _Objective, x: Array) -> tuple[Array, int, bool]:
        """Newton's steps, halved until they gain enough; they end early where the Hessian cannot be factored."""
        value, slope = f(x)
        for done in range(self.max_iter):
            step = solve(f.hessian(x), slope[:, None], LIMIT["float64"])
            if step is None:
                message = "the Hessian is singular or nearly so: the rest is left to lbfgs"
                warnings.warn(message, compatible(ConvergenceWarning), stacklevel=5)
                return x, done, False
            decrement, length = float(slope @ step[:, 0]), 1.0
            if np.abs(slope).max() <= self.tol and decrement / 2 <= self.tol:
                return x, done, True
            while length > 1e-6:
                new, new_slope = f(x - length * step[:, 0])
                if new <= value - 1e-4 * length * decrement or np.abs(new_slope).max() <= self.tol:
                    break
                length /= 2
            else:
                return x, done, False
            x, value, slope = x - length * step[:, 0], new, new_slope
            self._tell(done + 1, value, float(np.abs(slope).max()))
        return x, self.max_iter, bool(np.abs(slope).max() <= self.tol)

    def _descend(self, f: _Objective, x: Array) -> tuple[Array, int, bool]:
        rng, n = check_random_state(self.random_state), len(f.X)
        for epoch in range(self.max_iter):
            order, lr = rng.permutation(n), self.lr / math.sqrt(1 + epoch)
            for first in range(0, n, self.batch_size):
                x = x - lr * f(x, order[first : first + self.batch_size])[1]
            value, slope = f(x)
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss became {value} in epoch {epoch + 1}: lr={self.lr} is too large")
            self._tell(epoch + 1, value, float(np.abs(slope).max()))
            if np.abs(slope).max() <= self.tol:
                return x, epoch + 1, True
        return x, self.max_iter, False

    def _tell(self, done: int, value: float, slope: float) -> None:
        """How far it is, in a line that is written anew."""
        if self.verbose:
            text = f"{self.solver} |{bar(done / self.max_iter, 20)}| {done}/{self.max_iter}"
            print(f"\r{text}  objective {value:.6f}  gradient {slope:.1e}", end="", file=sys.stderr, flush=True)

    def decision_function(self, X: Any) -> Array:
        """Scores, shape (n_samples, n_classes), of two classes (n_samples,) for the second."""
        check_is_fitted(self)
        X = check_features(self, X, reset=False)
        coef, intercept = (np.ascontiguousarray(a.astype(X.dtype)) for a in (self.coef_, self.intercept_))
        scores = backend.linear_forward(X, coef, intercept, None)
        return scores.ravel() if len(coef) == 1 else scores

    def predict(self, X: Any) -> Array:
        """The class of the highest score for each sample."""
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, shape (n_samples, n_classes), in the order of ``classes_``."""
        return backend.softmax_forward(self._both(X), 1)

    def predict_log_proba(self, X: Any) -> Array:
        """Their logarithms, which lose nothing where a probability is tiny."""
        return backend.log_softmax_forward(self._both(X), 1)

    def _both(self, X: Any) -> Array:
        scores = self.decision_function(X)
        return scores if scores.ndim == 2 else np.stack([np.zeros_like(scores), scores], axis=1)
