"""TSNE: points of many dimensions in one, two or three, such that neighbours stay neighbours."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np

from ..base import BaseEstimator, TransformerMixin
from ..decomposition import PCA
from ..validation import check_array, check_features, check_is_fitted, check_random_state
from .affinities import affinities
from .descent import Progress, descend

__all__ = ["TSNE"]

Array = np.ndarray[Any, Any]

EXPLORATION = 250  # steps with exaggerated attraction
SPREAD = 1e-4  # of the first coordinate at the start
TREE_FROM = {1: 1000, 2: 1000, 3: 2000}  # points in so many dimensions: fewer push each other faster pair by pair


class TSNE(TransformerMixin, BaseEstimator):
    """t-distributed stochastic neighbour embedding.

    Parameters
    ----------
    n_components : {1, 2, 3}
    perplexity : float
        About how many neighbours each point has; less than the number of samples.
    early_exaggeration : float
        How much stronger the attraction is in the first 250 steps.
    learning_rate : "auto" or float
        "auto": max(n_samples / early_exaggeration / 4, 50).
    max_iter : int
        Steps, at least 250.
    n_iter_without_progress : int
        Steps after which to stop where the divergence does not fall, looked at every 50 steps.
    min_grad_norm : float
        The norm of the gradient at which to stop.
    metric : {"euclidean"}
    init : {"pca", "random"} or array of shape (n_samples, n_components)
    verbose : int
        Whether to show how far it is.
    random_state : int, Generator, RandomState or None
        For init="random".
    method : {"barnes_hut", "exact"}
        "barnes_hut" looks at 3 perplexity neighbours of each point, in float32, and sums the repulsion over the cells of a
        tree; "exact" looks at all points, in X's dtype.
    angle : float, 0 to 1
        A cell of the tree that is narrower than angle times its distance counts as points at its centre of mass. The
        tests hold the error of the forces on clusters below angle^2 / 6 of their size; there is none at 0. Not for fewer
        than 1000 points (2000 in three dimensions), which push each other pair by pair; nor for method="exact".
    n_jobs : ignored
        Threads are those of `fastscratch.set_num_threads`.

    Attributes
    ----------
    embedding_ : ndarray, shape (n_samples, n_components)
    kl_divergence_ : float
        Of the embedding before the last step.
    n_iter_ : int
        The last step.
    learning_rate_ : float

    Notes
    -----
    A step takes time in proportion to n log n for the tree (12 n^2 operations for all pairs) and 10 operations for each
    pair of neighbours; the neighbours take n^2 d multiply-adds once. Results do not depend on the number of threads.

    References
    ----------
    L. van der Maaten and G. Hinton, Visualizing Data using t-SNE, JMLR 9, 2008; L. van der Maaten, Accelerating t-SNE using
    tree-based algorithms, JMLR 15, 2014; D. Kobak and P. Berens, The art of using
    t-SNE for single-cell transcriptomics, Nature Communications 10, 2019 (initialisation and learning rate).

    Examples
    --------
    >>> X = [[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]]
    >>> TSNE(perplexity=2.0, init="random", random_state=0).fit_transform(X).shape
    (4, 2)
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: float = 30.0,
        early_exaggeration: float = 12.0,
        learning_rate: float | str = "auto",
        max_iter: int = 1000,
        n_iter_without_progress: int = 300,
        min_grad_norm: float = 1e-7,
        metric: str = "euclidean",
        metric_params: Any = None,
        init: str | Array = "pca",
        verbose: int = 0,
        random_state: Any = None,
        method: str = "barnes_hut",
        angle: float = 0.5,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.n_iter_without_progress = n_iter_without_progress
        self.min_grad_norm = min_grad_norm
        self.metric = metric
        self.metric_params = metric_params
        self.init = init
        self.verbose = verbose
        self.random_state = random_state
        self.method = method
        self.angle = angle
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the embedding of the rows of X."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Array:
        """The embedding of the rows of X, shape (n_samples, n_components).

        Raises
        ------
        ValueError
            If a parameter is out of its range, X is not finite, or perplexity is not less than the number of samples.
        """
        self._check_parameters()
        X = check_features(self, X, reset=True, least_samples=2)
        if self.perplexity >= len(X):
            raise ValueError(f"perplexity ({self.perplexity}) must be less than n_samples ({len(X)})")
        exact = self.method == "exact"
        dtype = X.dtype if exact else np.float32
        neighbours = len(X) - 1 if exact else min(len(X) - 1, int(3 * self.perplexity + 1))
        near = affinities(X, self.perplexity, neighbours, dtype)
        rate = self.learning_rate
        self.learning_rate_ = max(len(X) / self.early_exaggeration / 4, 50.0) if isinstance(rate, str) else float(rate)
        progress = Progress(self.max_iter) if self.verbose else None
        common: dict[str, Any] = {
            "learning_rate": self.learning_rate_, "least_gradient": self.min_grad_norm, "progress": progress,
            "angle": 0.0 if exact or len(X) < TREE_FROM[self.n_components] else float(self.angle),
        }  # fmt: skip
        embedding, kl, step = descend(
            self._start(X, dtype), near, range(EXPLORATION),
            exaggeration=self.early_exaggeration, momentum=0.5, patience=EXPLORATION, **common,
        )  # fmt: skip
        if self.max_iter > EXPLORATION:
            embedding, kl, step = descend(
                embedding, near, range(step + 1, self.max_iter),
                exaggeration=1.0, momentum=0.8, patience=self.n_iter_without_progress, **common,
            )  # fmt: skip
        if progress:
            progress.end()
        self.embedding_, self.kl_divergence_, self.n_iter_ = embedding, float(kl), step
        return embedding

    def _start(self, X: Array, dtype: Any) -> Array:
        shape = (len(X), self.n_components)
        if not isinstance(self.init, str):
            given = check_array(self.init, name="init", estimator=self, dtype=dtype)
            if given.shape != shape:
                raise ValueError(f"init must have shape {shape}, got {given.shape}")
            return given.copy()
        if self.init == "random":
            rng = check_random_state(self.random_state)
            return (SPREAD * rng.standard_normal(shape)).astype(dtype)
        return _principal(X, self.n_components).astype(dtype)

    def _check_parameters(self) -> None:
        if not (isinstance(self.n_components, Integral) and 1 <= self.n_components <= 3):
            raise ValueError(f"n_components must be 1, 2 or 3, got {self.n_components!r}")
        for name, least in (("perplexity", 0), ("early_exaggeration", 1), ("min_grad_norm", 0)):
            value = getattr(self, name)
            if not (isinstance(value, Real) and value >= least and np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a finite number above 0 and at least {least}, got {value!r}")
        rate = self.learning_rate
        if rate != "auto" and not (isinstance(rate, Real) and rate > 0):
            raise ValueError(f"learning_rate must be 'auto' or a number above 0, got {rate!r}")
        for name, least in (("max_iter", EXPLORATION), ("n_iter_without_progress", -1)):
            value = getattr(self, name)
            if not (isinstance(value, Integral) and value >= least):
                raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
        if not (isinstance(self.angle, Real) and 0 <= self.angle <= 1):
            raise ValueError(f"angle must be a number from 0 to 1, got {self.angle!r}")
        for name, among in (("method", ("barnes_hut", "exact")), ("metric", ("euclidean",))):
            if getattr(self, name) not in among:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, among))}, got {getattr(self, name)!r}")
        if isinstance(self.init, str) and self.init not in ("pca", "random"):
            raise ValueError(f"init must be 'pca', 'random' or an array, got {self.init!r}")

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """tsne0, tsne1, ...: the names of the columns of the embedding."""
        check_is_fitted(self)
        return np.asarray([f"tsne{j}" for j in range(self.embedding_.shape[1])], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]  # what "barnes_hut" computes in
        return tags


def _principal(X: Array, count: int) -> Array:
    """The first principal components of the rows, scaled to a small spread; zeros where there are fewer directions."""
    known = min(count, *X.shape)
    y = np.zeros((len(X), count))
    y[:, :known] = PCA(known, random_state=0).fit_transform(X)
    spread = y[:, 0].std()
    return y / spread * SPREAD if spread > 0 else y
