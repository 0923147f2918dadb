/* What a convolution does with the pixels that it has just made: the largest of each block, and the way back. */
#include "bytes.h"

#include "kernels.h"

enum { DEAD = 255 };

FS_INLINE vec load_lanes(const REAL *p, ptrdiff_t n) { return n == VL ? v_load(p) : v_load_n(p, n); }

FS_INLINE void store_lanes(REAL *p, vec x, ptrdiff_t n) {
    if (n == VL) {
        v_store(p, x);
    } else {
        v_store_n(p, x, n);
    }
}

/* One block, up to VL channels. A NaN beats everything that came before it, as in PyTorch. */
FS_INLINE void pool_block(REAL *y, uint8_t *code, const REAL *z, ptrdiff_t line, ptrdiff_t window_h, ptrdiff_t window_w,
                          int relu, ptrdiff_t c, ptrdiff_t n) {
    vec best = load_lanes(z, n), at = v_set1((REAL)BYTE_BASE);
    FS_UNROLL_KNOWN
    for (ptrdiff_t r = 0; r < window_h; r++) {
        FS_UNROLL_KNOWN
        for (ptrdiff_t q = 0; q < window_w; q++) {
            if (r == 0 && q == 0) continue;
            const vec value = load_lanes(z + r * line + q * c, n);
            const vmask better = m_or(v_gt(value, best), v_unord(value, value));
            best = v_select(better, value, best);
            at = v_select(better, v_set1((REAL)BYTE_BASE + (REAL)(r * window_w + q)), at);
        }
    }
    if (relu) {
        const vmask dead = v_le(best, v_zero());
        best = v_select(dead, v_zero(), best);
        at = v_select(dead, v_set1((REAL)BYTE_BASE + DEAD), at);
    }
    store_lanes(y, best, n);
    store_bytes(code, at, n);
}

FS_INLINE void pool_row(REAL *y, uint8_t *code, const REAL *z, ptrdiff_t line, ptrdiff_t window_h, ptrdiff_t window_w,
                        int relu, ptrdiff_t c, ptrdiff_t blocks) {
    for (ptrdiff_t b = 0; b < blocks; b++, y += c, code += c, z += window_w * c) {
        ptrdiff_t i = 0;
        for (; i + VL <= c; i += VL) pool_block(y + i, code + i, z + i, line, window_h, window_w, relu, c, VL);
        if (i < c) pool_block(y + i, code + i, z + i, line, window_h, window_w, relu, c, c - i);
    }
}

void FS_SIMD(conv_pool)(REAL *y, uint8_t *code, const REAL *z, ptrdiff_t line, ptrdiff_t window_h, ptrdiff_t window_w,
                        int relu, ptrdiff_t c, ptrdiff_t blocks) {
    if (window_h == 2 && window_w == 2 && relu) { /* the common ones, unrolled */
        pool_row(y, code, z, line, 2, 2, 1, c, blocks);
    } else if (window_h == 2 && window_w == 2) {
        pool_row(y, code, z, line, 2, 2, 0, c, blocks);
    } else if (window_h == 1 && window_w == 2) {
        pool_row(y, code, z, line, 1, 2, relu, c, blocks);
    } else {
        pool_row(y, code, z, line, window_h, window_w, relu, c, blocks);
    }
}

FS_INLINE void unpool_block(REAL *z, const REAL *dy, const uint8_t *code, ptrdiff_t line, ptrdiff_t window_h,
                            ptrdiff_t window_w, ptrdiff_t c, ptrdiff_t n) {
    const vec g = load_lanes(dy, n), at = load_bytes(code, n);
    FS_UNROLL_KNOWN
    for (ptrdiff_t r = 0; r < window_h; r++) {
        FS_UNROLL_KNOWN
        for (ptrdiff_t q = 0; q < window_w; q++) {
            const vmask here = v_eq(at, v_set1((REAL)BYTE_BASE + (REAL)(r * window_w + q)));
            store_lanes(z + r * line + q * c, v_select(here, g, v_zero()), n);
        }
    }
}

FS_INLINE void unpool_row(REAL *z, const REAL *dy, const uint8_t *code, ptrdiff_t line, ptrdiff_t window_h,
                          ptrdiff_t window_w, ptrdiff_t c, ptrdiff_t blocks) {
    for (ptrdiff_t b = 0; b < blocks; b++, dy += c, code += c, z += window_w * c) {
        ptrdiff_t i = 0;
        for (; i + VL <= c; i += VL) unpool_block(z + i, dy + i, code + i, line, window_h, window_w, c, VL);
        if (i < c) unpool_block(z + i, dy + i, code + i, line, window_h, window_w, c, c - i);
    }
}

void FS_SIMD(conv_unpool)(REAL *z, const REAL *dy, const uint8_t *code, ptrdiff_t line, ptrdiff_t window_h,
                          ptrdiff_t window_w, ptrdiff_t c, ptrdiff_t blocks) {
    if (window_h == 2 && window_w == 2) {
        unpool_row(z, dy, code, line, 2, 2, c, blocks);
    } else if (window_h == 1 && window_w == 2) {
        unpool_row(z, dy, code, line, 1, 2, c, blocks);
    } else {
        unpool_row(z, dy, code, line, window_h, window_w, c, blocks);
    }
}

/* VL channels, or the first n: part is a constant. */
FS_INLINE void sum_lanes(const int part, REAL *sum, const REAL *x, ptrdiff_t step, ptrdiff_t pixels, ptrdiff_t n) {
    vec total[8];
    FS_UNROLL
    for (int j = 0; j < 8; j++) total[j] = v_zero();
    ptrdiff_t p = 0;
    for (; p + 8 <= pixels; p += 8) {
        FS_UNROLL
        for (int j = 0; j < 8; j++) {
            const REAL *from = x + (p + j) * step;
            total[j] = v_add(total[j], part ? v_load_n(from, n) : v_load(from));
        }
    }
    for (; p < pixels; p++) total[0] = v_add(total[0], load_lanes(x + p * step, n));
    FS_UNROLL
    for (int j = 0; j < 4; j++) total[j] = v_add(total[j], total[j + 4]);
    const vec all = v_add(v_add(total[0], total[1]), v_add(total[2], total[3]));
    store_lanes(sum, v_add(load_lanes(sum, n), all), n);
}

void FS_SIMD(conv_sums)(REAL *sum, const REAL *x, ptrdiff_t step, ptrdiff_t c, ptrdiff_t pixels) {
    ptrdiff_t i = 0;
    for (; i + VL <= c; i += VL) sum_lanes(0, sum + i, x + i, step, pixels, VL);
    if (i < c) sum_lanes(1, sum + i, x + i, step, pixels, c - i);
}
