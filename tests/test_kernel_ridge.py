"""Kernel ridge regression against its definition: (K + alpha W^-1) c = y, with K by NumPy from the kernel's formula."""

import pickle

import numpy as np
import pytest
from conftest import needs_extension, use_threads

import fastscratch as fs
from fastscratch.data import make_spiral
from fastscratch.exceptions import ConvergenceWarning, NotFittedError
from fastscratch.kernel_ridge import (
    KernelRidge,
    KernelRidgeClassifier,
    exact,
    kernel_ridge_path,
    machine,
    options,
    triangular,
)
from fastscratch.kernel_ridge.conjugate import conjugate_gradients
from fastscratch.kernel_ridge.exact import refine
from fastscratch.kernel_ridge.kernels import Kernel
from fastscratch.kernel_ridge.meter import Meter

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 4)) + 1.0
Y = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1) + 0.1 * RNG.standard_normal((90, 2))
Z = RNG.standard_normal((11, 4))
WEIGHT = np.where(np.arange(90) % 9 == 4, 0.0, RNG.uniform(0.1, 2.0, 90))
KERNELS = {
    "rbf": lambda x, z: np.exp(-0.3 * np.square(x[:, None] - z).sum(-1)),
    "linear": lambda x, z: x @ z.T,
    "poly": lambda x, z: (0.3 * x @ z.T + 0.7) ** 2,
}
OPTIONS = {"gamma": 0.3, "coef0": 0.7, "degree": 2}
SOLVERS = [
    {"solver": "cholesky", "precision": "float64"},
    {"solver": "cholesky", "precision": "mixed"},
    {"solver": "cg", "tol": 1e-11, "n_components": 25, "random_state": 0},
    {"solver": "nystrom", "n_components": 90, "random_state": 0},
    {},
]


def expected(kernel, alpha, x, y, z, weight=None):
    """Predictions for z by solving the equations; samples of weight 0 are left out."""
    used = slice(None) if weight is None else weight > 0
    ridge = alpha * np.ones(len(x)) if weight is None else alpha / weight[used]
    k = KERNELS[kernel]
    return k(z, x[used]) @ np.linalg.solve(k(x[used], x[used]) + np.diag(ridge), y[used])


@pytest.mark.parametrize("options", SOLVERS, ids=str)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("y", [Y, Y[:, 0]], ids=["two targets", "one target"])
def test_every_solver_solves_the_equations(y, kernel, weight, options):
    model = KernelRidge(0.2, kernel=kernel, **OPTIONS, **options).fit(X, y, weight)
    np.testing.assert_allclose(model.predict(Z), expected(kernel, 0.2, X, y, Z, weight), rtol=1e-7, atol=1e-7)
    assert model.dual_coef_.shape == (len(model.X_fit_), *y.shape[1:])
    if weight is not None and "solver" in options and options["solver"] != "nystrom":
        assert not model.dual_coef_[weight == 0].any()


@pytest.mark.parametrize("options", SOLVERS, ids=str)
def test_each_target_may_have_a_penalty_of_its_own(options):
    model = KernelRidge([0.1, 10.0], kernel="rbf", **OPTIONS, **options).fit(X, Y)
    for i, alpha in enumerate([0.1, 10.0]):
        np.testing.assert_allclose(model.predict(Z)[:, i], expected("rbf", alpha, X, Y, Z)[:, i], rtol=1e-6, atol=1e-7)


def test_gamma_is_one_over_the_number_of_features():
    by_default = KernelRidge(kernel="rbf").fit(X, Y).predict(Z)
    np.testing.assert_array_equal(by_default, KernelRidge(kernel="rbf", gamma=0.25).fit(X, Y).predict(Z))
    assert np.array_equal(
        KernelRidge(kernel="poly").fit(X, Y).predict(Z), KernelRidge(kernel="polynomial").fit(X, Y).predict(Z)
    )


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_a_gram_matrix_or_a_function_of_two_samples_may_be_given(weight):
    k = KERNELS["rbf"]
    reference = expected("rbf", 0.2, X, Y, Z, weight)
    gram = k(X, X)
    for solver in ("auto", "cg", "nystrom"):
        model = KernelRidge(0.2, kernel="precomputed", solver=solver).fit(gram, Y, weight)
        np.testing.assert_allclose(model.predict(k(Z, X)), reference, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(gram, k(X, X))
    called = KernelRidge(
        0.2, kernel=lambda a, b, rate: np.exp(-rate * np.sum((a - b) ** 2)), kernel_params={"rate": 0.3}
    )
    np.testing.assert_allclose(called.fit(X, Y, weight).predict(Z), reference)


@pytest.mark.parametrize("kernel", [lambda a, b: np.exp(-0.3 * np.sum((a - b) ** 2)), "precomputed"], ids=["f", "K"])
def test_a_given_kernel_predicts_in_blocks(monkeypatch, kernel):
    k, shapes, pairwise = KERNELS["rbf"], [], options._pairwise

    def recorded(*arguments):
        shapes.append((matrix := pairwise(*arguments)).shape)
        return matrix

    fitted, new = (X, Z) if callable(kernel) else (k(X, X), k(Z, X))
    model = KernelRidge(0.2, kernel=kernel).fit(fitted, Y)
    whole = model.predict(new)
    monkeypatch.setattr(options, "_pairwise", recorded)
    monkeypatch.setattr(machine, "PAIRS", 3 * 90)
    monkeypatch.setattr(machine, "BLOCK", 4)
    np.testing.assert_allclose(model.predict(new), whole, rtol=1e-13)
    np.testing.assert_allclose(whole, expected("rbf", 0.2, X, Y, Z), rtol=1e-9, atol=1e-9)
    assert shapes == ([(3, 90), (3, 90), (3, 90), (2, 90)] if callable(kernel) else [])


# ---- precision ----


def test_float32_stays_and_is_factored_in_float64():
    x, y, z = (a.astype(np.float32) for a in (X, Y, Z))
    model = KernelRidge(0.01, kernel="rbf", **OPTIONS).fit(x, y)
    assert model.precision_ == "float64"
    assert model.dual_coef_.dtype == model.X_fit_.dtype == model.predict(z).dtype == np.float32
    exact64 = KernelRidge(0.01, kernel="rbf", **OPTIONS).fit(x.astype(np.float64), y.astype(np.float64))
    np.testing.assert_allclose(model.dual_coef_, exact64.dual_coef_, rtol=1e-6)


def test_refinement_reaches_what_it_promises_and_float32_does_not():
    k = KERNELS["rbf"](X, X) + 1e-3 * np.eye(90)
    for precision, reached in (("float64", True), ("mixed", True), ("float32", False)):
        model = KernelRidge(1e-3, kernel="rbf", precision=precision, **OPTIONS).fit(X, Y)
        assert model.precision_ == precision
        left, size = (np.linalg.norm(a, axis=0) for a in (Y - k @ model.dual_coef_, model.dual_coef_))
        promised = 2 * np.sqrt(90) * np.finfo(np.float64).eps * np.linalg.norm(k, 2) * size  # 2: for the product here
        assert (left <= promised).all() == reached


def test_what_float32_cannot_factor_is_factored_in_float64():
    for precision in ("mixed", "float32"):
        model = KernelRidge(1e-9, kernel="rbf", gamma=0.01, precision=precision).fit(X, Y)
        assert model.precision_ == "float64"
        reference = KernelRidge(1e-9, kernel="rbf", gamma=0.01, precision="float64").fit(X, Y)
        np.testing.assert_allclose(model.predict(Z), reference.predict(Z), rtol=1e-3, atol=1e-3)


def _with_memory(monkeypatch, size):
    monkeypatch.setattr(exact, "available_memory", lambda: size)


@pytest.mark.parametrize(
    ("per_entry", "solver", "precision"), [(100, "cholesky", "float64"), (6, "cholesky", "mixed"), (1, "cg", "float64")]
)
def test_the_memory_at_hand_decides(monkeypatch, per_entry, solver, precision):
    _with_memory(monkeypatch, per_entry / exact.SHARE * 90**2)
    model = KernelRidge(0.2, kernel="rbf", tol=1e-10, **OPTIONS).fit(X, Y)
    assert (model.solver_, model.precision_) == (solver, precision)
    np.testing.assert_allclose(model.predict(Z), expected("rbf", 0.2, X, Y, Z), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("per_entry", [0, 6])  # bytes: too few for float32, which is asked for, and for float64
@pytest.mark.parametrize(("alpha", "steps"), [(1e-4, 1), (1e-6, 30)])
def test_short_of_memory_conjugate_gradients_use_the_factor_in_float32(monkeypatch, alpha, steps, per_entry):
    """Where refinement does not converge, and where float32 has no factor but of a larger diagonal."""
    _with_memory(monkeypatch, per_entry / exact.SHARE * 90**2)
    monkeypatch.setattr(exact, "STEPS", steps)
    model = KernelRidge(alpha, kernel="rbf", gamma=0.02, solver="cholesky", precision="mixed").fit(X, Y)
    assert model.precision_ == "mixed"
    k = np.exp(-0.02 * np.square(X[:, None] - X).sum(-1)) + alpha * np.eye(90)
    left = Y - k @ model.dual_coef_
    assert np.linalg.norm(left) < 1e-9 * np.linalg.norm(Y)


def test_refinement_gives_up_on_a_factor_of_something_else():
    a = np.diag([1.0, 2.0, 3.0])
    assert refine(lambda v: a @ v, lambda r: r, np.ones((3, 1)), Meter(False)) is None
    c, steps = refine(lambda v: a @ v, lambda r: np.linalg.solve(a, r) * (1 + 1e-5), np.ones((3, 1)), Meter(False))
    assert steps > 1
    np.testing.assert_allclose(c, np.linalg.solve(a, np.ones((3, 1))), rtol=1e-15)


# ---- singular matrices ----


@pytest.mark.parametrize("precision", ["float64", "mixed", "float32"])
def test_a_singular_matrix_is_answered_by_least_squares(precision):
    twice, y = np.vstack([X, X]), np.vstack([Y, Y + 2])
    with pytest.warns(
        UserWarning, match="Singular matrix in solving dual problem. Using least-squares solution instead"
    ):
        model = KernelRidge(0, kernel="rbf", precision=precision, **OPTIONS).fit(twice, y)
    np.testing.assert_allclose(model.predict(X), Y + 1, atol=1e-6)  # the mean of what is asked of each point
    np.testing.assert_allclose(model.dual_coef_[:90], model.dual_coef_[90:], rtol=1e-4, atol=1e-4)


def test_a_singular_matrix_has_no_leave_one_out_errors():
    with pytest.raises(
        np.linalg.LinAlgError, match=r"singular in float64, and has no leave-one-out errors: choose a larger"
    ):
        KernelRidge(0, kernel="linear", leave_one_out=True).fit(X, Y)


@pytest.mark.parametrize("solver", ["cg", "nystrom"])
def test_without_a_penalty_other_solvers_come_near_the_targets(solver):
    twice, y = np.vstack([X, X]), np.vstack([Y, Y])
    model = KernelRidge(0, kernel="rbf", solver=solver, gamma=1.0, tol=1e-8).fit(twice, y)
    np.testing.assert_allclose(model.predict(X), Y, atol=1e-3)


# ---- leave one out, and paths ----


@pytest.mark.parametrize("precision", ["float64", "mixed"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_leave_one_out_is_what_refitting_gives(weight, precision):
    model = KernelRidge(0.2, kernel="rbf", precision=precision, leave_one_out=True, **OPTIONS).fit(X, Y, weight)
    for i in range(0, 90, 7):
        rest = np.arange(90) != i
        kept = None if weight is None else weight[rest]
        again = expected("rbf", 0.2, X[rest], Y[rest], X[i : i + 1], kept)
        np.testing.assert_allclose(
            model.loo_prediction_[i], again[0], rtol=1e-4, atol=1e-4 if precision == "mixed" else 1e-9
        )
    error = np.average(np.square(Y - model.loo_prediction_).mean(1), weights=weight)
    assert model.loo_error_ == pytest.approx(error)


@pytest.mark.parametrize("weight", [None, WEIGHT + 0.1], ids=["plain", "weighted"])
@pytest.mark.parametrize("y", [Y, Y[:, 0]], ids=["two targets", "one target"])
def test_a_path_is_many_fits(y, weight):
    alphas, duals, errors = kernel_ridge_path(
        X, y, alphas=[1e-3, 0.1, 10], kernel="rbf", sample_weight=weight, **OPTIONS
    )
    assert duals.shape == (3, *y.shape)
    for alpha, dual, error in zip(alphas, duals, errors, strict=True):
        model = KernelRidge(alpha, kernel="rbf", leave_one_out=True, **OPTIONS).fit(X, y, weight)
        np.testing.assert_allclose(dual, model.dual_coef_, rtol=1e-8, atol=1e-8)
        assert np.mean(error) == pytest.approx(model.loo_error_)


def test_the_inverse_of_a_factor_comes_in_blocks(monkeypatch):
    monkeypatch.setattr(triangular, "WIDTH", 7)
    lower = np.tril(RNG.standard_normal((30, 30))) + 5 * np.eye(30)
    np.testing.assert_allclose(triangular.inverse(lower), np.linalg.inv(lower), atol=1e-12)
    above = lower + np.triu(np.full((30, 30), np.nan), 1)
    np.testing.assert_allclose(triangular.inverse_diagonal(above), np.diag(np.linalg.inv(lower @ lower.T)), rtol=1e-10)


# ---- conjugate gradients and landmarks ----


def test_an_iteration_that_stops_at_its_limit_says_so():
    with pytest.warns(ConvergenceWarning, match=r"did not reach tol=1e-12 in 2 iterations"):
        model = KernelRidge(1e-4, kernel="rbf", solver="cg", n_components=5, max_iter=2, tol=1e-12).fit(X, Y)
    assert model.n_iter_ == 2


def test_landmarks_save_iterations():
    few, many = (
        KernelRidge(1e-2, kernel="rbf", solver="cg", gamma=0.05, n_components=m, random_state=0).fit(X, Y).n_iter_
        for m in (1, 60)
    )
    assert many < few / 2


def test_columns_that_are_solved_wait_for_the_others():
    a = np.diag([1.0, 2.0, 5.0])
    b = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    x, steps, enough = conjugate_gradients(lambda v: a @ v, lambda r: r, b, 1e-12, 10, Meter(False))
    assert (steps, enough) == (3, True)
    np.testing.assert_allclose(x, np.linalg.solve(a, b), atol=1e-12)


def test_landmarks_are_samples_and_the_model_is_the_regression_on_them():
    model = KernelRidge(0.2, kernel="rbf", solver="nystrom", n_components=20, random_state=3, **OPTIONS).fit(
        X, Y, WEIGHT
    )
    chosen = model.component_indices_
    assert len(set(chosen)) == 20 and WEIGHT[chosen].all()
    np.testing.assert_array_equal(model.X_fit_, X[chosen])
    k, inner = KERNELS["rbf"](X, X[chosen]), KERNELS["rbf"](X[chosen], X[chosen])
    c = np.linalg.solve(k.T @ (WEIGHT[:, None] * k) + 0.2 * inner, k.T @ (WEIGHT[:, None] * Y))
    np.testing.assert_allclose(model.predict(Z), KERNELS["rbf"](Z, X[chosen]) @ c, rtol=1e-7, atol=1e-8)
    again = KernelRidge(0.2, kernel="rbf", solver="nystrom", n_components=20, random_state=3, **OPTIONS).fit(
        X, Y, WEIGHT
    )
    np.testing.assert_array_equal(again.component_indices_, chosen)
    assert not hasattr(again.set_params(solver="cholesky").fit(X, Y), "component_indices_")


# ---- classification ----


def _rings(n=60):
    """Three rings, which no plane separates."""
    angle, ring = np.linspace(0, 12 * np.pi, n, endpoint=False), np.arange(n) % 3
    return np.stack([np.cos(angle), np.sin(angle)], 1) * (1 + ring)[:, None], ring


@pytest.mark.parametrize("options", SOLVERS, ids=str)
@pytest.mark.parametrize("names", [np.array(["a", "b", "c"]), np.array([7, 8, -1])], ids=["strings", "integers"])
def test_rings_are_told_apart(names, options):
    x, ring = _rings()
    model = KernelRidgeClassifier(0.01, kernel="rbf", gamma=1.0, **{**options, "n_components": 40}).fit(x, names[ring])
    assert model.score(x, names[ring]) > 0.9
    values = model.decision_function(x)
    assert values.shape == (60, 3)
    np.testing.assert_array_equal(model.classes_[values.argmax(1)], model.predict(x))


def test_two_classes_have_one_value():
    x, ring = _rings()
    model = KernelRidgeClassifier(0.01, kernel="rbf", leave_one_out=True).fit(x, ring == 1)
    values = model.decision_function(x)
    assert values.shape == (60,) and model.dual_coef_.shape == (60,)
    np.testing.assert_array_equal(values > 0, model.predict(x))
    regression = KernelRidge(0.01, kernel="rbf", leave_one_out=True).fit(x, np.where(ring == 1, 1.0, -1.0))
    np.testing.assert_allclose(values, regression.predict(x))
    np.testing.assert_allclose(model.loo_decision_function_, regression.loo_prediction_)
    assert model.loo_error_ == np.mean((model.loo_decision_function_ > 0) != (ring == 1))


def test_all_classes_are_one_fit():
    x, ring = _rings()
    model = KernelRidgeClassifier(0.1, kernel="rbf", leave_one_out=True).fit(x, ring)
    for c in range(3):
        one = KernelRidge(0.1, kernel="rbf", leave_one_out=True).fit(x, np.where(ring == c, 1.0, -1.0))
        np.testing.assert_allclose(model.dual_coef_[:, c], one.dual_coef_, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(model.loo_decision_function_[:, c], one.loo_prediction_, atol=1e-12)
    assert model.loo_error_ == np.mean(model.loo_decision_function_.argmax(1) != ring)


def test_the_arms_of_a_spiral_are_told_apart():
    x, arm = make_spiral(900, noise=0.02, random_state=0, dtype=np.float64)
    model = KernelRidgeClassifier(1e-3, kernel="rbf", gamma=20.0).fit(x[:600], arm[:600])
    assert model.score(x[600:], arm[600:]) >= 0.95


# ---- everywhere the same ----


@needs_extension
@pytest.mark.parametrize("options", [*SOLVERS, {"precision": "float32"}, {"leave_one_out": True}], ids=str)
def test_the_number_of_threads_changes_no_bit(options):
    rng, found = np.random.default_rng(3), []
    x = rng.standard_normal((600, 20))
    y, new = np.stack([x[:, 0], np.sin(x[:, 1])], axis=1), rng.standard_normal((70, 20))
    for threads in (1, 2, 3, 4):
        use_threads(threads)
        model = KernelRidge(0.2, kernel="rbf", **{"random_state": 0, **options}).fit(x, y)
        left = model.loo_prediction_ if model.leave_one_out else model.dual_coef_
        found.append((model.predict(new).tobytes(), left.tobytes()))
    assert len(set(found)) == 1


@pytest.mark.parametrize("options", SOLVERS, ids=str)
def test_backends_agree(options):
    found = []
    for backend in fs.backend.available():
        with fs.backend.use(backend):
            found.append(KernelRidge(0.2, kernel="rbf", **options).fit(X, Y).predict(Z))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", SOLVERS, ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 1), (3, 70)], ids=str)
def test_few_samples(shape, options):
    x = RNG.standard_normal(shape)
    model = KernelRidge(0.5, kernel="linear", **options).fit(x, x[:, 0])
    reference = np.linalg.solve(x.T @ x + 0.5 * np.eye(shape[1]), x.T @ x[:, 0])
    np.testing.assert_allclose(model.predict(x), x @ reference, atol=1e-9)


@pytest.mark.parametrize("options", SOLVERS, ids=str)
def test_columns_that_do_not_vary_and_targets_of_zeros(options):
    x = np.hstack([X, np.full((90, 1), 3.0)])
    model = KernelRidge(0.2, kernel="rbf", **{**OPTIONS, **options}).fit(x, Y)
    np.testing.assert_allclose(model.predict(x), expected("rbf", 0.2, X, Y, X), rtol=1e-7, atol=1e-7)
    assert not KernelRidge(0.2, kernel="rbf", **options).fit(X, np.zeros(90)).predict(Z).any()


def test_models_survive_pickling_and_refuse_before_fitting():
    model = KernelRidge(0.2, kernel="rbf").fit(X, Y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(Z), model.predict(Z))
    for unfitted in (KernelRidge(), KernelRidgeClassifier()):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            unfitted.predict(X)


def test_tensors_are_taken():
    model = KernelRidge(kernel="rbf").fit(fs.tensor(X), fs.tensor(Y))
    np.testing.assert_array_equal(model.dual_coef_, KernelRidge(kernel="rbf").fit(X, Y).dual_coef_)


def test_the_bar_reports_long_steps(monkeypatch, capsys):
    monkeypatch.setattr("fastscratch.kernel_ridge.meter.LONG", 0.0)
    quiet = KernelRidge(kernel="rbf", solver="cg").fit(X, Y)
    assert capsys.readouterr().err == ""
    loud = KernelRidge(kernel="rbf", solver="cg", verbose=True).fit(X, Y)
    np.testing.assert_array_equal(loud.predict(Z), quiet.predict(Z))
    assert "predict: " in capsys.readouterr().err


def _called(a, b):
    return np.exp(-0.3 * np.sum((a - b) ** 2))


@pytest.mark.parametrize(
    ("call", "steps"),
    [
        (lambda v: KernelRidge(kernel="rbf", precision="mixed", verbose=v).fit(X, Y), ["factor", "refinement "]),
        (
            lambda v: KernelRidge(kernel="rbf", solver="nystrom", n_components=30, verbose=v).fit(X, Y),
            ["whitening", "landmarks", "factor"],
        ),
        (
            lambda v: KernelRidge(kernel="rbf", solver="cg", n_components=30, verbose=v).fit(X, Y),
            ["whitening", "preconditioner", "factor", "conjugate gradients"],
        ),
        (lambda v: KernelRidge(kernel=_called, verbose=v).fit(X[:20], Y[:20]).predict(Z), ["Gram matrix", "predict"]),
        (lambda v: kernel_ridge_path(X, Y, alphas=[0.1, 1.0], verbose=v), ["eigenvectors", "penalties"]),
    ],
    ids=["refinement", "landmarks", "preconditioner", "callable", "path"],
)
def test_the_bar_reports_each_step_that_may_be_long(monkeypatch, capsys, call, steps):
    monkeypatch.setattr("fastscratch.kernel_ridge.meter.LONG", 0.0)
    monkeypatch.setattr("fastscratch.kernel_ridge.meter.MANY", 0.0)
    call(False)
    assert capsys.readouterr().err == ""
    call(True)
    lines = capsys.readouterr().err.splitlines()
    for step in steps:
        assert any(line.startswith(step) for line in lines), (step, lines)


def test_a_watched_call_passes_on_its_result_and_its_error(capsys):
    meter = Meter(True)
    assert meter.run("sum", 1e12, lambda: 1 + 1, lambda: 0.5) == 2
    with pytest.raises(ZeroDivisionError):
        meter.run("quotient", 1e12, lambda: 1 // 0)


def test_the_progress_of_a_factor_is_read_off_its_diagonal():
    a, found = np.eye(8), []
    corner = exact.Corner(a)
    for first, last in ((0, 8), (4, 8), (2, 8), (2, 2), (6, 8), (4, 8)):  # the second panel begins at 2, the third at 4
        a[np.arange(first, last), np.arange(first, last)] += 1
        found.append(corner())
    assert found == [0, 0, *[1 - 0.75**3] * 3, 1 - 0.5**3]


# ---- bad input ----


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: KernelRidge(kernel="sigmoid").fit(X, Y),
            "kernel must be one of 'rbf', 'linear', 'poly', 'polynomial'",
        ),
        (
            lambda: KernelRidge(solver="svd").fit(X, Y),
            "solver must be one of 'auto', 'cholesky', 'cg', 'nystrom', got 'svd'",
        ),
        (
            lambda: KernelRidge(precision="half").fit(X, Y),
            "precision must be one of 'auto', 'float64', 'mixed', 'float32'",
        ),
        (lambda: KernelRidge(solver="cg", precision="mixed").fit(X, Y), "precision='mixed' is of solver='cholesky'"),
        (lambda: KernelRidge(-1.0).fit(X, Y), "alpha must be finite and at least 0, got -1.0"),
        (lambda: KernelRidge("much").fit(X, Y), "alpha must be numbers, got 'much'"),
        (lambda: KernelRidge([1.0, 2.0, 3.0]).fit(X, Y), "one for each of 2 targets"),
        (lambda: KernelRidge(kernel="rbf", gamma=-1).fit(X, Y), "gamma must be finite and at least 0, got -1"),
        (lambda: KernelRidge(kernel="poly", degree=np.nan).fit(X, Y), "degree must be finite and at least 0, got nan"),
        (lambda: KernelRidge(kernel="poly", coef0=np.inf).fit(X, Y), "coef0 must be finite, got inf"),
        (
            lambda: KernelRidge(n_components=0).fit(X, Y),
            "n_components must be None or a whole number of at least 1, got 0",
        ),
        (lambda: KernelRidge(max_iter=2.5).fit(X, Y), "max_iter must be None or a whole number of at least 1, got 2.5"),
        (lambda: KernelRidge(tol=0).fit(X, Y), "tol must be between 0 and 1, got 0"),
        (lambda: KernelRidge(solver="cg", leave_one_out=True).fit(X, Y), "leave_one_out needs the factor"),
        (
            lambda: KernelRidge(kernel="precomputed").fit(X, Y),
            "Precomputed metric requires shape (n_queries, n_indexed)",
        ),
        (lambda: KernelRidge().fit(X, Y[:5]), "X has 90, y has 5"),
        (lambda: KernelRidge().fit(X, None), "requires y to be passed"),
        (lambda: KernelRidge().fit(X, Y, -WEIGHT - 1), "sample_weight must not be negative"),
        (lambda: KernelRidge().fit(X, np.where(Y > 1, np.nan, Y)), "Input y contains NaN"),
        (lambda: KernelRidge().fit(np.where(X > 2, np.inf, X), Y), "Input X contains infinity"),
        (lambda: KernelRidge().fit(X, Y).predict(Z[:, :3]), "X has 3 features, but KernelRidge is expecting 4"),
        (lambda: KernelRidgeClassifier().fit(X, np.ones(90)), "needs samples of at least 2 classes in the data"),
        (lambda: KernelRidgeClassifier().fit(X, Y[:, 0]), "Unknown label type"),
        (lambda: kernel_ridge_path(X, Y, alphas=[]), "alphas must be a list of penalties, got shape (0,)"),
        (lambda: kernel_ridge_path(X, Y, alphas=[-1.0]), "alphas must be finite and at least 0"),
        (
            lambda: kernel_ridge_path(X, Y, alphas=[1.0], sample_weight=WEIGHT),
            "sample_weight must be positive for a path",
        ),
    ],
)
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)


def test_a_kernel_is_its_formula():
    for name, k in KERNELS.items():
        kernel = Kernel("polynomial" if name == "poly" else name, 0.3, 0.7, 2.0)
        np.testing.assert_allclose(kernel.gram(X, Z), k(X, Z), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(kernel.product(X, Z, np.ones((11, 1)))[:, 0], k(X, Z).sum(1), rtol=1e-12)
