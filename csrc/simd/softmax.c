/* Softmax and its kin along lines (see lines.h): shifted by the largest element, so that nothing overflows. */
#include "lines.h"

#include "kernels.h"

static void softmax_line(REAL *y, const REAL *x, fs_line w) {
    const vec m = line_max(x, w);
    vec sum = v_zero();
    for (ptrdiff_t k = 0; k < w.steps; k++) {
        const vec e = v_exp(v_sub(line_get(x, w, k, v_neg(v_infinity())), m));
        line_put(y, w, k, e);
        sum = v_add(sum, e);
    }
    const vec scale = v_div(v_set1(1), line_total(w, sum));
    for (ptrdiff_t k = 0; k < w.steps; k++) line_put(y, w, k, v_mul(line_get(y, w, k, v_zero()), scale));
}

/* dx = y (dy - sum(dy y)) */
static void softmax_back_line(REAL *dx, const REAL *dy, const REAL *y, fs_line w) {
    vec sum = v_zero();
    for (ptrdiff_t k = 0; k < w.steps; k++) {
        sum = v_fma(line_get(dy, w, k, v_zero()), line_get(y, w, k, v_zero()), sum);
    }
    sum = line_total(w, sum);
    for (ptrdiff_t k = 0; k < w.steps; k++) {
        line_put(dx, w, k, v_mul(line_get(y, w, k, v_zero()), v_sub(line_get(dy, w, k, v_zero()), sum)));
    }
}

static void log_softmax_line(REAL *y, const REAL *x, fs_line w) {
    const vec m = line_max(x, w), log_sum = v_log(line_sum_exp(x, w, m));
    for (ptrdiff_t k = 0; k < w.steps; k++) {
        line_put(y, w, k, v_sub(v_sub(line_get(x, w, k, v_zero()), m), log_sum));
    }
}

/* dx = dy - exp(y) sum(dy) */
static void log_softmax_back_line(REAL *dx, const REAL *dy, const REAL *y, fs_line w) {
    vec sum = v_zero();
    for (ptrdiff_t k = 0; k < w.steps; k++) sum = v_add(sum, line_get(dy, w, k, v_zero()));
    sum = line_total(w, sum);
    for (ptrdiff_t k = 0; k < w.steps; k++) {
        line_put(dx, w, k, v_fnma(v_exp(line_get(y, w, k, v_zero())), sum, line_get(dy, w, k, v_zero())));
    }
}

static void logsumexp_line(REAL *y, const REAL *x, fs_line w) {
    vec m = line_max(x, w);
    m = v_select(v_eq(v_abs(m), v_infinity()), v_zero(), m); /* no shift by an infinity */
    line_put_one(y, w, v_add(v_log(line_sum_exp(x, w, m)), m));
}

/* dx = dy exp(x - y) */
static void logsumexp_back_line(REAL *dx, const REAL *dy, const REAL *x, const REAL *y, fs_line w) {
    const vec g = line_get_one(dy, w), total = line_get_one(y, w);
    for (ptrdiff_t k = 0; k < w.steps; k++) {
        line_put(dx, w, k, v_mul(g, v_exp(v_sub(line_get(x, w, k, v_zero()), total))));
    }
}

/* The same for SIDE bundles of lines at once: where elements of a line lie far apart, each step opens another page of
 * memory, so as much as possible of it is read. */
enum { SIDE = 4 };

static void softmax_bundles(REAL *y, const REAL *x, ptrdiff_t n, ptrdiff_t inner) {
    vec m[SIDE], sum[SIDE];
    for (int s = 0; s < SIDE; s++) {
        m[s] = v_neg(v_infinity());
        sum[s] = v_zero();
    }
    for (ptrdiff_t k = 0; k < n; k++) {
        for (int s = 0; s < SIDE; s++) m[s] = v_max(m[s], v_load(x + k * inner + s * VL));
    }
    for (ptrdiff_t k = 0; k < n; k++) {
        for (int s = 0; s < SIDE; s++) {
            const vec e = v_exp(v_sub(v_load(x + k * inner + s * VL), m[s]));
            v_store(y + k * inner + s * VL, e);
            sum[s] = v_add(sum[s], e);
        }
    }
    for (int s = 0; s < SIDE; s++) sum[s] = v_div(v_set1(1), sum[s]);
    for (ptrdiff_t k = 0; k < n; k++) {
        for (int s = 0; s < SIDE; s++) {
            REAL *to = y + k * inner + s * VL;
            v_store(to, v_mul(v_load(to), sum[s]));
        }
    }
}

static void softmax_back_bundles(REAL *dx, const REAL *dy, const REAL *y, ptrdiff_t n, ptrdiff_t inner) {
    vec sum[SIDE];
    for (int s = 0; s < SIDE; s++) sum[s] = v_zero();
    for (ptrdiff_t k = 0; k < n; k++) {
        for (int s = 0; s < SIDE; s++) {
            sum[s] = v_fma(v_load(dy + k * inner + s * VL), v_load(y + k * inner + s * VL), sum[s]);
        }
    }
    for (ptrdiff_t k = 0; k < n; k++) {
        for (int s = 0; s < SIDE; s++) {
            const ptrdiff_t at = k * inner + s * VL;
            v_store(dx + at, v_mul(v_load(y + at), v_sub(v_load(dy + at), sum[s])));
        }
    }
}

void FS_SIMD(softmax_forward)(REAL *y, const REAL *x, ptrdiff_t n, ptrdiff_t inner, ptrdiff_t lines) {
    ptrdiff_t done = 0;
    for (; inner > 1 && done + SIDE * VL <= lines; done += SIDE * VL) softmax_bundles(y + done, x + done, n, inner);
    y += done;
    x += done;
    lines -= done;
    EACH_LINE(w) softmax_line(y + w.at, x + w.at, w);
}

void FS_SIMD(softmax_backward)(REAL *dx, const REAL *dy, const REAL *y, ptrdiff_t n, ptrdiff_t inner, ptrdiff_t lines) {
    ptrdiff_t done = 0;
    for (; inner > 1 && done + SIDE * VL <= lines; done += SIDE * VL) {
        softmax_back_bundles(dx + done, dy + done, y + done, n, inner);
    }
    dx += done;
    dy += done;
    y += done;
    lines -= done;
    EACH_LINE(w) softmax_back_line(dx + w.at, dy + w.at, y + w.at, w);
}

void FS_SIMD(log_softmax_forward)(REAL *y, const REAL *x, ptrdiff_t n, ptrdiff_t inner, ptrdiff_t lines) {
    EACH_LINE(w) log_softmax_line(y + w.at, x + w.at, w);
}

void FS_SIMD(log_softmax_backward)(REAL *dx, const REAL *dy, const REAL *y, ptrdiff_t n, ptrdiff_t inner,
                                   ptrdiff_t lines) {
    EACH_LINE(w) log_softmax_back_line(dx + w.at, dy + w.at, y + w.at, w);
}

void FS_SIMD(logsumexp_forward)(REAL *y, const REAL *x, ptrdiff_t n, ptrdiff_t inner, ptrdiff_t lines) {
    EACH_LINE(w) logsumexp_line(y + w.index, x + w.at, w);
}

void FS_SIMD(logsumexp_backward)(REAL *dx, const REAL *dy, const REAL *x, const REAL *y, ptrdiff_t n, ptrdiff_t inner,
                                 ptrdiff_t lines) {
    EACH_LINE(w) logsumexp_back_line(dx + w.at, dy + w.index, x + w.at, y + w.index, w);
}
