"""KMeans: points to the nearest of k centres, each the mean of its points."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Self

import numpy as np

from .. import backend
from ..base import BaseEstimator, ClusterMixin, TransformerMixin
from ..exceptions import ConvergenceWarning, compatible
from ..validation import check_array, check_features, check_is_fitted, check_random_state, check_sample_weight
from .lloyd import Run, inertia, lloyd
from .seeding import at_random, plus_plus

__all__ = ["KMeans"]

Array = np.ndarray[Any, Any]

BLOCK = 2048  # rows that are moved at a time


class KMeans(TransformerMixin, ClusterMixin, BaseEstimator):
    """k centres that make the sum of squared distances to the nearest of them small.

    Parameters
    ----------
    n_clusters : int
    init : {"k-means++", "random"}, array of shape (n_clusters, n_features) or callable(X, n_clusters, random_state)
        Where to start; with an array there is one run.
    n_init : "auto" or int
        How many runs, of which the best counts; "auto": 10 for "random" and a callable, else 1.
    max_iter : int
        The most steps of a run.
    tol : float
        A run ends when the squared distances that the centres moved add up to no more than tol times the mean variance of
        the features, or when no label changes.
    verbose : int
        Whether to print the inertia of each step.
    random_state : int, Generator, RandomState or None
    copy_x : bool
        Accepted as in scikit-learn; X is never changed, and a centred copy is made in any case.
    algorithm : {"lloyd"}
        scikit-learn's "elkan", which ends with the same clusters and keeps bounds to leave out distances, is not offered:
        it is refused rather than computed by other steps than it names.

    Attributes
    ----------
    cluster_centers_ : ndarray of X's dtype, shape (n_clusters, n_features)
    labels_ : ndarray of int32, shape (n_samples,)
        The nearest centre of each sample.
    inertia_ : float
        The (weighted) sum of squared distances to the nearest centres.
    n_iter_ : int
        Steps of the best run.

    Notes
    -----
    A step takes 2 n k d operations and one pass over X. A cluster that loses all its samples takes the one farthest from
    its centre. Results do not depend on the number of threads.

    References
    ----------
    S. Lloyd, Least squares quantization in PCM, IEEE Trans. Information Theory 28(2), 1982; D. Arthur and S. Vassilvitskii,
    k-means++: The Advantages of Careful Seeding, SODA 2007.

    Examples
    --------
    >>> X = [[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]]
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> sorted(model.cluster_centers_.tolist())
    [[1.0, 2.0], [10.0, 2.0]]
    >>> model.inertia_
    16.0
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: str | Array | Callable[..., Any] = "k-means++",
        n_init: int | str = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
        copy_x: bool = True,
        algorithm: str = "lloyd",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Find the centres.

        Parameters
        ----------
        X : Tensor or array, shape (n_samples, n_features)
        y : ignored
        sample_weight : array, shape (n_samples,), optional
            Also the probabilities of "k-means++" and "random".

        Raises
        ------
        ValueError
            If a parameter is out of its range, X is not finite or has too few samples, or init has another shape.
        """
        self._check_parameters()
        X = check_features(self, X, reset=True)
        if len(X) < self.n_clusters:
            raise ValueError(f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}.")
        weight = None if sample_weight is None else check_sample_weight(sample_weight, len(X), X.dtype)
        rng = check_random_state(self.random_state)
        x, mean = backend.centred(X)
        start, runs = self._start(X, mean)
        tol = self.tol * _variance(x, weight) if self.tol else 0.0
        best = None
        for _ in range(runs):
            run = lloyd(x, weight, start(x, weight, rng), self.max_iter, tol, bool(self.verbose))
            if best is None or (run.inertia < best.inertia and not _same_clustering(run.labels, best.labels)):
                best = run
        assert best is not None
        return self._learn(best, mean)

    def _learn(self, run: Run, mean: Array) -> Self:
        self.labels_, self.inertia_, self.n_iter_ = run.labels, run.inertia, run.n_iter
        self.cluster_centers_ = run.centres + mean
        found = len(np.unique(run.labels))
        if found < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({found}) found smaller than n_clusters ({self.n_clusters}). "
                "Possibly due to duplicate points in X.",
                compatible(ConvergenceWarning),
                stacklevel=3,
            )
        return self

    def _check_parameters(self) -> None:
        for name in ("n_clusters", "max_iter"):
            _need_count(name, getattr(self, name))
        if self.n_init != "auto":
            _need_count("n_init", self.n_init)
        if not (isinstance(self.tol, Real) and self.tol >= 0):
            raise ValueError(f"tol must be a number of at least 0, got {self.tol!r}")
        if self.algorithm != "lloyd":
            more = " (which ends with the same clusters)" if self.algorithm == "elkan" else ""
            raise ValueError(f"algorithm must be 'lloyd'{more}, got {self.algorithm!r}")
        if isinstance(self.init, str) and self.init not in ("k-means++", "random"):
            raise ValueError(f"init must be 'k-means++', 'random', an array or a callable, got {self.init!r}")

    def _start(self, X: Array, mean: Array) -> tuple[Callable[[Array, Array | None, np.random.Generator], Array], int]:
        """What makes centres to start from, of points about their mean, weights and a generator; how many runs."""
        init, k, runs = self.init, self.n_clusters, self.n_init
        if isinstance(init, str):
            draw = plus_plus if init == "k-means++" else at_random
            several = 1 if init == "k-means++" else 10

            def drawn(x: Array, weight: Array | None, rng: np.random.Generator) -> Array:
                return draw(x, np.ones(len(x), x.dtype) if weight is None else weight, k, rng)

            return drawn, several if runs == "auto" else int(runs)
        if callable(init):
            make = init

            def called(x: Array, weight: Array | None, rng: np.random.Generator) -> Array:
                return self._centres(make(X, k, random_state=rng), X) - mean

            return called, 10 if runs == "auto" else int(runs)
        if runs not in ("auto", 1):
            message = (
                f"Explicit initial center position passed: performing only one init in KMeans instead of n_init={runs}."
            )
            warnings.warn(message, RuntimeWarning, stacklevel=3)
        given = self._centres(init, X) - mean
        return lambda x, weight, rng: given, 1

    def _centres(self, given: Any, X: Array) -> Array:
        centres = check_array(given, name="init", estimator=self, dtype=X.dtype)
        expected = (self.n_clusters, X.shape[1])
        if centres.shape != expected:
            raise ValueError(f"The shape of the initial centers {centres.shape} does not match {expected}.")
        return centres

    def predict(self, X: Any) -> Array:
        """The nearest centre of each row of X: int32, shape (n_samples,)."""
        check_is_fitted(self)
        X = check_features(self, X, reset=False, dtype=self.cluster_centers_.dtype)
        centres, mean = backend.centred(self.cluster_centers_)
        blocks = range(0, len(X), BLOCK)  # about the centres' mean, where fewer digits are lost, a part at a time
        return np.concatenate([backend.kmeans_assign(X[i : i + BLOCK] - mean, None, centres, False)[0] for i in blocks])

    def transform(self, X: Any) -> Array:
        """The distances to all centres, shape (n_samples, n_clusters)."""
        check_is_fitted(self)
        X = check_features(self, X, reset=False, dtype=self.cluster_centers_.dtype)
        return np.sqrt(backend.squared_distances(X, self.cluster_centers_))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the sum of the (weighted) squared distances to the nearest centres."""
        labels = self.predict(X)
        X = check_array(X, dtype=self.cluster_centers_.dtype)
        weight = None if sample_weight is None else check_sample_weight(sample_weight, len(X), X.dtype)
        return -inertia(X, weight, self.cluster_centers_, labels)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """kmeans0, kmeans1, ...: the names of the columns of `transform`."""
        check_is_fitted(self)
        return np.asarray([f"kmeans{j}" for j in range(len(self.cluster_centers_))], dtype=object)


def _need_count(name: str, value: Any) -> None:
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")


def _variance(x: Array, weight: Array | None) -> float:
    """The mean over the features of their weighted variance; x is about its unweighted mean."""
    centre = np.zeros((1, x.shape[1]), x.dtype)
    if weight is not None:
        _, sums, mass = backend.kmeans_assign(x, weight, centre, True)
        centre = sums / mass
    whole = len(x) if weight is None else weight.sum(dtype=np.float64)
    return inertia(x, weight, centre, np.zeros(len(x), np.int32)) / float(whole) / x.shape[1]


def _same_clustering(a: Array, b: Array) -> bool:
    """Whether labels differ in their names alone."""
    pairs = np.unique(np.stack([a, b], axis=1), axis=0)
    return len(pairs) == len(np.unique(a)) == len(np.unique(b))
