"""Many penalties for the price of one decomposition."""

from typing import Any, Literal

import numpy as np

from ..base import BaseEstimator
from ..validation import check_sample_weight, check_X_y
from .meter import Meter
from .options import kernel_of, need_numbers, source_of
from .spectrum import along
from .system import System

__all__ = ["kernel_ridge_path"]

Array = np.ndarray[Any, Any]


def kernel_ridge_path(
    X: Any,
    y: Any,
    *,
    alphas: Any,
    kernel: Literal["linear", "rbf", "poly", "polynomial", "precomputed"] | Any = "linear",
    gamma: float | None = None,
    degree: float = 3,
    coef0: float = 1,
    kernel_params: dict[str, Any] | None = None,
    sample_weight: Any = None,
    verbose: Any = False,
) -> tuple[Array, Array, Array]:
    """The dual coefficients and the leave-one-out errors of kernel ridge regression for each of many penalties.

    Parameters
    ----------
    X : array-like, shape (n_samples, n_features), or the Gram matrix where kernel is "precomputed"
    y : array-like, shape (n_samples,) or (n_samples, n_outputs)
    alphas : array-like, shape (n_alphas,)
        Penalties, not negative.
    kernel, gamma, degree, coef0, kernel_params
        As KernelRidge's.
    sample_weight : array-like, shape (n_samples,), optional
        Positive weights.
    verbose : bool
        Show a progress bar.

    Returns
    -------
    alphas : ndarray, shape (n_alphas,)
    dual_coefs : ndarray, shape (n_alphas, n_samples) or (n_alphas, n_samples, n_outputs)
    loo_errors : ndarray, shape (n_alphas,) or (n_alphas, n_outputs)
        The mean over the samples, weighted if they are, of (y_i - f_i(x_i))^2, f_i being fitted to all samples but i.

    Raises
    ------
    ValueError
        If an argument does not fit, with what was wrong.

    Notes
    -----
    One ``numpy.linalg.eigh`` of the Gram matrix, about 9 n^3 operations in float64, then 4 n^2 for each penalty and target:
    the price of some 27 Cholesky factors. Eigenvalues plus alpha that are less than rounding errors are taken as those.

    References
    ----------
    R. Rifkin and R. Lippert, Notes on Regularized Least Squares, MIT-CSAIL-TR-2007-025, sections 3 and 4.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(0, 6, 40)[:, None]
    >>> y = np.sin(x[:, 0]) + 0.1 * np.random.default_rng(0).standard_normal(40)
    >>> alphas, duals, errors = kernel_ridge_path(x, y, alphas=[1e-4, 1e-3, 1.0], kernel="rbf", gamma=0.5)
    >>> duals.shape, float(alphas[errors.argmin()])
    ((3, 40), 0.001)
    """
    penalties = need_numbers("alphas", alphas)
    if penalties.ndim != 1 or not len(penalties):
        raise ValueError(f"alphas must be a list of penalties, got shape {penalties.shape}")
    holder = _Path()
    X, y = check_X_y(holder, X, y, outputs=True)
    weight = None if sample_weight is None else check_sample_weight(sample_weight, len(X))
    if weight is not None and not (weight > 0).all():
        raise ValueError("sample_weight must be positive for a path: leave out the samples of weight 0")
    meter = Meter(verbose)
    source = source_of(kernel_of(kernel, gamma, degree, coef0, X.shape[1]), X, kernel_params, meter)
    system = System(source, weight, 0.0, y.reshape(len(y), -1).astype(np.float64))
    duals, left = along(system, penalties, meter)
    meter.end()
    errors = np.average(np.square(left), axis=1, weights=weight)
    return penalties, (duals if y.ndim == 2 else duals[..., 0]), (errors if y.ndim == 2 else errors[:, 0])


class _Path(BaseEstimator):
    """Who asks, for the messages of the checks."""
