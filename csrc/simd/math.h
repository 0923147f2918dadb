/* exp, log, tanh, erf and their kin on one register, for float and double from one body.
 *
 * NaN gives NaN, infinities and zeros of both signs give what C's <math.h> gives, and denormals count, as arguments and as
 * results. Errors below are the largest that tests/test_math.py allows, in units in the last place, with FMA or without.
 * Arguments are reduced with constants in two parts, so that nothing depends on FMA. The polynomials are our own
 * (csrc/tools/minimax.py). The reduction of the logarithm is that of K. C. Ng's in fdlibm, 1993; see also J.-M. Muller,
 * Elementary Functions, 2016, chapter 11.
 */
#ifndef FS_MATH_H
#define FS_MATH_H

#include "vec.h"

#include "math_tables.h"

#ifdef FS_F64
enum { MANTISSA_BITS = 52, EXPONENT_BIAS = 1023 };
#define POW2_MAGIC (6755399441055744.0 + 1023) /* 1.5 * 2^52 + bias: the sum's lowest bits are n + bias */
#define INT_MAGIC 4503599627370496.0           /* 2^52: an integer or-ed into its lowest bits is added to it */
#define LN2_HIGH 6.93147180369123816490e-01    /* few enough bits that n * LN2_HIGH is exact */
#define LN2_LOW 1.90821492927058770002e-10
#define EXP_LOWEST (-746.0) /* below, exp is 0; above EXP_HIGHEST, infinite */
#define EXP_HIGHEST 710.0
#define EXP_NORMAL 708.0 /* as far as here, exp is a normal number */
#define ROUND_MAGIC_INT 6755399441055744.0 /* 1.5 * 2^52: the sum's lowest bits are an integer */
#define EXPM1_LOWEST (-38.0)
#define TANH_HIGHEST 20.0
#define ERFC_HIGHEST 28.0 /* beyond, erfc is 0; NORMAL_HIGHEST is the same for the normal distribution */
#define NORMAL_HIGHEST 39.5
#define HIGH_HALF 0xFFFFFFFFF8000000u /* the sign, the exponent and half of the mantissa */
#define ONE_BITS 0x3FF0000000000000u
#define SQRT_HALF_BITS 0x3FE6A09E667F3BCDu
#define SMALLEST_NORMAL 0x1p-1022
#define DENORMAL_SHIFT 54
#else
enum { MANTISSA_BITS = 23, EXPONENT_BIAS = 127 };
#define POW2_MAGIC (12582912.0f + 127)
#define INT_MAGIC 8388608.0f
#define LN2_HIGH 0.693359375f
#define LN2_LOW (-2.12194440e-4f)
#define EXP_LOWEST (-104.0f)
#define EXP_HIGHEST 89.0f
#define EXP_NORMAL 87.0f
#define ROUND_MAGIC_INT 12582912.0f
#define EXPM1_LOWEST (-18.0f)
#define TANH_HIGHEST 10.0f
#define ERFC_HIGHEST 11.0f
#define NORMAL_HIGHEST 15.0f
#define HIGH_HALF 0xFFFFF000u
#define ONE_BITS 0x3F800000u
#define SQRT_HALF_BITS 0x3F3504F3u
#define SMALLEST_NORMAL 0x1p-126f
#define DENORMAL_SHIFT 25
#endif
#define TANH_NEAR ((REAL)0.625)
#define LOG2_E ((REAL)1.44269504088896340736)
#define SQRT_HALF ((REAL)0.70710678118654752440)
#define TWO_OVER_SQRT_PI ((REAL)1.12837916709551257390)
#define ERFCX_K ((REAL)2)
#define FS_DEGREE(c) ((int)(sizeof(c) / sizeof(*(c))) - 1)
#define V_POLY(x, c) v_poly(x, c, FS_DEGREE(c))

/* c[0] + c[1] x + ... + c[degree] x^degree: even powers and odd ones side by side, for the time of half as many steps. */
FS_INLINE vec v_poly(vec x, const REAL *c, const int degree) {
    const vec z = v_mul(x, x);
    vec y = v_set1(c[degree]), other = v_set1(c[degree - 1]);
    FS_UNROLL
    for (int i = degree - 2; i > 0; i -= 2) {
        y = v_fma(y, z, v_set1(c[i]));
        other = v_fma(other, z, v_set1(c[i - 1]));
    }
    if (degree % 2) return v_fma(y, x, other);
    return v_fma(other, x, v_fma(y, z, v_set1(c[0])));
}

FS_INLINE vec v_infinity(void) { return v_set1_bits((fs_bits)(2 * EXPONENT_BIAS + 1) << MANTISSA_BITS); }
FS_INLINE vec v_nan(void) { return v_set1_bits(((fs_bits)(4 * EXPONENT_BIAS + 3)) << (MANTISSA_BITS - 1)); }
FS_INLINE vec v_with_sign(vec size, vec sign) { return v_or_bits(size, v_and_bits(sign, v_set1_bits(FS_SIGN_BIT))); }
FS_INLINE vmask v_is_tiny(vec x) { return v_lt(v_abs(x), v_set1((REAL)(1.0 / ((fs_bits)1 << (MANTISSA_BITS + 2))))); }

/* 2^n for a whole n, the result being a normal number. */
FS_INLINE vec v_pow2(vec n) { return v_shl(v_add(n, v_set1(POW2_MAGIC)), MANTISSA_BITS); }

/* y 2^n for a whole n, where the result may be no normal number: in two steps of about 2^(n/2). */
FS_INLINE vec v_times_pow2(vec y, vec n) {
#ifdef HAVE_SCALE
    return v_scale(y, n);
#else
    const vec sum = v_sub_int(v_add(n, v_set1(POW2_MAGIC + EXPONENT_BIAS)), v_set1(POW2_MAGIC - EXPONENT_BIAS)); /* n + 2 bias */
    const vec half = v_shr(sum, 1);
    return v_mul(v_mul(y, v_shl(half, MANTISSA_BITS)), v_shl(v_sub_int(sum, half), MANTISSA_BITS));
#endif
}

/* x = n ln 2 + r with |r| <= ln 2 / 2; returns n. */
FS_INLINE vec v_reduce(vec x, vec *r) {
    const vec n = v_round(v_mul(x, v_set1(LOG2_E)));
    *r = v_fnma(n, v_set1(LN2_LOW), v_fnma(n, v_set1(LN2_HIGH), x));
    return n;
}

/* exp(r) - 1 - r for a reduced argument. */
FS_INLINE vec v_exp_rest(vec r) { return v_mul(v_mul(r, r), V_POLY(r, fs_exp_poly)); }
FS_INLINE vec v_exp_of_reduced(vec r) { return v_add(v_fma(v_mul(r, r), V_POLY(r, fs_exp_poly), r), v_set1(1)); }

FS_INLINE vec v_exp_range(vec x) {
    return v_min(v_set1(EXP_HIGHEST), v_max(v_set1(EXP_LOWEST), x)); /* in this order NaN stays */
}

#ifndef HAVE_SCALE
FS_INLINE int v_exp_is_normal(vec x) { return !m_any(m_not(v_le(v_abs(x), v_set1(EXP_NORMAL)))); } /* and none is NaN */

/* exp(x + low) where it is a normal number: n is added to the exponent as an integer. */
FS_INLINE vec v_exp_normal(vec x, vec low) {
    const vec sum = v_fma(x, v_set1(LOG2_E), v_set1(ROUND_MAGIC_INT)), n = v_sub(sum, v_set1(ROUND_MAGIC_INT));
    const vec r = v_add(v_fnma(n, v_set1(LN2_LOW), v_fnma(n, v_set1(LN2_HIGH), x)), low);
    return v_add_int(v_exp_of_reduced(r), v_shl(sum, MANTISSA_BITS));
}
#endif

/* exp(x). 1.1 ULP. */
FS_INLINE vec v_exp(vec x) {
    vec r;
#ifndef HAVE_SCALE
    if (v_exp_is_normal(x)) return v_exp_normal(x, v_zero());
#endif
    const vec n = v_reduce(v_exp_range(x), &r);
    return v_times_pow2(v_exp_of_reduced(r), n);
}

/* exp(x + low) for a small correction to x. */
FS_INLINE vec v_exp_sum(vec x, vec low) {
    vec r;
#ifndef HAVE_SCALE
    if (v_exp_is_normal(x)) return v_exp_normal(x, low);
#endif
    const vec n = v_reduce(v_exp_range(x), &r);
    return v_times_pow2(v_exp_of_reduced(v_add(r, low)), n);
}

/* exp(x) - 1. 1.5 ULP. */
FS_INLINE vec v_expm1(vec x) {
    const vec z = v_min(v_set1(EXP_HIGHEST), v_max(v_set1(EXPM1_LOWEST), x));
    const vec n = v_round(v_mul(z, v_set1(LOG2_E)));
    /* r + low is the reduced argument with what its own rounding lost: where n = 1 the result is no larger than that. */
    const vec high = v_fnma(n, v_set1(LN2_HIGH), z), r = v_fnma(n, v_set1(LN2_LOW), high);
    const vec low = v_fnma(n, v_set1(LN2_LOW), v_sub(high, r));
    const vec s = v_pow2(v_sub(n, v_set1(1))); /* 2^n / 2, which never overflows */
    const vec y = v_fma(s, r, v_sub(s, v_set1((REAL)0.5)));
    const vec sum = v_fma(s, v_add(v_exp_rest(r), low), y);
    return v_select(v_is_tiny(x), x, v_add(sum, sum));
}

/* tanh(x): a polynomial near 0, where 1 - 2 / (exp(2x) + 1) would lose digits. 1.5 ULP. */
FS_INLINE vec v_tanh(vec x) {
    const vec a = v_min(v_set1(TANH_HIGHEST), v_abs(x)), z = v_mul(a, a);
    vec r;
    const vec n = v_reduce(v_add(a, a), &r);
    const vec e = v_mul(v_exp_of_reduced(r), v_pow2(n));
    const vec far = v_sub(v_set1(1), v_div(v_set1(2), v_add(e, v_set1(1))));
    const vec near = v_fma(v_mul(a, z), V_POLY(z, fs_tanh_poly), a);
    return v_with_sign(v_select(v_lt(a, v_set1(TANH_NEAR)), near, far), x);
}

/* 1 / (1 + exp(-x)), relative to the result in the negative tail too. 2.5 ULP: putting back what the sum rounded away would
 * bring it under 2, and cost a third more time. */
FS_INLINE vec v_sigmoid(vec x) {
    const vec e = v_exp(v_neg(v_abs(x))), one = v_set1(1);
    return v_div(v_select(v_lt(x, v_zero()), e, one), v_add(e, one));
}

/* log(u) + more for a normal u > 0 and a small correction, less shift ln 2. */
FS_INLINE vec v_log_core(vec u, vec more, vec shift) {
    /* u = 2^k m with m in [sqrt(1/2), sqrt 2) */
    const vec i = v_add_int(u, v_set1_bits(ONE_BITS - SQRT_HALF_BITS));
    const vec exponent = v_or_bits(v_shr(i, MANTISSA_BITS), v_set1(INT_MAGIC));
    const vec k = v_sub(v_sub(exponent, v_set1(INT_MAGIC + EXPONENT_BIAS)), shift);
    const vec mantissa = v_and_bits(i, v_set1_bits(((fs_bits)1 << MANTISSA_BITS) - 1));
    const vec f = v_sub(v_add_int(mantissa, v_set1_bits(SQRT_HALF_BITS)), v_set1(1));
    /* log(1 + f) = f - f^2/2 + s (f^2/2 + s^2 R(s^2)) with s = f / (2 + f) */
    const vec s = v_div(f, v_add(f, v_set1(2))), z = v_mul(s, s);
    const vec half = v_mul(v_mul(f, v_set1((REAL)0.5)), f);
    const vec low = v_fma(s, v_fma(z, V_POLY(z, fs_log_poly), half), v_fma(k, v_set1(LN2_LOW), more));
    return v_fma(k, v_set1(LN2_HIGH), v_sub(f, v_sub(half, low)));
}

/* y, except at the ends of the logarithm: x = 1 + ... is 0, negative, infinite or NaN. */
FS_INLINE vec v_log_ends(vec y, vec x) {
    y = v_select(v_lt(x, v_infinity()), y, x);
    y = v_select(v_eq(x, v_zero()), v_neg(v_infinity()), y);
    return v_select(v_lt(x, v_zero()), v_nan(), y);
}

/* log(x). 1 ULP. */
FS_INLINE vec v_log(vec x) {
    const vmask denormal = v_lt(x, v_set1(SMALLEST_NORMAL));
    const vec u = v_select(denormal, v_mul(x, v_set1((REAL)((fs_bits)1 << DENORMAL_SHIFT))), x);
    const vec shift = v_select(denormal, v_set1(DENORMAL_SHIFT), v_zero());
    return v_log_ends(v_log_core(u, v_zero(), shift), x);
}

/* log(1 + x). 1 ULP. */
FS_INLINE vec v_log1p(vec x) {
    const vec u = v_add(x, v_set1(1));
    const vec lost = v_sub(x, v_sub(u, v_set1(1))); /* what the sum rounded away */
    const vec y = v_log_ends(v_log_core(u, v_div(lost, u), v_zero()), u);
    return v_select(v_is_tiny(x), x, y);
}

/* exp(-scale a^2), the square taken exactly: rounding it would cost a^2 ULP. scale is a power of two. */
FS_INLINE vec v_exp_square(vec a, REAL scale) {
    const vec square = v_mul(a, a);
#if HAVE_FMA
    const vec low = v_fma(a, a, v_neg(square));
#else /* T. J. Dekker, Numerische Mathematik 18, 1971 */
    const vec h = v_and_bits(a, v_set1_bits(HIGH_HALF)), l = v_sub(a, h), hl = v_mul(h, l);
    const vec low = v_add(v_add(v_sub(v_mul(h, h), square), v_add(hl, hl)), v_mul(l, l));
#endif
    return v_exp_sum(v_mul(square, v_set1(-scale)), v_mul(low, v_set1(-scale)));
}

/* exp(a^2) erfc(a) for a >= 0. M. Shepherd and J. Laframboise, Mathematics of Computation 36(153), 1981. */
FS_INLINE vec v_erfcx(vec a) {
    const vec t = v_div(v_set1(ERFCX_K), v_add(a, v_set1(ERFCX_K)));
    return v_mul(t, V_POLY(v_sub(v_set1(1), v_add(t, t)), fs_erfcx_poly));
}

/* |x| < 1, where erf has a power series of its own; through the pointers erf there, and erfc(|x|) elsewhere. */
FS_INLINE vmask v_erf_parts(vec x, vec *inner, vec *outer) {
    const vec a = v_min(v_set1(ERFC_HIGHEST), v_abs(x));
    *inner = v_fma(x, V_POLY(v_mul(x, x), fs_erf_poly), x);
    *outer = v_mul(v_exp_square(a, 1), v_erfcx(a));
    return v_lt(a, v_set1(1));
}

/* erfc(x) = 1 - erf(x), relative to the result in the tail too. 6.5 ULP. */
FS_INLINE vec v_erfc(vec x) {
    vec inner, outer;
    const vmask small = v_erf_parts(x, &inner, &outer);
    outer = v_select(v_lt(x, v_zero()), v_sub(v_set1(2), outer), outer);
    return v_select(small, v_sub(v_set1(1), inner), outer);
}

/* erf(x). 1.5 ULP. */
FS_INLINE vec v_erf(vec x) {
    vec inner, outer;
    const vmask small = v_erf_parts(x, &inner, &outer);
    return v_select(small, inner, v_with_sign(v_sub(v_set1(1), outer), x));
}

#endif
