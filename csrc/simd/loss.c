/* Cross entropy of rows of scores with class labels: softmax, logarithm and choice in one pass over a row, either way.
 *
 * With q_c = w_c (spread + chosen [c = label]), where spread = smoothing / n and chosen = 1 - smoothing, the loss of a row is
 * sum_c q_c (lse - x_c), and its gradient sum(q) softmax(x)_c - q_c.
 */
#include "lines.h"

#include "kernels.h"

FS_INLINE REAL any_lane(vec x) { /* of a register with the same number in all */
    REAL lane[VL];
    v_store(lane, x);
    return lane[0];
}

/* The sum over a row of w_c (m - x_c + log_sum). */
static REAL spread_loss(const REAL *x, const REAL *weight, fs_line w, vec m, vec log_sum) {
    vec sum = v_zero();
    for (ptrdiff_t k = 0; k < w.steps; k++) {
        const vec part = v_add(v_sub(m, line_get(x, w, k, v_zero())), log_sum);
        const vec weighted = weight ? v_mul(line_get(weight, w, k, v_zero()), part) : part;
        sum = v_add(sum, line_inside(w, k, weighted, v_zero()));
    }
    return any_lane(line_total(w, sum));
}

/* The largest of each of VL rows of n, and the logarithm of the sum of exp(x - it): rows turned into columns, so that one
 * register holds a class of all of them and nothing is added up across lanes. */
enum { FEW = 64 }; /* classes for which the columns fit */
static void log_sum_of_rows(REAL *largest, REAL *log_sum, const REAL *x, ptrdiff_t n) {
    REAL column[(FEW + VL) * VL];
    vec m = v_neg(v_infinity()), sum = v_zero();
    for (ptrdiff_t c = 0; c < n; c += VL) {
        const ptrdiff_t lanes = FS_MIN(VL, n - c);
        vec r[VL];
        for (int i = 0; i < VL; i++) r[i] = lanes == VL ? v_load(x + i * n + c) : v_load_n(x + i * n + c, lanes);
        v_transpose(r);
        for (int i = 0; i < VL; i++) v_store(column + (c + i) * VL, r[i]);
    }
    for (ptrdiff_t c = 0; c < n; c++) m = v_max(m, v_load(column + c * VL)); /* a NaN shows in the sum */
    for (ptrdiff_t c = 0; c < n; c++) sum = v_add(sum, v_exp(v_sub(v_load(column + c * VL), m)));
    v_store(largest, m);
    v_store(log_sum, v_log(sum));
}

/* Small rows without smoothing, VL at a time; returns how many rows were done. */
static ptrdiff_t small_rows(REAL *loss, REAL *lse, const REAL *x, const int64_t *label, const REAL *weight, ptrdiff_t rows,
                            ptrdiff_t n, int64_t ignored, REAL chosen) {
    ptrdiff_t i = 0;
    for (; i + VL <= rows; i += VL) {
        REAL largest[VL], log_sum[VL];
        log_sum_of_rows(largest, log_sum, x + i * n, n);
        for (int k = 0; k < VL; k++) {
            const int64_t t = label[i + k];
            const int counts = t != ignored;
            lse[i + k] = counts ? largest[k] + log_sum[k] : 0;
            loss[i + k] = counts ? chosen * (weight ? weight[t] : 1) * ((largest[k] - x[(i + k) * n + t]) + log_sum[k]) : 0;
        }
    }
    return i;
}

void FS_SIMD(cross_entropy_forward)(REAL *loss, REAL *lse, const REAL *x, const int64_t *label, const REAL *weight,
                                    ptrdiff_t rows, ptrdiff_t n, int64_t ignored, REAL spread, REAL chosen) {
    ptrdiff_t i = n <= FEW && spread == 0 ? small_rows(loss, lse, x, label, weight, rows, n, ignored, chosen) : 0;
    for (x += i * n; i < rows; i++, x += n) {
        const int64_t t = label[i];
        loss[i] = lse[i] = 0;
        if (t == ignored) continue;
        const fs_line w = line_at(0, 0, n, 1, 1);
        const vec m = line_max(x, w), log_sum = v_log(line_sum_exp(x, w, m));
        lse[i] = any_lane(v_add(m, log_sum));
        loss[i] = chosen * (weight ? weight[t] : 1) * ((any_lane(m) - x[t]) + any_lane(log_sum));
        if (spread != 0) loss[i] += spread * spread_loss(x, weight, w, m, log_sum);
    }
}

/* dx = scale exp(x - total) - even weight, for a register. */
FS_INLINE vec slope(vec x, vec total, vec scale, vec q) { return v_sub(v_mul(scale, v_exp(v_sub(x, total))), q); }

void FS_SIMD(cross_entropy_backward)(REAL *dx, const REAL *dy, ptrdiff_t dy_step, const REAL *x, const REAL *lse,
                                     const int64_t *label, const REAL *weight, ptrdiff_t rows, ptrdiff_t n,
                                     int64_t ignored, REAL spread, REAL chosen, REAL spread_sum) {
    for (ptrdiff_t i = 0; i < rows; i++, x += n, dx += n) {
        const int64_t t = label[i];
        if (t == ignored) {
            for (ptrdiff_t c = 0; c < n; c++) dx[c] = 0;
            continue;
        }
        const REAL g = dy[i * dy_step], at_label = chosen * (weight ? weight[t] : 1);
        const vec scale = v_set1(g * (spread_sum + at_label)), even = v_set1(g * spread), total = v_set1(lse[i]);
        ptrdiff_t c = 0;
        for (; c + VL <= n; c += VL) {
            const vec q = weight ? v_mul(even, v_load(weight + c)) : even;
            v_store(dx + c, slope(v_load(x + c), total, scale, q));
        }
        if (c < n) {
            const vec q = weight ? v_mul(even, v_load_n(weight + c, n - c)) : even;
            v_store_n(dx + c, slope(v_load_n(x + c, n - c), total, scale, q), n - c);
        }
        dx[t] -= g * at_label;
    }
}
