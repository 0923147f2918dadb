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

/* Lanes that hold integers, as int32; for float that is a plain store. */
FS_INLINE void store_index(int32_t *to, vec x, ptrdiff_t n) {
    fs_bits bits[VL];
    REAL lane[VL];
    v_store(lane, x);
    memcpy(bits, lane, sizeof bits);
    if (n == VL) {
        for (ptrdiff_t i = 0; i < VL; i++) to[i] = (int32_t)bits[i];
    } else {
        for (ptrdiff_t i = 0; i < n; i++) to[i] = (int32_t)bits[i];
    }
}

/* Indices, less `first`; in the lanes beyond n, -1. */
FS_INLINE vec load_index(const int32_t *from, int32_t first, ptrdiff_t n) {
    fs_bits bits[VL];
    REAL lane[VL];
    if (n == VL) {
        for (ptrdiff_t i = 0; i < VL; i++) bits[i] = (fs_bits)(from[i] - first);
    } else {
        for (ptrdiff_t i = 0; i < VL; i++) bits[i] = i < n ? (fs_bits)(from[i] - first) : (fs_bits)-1;
    }
    memcpy(lane, bits, sizeof bits);
    return v_load(lane);
}

/* One window of rows x cols taps, up to VL channels. A NaN beats everything that came before it, as in PyTorch. */
FS_INLINE void max_of_window(REAL *y, int32_t *index, const REAL *x, const struct fs_taps *t, ptrdiff_t rows,
                             ptrdiff_t cols, int32_t first, ptrdiff_t n) {
    vec best = load_lanes(x, n), at = v_set1_bits((fs_bits)first);
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t q = 0; q < cols; q++) {
            if (r == 0 && q == 0) continue; /* the first is there already, and stays if it is NaN and no later one is */
            const vec value = load_lanes(x + r * t->row_step + q * t->col_step, n);
            const int32_t here = first + (int32_t)r * t->row_index + (int32_t)q * t->col_index;
            const vmask better = m_or(v_gt(value, best), v_unord(value, value));
            best = v_select(better, value, best);
            at = v_select(better, v_set1_bits((fs_bits)here), at);
        }
    }
    store_lanes(y, best, n);
    store_index(index, at, n);
}

FS_INLINE void max_of_windows(REAL *y, int32_t *index, const REAL *x, const struct fs_taps *t, ptrdiff_t rows,
                              ptrdiff_t cols, ptrdiff_t c, ptrdiff_t pixels) {
    int32_t first = t->index;
    for (ptrdiff_t p = 0; p < pixels; p++) {
        ptrdiff_t i = 0;
        for (; i + VL <= c; i += VL) max_of_window(y + i, index + i, x + i, t, rows, cols, first, VL);
        if (i < c) max_of_window(y + i, index + i, x + i, t, rows, cols, first, c - i);
        y += c;
        index += c;
        x += t->pixel_step;
        first += t->pixel_index;
    }
}

void FS_SIMD(pool_max)(REAL *y, int32_t *index, const REAL *x, const struct fs_taps *t, ptrdiff_t c, ptrdiff_t pixels) {
    if (t->rows == 2 && t->cols == 2) { /* nearly always: unrolled */
        max_of_windows(y, index, x, t, 2, 2, c, pixels);
    } else {
        max_of_windows(y, index, x, t, t->rows, t->cols, c, pixels);
    }
}

/* dy at the tap that the maximum was taken from, 0 at the others of its window; some lane of *stray is set where it was
 * taken from none of them. Indices are compared as numbers from 1 on, a unit in the last place apart: as they are, they
 * would be denormal, and all the same to a processor that was told to flush those. */
FS_INLINE void place_window(REAL *dx, const REAL *dy, const int32_t *index, const struct fs_taps *t, ptrdiff_t rows,
                            ptrdiff_t cols, int32_t first, ptrdiff_t n, vmask *stray) {
    REAL unit = 1;
    fs_bits one;
    memcpy(&one, &unit, sizeof one);
    const vec value = load_lanes(dy, n), taken = v_add_int(load_index(index, first, n), v_set1_bits(one));
    vmask found = v_lt(v_zero(), v_zero());
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t q = 0; q < cols; q++) {
            const fs_bits tap = (fs_bits)((int32_t)r * t->row_index + (int32_t)q * t->col_index);
            const vmask here = v_eq(taken, v_set1_bits(one + tap));
            store_lanes(dx + r * t->row_step + q * t->col_step, v_select(here, value, v_zero()), n);
            found = m_or(found, here);
        }
    }
    if (n == VL) {
        *stray = m_or(*stray, m_not(found));
    } else if (v_sum(v_select(found, v_set1(1), v_zero())) < (REAL)n) {
        *stray = v_eq(v_zero(), v_zero());
    }
}

FS_INLINE int place_windows(REAL *dx, const REAL *dy, const int32_t *index, const struct fs_taps *t, ptrdiff_t rows,
                            ptrdiff_t cols, ptrdiff_t c, ptrdiff_t pixels) {
    int32_t first = t->index;
    vmask stray = v_lt(v_zero(), v_zero());
    for (ptrdiff_t p = 0; p < pixels; p++) {
        ptrdiff_t i = 0;
        for (; i + VL <= c; i += VL) place_window(dx + i, dy + i, index + i, t, rows, cols, first, VL, &stray);
        if (i < c) place_window(dx + i, dy + i, index + i, t, rows, cols, first, c - i, &stray);
        dy += c;
        index += c;
        dx += t->pixel_step;
        first += t->pixel_index;
    }
    return m_any(stray);
}

void FS_SIMD(pool_place)(REAL *dx, int *stray, const REAL *dy, const int32_t *index, const struct fs_taps *t, ptrdiff_t c,
                         ptrdiff_t pixels) {
    *stray = t->rows == 2 && t->cols == 2 ? place_windows(dx, dy, index, t, 2, 2, c, pixels)
                                          : place_windows(dx, dy, index, t, t->rows, t->cols, c, pixels);
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
