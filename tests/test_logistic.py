"""Logistic regression against its definition: the gradient of what it minimises is zero at what it finds."""

import io
import pickle

import numpy as np
import pytest
from conftest import needs_extension, use_threads

import fastscratch as fs
from fastscratch.exceptions import ConvergenceWarning, NotFittedError
from fastscratch.lbfgs import minimise
from fastscratch.linear_model import LogisticRegression

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 4)) + 1.0
NAMES = np.array(["ash", "elm", "oak"])
CODES = (X @ RNG.standard_normal((4, 3)) + RNG.gumbel(size=(90, 3))).argmax(1)
WEIGHT = RNG.uniform(0.1, 2.0, 90)


def _slope(model, x, codes, weight, C):
    """The gradient of C sum w loss + |coef|^2 / 2 in coefficients and intercepts, from the probabilities."""
    p = model.predict_proba(x) - np.eye(len(model.classes_))[codes]
    p = (p if len(model.classes_) > 2 else p[:, 1:]) * weight[:, None] * C
    return p.T @ x + model.coef_, p.sum(0)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cholesky"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_gradient_vanishes(classes, weight, fit_intercept, solver):
    codes = CODES % classes
    model = LogisticRegression(C=0.7, tol=1e-10, solver=solver, fit_intercept=fit_intercept, max_iter=500)
    model.fit(X, NAMES[codes], weight)
    coef, intercept = _slope(model, X, codes, np.ones(90) if weight is None else weight, 0.7)
    np.testing.assert_allclose(coef, 0, atol=1e-5)  # lbfgs ends where a step gains 64 eps
    rows = classes if classes > 2 else 1
    assert model.coef_.shape == (rows, 4) and model.intercept_.shape == (rows,)
    if fit_intercept:
        np.testing.assert_allclose(intercept, 0, atol=1e-5)
    else:
        np.testing.assert_array_equal(model.intercept_, 0)
    assert model.n_iter_.shape == (1,) and model.n_features_in_ == 4


def test_without_a_penalty_the_shares_are_right():
    """With an intercept alone, likelihood is greatest where the probabilities are the shares of the classes."""
    x, codes = np.zeros((10, 1)), np.array([0] * 5 + [1] * 3 + [2] * 2)
    for solver in ("lbfgs", "newton-cholesky"):
        model = LogisticRegression(C=np.inf, tol=1e-9, solver=solver)
        if solver == "newton-cholesky":  # a constant column
            with pytest.warns(ConvergenceWarning, match="singular or nearly so"):
                model.fit(x, codes)
        else:
            model.fit(x, codes)
        np.testing.assert_allclose(model.predict_proba(x[:1])[0], [0.5, 0.3, 0.2], atol=1e-6)
    both = [
        LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000, solver=s).fit(X, CODES)
        for s in ("lbfgs", "newton-cholesky")
    ]
    np.testing.assert_allclose(both[0].predict_proba(X), both[1].predict_proba(X), atol=1e-5)


def test_weights_of_classes_are_weights_of_their_samples():
    given = {0: 2.0, 2: 0.5}
    weight = np.array([2.0, 1.0, 0.5])[CODES]
    model = LogisticRegression(class_weight=given, tol=1e-8).fit(X, CODES, WEIGHT)
    np.testing.assert_array_equal(model.coef_, LogisticRegression(tol=1e-8).fit(X, CODES, WEIGHT * weight).coef_)
    counts = np.bincount(CODES)
    weight = (90 / (3 * counts))[CODES]
    model = LogisticRegression(class_weight="balanced", tol=1e-8).fit(X, CODES)
    np.testing.assert_allclose(model.coef_, LogisticRegression(tol=1e-8).fit(X, CODES, weight).coef_, atol=1e-12)


def test_a_weight_is_a_number_of_samples():
    counts = np.arange(90) % 3
    repeated = LogisticRegression(tol=1e-10, max_iter=500).fit(np.repeat(X, counts, axis=0), np.repeat(CODES, counts))
    weighted = LogisticRegression(tol=1e-10, max_iter=500).fit(X, CODES, counts)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-7)


def test_probabilities_and_their_logarithms():
    for classes in (2, 3):
        model = LogisticRegression().fit(X, NAMES[CODES % classes])
        p = model.predict_proba(X)
        np.testing.assert_allclose(p.sum(1), 1)
        np.testing.assert_allclose(model.predict_log_proba(X), np.log(p), rtol=1e-9)
        np.testing.assert_array_equal(model.predict(X), NAMES[p.argmax(1)])
        assert np.isfinite(model.predict_log_proba(1e6 * X)).all()
        assert model.decision_function(X).shape == ((90, 3) if classes == 3 else (90,))


def test_fewer_samples_than_features_and_a_constant_column():
    wide = np.hstack([RNG.standard_normal((6, 20)), np.ones((6, 1))])
    for solver in ("lbfgs", "newton-cholesky"):
        model = LogisticRegression(solver=solver, tol=1e-9, max_iter=500).fit(wide, [0, 1, 2, 0, 1, 2])
        assert model.score(wide, [0, 1, 2, 0, 1, 2]) == 1
        np.testing.assert_allclose(_slope(model, wide, np.array([0, 1, 2] * 2), np.ones(6), 1.0)[0], 0, atol=1e-6)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cholesky"])
def test_float32_stays(solver):
    model = LogisticRegression(solver=solver, tol=1e-5).fit(X.astype(np.float32), CODES)
    assert model.coef_.dtype == model.predict_proba(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(model.coef_, LogisticRegression(tol=1e-9, max_iter=500).fit(X, CODES).coef_, atol=2e-3)


def test_a_warm_start_is_at_the_end_already():
    model = LogisticRegression(tol=1e-6, max_iter=300, warm_start=True).fit(X, CODES)
    coef = model.coef_
    assert model.n_iter_[0] > 3
    assert model.fit(X, CODES).n_iter_[0] <= 1
    np.testing.assert_allclose(model.coef_, coef, atol=1e-5)
    assert model.fit(X, CODES % 2).coef_.shape == (1, 4)


def test_too_few_iterations_are_told_of():
    for solver in ("lbfgs", "newton-cholesky", "sgd"):
        with pytest.warns(ConvergenceWarning, match="did not converge within 1 iterations: raise max_iter"):
            LogisticRegression(solver=solver, tol=1e-12, max_iter=1, random_state=0).fit(X, CODES)


def test_steps_along_the_gradient_of_batches_come_near():
    with pytest.warns(ConvergenceWarning):
        model = LogisticRegression(solver="sgd", random_state=0, max_iter=300, batch_size=16, lr=0.5).fit(X, CODES)
    exact = LogisticRegression(tol=1e-8).fit(X, CODES)
    np.testing.assert_allclose(model.predict_proba(X), exact.predict_proba(X), atol=0.02)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"lr=1e\+200 is too large"):
        LogisticRegression(solver="sgd", lr=1e200).fit(X, CODES)


def test_progress_is_told(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    LogisticRegression(verbose=1).fit(X, CODES)
    assert "| 5/100  objective " in stream.getvalue()
    stream.truncate(0)
    LogisticRegression().fit(X, CODES)
    assert "objective" not in stream.getvalue()


@needs_extension
def test_kernels_agree_with_their_twins():
    with fs.backend.use("check"):
        for dtype in (np.float32, np.float64):
            for solver in ("lbfgs", "newton-cholesky"):
                LogisticRegression(solver=solver, tol=1e-3).fit(X.astype(dtype), CODES).predict_proba(X.astype(dtype))


@needs_extension
@pytest.mark.parametrize("solver", ["lbfgs", "newton-cholesky"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(dtype, solver):
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((4000, 30)).astype(dtype), rng.integers(0, 5, 4000)
    found = []
    for threads in (1, 2, 3, 4):
        use_threads(threads)
        models = [LogisticRegression(max_iter=20, tol=1e-3, solver=solver).fit(x[:n], y[:n]) for n in (4000, 600)]
        found.append([(model.coef_.tobytes(), model.predict_proba(x).tobytes()) for model in models])
    assert all(one == found[0] for one in found[1:])


def test_a_pickle_predicts_the_same():
    model = LogisticRegression().fit(fs.tensor(X), NAMES[CODES])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    with pytest.raises(NotFittedError):
        LogisticRegression().predict(X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LogisticRegression(solver="saga").fit(X, CODES), "solver must be one of 'lbfgs', 'newton-cholesky'"),
        (lambda: LogisticRegression(C=0).fit(X, CODES), "C must be positive, got 0"),
        (lambda: LogisticRegression(l1_ratio=0.5).fit(X, CODES), "l1_ratio must be 0"),
        (lambda: LogisticRegression(tol=-1).fit(X, CODES), "tol must be at least 0, got -1"),
        (lambda: LogisticRegression(max_iter=-1).fit(X, CODES), "max_iter must be at least 0, got -1"),
        (lambda: LogisticRegression().fit(X, np.zeros(90)), "needs samples of at least 2 classes, but y holds one class"),
        (lambda: LogisticRegression().fit(X, X[:, 0]), "Unknown label type"),
        (lambda: LogisticRegression().fit(X, CODES[:5]), "X has 90, y has 5"),
        (lambda: LogisticRegression().fit(X, CODES, -WEIGHT), "sample_weight must not be negative"),
        (lambda: LogisticRegression(class_weight={7: 1.0}).fit(X, CODES), "none of the classes [0, 1, 2]"),
        (lambda: LogisticRegression(class_weight={1: -1.0}).fit(X, CODES), "finite weights of at least 0"),
        (lambda: LogisticRegression(class_weight="even").fit(X, CODES), "must be a dict, 'balanced' or None, got 'even'"),
        (lambda: LogisticRegression().fit(np.where(X > 2, np.nan, X), CODES), "Input X contains NaN"),
        (lambda: LogisticRegression().fit(X, CODES).predict(X[:, :2]), "X has 2 features, but"),
    ],
)  # fmt: skip
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)


def test_lbfgs_finds_the_way_along_a_valley():
    """Rosenbrock's function in 10 dimensions, from the usual start."""

    def f(x):
        a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
        slope = np.zeros_like(x)
        slope[1:] = 200 * a
        slope[:-1] -= 400 * a * x[:-1] + 2 * b
        return float((100 * a**2 + b**2).sum()), slope

    told = []
    found = minimise(f, np.full(10, -1.2), tol=1e-8, max_iter=500, report=lambda *figures: told.append(figures))
    assert found.converged and len(told) == found.iterations
    values = [value for _, value, _ in told]
    assert values == sorted(values, reverse=True)
    np.testing.assert_allclose(found.x, 1, atol=1e-5)
    assert not minimise(f, np.full(10, -1.2), tol=1e-8, max_iter=3).converged
    assert minimise(f, np.ones(10), tol=1e-8, max_iter=3).iterations == 0
