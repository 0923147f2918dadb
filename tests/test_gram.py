"""The Gaussian kernel by value: symmetry, far from the origin, and what is refused."""

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
