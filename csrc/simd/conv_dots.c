/* Few output channels: instead of one lane for each of them, the lanes run along the window, and each output number is the sum
 * of one register. So many pixels are taken at a time that these registers fill a square, which is turned to add up its lanes.
 */
#include "vec.h"

#include "kernels.h"

/* p pixels by k channels, p k <= VL, constants wherever this is inlined; w has the length of the windows' whole registers. */
FS_INLINE void dots(const int p, const int k, REAL *y, ptrdiff_t y_row, const struct fs_segments *segments, const REAL *a,
                    ptrdiff_t a_row, const REAL *w, ptrdiff_t w_step, vec start, int relu) {
    const ptrdiff_t run = segments->run;
    vec acc[VL];
    FS_UNROLL
    for (int i = 0; i < VL; i++) acc[i] = v_zero();
    for (ptrdiff_t s = 0; s < segments->count; s++) {
        const REAL *from = a + segments->at[s];
        for (ptrdiff_t q = 0; q < run; q += VL, w += VL) {
            vec weight[VL];
            FS_UNROLL
            for (int j = 0; j < k; j++) weight[j] = v_load(w + j * w_step);
            FS_UNROLL
            for (int i = 0; i < p; i++) {
                const vec x = q + VL <= run ? v_load(from + i * a_row + q) : v_load_n(from + i * a_row + q, run - q);
                FS_UNROLL
                for (int j = 0; j < k; j++) acc[i * k + j] = v_fma(x, weight[j], acc[i * k + j]);
            }
        }
    }
    v_transpose(acc);
    FS_UNROLL
    for (int half = VL / 2; half > 0; half /= 2) {
        FS_UNROLL
        for (int i = 0; i < half; i++) acc[i] = v_add(acc[i], acc[i + half]);
    }
    vec sum = v_add(acc[0], start);
    if (relu) sum = v_max(v_zero(), sum); /* in this order NaN stays */
    if (y_row == k) { /* one store: many small ones would wait for one another where y is not in the cache */
        if (p * k == VL) {
            v_store(y, sum);
        } else {
            v_store_n(y, sum, p * k);
        }
        return;
    }
    REAL total[VL];
    v_store(total, sum);
    for (int i = 0; i < p; i++) {
        for (int j = 0; j < k; j++) y[i * y_row + j] = total[i * k + j];
    }
}

#define DOTS(k)                                                                                             \
    {                                                                                                       \
        enum { P = VL / k > 0 ? VL / k : 1 };                                                               \
        for (; i + P <= m; i += P) {                                                                        \
            dots(P, k, y + i * y_row, y_row, segments, a + i * a_row, a_row, w, w_step, start, relu);       \
        }                                                                                                   \
        for (; i < m; i++) dots(1, k, y + i * y_row, y_row, segments, a + i * a_row, a_row, w, w_step, start, relu); \
    }                                                                                                       \
    break;

void FS_SIMD(conv_dots)(ptrdiff_t m, ptrdiff_t k, REAL *y, ptrdiff_t y_row, const struct fs_segments *segments,
                        const REAL *a, ptrdiff_t a_row, const REAL *w, ptrdiff_t w_step, const REAL *bias, int relu) {
    REAL biases[VL] = {0};
    for (ptrdiff_t j = 0; bias && j < VL; j++) biases[j] = bias[j % k];
    const vec start = v_load(biases);
    ptrdiff_t i = 0;
    switch (k) {
    case 1: DOTS(1)
    case 2: DOTS(2)
#if VL >= 4
    case 3: DOTS(3)
    case 4: DOTS(4)
#endif
#if VL >= 8
    case 5: DOTS(5)
    case 6: DOTS(6)
    case 7: DOTS(7)
    case 8: DOTS(8)
#endif
    default: break;
    }
}
