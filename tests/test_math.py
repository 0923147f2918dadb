"""The vector functions of csrc/simd/math.h against wider arithmetic: error in units in the last place, and the special
values, on every instruction set, through the kernels that are nothing but the function."""

import functools
import math
from collections.abc import Callable

import numpy as np
import pytest
from conftest import needs_extension

import fastscratch as fs

pytestmark = needs_extension

Array = np.ndarray
COUNT = 40_000
# Where the wide type is no wider than float64, or the reference is the C library's, that adds an error of its own.
WIDE = np.longdouble if np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant else np.float64
_erf, _erfc = np.frompyfunc(math.erf, 1, 1), np.frompyfunc(math.erfc, 1, 1)


def _sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _in_float64(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda x: function(x.astype(np.float64)).astype(np.float64)


# name: reference, ULPs as math.h states them, and where most of the points lie, for float32 and float64
FUNCTIONS: dict[str, tuple[Callable[[Array], Array], float, tuple[float, float], tuple[float, float]]] = {
    "exp": (np.exp, 1.1, (-110, 90), (-750, 711)),
    "expm1": (np.expm1, 1.5, (-30, 90), (-50, 711)),
    "log": (np.log, 1, (0.3, 3), (0.3, 3)),
    "log1p": (np.log1p, 1, (-0.999, 3), (-0.999, 3)),
    "tanh": (np.tanh, 1.5, (-12, 12), (-25, 25)),
    "sigmoid": (_sigmoid, 2.5, (-110, 30), (-750, 50)),
    "erf": (_in_float64(_erf), 1.5, (-5, 5), (-7, 7)),
    "erfc": (_in_float64(_erfc), 6.5, (-6, 11), (-7, 28)),
}


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
    reference, _, low, high = FUNCTIONS[name]
    x = _points(dtype, *(low if dtype is np.float32 else high))
    wide = reference(x.astype(np.float64 if dtype is np.float32 else WIDE))
    return x, wide, wide.astype(dtype)


def _ulps(got: Array, wide: Array, rounded: Array) -> Array:
    """The error of each element; infinite where one is NaN or infinite and the other is not."""
    error = np.abs(got.astype(wide.dtype) - wide) / np.spacing(np.abs(rounded)).astype(wide.dtype)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    return np.where(np.isfinite(error), error, np.where(same, 0, np.inf))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("isa", fs.backend.isas())
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_the_stated_ulps(name: str, isa: str, dtype: type) -> None:
    fs.backend.use("c", isa=isa)
    with np.errstate(all="ignore"):
        x, wide, rounded = _expected(name, dtype)
        error = _ulps(getattr(fs.backend, f"{name}_forward")(x), wide, rounded)
    allowed = FUNCTIONS[name][1] + (1 if dtype is np.float64 and wide.dtype == np.float64 else 0)
    worst = int(np.argmax(error))
    assert error[worst] <= allowed, f"{name}({x[worst]!r}): {float(error[worst]):.2f} ULP"


def test_an_error_of_one_ulp_is_seen() -> None:
    """The measure itself: a neighbour is one ULP away, half of it lost in denormals is not forgiven."""
    x = np.array([1.5, 1e-310, np.inf, np.nan])
    beside = np.array([np.nextafter(1.5, 2), 1e-310 + 2 * 5e-324, 1.0, 0.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(_ulps(beside, x, x), [1, 2, np.inf, np.inf])


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
    wide = 0.5 * x.astype(np.float64) * _erfc(-x.astype(np.float64) / math.sqrt(2)).astype(np.float64)
    error = _ulps(fs.backend.gelu_forward(x, "none"), wide, wide.astype(np.float32))
    assert error.max() <= 7
