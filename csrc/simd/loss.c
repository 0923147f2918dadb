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

void FS_SIMD(cross_entropy_forward)(REAL *loss, REAL *lse, const REAL *x, const int64_t *label, const REAL *weight,
                                    ptrdiff_t rows, ptrdiff_t n, int64_t ignored, REAL spread, REAL chosen) {
    for (ptrdiff_t i = 0; i < rows; i++, x += n) {
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

void FS_SIMD(cross_entropy_backward)(REAL *dx, const REAL *dy, ptrdiff_t dy_step, const REAL *x, const REAL *lse,
                                     const int64_t *label, const REAL *weight, ptrdiff_t rows, ptrdiff_t n,
                                     int64_t ignored, REAL spread, REAL chosen, REAL spread_sum) {
    for (ptrdiff_t i = 0; i < rows; i++, x += n, dx += n) {
        const int64_t t = label[i];
        const fs_line w = line_at(0, 0, n, 1, 1);
        const REAL g = t == ignored ? 0 : dy[i * dy_step], at_label = t == ignored ? 0 : chosen * (weight ? weight[t] : 1);
        const vec scale = v_set1(g * (spread_sum + at_label)), even = v_set1(g * spread), total = v_set1(lse[i]);
        for (ptrdiff_t k = 0; k < w.steps; k++) {
            const vec q = weight ? v_mul(even, line_get(weight, w, k, v_zero())) : even;
            const vec p = v_exp(v_sub(line_get(x, w, k, v_zero()), total));
            line_put(dx, w, k, t == ignored ? v_zero() : v_sub(v_mul(scale, p), q));
        }
        if (t != ignored) dx[t] -= g * at_label;
    }
}
