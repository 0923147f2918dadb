"""TSNE against its definition: affinities, the gradient against differences, and what an embedding is for."""

import pickle

import numpy as np
import pytest
from conftest import needs_extension, use_threads

import fastscratch as fs
from fastscratch.exceptions import NotFittedError
from fastscratch.manifold import TSNE
from fastscratch.manifold.affinities import affinities
from fastscratch.manifold.descent import divergence_and_gradient

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(4), 15)
X = 6 * RNG.standard_normal((4, 8))[LABELS] + RNG.standard_normal((60, 8))


def _dense(near, n):
    p = np.zeros((n, n))
    p[np.repeat(np.arange(n), np.diff(near.start)), near.column] = near.p
    return p


def _divergence(p, y):
    """The definition, with all pairs."""
    freedom = max(1, y.shape[1] - 1)
    w = 1 / (1 + np.square(y[:, None] - y).sum(2) / freedom)
    q = w ** ((freedom + 1) / 2)
    np.fill_diagonal(q, 0)
    q /= q.sum()
    some = p > 0
    return float((p[some] * np.log(p[some] / q[some])).sum())


def test_affinities_have_the_perplexity_and_are_symmetric():
    near = affinities(X, 10.0, 59, np.float64)
    p = _dense(near, 60)
    np.testing.assert_allclose(p, p.T)
    assert p.sum() == pytest.approx(1)
    squares = np.square(X[:, None] - X).sum(2)
    expected = np.zeros((60, 60))
    for i in range(60):
        others = np.delete(np.arange(60), i)
        low, high = 1e-6, 1e3
        for _ in range(100):
            beta = np.sqrt(low * high)
            e = np.exp(-beta * (squares[i, others] - squares[i, others].min()))
            e /= e.sum()
            entropy = -(e[e > 0] * np.log(e[e > 0])).sum()
            low, high = (beta, high) if entropy > np.log(10) else (low, beta)
        expected[i, others] = e
    np.testing.assert_allclose(p, (expected + expected.T) / 120, atol=2e-6)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("neighbours", [59, 20])
def test_the_gradient_is_that_of_the_divergence(dims, neighbours):
    near = affinities(X, 5.0, neighbours, np.float64)
    p = _dense(near, 60)
    y = np.random.default_rng(1).standard_normal((60, dims))
    kl, gradient = divergence_and_gradient(y, near, 1.0, True)
    assert kl == pytest.approx(_divergence(p, y), rel=1e-9)
    for i, c in ((0, 0), (17, dims - 1), (59, 0)):
        step = np.zeros_like(y)
        step[i, c] = 1e-5
        slope = (_divergence(p, y + step) - _divergence(p, y - step)) / 2e-5
        assert gradient[i, c] == pytest.approx(slope, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("method", ["barnes_hut", "exact"])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_clusters_stay_together(method, init):
    model = TSNE(perplexity=8, init=init, method=method, random_state=0, max_iter=500)
    y = model.fit_transform(X)
    assert y.shape == (60, 2)
    assert y.dtype == (np.float32 if method == "barnes_hut" else np.float64)
    squares = np.square(y[:, None] - y).sum(2)
    np.fill_diagonal(squares, np.inf)
    assert (LABELS[squares.argmin(1)] == LABELS).all()
    assert 0 < model.kl_divergence_ < 0.5
    assert model.learning_rate_ == 50
    np.testing.assert_array_equal(y, model.embedding_)


def test_a_given_start_is_used_and_kept():
    init = 1e-4 * RNG.standard_normal((60, 2)).astype(np.float32)
    before = init.copy()
    a, b = (TSNE(perplexity=8, init=init, max_iter=250).fit_transform(X) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(init, before)


@needs_extension
def test_any_number_of_threads_gives_the_same_bits():
    found = []
    for threads in (1, 2, 3):
        use_threads(threads)
        found.append(TSNE(perplexity=5, max_iter=260).fit_transform(np.vstack([X, X + 0.1, X - 0.2])))
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@needs_extension
def test_both_backends_agree_on_the_gradient():
    y = RNG.standard_normal((60, 2)).astype(np.float32)
    with fs.backend.use("check"):
        near = affinities(X.astype(np.float32), 8.0, 25, np.float32)
        divergence_and_gradient(y, near, 12.0, True)


def test_duplicates_constant_columns_and_few_points():
    twice = np.repeat(X[:10], 2, axis=0)
    assert np.isfinite(TSNE(perplexity=3, max_iter=260).fit_transform(twice)).all()
    assert np.isfinite(TSNE(perplexity=1.5, max_iter=260, n_components=1).fit_transform(np.ones((5, 3)))).all()
    for dims in (1, 2, 3):  # far apart, where each point's similarity to itself would be all that is left of the sum
        pair = TSNE(perplexity=1, n_components=dims, init="random", random_state=0).fit(X[:2])
        assert np.abs(pair.embedding_).max() < 1e4
        assert abs(pair.kl_divergence_) < 1e-5
    assert np.isfinite(TSNE(perplexity=3, max_iter=260).fit_transform(X[:7, :1])).all()


def test_verbose_tells_how_far_it_is(capsys):
    TSNE(perplexity=8, max_iter=300, verbose=1).fit(X)
    told = capsys.readouterr().out
    assert told.count("divergence") == 6
    assert "Iteration 300" in told


def test_tensors_and_pickles():
    model = TSNE(perplexity=8, max_iter=250).fit(fs.tensor(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).embedding_, model.embedding_)
    assert model.n_features_in_ == 8
    assert list(model.get_feature_names_out()) == ["tsne0", "tsne1"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TSNE(4).fit(X), "n_components must be 1, 2 or 3, got 4"),
        (lambda: TSNE(perplexity=60).fit(X), "perplexity (60) must be less than n_samples (60)"),
        (lambda: TSNE(perplexity=0).fit(X), "perplexity must be a finite number above 0"),
        (lambda: TSNE(early_exaggeration=0.5).fit(X), "early_exaggeration must be a finite number"),
        (lambda: TSNE(learning_rate="fast").fit(X), "learning_rate must be 'auto' or a number above 0, got 'fast'"),
        (lambda: TSNE(max_iter=100).fit(X), "max_iter must be an integer of at least 250, got 100"),
        (lambda: TSNE(angle=1.5).fit(X), "angle must be a number from 0 to 1, got 1.5"),
        (lambda: TSNE(method="fast").fit(X), "method must be one of 'barnes_hut', 'exact', got 'fast'"),
        (lambda: TSNE(metric="cosine").fit(X), "metric must be one of 'euclidean', got 'cosine'"),
        (lambda: TSNE(init="spectral").fit(X), "init must be 'pca', 'random' or an array, got 'spectral'"),
        (lambda: TSNE(init=X[:, :3]).fit(X), "init must have shape (60, 2), got (60, 3)"),
        (lambda: TSNE().fit(np.where(X > 5, np.nan, X)), "Input X contains NaN"),
    ],
)
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)


def _many(n, dims):
    """Points as an embedding has them: heaps some widths apart."""
    rng = np.random.default_rng(3)
    return 30 * rng.standard_normal((10, dims))[rng.integers(0, 10, n)] + 8 * rng.standard_normal((n, dims))


@needs_extension
@pytest.mark.parametrize("angle", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_the_error_of_the_tree_falls_as_the_square_of_the_angle(dims, angle):
    y = _many(4000, dims)
    force, whole = fs.backend.tsne_repulsion(y)
    near, nearly = fs.backend.tsne_repulsion_tree(y, angle)
    error = np.linalg.norm(near - force) / np.linalg.norm(force)
    assert 0 < error < angle**2 / 6
    assert 0 < abs(nearly / whole - 1) < angle**2 / 12


@needs_extension
def test_the_tree_with_no_angle_is_the_sum_of_all_pairs():
    y = _many(1500, 2).astype(np.float32)
    for mine, exact in zip(fs.backend.tsne_repulsion_tree(y, 0.0), fs.backend.tsne_repulsion(y), strict=True):
        np.testing.assert_array_equal(mine, exact)


@needs_extension
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_the_tree_has_the_same_bits_for_any_number_of_threads(dims):
    y, found = _many(3000, dims).astype(np.float32), []
    for threads in (1, 2, 3):
        use_threads(threads)
        found.append(fs.backend.tsne_repulsion_tree(y, 0.5))
    for force, whole in found[1:]:
        np.testing.assert_array_equal(force, found[0][0])
        assert whole == found[0][1]


@needs_extension
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_heaps_at_one_place_and_points_far_away(dims):
    rng = np.random.default_rng(0)
    y = np.vstack([np.zeros((100, dims)), np.full((100, dims), 1.0), 1e-9 * rng.standard_normal((100, dims))])
    for extra in (np.zeros((0, dims)), np.full((1, dims), 1e9), np.full((1, dims), 1e200)):
        with fs.backend.use("check"):
            force, whole = fs.backend.tsne_repulsion_tree(np.vstack([y, extra]), 0.5)
        exact, total = fs.backend.tsne_repulsion(np.vstack([y, extra]))
        if not np.abs(extra).max(initial=0) > 1e100:  # from there, all others are at one place
            np.testing.assert_allclose(force, exact, atol=1e-6 * np.abs(exact).max())
            assert whole == pytest.approx(total)


def test_the_tree_leaves_nothing_finite_beside_what_is_not():
    force, whole = fs.backend.tsne_repulsion_tree(np.array([[0.0, 1.0], [np.nan, 2.0], [3.0, 4.0]]), 0.5)
    assert np.isnan(force).all()
    assert np.isnan(whole)


@pytest.mark.skipif(fs.backend.name() != "c", reason="takes minutes without the kernels")
@needs_extension
def test_the_tree_finds_as_good_an_embedding():
    points = np.vstack([X + shift for shift in np.random.default_rng(2).standard_normal((17, 8))]).astype(np.float32)
    exact = TSNE(perplexity=15, angle=0.0, max_iter=300).fit(points)
    tree = TSNE(perplexity=15, max_iter=300).fit(points)
    assert not np.array_equal(exact.embedding_, tree.embedding_)
    assert tree.kl_divergence_ == pytest.approx(exact.kl_divergence_, rel=0.05)


def test_not_fitted():
    with pytest.raises(NotFittedError, match="TSNE instance is not fitted yet"):
        TSNE().get_feature_names_out()
