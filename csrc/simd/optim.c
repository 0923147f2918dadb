/* One pass over memory for each optimizer: read parameter, gradient and state, write parameter and state.
 *
 * Every function body is written for n <= VL lanes; called with n = VL as a constant the masks fold away.
 */
#include "vec_rsqrt.h"
#include "kernels.h"

FS_INLINE vec get(const REAL *p, ptrdiff_t n) { return n == VL ? v_load(p) : v_load_n(p, n); }

FS_INLINE void put(REAL *p, vec x, ptrdiff_t n) {
    if (n == VL) {
        v_store(p, x);
    } else {
        v_store_n(p, x, n);
    }
}

/* call(i, lanes) over 0..n: whole registers, then what is left. */
#define EACH_REGISTER(n, call)                            \
    do {                                                  \
        ptrdiff_t i = 0;                                  \
        for (; i + VL <= (n); i += VL) call(i, VL);       \
        if (i < (n)) call(i, (n) - i);                    \
    } while (0)

/* The direction to descend: the gradient (or its opposite), and decay times the parameter. */
FS_INLINE vec direction(vec x, vec g, REAL flip, REAL decay) {
    const vec d = v_xor_bits(v_set1(flip), g);
    return decay != 0 ? v_fma(v_set1(decay), x, d) : d;
}

/* keep * old + intake * new */
FS_INLINE vec average(REAL keep, vec old, REAL intake, vec new) {
    return v_fma(v_set1(keep), old, v_mul(v_set1(intake), new));
}

/* d / (sqrt(s) + eps) for s >= 0.
 *
 * A square root and a division keep the divider busy for longer than all else in a step takes, so the root is one step of
 * Newton's from an estimate y: sqrt(s) = s y (3 - s y y) / 2. Clamped to finite numbers above 0, of which s below infinity
 * have none smaller, y gives 0 for the root of 0 and an infinity for that of infinity.
 */
FS_INLINE vec over_root(vec d, vec s, REAL eps) {
#ifdef HAVE_RSQRT
    const vec y = v_max(v_set1(0x1p-65f), v_min(v_set1(0x1p127f), v_rsqrt(s))), root = v_mul(s, y);
    const vec half = v_div(d, v_fma(root, v_fnma(root, y, v_set1(3)), v_set1(2 * eps)));
    return v_add(half, half);
#else
    return v_div(d, v_add(v_sqrt(s), v_set1(eps)));
#endif
}

void FS_SIMD(sgd)(ptrdiff_t n, REAL *p, const REAL *g, REAL *buffer, const struct FS(sgd_rule) *rule) {
    const struct FS(sgd_rule) r = *rule;
#define SGD(i, lanes)                                                         \
    do {                                                                      \
        const vec x = get(p + (i), lanes);                                    \
        vec d = direction(x, get(g + (i), lanes), r.flip, r.decay);           \
        if (buffer) {                                                         \
            const vec b = average(r.momentum, get(buffer + (i), lanes), r.intake, d); \
            put(buffer + (i), b, lanes);                                      \
            d = r.nesterov ? v_fma(v_set1(r.momentum), b, d) : b;             \
        }                                                                     \
        put(p + (i), v_fnma(v_set1(r.lr), d, x), lanes);                      \
    } while (0)
    EACH_REGISTER(n, SGD);
}
void FS_SIMD(rmsprop)(ptrdiff_t n, REAL *p, const REAL *g, REAL *square, REAL *mean, REAL *buffer,
                      const struct FS(rmsprop_rule) *rule) {
    const struct FS(rmsprop_rule) r = *rule;
#define RMSPROP(i, lanes)                                                     \
    do {                                                                      \
        const vec x = get(p + (i), lanes), d = direction(x, get(g + (i), lanes), r.flip, r.decay); \
        vec s = average(r.alpha, get(square + (i), lanes), r.intake, v_mul(d, d)); \
        put(square + (i), s, lanes);                                          \
        if (mean) {                                                           \
            const vec m = average(r.alpha, get(mean + (i), lanes), r.intake, d); \
            put(mean + (i), m, lanes);                                        \
            s = v_max(v_zero(), v_fnma(m, m, s)); /* rounding must not make it negative */ \
        }                                                                     \
        vec u = over_root(d, s, r.eps);                                       \
        if (buffer) {                                                         \
            u = v_fma(v_set1(r.momentum), get(buffer + (i), lanes), u);       \
            put(buffer + (i), u, lanes);                                      \
        }                                                                     \
        put(p + (i), v_fnma(v_set1(r.lr), u, x), lanes);                      \
    } while (0)
    EACH_REGISTER(n, RMSPROP);
}

/* The larger; NaN where either is. */
FS_INLINE vec maximum(vec a, vec b) { return v_select(v_unord(a, a), a, v_max(a, b)); }
void FS_SIMD(adam)(ptrdiff_t n, REAL *p, const REAL *g, REAL *mean, REAL *square, REAL *largest,
                   const struct FS(adam_rule) *rule) {
    const struct FS(adam_rule) r = *rule;
#define ADAM(i, lanes)                                                        \
    do {                                                                      \
        vec x = get(p + (i), lanes);                                          \
        const vec d = direction(x, get(g + (i), lanes), r.flip, r.decay);     \
        const vec m = average(r.beta1, get(mean + (i), lanes), r.intake1, d); \
        vec v = average(r.beta2, get(square + (i), lanes), r.intake2, v_mul(d, d)); \
        put(mean + (i), m, lanes);                                            \
        put(square + (i), v, lanes);                                          \
        if (largest) {                                                        \
            v = maximum(get(largest + (i), lanes), v);                        \
            put(largest + (i), v, lanes);                                     \
        }                                                                     \
        if (r.shrink != 1) x = v_mul(x, v_set1(r.shrink));                    \
        put(p + (i), v_fnma(v_set1(r.step_size), over_root(m, v, r.eps), x), lanes); \
    } while (0)
    EACH_REGISTER(n, ADAM);
}

/* sum += x . x in double, by STREAMS running sums: the same order, and for float the same bits, on every instruction set. */
enum { STREAMS = 16 };
void FS_SIMD(optim_squares)(ptrdiff_t n, const REAL *x, double *sum) {
    double stream[STREAMS] = {0};
    ptrdiff_t i = 0;
    for (; i + STREAMS <= n; i += STREAMS) {
        for (int s = 0; s < STREAMS; s++) stream[s] += (double)x[i + s] * (double)x[i + s];
    }
    for (int s = 0; i < n; i++, s++) stream[s] += (double)x[i] * (double)x[i];
    for (int half = STREAMS / 2; half > 0; half /= 2) {
        for (int s = 0; s < half; s++) stream[s] += stream[s + half];
    }
    *sum += stream[0];
}

/* largest = the largest |x|, or NaN if there is one. */
void FS_SIMD(optim_largest)(ptrdiff_t n, const REAL *x, REAL *largest) {
    vec top = v_zero(), nan = v_zero();
#define LARGEST(i, lanes)                                         \
    do {                                                          \
        const vec a = v_abs(get(x + (i), lanes));                 \
        top = v_max(a, top); /* passes over NaN, which the sum below keeps */ \
        nan = v_select(v_unord(a, a), a, nan);                    \
    } while (0)
    EACH_REGISTER(n, LARGEST);
    const REAL bad = v_sum(nan);
    *largest = bad != bad ? bad : v_hmax(top);
}
void FS_SIMD(optim_scale)(ptrdiff_t n, REAL *x, REAL factor) {
#define SCALE(i, lanes) put(x + (i), v_mul(v_set1(factor), get(x + (i), lanes)), lanes)
    EACH_REGISTER(n, SCALE);
}
void FS_SIMD(optim_clamp)(ptrdiff_t n, REAL *x, REAL limit) {
#define CLAMP(i, lanes) \
    put(x + (i), v_min(v_set1(limit), v_max(v_set1(-limit), get(x + (i), lanes))), lanes) /* NaN stays NaN */
    EACH_REGISTER(n, CLAMP);
}
