/* The normal distribution on one register: P(X > a) = mills(a) density(a) for 0 <= a <= NORMAL_HIGHEST.
 *
 * Mills' ratio falls from sqrt(pi/2) as slowly as 1/a, so that a ratio of polynomials gives it to all digits, and all that is
 * steep is the density, exp(-a^2/2) / sqrt(2 pi).
 */
#ifndef FS_NORMAL_H
#define FS_NORMAL_H

#include "math.h"

#define INV_SQRT_2PI ((REAL)0.39894228040143267794)
#define SQRT_HALF_PI ((REAL)1.25331413731550025121)

#ifdef FS_F64
FS_INLINE vec v_mills(vec a) { return v_mul(v_erfcx(v_mul(a, v_set1(SQRT_HALF))), v_set1(SQRT_HALF_PI)); }
#else
/* x^degree + c[degree - 1] x^(degree - 1) + ... + c[0] */
FS_INLINE vec v_monic(vec x, const REAL *c, const int degree) {
    vec y = v_add(x, v_set1(c[degree - 1]));
    FS_UNROLL
    for (int i = degree - 2; i >= 0; i--) y = v_fma(y, x, v_set1(c[i]));
    return y;
}
FS_INLINE vec v_mills(vec a) { return v_div(v_monic(a, fs_mills_above, 4), v_monic(a, fs_mills_below, 5)); }
#endif

#ifdef HAVE_LOOKUP
#define LN4 1.38629437f /* its rounding error, 2^-29 of it and so of a^2, is made up for in mills() */

/* y density(a): with a^2 = rest - k ln(4) / VL, exp(-a^2/2) is 2^(k/VL) exp(-rest/2), where the power is a table's entry
 * shifted by k / VL. The table is 2^64 times too large and the polynomial as much too small, so that nothing but the result
 * can be a denormal number. */
FS_INLINE vec v_times_density(vec y, vec a) {
    const vec square = v_mul(a, a), excess = v_fnma(a, a, square); /* of the rounded square */
    const vec sum = v_fnma(square, v_set1(VL / LN4), v_set1(ROUND_MAGIC_INT));
    const vec k = v_sub(sum, v_set1(ROUND_MAGIC_INT));
    const vec rest = v_sub(v_fma(k, v_set1(LN4 / VL), square), excess);
    vec e = v_set1(fs_density_poly[3]);
    FS_UNROLL
    for (int i = 2; i >= 0; i--) e = v_fma(e, rest, v_set1(fs_density_poly[i]));
    const vec power = v_lookup(v_load((const REAL *)(const void *)fs_density_powers), sum);
    return v_mul(v_mul(y, e), v_add_int(power, v_shl(sum, MANTISSA_BITS - HAVE_LOOKUP)));
}
#else
#ifdef FS_F64
#define MILLS_DRIFT 0
#else
#define MILLS_DRIFT 1.37391765e-9f /* mills() makes up for a rounding that is not here */
#endif
FS_INLINE vec v_times_density(vec y, vec a) {
    const vec factor = v_fma(v_mul(a, a), v_set1(MILLS_DRIFT * INV_SQRT_2PI), v_set1(INV_SQRT_2PI));
    return v_mul(v_mul(y, factor), v_exp_square(a, (REAL)0.5));
}
#endif

#endif
