"""Estimators: since fastscratch has scikit-learn's names, a fit is written once for both."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from fastscratch.data import load_splits

from ..library import Call
from .work import Work

Data = tuple[np.ndarray, ...]
Dict = dict[str, Any]


def find(library: str, path: str) -> Any:
    """The class of a path such as "linear_model.Ridge" in a library."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"{library}.{module}"), name)


def fit(
    path: str,
    what: str,
    data: Callable[[], Data],
    target: float | None,
    check: Callable[[Any, Data], float],
    *,
    params: Dict | None = None,
    ours: Dict | None = None,
    theirs: Dict | None = None,
    agree: float = 1e-3,
    flops: float | None = None,
    dtype: str = "float32",
) -> Work:
    """The class at `path` fitted to data(), which are made where they are used.

    params are both libraries' arguments, ours and theirs what one of them is given beside them. check(model, data) is a
    number, such as the objective, on which the fitted models must agree. flops: of the products that cannot be left out.
    """

    def build_for(library: str, more: Dict | None) -> Call:
        arrays = data()
        make, arguments = find(library, path), {**(params or {}), **(more or {})}
        return lambda: (make(**arguments).fit(*arrays), arrays)

    return Work(
        f"{path.rpartition('.')[2]} {what}",
        lambda library: build_for("fastscratch", ours),
        target,
        check=lambda fitted: check(*fitted),
        agree=agree,
        flops=flops,
        dtype=dtype,
        peers={"sklearn": lambda threads: build_for("sklearn", theirs)},
        ours_alone=True,
    )


# ---- least squares ----


def regression(n: int, d: int, dtype: str) -> Callable[[], Data]:
    """Normal numbers of another scale and place in each column, and a linear target with noise."""

    def data() -> Data:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, d)) * rng.uniform(0.5, 2, d) + rng.standard_normal(d)
        y = X @ rng.standard_normal(d) + rng.standard_normal(n)
        return X.astype(dtype), y.astype(dtype)

    return data


def squared_error(model: Any, data: Data) -> float:
    """The mean squared error of the fit, in float64, and of the coefficients a sum that tells them apart."""
    X, y = (a.astype(np.float64) for a in data)
    error = X @ model.coef_.astype(np.float64) + model.intercept_ - y
    return float((error**2).mean() + np.abs(model.coef_).sum())


def _least_squares_works() -> list[Work]:
    return [
        fit(f"linear_model.{name}", f"{dtype} 100,000 x 200", regression(100_000, 200, dtype), 1.5, squared_error)
        for name in ("LinearRegression", "Ridge")
        for dtype in ("float64", "float32")
    ]


# ---- MNIST ----


def mnist(n: int, dtype: str = "float32") -> Callable[[], Data]:
    """The first n training images of MNIST as rows in [0, 1], or drawn digits where it is not to be had, and labels."""

    def data() -> Data:
        train, _ = load_splits("mnist", n_train=n, n_test=1, fallback="digits")
        return (train.data.reshape(n, -1) / 255).astype(dtype), train.targets

    return data


def cross_entropy(C: float) -> Callable[[Any, Data], float]:
    """What logistic regression minimises, per sample, in float64."""

    def objective(model: Any, data: Data) -> float:
        X, y = data
        z = X.astype(np.float64) @ model.coef_.astype(np.float64).T + model.intercept_
        z -= z.max(axis=1, keepdims=True)
        losses = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]
        return float(losses.mean() + (model.coef_.astype(np.float64) ** 2).sum() / (2 * C * len(y)))

    return objective


def _logistic_works() -> list[Work]:
    """The same iterations of L-BFGS from the same start; the objectives, which are not yet the minimum, are compared."""
    steps, path = {"max_iter": 50}, "linear_model.LogisticRegression"
    return [
        fit(
            path,
            f"{dtype} MNIST 60,000 x 784, 50 iterations",
            mnist(60_000, dtype),
            2,
            cross_entropy(1.0),
            params=steps,
            agree=3e-3,
        )
        for dtype in ("float32", "float64")
    ]


def last_loss(model: Any, _: Data) -> float:
    """The training loss of the last epoch."""
    return float(model.loss_)


def _perceptron_works() -> list[Work]:
    """One epoch; both draw other weights and batches, so the losses are only near each other."""
    epoch = {"max_iter": 1, "batch_size": 200, "random_state": 0}
    path, what = "neural_network.MLPClassifier", "(100,), an epoch of MNIST 60,000, batch 200"
    flops = 2.0 * 60_000 * (2 * 784 * 100 + 3 * 100 * 10)  # X has no gradient
    return [fit(path, what, mnist(60_000), 2, last_loss, params=epoch, agree=0.1, flops=flops)]


def images(n: int, dtype: str) -> Callable[[], Data]:
    """The images of `mnist` without their labels."""
    return lambda: mnist(n, dtype)()[:1]


def centres(k: int) -> Any:
    """Rows of MNIST to start from: a callable, as k-means takes it."""
    return lambda X, n_clusters, random_state: X[np.random.default_rng(0).choice(len(X), k, replace=False)]


def inertia(model: Any, _: Data) -> float:
    """What k-means minimises."""
    return float(model.inertia_)


def explained(model: Any, _: Data) -> float:
    """The variance explained, the noise, and the sizes of some loadings, which tell the directions apart."""
    return float(model.explained_variance_.sum() + model.noise_variance_ + np.abs(model.components_[:5]).sum())


def _component_works() -> list[Work]:
    path, what = "decomposition.PCA", "50 components, MNIST 60,000 x 784"
    return [
        fit(
            path,
            f"{what}, {dtype}",
            images(60_000, dtype),
            1.0,
            explained,
            params={"n_components": 50},
            flops=60_000 * 784**2,
            dtype=dtype,
        )
        for dtype in ("float32", "float64")
    ]


def _cluster_works() -> list[Work]:
    """From the same ten images until the same tolerance is reached; and from k-means++, where runs differ in length."""
    path, what = "cluster.KMeans", "k = 10, MNIST 60,000 x 784"
    start = {"n_clusters": 10, "init": centres(10), "n_init": 1}
    works = [
        fit(path, f"{what}, {dtype}", images(60_000, dtype), 1.3, inertia, params=start)
        for dtype in ("float32", "float64")
    ]
    one = {"n_clusters": 10, "max_iter": 1, "random_state": 0}
    works.append(
        fit(
            path,
            f"{what}, float32, k-means++ and one step",
            images(60_000, "float32"),
            1.3,
            inertia,
            params=one,
            agree=0.1,
        )
    )
    return works


# ---- kernel ridge ----


RBF = {"kernel": "rbf", "gamma": 0.02, "alpha": 0.1}


def fitted_values(model: Any, data: Data) -> float:
    """A sum of predictions that tells models apart."""
    return float(np.abs(model.predict(data[0][:50])).sum())


def _predict(n: int, new: int, dtype: str) -> Work:
    """Predictions for `new` samples by a model of n."""

    def build_for(library: str) -> Call:
        X, y = mnist(n, dtype)()
        model = find(library, "kernel_ridge.KernelRidge")(**RBF).fit(X[:10], y[:10])
        model.X_fit_, model.dual_coef_ = X, y.astype(dtype)  # what it was fitted to makes no difference
        Z, _ = mnist(new, dtype)()
        return lambda: model.predict(Z)

    return Work(
        f"KernelRidge.predict {dtype} {new:,} x {n:,} x 784",
        lambda library: build_for("fastscratch"),
        2,
        flops=2.0 * new * n * 784,
        dtype=dtype,
        check=lambda y: float(np.abs(y).sum()),
        agree=1e-6 if dtype == "float64" else 1e-3,
        peers={"sklearn": lambda threads: build_for("sklearn")},
        ours_alone=True,
    )


def _products(n: int, precision: str) -> float:
    """Operations of half the Gram matrix and of its factor; those in float32, at twice the rate, count half."""
    return n**2 * 784 + n**3 / (3 if precision == "float64" else 6)


def _kernel_ridge_works() -> list[Work]:
    fits = [
        fit(
            "kernel_ridge.KernelRidge",
            f"{what} float64 {n:,} x 784",
            mnist(n, "float64"),
            target,
            fitted_values,
            params=RBF,
            ours={"solver": "cholesky", "precision": precision},
            agree=1e-8,
            flops=_products(n, precision),
            dtype="float64",
        )
        for n, targets in ((4000, (1.8, 2.4)), (8000, (1.4, 2.0)))
        for what, precision, target in zip(("exact", "refined"), ("float64", "mixed"), targets, strict=True)
    ]
    return [*fits, *(_predict(8000, 10_000, dtype) for dtype in ("float64", "float32"))]


def divergence(model: Any, _: Data) -> float:
    """What t-SNE minimises; one step from another start or order of sums leads elsewhere, to about as good a place."""
    return float(model.kl_divergence_)


def _manifold_works() -> list[Work]:
    path = "manifold.TSNE"
    return [
        fit(path, f"MNIST {n:,} x 784, {steps} steps", images(n, "float32"), 1.5, divergence,
            params={"max_iter": steps}, theirs={"random_state": 0}, agree=0.05)
        for n, steps in ((2000, 500), (10_000, 1000))
    ]  # fmt: skip


WORKS = [
    *_least_squares_works(),
    *_logistic_works(),
    *_perceptron_works(),
    *_cluster_works(),
    *_component_works(),
    *_kernel_ridge_works(),
    *_manifold_works(),
]
