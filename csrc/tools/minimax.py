"""Prints csrc/simd/math_tables.h: the polynomials of math.h for float and double, minimax, by Remez' exchange in 60 digits.

And the ratio of two polynomials in normal.h. Needs mpmath; run by hand, and only when a polynomial is to change. E. Ya.
Remez, Comptes Rendus 198, 1934.
"""

import struct
from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 60
Function = Callable[[mp.mpf], mp.mpf]


def remez(f: Function, weight: Function, low: mp.mpf, high: mp.mpf, degree: int) -> tuple[list[mp.mpf], mp.mpf]:
    """The polynomial p that minimises max |p - f| * weight on [low, high], lowest power first, and that maximum."""
    count = degree + 2
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = [middle - half * mp.cos(mp.pi * i / (count - 1)) for i in range(count)]
    grid = [middle - half * mp.cos(mp.pi * i / 800) for i in range(801)]
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    for _ in range(20):
        rows = [[x**k for k in range(degree + 1)] + [(-1) ** i / weight(x)] for i, x in enumerate(nodes)]
        *coefficients, level = mp.lu_solve(mp.matrix(rows), mp.matrix([f(x) for x in nodes]))
        errors = [(mp.polyval(coefficients[::-1], x) - v) * w for x, v, w in zip(grid, values, weights, strict=True)]
        nodes, worst = _extrema(grid, errors, count)
        if worst <= abs(level) * mp.mpf("1.01"):
            break
    return coefficients, worst


def _extrema(grid: list[mp.mpf], errors: list[mp.mpf], count: int) -> tuple[list[mp.mpf], mp.mpf]:
    """Where the error is largest on each run of one sign: the next nodes."""
    runs: list[int] = []
    for i, e in enumerate(errors):
        if runs and (e > 0) == (errors[runs[-1]] > 0):
            if abs(e) > abs(errors[runs[-1]]):
                runs[-1] = i
        else:
            runs.append(i)
    while len(runs) > count:
        runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
    return [grid[i] for i in runs], max(abs(e) for e in errors)


def exp_rest(r: mp.mpf) -> mp.mpf:
    """q in exp(r) = 1 + r + r^2 q(r)."""
    return mp.mpf(1) / 2 + r / 6 if abs(r) < mp.mpf("1e-15") else (mp.expm1(r) - r) / r**2


def log_rest(z: mp.mpf) -> mp.mpf:
    """R in log((1+s)/(1-s)) = 2s + s z R(z), z = s^2."""
    s = mp.sqrt(z)
    return mp.mpf(2) / 3 if z < mp.mpf("1e-20") else (2 * mp.atanh(s) - 2 * s) / (s * z)


def erf_odd(z: mp.mpf) -> mp.mpf:
    """erf(x) / x - 1 as a function of z = x^2."""
    x = mp.sqrt(z)
    return (2 / mp.sqrt(mp.pi) if x == 0 else mp.erf(x) / x) - 1


def tanh_rest(z: mp.mpf) -> mp.mpf:
    """p in tanh(x) = x + x z p(z), z = x^2."""
    x = mp.sqrt(z)
    return -mp.mpf(1) / 3 + 2 * z / 15 if z < mp.mpf("1e-20") else (mp.tanh(x) / x - 1) / z


K = mp.mpf(2)


def erfcx_scaled(u: mp.mpf) -> mp.mpf:
    """(1 + a/K) exp(a^2) erfc(a) at a = K (1+u)/(1-u): [-1, 1] stands for all a >= 0.

    M. Shepherd and J. Laframboise, Mathematics of Computation 36(153), 1981, for the change of variable.
    """
    if 1 - u < mp.mpf("1e-12"):
        return 1 / (K * mp.sqrt(mp.pi))
    a = K * (1 + u) / (1 - u)
    if a > 1000:  # the asymptotic series, where erfc underflows
        series = sum((-1) ** n * mp.fac2(2 * n - 1) / (2 * a * a) ** n for n in range(8))
        return (1 + a / K) * series / (a * mp.sqrt(mp.pi))
    return (1 + a / K) * mp.exp(a * a) * mp.erfc(a)


def as_float(x: mp.mpf) -> mp.mpf:
    """x rounded to float."""
    return mp.mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


DENSITY = as_float(1 / mp.sqrt(2 * mp.pi))
DRIFT = (mp.log(4) / as_float(mp.log(4)) - 1) / 2


def mills(a: mp.mpf) -> mp.mpf:
    """P(X > a) / density(a) of a normal X, for a density computed with 1 / sqrt(2 pi) and ln 4 as a float holds them."""
    return mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2 / DENSITY * mp.exp(DRIFT * a * a)


def monic_ratio(f: Function, high: mp.mpf, m: int, n: int) -> tuple[list[mp.mpf], list[mp.mpf], mp.mpf]:
    """P and Q of degrees m and n such that P/Q is close to f on [0, high], as floats below a leading 1, and its error.

    The coefficients are rounded one by one, and those that are left fitted again.
    """
    spread = (high - K) / (high + K)
    nodes = [(spread - 1) / 2 - (spread + 1) / 2 * mp.cos(mp.pi * i / 160) for i in range(161)]
    grid = [K * (1 + u) / (1 - u) for u in nodes]
    values = [f(x) for x in grid]
    rows = [
        [x**j for j in range(m)] + [-v * x**j for j in range(n)] + [x**m - v * x**n, v * x**n]
        for x, v in zip(grid, values, strict=True)
    ]
    fixed: dict[int, mp.mpf] = {}
    for k in sorted(range(m + n), key=lambda k: -k if k < m else m - k):  # the highest power first
        coefficients, _ = _lawson(rows, fixed, m)
        fixed[k] = as_float(coefficients[k])
    coefficients, error = _lawson(rows, fixed, m)
    return coefficients[:m], coefficients[m:], error


def _lawson(rows: list[list[mp.mpf]], fixed: dict[int, mp.mpf], m: int) -> tuple[list[mp.mpf], mp.mpf]:
    """The coefficients, some of them fixed, and the largest relative error.

    A row is what each coefficient adds to P - f Q at one point, what the leading ones add to it, and what to f Q. Weighted
    least squares, the weights raised where the error is large (C. Lawson, 1961), divided by the Q of the step before
    (C. Sanathanan and J. Koerner, IEEE Transactions on Automatic Control 8, 1963).
    """
    count = len(rows[0]) - 2
    free = [k for k in range(count) if k not in fixed]
    weights, sizes = [mp.mpf(1)] * len(rows), [row[-1] + 1 for row in rows]
    best: tuple[list[mp.mpf], mp.mpf] = ([], mp.inf)
    for _ in range(100):
        scaled = [[v * mp.sqrt(w) / s for v in row] for row, w, s in zip(rows, weights, sizes, strict=True)]
        known = [row[-2] + sum(row[k] * c for k, c in fixed.items()) for row in scaled]
        columns = [[row[k] for row in scaled] for k in free]
        square = [[mp.fdot(a, b) for b in columns] for a in columns]
        right = [-mp.fdot(a, known) for a in columns]
        answer = dict(zip(free, mp.lu_solve(mp.matrix(square), mp.matrix(right)) if free else [], strict=True))
        found = [(fixed | answer)[k] for k in range(count)]
        sizes = [row[-1] - mp.fdot(row[m:count], found[m:]) for row in rows]
        errors = [abs((mp.fdot(row[:count], found) + row[-2]) / s) for row, s in zip(rows, sizes, strict=True)]
        best = min(best, (found, max(errors)), key=lambda pair: pair[1])
        weights = [w * e ** mp.mpf("0.7") for w, e in zip(weights, errors, strict=True)]
    return best


def exp_rise(r: mp.mpf) -> mp.mpf:
    """(exp(r) - 1) / r."""
    return mp.expm1(r) / r if r else mp.mpf(1)


def normal_tables() -> str:
    """What normal.h needs: Mills' ratio, and the density with registers of 8 and 16 floats."""
    p, q, error = monic_ratio(mills, mp.mpf(15), 4, 5)
    lines = [f"/* 2^{mp.nstr(mp.log(error, 2), 4)} */"]
    lines += [_array(f"mills_{name}", c, 9, "f") for name, c in (("above", p), ("below", q))]
    for lanes in (8, 16):
        half = mp.log(2) / lanes / 2 * mp.mpf("1.001")
        rise, error = remez(exp_rise, lambda r: abs(r) + mp.mpf("1e-6"), -half, half, 2)
        # exp(r) of r = -x/2, times 2^-64 / sqrt(2 pi)
        c = [DENSITY * b * mp.mpf(-0.5) ** i / 2**64 for i, b in enumerate([mp.mpf(1), *rise])]
        power = [struct.unpack("I", struct.pack("f", float(mp.mpf(2) ** (mp.mpf(j) / lanes))))[0] for j in range(lanes)]
        bits = [f"{b - j * (1 << 23) // lanes + (64 << 23):#x}" for j, b in enumerate(power)]
        lines += [f"#if VL == {lanes}", f"/* 2^{mp.nstr(mp.log(error, 2), 4)} */", _array("density_poly", c, 9, "f")]
        lines += ["static const fs_bits fs_density_powers[] = {", *(f"    {b}," for b in bits), "};", "#endif"]
    return "\n".join(lines)


def _array(name: str, values: list[mp.mpf], digits: int, suffix: str) -> str:
    numbers = "\n".join(f"    {mp.nstr(c, digits)}{suffix}," for c in values)
    return f"static const REAL fs_{name}[] = {{\n{numbers}\n}};"


HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.001")
SQUARE = (mp.sqrt(2) - 1) ** 2 / (mp.sqrt(2) + 1) ** 2 * mp.mpf("1.001")
NEAR = mp.mpf("0.625") ** 2 * mp.mpf("1.001")
POLYNOMIALS = {  # name: function, weight of the error, interval, degree for float and for double
    "exp_poly": (exp_rest, lambda r: r * r + mp.mpf("1e-3"), -HALF_LN2, HALF_LN2, (4, 9)),
    "log_poly": (log_rest, lambda z: z + SQUARE / 20, mp.mpf(0), SQUARE, (3, 6)),
    "erf_poly": (erf_odd, lambda z: 1 / (1 + erf_odd(z)), mp.mpf(0), mp.mpf(1), (6, 11)),
    "erfcx_poly": (erfcx_scaled, lambda u: 1 / erfcx_scaled(u), mp.mpf(-1), mp.mpf(1), (12, 26)),
    "tanh_poly": (tanh_rest, lambda z: z + NEAR / 20, mp.mpf(0), NEAR, (5, 10)),
}


def main() -> None:
    print(
        "/* Made by csrc/tools/minimax.py: the polynomials of math.h and normal.h, lowest power first, and errors. */"
    )
    for index, (opening, digits, suffix) in enumerate((("#ifdef FS_F64", 17, ""), ("#else", 9, "f"))):
        print(opening)
        for name, (f, weight, low, high, degrees) in POLYNOMIALS.items():
            coefficients, error = remez(f, weight, low, high, degrees[1 - index])
            print(f"/* 2^{mp.nstr(mp.log(error, 2), 4)} */")
            print(_array(name, coefficients, digits, suffix))
        if suffix:
            print(normal_tables())
    print("#endif")


if __name__ == "__main__":
    main()
