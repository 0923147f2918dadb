"""What both libraries learnt from the same data, and how far apart that is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .both import LIBRARIES, fitted, in_both, load

Quantity = Callable[[Any, np.ndarray, np.ndarray], Any]


@dataclass
class Comparison:
    """One estimator on one data set; the largest difference of a quantity, over its largest value, is held to a bound."""

    path: str
    data: str
    quantity: Quantity
    tolerance: float
    params: dict[str, Any] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """Fit both, and compare."""
        X, y = load(self.data)
        models = in_both(lambda library: fitted(library, self.path, self.params, X, y))
        ours, theirs = (np.asarray(self.quantity(models[library][0], X, y), dtype=np.float64) for library in LIBRARIES)
        difference = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        return {
            "estimator": self.path.rpartition(".")[2] + _shown(self.params),
            "data": self.data,
            "quantity": self.quantity.__name__.replace("_", " "),
            "difference": difference,
            "tolerance": self.tolerance,
            "agrees": "yes" if difference <= self.tolerance else "**no**",
            "ours, ms": 1e3 * models["fastscratch"][1],
            "sklearn, ms": 1e3 * models["sklearn"][1],
        }


def _shown(params: dict[str, Any]) -> str:
    shown = {k: v for k, v in params.items() if not isinstance(v, np.ndarray)}
    return f"({', '.join(f'{k}={v}' for k, v in shown.items())})"


# ---- quantities ----


def coefficients(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """All of them, the intercepts last."""
    return np.append(np.ravel(model.coef_), model.intercept_)


def predictions(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """For the training data."""
    return model.predict(X)


def probabilities(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """For the training data."""
    return model.predict_proba(X)


def variances(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """Of the principal components."""
    return model.explained_variance_


def components(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """Signs and all."""
    return model.components_


def inertia(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """The sum of squared distances to the centres."""
    return model.inertia_


def centres(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """Of the clusters."""
    return model.cluster_centers_


def accuracy(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """On the training data."""
    return model.score(X, y)


def r_squared(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """R^2 on the training data."""
    return model.score(X, y)


def divergence(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """Kullback and Leibler's, which t-SNE minimises."""
    return model.kl_divergence_


def comparisons() -> list[Comparison]:
    """All of them."""
    tight = {"tol": 1e-8, "max_iter": 2000}
    rbf = {"kernel": "rbf", "alpha": 0.1}
    seeds = {name: {"init": load(name)[0][:10], "n_clusters": 10, "n_init": 1} for name in ("digits", "MNIST 10,000")}
    perceptron = {"max_iter": 60, "random_state": 0}
    return [
        Comparison("linear_model.LinearRegression", "diabetes", coefficients, 1e-9),
        Comparison("linear_model.Ridge", "diabetes", coefficients, 1e-9, {"alpha": 1.0}),
        Comparison("linear_model.Ridge", "MNIST 10,000", coefficients, 1e-7, {"alpha": 1.0}),
        Comparison("linear_model.LogisticRegression", "breast_cancer", coefficients, 1e-4, tight),
        Comparison(
            "linear_model.LogisticRegression",
            "breast_cancer",
            coefficients,
            1e-6,
            {**tight, "solver": "newton-cholesky"},
        ),
        Comparison("linear_model.LogisticRegression", "digits", probabilities, 1e-4, tight),
        Comparison(
            "linear_model.LogisticRegression",
            "MNIST 10,000",
            probabilities,
            1e-2,
            {"C": 0.01, "tol": 1e-6, "max_iter": 1000},
        ),
        Comparison("kernel_ridge.KernelRidge", "diabetes", predictions, 1e-9, {**rbf, "gamma": 0.1}),
        Comparison("kernel_ridge.KernelRidge", "digits", predictions, 1e-9, {**rbf, "gamma": 0.05}),
        Comparison("kernel_ridge.KernelRidge", "diabetes", predictions, 1e-9, {"kernel": "polynomial", "degree": 2}),
        Comparison("kernel_ridge.KernelRidge", "MNIST 4,000", predictions, 1e-8, {**rbf, "gamma": 0.02}),
        Comparison("decomposition.PCA", "digits", components, 1e-7, {"n_components": 20}),
        Comparison("decomposition.PCA", "MNIST 10,000", variances, 1e-9, {"n_components": 50}),
        Comparison("cluster.KMeans", "digits", centres, 1e-7, seeds["digits"]),
        Comparison("cluster.KMeans", "MNIST 10,000", inertia, 1e-4, seeds["MNIST 10,000"]),
        Comparison("neural_network.MLPClassifier", "digits", accuracy, 0.01, perceptron),
        Comparison("neural_network.MLPRegressor", "diabetes", r_squared, 0.05, {"max_iter": 500, "random_state": 0}),
        Comparison("manifold.TSNE", "digits", divergence, 0.03, {"init": "pca", "random_state": 0}),
    ]
