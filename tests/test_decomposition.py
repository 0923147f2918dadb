"""Principal components against the singular values of the centred data."""

import pickle

import numpy as np
import pytest
from conftest import needs_extension, use_threads

import fastscratch as fs
from fastscratch.decomposition import PCA
from fastscratch.exceptions import NotFittedError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((80, 6)) @ np.diag([5.0, 3.0, 2.0, 1.0, 0.5, 0.1]) @ RNG.standard_normal((6, 6)) + 10
AWAY = X - X.mean(0)
U, S, VT = np.linalg.svd(AWAY, full_matrices=False)


@pytest.mark.parametrize("solver", ["full", "covariance_eigh", "randomized"])
@pytest.mark.parametrize("k", [2, 6])
def test_components_are_the_right_singular_vectors(solver, k):
    model = PCA(k, svd_solver=solver, random_state=0).fit(X)
    np.testing.assert_allclose(model.singular_values_, S[:k], rtol=1e-8)
    np.testing.assert_allclose(model.explained_variance_, S[:k] ** 2 / 79, rtol=1e-8)
    np.testing.assert_allclose(model.explained_variance_ratio_, S[:k] ** 2 / (S**2).sum(), rtol=1e-8)
    np.testing.assert_allclose(np.abs((model.components_ * VT[:k]).sum(1)), 1, atol=1e-8)
    assert (model.components_[np.arange(k), np.abs(model.components_).argmax(1)] > 0).all()
    np.testing.assert_allclose(model.mean_, X.mean(0))
    assert model.noise_variance_ == (pytest.approx((S[k:] ** 2).sum() / 79 / (6 - k)) if k < 6 else 0)
    np.testing.assert_allclose(model.transform(X), AWAY @ model.components_.T, atol=1e-10)
    np.testing.assert_allclose(model.fit_transform(X), model.transform(X))


@pytest.mark.parametrize("whiten", [False, True])
def test_all_components_lose_nothing(whiten):
    model = PCA(whiten=whiten).fit(X)
    scores = model.transform(X)
    np.testing.assert_allclose(model.inverse_transform(scores), X, atol=1e-9)
    np.testing.assert_allclose(np.cov(scores.T), np.diag(np.ones(6) if whiten else S**2 / 79), atol=1e-9)
    np.testing.assert_allclose(model.get_covariance(), np.cov(X.T), atol=1e-9)


def test_a_share_of_the_variance_and_a_likelihood_choose_how_many():
    shares = np.cumsum(S**2) / (S**2).sum()
    for share in (0.5, 0.9, 0.999):
        assert PCA(share).fit(X).n_components_ == np.searchsorted(shares, share, side="right") + 1
    noisy = RNG.standard_normal((500, 3)) @ RNG.standard_normal((3, 10)) * 4 + RNG.standard_normal((500, 10))
    assert PCA("mle").fit(noisy).n_components_ == 3
    assert PCA(0).fit(X).transform(X).shape == (80, 0)


def test_auto_takes_the_solver_for_the_shape():
    model = PCA()
    assert model._solver(np.empty((1000, 100)), 5) == "covariance_eigh"
    assert model._solver(np.empty((400, 100)), 5) == "full"
    assert model._solver(np.empty((600, 200)), 5) == "randomized"
    assert model._solver(np.empty((600, 200)), 190) == "full"
    assert model._solver(np.empty((600, 200)), 0.9) == "full"


def test_fewer_samples_than_features_constant_columns_and_no_variance():
    wide = np.hstack([RNG.standard_normal((5, 9)), np.ones((5, 1))])
    for solver in ("full", "covariance_eigh", "randomized"):
        model = PCA(svd_solver=solver, random_state=0).fit(wide)
        assert model.components_.shape == (5, 10)
        np.testing.assert_allclose(model.inverse_transform(model.transform(wide)), wide, atol=1e-7)
        assert abs(model.components_[:4, 9]).max() < 1e-7
        assert np.isfinite(PCA(svd_solver=solver, whiten=True).fit(wide).transform(wide)).all()
    same = PCA(1).fit(np.ones((4, 3)))
    assert same.explained_variance_[0] == same.explained_variance_ratio_[0] == 0


def test_far_from_the_origin_nothing_is_lost():
    for solver in ("full", "covariance_eigh"):
        model = PCA(3, svd_solver=solver).fit(X + 1e7)
        np.testing.assert_allclose(model.singular_values_, S[:3], rtol=1e-6)


@pytest.mark.parametrize("solver", ["full", "covariance_eigh", "randomized"])
def test_float32_stays(solver):
    model = PCA(2, svd_solver=solver, random_state=0).fit(X.astype(np.float32))
    assert {a.dtype for a in (model.components_, model.mean_, model.explained_variance_)} == {np.dtype(np.float32)}
    assert model.transform(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(model.singular_values_, S[:2], rtol=1e-5)


@needs_extension
def test_kernels_agree_with_their_twins():
    with fs.backend.use("check"):
        for solver in ("full", "covariance_eigh", "randomized"):
            model = PCA(2, svd_solver=solver, random_state=0).fit(X)
            model.inverse_transform(model.transform(X))


@needs_extension
@pytest.mark.parametrize("solver", ["covariance_eigh", "randomized"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(dtype, solver):
    x, found = np.random.default_rng(1).standard_normal((3000, 40)).astype(dtype), []
    for threads in (1, 2, 3, 4):
        use_threads(threads)
        models = [PCA(5, svd_solver=solver, random_state=0).fit(x[:rows]) for rows in (3000, 600)]
        found.append([(m.mean_.tobytes(), m.components_.tobytes(), m.transform(x).tobytes()) for m in models])
    assert all(one == found[0] for one in found[1:])


def test_tensors_pickles_and_names():
    model = pickle.loads(pickle.dumps(PCA(2).fit(fs.tensor(X))))
    np.testing.assert_array_equal(model.transform(fs.tensor(X)), PCA(2).fit(X).transform(X))
    assert model.get_feature_names_out().tolist() == ["pca0", "pca1"]
    assert model.n_features_in_ == 6
    with pytest.raises(NotFittedError):
        PCA().transform(X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PCA(svd_solver="arpack").fit(X), "svd_solver must be one of 'auto', 'full'"),
        (lambda: PCA(7).fit(X), "n_components=7 must be between 0 and min(n_samples, n_features)=6"),
        (lambda: PCA(0, svd_solver="randomized").fit(X), "n_components=0 must be between 1 and"),
        (lambda: PCA(1.5).fit(X), "n_components=1.5 must be between"),
        (lambda: PCA("most").fit(X), "n_components='most' is not to be had"),
        (lambda: PCA("mle").fit(X[:3]), "only supported if n_samples >= n_features"),
        (
            lambda: PCA(2, svd_solver="randomized", iterated_power=-1).fit(X),
            "iterated_power must be 'auto' or at least 0",
        ),
        (lambda: PCA().fit(X[:1]), "a minimum of 2 is required"),
        (lambda: PCA().fit(np.where(X > 10, np.nan, X)), "Input X contains NaN"),
        (lambda: PCA(2).fit(X).transform(X[:, :3]), "X has 3 features, but PCA is expecting 6"),
        (lambda: PCA(2).fit(X).inverse_transform(X), "X has 6 columns, but PCA has 2 components"),
    ],
)
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
