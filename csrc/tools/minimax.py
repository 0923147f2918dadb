"""Prints csrc/simd/math_tables.h: the polynomials of math.h for float and double, minimax, by Remez' exchange in 60 digits.

Needs mpmath; run by hand, and only when a polynomial is to change. E. Ya. Remez, Comptes Rendus 198, 1934.
"""

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


HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.001")
SQUARE = (mp.sqrt(2) - 1) ** 2 / (mp.sqrt(2) + 1) ** 2 * mp.mpf("1.001")
POLYNOMIALS = {  # name: function, weight of the error, interval, degree for float and for double
    "exp_poly": (exp_rest, lambda r: r * r + mp.mpf("1e-3"), -HALF_LN2, HALF_LN2, (4, 9)),
    "log_poly": (log_rest, lambda z: z + SQUARE / 20, mp.mpf(0), SQUARE, (3, 6)),
    "erf_poly": (erf_odd, lambda z: 1 / (1 + erf_odd(z)), mp.mpf(0), mp.mpf(1), (6, 11)),
    "erfcx_poly": (erfcx_scaled, lambda u: 1 / erfcx_scaled(u), mp.mpf(-1), mp.mpf(1), (12, 26)),
}


def main() -> None:
    print("/* Made by csrc/tools/minimax.py: the polynomials of math.h, lowest power first, and the error of each. */")
    for index, (opening, digits, suffix) in enumerate((("#ifdef FS_F64", 17, ""), ("#else", 9, "f"))):
        print(opening)
        for name, (f, weight, low, high, degrees) in POLYNOMIALS.items():
            coefficients, error = remez(f, weight, low, high, degrees[1 - index])
            print(f"/* 2^{mp.nstr(mp.log(error, 2), 4)} */")
            print(f"static const REAL fs_{name}[] = {{")
            print("\n".join(f"    {mp.nstr(c, digits)}{suffix}," for c in coefficients))
            print("};")
    print("#endif")


if __name__ == "__main__":
    main()
