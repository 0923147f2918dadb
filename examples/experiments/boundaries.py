"""Linear, hidden layer, kernel: what each can separate.

Logistic regression, MLP 2-64-64-k and RBF kernel ridge on three spiral arms (noise 0.03) and two moons (noise 0.2):
1,000 training points, accuracy on 500 held-out points. Settings are fixed.
"""

from typing import Any

from fastscratch.data import make_moons, make_spiral
from fastscratch.kernel_ridge import KernelRidgeClassifier
from fastscratch.linear_model import LogisticRegression
from fastscratch.model_selection import train_test_split
from fastscratch.neural_network import MLPClassifier

from ..report import Result

DATA = {
    "spiral": lambda n: make_spiral(n, turns=0.55, noise=0.03, random_state=0),
    "moons": lambda n: make_moons(n, noise=0.2, random_state=0),
}


def models(quick: bool) -> dict[str, Any]:
    """New ones."""
    network = MLPClassifier((64, 64), learning_rate_init=0.01, max_iter=5 if quick else 200, random_state=0)
    return {
        "logistic regression": LogisticRegression(),
        "MLP 2-64-64-k": network,
        "kernel ridge, RBF": KernelRidgeClassifier(kernel="rbf", gamma=20.0, alpha=0.01),
    }


def run(*, quick: bool = False) -> Result:
    """Fit the three models to both data sets."""
    scores: dict[str, dict[str, float]] = {}
    fitted = {}
    for set_name, make in DATA.items():
        X, y = make(150 if quick else 1500)
        X, X_out, y, y_out = train_test_split(X, y, test_size=1 / 3, random_state=0, stratify=y)
        for name, model in models(quick).items():
            scores.setdefault(name, {})[set_name] = model.fit(X, y).score(X_out, y_out)
            fitted[set_name, name] = model, X_out, y_out
    rows = [(name, *(f"{value:.1%}" for value in found.values())) for name, found in scores.items()]
    line = scores["logistic regression"]
    return Result(
        ("model", *DATA),
        rows,
        f"A straight line gets {line['spiral']:.0%} of the spiral right, where one of three is chance, and"
        f" {line['moons']:.0%} of the moons, whose line is nearly good enough.",
        lambda figure: _draw(figure, fitted),
        (11.0, 7.0),
    )


def _draw(figure: Any, fitted: dict[tuple[str, str], Any]) -> None:
    from fastscratch.viz import DecisionBoundaryDisplay

    axes = figure.subplots(2, len(fitted) // 2).ravel()
    for ax, ((set_name, name), (model, X, y)) in zip(axes, fitted.items(), strict=True):
        DecisionBoundaryDisplay.from_estimator(model, X, y, ax=ax, eps=0.1)
        ax.set_title(f"{set_name}: {name}", fontsize=10)
