"""Questions whose answers are true or false."""

from .case import labels, normal, same

CASES = [
    same(
        "compare",
        lambda m, a, b: (a < b, a <= b, a > b, a >= b, a == b, a != b),
        normal(3, 4),
        normal(4),
        gradient=False,
    ),
    same(
        "compare_alike",
        lambda m, a, b: [f(a.round(), b.round()) for f in (m.lt, m.le, m.gt, m.ge, m.eq, m.ne)],
        normal(7, 19),
        normal(7, 19),
        gradient=False,
    ),
    same("compare_number", lambda m, a: (a < 0, a > 0, a == 0, a != 1), normal(3, 4), gradient=False),
    same(
        "logical",
        lambda m, a, b: (m.logical_and(a, b), m.logical_or(a, b), m.logical_xor(a, b), m.logical_not(a)),
        normal(6),
        normal(6),
        gradient=False,
    ),
    same(
        "bitwise",
        lambda m, a, b: (a & b, a | b, a ^ b, ~a, (a > 1) & (b > 1), ~(a > 1)),
        labels(8, 9),
        labels(8, 9),
        gradient=False,
    ),
    same(
        "is",
        lambda m, a: (a.isnan(), m.isinf(a), m.isfinite(a), m.signbit(a), m.isclose(a, a, equal_nan=True)),
        normal(9),
        gradient=False,
    ),
]
