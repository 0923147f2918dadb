"""Linear models against their definition: the gradient of what they minimise is zero at the coefficients."""

import numpy as np
import pytest
from conftest import needs_extension, use_threads

import fastscratch as fs
from fastscratch.linear_model import LinearRegression, Ridge

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 5)) + 3.0
Y = X @ RNG.standard_normal((5, 2)) + 0.5 + 0.1 * RNG.standard_normal((60, 2))
WEIGHT = RNG.uniform(0.1, 2.0, 60)


def _slope(model, x, y, weight, alpha):
    """Half the gradient of the penalised squared error in the coefficients and in the intercept."""
    error = weight[:, None] * (model.predict(x).reshape(len(x), -1) - y.reshape(len(y), -1))
    coef = np.atleast_2d(model.coef_)
    return error.T @ x + np.reshape(alpha, (-1, 1)) * coef, error.sum(0)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("y", [Y, Y[:, 0]], ids=["two targets", "one target"])
@pytest.mark.parametrize(
    ("model", "alpha"),
    [(LinearRegression(solver="cholesky"), 0), (LinearRegression(solver="lstsq"), 0), (LinearRegression(), 0)]
    + [(Ridge(2.0, solver=solver), 2.0) for solver in ("auto", "cholesky", "svd")],
    ids=str,
)
def test_the_gradient_vanishes(model, alpha, y, fit_intercept, weight):
    model.set_params(fit_intercept=fit_intercept).fit(X, y, weight)
    coef, intercept = _slope(model, X, y, np.ones(60) if weight is None else weight, alpha)
    np.testing.assert_allclose(coef, 0, atol=1e-9)
    if fit_intercept:
        np.testing.assert_allclose(intercept, 0, atol=1e-9)
    else:
        assert model.intercept_ == 0
    assert model.coef_.shape == (*y.shape[1:], 5)


@pytest.mark.parametrize("solver", ["auto", "svd"])
def test_each_target_may_have_a_penalty_of_its_own(solver):
    model = Ridge([0.5, 50.0], solver=solver).fit(X, Y)
    np.testing.assert_allclose(_slope(model, X, Y, np.ones(60), [0.5, 50.0])[0], 0, atol=1e-9)


def test_more_features_than_samples_give_the_answer_of_least_norm():
    wide, y = X[:3], Y[:3]
    model = LinearRegression().fit(wide, y)
    assert model.solver_ == "lstsq"
    np.testing.assert_allclose(model.predict(wide), y)
    away = wide - wide.mean(0)
    np.testing.assert_allclose(model.coef_.T, np.linalg.pinv(away) @ (y - y.mean(0)), atol=1e-12)
    ridge = Ridge(0.3).fit(wide, y)
    np.testing.assert_allclose(_slope(ridge, wide, y, np.ones(3), 0.3)[0], 0, atol=1e-10)


def test_a_column_that_is_there_twice_is_not_left_to_cholesky():
    double = np.hstack([X, X[:, :1]])
    model = LinearRegression().fit(double, Y[:, 0])
    assert model.solver_ == "lstsq"
    assert model.coef_[0] == pytest.approx(model.coef_[-1])
    with pytest.raises(np.linalg.LinAlgError, match="singular or nearly so; solver='lstsq'"):
        LinearRegression(solver="cholesky").fit(double, Y[:, 0])
    assert Ridge(0.0).fit(double, Y[:, 0]).solver_ == "svd"


def test_far_from_the_origin_nothing_is_lost():
    """The second moments about 0 would have no digits of the spread left."""
    far = X + 1e7
    model = LinearRegression(solver="cholesky").fit(far, Y[:, 0])
    expected = LinearRegression(solver="lstsq").fit(X, Y[:, 0])
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-7)


def test_float32_stays_and_is_computed_in_float64():
    model = LinearRegression().fit(X.astype(np.float32), Y[:, 0].astype(np.float32))
    assert model.coef_.dtype == model.predict(X.astype(np.float32)).dtype == np.float32
    exact = LinearRegression().fit(
        X.astype(np.float32).astype(np.float64), Y[:, 0].astype(np.float32).astype(np.float64)
    )
    np.testing.assert_allclose(model.coef_, exact.coef_, rtol=1e-6)


def test_products_in_float32_are_taken_only_where_they_will_do():
    """A nearly dependent column makes the condition 1e6: there float32's products would leave no digit."""
    rng = np.random.default_rng(1)
    good = rng.standard_normal((4000, 20)).astype(np.float32) + 5
    bad = np.hstack([good, good[:, :1] + rng.standard_normal((4000, 1)).astype(np.float32) * np.float32(1e-3)])
    for x in (good, bad):
        y = x @ rng.standard_normal(x.shape[1]).astype(np.float32) + rng.standard_normal(4000).astype(np.float32)
        for model in (Ridge(1e-4), LinearRegression()):
            exact = model.fit(x.astype(np.float64), y.astype(np.float64)).coef_
            np.testing.assert_allclose(model.fit(x, y).coef_, exact, rtol=2e-5, atol=1e-5)


@needs_extension
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_kernels_agree_with_their_twins(dtype, weight):
    with fs.backend.use("check"):
        for model in (LinearRegression(), Ridge()):
            for rows in (slice(None), slice(4)):
                model.fit(X[rows].astype(dtype), Y[rows].astype(dtype), None if weight is None else weight[rows])
                model.predict(X.astype(dtype))


@needs_extension
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(dtype):
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((3000, 70)).astype(dtype), rng.standard_normal((3000, 2)).astype(dtype)
    found = []
    for threads in (1, 2, 3, 4):
        use_threads(threads)
        models = [kind().fit(x[:rows], y[:rows]) for kind in (LinearRegression, Ridge) for rows in (3000, 600, 50)]
        found.append([(model.coef_.tobytes(), model.predict(x).tobytes()) for model in models])
    assert all(one == found[0] for one in found[1:])


def test_tensors_are_taken():
    model = Ridge().fit(fs.tensor(X), fs.tensor(Y))
    np.testing.assert_array_equal(model.coef_, Ridge().fit(X, Y).coef_)


def test_steps_along_the_gradient_come_near():
    x = X - X.mean(0)
    model = LinearRegression(solver="sgd", lr=0.02, epochs=200, random_state=0).fit(x, Y)
    assert len(model.loss_curve_) == 200
    assert model.loss_curve_[-1] < 0.02 < model.loss_curve_[0]
    np.testing.assert_allclose(model.coef_, LinearRegression().fit(x, Y).coef_, atol=0.02)
    with pytest.raises(FloatingPointError, match=r"lr=1000\.0 is too large"):
        LinearRegression(solver="sgd", lr=1000.0, random_state=0).fit(X, Y)


def test_steps_along_the_gradient_are_told(capsys):
    model = LinearRegression(solver="sgd", lr=1e-3, epochs=3, random_state=0).fit(X, Y)
    assert capsys.readouterr().err == ""
    loud = LinearRegression(solver="sgd", lr=1e-3, epochs=3, random_state=0, verbose=True).fit(X, Y)
    np.testing.assert_array_equal(loud.coef_, model.coef_)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        [f"epoch {i}/3", f"loss {loss:.4f}"] for i, loss in enumerate(model.loss_curve_, 1)
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: LinearRegression(solver="qr").fit(X, Y),
            "solver must be one of 'auto', 'cholesky', 'lstsq', 'sgd', got 'qr'",
        ),
        (lambda: LinearRegression(solver="sgd", lr=0).fit(X, Y), "lr must be positive, got 0"),
        (lambda: Ridge(-1.0).fit(X, Y), "alpha must be finite and at least 0, got -1.0"),
        (lambda: Ridge([1.0, 2.0, 3.0]).fit(X, Y), "one for each of 2 targets"),
        (lambda: Ridge().fit(X, Y[:5]), "X has 60, y has 5"),
        (lambda: Ridge().fit(X, None), "requires y to be passed"),
        (lambda: Ridge().fit(X, Y, -WEIGHT), "sample_weight must not be negative"),
        (lambda: Ridge().fit(X[0], Y), "Expected 2D array by Ridge, got 1D array"),
        (lambda: Ridge().fit(np.where(X > 4, np.nan, X), Y), "Input X contains NaN"),
        (lambda: Ridge().fit(np.where(X > 4, np.inf, -np.inf), Y), "Input X contains infinity"),
        (lambda: Ridge().fit(X, Y).predict(X[:, :4]), "X has 4 features, but Ridge is expecting 5"),
        (lambda: Ridge().set_params(beta=1), "Invalid parameter 'beta' for estimator Ridge()"),
    ],
)
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
