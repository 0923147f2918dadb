"""Principal components, under scikit-learn's name: PCA."""

import math
from typing import Any, Literal, Self

import numpy as np

from . import backend
from .base import BaseEstimator, TransformerMixin
from .linear_model.normal_equations import moments
from .validation import check_array, check_features, check_is_fitted, check_random_state

__all__ = ["PCA"]

Array = np.ndarray[Any, Any]
SOLVERS = ("auto", "full", "covariance_eigh", "randomized")


class PCA(TransformerMixin, BaseEstimator):
    """The directions in which the data vary most: an orthonormal basis of the space nearest to them in least squares.

    Parameters
    ----------
    n_components : int, float, "mle" or None
        How many are kept; a float in (0, 1): as many as explain more than that share of the variance; "mle": by Minka's
        likelihood; None: min(n_samples, n_features).
    copy : bool
        For scikit-learn's sake; X is never changed.
    whiten : bool
        Divide what `transform` returns by the root of its variance.
    svd_solver : {"auto", "full", "covariance_eigh", "randomized"}
        "covariance_eigh": eigenvectors of the covariance; "full": singular values of the centred data; "randomized": of a
        random projection. "auto" takes the first for up to 1000 features and ten times as many samples, the last for large
        data of which less than 80 % of the components are wanted, else the second.
    iterated_power : int or "auto"
        Of "randomized": power iterations; "auto": 7 if few components are wanted, else 4.
    n_oversamples : int
        Of "randomized": directions beyond those that are wanted.
    random_state : int, Generator, RandomState or None
        Of "randomized".

    Attributes
    ----------
    components_ : ndarray, shape (n_components, n_features)
        By falling variance; the largest element of each is positive.
    explained_variance_, explained_variance_ratio_, singular_values_ : ndarray, shape (n_components,)
    mean_ : ndarray, shape (n_features,)
    noise_variance_ : float
        The mean of the variances left out.
    n_components_, n_samples_, n_features_in_ : int

    Notes
    -----
    n d^2 operations and, beside them, LAPACK's for the eigenvectors of d x d; "full": about 4 n d min(n, d), LAPACK's too.
    The covariance squares the condition: of float32 data, variances below about 1e-6 of the largest are lost.

    References
    ----------
    N. Halko, P. Martinsson and J. Tropp, Finding Structure with Randomness, SIAM Review 53, 2011 ("randomized").
    T. Minka, Automatic Choice of Dimensionality for PCA, NIPS 2000 ("mle").

    Examples
    --------
    >>> model = PCA(1).fit([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> model.components_.round(4), model.explained_variance_.round(4)
    (array([[0.7071, 0.7071]]), array([2.]))
    """

    def __init__(
        self,
        n_components: Any = None,
        *,
        copy: bool = True,
        whiten: bool = False,
        svd_solver: Literal["auto", "full", "covariance_eigh", "randomized"] = "auto",
        iterated_power: Any = "auto",
        n_oversamples: int = 10,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.copy = copy
        self.whiten = whiten
        self.svd_solver = svd_solver
        self.iterated_power = iterated_power
        self.n_oversamples = n_oversamples
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to X, shape (n_samples, n_features), of at least 2 samples."""
        X = check_features(self, X, reset=True, least_samples=2)
        n, most = len(X), min(X.shape)
        wanted = most if self.n_components is None else self.n_components
        solver = self._solver(X, wanted)
        _check_wanted(wanted, most, X.shape, solver)
        if solver == "covariance_eigh":
            variance, components, self.mean_ = _by_covariance(X)
            total = variance.sum()
        else:
            self.mean_ = X.mean(0, np.float64).astype(X.dtype)
            away = X - self.mean_
            if solver == "full":
                _, s, components = np.linalg.svd(away, full_matrices=False)
            else:
                s, components = self._randomized(away, int(wanted))
            variance = s * s / (n - 1)
            total = variance.sum() if solver == "full" else np.square(away).sum(dtype=np.float64) / (n - 1)
        kept = _how_many(wanted, variance, float(total), n)
        sign = np.sign(components[np.arange(len(components)), np.abs(components).argmax(1)])
        self.components_ = np.ascontiguousarray((components * sign[:, None])[:kept].astype(X.dtype))
        self.explained_variance_ = variance[:kept].astype(X.dtype)
        self.singular_values_ = np.sqrt(variance[:kept] * (n - 1)).astype(X.dtype)
        ratio = variance[:kept] / total if total > 0 else np.zeros(kept)
        self.explained_variance_ratio_ = ratio.astype(X.dtype)
        left = most - kept
        self.noise_variance_ = max(0.0, float(total - variance[:kept].sum())) / left if left else 0.0
        self.n_components_, self.n_samples_ = kept, n
        return self

    def _solver(self, X: Array, wanted: Any) -> str:
        if self.svd_solver not in SOLVERS:
            raise ValueError(f"svd_solver must be one of {', '.join(map(repr, SOLVERS))}, got {self.svd_solver!r}")
        if self.svd_solver != "auto":
            return self.svd_solver
        n, d = X.shape
        if d <= 1000 and n >= 10 * d:
            return "covariance_eigh"
        few = isinstance(wanted, (int, np.integer)) and 1 <= wanted < 0.8 * min(n, d)
        return "randomized" if few and max(n, d) > 500 else "full"

    def _randomized(self, away: Array, wanted: int) -> tuple[Array, Array]:
        """Singular values and right vectors of the data in the space that their powers take random directions to."""
        powers = self.iterated_power
        if powers == "auto":
            powers = 7 if wanted < 0.1 * min(away.shape) else 4
        if not (isinstance(powers, (int, np.integer)) and powers >= 0 and self.n_oversamples >= 0):
            raise ValueError(
                f"iterated_power must be 'auto' or at least 0, and n_oversamples at least 0, got {powers!r} and "
                f"{self.n_oversamples!r}"
            )
        rng = check_random_state(self.random_state)
        size = min(wanted + self.n_oversamples, *away.shape)
        basis = rng.standard_normal((away.shape[1], size)).astype(away.dtype)
        for _ in range(powers):
            basis = np.linalg.qr(backend.matmul(away, basis))[0]
            basis = np.linalg.qr(backend.matmul(away.T, basis))[0]
        basis = np.linalg.qr(backend.matmul(away, basis))[0]
        _, s, components = np.linalg.svd(backend.matmul(basis.T, away), full_matrices=False)
        return s[:wanted], components[:wanted]

    def transform(self, X: Any) -> Array:
        """Coordinates in the components, shape (n_samples, n_components), in X's dtype."""
        check_is_fitted(self)
        X = check_features(self, X, reset=False)
        axes = np.ascontiguousarray((self.components_ / self._scale()[:, None]).astype(X.dtype))
        return backend.linear_forward(X, axes, -(axes @ self.mean_.astype(X.dtype)), None)

    def inverse_transform(self, X: Any) -> Array:
        """The points with these coordinates, shape (n_samples, n_features): what lies outside the components is lost."""
        check_is_fitted(self)
        X = check_array(X, estimator=self)
        if X.shape[1] != len(self.components_):
            raise ValueError(
                f"X has {X.shape[1]} columns, but {type(self).__name__} has {len(self.components_)} components"
            )
        axes = np.ascontiguousarray((self.components_ * self._scale()[:, None]).T.astype(X.dtype))
        return backend.linear_forward(X, axes, self.mean_.astype(X.dtype), None)

    def _scale(self) -> Array:
        """What coordinates are divided by; not less than eps, where data have no variance."""
        if not self.whiten:
            return np.ones(len(self.components_), self.components_.dtype)
        return np.maximum(np.sqrt(self.explained_variance_), np.finfo(self.components_.dtype).eps)

    def get_covariance(self) -> Array:
        """The covariance of the model: that of the components, and the noise in all other directions."""
        check_is_fitted(self)
        above = np.maximum(self.explained_variance_ - self.noise_variance_, 0)
        covariance = (self.components_.T * above) @ self.components_
        covariance.flat[:: len(covariance) + 1] += self.noise_variance_
        return covariance

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """pca0, pca1, ..."""
        check_is_fitted(self)
        return np.array([f"pca{i}" for i in range(len(self.components_))], dtype=object)


def _by_covariance(X: Array) -> tuple[Array, Array, Array]:
    """Variances by falling size, their directions in rows, and the mean."""
    m = moments(X, np.empty((len(X), 0), X.dtype), None, True, X.dtype)
    values, vectors = np.linalg.eigh(m.xx / (len(X) - 1))
    return np.maximum(values[::-1], 0), vectors.T[::-1], m.x_mean.astype(X.dtype)


def _check_wanted(wanted: Any, most: int, shape: tuple[int, ...], solver: str) -> None:
    least = 1 if solver == "randomized" else 0
    if isinstance(wanted, str):
        if wanted != "mle" or least:
            raise ValueError(f"n_components={wanted!r} is not to be had with svd_solver={solver!r}")
        if shape[0] < shape[1]:
            raise ValueError("n_components='mle' is only supported if n_samples >= n_features")
        return
    if isinstance(wanted, (int, np.integer)) and least <= wanted <= most:
        return
    if isinstance(wanted, (float, np.floating)) and 0 < wanted < 1 and not least:
        return
    raise ValueError(
        f"n_components={wanted!r} must be between {least} and min(n_samples, n_features)={most} with "
        f"svd_solver={solver!r}, or a share of the variance in (0, 1)"
    )


def _how_many(wanted: Any, variance: Array, total: float, n: int) -> int:
    if wanted == "mle":
        return _most_likely(variance.astype(np.float64), n)
    if isinstance(wanted, (int, np.integer)):
        return int(wanted)
    shares = np.cumsum(variance) / total if total > 0 else np.ones(len(variance))
    return min(int(np.searchsorted(shares, wanted, side="right")) + 1, len(variance))


def _most_likely(variance: Array, n: int) -> int:
    """The number of components whose model has the largest evidence (Minka's equation 30)."""
    d = len(variance)
    if d < 2:
        return d
    return 1 + int(np.argmax([_evidence(variance, k, n) for k in range(1, d)]))


def _evidence(variance: Array, k: int, n: int) -> float:
    d, tiny = len(variance), 1e-15
    if variance[k - 1] < tiny:
        return -math.inf
    sizes = (d - np.arange(k)) / 2
    prior = -k * math.log(2) + sum(math.lgamma(s) for s in sizes) - math.log(math.pi) * float(sizes.sum())
    noise = max(tiny, float(variance[k:].mean()))
    fit = -n / 2 * (float(np.log(variance[:k]).sum()) + (d - k) * math.log(noise))
    free = d * k - k * (k + 1) / 2
    smooth = np.where(np.arange(d) < k, variance, noise)
    i, j = np.triu_indices(k, 1, d)
    apart = (variance[i] - variance[j]) * (1 / np.maximum(smooth[j], tiny) - 1 / np.maximum(smooth[i], tiny))
    bend = np.log(np.maximum(apart, tiny)).sum() + len(i) * math.log(n)
    return prior + fit + math.log(2 * math.pi) * (free + k) / 2 - float(bend) / 2 - k * math.log(n) / 2
