/* Depthwise convolution: each lane is a channel that sees only itself, so a pixel is one product for each tap. */
#include "part.h"

#include "kernels.h"

enum { PIXELS = 8, TAPS = 5 }; /* held in registers at a time */

/* m pixels; VL channels, or n of them; m and part are constants wherever this is inlined. */
FS_INLINE void pixels(const int m, const int part, REAL *y, ptrdiff_t y_step, const struct fs_segments *taps, const REAL *x,
                      ptrdiff_t x_step, const REAL *w, const ptrdiff_t *w_at, vec start, int relu, ptrdiff_t n) {
    vec acc[PIXELS];
    FS_UNROLL
    for (int i = 0; i < m; i++) acc[i] = start;
    for (ptrdiff_t t = 0; t < taps->count; t++) {
        const REAL *from = x + taps->at[t];
        const vec weight = load_if(part, w + w_at[t], n);
        FS_UNROLL
        for (int i = 0; i < m; i++) acc[i] = v_fma(load_if(part, from + i * x_step, n), weight, acc[i]);
    }
    FS_UNROLL
    for (int i = 0; i < m; i++) store_if(part, y + i * y_step, relu ? v_max(v_zero(), acc[i]) : acc[i], n);
}

FS_INLINE void row(const int part, REAL *y, ptrdiff_t y_step, const struct fs_segments *taps, const REAL *x,
                   ptrdiff_t x_step, const REAL *w, const ptrdiff_t *w_at, vec start, int relu, ptrdiff_t n,
                   ptrdiff_t count) {
    const ptrdiff_t blocks = (count + PIXELS - 1) / PIXELS;
    for (ptrdiff_t b = 0; b < blocks; b++) {
        const ptrdiff_t m = count / blocks + (b < count % blocks); /* evenly: few pixels wait for one another's sums */
        switch (m) {
        case 8: pixels(8, part, y, y_step, taps, x, x_step, w, w_at, start, relu, n); break;
        case 7: pixels(7, part, y, y_step, taps, x, x_step, w, w_at, start, relu, n); break;
        case 6: pixels(6, part, y, y_step, taps, x, x_step, w, w_at, start, relu, n); break;
        case 5: pixels(5, part, y, y_step, taps, x, x_step, w, w_at, start, relu, n); break;
        case 4: pixels(4, part, y, y_step, taps, x, x_step, w, w_at, start, relu, n); break;
        case 3: pixels(3, part, y, y_step, taps, x, x_step, w, w_at, start, relu, n); break;
        case 2: pixels(2, part, y, y_step, taps, x, x_step, w, w_at, start, relu, n); break;
        default: pixels(1, part, y, y_step, taps, x, x_step, w, w_at, start, relu, n); break;
        }
        y += m * y_step;
        x += m * x_step;
    }
}

void FS_SIMD(conv_depthwise)(REAL *y, ptrdiff_t y_step, const struct fs_segments *taps, const REAL *x, ptrdiff_t x_step,
                             const REAL *w, const ptrdiff_t *w_at, const REAL *bias, int relu, ptrdiff_t c,
                             ptrdiff_t count) {
    ptrdiff_t j = 0;
    for (; j + VL <= c; j += VL) {
        row(0, y + j, y_step, taps, x + j, x_step, w + j, w_at, bias ? v_load(bias + j) : v_zero(), relu, VL, count);
    }
    if (j < c) {
        const vec start = bias ? v_load_n(bias + j, c - j) : v_zero();
        row(1, y + j, y_step, taps, x + j, x_step, w + j, w_at, start, relu, c - j, count);
    }
}

/* m taps; VL channels, or n of them. */
FS_INLINE void sums(const int m, const int part, REAL *dw, ptrdiff_t dw_step, const ptrdiff_t *at, const struct fs_segments *rows,
                    const REAL *x, ptrdiff_t x_step, const REAL *dy, ptrdiff_t c, int accumulate, ptrdiff_t n) {
    vec acc[TAPS];
    FS_UNROLL
    for (int t = 0; t < m; t++) acc[t] = accumulate ? load_if(part, dw + t * dw_step, n) : v_zero();
    for (ptrdiff_t r = 0; r < rows->count; r++) {
        const REAL *from = x + rows->at[r];
        for (ptrdiff_t p = 0; p < rows->run; p++, from += x_step, dy += c) {
            const vec g = load_if(part, dy, n);
            FS_UNROLL
            for (int t = 0; t < m; t++) acc[t] = v_fma(load_if(part, from + at[t], n), g, acc[t]);
        }
    }
    FS_UNROLL
    for (int t = 0; t < m; t++) store_if(part, dw + t * dw_step, acc[t], n);
}

FS_INLINE void taps_of(const int part, REAL *dw, const struct fs_segments *taps, const struct fs_segments *rows,
                       const REAL *x, ptrdiff_t x_step, const REAL *dy, ptrdiff_t c, int accumulate, ptrdiff_t n) {
    for (ptrdiff_t t = 0, m; t < taps->count; t += m) {
        REAL *to = dw + t * c;
        const ptrdiff_t *at = taps->at + t, left = taps->count - t;
        m = left >= 2 * TAPS || left == TAPS ? TAPS : left > TAPS ? (left + 1) / 2 : left; /* evenly at the end */
        switch (m) {
        case 5: sums(5, part, to, c, at, rows, x, x_step, dy, c, accumulate, n); break;
        case 4: sums(4, part, to, c, at, rows, x, x_step, dy, c, accumulate, n); break;
        case 3: sums(3, part, to, c, at, rows, x, x_step, dy, c, accumulate, n); break;
        case 2: sums(2, part, to, c, at, rows, x, x_step, dy, c, accumulate, n); break;
        default: sums(1, part, to, c, at, rows, x, x_step, dy, c, accumulate, n); break;
        }
    }
}

void FS_SIMD(conv_depthwise_sums)(REAL *dw, const struct fs_segments *taps, const struct fs_segments *rows, const REAL *x,
                                  ptrdiff_t x_step, const REAL *dy, ptrdiff_t c, int accumulate) {
    ptrdiff_t j = 0;
    for (; j + VL <= c; j += VL) taps_of(0, dw + j, taps, rows, x + j, x_step, dy + j, c, accumulate, VL);
    if (j < c) taps_of(1, dw + j, taps, rows, x + j, x_step, dy + j, c, accumulate, c - j);
}
