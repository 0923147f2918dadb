"""What is minimised against the time that was spent: the same fits, stopped after more and more iterations."""

from pathlib import Path
from typing import Any

import numpy as np

from .both import LIBRARIES, fitted, load

ITERATIONS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
COLOURS = {"fastscratch": "#d9480f", "sklearn": "#1f6feb"}
MARKS = {"fastscratch": "o-", "sklearn": "s--"}


def log_loss(model: Any, X: np.ndarray, y: np.ndarray) -> float:
    """The mean penalised log-loss of a logistic regression with C = 0.01 n."""
    p = model.predict_proba(X)[np.arange(len(y)), y]
    return float(-np.log(p).mean() + (np.asarray(model.coef_) ** 2).sum() / 2 / (0.01 * len(y)) / len(y))


def curves() -> dict[str, list[dict[str, Any]]]:
    """For each work the rows of both libraries: iterations, seconds, and what is minimised."""
    X, y = load("MNIST 10,000")
    logistic = {"C": 0.01 * len(y), "tol": 1e-12}
    means = {"n_clusters": 10, "init": X[:10], "n_init": 1, "tol": 0.0}
    perceptron = {"hidden_layer_sizes": (100,), "random_state": 0, "tol": 0.0}
    return {
        "LogisticRegression, MNIST 10,000: penalised log-loss": _curve(
            "linear_model.LogisticRegression", logistic, X, y, log_loss
        ),
        "KMeans, MNIST 10,000: inertia": _curve("cluster.KMeans", means, X, y, lambda m, *_: float(m.inertia_)),
        "MLPClassifier, MNIST 10,000: training loss": _curve(
            "neural_network.MLPClassifier", perceptron, X, y, lambda m, *_: float(m.loss_), ITERATIONS[:7]
        ),
    }


def _curve(path: str, params: Any, X: Any, y: Any, value: Any, iterations: Any = ITERATIONS) -> list[dict[str, Any]]:
    rows = []
    for library in LIBRARIES:  # the first call of each would pay for its memory and threads
        fitted(library, path, {**params, "max_iter": 1}, X, y)
    for count in iterations:
        for library in LIBRARIES:
            model, seconds = fitted(library, path, {**params, "max_iter": count}, X, y)
            rows.append({"library": library, "iterations": count, "seconds": seconds, "value": value(model, X, y)})
    return rows


def draw(found: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """A panel for each work: what is left of the way down against seconds, both logarithmic."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * len(found), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, (title, rows) in zip(np.atleast_1d(figure.subplots(1, len(found))), found.items(), strict=True):
        for library in LIBRARIES:
            own = [row for row in rows if row["library"] == library]
            ax.plot(
                [r["seconds"] for r in own],
                [r["value"] for r in own],
                MARKS[library],
                color=COLOURS[library],
                label=library,
            )
        ax.set(title=title, xlabel="seconds", xscale="log")
        ax.title.set_fontsize(9)
        ax.grid(alpha=0.3)
        ax.legend()
    figure.savefig(path, dpi=110)
