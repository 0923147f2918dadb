"""The door of every estimator: what is given becomes arrays that kernels can take, or an error says what is wrong.

The errors have scikit-learn's types, and name what was given and what was expected.
"""

import warnings
from numbers import Real
from typing import Any

import numpy as np

from . import backend
from .exceptions import DataConversionWarning, NotFittedError, compatible
from .tensor import Tensor

__all__ = [
    "check_X_y", "check_array", "check_class_weight", "check_features", "check_is_fitted", "check_labels",
    "check_random_state", "check_sample_weight", "check_target",
]  # fmt: skip

Array = np.ndarray[Any, Any]


def check_array(
    X: Any,
    *,
    name: str = "X",
    estimator: Any = None,
    least_samples: int = 1,
    least_features: int = 1,
    dtype: Any = None,
) -> Array:
    """A C-contiguous float32 or float64 matrix of finite numbers.

    Parameters
    ----------
    X : Tensor or array-like, shape (n_samples, n_features)
        float32 stays; everything else becomes float64.
    dtype : dtype, optional
        What it becomes in any case.

    Raises
    ------
    TypeError
        If X is sparse or holds what is not a number.
    ValueError
        If X has not two dimensions, too few samples or features, or is complex, NaN or infinite.
    """
    who = f" by {type(estimator).__name__}" if estimator is not None else ""
    array = numbers(X, name, dtype)
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array{who}, got {array.ndim}D array instead: {name} has shape {array.shape}. Reshape your data: "
            "X.reshape(-1, 1) if it is one feature, X.reshape(1, -1) if it is one sample."
        )
    for size, what, least in ((array.shape[0], "sample", least_samples), (array.shape[1], "feature", least_features)):
        if size < least:
            raise ValueError(
                f"Found array with {size} {what}(s) (shape={array.shape}) while a minimum of {least} is required{who}."
            )
    _need_finite(array, name, who)
    return np.ascontiguousarray(array)


def numbers(values: Any, name: str, dtype: Any = None) -> Array:
    """An array of floating numbers, whatever its shape."""
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise TypeError(f"{name} is sparse, but dense data is required: use {name}.toarray()")
    array = values.detach().array if isinstance(values, Tensor) else np.asarray(values)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} is {array.dtype}")
    if array.dtype.kind not in "fiubO":
        try:
            return array.astype(np.float64 if dtype is None else dtype)
        except ValueError:
            raise ValueError(f"{name} must hold numbers, got {array.dtype}") from None
    if dtype is None:
        dtype = np.float32 if array.dtype == np.float32 else np.float64
    return array.astype(dtype, copy=False)


def _need_finite(array: Array, name: str, who: str = "") -> None:
    if array.dtype.kind != "f":
        return
    with np.errstate(all="ignore"):  # one sum tells, nearly always, that all is well
        kernel = array.dtype in (np.float32, np.float64) and array.flags.c_contiguous
        total = backend.sum_all(array) if kernel else array.sum(dtype=np.float64)
        if np.isfinite(total) or np.isfinite(array).all():
            return
    what = "NaN" if np.isnan(array).any() else f"infinity or a value too large for {array.dtype}"
    raise ValueError(f"Input {name} contains {what}: numbers must be finite{who}.")


def check_features(estimator: Any, X: Any, *, reset: bool, least_samples: int = 1, dtype: Any = None) -> Array:
    """X as a matrix whose columns are those that the estimator was fitted with; with reset, they are taken down.

    ``n_features_in_`` is set, and ``feature_names_in_`` where X has columns named by strings.
    """
    names = _names(X)
    array = check_array(X, estimator=estimator, least_samples=least_samples, dtype=dtype)
    if reset:
        estimator.n_features_in_ = array.shape[1]
        if names is not None:
            estimator.feature_names_in_ = names
        elif hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        return array
    fitted = getattr(estimator, "feature_names_in_", None)
    _compare_names(estimator, fitted, names)
    if array.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"X has {array.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input."
        )
    return array


def _names(X: Any) -> Array | None:
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        return None
    return np.asarray(columns, dtype=object)


def _compare_names(estimator: Any, fitted: Array | None, names: Array | None) -> None:
    who = type(estimator).__name__
    if fitted is None and names is None:
        return
    if fitted is None:
        warnings.warn(f"X has feature names, but {who} was fitted without feature names", stacklevel=4)
    elif names is None:
        warnings.warn(f"X does not have valid feature names, but {who} was fitted with feature names", stacklevel=4)
    elif list(fitted) != list(names):
        unseen, missing = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
        lines = ["The feature names should match those that were passed during fit."]
        lines += [
            line
            for n in unseen[:5]
            for line in (["Feature names unseen at fit time:"] if n == unseen[0] else []) + [f"- {n}"]
        ]
        lines += [
            line
            for n in missing[:5]
            for line in (["Feature names seen at fit time, yet now missing:"] if n == missing[0] else []) + [f"- {n}"]
        ]
        if not unseen and not missing:
            lines.append("Feature names must be in the same order as they were in fit.")
        raise ValueError("\n".join(lines) + "\n")


def check_X_y(estimator: Any, X: Any, y: Any, *, least_samples: int = 1, outputs: bool = False) -> tuple[Array, Array]:
    """X as in `check_features`, y as finite numbers of its dtype, one for each sample (with outputs, or rows of them)."""
    _need_target(estimator, y)
    array = check_features(estimator, X, reset=True, least_samples=least_samples)
    return array, check_target(y, len(array), dtype=array.dtype, outputs=outputs)


def _need_target(estimator: Any, y: Any) -> None:
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None.")


def check_target(y: Any, n_samples: int, *, dtype: Any = np.float64, outputs: bool = False) -> Array:
    """y as finite numbers, shape (n_samples,), or with outputs also (n_samples, n_outputs)."""
    array = numbers(y, "y", dtype)
    if not (outputs and array.ndim == 2):
        array = _one_column(array)
    _need_length(array, n_samples)
    _need_finite(array, "y")
    return np.ascontiguousarray(array)


def check_labels(estimator: Any, y: Any, n_samples: int) -> tuple[Array, Array]:
    """The classes in order, and each sample's index among them.

    Raises
    ------
    ValueError
        If y is missing, has not one label for each sample, or holds numbers that are not whole.
    """
    _need_target(estimator, y)
    labels = y.detach().array if isinstance(y, Tensor) else np.asarray(y)
    labels = _one_column(labels)
    _need_length(labels, n_samples)
    if labels.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: y is {labels.dtype}")
    if labels.dtype.kind == "f":
        _need_finite(labels, "y")
        if (labels != np.floor(labels)).any():
            raise ValueError("Unknown label type: continuous. Labels of classes must be whole numbers or strings.")
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, codes.reshape(-1)


def _one_column(y: Array) -> Array:
    if y.ndim == 2 and y.shape[1] == 1:
        message = f"A column-vector y was passed when a 1d array was expected: y of shape {y.shape} becomes ({len(y)},)"
        warnings.warn(message, compatible(DataConversionWarning), stacklevel=4)
        return y.ravel()
    if y.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {y.shape} instead.")
    return y


def _need_length(y: Array, n_samples: int) -> None:
    if len(y) != n_samples:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_samples}, y has {len(y)}"
        )


def check_sample_weight(sample_weight: Any, n_samples: int, dtype: Any = np.float64) -> Array:
    """One weight for each sample, none of them negative and not all 0; ones for None, a number for all of them alike."""
    if sample_weight is None:
        return np.ones(n_samples, dtype)
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    weight = numbers(sample_weight, "sample_weight", dtype)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"Sample weights must be 1D array or scalar: sample_weight.shape == {weight.shape}, expected {(n_samples,)}!"
        )
    _need_finite(weight, "sample_weight")
    if (weight < 0).any():
        raise ValueError(f"sample_weight must not be negative, got {weight.min()}")
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number: all are zero.")
    return weight


def check_is_fitted(estimator: Any, attribute: str | None = None) -> None:
    """Nothing, if the estimator was fitted; else NotFittedError."""
    if attribute is None:
        fitted = any(name.endswith("_") and not name.startswith("__") for name in vars(estimator))
    else:
        fitted = hasattr(estimator, attribute)
    if not fitted:
        name = type(estimator).__name__
        raise compatible(NotFittedError)(f"This {name} instance is not fitted yet: call fit with data before this.")


def check_random_state(seed: Any) -> np.random.Generator:
    """A generator of random numbers from an integer, a generator of either of NumPy's kinds, or None."""
    if isinstance(seed, np.random.RandomState):
        return np.random.Generator(seed._bit_generator)  # type: ignore[attr-defined]
    return np.random.default_rng(seed)


def check_class_weight(class_weight: Any, classes: Array, codes: Array, weight: Array | None = None) -> Array:
    """The weight of each class: of a dict from labels to numbers, 1 for what it leaves out, or of "balanced".

    Raises
    ------
    ValueError
        If it is something else, names a label that is no class, or holds a weight that is negative or not finite.
    """
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(codes, weight, len(classes)).astype(np.float64)
        return np.divide(counts.sum(), len(classes) * counts, out=np.zeros(len(classes)), where=counts > 0)
    if not isinstance(class_weight, dict):
        raise ValueError(f"class_weight must be a dict, 'balanced' or None, got {class_weight!r}")
    known = classes.tolist()
    unknown = [label for label in class_weight if label not in known]
    if unknown:
        raise ValueError(f"class_weight names {unknown[0]!r}, which is none of the classes {known}")
    weights = np.array([class_weight.get(label, 1.0) for label in known], np.float64)
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"class_weight must hold finite weights of at least 0, got {class_weight!r}")
    return weights
