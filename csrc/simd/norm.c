/* Sums and affine maps along the columns of a few rows (batch norm), and whole rows at a time (layer norm).
 *
 * Means and squared deviations are the corrected two-pass ones: the second pass, about the first's mean, also sums the
 * deviations and takes out what they reveal of the first's error. For a row, the first pass is over a sample of it.
 * T. Chan, G. Golub and R. LeVeque, Algorithms for Computing the Sample Variance, The American Statistician 37(3), 1983.
 */
#include "vec.h"
#include "kernels.h"
#include "norm.h"

/* `partial` is a constant wherever these are inlined: a tail of n lanes, or a whole register. */
FS_INLINE vec get(const int partial, const REAL *p, ptrdiff_t n) { return partial ? v_load_n(p, n) : v_load(p); }
FS_INLINE void put(const int partial, REAL *p, vec x, ptrdiff_t n) {
    if (partial) {
        v_store_n(p, x, n);
    } else {
        v_store(p, x);
    }
}

/* ---- columns: `wide` registers of them side by side, so that whole cache lines are read at once ---- */

enum { SUMS = 4 }; /* accumulators: they hide the latency of the addition */

/* The call for each group of columns from j on: wide registers, or n lanes of one. */
#define EACH_COLUMN(call)                                                \
    do {                                                                 \
        ptrdiff_t j = 0, n = VL;                                         \
        for (; j + 4 * VL <= c; j += 4 * VL) call(4, 0);                 \
        if (j + 2 * VL <= c) { call(2, 0); j += 2 * VL; }                \
        if (j + VL <= c) { call(1, 0); j += VL; }                        \
        n = c - j;                                                       \
        if (n > 0) call(1, 1);                                           \
    } while (0)

/* The body for register k of row i, which adds to accumulator s: SUMS / wide rows at a time, then the rest. */
#define EACH_REGISTER(...)                                               \
    do {                                                                 \
        ptrdiff_t i = 0;                                                 \
        for (; i + SUMS / wide <= rows; i += SUMS / wide) {              \
            FS_UNROLL                                                    \
            for (int s = 0; s < SUMS; s++) {                             \
                const ptrdiff_t at = (i + s / wide) * c + s % wide * VL; \
                __VA_ARGS__                                              \
            }                                                            \
        }                                                                \
        for (; i < rows; i++) {                                          \
            FS_UNROLL                                                    \
            for (int s = 0; s < wide; s++) {                             \
                const ptrdiff_t at = i * c + s * VL;                     \
                __VA_ARGS__                                              \
            }                                                            \
        }                                                                \
    } while (0)

FS_INLINE void clear(vec *acc) {
    for (int s = 0; s < SUMS; s++) acc[s] = v_zero();
}

/* The sum of register k's columns. */
FS_INLINE vec total(const int wide, const vec *acc, int k) {
    if (wide == 4) return acc[k];
    return wide == 2 ? v_add(acc[k], acc[k + 2]) : v_add(v_add(acc[0], acc[1]), v_add(acc[2], acc[3]));
}

FS_INLINE void block_columns(const int wide, const int partial, REAL *offset, REAL *m2, const REAL *x, ptrdiff_t rows,
                             ptrdiff_t c, ptrdiff_t n) {
    vec sum[SUMS], square[SUMS], first[SUMS];
    const vec count = v_set1((REAL)rows);
    clear(sum);
    EACH_REGISTER({ sum[s] = v_add(sum[s], get(partial, x + at, n)); });
    for (int k = 0; k < wide; k++) first[k] = v_div(total(wide, sum, k), count);
    clear(sum);
    clear(square);
    EACH_REGISTER({
        const vec d = v_sub(get(partial, x + at, n), first[s % wide]);
        sum[s] = v_add(sum[s], d);
        square[s] = v_fma(d, d, square[s]);
    });
    for (int k = 0; k < wide; k++) {
        const vec rest = total(wide, sum, k), shift = v_div(rest, count);
        /* The whole mean would lose, rounded, the digits in which blocks differ when it is large beside the deviations. */
        put(partial, offset + k * VL, v_add(v_sub(first[k], get(partial, x + k * VL, n)), shift), n);
        put(partial, m2 + k * VL, v_fnma(rest, shift, total(wide, square, k)), n);
    }
}

void FS_SIMD(norm_block)(REAL *offset, REAL *m2, const REAL *x, ptrdiff_t rows, ptrdiff_t c) {
#define CALL(wide, partial) block_columns(wide, partial, offset + j, m2 + j, x + j, rows, c, n)
    EACH_COLUMN(CALL);
#undef CALL
}

/* What there is of the columns' own numbers, a register of each. */
typedef struct {
    vec mean, scale, shift;
} column;

FS_INLINE column load_column(const int partial, const struct FS(norm_columns) *p, ptrdiff_t j, ptrdiff_t n) {
    const column k = {get(partial, p->mean + j, n), get(partial, p->scale + j, n), get(partial, p->shift + j, n)};
    return k;
}

/* The result of the way forward. */
FS_INLINE vec value(const int relu, vec x, column k) {
    const vec y = v_fma(v_sub(x, k.mean), k.scale, k.shift);
    return relu ? v_max(v_zero(), y) : y; /* in this order NaN stays */
}

/* dy, or 0 where the rectifier let nothing pass: found out as on the way forward, bit for bit. */
FS_INLINE vec passed(const int relu, vec dy, vec x, column k) {
    return relu ? v_select(v_le(value(0, x, k), v_zero()), v_zero(), dy) : dy;
}

FS_INLINE void sums_columns(const int wide, const int partial, const int relu, REAL *sum, REAL *dot, const REAL *dy,
                            const REAL *x, const struct FS(norm_columns) *p, ptrdiff_t j, ptrdiff_t rows, ptrdiff_t c,
                            ptrdiff_t n) {
    vec total_dy[SUMS], total_dot[SUMS];
    column k[SUMS];
    for (int w = 0; w < wide; w++) k[w] = load_column(partial, p, j + w * VL, n);
    clear(total_dy);
    clear(total_dot);
    EACH_REGISTER({
        const vec v = get(partial, x + at, n), g = passed(relu, get(partial, dy + at, n), v, k[s % wide]);
        total_dy[s] = v_add(total_dy[s], g);
        total_dot[s] = v_fma(g, v_sub(v, k[s % wide].mean), total_dot[s]);
    });
    for (int w = 0; w < wide; w++) {
        put(partial, sum + w * VL, total(wide, total_dy, w), n);
        put(partial, dot + w * VL, total(wide, total_dot, w), n);
    }
}

void FS_SIMD(norm_sums)(REAL *sum, REAL *dot, const REAL *dy, const REAL *x, const struct FS(norm_columns) *p,
                        ptrdiff_t rows, ptrdiff_t c) {
#define CALL(wide, partial) sums_columns(wide, partial, 0, sum + j, dot + j, dy + j, x + j, p, j, rows, c, n)
#define CALL_RELU(wide, partial) sums_columns(wide, partial, 1, sum + j, dot + j, dy + j, x + j, p, j, rows, c, n)
    if (p->relu) {
        EACH_COLUMN(CALL_RELU);
    } else {
        EACH_COLUMN(CALL);
    }
#undef CALL
#undef CALL_RELU
}

FS_INLINE void apply(const int wide, const int partial, const int relu, REAL *y, const REAL *x,
                     const struct FS(norm_columns) *p, ptrdiff_t j, ptrdiff_t rows, ptrdiff_t c, ptrdiff_t n) {
    column k[SUMS];
    for (int w = 0; w < wide; w++) k[w] = load_column(partial, p, j + w * VL, n);
    EACH_REGISTER({ put(partial, y + at, value(relu, get(partial, x + at, n), k[s % wide]), n); });
}

void FS_SIMD(norm_apply)(REAL *y, const REAL *x, const struct FS(norm_columns) *p, ptrdiff_t rows, ptrdiff_t c) {
#define CALL(wide, partial) apply(wide, partial, 0, y + j, x + j, p, j, rows, c, n)
#define CALL_RELU(wide, partial) apply(wide, partial, 1, y + j, x + j, p, j, rows, c, n)
    if (p->relu) {
        EACH_COLUMN(CALL_RELU);
    } else {
        EACH_COLUMN(CALL);
    }
#undef CALL
#undef CALL_RELU
}

FS_INLINE void gradient(const int wide, const int partial, const int relu, REAL *dx, const REAL *dy, const REAL *x,
                        const struct FS(norm_columns) *p, ptrdiff_t j, ptrdiff_t rows, ptrdiff_t c, ptrdiff_t n) {
    column k[SUMS];
    vec a[SUMS], b[SUMS];
    const int training = p->mean_dy != NULL;
    for (int w = 0; w < wide; w++) {
        k[w] = load_column(partial, p, j + w * VL, n);
        a[w] = training ? get(partial, p->mean_dy + j + w * VL, n) : v_zero();
        b[w] = training ? get(partial, p->slope + j + w * VL, n) : v_zero();
    }
    EACH_REGISTER({
        const int w = s % wide;
        const vec v = get(partial, x + at, n), g = passed(relu, get(partial, dy + at, n), v, k[w]);
        const vec rest = training ? v_fnma(v_sub(v, k[w].mean), b[w], v_sub(g, a[w])) : g; /* an infinite x has no say */
        put(partial, dx + at, v_mul(k[w].scale, rest), n);
    });
}

void FS_SIMD(norm_gradient)(REAL *dx, const REAL *dy, const REAL *x, const struct FS(norm_columns) *p, ptrdiff_t rows,
                            ptrdiff_t c) {
#define CALL(wide, partial) gradient(wide, partial, 0, dx + j, dy + j, x + j, p, j, rows, c, n)
#define CALL_RELU(wide, partial) gradient(wide, partial, 1, dx + j, dy + j, x + j, p, j, rows, c, n)
    if (p->relu) {
        EACH_COLUMN(CALL_RELU);
    } else {
        EACH_COLUMN(CALL);
    }
#undef CALL
#undef CALL_RELU
}

/* ---- what the blocks have found, put together ---- */

void FS_SIMD(norm_total)(double *sum, const REAL *part, ptrdiff_t parts, ptrdiff_t c) {
    enum { TILE = 16 };
    for (ptrdiff_t j = 0; j < c; j += TILE) {
        double total[TILE] = {0};
        const ptrdiff_t n = FS_MIN(TILE, c - j);
        for (ptrdiff_t i = 0; i < parts; i++) {
            const REAL *p = part + i * c + j;
            if (n == TILE) {
                for (ptrdiff_t k = 0; k < TILE; k++) total[k] += p[k];
            } else {
                for (ptrdiff_t k = 0; k < n; k++) total[k] += p[k];
            }
        }
        for (ptrdiff_t k = 0; k < n; k++) sum[j + k] = total[k];
    }
}

/* ---- rows: a group of them at a time, whose sums end up side by side in one register ---- */

enum { GROUP_BYTES = 12 << 10 }; /* of x: with what else is touched, the first cache holds them between sweeps */

/* Groups smaller than a register has lanes. */
enum { FEW = VL < SUMS ? VL : SUMS };

FS_INLINE int fits(ptrdiff_t rows, ptrdiff_t n) { return n <= GROUP_BYTES / (rows * (ptrdiff_t)sizeof(REAL)); }

/* The body for element j of row i of `rows`, s being its accumulator: SUMS registers at a time, of as many rows or along one,
 * then one of each row, then `lanes` of one. `partial` is a constant. */
#define ALONG_ROWS(...)                                                  \
    do {                                                                 \
        ptrdiff_t at = 0, lanes = VL;                                    \
        for (; at + SUMS / rows * VL <= n; at += SUMS / rows * VL) {     \
            enum { partial = 0 };                                        \
            FS_UNROLL                                                    \
            for (int s = 0; s < SUMS; s++) {                             \
                const int i = s % rows;                                  \
                const ptrdiff_t j = at + s / rows * VL;                  \
                __VA_ARGS__                                              \
            }                                                            \
        }                                                                \
        for (; at + VL <= n; at += VL) {                                 \
            enum { partial = 0 };                                        \
            EACH_ROW(__VA_ARGS__)                                        \
        }                                                                \
        lanes = n - at;                                                  \
        if (lanes > 0) {                                                 \
            enum { partial = 1 };                                        \
            EACH_ROW(__VA_ARGS__)                                        \
        }                                                                \
    } while (0)
#define EACH_ROW(...)                \
    FS_UNROLL                        \
    for (int s = 0; s < rows; s++) { \
        const int i = s;             \
        const ptrdiff_t j = at;      \
        __VA_ARGS__                  \
    }

/* The body with j and lanes for each register of a row of n, whole ones first; `partial` is a constant in each. */
#define ALONG_ROW(...)                                                                          \
    do {                                                                                        \
        ptrdiff_t j = 0, lanes = VL;                                                            \
        for (; j + VL <= n; j += VL) { enum { partial = 0 }; __VA_ARGS__ }                      \
        lanes = n - j;                                                                          \
        if (lanes > 0) { enum { partial = 1 }; __VA_ARGS__ }                                    \
    } while (0)

/* Lane i: the sum of the lanes of sums[i], i < group. */
FS_INLINE vec across(const int group, const vec *sums) {
    if (group == 1) return v_set1(v_sum(sums[0]));
    if (group < VL) {
        REAL lane[VL] = {0};
        for (int i = 0; i < group; i++) lane[i] = v_sum(sums[i]);
        return v_load(lane);
    }
    return v_sum_each(sums);
}

/* Sums of the first n of rows that are `step` elements apart. */
FS_INLINE void sum_rows(const int rows, vec *sums, const REAL *x, ptrdiff_t step, ptrdiff_t n) {
    vec sum[SUMS];
    clear(sum);
    ALONG_ROWS(sum[s] = v_add(sum[s], get(partial, x + i * step + j, lanes)););
    for (int i = 0; i < rows; i++) sums[i] = total(rows, sum, i);
}

/* x - m, and 0 in the lanes beyond the row. */
FS_INLINE vec deviation(const int partial, const REAL *x, vec m, ptrdiff_t lanes) {
    if (!partial) return v_sub(v_load(x), m);
    REAL fill[VL];
    v_store(fill, m);
    return v_sub(v_load_n(x, lanes), v_load_n(fill, lanes));
}

/* Sums of the deviations from the means, and of their squares; x `ahead` is asked for, which may be beyond the end. */
FS_INLINE void square_rows(const int rows, vec *sums, vec *squares, const REAL *x, const REAL *mean, ptrdiff_t n,
                           ptrdiff_t ahead) {
    vec sum[SUMS], square[SUMS], m[SUMS];
    clear(sum);
    clear(square);
    for (int i = 0; i < rows; i++) m[i] = v_set1(mean[i]);
    ALONG_ROWS({
        FS_PREFETCH_READ(x + i * n + j, ahead);
        const vec d = deviation(partial, x + i * n + j, m[i], lanes);
        sum[s] = v_add(sum[s], d);
        square[s] = v_fma(d, d, square[s]);
    });
    for (int i = 0; i < rows; i++) {
        sums[i] = total(rows, sum, i);
        squares[i] = total(rows, square, i);
    }
}

FS_INLINE void write_rows(const int rows, REAL *y, const REAL *x, const REAL *mean, const REAL *rstd, const REAL *weight,
                          const REAL *bias, ptrdiff_t n) {
    vec m[SUMS], r[SUMS];
    const vec one = v_set1(1), zero = v_zero();
    for (int i = 0; i < rows; i++) {
        m[i] = v_set1(mean[i]);
        r[i] = v_set1(rstd[i]);
    }
    ALONG_ROW({
        const vec w = weight ? get(partial, weight + j, lanes) : one, b = bias ? get(partial, bias + j, lanes) : zero;
        for (int i = 0; i < rows; i++) {
            const vec h = v_mul(v_sub(get(partial, x + i * n + j, lanes), m[i]), r[i]);
            put(partial, y + i * n + j, bias ? v_fma(h, w, b) : v_mul(h, w), lanes);
        }
    });
}

/* One sweep about the mean of a sample gives mean and variance; a second one, about that mean, where the first was further
 * off than a deviation and digits may have been lost. */
FS_INLINE void moments(const int group, vec *mean, vec *var, const REAL *x, ptrdiff_t n) {
    const int rows = group < FEW ? group : FEW;
    const ptrdiff_t sample = FS_MIN(n, SUMS * VL);
    const vec count = v_set1((REAL)n);
    vec sums[VL], squares[VL];
    for (int i = 0; i < group; i += rows) sum_rows(rows, sums + i, x + i * n, n, sample);
    *mean = v_div(across(group, sums), v_set1((REAL)sample));
    vec shift = *var = v_zero();
    vmask far = v_eq(shift, shift);
    for (int sweep = 0; sweep < 2 && m_any(far); sweep++) {
        REAL about[VL];
        *mean = v_select(far, v_add(*mean, shift), *mean); /* rows that were well before stay as they are, bit for bit */
        v_store(about, *mean);
        for (int i = 0; i < group; i += rows) square_rows(rows, sums + i, squares + i, x + i * n, about + i, n, group * n);
        const vec rest = across(group, sums);
        shift = v_div(rest, count);
        const vec m2 = v_max(v_zero(), v_fnma(rest, shift, across(group, squares))); /* not below 0; NaN stays */
        far = v_gt(v_mul(rest, shift), m2);
        *var = v_div(m2, count);
    }
    *mean = v_add(*mean, v_fma(v_zero(), *var, shift)); /* NaN, as the variance is, where something is infinite */
}

FS_INLINE void normalise(const int group, REAL *y, REAL *mean, REAL *rstd, const REAL *x, const REAL *weight,
                         const REAL *bias, ptrdiff_t n, REAL eps) {
    const int rows = group < FEW ? group : FEW;
    vec m, var;
    moments(group, &m, &var, x, n);
    v_store_n(mean, m, group);
    v_store_n(rstd, v_div(v_set1(1), v_sqrt(v_add(var, v_set1(eps)))), group);
    for (int i = 0; i < group; i += rows) write_rows(rows, y + i * n, x + i * n, mean + i, rstd + i, weight, bias, n);
}

void FS_SIMD(layer_norm_rows)(REAL *y, REAL *mean, REAL *rstd, const REAL *x, const REAL *weight, const REAL *bias,
                              ptrdiff_t rows, ptrdiff_t n, REAL eps) {
    ptrdiff_t i = 0;
#define CALL(group) normalise(group, y + i * n, mean + i, rstd + i, x + i * n, weight, bias, n, eps)
    for (; fits(VL, n) && i + VL <= rows; i += VL) CALL(VL);
    for (; fits(FEW, n) && i + FEW <= rows; i += FEW) CALL(FEW);
    for (; i < rows; i++) CALL(1);
#undef CALL
}

/* With h = (x - mean) rstd and g = dy weight: dw += dy h, db += dy, and dx = rstd g - (shift + (x - mean) slope). */
FS_INLINE void gradient_rows(const int rows, REAL *dx, REAL *dw, REAL *db, const REAL *dy, const REAL *x,
                             const REAL *weight, const REAL *mean, const REAL *rstd, ptrdiff_t n) {
    const vec one = v_set1(1);
    vec sum[SUMS], dot[SUMS], m[SUMS], r[SUMS], shift[SUMS], slope[SUMS];
    for (int i = 0; i < rows; i++) {
        sum[i] = dot[i] = v_zero();
        m[i] = v_set1(mean[i]);
        r[i] = v_set1(rstd[i]);
    }
    ALONG_ROW({ /* lanes beyond n add nothing: their dy is 0 */
        const vec w = weight ? get(partial, weight + j, lanes) : one;
        vec to_w = get(partial, dw + j, lanes), to_b = get(partial, db + j, lanes);
        for (int i = 0; i < rows; i++) {
            const vec g = get(partial, dy + i * n + j, lanes), scaled = v_mul(g, w);
            const vec h = v_mul(v_sub(get(partial, x + i * n + j, lanes), m[i]), r[i]);
            to_w = v_fma(g, h, to_w);
            to_b = v_add(to_b, g);
            sum[i] = v_add(sum[i], scaled);
            dot[i] = v_fma(scaled, h, dot[i]);
        }
        put(partial, dw + j, to_w, lanes);
        put(partial, db + j, to_b, lanes);
    });
    for (int i = 0; i < rows; i++) {
        shift[i] = v_mul(v_set1(v_sum(sum[i]) / (REAL)n), r[i]);
        slope[i] = v_mul(v_mul(v_set1(v_sum(dot[i]) / (REAL)n), r[i]), r[i]);
    }
    ALONG_ROW({
        const vec w = weight ? get(partial, weight + j, lanes) : one;
        for (int i = 0; i < rows; i++) {
            const vec rest = v_fma(v_sub(get(partial, x + i * n + j, lanes), m[i]), slope[i], shift[i]);
            const vec scaled = v_mul(get(partial, dy + i * n + j, lanes), w);
            put(partial, dx + i * n + j, v_sub(v_mul(scaled, r[i]), rest), lanes);
        }
    });
}

void FS_SIMD(layer_norm_gradient)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const REAL *x, const REAL *weight,
                                  const REAL *mean, const REAL *rstd, ptrdiff_t rows, ptrdiff_t n) {
    ptrdiff_t i = 0;
#define CALL(group) gradient_rows(group, dx + i * n, dw, db, dy + i * n, x + i * n, weight, mean + i, rstd + i, n)
    for (; fits(SUMS, n) && i + SUMS <= rows; i += SUMS) CALL(SUMS);
    for (; i + 2 <= rows; i += 2) CALL(2);
    for (; i < rows; i++) CALL(1);
#undef CALL
}
