/* Few output channels, and images whose channels are planes: the lanes run along the pixels of a row, and each number of a
 * filter meets all of them. The results are turned over, to lie channels-last, when they are stored.
 */
#include "vec.h"

#include "kernels.h"

/* Up to VL pixels of k channels. Whole registers where there is room: what one writes too much, the next makes good. */
FS_INLINE void store_pixels(const int k, REAL *y, vec pixel[VL], ptrdiff_t n) {
    v_transpose(pixel);
    FS_UNROLL
    for (int i = 0; i < VL; i++) {
        if (i >= n) return;
        if ((n - i) * k >= VL) {
            v_store(y + i * k, pixel[i]);
        } else {
            v_store_n(y + i * k, pixel[i], k);
        }
    }
}

/* nv registers of pixels, the last one of `last`; k and nv are constants wherever this is inlined. */
FS_INLINE void row(const int k, const int nv, REAL *y, ptrdiff_t last, const REAL *x, const struct fs_segments *terms,
                   const REAL *w, const REAL *bias, int relu) {
    vec acc[2][VL];
    FS_UNROLL
    for (int j = 0; j < k; j++) {
        FS_UNROLL
        for (int v = 0; v < nv; v++) acc[v][j] = bias ? v_set1(bias[j]) : v_zero();
    }
    for (ptrdiff_t t = 0; t < terms->count; t++, w += k) {
        const REAL *from = x + terms->at[t];
        vec pixels[2];
        FS_UNROLL
        for (int v = 0; v < nv; v++) pixels[v] = v_load(from + v * VL);
        FS_UNROLL
        for (int j = 0; j < k; j++) {
            const vec weight = v_set1(w[j]);
            FS_UNROLL
            for (int v = 0; v < nv; v++) acc[v][j] = v_fma(pixels[v], weight, acc[v][j]);
        }
        FS_BARRIER();
    }
    FS_UNROLL
    for (int v = 0; v < nv; v++) {
        FS_UNROLL
        for (int j = 0; j < VL; j++) {
            if (j >= k) acc[v][j] = v_zero();
            else if (relu) acc[v][j] = v_max(v_zero(), acc[v][j]); /* in this order NaN stays */
        }
        store_pixels(k, y + v * VL * k, acc[v], v == nv - 1 ? last : VL);
    }
}

/* p terms by k channels, p k <= VL: sums over all lines of pixels. */
FS_INLINE void sums(const int p, const int k, REAL *dw, const struct fs_segments *lines, const REAL *x, const ptrdiff_t *at,
                    const REAL *dy, ptrdiff_t plane, int accumulate) {
    vec acc[VL];
    FS_UNROLL
    for (int i = 0; i < VL; i++) acc[i] = v_zero();
    for (ptrdiff_t r = 0; r < lines->count; r++, dy += lines->run) {
        const REAL *from = x + lines->at[r];
        for (ptrdiff_t q = 0; q < lines->run; q += VL) {
            const ptrdiff_t n = lines->run - q;
            vec g[VL];
            FS_UNROLL
            for (int j = 0; j < k; j++) g[j] = n >= VL ? v_load(dy + j * plane + q) : v_load_n(dy + j * plane + q, n);
            FS_UNROLL
            for (int i = 0; i < p; i++) {
                const vec pixels = n >= VL ? v_load(from + at[i] + q) : v_load_n(from + at[i] + q, n);
                FS_UNROLL
                for (int j = 0; j < k; j++) acc[i * k + j] = v_fma(pixels, g[j], acc[i * k + j]);
            }
        }
    }
    v_transpose(acc);
    FS_UNROLL
    for (int half = VL / 2; half > 0; half /= 2) {
        FS_UNROLL
        for (int i = 0; i < half; i++) acc[i] = v_add(acc[i], acc[i + half]);
    }
    if (accumulate) acc[0] = v_add(v_load_n(dw, p * k), acc[0]);
    v_store_n(dw, acc[0], p * k);
}

/* Up to VL pixels of k channels to k planes. */
FS_INLINE void turn_pixels(const int k, REAL *to, ptrdiff_t plane, const REAL *x, ptrdiff_t n) {
    vec pixel[VL];
    FS_UNROLL
    for (int i = 0; i < VL; i++) {
        pixel[i] = (n - i) * k >= VL ? v_load(x + i * k) : i < n ? v_load_n(x + i * k, k) : v_zero();
    }
    v_transpose(pixel);
    FS_UNROLL
    for (int j = 0; j < k; j++) {
        if (n >= VL) v_store(to + j * plane, pixel[j]);
        else v_store_n(to + j * plane, pixel[j], n);
    }
}

/* Two registers of pixels at a time where their sums and what is multiplied fit. */
enum { REGISTERS = GEMM_MR > 6 ? 32 : 16 };
#define ROW(k)                                                                                                        \
    {                                                                                                                 \
        enum { NV = 2 * k + 3 <= REGISTERS ? 2 : 1 };                                                                 \
        ptrdiff_t i = 0;                                                                                              \
        for (; pixels - i > (NV - 1) * VL; i += NV * VL) {                                                            \
            row(k, NV, y + i * k, FS_MIN(VL, pixels - i - (NV - 1) * VL), x + i, terms, w, bias, relu);               \
        }                                                                                                             \
        if (i < pixels) row(k, 1, y + i * k, pixels - i, x + i, terms, w, bias, relu);                                \
    }                                                                                                                 \
    break;
#define SUMS(k)                                                                                                       \
    {                                                                                                                 \
        enum { P = VL / k > 0 ? VL / k : 1 };                                                                         \
        ptrdiff_t t = 0;                                                                                              \
        for (; t + P <= terms->count; t += P) sums(P, k, dw + t * k, lines, x, terms->at + t, dy, plane, accumulate); \
        for (; t < terms->count; t++) sums(1, k, dw + t * k, lines, x, terms->at + t, dy, plane, accumulate);         \
    }                                                                                                                 \
    break;
#define PLANES(k)                                                                                                     \
    {                                                                                                                 \
        ptrdiff_t i = 0;                                                                                              \
        for (; pixels - i >= VL + VL / k; i += VL) turn_pixels(k, to + i, plane, x + i * k, VL + VL / k);             \
        for (; i < pixels; i += VL) turn_pixels(k, to + i, plane, x + i * k, pixels - i);                             \
    }                                                                                                                 \
    break;
#if VL >= 8
#define EACH(X) case 1: X(1) case 2: X(2) case 3: X(3) case 4: X(4) case 5: X(5) case 6: X(6) case 7: X(7) case 8: X(8)
#elif VL >= 4
#define EACH(X) case 1: X(1) case 2: X(2) case 3: X(3) case 4: X(4)
#else
#define EACH(X) case 1: X(1) case 2: X(2)
#endif

void FS_SIMD(conv_rows)(REAL *y, ptrdiff_t pixels, ptrdiff_t k, const REAL *x, const struct fs_segments *terms,
                        const REAL *w, const REAL *bias, int relu) {
    switch (k) {
        EACH(ROW)
        default: break;
    }
}

void FS_SIMD(conv_rows_sums)(REAL *dw, ptrdiff_t k, const struct fs_segments *lines, const REAL *x,
                             const struct fs_segments *terms, const REAL *dy, ptrdiff_t plane, int accumulate) {
    switch (k) {
        EACH(SUMS)
        default: break;
    }
}

void FS_SIMD(conv_planes)(REAL *to, ptrdiff_t plane, const REAL *x, ptrdiff_t pixels, ptrdiff_t k) {
    switch (k) {
        EACH(PLANES)
        default: break;
    }
}
