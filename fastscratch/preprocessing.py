"""Scaling features and coding labels, under scikit-learn's names: StandardScaler, MinMaxScaler, OneHotEncoder."""

from typing import Any, Literal, Self

import numpy as np

from .base import BaseEstimator, TransformerMixin
from .tensor import Tensor
from .validation import check_features, check_is_fitted, check_sample_weight

__all__ = ["MinMaxScaler", "OneHotEncoder", "StandardScaler"]

Array = np.ndarray[Any, Any]


class _Scaler(TransformerMixin, BaseEstimator):
    """x -> (x - shift) / scale, feature by feature."""

    def _line(self) -> tuple[Array, Array]:
        raise NotImplementedError

    def transform(self, X: Any) -> Array:
        """X scaled: an array of X's shape, float32 if X is, else float64."""
        check_is_fitted(self)
        X = check_features(self, X, reset=False)
        shift, scale = self._line()
        return ((X - shift) / scale).astype(X.dtype)

    def inverse_transform(self, X: Any) -> Array:
        """What `transform` would turn into X."""
        check_is_fitted(self)
        X = check_features(self, X, reset=False)
        shift, scale = self._line()
        return (X * scale + shift).astype(X.dtype)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The names of the columns: those of the input, x0, x1, ... if it had none."""
        check_is_fitted(self)
        return _feature_names(self, input_features)


class StandardScaler(_Scaler):
    """Each feature to mean 0 and standard deviation 1.

    Parameters
    ----------
    with_mean, with_std : bool
        Whether to shift, and to scale.

    Attributes
    ----------
    mean_, var_, scale_ : ndarray of float64, shape (n_features,)
        Mean, variance (over n) and what is divided by: the deviation, 1 for a constant feature.
    n_samples_seen_ : int

    Examples
    --------
    >>> StandardScaler().fit_transform([[0.0], [2.0]])
    array([[-1.],
           [ 1.]])
    """

    def __init__(self, *, with_mean: bool = True, with_std: bool = True) -> None:
        self.with_mean = with_mean
        self.with_std = with_std

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn mean and variance."""
        X = check_features(self, X, reset=True)
        weight = check_sample_weight(sample_weight, len(X))
        self.n_samples_seen_ = len(X)
        self.mean_ = np.average(X, axis=0, weights=weight)
        self.var_ = np.average((X - self.mean_) ** 2, axis=0, weights=weight)
        noise = len(X) * np.finfo(np.float64).eps * (self.var_ + self.mean_**2)  # of the sums themselves
        self.scale_ = np.where(self.var_ <= noise, 1.0, np.sqrt(self.var_))
        return self

    def _line(self) -> tuple[Array, Array]:
        return self.mean_ if self.with_mean else 0 * self.mean_, self.scale_ if self.with_std else 1 + 0 * self.scale_


class MinMaxScaler(_Scaler):
    """Each feature to a given range.

    Parameters
    ----------
    feature_range : (float, float)

    Attributes
    ----------
    data_min_, data_max_ : ndarray of float64, shape (n_features,)

    Notes
    -----
    A constant feature goes to the lower end.

    Examples
    --------
    >>> MinMaxScaler().fit_transform([[1.0], [3.0], [2.0]]).ravel()
    array([0. , 1. , 0.5])
    """

    def __init__(self, feature_range: tuple[float, float] = (0, 1)) -> None:
        self.feature_range = feature_range

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the least and the largest value of each feature."""
        low, high = self.feature_range
        if not low < high:
            raise ValueError(f"feature_range must go from less to more, got {self.feature_range}")
        X = check_features(self, X, reset=True)
        self.data_min_, self.data_max_ = X.min(0).astype(np.float64), X.max(0).astype(np.float64)
        return self

    def _line(self) -> tuple[Array, Array]:
        low, high = self.feature_range
        spread = self.data_max_ - self.data_min_
        scale = np.where(spread == 0, 1.0, spread) / (high - low)
        return self.data_min_ - low * scale, scale


class OneHotEncoder(TransformerMixin, BaseEstimator):
    """Each column of categories to as many columns of 0 and 1.

    Parameters
    ----------
    handle_unknown : {"error", "ignore"}
        What becomes of a category that `fit` did not see: a ValueError, or zeros.
    dtype : dtype

    Attributes
    ----------
    categories_ : list of ndarray
        Those of each column, sorted.

    Notes
    -----
    The result is dense, as scikit-learn's with ``sparse_output=False``.

    Examples
    --------
    >>> OneHotEncoder().fit_transform([["a"], ["b"], ["a"]])
    array([[1., 0.],
           [0., 1.],
           [1., 0.]])
    """

    def __init__(self, *, handle_unknown: Literal["error", "ignore"] = "error", dtype: Any = np.float64) -> None:
        self.handle_unknown = handle_unknown
        self.dtype = dtype

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the categories of each column."""
        if self.handle_unknown not in ("error", "ignore"):
            raise ValueError(f"handle_unknown must be 'error' or 'ignore', got {self.handle_unknown!r}")
        X = _table(X)
        self.n_features_in_ = X.shape[1]
        self.categories_ = [np.unique(column) for column in X.T]
        return self

    def transform(self, X: Any) -> Array:
        """Zeros and ones, shape (n_samples, number of all categories)."""
        check_is_fitted(self)
        X = _table(X)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but OneHotEncoder is expecting {self.n_features_in_} features as input."
            )
        return np.concatenate([self._code(i, column) for i, column in enumerate(X.T)], axis=1)

    def _code(self, i: int, column: Array) -> Array:
        ones = column[:, None] == self.categories_[i]
        unknown = ~ones.any(1)
        if self.handle_unknown == "error" and unknown.any():
            raise ValueError(f"Found unknown categories {sorted(set(column[unknown].tolist()))} in column {i}")
        return ones.astype(self.dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical, tags.input_tags.string, tags.transformer_tags.preserves_dtype = True, True, []
        return tags

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """<column>_<category> for each column of the result."""
        check_is_fitted(self)
        names = _feature_names(self, input_features)
        pairs = zip(names, self.categories_, strict=True)
        return np.asarray([f"{name}_{category}" for name, categories in pairs for category in categories], dtype=object)


def _table(X: Any) -> Array:
    """A matrix of numbers or of strings, finite."""
    if hasattr(X, "toarray") and hasattr(X, "nnz"):
        raise TypeError("X is sparse, but dense data is required: use X.toarray()")
    array = X.detach().array if isinstance(X, Tensor) else np.asarray(X)
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {array.ndim}D array instead: X has shape {array.shape}. Reshape your data."
        )
    if 0 in array.shape:
        what = "sample" if array.shape[0] == 0 else "feature"
        raise ValueError(f"Found array with 0 {what}(s) (shape={array.shape}) while a minimum of 1 is required.")
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: X is {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"Input X contains {'NaN' if np.isnan(array).any() else 'infinity'}.")
    return array


def _feature_names(estimator: Any, given: Any) -> Array:
    fitted = getattr(estimator, "feature_names_in_", None)
    if given is None:
        return np.asarray([f"x{i}" for i in range(estimator.n_features_in_)], object) if fitted is None else fitted
    names = np.asarray(given, dtype=object)
    if fitted is not None and list(fitted) != list(names):
        raise ValueError("input_features is not equal to feature_names_in_")
    if len(names) != estimator.n_features_in_:
        raise ValueError("input_features should have length equal to number of features")
    return names
