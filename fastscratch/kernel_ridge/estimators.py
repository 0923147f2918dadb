"""Kernel ridge regression, and classification by it."""

from typing import Any, Self

import numpy as np

from ..base import ClassifierMixin, RegressorMixin
from ..validation import check_features, check_labels, check_X_y
from .machine import KernelMachine

__all__ = ["KernelRidge", "KernelRidgeClassifier"]

Array = np.ndarray[Any, Any]

_PARAMETERS = """Parameters
    ----------
    alpha : float or array-like, shape (n_outputs,)
        Penalty, at least 0. One for all {targets}, or one for each.
    kernel : {{"linear", "rbf", "poly", "polynomial", "precomputed"}} or callable
        x.z, exp(-gamma |x - z|^2) or (gamma x.z + coef0)^degree. "precomputed": X is the Gram matrix itself. A callable is
        given two samples and ``**kernel_params``, and called from Python for each pair.
    gamma : float, optional
        At least 0; 1 / n_features if not given.
    degree, coef0 : float
        Of the polynomial kernel.
    solver : {{"auto", "cholesky", "cg", "nystrom"}}
        "cholesky": exact; the Gram matrix is built where it is factored, one array of n^2 numbers. "cg": conjugate
        gradients preconditioned by `n_components` landmarks; the matrix is never stored: memory for the samples,
        n_components columns and a block. "nystrom": the model is restricted to `n_components` landmarks. "auto":
        "cholesky" where its matrix fits into 85 % of the free memory (in float64, or else in float32, refined), else "cg".
    precision : {{"auto", "float64", "mixed", "float32"}}
        Of the matrix and its factor, whatever the dtype of X. "mixed": a factor in float32, refined with residuals of
        float64 until |y - A c| <= sqrt(n) eps |A| |c| in float64; it keeps the matrix in float64 where 12 n^2 bytes are
        free and else computes its tiles anew for each step. Where that does not converge, float64, or where memory is
        short for it, conjugate gradients in float64 on the float32 factor. "auto": float64 where 8 n^2 bytes are free,
        else mixed; with "cg", the dtype of X. "nystrom" is always float64.
    n_components : int, optional
        Landmarks, drawn uniformly without replacement: 1000 at most if not given.
    tol, max_iter : float; int, optional
        "cg" stops where |y - A c| <= tol |y| for every target, or after max_iter products (n if not given) with a
        ConvergenceWarning.
    leave_one_out : bool
        Learn {loo} too; of solver "cholesky".
    random_state : int, Generator or None
        Of the landmarks.
    verbose : bool
        Show a progress bar."""


class KernelRidge(RegressorMixin, KernelMachine):
    """Kernel ridge regression: f(x) = sum_i c_i k(x, x_i), with (K + alpha W^-1) c = y for weights W of the samples.

    {parameters}

    Attributes
    ----------
    dual_coef_ : ndarray, shape (n_samples,) or (n_samples, n_outputs)
        c, in the dtype of X; of "nystrom" those of the landmarks.
    X_fit_ : ndarray, shape (n_samples, n_features)
        The samples that go with dual_coef_; the Gram matrix if that was given.
    component_indices_ : ndarray, shape (n_components,)
        Of "nystrom": which samples are landmarks.
    solver_, precision_ : str
        What was used in the end.
    n_iter_ : int
        Steps of refinement or of conjugate gradients; 1 for a direct solution.
    loo_prediction_ : ndarray, shape (n_samples,) or (n_samples, n_outputs)
        With leave_one_out: for each sample the prediction of the model fitted to all the others.
    loo_error_ : float
        With leave_one_out: the mean squared error of those, weighted if the samples are.
    n_features_in_ : int

    Notes
    -----
    n^2 d + n^3 / 3 multiplications and additions each for "cholesky", and as many as n^3 / 3 for leave-one-out; n^2 d for
    each step of "cg"; n m d + n m^2 / 2 for m landmarks. Prediction takes n d for each sample and target-block of tiles.

    A singular matrix (alpha = 0 and a sample that is there twice, say), or one that is singular but for rounding errors, is
    answered with a warning by the least-squares solution of least norm, from ``numpy.linalg.eigh``.

    Without a factor for each i, the residual that sample i has when it is left out is c_i / ((K + alpha W^-1)^-1)_ii.

    References
    ----------
    C. Saunders, A. Gammerman and V. Vovk, Ridge Regression Learning Algorithm in Dual Variables, ICML 1998; R. Rifkin and
    R. Lippert, Notes on Regularized Least Squares, MIT-CSAIL-TR-2007-025 (leave-one-out).

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(0, 6, 50)[:, None]
    >>> model = KernelRidge(alpha=1e-3, kernel="rbf", gamma=0.5).fit(x, np.sin(x[:, 0]))
    >>> model.predict([[1.0], [2.0]]).round(2)
    array([0.84, 0.91])
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to X (n_samples, n_features) and y (n_samples,) or (n_samples, n_outputs)."""
        X, y = check_X_y(self, X, y, outputs=True)
        left = self._learn(X, y.reshape(len(y), -1).astype(np.float64), sample_weight)
        if y.ndim == 1:
            self.dual_coef_ = self.dual_coef_.ravel()
        if left is not None:
            error = np.square(left).mean(axis=1)
            self.loo_error_ = float(np.average(error, weights=_all(sample_weight, len(y))))
            self.loo_prediction_ = (y - left.reshape(y.shape)).astype(X.dtype)
        return self

    def predict(self, X: Any) -> Array:
        """f of each row of X, or of each row (n_fitted,) of a Gram matrix: shape (n_samples,) or (n_samples, n_outputs)."""
        y = self._values(self._check_new(X))
        return y if self.dual_coef_.ndim == 2 else y.ravel()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class KernelRidgeClassifier(ClassifierMixin, KernelMachine):
    """Classification by kernel ridge regression: one target for each class, 1 in it and -1 elsewhere, on one factor.

    {parameters}

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    dual_coef_ : ndarray, shape (n_samples,) for two classes, else (n_samples, n_classes)
    X_fit_, component_indices_, solver_, precision_, n_iter_, n_features_in_
        As KernelRidge's.
    loo_decision_function_ : ndarray, shape (n_samples,) or (n_samples, n_classes)
        With leave_one_out: for each sample the values of the model fitted to all the others.
    loo_error_ : float
        With leave_one_out: the share of samples that those get wrong, weighted if the samples are.

    Notes
    -----
    Costs and singular matrices as KernelRidge. scikit-learn's RidgeClassifier is the same for the features themselves,
    but for its intercept.

    References
    ----------
    R. Rifkin and A. Klautau, In Defense of One-Vs-All Classification, J. Mach. Learn. Res. 5, 2004.

    Examples
    --------
    >>> model = KernelRidgeClassifier(alpha=0.1, kernel="rbf", gamma=1.0).fit([[0.0], [1.0], [4.0], [5.0]], [0, 0, 1, 1])
    >>> model.predict([[0.5], [4.5]])
    array([0, 1])
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to X (n_samples, n_features) and labels y (n_samples,) of at least two classes."""
        X = check_features(self, X, reset=True)
        self.classes_, codes = check_labels(self, y, len(X))
        count = len(self.classes_)
        if count < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes in the data, but the data contains only one "
                f"class: {self.classes_[0]!r}"
            )
        targets = np.where(codes[:, None] == (np.arange(count) if count > 2 else [1]), 1.0, -1.0)
        left = self._learn(X, targets, sample_weight)
        if count == 2:
            self.dual_coef_ = self.dual_coef_.ravel()
        if left is not None:
            values = targets - left
            wrong = self._decide(values) != codes
            self.loo_error_ = float(np.average(wrong, weights=_all(sample_weight, len(X))))
            self.loo_decision_function_ = (values if count > 2 else values.ravel()).astype(X.dtype)
        return self

    def decision_function(self, X: Any) -> Array:
        """The value of each class, shape (n_samples, n_classes); of two classes that of the second, shape (n_samples,)."""
        values = self._values(self._check_new(X))
        return values if self.dual_coef_.ndim == 2 else values.ravel()

    def predict(self, X: Any) -> Array:
        """The class of the largest value for each row of X, the first of equal ones."""
        chosen = self._decide(self._values(self._check_new(X)))
        return self.classes_[chosen]

    def _decide(self, values: Array) -> Array:
        return (values[:, 0] > 0).astype(np.intp) if values.shape[1] == 1 else values.argmax(axis=1)


def _all(sample_weight: Any, n: int) -> Array | None:
    """Weights as an average wants them."""
    return None if sample_weight is None else np.broadcast_to(np.asarray(sample_weight, np.float64), (n,))


KernelRidge.__doc__ = (KernelRidge.__doc__ or "").format(
    parameters=_PARAMETERS.format(targets="targets", loo="the leave-one-out predictions and their error")
)
KernelRidgeClassifier.__doc__ = (KernelRidgeClassifier.__doc__ or "").format(
    parameters=_PARAMETERS.format(targets="classes", loo="the leave-one-out values and their error")
)
