/* The transforms of Winograd's F(4x4, 3x3): Y = A^T [(G g G^T) . (B^T d B)] A, each lane a channel.
 *
 *         4  0 -5  0  1  0          1/4     0    0
 *         0 -4 -4  1  1  0         -1/6  -1/6 -1/6            1  1  1  1  1  0
 *   B^T = 0  4 -4 -1  1  0     G = -1/6   1/6 -1/6     A^T =  0  1 -1  2 -2  0
 *         0 -2 -1  2  1  0         1/24  1/12  1/6            0  1  1  4  4  0
 *         0  2 -1 -2  1  0         1/24 -1/12  1/6            0  1 -1  8 -8  1
 *         0  4  0 -5  0  1            0     0    1
 *
 * (A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.) A gradient goes through the
 * transposed matrices: in g, G^T [(A dy A^T) . (B^T d B)] G; in d, B [(G g G^T) . (A dy A^T)] B^T. Element (i, j) of a
 * transformed tile is i * 6 + j steps away from the first, so that the 36 matrices [tile][channel] or [channel][channel] lie
 * one after the other.
 */
#include "vec.h"

#include "kernels.h"
#include "winograd.h"

enum { OUT = FS_WINOGRAD_OUT, IN = FS_WINOGRAD_IN, TAPS = FS_WINOGRAD_TAPS };

/* ---- in one dimension: to = M from ---- */

FS_INLINE void by_b_transposed(vec to[IN], const vec d[IN]) {
    const vec two = v_set1(2), four = v_set1(4);
    const vec a = v_fnma(four, d[2], d[4]), b = v_fnma(four, d[1], d[3]);
    const vec c = v_sub(d[4], d[2]), e = v_sub(d[3], d[1]);
    to[0] = v_fma(four, v_sub(d[0], d[2]), c);
    to[1] = v_add(a, b);
    to[2] = v_sub(a, b);
    to[3] = v_fma(two, e, c);
    to[4] = v_fnma(two, e, c);
    to[5] = v_fnma(four, e, v_sub(d[5], d[3]));
}

FS_INLINE void by_a_transposed(vec to[OUT], const vec m[IN]) {
    const vec sum1 = v_add(m[1], m[2]), sum2 = v_add(m[3], m[4]);
    const vec difference1 = v_sub(m[1], m[2]), difference2 = v_sub(m[3], m[4]);
    to[0] = v_add(v_add(m[0], sum1), sum2);
    to[1] = v_fma(v_set1(2), difference2, difference1);
    to[2] = v_fma(v_set1(4), sum2, sum1);
    to[3] = v_fma(v_set1(8), difference2, v_add(difference1, m[5]));
}

FS_INLINE void by_a(vec to[IN], const vec y[OUT]) {
    const vec two = v_set1(2), four = v_set1(4);
    const vec even = v_add(y[0], y[2]), odd = v_add(y[1], y[3]);
    const vec even2 = v_fma(four, y[2], y[0]), odd2 = v_fma(four, y[3], y[1]);
    to[0] = y[0];
    to[1] = v_add(even, odd);
    to[2] = v_sub(even, odd);
    to[3] = v_fma(two, odd2, even2);
    to[4] = v_fnma(two, odd2, even2);
    to[5] = y[3];
}

FS_INLINE void by_b(vec to[IN], const vec m[IN]) {
    const vec four = v_set1(4), five = v_set1(5), sum1 = v_add(m[1], m[2]), sum2 = v_add(m[3], m[4]);
    const vec difference1 = v_sub(m[1], m[2]), difference2 = v_sub(m[4], m[3]), twice2 = v_add(difference2, difference2);
    to[0] = v_mul(four, m[0]);
    to[1] = v_fnma(four, v_sub(difference1, m[5]), twice2);
    to[2] = v_sub(v_fnma(four, sum1, v_mul(v_set1(-5), m[0])), sum2);
    to[3] = v_fnma(five, m[5], v_sub(difference1, twice2));
    to[4] = v_add(v_add(m[0], sum1), sum2);
    to[5] = m[5];
}

FS_INLINE void by_g(vec to[IN], const vec g[TAPS]) {
    const vec sixth = v_set1((REAL)(-1.0 / 6)), even = v_mul(sixth, v_add(g[0], g[2]));
    const vec even2 = v_mul(v_set1((REAL)(1.0 / 24)), v_fma(v_set1(4), g[2], g[0]));
    const vec twelfth = v_set1((REAL)(1.0 / 12));
    to[0] = v_mul(v_set1((REAL)0.25), g[0]);
    to[1] = v_fma(sixth, g[1], even);
    to[2] = v_fnma(sixth, g[1], even);
    to[3] = v_fma(twelfth, g[1], even2);
    to[4] = v_fnma(twelfth, g[1], even2);
    to[5] = g[2];
}

FS_INLINE void by_g_transposed(vec to[TAPS], const vec s[IN]) {
    const vec sixth = v_set1((REAL)(1.0 / 6)), sum1 = v_add(s[1], s[2]), sum2 = v_add(s[3], s[4]);
    const vec near = v_mul(sixth, v_sub(s[2], s[1]));
    to[0] = v_fma(v_set1((REAL)0.25), s[0], v_fnma(sixth, sum1, v_mul(v_set1((REAL)(1.0 / 24)), sum2)));
    to[1] = v_fma(v_set1((REAL)(1.0 / 12)), v_sub(s[3], s[4]), near);
    to[2] = v_fma(sixth, v_sub(sum2, sum1), s[5]);
}

/* ---- tiles of an image ---- */

enum { EDGE, WHOLE }; /* is all of the tile in the image? */

/* n lanes of pixel (i, j), 0 outside. */
FS_INLINE vec pixel(const REAL *x, const struct fs_tile *t, ptrdiff_t i, ptrdiff_t j, const int whole, ptrdiff_t n) {
    if (!whole && (i < t->top || i >= t->bottom)) return v_zero();
    const REAL *p = x + i * t->row + j * t->pixel;
    return n == VL ? v_load(p) : v_load_n(p, n);
}

FS_INLINE void input_lanes(REAL *v, ptrdiff_t step, const REAL *x, const struct fs_tile *t, const int whole, ptrdiff_t n) {
    vec half[IN][IN];
    FS_UNROLL
    for (int j = 0; j < IN; j++) {
        vec d[IN], to[IN];
        if (whole || (j >= t->left && j < t->right)) {
            FS_UNROLL
            for (int i = 0; i < IN; i++) d[i] = pixel(x, t, i, j, whole, n);
            by_b_transposed(to, d);
            FS_UNROLL
            for (int i = 0; i < IN; i++) half[i][j] = to[i];
        } else {
            FS_UNROLL
            for (int i = 0; i < IN; i++) half[i][j] = v_zero();
        }
        FS_BARRIER();
    }
    FS_UNROLL
    for (int i = 0; i < IN; i++) {
        vec to[IN];
        by_b_transposed(to, half[i]);
        FS_UNROLL
        for (int j = 0; j < IN; j++) v_store(v + (i * IN + j) * step, to[j]);
        FS_BARRIER();
    }
}

void FS_SIMD(winograd_input)(REAL *v, ptrdiff_t step, const REAL *image, const struct fs_tile *t, ptrdiff_t c) {
    const int whole = t->top == 0 && t->bottom == IN && t->left == 0 && t->right == IN;
    ptrdiff_t i = 0;
    for (; i + VL <= c; i += VL) {
        if (whole) {
            input_lanes(v + i, step, image + t->first + i, t, WHOLE, VL);
        } else {
            input_lanes(v + i, step, image + t->first + i, t, EDGE, VL);
        }
    }
    if (i < c) input_lanes(v + i, step, image + t->first + i, t, EDGE, c - i);
}

FS_INLINE void expand_lanes(REAL *v, ptrdiff_t step, const REAL *dy, const struct fs_tile *t, const int whole,
                              ptrdiff_t n) {
    vec half[IN][OUT];
    FS_UNROLL
    for (int j = 0; j < OUT; j++) {
        vec d[OUT], to[IN];
        FS_UNROLL
        for (int i = 0; i < OUT; i++) d[i] = whole || j < t->right ? pixel(dy, t, i, j, whole, n) : v_zero();
        by_a(to, d);
        FS_UNROLL
        for (int i = 0; i < IN; i++) half[i][j] = to[i];
    }
    FS_UNROLL
    for (int i = 0; i < IN; i++) {
        vec to[IN];
        by_a(to, half[i]);
        FS_UNROLL
        for (int j = 0; j < IN; j++) v_store(v + (i * IN + j) * step, to[j]);
    }
}

void FS_SIMD(winograd_expand)(REAL *v, ptrdiff_t step, const REAL *image, const struct fs_tile *t, ptrdiff_t k) {
    const int whole = t->bottom == OUT && t->right == OUT;
    ptrdiff_t i = 0;
    for (; i + VL <= k; i += VL) {
        if (whole) {
            expand_lanes(v + i, step, image + t->first + i, t, WHOLE, VL);
        } else {
            expand_lanes(v + i, step, image + t->first + i, t, EDGE, VL);
        }
    }
    if (i < k) expand_lanes(v + i, step, image + t->first + i, t, EDGE, k - i);
}

/* Stores what lies in the image; returns 0 times all of the tile, which is NaN if anything is not finite. */
FS_INLINE vec output_lanes(REAL *y, const REAL *m, ptrdiff_t step, const struct fs_tile *t, vec bias, vec least,
                           const int whole, ptrdiff_t n) {
    vec half[OUT][IN], spoiled = v_zero();
    FS_UNROLL
    for (int j = 0; j < IN; j++) {
        vec d[IN], to[OUT];
        FS_UNROLL
        for (int i = 0; i < IN; i++) d[i] = v_load(m + (i * IN + j) * step);
        by_a_transposed(to, d);
        FS_UNROLL
        for (int i = 0; i < OUT; i++) half[i][j] = to[i];
        FS_BARRIER();
    }
    FS_UNROLL
    for (int i = 0; i < OUT; i++) {
        vec to[OUT];
        by_a_transposed(to, half[i]);
        FS_UNROLL
        for (int j = 0; j < OUT; j++) {
            spoiled = v_fma(to[j], v_zero(), spoiled);
            if (!whole && (i >= t->bottom || j >= t->right)) continue;
            REAL *p = y + i * t->row + j * t->pixel;
            const vec value = v_max(v_add(to[j], bias), least);
            if (n == VL) {
                v_store(p, value);
            } else {
                v_store_n(p, value, n);
            }
        }
    }
    return spoiled;
}

void FS_SIMD(winograd_output)(REAL *image, REAL *spoiled, const REAL *m, ptrdiff_t step, const struct fs_tile *t,
                              const REAL *bias, REAL least, ptrdiff_t k) {
    const int whole = t->bottom == OUT && t->right == OUT;
    const vec at_least = v_set1(least);
    vec sum = v_load(spoiled);
    for (ptrdiff_t i = 0; i < k; i += VL) {
        const ptrdiff_t n = FS_MIN(VL, k - i);
        const vec b = !bias ? v_zero() : n == VL ? v_load(bias + i) : v_load_n(bias + i, n);
        REAL *y = image + t->first + i;
        if (whole && n == VL) {
            sum = v_add(sum, output_lanes(y, m + i, step, t, b, at_least, WHOLE, VL));
        } else if (n == VL) {
            sum = v_add(sum, output_lanes(y, m + i, step, t, b, at_least, EDGE, VL));
        } else {
            sum = v_add(sum, output_lanes(y, m + i, step, t, b, at_least, EDGE, n));
        }
    }
    v_store(spoiled, sum);
}

/* Adds what lies in the image; returns as output_lanes. */
FS_INLINE vec scatter_lanes(REAL *y, const REAL *m, ptrdiff_t step, const struct fs_tile *t, const int whole, ptrdiff_t n) {
    vec half[IN][IN], spoiled = v_zero();
    FS_UNROLL
    for (int j = 0; j < IN; j++) {
        vec d[IN], to[IN];
        FS_UNROLL
        for (int i = 0; i < IN; i++) d[i] = v_load(m + (i * IN + j) * step);
        by_b(to, d);
        FS_UNROLL
        for (int i = 0; i < IN; i++) half[i][j] = to[i];
        FS_BARRIER();
    }
    FS_UNROLL
    for (int i = 0; i < IN; i++) {
        vec to[IN];
        by_b(to, half[i]);
        FS_UNROLL
        for (int j = 0; j < IN; j++) {
            spoiled = v_fma(to[j], v_zero(), spoiled);
            if (!whole && (i < t->top || i >= t->bottom || j < t->left || j >= t->right)) continue;
            REAL *p = y + i * t->row + j * t->pixel;
            if (n == VL) {
                v_store(p, v_add(v_load(p), to[j]));
            } else {
                v_store_n(p, v_add(v_load_n(p, n), to[j]), n);
            }
        }
    }
    return spoiled;
}

void FS_SIMD(winograd_scatter)(REAL *image, REAL *spoiled, const REAL *m, ptrdiff_t step, const struct fs_tile *t,
                               ptrdiff_t k) {
    const int whole = t->top == 0 && t->bottom == IN && t->left == 0 && t->right == IN;
    vec sum = v_load(spoiled);
    for (ptrdiff_t i = 0; i < k; i += VL) {
        const ptrdiff_t n = FS_MIN(VL, k - i);
        REAL *y = image + t->first + i;
        if (whole && n == VL) {
            sum = v_add(sum, scatter_lanes(y, m + i, step, t, WHOLE, VL));
        } else if (n == VL) {
            sum = v_add(sum, scatter_lanes(y, m + i, step, t, EDGE, VL));
        } else {
            sum = v_add(sum, scatter_lanes(y, m + i, step, t, EDGE, n));
        }
    }
    v_store(spoiled, sum);
}

/* ---- filters: [k][9 taps], k_step apart, to and from registers of k ---- */

enum { ALL_TAPS = TAPS * TAPS };

/* VL taps at a time, as the rows of a square that is turned; those that are left over, one by one. */
enum { SQUARES = VL > ALL_TAPS ? 1 : ALL_TAPS / VL, IN_SQUARE = VL > ALL_TAPS ? ALL_TAPS : VL };

FS_INLINE vec load_row(const REAL *p) { return IN_SQUARE == VL ? v_load(p) : v_load_n(p, IN_SQUARE); }

FS_INLINE void load_taps(vec g[ALL_TAPS], const REAL *w, ptrdiff_t k_step, ptrdiff_t n) {
    for (int q = 0; q < SQUARES; q++, w += IN_SQUARE) {
        vec square[VL];
        for (ptrdiff_t i = 0; i < VL; i++) square[i] = i < n ? load_row(w + i * k_step) : v_zero();
        v_transpose(square);
        for (int t = 0; t < IN_SQUARE; t++) g[q * IN_SQUARE + t] = square[t];
    }
    for (int t = SQUARES * IN_SQUARE; t < ALL_TAPS; t++, w++) {
        REAL lane[VL] = {0};
        for (ptrdiff_t i = 0; i < n; i++) lane[i] = w[i * k_step];
        g[t] = v_load(lane);
    }
}

FS_INLINE void store_taps(REAL *w, const vec g[ALL_TAPS], ptrdiff_t k_step, ptrdiff_t n) {
    for (int q = 0; q < SQUARES; q++, w += IN_SQUARE) {
        vec square[VL];
        for (int t = 0; t < VL; t++) square[t] = t < IN_SQUARE ? g[q * IN_SQUARE + t] : v_zero();
        v_transpose(square);
        for (ptrdiff_t i = 0; i < n; i++) {
            if (IN_SQUARE == VL) {
                v_store(w + i * k_step, square[i]);
            } else {
                v_store_n(w + i * k_step, square[i], IN_SQUARE);
            }
        }
    }
    for (int t = SQUARES * IN_SQUARE; t < ALL_TAPS; t++, w++) {
        REAL lane[VL];
        v_store(lane, g[t]);
        for (ptrdiff_t i = 0; i < n; i++) w[i * k_step] = lane[i];
    }
}

void FS_SIMD(winograd_filters)(REAL *u, ptrdiff_t step, const REAL *w, ptrdiff_t k_step, int turned, ptrdiff_t k) {
    for (ptrdiff_t i = 0; i < k; i += VL) {
        vec taps[ALL_TAPS], half[IN][TAPS];
        load_taps(taps, w + i * k_step, k_step, FS_MIN(VL, k - i));
        FS_UNROLL
        for (int j = 0; j < TAPS; j++) {
            vec g[TAPS], to[IN];
            for (int r = 0; r < TAPS; r++) g[r] = turned ? taps[ALL_TAPS - 1 - r * TAPS - j] : taps[r * TAPS + j];
            by_g(to, g);
            FS_UNROLL
            for (int r = 0; r < IN; r++) half[r][j] = to[r];
        }
        FS_UNROLL
        for (int r = 0; r < IN; r++) {
            vec to[IN];
            by_g(to, half[r]);
            FS_UNROLL
            for (int j = 0; j < IN; j++) v_store(u + i + (r * IN + j) * step, to[j]);
        }
    }
}

/* The sum of `parts` registers, part_step apart, in their order. */
FS_INLINE vec sum_of_parts(const REAL *p, ptrdiff_t parts, ptrdiff_t part_step) {
    vec sum = v_load(p);
    for (ptrdiff_t part = 1; part < parts; part++) sum = v_add(sum, v_load(p + part * part_step));
    return sum;
}

void FS_SIMD(winograd_taps)(REAL *dw, REAL *spoiled, const REAL *sums, ptrdiff_t step, ptrdiff_t parts,
                            ptrdiff_t part_step, ptrdiff_t k_step, ptrdiff_t k) {
    vec sum = v_load(spoiled);
    for (ptrdiff_t i = 0; i < k; i += VL) {
        vec half[TAPS][IN], taps[ALL_TAPS];
        FS_UNROLL
        for (int j = 0; j < IN; j++) {
            vec s[IN], to[TAPS];
            FS_UNROLL
            for (int r = 0; r < IN; r++) s[r] = sum_of_parts(sums + i + (r * IN + j) * step, parts, part_step);
            by_g_transposed(to, s);
            FS_UNROLL
            for (int r = 0; r < TAPS; r++) half[r][j] = to[r];
        }
        FS_UNROLL
        for (int r = 0; r < TAPS; r++) by_g_transposed(taps + r * TAPS, half[r]);
        FS_UNROLL
        for (int t = 0; t < ALL_TAPS; t++) sum = v_fma(taps[t], v_zero(), sum);
        store_taps(dw + i * k_step, taps, k_step, FS_MIN(VL, k - i));
    }
    v_store(spoiled, sum);
}
