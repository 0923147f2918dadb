"""The vector functions of csrc/simd/math.h against wider arithmetic: error in units in the last place, and the special
values, on every instruction set, through the kernels that are nothing but the function."""

import functools
import math

import numpy as np
import pytest
from conftest import needs_extension
from references import FUNCTIONS, Array, erfc, expected, ulps

import fastscratch as fs

pytestmark = needs_extension

COUNT = 40_000


@functools.cache
def _points(dtype: type, low: float, high: float) -> Array:
    """Evenly over the interesting range; of all sizes around zero; and any bit pattern at all."""
    rng = np.random.default_rng(0)
    bits = np.uint32 if dtype is np.float32 else np.uint64
    near = rng.standard_normal(COUNT) * 2.0 ** rng.integers(-30, 4, COUNT)
    anything = rng.integers(0, np.iinfo(bits).max, COUNT, dtype=bits, endpoint=True).view(dtype)
    return np.concatenate([np.linspace(low, high, COUNT).astype(dtype), near.astype(dtype), anything])


@functools.cache
def _expected(name: str, dtype: type) -> tuple[Array, Array, Array]:
    """Points; the value in the wide type; the value as it should be rounded."""
    function = FUNCTIONS[name]
    x = _points(dtype, *(function.float32 if dtype is np.float32 else function.float64))
    return x, *expected(name, x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("isa", fs.backend.isas())
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_the_stated_ulps(name: str, isa: str, dtype: type) -> None:
    fs.backend.use("c", isa=isa)
    x, wide, rounded = _expected(name, dtype)
    error = ulps(getattr(fs.backend, f"{name}_forward")(x), wide, rounded)
    allowed = FUNCTIONS[name].ulps + (1 if dtype is np.float64 and wide.dtype == np.float64 else 0)
    worst = int(np.argmax(error))
    assert error[worst] <= allowed, f"{name}({x[worst]!r}): {float(error[worst]):.2f} ULP"


def test_an_error_of_one_ulp_is_seen() -> None:
    """The measure itself: a neighbour is one ULP away, half of it lost in denormals is not forgiven."""
    x = np.array([1.5, 1e-310, np.inf, np.nan])
    beside = np.array([np.nextafter(1.5, 2), 1e-310 + 2 * 5e-324, 1.0, 0.0])
    np.testing.assert_allclose(ulps(beside, x, x), [1, 2, np.inf, np.inf])


INF, NAN = math.inf, math.nan
SPECIAL = {  # (argument, value), zeros with their signs
    "exp": [(-INF, 0.0), (INF, INF), (0.0, 1.0), (-0.0, 1.0), (NAN, NAN)],
    "expm1": [(-INF, -1.0), (INF, INF), (0.0, 0.0), (-0.0, -0.0), (NAN, NAN)],
    "log": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-1.0, NAN), (-INF, NAN), (NAN, NAN)],
    "log1p": [(-1.0, -INF), (0.0, 0.0), (-0.0, -0.0), (INF, INF), (-2.0, NAN), (-INF, NAN), (NAN, NAN)],
    "tanh": [(-INF, -1.0), (INF, 1.0), (0.0, 0.0), (-0.0, -0.0), (NAN, NAN)],
    "sigmoid": [(-INF, 0.0), (INF, 1.0), (0.0, 0.5), (-0.0, 0.5), (NAN, NAN)],
    "erf": [(-INF, -1.0), (INF, 1.0), (0.0, 0.0), (-0.0, -0.0), (NAN, NAN)],
    "erfc": [(-INF, 2.0), (INF, 0.0), (0.0, 1.0), (-0.0, 1.0), (NAN, NAN)],
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("isa", fs.backend.isas())
@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name: str, isa: str, dtype: type) -> None:
    """In every lane of a register and in the tail."""
    fs.backend.use("c", isa=isa)
    kernel = getattr(fs.backend, f"{name}_forward")
    for argument, value in SPECIAL[name]:
        for size in (1, 16, 19):
            got = kernel(np.full(size, argument, dtype))
            expected = np.full(size, value, dtype)
            np.testing.assert_array_equal(got, expected, err_msg=f"{name}({argument})")
            np.testing.assert_array_equal(np.signbit(got[got == 0]), np.signbit(expected[expected == 0]))


@pytest.mark.parametrize("isa", fs.backend.isas())
def test_gelu_keeps_its_digits_in_the_negative_tail(isa: str) -> None:
    """0.5 x (1 + erf(x / sqrt 2)) has none left at -6; relative to float64, ours has nearly all down to -13."""
    fs.backend.use("c", isa=isa)
    x = np.linspace(-13, 13, 20_001).astype(np.float32)
    wide = 0.5 * x.astype(np.float64) * erfc(-x.astype(np.float64) / math.sqrt(2))
    error = ulps(fs.backend.gelu_forward(x, "none"), wide, wide.astype(np.float32))
    assert error.max() <= (7.5 if isa == "baseline" else 7)  # without FMA more is rounded


@pytest.mark.parametrize("isa", fs.backend.isas())
def test_the_slope_of_gelu_keeps_its_digits_in_the_negative_tail(isa: str) -> None:
    """P(X < x) and x density(x) are there to all digits, so that their sum is, but where one takes the other away."""
    fs.backend.use("c", isa=isa)
    x = np.linspace(-12.5, 13, 20_001).astype(np.float32)
    wide = x.astype(np.float64)
    share, moment = 0.5 * erfc(-wide / math.sqrt(2)), wide * np.exp(-0.5 * wide * wide) / math.sqrt(2 * math.pi)
    got = fs.backend.gelu_backward(np.ones_like(x), x, "none")
    error = np.abs(got - (share + moment)) / (share + np.abs(moment)) / np.finfo(np.float32).eps
    assert error.max() <= 7


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("isa", fs.backend.isas())
def test_gelu_beyond_the_range_of_the_normal_distribution(isa: str, dtype: type) -> None:
    """The ends, in every lane of a register and in the tail; at -inf the value is -inf times 0, as in PyTorch."""
    fs.backend.use("c", isa=isa)
    cases = [(0.0, 0.0, 0.5), (1e30, 1e30, 1), (-1e30, 0.0, 0), (INF, INF, 1), (-INF, NAN, 0), (NAN, NAN, NAN)]
    for argument, value, slope in [*cases, (-0.0, -0.0, 0.5)]:
        for size in (1, 16, 19):
            x = np.full(size, argument, dtype)
            y, dx = fs.backend.gelu_forward(x, "none"), fs.backend.gelu_backward(np.ones_like(x), x, "none")
            np.testing.assert_array_equal(y, np.full(size, value, dtype), err_msg=f"gelu({argument})")
            np.testing.assert_allclose(
                dx, np.full(size, slope, dtype), rtol=2 * np.finfo(dtype).eps, err_msg=f"at {argument}"
            )
            if argument == 0:
                assert (np.signbit(y) == np.signbit(value)).all()
