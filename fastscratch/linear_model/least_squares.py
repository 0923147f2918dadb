"""Least squares, plain and with a penalty on the square of the coefficients."""

import math
from typing import Any, Literal, Self

import numpy as np

from .. import backend
from ..base import BaseEstimator, RegressorMixin
from ..train.progress import StepBar
from ..validation import check_features, check_is_fitted, check_random_state, check_sample_weight, check_X_y
from .normal_equations import LIMIT, Moments, blocks, moments, solve

__all__ = ["LinearRegression", "Ridge"]

Array = np.ndarray[Any, Any]


class _LinearRegressor(RegressorMixin, BaseEstimator):
    """y = X coef_ + intercept_."""

    coef_: Array
    intercept_: Any

    def predict(self, X: Any) -> Array:
        """X coef_ + intercept_, shape (n_samples,) or (n_samples, n_outputs), in X's dtype."""
        check_is_fitted(self)
        X = check_features(self, X, reset=False)
        coef = np.atleast_2d(self.coef_).astype(X.dtype)
        bias = np.broadcast_to(self.intercept_, (len(coef),)).astype(X.dtype)
        y = backend.linear_forward(X, np.ascontiguousarray(coef), np.ascontiguousarray(bias), None)
        return y if self.coef_.ndim == 2 else y.ravel()

    def _keep(self, coef: Array, x_mean: Array, y_mean: Array, y: Array, dtype: Any) -> None:
        """Coefficients (d, outputs) in the shape of the targets, and the intercept that goes with them."""
        intercept = y_mean - x_mean @ coef
        self.coef_ = np.ascontiguousarray(coef.T if y.ndim == 2 else coef[:, 0]).astype(dtype)
        if not self.fit_intercept:  # type: ignore[attr-defined]
            self.intercept_ = 0.0
        else:
            self.intercept_ = intercept.astype(dtype) if y.ndim == 2 else dtype.type(intercept[0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class LinearRegression(_LinearRegressor):
    """Ordinary least squares: the coefficients that minimise sum_i w_i |y_i - x_i coef - intercept|^2.

    Parameters
    ----------
    fit_intercept : bool
    solver : {"auto", "cholesky", "lstsq", "sgd"}
        "cholesky" solves the normal equations; "lstsq" takes ``numpy.linalg.lstsq``'s minimum-norm answer; "auto" the
        first where the equations are well conditioned and n >= d, else the second. "sgd" descends along the gradient of
        batches: for teaching, and not exact.
    lr, epochs, batch_size, random_state
        Of "sgd": step size, passes over the data, samples in a batch, and the seed of their order.
    verbose : bool
        Show a progress bar, of "sgd": the others have no steps to tell of.

    Attributes
    ----------
    coef_ : ndarray, shape (n_features,) or (n_outputs, n_features)
    intercept_ : float or ndarray, shape (n_outputs,)
    solver_ : str
        The solver that was used.
    loss_curve_ : list of float
        Of "sgd": the mean squared error of each epoch, as its batches went by.
    n_features_in_ : int

    Notes
    -----
    n d^2 operations for the normal equations; of float32 X as in Ridge. They square the condition number: beyond
    1e10 (of the equations, their diagonal scaled to 1) they are not used. One step of refinement with the residual of the
    data themselves then leaves coefficients about as good as an orthogonal factorisation's.

    References
    ----------
    Å. Björck, Numerical Methods for Least Squares Problems, 1996, sections 2.2 and 2.9.

    Examples
    --------
    >>> model = LinearRegression().fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> model.coef_.round(6), round(float(model.intercept_), 6)
    (array([2.]), 1.0)
    """

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        solver: Literal["auto", "cholesky", "lstsq", "sgd"] = "auto",
        lr: float = 0.01,
        epochs: int = 100,
        batch_size: int = 32,
        random_state: Any = None,
        verbose: Any = False,
    ) -> None:
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to X (n_samples, n_features) and y (n_samples,) or (n_samples, n_outputs)."""
        _choose("solver", self.solver, ("auto", "cholesky", "lstsq", "sgd"))
        X, y = check_X_y(self, X, y, outputs=True)
        weight = None if sample_weight is None else check_sample_weight(sample_weight, len(X))
        targets = y.reshape(len(y), -1)
        if self.solver == "sgd":
            return self._descend(X, targets, y, weight)
        found = None
        self.solver_ = "lstsq"
        if self.solver != "lstsq" and len(X) >= X.shape[1]:
            found = _cholesky(X, targets, weight, self.fit_intercept)
            if found is not None:
                self.solver_ = "cholesky"
        if found is None and self.solver == "cholesky":
            raise np.linalg.LinAlgError(
                f"the normal equations of {X.shape[0]} samples and {X.shape[1]} features are singular or nearly so; "
                "solver='lstsq' gives the solution of least norm"
            )
        self._keep(*(_least_norm(X, targets, weight, self.fit_intercept) if found is None else found), y, X.dtype)
        return self

    def _descend(self, X: Array, targets: Array, y: Array, weight: Array | None) -> Self:
        """Steps along the gradient of the weighted mean squared error of one batch after another."""
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise ValueError(f"lr must be positive, got {self.lr}")
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError(f"epochs and batch_size must be at least 1, got {self.epochs} and {self.batch_size}")
        rng, n = check_random_state(self.random_state), len(X)
        weight = np.ones(n) if weight is None else weight * (n / weight.sum())
        coef, bias = np.zeros((X.shape[1], targets.shape[1])), np.zeros(targets.shape[1])
        self.solver_, self.loss_curve_ = "sgd", []
        progress = StepBar("epoch", self.epochs, self.verbose)
        for _ in range(self.epochs):
            order, loss = rng.permutation(n), 0.0
            with np.errstate(all="ignore"):  # what overflows is said below
                for start in range(0, n, self.batch_size):
                    rows = order[start : start + self.batch_size]
                    error = X[rows] @ coef + bias - targets[rows]
                    slope = weight[rows, None] * error * (2 / len(rows))
                    loss += float((weight[rows, None] * error**2).sum()) / n
                    coef -= self.lr * (X[rows].T @ slope)
                    if self.fit_intercept:
                        bias -= self.lr * slope.sum(0)
            self.loss_curve_.append(loss / targets.shape[1])
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"the loss became {loss} in epoch {len(self.loss_curve_)}: lr={self.lr} is too large"
                )
            progress.tell(len(self.loss_curve_), loss=self.loss_curve_[-1])
        progress.end()
        self._keep(coef, np.zeros(X.shape[1]), bias, y, X.dtype)
        return self


class Ridge(_LinearRegressor):
    """Least squares with a penalty: sum_i w_i |y_i - x_i coef - intercept|^2 + alpha |coef|^2.

    Parameters
    ----------
    alpha : float or array, shape (n_outputs,)
        At least 0. One for all targets, or one for each.
    fit_intercept : bool
        The intercept is not penalised.
    solver : {"auto", "cholesky", "svd"}
        "cholesky" solves (X^T X + alpha) coef = X^T y, or where n < d the n equations of the dual; "svd" is for what is
        nearly singular; "auto" takes the second where the first cannot.

    Attributes
    ----------
    coef_, intercept_, solver_, n_features_in_
        As LinearRegression's.

    Notes
    -----
    n d min(n, d) operations. float32 X is multiplied in float32 and added up in float64 where the condition of the
    equations is below 100 (their diagonal scaled to 1); beyond it, everything is computed in float64.

    References
    ----------
    A. Hoerl and R. Kennard, Ridge Regression, Technometrics 12, 1970.

    Examples
    --------
    >>> Ridge(alpha=1.0).fit([[-1.0], [1.0]], [-1.0, 1.0]).coef_.round(4)
    array([0.6667])
    """

    def __init__(
        self, alpha: Any = 1.0, *, fit_intercept: bool = True, solver: Literal["auto", "cholesky", "svd"] = "auto"
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.solver = solver

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to X (n_samples, n_features) and y (n_samples,) or (n_samples, n_outputs)."""
        _choose("solver", self.solver, ("auto", "cholesky", "svd"))
        X, y = check_X_y(self, X, y, outputs=True)
        weight = None if sample_weight is None else check_sample_weight(sample_weight, len(X))
        targets = y.reshape(len(y), -1)
        alpha = _alphas(self.alpha, targets.shape[1])
        primal = len(X) >= X.shape[1]
        found = None
        if self.solver != "svd":
            found = (_penalised if primal else _dual)(X, targets, weight, alpha, self.fit_intercept)
        self.solver_ = "svd" if found is None else "cholesky"
        if found is None and self.solver == "cholesky":
            raise np.linalg.LinAlgError(
                f"X^T X + alpha is singular or nearly so for alpha={self.alpha}; solver='svd' is not"
            )
        self._keep(*(_by_svd(X, targets, weight, alpha, self.fit_intercept) if found is None else found), y, X.dtype)
        return self


# ---- solutions: coefficients (d, outputs), the mean of X and that of the targets; None where there is none ----

Solution = tuple[Array, Array, Array]


def _cholesky(X: Array, y: Array, weight: Array | None, centre: bool) -> Solution | None:
    for dtype in _widening(X):
        m, limit = moments(X, y, weight, centre, dtype), LIMIT[dtype]
        coef = solve(m.xx, m.xy, limit)
        if coef is not None:
            step = solve(m.xx, _slope(X, y, weight, m, coef), limit)
            return None if step is None else (coef + step, m.x_mean, m.y_mean)
    return None


def _widening(X: Array) -> tuple[str, ...]:
    """The types in which products are tried."""
    return ("float32", "float64") if X.dtype == np.float32 else ("float64",)


def _slope(X: Array, y: Array, weight: Array | None, m: Moments, coef: Array) -> Array:
    """(X - mean)^T w (y - prediction), of the data themselves."""
    slope = np.zeros_like(m.xy)
    for part in blocks(X):
        block = X[part].astype(np.float64, copy=False)
        error = y[part] - (m.y_mean - m.x_mean @ coef) - backend.matmul(block, coef)
        weighted = error if weight is None else weight[part, None] * error
        slope += backend.matmul(block.T, weighted) - np.outer(m.x_mean, weighted.sum(0))
    return slope


def _penalised(X: Array, y: Array, weight: Array | None, alpha: Array, centre: bool) -> Solution | None:
    for dtype in _widening(X):
        m = moments(X, y, weight, centre, dtype)
        coef = _each_alpha(m.xx, m.xy, alpha, LIMIT[dtype])
        if coef is not None:
            return coef, m.x_mean, m.y_mean
    return None


def _dual(X: Array, y: Array, weight: Array | None, alpha: Array, centre: bool) -> Solution | None:
    """coef = X^T (X X^T + alpha)^-1 y: fewer equations where there are fewer samples than features."""
    A, b, x_mean, y_mean = _centred(X, y, weight, centre)
    dual = _each_alpha(backend.scatter(np.ascontiguousarray(A.T), None, None, None)[0], b, alpha, LIMIT["float64"])
    return None if dual is None else (A.T @ dual, x_mean, y_mean)


def _each_alpha(matrix: Array, right: Array, alpha: Array, limit: float) -> Array | None:
    """(matrix + alpha)^-1 right, one factor for all columns that share an alpha."""
    found = np.empty_like(right)
    for value in np.unique(alpha):
        columns = alpha == value
        part = solve(matrix + value * np.eye(len(matrix)), right[:, columns], limit)
        if part is None:
            return None
        found[:, columns] = part
    return found


def _least_norm(X: Array, y: Array, weight: Array | None, centre: bool) -> Solution:
    A, b, x_mean, y_mean = _centred(X, y, weight, centre)
    return np.linalg.lstsq(A, b, rcond=None)[0], x_mean, y_mean


def _by_svd(X: Array, y: Array, weight: Array | None, alpha: Array, centre: bool) -> Solution:
    A, b, x_mean, y_mean = _centred(X, y, weight, centre)
    u, s, vt = np.linalg.svd(A, full_matrices=False)
    s = np.where(s > s.max(initial=0) * max(A.shape) * np.finfo(np.float64).eps, s, 0)
    squares = s[:, None] ** 2 + alpha
    shrink = np.divide(s[:, None], squares, out=np.zeros_like(squares), where=squares > 0)
    return vt.T @ (shrink * (u.T @ b)), x_mean, y_mean


def _centred(X: Array, y: Array, weight: Array | None, centre: bool) -> tuple[Array, Array, Array, Array]:
    """X and y in float64, less their means, each sample times the root of its weight; and the means."""
    X, y = X.astype(np.float64), y.astype(np.float64)
    x_mean, y_mean = np.zeros(X.shape[1]), np.zeros(y.shape[1])
    if centre:
        x_mean, y_mean = np.average(X, axis=0, weights=weight), np.average(y, axis=0, weights=weight)
    root = 1.0 if weight is None else np.sqrt(weight)[:, None]
    return root * (X - x_mean), root * (y - y_mean), x_mean, y_mean


def _alphas(alpha: Any, outputs: int) -> Array:
    values = np.asarray(alpha, dtype=np.float64)
    if values.ndim and values.shape != (outputs,):
        raise ValueError(f"alpha must be one number or one for each of {outputs} targets, got shape {values.shape}")
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"alpha must be finite and at least 0, got {alpha}")
    return np.broadcast_to(values, (outputs,))


def _choose(name: str, value: Any, among: tuple[str, ...]) -> None:
    if value not in among:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, among))}, got {value!r}")
