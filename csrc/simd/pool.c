/* Pooling over windows of channels-last images: each lane is a channel, so that a window is a few loads and compares. */
#include "vec.h"

#include "kernels.h"
#include "pool.h"

#include <string.h>

FS_INLINE vec load_lanes(const REAL *p, ptrdiff_t n) { return n == VL ? v_load(p) : v_load_n(p, n); }

FS_INLINE void store_lanes(REAL *p, vec x, ptrdiff_t n) {
    if (n == VL) {
        v_store(p, x);
    } else {
        v_store_n(p, x, n);
    }
}

/* Lanes that hold integers, as int32. */
FS_INLINE void store_index(int32_t *to, vec x, ptrdiff_t n) {
    REAL lane[VL];
    v_store(lane, x);
    for (ptrdiff_t i = 0; i < n; i++) {
        fs_bits bits;
        memcpy(&bits, lane + i, sizeof bits);
        to[i] = (int32_t)bits;
    }
}

/* One window, up to VL channels. A NaN beats everything that came before it, as in PyTorch. */
FS_INLINE void max_of_window(REAL *y, int32_t *index, const REAL *x, const struct fs_taps *t, int32_t first, ptrdiff_t n) {
    vec best = load_lanes(x, n), at = v_set1_bits((fs_bits)first);
    for (ptrdiff_t r = 0; r < t->rows; r++) {
        const REAL *tap = x + r * t->row_step;
        int32_t here = first + (int32_t)r * t->row_index;
        for (ptrdiff_t q = 0; q < t->cols; q++) {
            const vec value = load_lanes(tap, n);
            const vmask better = m_or(v_gt(value, best), v_unord(value, value));
            best = v_select(better, value, best);
            at = v_select(better, v_set1_bits((fs_bits)here), at);
            tap += t->col_step;
            here += t->col_index;
        }
    }
    store_lanes(y, best, n);
    store_index(index, at, n);
}

void FS_SIMD(pool_max)(REAL *y, int32_t *index, const REAL *x, const struct fs_taps *t, ptrdiff_t c, ptrdiff_t pixels) {
    int32_t first = t->index;
    for (ptrdiff_t p = 0; p < pixels; p++) {
        ptrdiff_t i = 0;
        for (; i + VL <= c; i += VL) max_of_window(y + i, index + i, x + i, t, first, VL);
        if (i < c) max_of_window(y + i, index + i, x + i, t, first, c - i);
        y += c;
        index += c;
        x += t->pixel_step;
        first += t->pixel_index;
    }
}

void FS_SIMD(pool_mean)(REAL *y, const REAL *x, const struct fs_taps *t, REAL divisor, ptrdiff_t c, ptrdiff_t pixels) {
    const vec d = v_set1(divisor);
    for (ptrdiff_t p = 0; p < pixels; p++, y += c, x += t->pixel_step) {
        for (ptrdiff_t i = 0; i < c; i += VL) {
            const ptrdiff_t n = FS_MIN(VL, c - i);
            vec sum = v_zero();
            for (ptrdiff_t r = 0; r < t->rows; r++) {
                const REAL *tap = x + i + r * t->row_step;
                for (ptrdiff_t q = 0; q < t->cols; q++) sum = v_add(sum, load_lanes(tap + q * t->col_step, n));
            }
            store_lanes(y + i, v_div(sum, d), n);
        }
    }
}

void FS_SIMD(pool_spread)(REAL *dx, const REAL *dy, const struct fs_taps *t, REAL divisor, ptrdiff_t c,
                          ptrdiff_t pixels) {
    const vec d = v_set1(divisor);
    for (ptrdiff_t p = 0; p < pixels; p++, dy += c, dx += t->pixel_step) {
        for (ptrdiff_t i = 0; i < c; i += VL) {
            const ptrdiff_t n = FS_MIN(VL, c - i);
            const vec share = v_div(load_lanes(dy + i, n), d);
            for (ptrdiff_t r = 0; r < t->rows; r++) {
                REAL *tap = dx + i + r * t->row_step;
                for (ptrdiff_t q = 0; q < t->cols; q++, tap += t->col_step) {
                    store_lanes(tap, v_add(load_lanes(tap, n), share), n);
                }
            }
        }
    }
}
