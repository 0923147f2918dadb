"""KMeans against Lloyd's algorithm in plain NumPy, and at its edges."""

import copy
import pickle

import numpy as np
import pytest
from conftest import needs_extension, use_threads

import fastscratch as fs
from fastscratch.cluster import KMeans
from fastscratch.exceptions import ConvergenceWarning, NotFittedError
from fastscratch.metrics import adjusted_rand_score

RNG = np.random.default_rng(0)
PLACES = RNG.uniform(-10, 10, (5, 7))
LABELS = RNG.integers(0, 5, 400)
X = PLACES[LABELS] + RNG.standard_normal((400, 7))


def _lloyd(x, weight, centres, steps):
    """The definition, with all distances."""
    for _ in range(steps):
        labels = np.square(x[:, None] - centres).sum(2).argmin(1)
        centres = np.stack(
            [np.average(x[labels == j], axis=0, weights=weight[labels == j]) for j in range(len(centres))]
        )
    squares = np.square(x[:, None] - centres).sum(2)
    return centres, squares.argmin(1), float((weight * squares.min(1)).sum())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("dtype", "tol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_equals_the_definition(dtype, tol, weighted):
    weight = RNG.uniform(0.1, 3, len(X)) if weighted else np.ones(len(X))
    init = PLACES + 1
    model = KMeans(5, init=init, max_iter=4, tol=0).fit(X.astype(dtype), sample_weight=weight if weighted else None)
    centres, labels, inertia = _lloyd(X, weight, init, min(4, model.n_iter_))
    np.testing.assert_allclose(model.cluster_centers_, centres, rtol=10 * tol, atol=10 * tol)
    np.testing.assert_array_equal(model.labels_, labels)
    assert model.inertia_ == pytest.approx(inertia, rel=tol)
    assert (model.cluster_centers_.dtype, model.labels_.dtype) == (dtype, np.int32)


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_clusters_are_found(init):
    model = KMeans(5, init=init, n_init=20, random_state=0).fit(X)
    assert adjusted_rand_score(LABELS, model.labels_) > 0.99
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.score(X) == pytest.approx(-model.inertia_)
    distances = np.sqrt(np.square(X[:, None] - model.cluster_centers_).sum(2))
    np.testing.assert_allclose(model.transform(X), distances, rtol=1e-12)
    np.testing.assert_array_equal(model.fit_predict(X), model.labels_)
    assert list(model.get_feature_names_out()) == [f"kmeans{j}" for j in range(5)]


def test_seeding_spreads_the_centres():
    """One centre in each of five clusters that lie far apart, from one draw: nearly never by drawing evenly."""
    far = 100 * PLACES[LABELS] + RNG.standard_normal((400, 7))
    for seed in range(10):
        model = KMeans(5, max_iter=1, random_state=seed).fit(far)
        assert len(np.unique(model.labels_)) == 5
        assert adjusted_rand_score(LABELS, model.labels_) == 1


def test_a_weight_is_a_repetition_wherever_it_stands():
    counts = RNG.integers(0, 4, 60)
    order = RNG.permutation(counts.sum())
    for init in ("k-means++", "random"):
        model = KMeans(4, init=init, n_init=2, random_state=3)
        a = copy.deepcopy(model).fit(X[:60], sample_weight=counts)
        b = copy.deepcopy(model).fit(np.repeat(X[:60], counts, axis=0)[order])
        np.testing.assert_allclose(a.cluster_centers_, b.cluster_centers_)
        assert a.inertia_ == pytest.approx(b.inertia_)


def test_a_callable_is_given_the_data_and_a_generator():
    def first(data, n_clusters, random_state):
        np.testing.assert_array_equal(data, X)
        assert isinstance(random_state, np.random.Generator)
        return data[:n_clusters]

    model = KMeans(3, init=first, n_init=1).fit(X)
    np.testing.assert_allclose(model.cluster_centers_, KMeans(3, init=X[:3]).fit(X).cluster_centers_)


def test_an_empty_cluster_takes_the_farthest_row():
    x = np.array([[0.0], [1.0], [2.0], [30.0]])
    model = KMeans(3, init=[[1.0], [31.0], [1000.0]], max_iter=1, tol=0).fit(x)
    np.testing.assert_allclose(np.sort(model.cluster_centers_, axis=0), [[0.5], [2.0], [30.0]], atol=0.51)
    assert len(np.unique(model.labels_)) == 3


def test_more_clusters_than_different_rows():
    x = np.repeat([[1.0, 2.0], [3.0, 4.0]], 3, axis=0)
    for init in ("k-means++", "random"):
        with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(2\) found smaller than n_clusters \(4\)"):
            model = KMeans(4, init=init, n_init=1, random_state=0).fit(x)
        assert model.inertia_ == 0
        assert np.isfinite(model.cluster_centers_).all()


def test_one_cluster_is_the_mean_and_as_many_as_rows_are_the_rows():
    one = KMeans(1).fit(X)
    np.testing.assert_allclose(one.cluster_centers_[0], X.mean(0))
    assert one.inertia_ == pytest.approx(len(X) * X.var(0).sum())
    every = KMeans(6, random_state=0).fit(X[:6])
    assert every.inertia_ == pytest.approx(0, abs=1e-20)
    assert KMeans(1).fit([[2.0]]).cluster_centers_ == [[2.0]]


def test_far_from_the_origin_nothing_is_lost():
    """float32 at 10,000: scores about the origin would be wrong by more than the clusters' distance."""
    far = (X + 1e4).astype(np.float32)
    model = KMeans(5, n_init=3, random_state=0).fit(far)
    assert adjusted_rand_score(LABELS, model.labels_) > 0.99
    np.testing.assert_array_equal(model.predict(far), model.labels_)


def test_constant_columns_and_fewer_rows_than_columns():
    wide = np.hstack([X[:4], np.ones((4, 20))])
    model = KMeans(2, random_state=0).fit(wide)
    np.testing.assert_allclose(model.cluster_centers_[:, 7:], 1)


@needs_extension
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(dtype):
    x = np.random.default_rng(1).standard_normal((3000, 30)).astype(dtype)
    found = []
    for threads in (1, 2, 3):
        use_threads(threads)
        found.append(KMeans(6, random_state=0).fit(x))
    for other in found[1:]:
        np.testing.assert_array_equal(other.cluster_centers_, found[0].cluster_centers_)
        assert (other.inertia_, other.n_iter_) == (found[0].inertia_, found[0].n_iter_)


@needs_extension
def test_both_backends_agree():
    with fs.backend.use("numpy"):
        expected = KMeans(5, random_state=0).fit(X)
    with fs.backend.use("check"):
        model = KMeans(5, random_state=0).fit(X)
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    np.testing.assert_allclose(model.cluster_centers_, expected.cluster_centers_, rtol=1e-10)


def test_verbose_tells_of_every_step(capsys):
    model = KMeans(5, random_state=0, verbose=1).fit(X)
    told = capsys.readouterr().out
    assert told.count("inertia") == model.n_iter_
    assert f"Converged at iteration {model.n_iter_ - 1}" in told


def test_tensors_lists_and_pickles():
    model = KMeans(3, random_state=0).fit(fs.tensor(X))
    np.testing.assert_array_equal(model.labels_, KMeans(3, random_state=0).fit(X.tolist()).labels_)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.labels_)
    assert model.n_features_in_ == 7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KMeans(0).fit(X), "n_clusters must be an integer of at least 1, got 0"),
        (lambda: KMeans(max_iter=1.5).fit(X), "max_iter must be an integer of at least 1, got 1.5"),
        (lambda: KMeans(n_init="many").fit(X), "n_init must be an integer of at least 1, got 'many'"),
        (lambda: KMeans(tol=-1).fit(X), "tol must be a number of at least 0, got -1"),
        (lambda: KMeans(init="best").fit(X), "init must be 'k-means++', 'random', an array or a callable, got 'best'"),
        (lambda: KMeans(algorithm="full").fit(X), "algorithm must be 'lloyd', got 'full'"),
        (
            lambda: KMeans(algorithm="elkan").fit(X),
            "algorithm must be 'lloyd' (which ends with the same clusters), got 'elkan'",
        ),
        (lambda: KMeans(3, init=X[:2]).fit(X), "initial centers (2, 7) does not match (3, 7)"),
        (lambda: KMeans(3, init=np.full((3, 7), np.nan)).fit(X), "Input init contains NaN"),
        (lambda: KMeans(8).fit(X[:5]), "n_samples=5 should be >= n_clusters=8"),
        (lambda: KMeans().fit(np.where(X > 9, np.nan, X)), "Input X contains NaN"),
        (lambda: KMeans().fit(X, sample_weight=-np.ones(400)), "sample_weight must not be negative"),
        (lambda: KMeans().fit(X, sample_weight=np.ones(3)), "expected (400,)"),
        (lambda: KMeans().fit(X).predict(X[:, :3]), "X has 3 features, but KMeans is expecting 7"),
    ],
)
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)


def test_not_fitted_and_an_array_tried_more_than_once():
    for ask in (KMeans().predict, KMeans().transform, KMeans().score):
        with pytest.raises(NotFittedError, match="KMeans instance is not fitted yet"):
            ask(X)
    with pytest.warns(RuntimeWarning, match="performing only one init in KMeans instead of n_init=5"):
        KMeans(2, init=X[:2], n_init=5).fit(X)
