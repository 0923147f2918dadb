/* Depthwise convolution: each lane is a channel that sees only itself, so a pixel is one product for each tap. */
#include "vec.h"

#include "kernels.h"

enum { PIXELS = 8, TAPS = 5 }; /* held in registers at a time */

FS_INLINE vec load_lanes(const REAL *p, ptrdiff_t n) { return n == VL ? v_load(p) : v_load_n(p, n); }

FS_INLINE void store_lanes(REAL *p, vec x, ptrdiff_t n) {
    if (n == VL) {
        v_store(p, x);
    } else {
        v_store_n(p, x, n);
    }
}

/* m pixels, n <= VL channels; m is a constant wherever this is inlined. */
FS_INLINE void pixels(const int m, REAL *y, ptrdiff_t y_step, const struct fs_segments *taps, const REAL *x,
                      ptrdiff_t x_step, const REAL *w, ptrdiff_t w_step, vec start, int relu, ptrdiff_t n) {
    vec acc[PIXELS];
    FS_UNROLL
    for (int i = 0; i < m; i++) acc[i] = start;
    for (ptrdiff_t t = 0; t < taps->count; t++) {
        const REAL *from = x + taps->at[t];
        const vec weight = load_lanes(w + t * w_step, n);
        FS_UNROLL
        for (int i = 0; i < m; i++) acc[i] = v_fma(load_lanes(from + i * x_step, n), weight, acc[i]);
    }
    FS_UNROLL
    for (int i = 0; i < m; i++) store_lanes(y + i * y_step, relu ? v_max(v_zero(), acc[i]) : acc[i], n);
}

void FS_SIMD(conv_depthwise)(REAL *y, ptrdiff_t y_step, const struct fs_segments *taps, const REAL *x, ptrdiff_t x_step,
                             const REAL *w, const REAL *bias, int relu, ptrdiff_t c, ptrdiff_t count) {
    for (ptrdiff_t j = 0; j < c; j += VL) {
        const ptrdiff_t n = FS_MIN(VL, c - j);
        const vec start = bias ? load_lanes(bias + j, n) : v_zero();
        ptrdiff_t i = 0;
        for (; i + PIXELS <= count; i += PIXELS) {
            pixels(PIXELS, y + i * y_step + j, y_step, taps, x + i * x_step + j, x_step, w + j, c, start, relu, n);
        }
        for (; i + 2 <= count; i += 2) {
            pixels(2, y + i * y_step + j, y_step, taps, x + i * x_step + j, x_step, w + j, c, start, relu, n);
        }
        if (i < count) pixels(1, y + i * y_step + j, y_step, taps, x + i * x_step + j, x_step, w + j, c, start, relu, n);
    }
}

/* m taps, n <= VL channels. */
FS_INLINE void sums(const int m, REAL *dw, ptrdiff_t dw_step, const ptrdiff_t *at, const struct fs_segments *rows,
                    const REAL *x, ptrdiff_t x_step, const REAL *dy, ptrdiff_t c, int accumulate, ptrdiff_t n) {
    vec acc[TAPS];
    FS_UNROLL
    for (int t = 0; t < m; t++) acc[t] = accumulate ? load_lanes(dw + t * dw_step, n) : v_zero();
    for (ptrdiff_t r = 0; r < rows->count; r++) {
        const REAL *from = x + rows->at[r];
        for (ptrdiff_t p = 0; p < rows->run; p++, from += x_step, dy += c) {
            const vec g = load_lanes(dy, n);
            FS_UNROLL
            for (int t = 0; t < m; t++) acc[t] = v_fma(load_lanes(from + at[t], n), g, acc[t]);
        }
    }
    FS_UNROLL
    for (int t = 0; t < m; t++) store_lanes(dw + t * dw_step, acc[t], n);
}

void FS_SIMD(conv_depthwise_sums)(REAL *dw, const struct fs_segments *taps, const struct fs_segments *rows, const REAL *x,
                                  ptrdiff_t x_step, const REAL *dy, ptrdiff_t c, int accumulate) {
    for (ptrdiff_t j = 0; j < c; j += VL) {
        const ptrdiff_t n = FS_MIN(VL, c - j);
        for (ptrdiff_t t = 0, m; t < taps->count; t += m) {
            REAL *to = dw + t * c + j;
            const ptrdiff_t *at = taps->at + t, left = taps->count - t;
            m = left >= 2 * TAPS || left == TAPS ? TAPS : left > TAPS ? (left + 1) / 2 : left; /* evenly at the end */
            switch (m) {
            case 5: sums(5, to, c, at, rows, x + j, x_step, dy + j, c, accumulate, n); break;
            case 4: sums(4, to, c, at, rows, x + j, x_step, dy + j, c, accumulate, n); break;
            case 3: sums(3, to, c, at, rows, x + j, x_step, dy + j, c, accumulate, n); break;
            case 2: sums(2, to, c, at, rows, x + j, x_step, dy + j, c, accumulate, n); break;
            default: sums(1, to, c, at, rows, x + j, x_step, dy + j, c, accumulate, n); break;
            }
        }
    }
}
