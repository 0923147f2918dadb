"""Samples drawn from simple distributions, under scikit-learn's names.

The parameters mean what they mean in ``sklearn.datasets``; the numbers drawn differ, and the
default dtype is float32, which is what networks are trained in. ``random_state`` is None, an
integer or a ``numpy.random.Generator``; the same integer gives the same bits.
"""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

RandomState = int | np.random.Generator | None
_XY = tuple[np.ndarray, np.ndarray]

_DISTINCT_BITS = 30  # of a hypercube's vertex; further ones may be drawn freely


def make_spiral(
    n_samples: int = 300,
    *,
    n_classes: int = 3,
    turns: float = 0.75,
    noise: float | None = None,
    shuffle: bool = True,
    random_state: RandomState = None,
    dtype: DTypeLike = np.float32,
) -> _XY:
    """Draw the arms of a spiral, one for each class, around the origin.

    Arm ``c`` is ``r (cos a, sin a)`` with ``a = 2 pi (c / n_classes + turns r)``, ``0 < r <= 1``.

    Parameters
    ----------
    n_samples : int
        Over all arms; the first ones take what does not divide.
    n_classes : int
    turns : float
        Turns of an arm from the origin to radius 1.
    noise : float, optional
        Standard deviation of Gaussian noise on both coordinates.
    shuffle : bool
    random_state : int, Generator or None
    dtype : dtype
        float32 or float64.

    Returns
    -------
    X : (n_samples, 2) array of `dtype`
    y : (n_samples,) int64 array, ``0 ... n_classes - 1``

    Raises
    ------
    ValueError
        If a count is not positive or `noise` is negative.

    Examples
    --------
    >>> X, y = make_spiral(6, random_state=0, shuffle=False)
    >>> X.shape, y.tolist()
    ((6, 2), [0, 0, 1, 1, 2, 2])
    """
    n_samples = _count("n_samples", n_samples, 1)
    n_classes = _count("n_classes", n_classes, 1)
    rng = np.random.default_rng(random_state)
    sizes = _shares(n_samples, n_classes)
    y = np.repeat(np.arange(n_classes), sizes)
    radius = np.concatenate([np.arange(1, size + 1) / max(size, 1) for size in sizes])
    angle = 2 * math.pi * (y / n_classes + turns * radius)
    X = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _finished(_noisy(X, noise, rng), y, shuffle, rng, dtype)


def make_moons(
    n_samples: int | tuple[int, int] = 100,
    *,
    shuffle: bool = True,
    noise: float | None = None,
    random_state: RandomState = None,
    dtype: DTypeLike = np.float32,
) -> _XY:
    """Draw two interleaving half circles.

    Parameters
    ----------
    n_samples : int or (int, int)
        In all (the second moon takes the odd one), or for the outer and the inner moon.
    shuffle : bool
    noise : float, optional
        Standard deviation of Gaussian noise on both coordinates.
    random_state : int, Generator or None
    dtype : dtype
        float32 or float64.

    Returns
    -------
    X : (n_samples, 2) array of `dtype`
    y : (n_samples,) int64 array, 0 for the outer moon and 1 for the inner

    Raises
    ------
    ValueError
        If a count is negative or `noise` is negative.

    Examples
    --------
    >>> X, y = make_moons(4, shuffle=False)
    >>> X.round(1).tolist()[0], y.tolist()
    ([1.0, 0.0], [0, 0, 1, 1])
    """
    if isinstance(n_samples, tuple):
        if len(n_samples) != 2:
            raise ValueError(f"n_samples must be an int or two of them, got {n_samples}")
        outer, inner = (_count("n_samples", size, 0) for size in n_samples)
    else:
        total = _count("n_samples", n_samples, 1)
        outer, inner = total // 2, total - total // 2
    rng = np.random.default_rng(random_state)
    a, b = np.linspace(0, math.pi, outer), np.linspace(0, math.pi, inner)
    X = np.concatenate(
        [
            np.stack([np.cos(a), np.sin(a)], axis=1),
            np.stack([1 - np.cos(b), 0.5 - np.sin(b)], axis=1),
        ]
    )
    y = np.repeat([0, 1], [outer, inner])
    return _finished(_noisy(X, noise, rng), y, shuffle, rng, dtype)


def make_blobs(
    n_samples: int | Sequence[int] = 100,
    n_features: int = 2,
    *,
    centers: int | ArrayLike | None = None,
    cluster_std: float | Sequence[float] = 1.0,
    center_box: tuple[float, float] = (-10.0, 10.0),
    shuffle: bool = True,
    random_state: RandomState = None,
    dtype: DTypeLike = np.float32,
) -> _XY:
    """Draw isotropic Gaussian clusters.

    Parameters
    ----------
    n_samples : int or sequence of int
        In all, or for each cluster.
    n_features : int
        Ignored where `centers` gives the points.
    centers : int or (n_centers, n_features) array, optional
        How many, or where. Default: 3, or as many as `n_samples` has entries.
    cluster_std : float or sequence of float
        Standard deviation of all clusters, or of each.
    center_box : (float, float)
        Bounds of each coordinate of the centres that are drawn.
    shuffle : bool
    random_state : int, Generator or None
    dtype : dtype
        float32 or float64.

    Returns
    -------
    X : (n_samples, n_features) array of `dtype`
    y : (n_samples,) int64 array, the number of the cluster

    Raises
    ------
    ValueError
        If a count is not positive, the lengths disagree, or a deviation is negative.

    Examples
    --------
    >>> X, y = make_blobs([1, 2], centers=[[0.0], [9.0]], cluster_std=0.0, shuffle=False)
    >>> X.tolist(), y.tolist()
    ([[0.0], [9.0], [9.0]], [0, 1, 1])
    """
    rng = np.random.default_rng(random_state)
    given = None
    if isinstance(n_samples, Sequence | np.ndarray):
        given = [_count("n_samples", size, 0) for size in n_samples]
    if centers is None:
        centers = 3 if given is None else len(given)
    if isinstance(centers, int | np.integer):
        shape = (_count("centers", centers, 1), _count("n_features", n_features, 1))
        points = rng.uniform(*center_box, size=shape)
    else:
        points = np.asarray(centers, np.float64)
        if points.ndim != 2 or points.size == 0:
            raise ValueError(f"centers must be (n_centers, n_features), got shape {points.shape}")
    sizes = given or _shares(_count("n_samples", n_samples, 1), len(points))
    if len(sizes) != len(points):
        raise ValueError(f"n_samples has {len(sizes)} entries for {len(points)} centers")
    deviation = np.asarray(cluster_std, np.float64)
    if deviation.shape not in ((), (len(points),)):
        raise ValueError(f"cluster_std has shape {deviation.shape} for {len(points)} centers")
    if not (deviation >= 0).all():
        raise ValueError(f"cluster_std must not be negative, got {cluster_std}")
    y = np.repeat(np.arange(len(points)), sizes)
    spread = np.broadcast_to(deviation, len(points))[y, None]
    X = points[y] + spread * rng.standard_normal((len(y), points.shape[1]))
    return _finished(X, y, shuffle, rng, dtype)


def make_regression(
    n_samples: int = 100,
    n_features: int = 100,
    *,
    n_informative: int = 10,
    n_targets: int = 1,
    bias: float = 0.0,
    noise: float = 0.0,
    shuffle: bool = True,
    coef: bool = False,
    random_state: RandomState = None,
    dtype: DTypeLike = np.float32,
) -> tuple[np.ndarray, ...]:
    """Draw a linear regression problem, ``y = X w + bias + noise``.

    Parameters
    ----------
    n_samples, n_features : int
        Standard normal features.
    n_informative : int
        Features with a weight other than 0, uniform in [0, 100); at most `n_features`.
    n_targets : int
    bias : float
    noise : float
        Standard deviation of Gaussian noise on `y`.
    shuffle : bool
        Permute samples and features.
    coef : bool
        Also return the weights.
    random_state : int, Generator or None
    dtype : dtype
        float32 or float64.

    Returns
    -------
    X : (n_samples, n_features) array of `dtype`
    y : (n_samples,) or (n_samples, n_targets) array of `dtype`
    w : (n_features,) or (n_features, n_targets) array of `dtype`
        Only if `coef`.

    Raises
    ------
    ValueError
        If a count is not positive or `noise` is negative.

    Examples
    --------
    >>> X, y, w = make_regression(5, 3, coef=True, random_state=0, dtype="float64")
    >>> bool(np.allclose(X @ w, y))
    True
    """
    rng = np.random.default_rng(random_state)
    n_samples = _count("n_samples", n_samples, 1)
    n_features = _count("n_features", n_features, 1)
    n_targets = _count("n_targets", n_targets, 1)
    n_informative = min(_count("n_informative", n_informative, 0), n_features)
    X = rng.standard_normal((n_samples, n_features))
    w = np.zeros((n_features, n_targets))
    w[:n_informative] = 100 * rng.uniform(size=(n_informative, n_targets))
    if shuffle:
        w = w[rng.permutation(n_features)]
    y = _noisy(X @ w + bias, noise, rng)
    y, w = (y[:, 0], w[:, 0]) if n_targets == 1 else (y, w)
    real = _real(dtype)
    X, y = _finished(X, y.astype(real), shuffle, rng, real)
    return (X, y, w.astype(real)) if coef else (X, y)


def make_classification(
    n_samples: int = 100,
    n_features: int = 20,
    *,
    n_informative: int = 2,
    n_redundant: int = 2,
    n_classes: int = 2,
    n_clusters_per_class: int = 2,
    flip_y: float = 0.01,
    class_sep: float = 1.0,
    shuffle: bool = True,
    random_state: RandomState = None,
    dtype: DTypeLike = np.float32,
) -> _XY:
    """Draw a classification problem: Gaussian clusters at the vertices of a hypercube.

    Every cluster has a covariance of its own; redundant features are linear combinations of the
    informative ones, the rest is noise.

    Parameters
    ----------
    n_samples, n_features : int
    n_informative, n_redundant : int
        Together at most `n_features`.
    n_classes, n_clusters_per_class : int
        Their product is at most ``2**n_informative``.
    flip_y : float
        Fraction of the labels that are drawn anew.
    class_sep : float
        Half the length of the hypercube's side.
    shuffle : bool
        Permute samples and features.
    random_state : int, Generator or None
    dtype : dtype
        float32 or float64.

    Returns
    -------
    X : (n_samples, n_features) array of `dtype`
    y : (n_samples,) int64 array, ``0 ... n_classes - 1``

    Raises
    ------
    ValueError
        If the counts do not fit together or `flip_y` is not in [0, 1].

    References
    ----------
    I. Guyon, "Design of experiments for the NIPS 2003 variable selection benchmark", 2003.

    Examples
    --------
    >>> X, y = make_classification(50, random_state=0)
    >>> X.shape, sorted(set(y.tolist()))
    ((50, 20), [0, 1])
    """
    n_samples = _count("n_samples", n_samples, 1)
    n_informative = _count("n_informative", n_informative, 1)
    n_noise = n_features - n_informative - _count("n_redundant", n_redundant, 0)
    if n_noise < 0:
        raise ValueError(
            f"n_informative + n_redundant = {n_informative + n_redundant} is more than n_features = {n_features}"
        )
    n_clusters = _count("n_classes", n_classes, 1) * _count("n_clusters_per_class", n_clusters_per_class, 1)
    if n_clusters > 2**n_informative:
        raise ValueError(
            f"n_classes * n_clusters_per_class = {n_clusters} is more than 2**n_informative = {2**n_informative}"
        )
    if not 0 <= flip_y <= 1:
        raise ValueError(f"flip_y must be in [0, 1], got {flip_y}")
    rng = np.random.default_rng(random_state)
    cluster = np.repeat(np.arange(n_clusters), _shares(n_samples, n_clusters))
    centres = class_sep * (2.0 * _vertices(n_clusters, n_informative, rng) - 1.0)
    informative = rng.standard_normal((n_samples, n_informative))
    for k in range(n_clusters):
        informative[cluster == k] @= rng.uniform(-1, 1, (n_informative, n_informative))
    informative += centres[cluster]
    redundant = informative @ rng.uniform(-1, 1, (n_informative, n_redundant))
    X = np.hstack([informative, redundant, rng.standard_normal((n_samples, n_noise))])
    if shuffle:
        X = X[:, rng.permutation(n_features)]
    y = cluster % n_classes
    flipped = rng.uniform(size=n_samples) < flip_y
    y[flipped] = rng.integers(n_classes, size=int(flipped.sum()))
    return _finished(X, y, shuffle, rng, dtype)


def _vertices(count: int, n_bits: int, rng: np.random.Generator) -> np.ndarray:
    """Distinct rows of zeros and ones."""
    n_distinct = min(n_bits, _DISTINCT_BITS)
    numbers = rng.choice(2**n_distinct, count, replace=False)
    distinct = numbers[:, None] >> np.arange(n_distinct) & 1
    return np.hstack([distinct, rng.integers(2, size=(count, n_bits - n_distinct))])


def _finished(X: np.ndarray, y: np.ndarray, shuffle: bool, rng: np.random.Generator, dtype: DTypeLike) -> _XY:
    """The samples in the dtype asked for, permuted if asked for."""
    X = X.astype(_real(dtype))
    if not shuffle:
        return X, y
    order = rng.permutation(len(X))
    return X[order], y[order]


def _noisy(values: np.ndarray, noise: float | None, rng: np.random.Generator) -> np.ndarray:
    """The values with Gaussian noise; nothing is drawn where there is none."""
    if noise is not None and not noise >= 0:
        raise ValueError(f"noise must not be negative, got {noise}")
    return values + noise * rng.standard_normal(values.shape) if noise else values


def _shares(total: int, parts: int) -> list[int]:
    """Split a count as evenly as possible, the larger shares first."""
    return [total // parts + (part < total % parts) for part in range(parts)]


def _count(name: str, value: Any, minimum: int) -> int:
    """The value as an integer of at least `minimum`."""
    try:
        count = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, got {value!r}") from None
    if count < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {count}")
    return count


def _real(dtype: DTypeLike) -> np.dtype[Any]:
    real = np.dtype(dtype)
    if real not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype must be float32 or float64, got {real.name}")
    return real
