"""The spiral of three classes: what a linear model cannot, a hidden layer and a kernel can."""

from pathlib import Path
from typing import Any

from fastscratch.data import make_spiral
from fastscratch.model_selection import train_test_split

from .both import LIBRARIES, fitted

MODELS: dict[str, tuple[str, dict[str, Any]]] = {  # path, parameters
    "LogisticRegression": ("linear_model.LogisticRegression", {}),
    "MLPClassifier 2-64-64-3": (
        "neural_network.MLPClassifier",
        {"hidden_layer_sizes": (64, 64), "learning_rate_init": 0.01, "max_iter": 300, "random_state": 0},
    ),
    "KernelRidgeClassifier, RBF": (
        "kernel_ridge.KernelRidgeClassifier",
        {"kernel": "rbf", "gamma": 20.0, "alpha": 0.01},
    ),
}


def spiral() -> tuple[list[dict[str, Any]], dict[str, Any], Any]:
    """Rows of accuracies on held-out points, our models, and the data; settings are fixed, nothing is chosen by them."""
    X, y = make_spiral(1500, turns=0.55, noise=0.03, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=500, random_state=0, stratify=y)
    rows, models = [], {}
    for name, (path, params) in MODELS.items():
        row: dict[str, Any] = {"model": name}
        for library in LIBRARIES:
            if library == "sklearn" and "KernelRidgeClassifier" in path:  # there is none
                row["sklearn"] = "-"
                continue
            model, _ = fitted(library, path, params, X_train, y_train)
            row[library] = f"{model.score(X_test, y_test):.1%}"
            models.setdefault(name, model)
        rows.append(row)
    return rows, models, (X_test, y_test)


def draw(models: dict[str, Any], data: Any, path: Path) -> None:
    """The decision boundary of each of our models with the held-out points."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from fastscratch.viz import DecisionBoundaryDisplay

    figure = Figure(figsize=(4.4 * len(models), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, (name, model) in zip(figure.subplots(1, len(models)), models.items(), strict=True):
        DecisionBoundaryDisplay.from_estimator(model, *data, ax=ax, eps=0.1)
        ax.set_title(name)
    figure.savefig(path, dpi=110)
