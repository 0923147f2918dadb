"""Kernels between points by value: symmetry, far from the origin, in place, times vectors, and what is refused."""

import numpy as np
import pytest

import fastscratch as fs


def _exact(x: np.ndarray, z: np.ndarray, gamma: float) -> np.ndarray:
    x, z = x.astype(np.float64), z.astype(np.float64)
    return np.exp(-gamma * np.square(x[:, None] - z).sum(axis=-1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_by_differences(dtype: type) -> None:
    rng = np.random.default_rng(0)
    x, z = rng.standard_normal((150, 6)).astype(dtype), rng.standard_normal((40, 6)).astype(dtype)
    k = fs.rbf_kernel(fs.from_numpy(x), fs.from_numpy(z), 0.2).numpy()
    assert k.dtype == dtype
    np.testing.assert_allclose(k, _exact(x, z, 0.2), rtol=100 * np.finfo(dtype).eps)


def test_symmetric_to_the_bit_with_ones() -> None:
    x = np.random.default_rng(1).standard_normal((290, 5)).astype(np.float32)
    k = fs.rbf_kernel(fs.from_numpy(x), gamma=0.7).numpy()
    np.testing.assert_array_equal(k, k.T)
    np.testing.assert_array_equal(np.diagonal(k), np.ones(290, np.float32))
    np.testing.assert_allclose(k, _exact(x, x, 0.7), rtol=2e-5)
    assert k.max() == 1.0


def test_points_far_from_the_origin() -> None:
    """float32 at 10,000: without taking off the mean, squared distances would be wrong by about 10."""
    x = (1e4 + np.random.default_rng(2).standard_normal((60, 3))).astype(np.float32)
    k = fs.rbf_kernel(fs.from_numpy(x), fs.from_numpy(x[:20]), 1.0).numpy()
    np.testing.assert_allclose(k, _exact(x, x[:20], 1.0), rtol=1e-4, atol=1e-7)


def test_one_bad_point_spoils_its_row_only() -> None:
    x = np.random.default_rng(3).standard_normal((5, 2))
    x[2, 0] = np.nan
    k = fs.rbf_kernel(fs.from_numpy(x), gamma=1.0).numpy()
    good = [0, 1, 3, 4]
    assert np.isnan(k[2]).all() and np.isnan(k[:, 2]).all()
    np.testing.assert_allclose(k[np.ix_(good, good)], _exact(x[good], x[good], 1.0), rtol=1e-12)


def test_gamma_zero_is_all_ones() -> None:
    assert fs.rbf_kernel(fs.ones(2, 3), fs.zeros(3, 3), 0.0).tolist() == [[1.0] * 3] * 2


def test_errors() -> None:
    x = fs.zeros(2, 3)
    for gamma in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="gamma must be finite and not negative, got"):
            fs.rbf_kernel(x, gamma=gamma)
    with pytest.raises(RuntimeError, match=r"expected x \(m, d\) and z \(n, d\), got \(2, 3\) and \(2, 4\)"):
        fs.rbf_kernel(x, fs.zeros(2, 4))
    with pytest.raises(RuntimeError, match=r"expected x \(m, d\) and z \(n, d\), got \(3,\) and None"):
        fs.rbf_kernel(fs.zeros(3))
    with pytest.raises(RuntimeError, match="x is float32, z is float64"):
        fs.rbf_kernel(x, fs.zeros(2, 3, dtype=fs.float64))
    with pytest.raises(TypeError, match="expected a Tensor, got ndarray"):
        fs.rbf_kernel(np.zeros((2, 3)))  # type: ignore[arg-type]


def _kernel(name: str, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    x, z = x.astype(np.float64), z.astype(np.float64)
    return _exact(x, z, 0.2) if name == "rbf" else x @ z.T if name == "linear" else (0.2 * x @ z.T + 1.5) ** 3


KERNELS = [("rbf", 0.2, 0.0, 0.0), ("linear", 0.0, 0.0, 0.0), ("polynomial", 0.2, 1.5, 3)]


@pytest.mark.parametrize("rule", KERNELS, ids=lambda rule: rule[0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_lower_and_times_vectors_agree(rule: tuple, dtype: type) -> None:
    rng = np.random.default_rng(4)
    x, z = rng.standard_normal((300, 4)).astype(dtype), rng.standard_normal((70, 4)).astype(dtype)
    v, tolerance = rng.standard_normal((300, 3)).astype(dtype), 2000 * np.finfo(dtype).eps
    k = fs.backend.gram(x, None, *rule)
    np.testing.assert_allclose(k, _kernel(rule[0], x, x), rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(k, k.T)
    out = np.full((300, 300), 9, dtype)
    assert fs.backend.gram_lower(x, 0.25, *rule, out) is None
    np.testing.assert_array_equal(np.tril(out, -1), np.tril(k, -1))
    np.testing.assert_array_equal(np.diagonal(out), np.diagonal(k) + dtype(0.25))
    assert (out[np.triu_indices(300, 1)] == 9).all()
    np.testing.assert_allclose(fs.backend.gram_matmul(x, None, v, *rule), k @ v, rtol=tolerance, atol=50 * tolerance)
    np.testing.assert_allclose(
        fs.backend.gram_matmul(z, x, v, *rule), fs.backend.gram(z, x, *rule) @ v, rtol=tolerance, atol=50 * tolerance
    )


def test_a_row_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(5)
    x, z = rng.standard_normal((40, 6)).astype(np.float32), rng.standard_normal((50, 6)).astype(np.float32)
    whole = fs.backend.gram(x, z, "rbf", 0.3, 0.0, 0.0)
    np.testing.assert_allclose(fs.backend.gram(x[7:9], z, "rbf", 0.3, 0.0, 0.0), whole[7:9], rtol=1e-5)


def test_the_same_tensor_twice_is_symmetric() -> None:
    x = fs.from_numpy(np.random.default_rng(6).standard_normal((50, 3)).astype(np.float32))
    for kernel in (fs.rbf_kernel, fs.linear_kernel, fs.polynomial_kernel):
        np.testing.assert_array_equal(kernel(x, x).numpy(), kernel(x).numpy())


def test_gradient_of_the_same_tensor_twice() -> None:
    a = np.random.default_rng(7).standard_normal((6, 3))
    for kernel in (fs.rbf_kernel, fs.linear_kernel, fs.polynomial_kernel):
        x, y = fs.tensor(a, requires_grad=True), fs.tensor(a, requires_grad=True)
        (kernel(x, x) * fs.arange(36.0, dtype=fs.float64).reshape(6, 6)).sum().backward()
        (kernel(y, y.clone()) * fs.arange(36.0, dtype=fs.float64).reshape(6, 6)).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-10)


def test_gamma_is_by_default_one_over_the_number_of_columns() -> None:
    x = fs.from_numpy(np.random.default_rng(8).standard_normal((5, 4)))
    assert fs.equal(fs.rbf_kernel(x), fs.rbf_kernel(x, gamma=0.25))
    assert fs.equal(fs.polynomial_kernel(x), fs.polynomial_kernel(x, degree=3, gamma=0.25, coef0=1))


def test_powers() -> None:
    x = fs.tensor([[-2.0], [3.0]], dtype=fs.float64)
    assert fs.polynomial_kernel(x, degree=1, gamma=1, coef0=0).tolist() == [[4.0, -6.0], [-6.0, 9.0]]
    assert fs.polynomial_kernel(x, degree=5, gamma=1, coef0=0).tolist() == [[4.0**5, -(6.0**5)], [-(6.0**5), 9.0**5]]
    half = fs.polynomial_kernel(x, degree=1.5, gamma=1, coef0=0)
    np.testing.assert_allclose(half.numpy(), [[8.0, np.nan], [np.nan, 27.0]], rtol=1e-14)


def test_errors_of_the_polynomial_kernel() -> None:
    x = fs.zeros(2, 3)
    with pytest.raises(ValueError, match=r"polynomial_kernel: degree must be finite and at least 1, got 0\.5"):
        fs.polynomial_kernel(x, degree=0.5)
    with pytest.raises(ValueError, match="polynomial_kernel: coef0 must be finite, got inf"):
        fs.polynomial_kernel(x, coef0=float("inf"))
    with pytest.raises(ValueError, match="polynomial_kernel: gamma must be finite and not negative, got -1"):
        fs.polynomial_kernel(x, gamma=-1)


def test_errors_of_the_kernels_backend() -> None:
    x, rule = np.zeros((3, 2)), ("rbf", 1.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="the kernel must be"):
        fs.backend.gram(x, None, "cosine", 1.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="degree of a polynomial kernel must not be negative"):
        fs.backend.gram(x, None, "polynomial", 1.0, 0.0, -1.0)
    for out in (np.zeros((3, 2)), np.zeros((3, 3)).T, np.zeros((3, 6))[:, ::2], np.zeros((2, 2))):
        with pytest.raises(ValueError, match=r"gram_lower: out must be a writeable array of shape \(3, 3\) in C order"):
            fs.backend.gram_lower(x, 0.0, *rule, out)
    with pytest.raises(ValueError, match=r"gram_matmul: expected v \(3, r\), got \(2, 1\)"):
        fs.backend.gram_matmul(x, None, np.zeros((2, 1)), *rule)
