/* The functions of activations.def on registers, forward and backward, and the loop that runs them over an array.
 *
 * name_y(x, p, q) is the value; name_dx(dy, x, p, q) is dy times the derivative, x being what activations.def says
 * the way back takes: the argument, or the value where that is enough. The tail goes through the same function as the body.
 */
#include "normal.h"

#include "kernels.h"

#define FORWARD(name) FS_INLINE vec name##_y(vec x, vec p FS_UNUSED, vec q FS_UNUSED)
#define BACKWARD(name) FS_INLINE vec name##_dx(vec dy, vec x, vec p FS_UNUSED, vec q FS_UNUSED)
#define ONE v_set1(1)
#define CONSTANT(c) v_set1((REAL)(c))

FORWARD(relu) { return v_max(v_zero(), x); } /* in this order NaN stays */
BACKWARD(relu) { return v_select(v_le(x, v_zero()), v_zero(), dy); }

FORWARD(leaky_relu) { return v_select(v_gt(x, v_zero()), x, v_mul(x, p)); }
BACKWARD(leaky_relu) { return v_select(v_gt(x, v_zero()), dy, v_mul(dy, p)); }

FORWARD(elu) { return v_select(v_ge(x, v_zero()), x, v_mul(p, v_expm1(x))); }
BACKWARD(elu) { return v_select(v_gt(x, v_zero()), dy, v_mul(dy, v_mul(p, v_exp(x)))); }

FORWARD(exp) { return v_exp(x); }
BACKWARD(exp) { return v_mul(dy, x); }

FORWARD(expm1) { return v_expm1(x); }
BACKWARD(expm1) { return v_mul(dy, v_add(x, ONE)); }

FORWARD(log) { return v_log(x); }
BACKWARD(log) { return v_div(dy, x); }

FORWARD(log1p) { return v_log1p(x); }
BACKWARD(log1p) { return v_div(dy, v_add(x, ONE)); }

FORWARD(sqrt) { return v_sqrt(x); }
BACKWARD(sqrt) { return v_div(dy, v_add(x, x)); }

FORWARD(tanh) { return v_tanh(x); }
BACKWARD(tanh) { return v_mul(dy, v_fnma(x, x, ONE)); }

FORWARD(sigmoid) { return v_sigmoid(x); }
BACKWARD(sigmoid) { return v_mul(dy, v_mul(x, v_sub(ONE, x))); }

FS_INLINE vec normal_density(vec x, REAL scale) { /* exp(-scale x^2); 0 for infinities */
    return v_exp_square(v_min(v_set1(NORMAL_HIGHEST), v_abs(x)), scale);
}
FORWARD(erf) { return v_erf(x); }
BACKWARD(erf) { return v_mul(dy, v_mul(CONSTANT(TWO_OVER_SQRT_PI), normal_density(x, 1))); }

FORWARD(erfc) { return v_erfc(x); }
BACKWARD(erfc) { return v_neg(erf_dx(dy, x, p, q)); }

FORWARD(silu) { return v_mul(x, v_sigmoid(x)); }
BACKWARD(silu) {
    const vec s = v_sigmoid(x);
    return v_mul(dy, v_mul(s, v_fma(x, v_sub(ONE, s), ONE)));
}

/* x P(X < x) = |x| (1 - P(X > |x|)) for x > 0, |x| (0 - P(X > |x|)) for x < 0; the derivative likewise. */
FS_INLINE vec one_if_positive(vec x) { /* or +0 */
    return v_and_bits(v_sub_int(v_shr(x, (int)sizeof(REAL) * 8 - 1), v_set1_bits(1)), ONE);
}
FORWARD(gelu_erf) { /* 7 ULP (7.5 without FMA), of the result in the negative tail too while P is a normal number */
    const vec size = v_abs(x), a = v_min(v_set1(NORMAL_HIGHEST), size);
    return v_mul(size, v_sub(one_if_positive(x), v_times_density(v_mills(a), a)));
}
BACKWARD(gelu_erf) {
    const vec a = v_min(v_set1(NORMAL_HIGHEST), v_abs(x)), beyond = v_times_density(v_sub(v_mills(a), a), a);
    const vec sign = v_and_bits(x, v_set1_bits(FS_SIGN_BIT));
    return v_mul(dy, v_sub(one_if_positive(x), v_xor_bits(beyond, sign)));
}

FORWARD(gelu_sigmoid) { return v_mul(x, v_sigmoid(v_mul(x, CONSTANT(1.702)))); }
BACKWARD(gelu_sigmoid) {
    const vec z = v_mul(x, CONSTANT(1.702)), s = v_sigmoid(z);
    return v_mul(dy, v_mul(s, v_fma(z, v_sub(ONE, s), ONE)));
}

/* (1 + tanh z) / 2 is sigmoid(2z), which keeps its digits in the negative tail. Beyond 25 the sigmoid is 0 or 1 to the last
 * bit, and the cube need not overflow. */
#define GELU_SLOPE (2 * 0.79788456080286535588) /* 2 sqrt(2/pi) */
#define GELU_CUBE (GELU_SLOPE * 0.044715)
FS_INLINE vec gelu_bend(vec x, REAL cube) {
    const vec a = v_min(v_set1(25), v_abs(x));
    return v_fma(v_mul(a, a), v_set1(cube), CONSTANT(GELU_SLOPE));
}
FS_INLINE vec gelu_share(vec x) {
    const vec inside = v_min(v_set1(25), v_max(v_set1(-25), x));
    return v_sigmoid(v_mul(inside, gelu_bend(x, (REAL)GELU_CUBE)));
}
FORWARD(gelu_tanh) { return v_mul(x, gelu_share(x)); }
BACKWARD(gelu_tanh) {
    const vec s = gelu_share(x), rest = v_mul(x, v_sub(ONE, s));
    return v_mul(dy, v_mul(s, v_fma(rest, gelu_bend(x, (REAL)(3 * GELU_CUBE)), ONE)));
}

FORWARD(softplus) { /* log(1 + exp z) = max(z, 0) + log(1 + exp(-|z|)) */
    const vec z = v_mul(x, p);
    const vec y = v_add(v_max(v_zero(), z), v_log1p(v_exp(v_neg(v_abs(z)))));
    return v_select(v_gt(z, q), x, v_div(y, p));
}
BACKWARD(softplus) {
    const vec z = v_mul(x, p);
    return v_select(v_gt(z, q), dy, v_mul(dy, v_sigmoid(z)));
}

#define FS_ACTIVATION(name)                                                                                             \
    void FS_SIMD(name##_forward)(REAL *y, const REAL *x, const REAL *dy, ptrdiff_t n, REAL p, REAL q) {                 \
        const vec vp = v_set1(p), vq = v_set1(q);                                                                       \
        ptrdiff_t i = 0;                                                                                                \
        for (; i + VL <= n; i += VL) v_store(y + i, name##_y(v_load(x + i), vp, vq));                                   \
        if (i < n) v_store_n(y + i, name##_y(v_load_n(x + i, n - i), vp, vq), n - i);                                   \
        (void)dy;                                                                                                       \
    }                                                                                                                   \
    void FS_SIMD(name##_backward)(REAL *dx, const REAL *x, const REAL *dy, ptrdiff_t n, REAL p, REAL q) {               \
        const vec vp = v_set1(p), vq = v_set1(q);                                                                       \
        ptrdiff_t i = 0;                                                                                                \
        for (; i + VL <= n; i += VL) v_store(dx + i, name##_dx(v_load(dy + i), v_load(x + i), vp, vq));                 \
        if (i < n) v_store_n(dx + i, name##_dx(v_load_n(dy + i, n - i), v_load_n(x + i, n - i), vp, vq), n - i);        \
    }
#include "../activations.def"
#undef FS_ACTIVATION
