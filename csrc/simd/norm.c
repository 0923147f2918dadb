/* Sums and affine maps along the columns of a few rows (batch norm), and whole rows at a time (layer norm).
 *
 * Means and squared deviations are the corrected two-pass ones: the second pass, about the first's mean, also sums the
 * deviations and takes out what they reveal of the first's error.
 * T. Chan, G. Golub and R. LeVeque, Algorithms for Computing the Sample Variance, The American Statistician 37(3), 1983.
 */
#include "vec.h"
#include "kernels.h"

enum { WAYS = 4 }; /* accumulators side by side: they hide the latency of the addition and shorten the chain of errors */

/* `partial` is a constant wherever these are inlined: a tail of n lanes, or a whole register. */
FS_INLINE vec get(const int partial, const REAL *p, ptrdiff_t n) { return partial ? v_load_n(p, n) : v_load(p); }
FS_INLINE void put(const int partial, REAL *p, vec x, ptrdiff_t n) {
    if (partial) {
        v_store_n(p, x, n);
    } else {
        v_store(p, x);
    }
}
FS_INLINE vec total(const vec *acc) { return v_add(v_add(acc[0], acc[1]), v_add(acc[2], acc[3])); }

/* ---- columns ---- */

#define EACH_COLUMN(call)                                      \
    do {                                                       \
        ptrdiff_t j = 0, n = VL;                               \
        for (; j + VL <= c; j += VL) call(0);                  \
        n = c - j;                                             \
        if (n > 0) call(1);                                    \
    } while (0)

/* The body for each row i, with accumulator w: WAYS rows at a time, then the rest. */
#define EACH_ROW(...)                                          \
    do {                                                       \
        ptrdiff_t i = 0;                                       \
        while (i + WAYS <= rows) {                             \
            for (int w = 0; w < WAYS; w++, i++) __VA_ARGS__    \
        }                                                      \
        for (int w = 0; i < rows; w++, i++) __VA_ARGS__        \
    } while (0)

FS_INLINE void block_column(const int partial, REAL *offset, REAL *m2, const REAL *x, ptrdiff_t rows, ptrdiff_t c,
                            ptrdiff_t n) {
    vec sum[WAYS] = {v_zero(), v_zero(), v_zero(), v_zero()}, square[WAYS] = {v_zero(), v_zero(), v_zero(), v_zero()};
    const vec count = v_set1((REAL)rows);
    EACH_ROW({ sum[w] = v_add(sum[w], get(partial, x + i * c, n)); });
    const vec first = v_div(total(sum), count);
    for (int w = 0; w < WAYS; w++) sum[w] = v_zero();
    EACH_ROW({
        const vec d = v_sub(get(partial, x + i * c, n), first);
        sum[w] = v_add(sum[w], d);
        square[w] = v_fma(d, d, square[w]);
    });
    const vec rest = total(sum), shift = v_div(rest, count);
    /* The whole mean would lose, rounded, the digits in which blocks differ when it is large beside the deviations. */
    put(partial, offset, v_add(v_sub(first, get(partial, x, n)), shift), n);
    put(partial, m2, v_fnma(rest, shift, total(square)), n);
}

void FS_SIMD(norm_block)(REAL *offset, REAL *m2, const REAL *x, ptrdiff_t rows, ptrdiff_t c) {
#define CALL(partial) block_column(partial, offset + j, m2 + j, x + j, rows, c, n)
    EACH_COLUMN(CALL);
#undef CALL
}

FS_INLINE void sums_column(const int partial, REAL *sum, REAL *dot, const REAL *dy, const REAL *x, const REAL *mean,
                           ptrdiff_t rows, ptrdiff_t c, ptrdiff_t n) {
    vec s[WAYS] = {v_zero(), v_zero(), v_zero(), v_zero()}, p[WAYS] = {v_zero(), v_zero(), v_zero(), v_zero()};
    const vec m = get(partial, mean, n);
    EACH_ROW({
        const vec g = get(partial, dy + i * c, n);
        s[w] = v_add(s[w], g);
        p[w] = v_fma(g, v_sub(get(partial, x + i * c, n), m), p[w]);
    });
    put(partial, sum, total(s), n);
    put(partial, dot, total(p), n);
}

void FS_SIMD(norm_sums)(REAL *sum, REAL *dot, const REAL *dy, const REAL *x, const REAL *mean, ptrdiff_t rows,
                        ptrdiff_t c) {
#define CALL(partial) sums_column(partial, sum + j, dot + j, dy + j, x + j, mean + j, rows, c, n)
    EACH_COLUMN(CALL);
#undef CALL
}

FS_INLINE void apply(const int partial, REAL *y, const REAL *x, const REAL *mean, const REAL *scale, const REAL *shift,
                     ptrdiff_t n) {
    const vec d = v_sub(get(partial, x, n), get(partial, mean, n));
    put(partial, y, v_fma(d, get(partial, scale, n), get(partial, shift, n)), n);
}

void FS_SIMD(norm_apply)(REAL *y, const REAL *x, const REAL *mean, const REAL *scale, const REAL *shift, ptrdiff_t rows,
                         ptrdiff_t c) {
    for (ptrdiff_t i = 0; i < rows; i++, y += c, x += c) {
#define CALL(partial) apply(partial, y + j, x + j, mean + j, scale + j, shift + j, n)
        EACH_COLUMN(CALL);
#undef CALL
    }
}

FS_INLINE void gradient(const int partial, REAL *dx, const REAL *dy, const REAL *x, const REAL *mean, const REAL *scale,
                        const REAL *a, const REAL *b, ptrdiff_t n) {
    const vec d = v_sub(get(partial, x, n), get(partial, mean, n));
    const vec centred = v_sub(get(partial, dy, n), get(partial, a, n));
    put(partial, dx, v_mul(get(partial, scale, n), v_fnma(d, get(partial, b, n), centred)), n);
}

void FS_SIMD(norm_gradient)(REAL *dx, const REAL *dy, const REAL *x, const REAL *mean, const REAL *scale, const REAL *a,
                            const REAL *b, ptrdiff_t rows, ptrdiff_t c) {
    for (ptrdiff_t i = 0; i < rows; i++, dx += c, dy += c, x += c) {
#define CALL(partial) gradient(partial, dx + j, dy + j, x + j, mean + j, scale + j, a + j, b + j, n)
        EACH_COLUMN(CALL);
#undef CALL
    }
}

/* ---- rows ---- */

/* Sums of (x - shift) and, where square is not NULL, of (x - shift)^2. */
FS_INLINE REAL row_sums(const REAL *x, ptrdiff_t n, REAL shift, REAL *square) {
    vec s[WAYS] = {v_zero(), v_zero(), v_zero(), v_zero()}, q[WAYS] = {v_zero(), v_zero(), v_zero(), v_zero()};
    const vec m = v_set1(shift);
    ptrdiff_t j = 0;
    for (; j + WAYS * VL <= n; j += WAYS * VL) {
        for (int w = 0; w < WAYS; w++) {
            const vec d = v_sub(v_load(x + j + w * VL), m);
            s[w] = v_add(s[w], d);
            q[w] = v_fma(d, d, q[w]);
        }
    }
    REAL fill[VL];
    v_store(fill, m); /* in the tail, lanes beyond n must see 0 - 0 */
    for (; j < n; j += VL) {
        const ptrdiff_t lanes = FS_MIN(VL, n - j);
        const vec d = v_sub(v_load_n(x + j, lanes), v_load_n(fill, lanes));
        s[0] = v_add(s[0], d);
        q[0] = v_fma(d, d, q[0]);
    }
    if (square) *square = v_sum(total(q));
    return v_sum(total(s));
}

void FS_SIMD(layer_norm_row)(REAL *y, REAL *mean, REAL *rstd, const REAL *x, const REAL *weight, const REAL *bias,
                             ptrdiff_t n, REAL eps) {
    REAL square;
    const REAL count = (REAL)n, first = row_sums(x, n, 0, NULL) / count;
    const REAL rest = row_sums(x, n, first, &square), shift = rest / count;
    const REAL m2 = square - rest * shift, var = m2 < 0 ? 0 : m2 / count; /* rounding may leave less than nothing */
    REAL root[VL];
    v_store(root, v_sqrt(v_set1(var + eps)));
    *mean = first + shift;
    *rstd = 1 / root[0];
    const vec m = v_set1(*mean), r = v_set1(*rstd);
    for (ptrdiff_t j = 0; j < n; j += VL) {
        const ptrdiff_t lanes = FS_MIN(VL, n - j);
        vec out = v_mul(v_sub(get(lanes < VL, x + j, lanes), m), r);
        if (weight) out = v_mul(out, get(lanes < VL, weight + j, lanes));
        if (bias) out = v_add(out, get(lanes < VL, bias + j, lanes));
        put(lanes < VL, y + j, out, lanes);
    }
}

void FS_SIMD(layer_norm_gradient)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const REAL *x, const REAL *weight,
                                  REAL mean, REAL rstd, ptrdiff_t n) {
    const vec m = v_set1(mean), r = v_set1(rstd), one = v_set1(1);
    vec sum = v_zero(), dot = v_zero();
    for (ptrdiff_t j = 0; j < n; j += VL) { /* lanes beyond n add nothing: their dy is 0 */
        const ptrdiff_t lanes = FS_MIN(VL, n - j);
        const vec g = get(lanes < VL, dy + j, lanes), h = v_mul(v_sub(get(lanes < VL, x + j, lanes), m), r);
        put(lanes < VL, dw + j, v_fma(g, h, get(lanes < VL, dw + j, lanes)), lanes);
        put(lanes < VL, db + j, v_add(g, get(lanes < VL, db + j, lanes)), lanes);
        const vec scaled = v_mul(g, weight ? get(lanes < VL, weight + j, lanes) : one);
        sum = v_add(sum, scaled);
        dot = v_fma(scaled, h, dot);
    }
    const vec a = v_set1(v_sum(sum) / (REAL)n), b = v_set1(v_sum(dot) / (REAL)n);
    for (ptrdiff_t j = 0; j < n; j += VL) {
        const ptrdiff_t lanes = FS_MIN(VL, n - j);
        const vec h = v_mul(v_sub(get(lanes < VL, x + j, lanes), m), r);
        const vec scaled = v_mul(get(lanes < VL, dy + j, lanes), weight ? get(lanes < VL, weight + j, lanes) : one);
        put(lanes < VL, dx + j, v_mul(r, v_fnma(h, b, v_sub(scaled, a))), lanes);
    }
}
