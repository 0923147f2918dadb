"""Functions of one element."""

from .case import Case, normal, positive, same, uniform

_ANYWHERE = ["abs", "asinh", "atan", "cos", "cosh", "deg2rad", "exp2", "rad2deg", "sin", "sinh", "square"]
_POSITIVE = ["log2", "log10", "reciprocal", "rsqrt"]
_INSIDE = ["acos", "asin", "atanh", "tan"]
_STEPS = ["ceil", "floor", "frac", "round", "sign", "trunc"]


def _row(name: str, *inputs: object) -> Case:
    return same(name, lambda m, x: getattr(m, name)(x), *inputs)


CASES = [
    *(_row(name, normal(3, 4, 2)) for name in _ANYWHERE),
    *(_row(name, positive(3, 5)) for name in _POSITIVE),
    *(_row(name, uniform(-0.9, 0.9, 3, 5)) for name in _INSIDE),
    *(_row(name, normal(3, 5, scale=3.0)) for name in _STEPS),
    _row("acosh", uniform(1.1, 3.0, 7)),
    same("round_decimals", lambda m, x: m.round(x, decimals=2), normal(9)),
    same("sqrt_", lambda m, x: (x * 1).sqrt_(), positive(5)),
    same("abs_scalar", lambda m, x: abs(x), normal()),
]
