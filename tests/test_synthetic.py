"""Synthetic samples: their geometry, their counts, their seeds."""

import numpy as np
import pytest

from fastscratch.data.synthetic import (
    make_blobs,
    make_classification,
    make_moons,
    make_regression,
    make_spiral,
)

ALL = [make_spiral, make_moons, make_blobs, make_regression, make_classification]


@pytest.mark.parametrize("make", ALL)
def test_same_seed_same_bits(make):
    for left, right in zip(make(50, random_state=3), make(50, random_state=3), strict=True):
        assert left.tobytes() == right.tobytes()
    generator = np.random.default_rng(3)
    np.testing.assert_array_equal(make(50, random_state=generator)[0], make(50, random_state=3)[0])
    assert not np.array_equal(make(50, random_state=3)[0], make(50, random_state=4)[0])


@pytest.mark.parametrize("make", ALL)
def test_dtypes(make):
    X, y = make(30, random_state=0)
    assert X.dtype == np.float32
    assert X.flags.c_contiguous
    assert y.dtype == (np.float32 if make is make_regression else np.int64)
    X64, _ = make(30, random_state=0, dtype=np.float64)
    assert X64.dtype == np.float64
    np.testing.assert_array_equal(X64.astype(np.float32), X)
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got int32"):
        make(30, dtype=np.int32)


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("n_samples", [0, -1, 2.5, "3"])
def test_bad_count(make, n_samples):
    with pytest.raises(ValueError, match="n_samples must be"):
        make(n_samples)


@pytest.mark.parametrize("make", [make_spiral, make_moons, make_regression])
@pytest.mark.parametrize("noise", [-0.1, float("nan")])
def test_negative_noise(make, noise):
    with pytest.raises(ValueError, match="noise must not be negative"):
        make(10, noise=noise)


@pytest.mark.parametrize("make", [make_spiral, make_moons, make_blobs])
def test_shuffling_keeps_each_sample_with_its_label(make):
    X, y = make(40, shuffle=True, random_state=1)
    X0, y0 = make(40, shuffle=False, random_state=1)
    assert not np.array_equal(y, y0)
    assert sorted(y0.tolist()) == y0.tolist()
    rows = {(*x, label) for x, label in zip(X0.tolist(), y0.tolist(), strict=True)}
    assert {(*x, label) for x, label in zip(X.tolist(), y.tolist(), strict=True)} == rows


def test_spiral_arms():
    X, y = make_spiral(101, n_classes=3, turns=0.5, shuffle=False, dtype=np.float64)
    assert np.bincount(y).tolist() == [34, 34, 33]
    for c in range(3):
        arm = X[y == c]
        radius = np.hypot(*arm.T)
        np.testing.assert_allclose(radius, np.arange(1, len(arm) + 1) / len(arm))
        angle = 2 * np.pi * (c / 3 + 0.5 * radius)
        np.testing.assert_allclose(arm[:, 0], radius * np.cos(angle), atol=1e-12)
        np.testing.assert_allclose(arm[:, 1], radius * np.sin(angle), atol=1e-12)


def test_spiral_with_fewer_samples_than_arms():
    X, y = make_spiral(2, n_classes=3, shuffle=False)
    assert y.tolist() == [0, 1]
    assert X.shape == (2, 2)


def test_moons_lie_on_their_circles():
    X, y = make_moons((30, 21), dtype=np.float64, random_state=0)
    assert np.bincount(y).tolist() == [30, 21]
    outer, inner = X[y == 0], X[y == 1]
    np.testing.assert_allclose(np.hypot(*outer.T), 1)
    np.testing.assert_allclose(np.hypot(inner[:, 0] - 1, inner[:, 1] - 0.5), 1)
    assert outer[:, 1].min() >= 0
    assert inner[:, 1].max() <= 0.5
    assert np.bincount(make_moons(7)[1]).tolist() == [3, 4]


def test_moons_noise_has_its_deviation():
    clean = make_moons(4000, shuffle=False, dtype=np.float64)[0]
    noisy = make_moons(4000, shuffle=False, noise=0.3, random_state=0, dtype=np.float64)[0]
    assert (noisy - clean).std() == pytest.approx(0.3, rel=0.03)
    with pytest.raises(ValueError, match="an int or two of them"):
        make_moons((1, 2, 3))


def test_blobs_have_their_centres_and_deviations():
    centres, deviations = np.array([[0.0, 5], [9, -3]]), [0.5, 2.0]
    X, y = make_blobs([3000, 5000], centers=centres, cluster_std=deviations, random_state=0, dtype=np.float64)
    assert np.bincount(y).tolist() == [3000, 5000]
    for k in range(2):
        np.testing.assert_allclose(X[y == k].mean(axis=0), centres[k], atol=0.1)
        np.testing.assert_allclose(X[y == k].std(axis=0), deviations[k], rtol=0.05)


def test_blobs_drawn_centres_stay_in_the_box():
    X, y = make_blobs(9, 4, centers=5, cluster_std=0, center_box=(2, 3), random_state=0)
    assert X.shape == (9, 4)
    assert np.bincount(y).tolist() == [2, 2, 2, 2, 1]
    assert X.min() >= 2
    assert X.max() <= 3
    assert len(np.unique(make_blobs(30)[1])) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": [1, 2], "centers": 3}, "n_samples has 2 entries for 3 centers"),
        ({"centers": [1.0, 2.0]}, r"centers must be \(n_centers, n_features\), got shape \(2,\)"),
        ({"centers": 0}, "centers must be at least 1, got 0"),
        ({"cluster_std": [1.0, 2.0]}, r"cluster_std has shape \(2,\) for 3 centers"),
        ({"cluster_std": -1.0}, "cluster_std must not be negative"),
        ({"n_samples": [1, -2]}, "n_samples must be at least 0, got -2"),
    ],
)
def test_bad_blobs(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_blobs(**arguments)


def test_regression_is_linear_with_as_many_weights_as_asked():
    X, y, w = make_regression(60, 12, n_informative=4, n_targets=2, bias=3.0, coef=True, random_state=0, dtype="f8")
    assert X.shape == (60, 12)
    assert w.shape == (12, 2)
    assert ((w != 0).sum(axis=0) == 4).all()
    np.testing.assert_allclose(y, X @ w + 3.0)
    assert make_regression(10, 3)[1].shape == (10,)


def test_regression_noise_has_its_deviation():
    X, y, w = make_regression(4000, 5, noise=2.0, coef=True, random_state=0, dtype="f8")
    assert (y - X @ w).std() == pytest.approx(2.0, rel=0.04)


def test_classification_clusters_sit_on_the_hypercube():
    X, y = make_classification(
        40_000,
        5,
        n_informative=3,
        n_redundant=1,
        n_classes=4,
        n_clusters_per_class=1,
        flip_y=0,
        class_sep=7.0,
        shuffle=False,
        random_state=0,
        dtype="f8",
    )
    assert np.bincount(y).tolist() == [10_000] * 4
    centres = np.array([X[y == c, :3].mean(axis=0) for c in range(4)])
    np.testing.assert_allclose(np.abs(centres), 7.0, atol=0.1)
    assert len({tuple(np.sign(centre)) for centre in centres}) == 4
    assert np.linalg.matrix_rank(X[:, :4]) == 3  # the fourth feature follows from three
    assert X[:, 4].std() == pytest.approx(1, rel=0.03)


def test_classification_flips_labels():
    arguments = {"n_samples": 5000, "shuffle": False, "random_state": 0}
    _, clean = make_classification(flip_y=0, **arguments)
    _, flipped = make_classification(flip_y=0.4, **arguments)
    assert (clean != flipped).mean() == pytest.approx(0.2, abs=0.02)  # half stay by chance


def test_classification_with_many_informative_features():
    X, y = make_classification(20, 40, n_informative=40, n_redundant=0, random_state=0)
    assert X.shape == (20, 40)
    assert set(y) == {0, 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_features": 3}, "n_informative . n_redundant = 4 is more than n_features = 3"),
        ({"n_classes": 5}, r"n_clusters_per_class = 10 is more than 2\*\*n_informative = 4"),
        ({"flip_y": 1.5}, r"flip_y must be in \[0, 1\], got 1.5"),
    ],
)
def test_bad_classification(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_classification(**arguments)
