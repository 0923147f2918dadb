"""Linear algebra by value: what is read, how accurate it is, what is refused, and beside torch.linalg."""

import numpy as np
import pytest

import fastscratch as fs


def _definite(n: int, seed: int = 0, dtype: type = np.float64) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, n))
    return (x @ x.T + n * np.eye(n)).astype(dtype)


@pytest.mark.parametrize("n", [1, 31, 32, 33, 127, 128, 129, 300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_factor_times_its_transpose(n: int, dtype: type) -> None:
    a = _definite(n, dtype=dtype)
    lower = fs.linalg.cholesky(fs.from_numpy(a)).numpy()
    assert lower.dtype == dtype
    assert np.all(np.triu(lower, 1) == 0)
    wide = lower.astype(np.float64)
    bound = (n + 2) * np.finfo(dtype).eps / 2 * np.abs(wide) @ np.abs(wide.T)
    assert np.all(np.abs(wide @ wide.T - a) <= bound)


def test_backward_stable_however_ill_conditioned() -> None:
    """Hilbert's matrix of order 12 (condition 1.8e16, moved into reach): a small residual, though not a small error."""
    i = np.arange(12.0)
    a = 1 / (i[:, None] + i + 1) + 1e-14 * np.eye(12)
    lower = fs.linalg.cholesky(fs.from_numpy(a)).numpy()
    assert np.abs(lower @ lower.T - a).max() < 12 * 2.3e-16


def test_only_the_lower_triangle_is_read() -> None:
    a = _definite(150)
    broken = a.copy()
    broken[np.triu_indices(150, 1)] = np.nan
    expected = fs.linalg.cholesky(fs.from_numpy(a)).numpy()
    np.testing.assert_array_equal(fs.linalg.cholesky(fs.from_numpy(broken)).numpy(), expected)
    b = np.ones((150, 2))
    upper = np.triu(np.full((150, 150), np.nan), 1)
    x = fs.cholesky_solve(fs.from_numpy(b), fs.from_numpy(expected + upper)).numpy()
    np.testing.assert_allclose(a @ x, b, rtol=0, atol=1e-11)


@pytest.mark.parametrize("order", [1, 2, 32, 33, 128, 129, 200])
def test_not_positive_definite_names_the_minor(order: int) -> None:
    a = _definite(200)
    a[order - 1, order - 1] = -1.0
    with pytest.raises(fs.linalg.LinAlgError, match=f"leading minor of order {order} is not positive definite"):
        fs.linalg.cholesky(fs.from_numpy(a))


def test_not_positive_definite_in_a_batch_and_nan() -> None:
    a = np.stack([_definite(5, seed) for seed in range(6)])
    a[4] = -a[4]
    with pytest.raises(fs.linalg.LinAlgError, match="leading minor of order 1 of matrix 4 is not positive definite"):
        fs.linalg.cholesky(fs.from_numpy(a))
    with pytest.raises(fs.linalg.LinAlgError, match="leading minor of order 2 is not positive definite"):
        fs.linalg.cholesky(fs.tensor([[1.0, 0.0], [float("nan"), 1.0]]))


@pytest.mark.parametrize("n", [0, 1, 7, 31, 32, 33, 128, 129, 260])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_factor_in_place_leaves_the_upper_triangle(n: int, dtype: type) -> None:
    a = _definite(n, dtype=dtype)
    upper = np.triu_indices(n, 1)
    a[upper] = np.arange(len(upper[0])) - 7.5
    a[upper[0][::3], upper[1][::3]] = np.nan
    before = a.copy()
    fs.backend.cholesky_(a)
    np.testing.assert_array_equal(a[upper], before[upper])
    wide = np.tril(a).astype(np.float64)
    bound = (n + 2) * np.finfo(dtype).eps / 2 * np.abs(wide) @ np.abs(wide.T)
    assert np.all(np.tril(np.abs(wide @ wide.T - before) <= bound) | ~np.tri(n, dtype=bool))


@pytest.mark.parametrize("order", [1, 2, 31, 32, 33, 96, 128, 129, 200])
@pytest.mark.parametrize("value", [-1.0, 0.0, np.nan])
def test_in_place_names_the_minor_as_scipy_does(order: int, value: float) -> None:
    a = _definite(200)
    a[order - 1, order - 1] = value
    with pytest.raises(
        np.linalg.LinAlgError, match=f"^cholesky_: {order}-th leading minor of the array is not positive"
    ):
        fs.backend.cholesky_(a)


def test_in_place_refuses_what_it_could_only_copy() -> None:
    a = _definite(6)
    frozen = a.copy()
    frozen.flags.writeable = False
    for wrong in (a[:, :5], a[::2, ::2], np.asfortranarray(a), np.stack([a, a]), frozen):
        with pytest.raises(ValueError, match=r"cholesky_: a must be a writable \(n, n\) array in C order, got shape"):
            fs.backend.cholesky_(wrong)


@pytest.mark.parametrize(("n", "r"), [(1, 1), (33, 1), (100, 7), (65, 300)])
def test_solutions(n: int, r: int) -> None:
    a, b = _definite(n), np.random.default_rng(1).standard_normal((n, r))
    x = fs.cholesky_solve(fs.from_numpy(b), fs.linalg.cholesky(fs.from_numpy(a))).numpy()
    np.testing.assert_allclose(a @ x, b, rtol=0, atol=1e-12)


def test_log_determinants() -> None:
    a = _definite(40)
    assert fs.logdet(fs.from_numpy(a)).item() == pytest.approx(np.linalg.slogdet(a)[1], rel=1e-14)
    general = fs.tensor([[0.0, 2.0], [-3.0, 1.0]])
    assert fs.logdet(general).item() == pytest.approx(np.log(6), rel=1e-6)
    assert np.isnan(fs.logdet(fs.tensor([[-1.0, 0.0], [0.0, 1.0]])).item())
    assert fs.logdet(fs.zeros(2, 2)).item() == -np.inf
    assert fs.logdet(fs.zeros(0, 0)).item() == 0.0
    sign, log = fs.slogdet(fs.tensor([[-2.0, 0.0], [0.0, 3.0]]))
    assert (sign.item(), log.item()) == (-1.0, pytest.approx(np.log(6)))


def test_gradient_of_a_singular_determinant() -> None:
    a = fs.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=fs.float64, requires_grad=True)
    fs.det(a).backward()
    assert a.grad is not None
    np.testing.assert_allclose(a.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-14)


def test_norms() -> None:
    x = fs.tensor([[3.0, -4.0], [0.0, 0.0]], requires_grad=True)
    assert fs.linalg.norm(x).item() == 5.0
    assert fs.linalg.norm(x, "fro", dim=(0, 1), keepdim=True).shape == (1, 1)
    assert fs.linalg.norm(x, 1, dim=1).tolist() == [7.0, 0.0]
    assert fs.linalg.norm(x, float("inf"), dim=1).tolist() == [4.0, 0.0]
    fs.linalg.norm(x, dim=1).backward(fs.ones(2))
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [[0.6, -0.8], [0.0, 0.0]], rtol=1e-6)


def test_errors() -> None:
    with pytest.raises(RuntimeError, match=r"square matrices of shape \(..., n, n\), got \(2, 3\)"):
        fs.linalg.cholesky(fs.zeros(2, 3))
    with pytest.raises(RuntimeError, match="floating dtype, got int64"):
        fs.linalg.inv(fs.tensor([[1]]))
    with pytest.raises(RuntimeError, match=r"B of shape \(2, 1\) does not fit L of shape \(3, 3\)"):
        fs.cholesky_solve(fs.zeros(2, 1), fs.ones(3, 3))
    with pytest.raises(RuntimeError, match="do not broadcast"):
        fs.cholesky_solve(fs.zeros(2, 3, 1), fs.ones(4, 3, 3))
    with pytest.raises(RuntimeError, match="A is float32, B is float64"):
        fs.linalg.solve(fs.ones(1, 1), fs.ones(1, dtype=fs.float64))
    with pytest.raises(fs.linalg.LinAlgError, match=r"[Ss]ingular"):
        fs.linalg.solve(fs.zeros(2, 2), fs.ones(2))
    with pytest.raises(NotImplementedError, match="only the Frobenius norm is supported, got ord=2"):
        fs.linalg.norm(fs.ones(2, 2), 2)
    with pytest.raises(RuntimeError, match="ord must be 'fro', a positive number, inf or -inf, got 'max'"):
        fs.linalg.norm(fs.ones(2), "max")


def test_like_torch() -> None:
    torch = pytest.importorskip("torch")
    a, b = np.stack([_definite(6, 0), _definite(6, 1)]), np.random.default_rng(2).standard_normal((2, 6, 3))
    operations = [
        lambda lib, a, b: lib.linalg.cholesky(a),
        lambda lib, a, b: lib.cholesky_solve(b, lib.linalg.cholesky(a)),
        lambda lib, a, b: lib.logdet(a) + lib.linalg.norm(b, dim=(1, 2)),
        lambda lib, a, b: lib.linalg.slogdet(a).logabsdet + lib.det(a / 10),
        lambda lib, a, b: lib.linalg.solve(a, b),
        lambda lib, a, b: lib.linalg.inv(a),
        lambda lib, a, b: lib.linalg.norm(b, 3, dim=1),
    ]
    for operation in operations:
        results = []
        for lib in (torch, fs):
            x, y = (lib.from_numpy(v.copy()).requires_grad_() for v in (a, b))
            out = operation(lib, x, y)
            out.backward(
                lib.from_numpy(np.linspace(-1, 1, out.numel() if lib is fs else out.nelement()).reshape(out.shape))
            )
            results.append([np.asarray(t.detach()) for t in (out, x.grad, y.grad) if t is not None])
        for expected, got in zip(*results, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11)
