"""What makes a class an estimator, as scikit-learn's users know it: parameters by name, ``fit``, tags, a score.

An estimator's ``__init__`` keeps its arguments as they are, under their names; ``fit`` checks them, learns attributes whose
names end in an underscore, and returns the estimator. So ``get_params``, ``set_params``, cloning, pipelines and searches
over parameters work without a line more. scikit-learn is not needed; it is asked for its tag classes when it asks for tags.
"""

import inspect
import math
from typing import Any, Self

import numpy as np

from . import metrics

__all__ = ["BaseEstimator", "ClassifierMixin", "ClusterMixin", "RegressorMixin", "TransformerMixin", "clone"]


class BaseEstimator:
    """Parameters by name, a readable repr, and scikit-learn's tags."""

    @classmethod
    def _parameters(cls) -> dict[str, Any]:
        """Names and defaults of the arguments of ``__init__``."""
        arguments = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return {a.name: a.default for a in arguments if a.kind not in (a.VAR_KEYWORD, a.VAR_POSITIONAL)}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with deep, also those of estimators among them, as ``name__parameter``."""
        found = {}
        for name in self._parameters():
            value = found[name] = getattr(self, name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                found.update({f"{name}__{k}": v for k, v in value.get_params().items()})
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, ``name__parameter`` for those of an estimator among them.

        Raises
        ------
        ValueError
            If there is no parameter of a name; nothing has been set then.
        """
        valid = self.get_params(deep=False)
        for key in params:
            if key.partition("__")[0] not in valid:
                raise ValueError(
                    f"Invalid parameter {key.partition('__')[0]!r} for estimator {self!r}; there are {sorted(valid)}"
                )
        nested: dict[str, dict[str, Any]] = {}
        for key, value in params.items():
            name, deeper, parameter = key.partition("__")
            if deeper:
                nested.setdefault(name, {})[parameter] = value
            else:
                setattr(self, name, value)
        for name, inner in nested.items():
            getattr(self, name).set_params(**inner)
        return self

    def __repr__(self) -> str:
        changed = (f"{k}={getattr(self, k)!r}" for k, v in self._parameters().items() if not _same(getattr(self, k), v))
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks an estimator about itself."""
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False), input_tags=InputTags())


class ClassifierMixin:
    """A classifier: its score is the accuracy."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of right predictions for X, weighted if asked."""
        return metrics.accuracy_score(y, self.predict(X), sample_weight=sample_weight)  # type: ignore[attr-defined]

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.estimator_type, tags.classifier_tags, tags.target_tags.required = "classifier", ClassifierTags(), True
        return tags


class RegressorMixin:
    """A regressor: its score is the coefficient of determination."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R^2 of the predictions for X, weighted if asked."""
        return metrics.r2_score(y, self.predict(X), sample_weight=sample_weight)  # type: ignore[attr-defined]

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import RegressorTags

        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.estimator_type, tags.regressor_tags, tags.target_tags.required = "regressor", RegressorTags(), True
        return tags


class TransformerMixin:
    """A transformer: fit and transform in one call."""

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:
        """Fit to X, and transform it."""
        return self.fit(X, y, **fit_params).transform(X)  # type: ignore[attr-defined]

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import TransformerTags

        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.transformer_tags = TransformerTags(preserves_dtype=["float64", "float32"])
        return tags


class ClusterMixin:
    """A clusterer: fit and the labels in one call."""

    def fit_predict(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:
        """Fit to X; the cluster of each sample."""
        return self.fit(X, y, **fit_params).labels_  # type: ignore[attr-defined]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.estimator_type = "clusterer"
        return tags


def clone(estimator: Any) -> Any:
    """An unfitted estimator with the same parameters; estimators among them are cloned too.

    Examples
    --------
    >>> from fastscratch.linear_model import Ridge
    >>> clone(Ridge(alpha=2.0))
    Ridge(alpha=2.0)
    """
    params = {
        name: clone(value) if hasattr(value, "get_params") and not isinstance(value, type) else value
        for name, value in estimator.get_params(deep=False).items()
    }
    return type(estimator)(**params)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return a is b
    return bool(
        a is b or (type(a) is type(b) and (a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))))
    )
