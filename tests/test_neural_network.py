"""Perceptrons as estimators: what they learn, when they stop, and what they say about bad input."""

import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastscratch as fs
from fastscratch import nn, optim
from fastscratch.exceptions import ConvergenceWarning
from fastscratch.neural_network import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 4))
RING = np.digitize((X[:, :2] ** 2).sum(1), [0.8, 2.0])  # three classes that no linear model separates
NAMES = np.array(["inner", "middle", "outer"])[RING]
pytestmark = pytest.mark.filterwarnings("ignore:.*Maximum iterations")


def _ring(**parameters):
    return MLPClassifier((32,), learning_rate_init=0.02, max_iter=150, random_state=0, **parameters)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classes_that_need_a_hidden_layer_are_learnt(dtype):
    model = _ring().fit(X.astype(dtype), NAMES)
    assert model.score(X.astype(dtype), NAMES) > 0.95
    assert MLPClassifier((), max_iter=150, random_state=0).fit(X, NAMES).score(X, NAMES) < 0.8
    p = model.predict_proba(X.astype(dtype))
    assert p.dtype == dtype
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(model.classes_[p.argmax(1)], model.predict(X.astype(dtype)))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X.astype(dtype))), p, rtol=1e-5)


def _by_hand(model, x):
    """The output of a tanh network from its coefficients alone."""
    for w, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        x = np.tanh(x @ w + b)
    return x @ model.coefs_[-1] + model.intercepts_[-1]


def test_coefficients_are_the_network():
    model = MLPRegressor(hidden_layer_sizes=(5, 3), activation="tanh", max_iter=3, random_state=0).fit(X, X[:, :2])
    np.testing.assert_allclose(model.predict(X), _by_hand(model, X), rtol=1e-12)
    assert [w.shape for w in model.coefs_] == [(4, 5), (5, 3), (3, 2)]
    assert (model.n_layers_, model.n_outputs_, model.out_activation_) == (4, 2, "identity")


@pytest.mark.parametrize("weight", [None, RNG.uniform(0.5, 2, 120)], ids=["plain", "weighted"])
def test_a_step_goes_down_the_gradient_of_the_penalised_loss(weight):
    """One epoch of one batch with plain steps, against differences of what is minimised."""
    y, rate, alpha = X @ RNG.standard_normal(4), 1e-6, 3.0
    shared = dict(activation="tanh", hidden_layer_sizes=(3,), solver="sgd", momentum=0, alpha=alpha, random_state=1)
    model = MLPRegressor(**shared, learning_rate_init=1e-300, batch_size=120, max_iter=1).fit(X, y, weight)
    moved = MLPRegressor(**shared, learning_rate_init=rate, batch_size=120, max_iter=1).fit(X, y, weight)
    w = np.ones(120) if weight is None else weight

    def objective(first):
        hidden = np.tanh(X @ first + model.intercepts_[0])
        error = (hidden @ model.coefs_[1] + model.intercepts_[1])[:, 0] - y
        squares = (first**2).sum() + (model.coefs_[1] ** 2).sum()
        return (w @ error**2 / 2 + alpha / 2 * squares) / w.sum()

    for at in ((0, 0), (2, 1)):
        step = np.zeros((4, 3))
        step[at] = 1e-5
        slope = (objective(model.coefs_[0] + step) - objective(model.coefs_[0] - step)) / 2e-5
        assert (model.coefs_[0] - moved.coefs_[0])[at] / rate == pytest.approx(slope, rel=1e-4)
    assert model.loss_ == pytest.approx(objective(model.coefs_[0]), rel=1e-6 if weight is None else 0.1)


def test_the_loss_of_counts_is_half_their_deviance():
    y = RNG.poisson(np.exp(X[:, 0]))
    model = MLPRegressor("poisson", (8,), alpha=0, max_iter=200, learning_rate_init=0.02, random_state=0).fit(X, y)
    rate = model.predict(X)
    assert (rate > 0).all()
    ratio = np.where(y > 0, y * np.log(np.maximum(y, 1) / rate), 0)
    assert model.loss_ == pytest.approx((ratio - y + rate).mean(), rel=0.02)
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "sgd", "learning_rate": "adaptive"},
        {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.02},
        {"solver": "adamw"},
        {"solver": "lbfgs"},
        {"solver": "rmsprop"},
        {"solver": lambda groups: optim.SGD(groups, lr=0.1, momentum=0.9)},
        {"learning_rate": lambda optimizer: optim.lr_scheduler.CosineAnnealingLR(optimizer, 150)},
        {"activation": "tanh", "dropout": 0.1},
        {"activation": nn.GELU, "batch_norm": True},
        {"activation": "logistic"},
    ],
    ids=" ".join,
)
def test_every_way_of_training_learns(parameters):
    assert _ring(**parameters).fit(X, NAMES).score(X, NAMES) > 0.85


@pytest.mark.parametrize("weight", [None, RNG.uniform(0.5, 2, 120)], ids=["plain", "weighted"])
def test_lbfgs_ends_where_the_gradient_vanishes(weight):
    """A linear model: the penalised least squares of a closed form."""
    y, w = X @ [1.0, 2.0, 3.0, 4.0] + RNG.standard_normal(120), np.ones(120) if weight is None else weight
    model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=2.0, tol=1e-9, random_state=0).fit(X, y, weight)
    away, centre = X - w @ X / w.sum(), y - w @ y / w.sum()
    expected = np.linalg.solve(away.T @ (w[:, None] * away) + 2 * np.eye(4), away.T @ (w * centre))
    np.testing.assert_allclose(model.coefs_[0][:, 0], expected, rtol=1e-6)
    assert model.loss_curve_ == sorted(model.loss_curve_, reverse=True)
    assert model.n_iter_ < 50


def test_rates_follow_their_schedules():
    sgd = {"solver": "sgd", "learning_rate_init": 0.1, "random_state": 0}
    slow = MLPClassifier((4,), **sgd, learning_rate="invscaling", max_iter=3).fit(X, RING)
    assert slow._optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 361**0.5)
    patient = MLPClassifier((4,), **sgd, learning_rate="adaptive", tol=1.0, n_iter_no_change=2).fit(X, RING)
    assert patient._optimizer.param_groups[0]["lr"] <= 1e-6
    assert 20 < patient.n_iter_ < 50  # 8 divisions by 5, three epochs each
    schedule = MLPClassifier((4,), learning_rate=lambda o: optim.lr_scheduler.StepLR(o, 1, 0.5), max_iter=3)
    assert schedule.fit(X, RING)._optimizer.param_groups[0]["lr"] == 0.001 / 8


def test_training_stops_when_nothing_gets_better():
    model = MLPClassifier((4,), tol=10.0, n_iter_no_change=3, random_state=0).fit(X, RING)
    assert model.n_iter_ == len(model.loss_curve_) == 5  # the first is better than infinity
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        MLPClassifier((4,), max_iter=2).fit(X, RING)


def test_early_stopping_keeps_what_was_best_on_held_out_samples():
    model = _ring(early_stopping=True, validation_fraction=0.25, n_iter_no_change=20).fit(X, NAMES)
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None
    worse = _ring(early_stopping=True, validation_fraction=0.25, n_iter_no_change=20)
    worse.set_params(learning_rate=lambda o: optim.lr_scheduler.LambdaLR(o, lambda epoch: 1 if epoch < 60 else 100))
    worse.fit(X, NAMES)
    assert worse.score(X, NAMES) > 0.8 > worse.validation_scores_[-1]


def test_the_same_seed_gives_the_same_bits_and_leaves_the_global_stream_alone():
    fs.manual_seed(5)
    expected = fs.rand(3)
    fs.manual_seed(5)
    a, b = (_ring(dropout=0.2).fit(X, NAMES) for _ in range(2))
    np.testing.assert_array_equal(fs.rand(3).array, expected.array)
    for mine, yours in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_array_equal(mine, yours)
    assert not np.array_equal(a.coefs_[0], _ring(dropout=0.2).set_params(random_state=1).fit(X, NAMES).coefs_[0])


@pytest.mark.filterwarnings("ignore")
def test_fits_in_two_threads_draw_from_generators_of_their_own():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 4)), rng.integers(0, 3, 60)
    together, state = threading.Barrier(2), fs.get_rng_state().tolist()

    def fit(seed, wait=lambda: 0):
        """With weights, orders and dropout drawn; the schedule lets the threads take their epochs side by side."""
        model = MLPClassifier(
            (8,),
            max_iter=4,
            dropout=0.5,
            random_state=seed,
            learning_rate=lambda optimizer: optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 + 0 * wait()),
        )
        return model.fit(X, y).coefs_

    alone = [fit(seed) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda seed: fit(seed, lambda: together.wait(30)), (1, 2)))
    for one, other in zip(alone, found, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert fs.get_rng_state().tolist() == state


def test_a_forked_stream_is_the_thread_s_own():
    fs.manual_seed(0)
    expected = fs.rand(3).tolist()
    fs.manual_seed(0)
    with fs.random.fork_rng():
        assert fs.rand(3).tolist() == expected  # it begins where the default stream stands
        with fs.random.fork_rng():
            fs.manual_seed(7)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: fs.rand(3).tolist()).result() == expected  # the default stream has not moved
        fs.manual_seed(5)
    assert fs.rand(3).tolist() != expected and fs.initial_seed() == 0


def test_going_on_is_as_one_long_fit():
    once = _ring().set_params(max_iter=6, tol=0).fit(X, RING)
    parts = _ring(warm_start=True).set_params(max_iter=3, tol=0, shuffle=False)
    whole = _ring().set_params(max_iter=6, tol=0, shuffle=False).fit(X, RING)
    parts.fit(X, RING).fit(X, RING)
    np.testing.assert_allclose(parts.coefs_[0], whole.coefs_[0], rtol=1e-12)
    assert parts.loss_curve_ == pytest.approx(whole.loss_curve_)
    assert len(once.loss_curve_) == 6
    steps = _ring().set_params(shuffle=False)
    for _ in range(6):
        steps.partial_fit(X, RING, classes=[0, 1, 2])
    np.testing.assert_allclose(steps.coefs_[0], whole.coefs_[0], rtol=1e-12)


def test_labels_that_may_hold_together():
    y = np.stack([X[:, 0] > 0, X[:, 1] > 0.5, X[:, 0] > X[:, 1]], 1).astype(int)
    model = _ring().fit(X, y)
    assert model.out_activation_ == "logistic"
    assert model.predict(X).shape == model.predict_proba(X).shape == (120, 3)
    assert (model.predict(X) == y).mean() > 0.97


def test_one_class_is_the_only_answer():
    model = MLPClassifier((3,), max_iter=2).fit(X, np.full(120, "a"))
    assert set(model.predict(X)) == {"a"}
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((120, 1)))


def test_a_last_batch_of_one_sample_does_not_stop_batch_normalisation():
    assert np.isfinite(MLPClassifier((4,), batch_norm=True, batch_size=17, max_iter=2).fit(X, RING).loss_)


def test_pickles_predict_the_same_and_go_on():
    model = _ring().fit(X, NAMES)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(
        copy.partial_fit(X, NAMES).predict_proba(X), model.partial_fit(X, NAMES).predict_proba(X)
    )


def test_verbose_prints_a_line_for_each_epoch(capsys):
    MLPClassifier((3,), max_iter=2, verbose=True).fit(X, RING)
    assert "epoch 2/2" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:.*failed to converge")
def test_verbose_tells_of_each_iteration_of_lbfgs(capsys):
    for kind, y in ((MLPClassifier, RING), (MLPRegressor, X[:, 0])):
        quiet = kind(hidden_layer_sizes=(3,), solver="lbfgs", max_iter=4, random_state=0).fit(X, y)
        assert capsys.readouterr().err == ""
        kind(hidden_layer_sizes=(3,), solver="lbfgs", max_iter=4, random_state=0, verbose=True).fit(X, y)
        lines = capsys.readouterr().err.splitlines()
        assert [line.split("  ")[:2] for line in lines] == [
            [f"lbfgs {i}/4", f"loss {loss:.4f}"] for i, loss in enumerate(quiet.loss_curve_, 1)
        ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MLPClassifier(activation="swish").fit(X, RING), "activation must be one of"),
        (lambda: MLPClassifier(solver="lion").fit(X, RING), "solver must be one of"),
        (lambda: MLPClassifier(learning_rate="warm").fit(X, RING), "learning_rate must be one of"),
        (lambda: MLPClassifier((3, 0)).fit(X, RING), "hidden_layer_sizes must be > 0"),
        (lambda: MLPClassifier(alpha=-1).fit(X, RING), r"alpha must be in \[0"),
        (lambda: MLPClassifier(dropout=1.0).fit(X, RING), "dropout must be in"),
        (lambda: MLPClassifier(learning_rate_init=0).fit(X, RING), "learning_rate_init must be positive"),
        (lambda: MLPClassifier(batch_size=0).fit(X, RING), "batch_size must be"),
        (lambda: MLPClassifier().fit(X, RING[:-1]), "inconsistent numbers of samples"),
        (lambda: MLPClassifier().fit(X, np.full((120, 2), 2)), "must hold 0 and 1"),
        (lambda: MLPClassifier().partial_fit(X, RING), "classes must be passed on the first call"),
        (lambda: MLPClassifier((2,), max_iter=1).fit(X, RING).partial_fit(X, NAMES), "classes"),
        (lambda: MLPClassifier(solver="lbfgs", dropout=0.1).fit(X, RING), "lbfgs"),
        (lambda: MLPClassifier(early_stopping=True).partial_fit(X, RING, classes=[0, 1, 2]), "early_stopping"),
        (lambda: MLPRegressor("huber").fit(X, RING), "loss must be"),
        (lambda: MLPRegressor("poisson").fit(X, -RING), "must not be negative"),
        (lambda: MLPRegressor().fit(X, None), "target y is None"),
        (lambda: MLPRegressor().predict(X), "not fitted yet"),
        (lambda: MLPRegressor(solver="sgd", learning_rate_init=1e6).fit(1e3 * X, X[:, 0]), "non-finite"),
        (
            lambda: MLPRegressor(hidden_layer_sizes=(2,), max_iter=1).fit(X, X[:, 0]).partial_fit(X, X[:, :2]),
            "2 outputs",
        ),
        (lambda: MLPClassifier(early_stopping=True).fit(X[:9], RING[:9] > 0), "test samples are too few|too small"),
    ],
)
def test_errors_name_what_is_wrong(call, message):
    with warnings.catch_warnings(), pytest.raises(ValueError, match=message):
        warnings.simplefilter("ignore")
        call()
