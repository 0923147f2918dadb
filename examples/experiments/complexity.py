"""What theory says it costs, and what it costs.

Seconds against size on log-log axes; the least of several runs. The slope that theory expects is that of the formula
over the same sizes. Overheads that do not grow, and parts that are limited by memory, make measured slopes smaller or
larger.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import fastscratch as fs
from fastscratch.kernel_ridge import KernelRidge
from fastscratch.nn import functional as F

from ..report import Result
from . import training


class Law(NamedTuple):
    """What grows, the sizes, how to set up one size (a call to time), and the operations it should take."""

    variable: str
    sizes: tuple[int, ...]
    build: Callable[[int], Callable[[], Any]]
    formula: str
    cost: Callable[[float], float]


def _chain(n: int) -> Callable[[], Any]:
    x = fs.ones(8).requires_grad_()

    def call() -> None:
        y = x
        for _ in range(n):
            y = y * 1.01
        y.sum().backward()

    return call


def _mlp_step(width: int, batch: int = 64) -> Callable[[], Any]:
    fs.manual_seed(0)
    model = training.mlp(width, width, width)
    x, y = fs.randn(batch, width), fs.randint(0, width, (batch,))

    def call() -> None:
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()

    return call


def _adam(n: int) -> Callable[[], Any]:
    p = fs.randn(n).requires_grad_()
    p.grad = fs.randn(n)
    return fs.optim.Adam([p], lr=1e-3).step


def _ridge(n: int, *, predict: bool) -> Callable[[], Any]:
    rng = np.random.default_rng(0)
    X, y, Z = rng.random((n, 16)), rng.random(n), rng.random((1000, 16))
    model = KernelRidge(0.1, kernel="rbf", solver="cholesky", precision="float64")
    if not predict:
        return lambda: model.fit(X, y)
    model.fit(X[:10], y[:10])
    model.X_fit_, model.dual_coef_ = X, y  # a prediction costs the same whatever was learned
    return lambda: model.predict(Z)


LAWS = {
    "autodiff, a chain of n operations": Law("n", (50, 100, 200, 400, 800), _chain, "n", lambda n: n),
    "MLP step, width w": Law("w", (128, 256, 512, 1024), _mlp_step, "w²", lambda w: w**2),
    "MLP step, batch b, width 256": Law("b", (64, 128, 256, 512, 1024), lambda b: _mlp_step(256, b), "b", lambda b: b),
    "Adam, p parameters": Law("p", (250_000, 500_000, 1_000_000, 2_000_000), _adam, "p", lambda p: p),
    "kernel ridge, fit to n samples": Law(
        "n",
        (1000, 1500, 2200, 3200, 4600),
        lambda n: _ridge(n, predict=False),
        "n³/3 + 16 n²",
        lambda n: n**3 / 3 + 16 * n**2,
    ),
    "kernel ridge, 1,000 predictions": Law(
        "n", (1000, 1500, 2200, 3200, 4600), lambda n: _ridge(n, predict=True), "n", lambda n: n
    ),
}


def least(call: Callable[[], Any], seconds: float) -> float:
    """The least time of a call in so many seconds, after one to warm up."""
    call()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best if best < float("inf") else least(call, 2 * seconds)


def slope(sizes: Any, values: Any) -> float:
    """Of the least-squares line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def run(*, quick: bool = False) -> Result:
    """Time every law at its sizes."""
    measured, rows = {}, []
    for name, law in LAWS.items():
        sizes = tuple(n // 10 for n in law.sizes[:2]) if quick else law.sizes
        seconds = [least(law.build(n), 0.01 if quick else 0.6) for n in sizes]
        measured[name] = sizes, seconds
        theory = slope(sizes, [law.cost(n) for n in sizes])
        rows.append((name, law.formula, theory, slope(sizes, seconds), seconds[0] * 1e3, seconds[-1] * 1e3))
    furthest = max(rows, key=lambda row: abs(row[2] - row[3]))
    return Result(
        ("work", "operations", "slope in theory", "measured", "ms, smallest", "ms, largest"),
        rows,
        f"Theory and measurement differ most for {furthest[0]}: {furthest[3]:.2f} where {furthest[2]:.2f} was expected.",
        lambda figure: _draw(figure, measured),
        (11.0, 6.4),
    )


def _draw(figure: Any, measured: dict[str, Any]) -> None:
    for ax, (name, (sizes, seconds)) in zip(figure.subplots(2, 3).ravel(), measured.items(), strict=True):
        law = LAWS[name]
        costs = np.array([law.cost(n) for n in sizes])
        ax.loglog(sizes, seconds, "o-", label="measured")
        ax.loglog(sizes, costs / costs[-1] * seconds[-1], "--", color="0.5", label=f"as {law.formula}")
        ax.set_xticks(sizes, [str(n) for n in sizes], fontsize=7)
        ax.set_xticks([], minor=True)
        ax.set(title=name, xlabel=law.variable, ylabel="seconds")
        ax.title.set_fontsize(9)
        ax.legend(fontsize=8)
