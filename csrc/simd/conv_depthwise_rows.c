/* Depthwise convolution whose taps lie side by side: a pixel of the source is loaded once for a row of the filter, and goes
 * into all the sums that see it. Lanes are channels; the sums of a block of pixels, or of the nine taps, stay in registers.
 */
#include "part.h"

#include "kernels.h"

/* ---- pixels ---- */

enum { PIXELS = 8, MAX_SIZE = 5 }; /* at a time; taps in a row of the filter */
enum { REGISTERS = GEMM_MR < 12 ? 16 : 32 };

typedef struct {
    REAL *y;
    ptrdiff_t y_step;
    const REAL *x;
    const struct fs_window *window;
    ptrdiff_t lo, hi;  /* as in the window, from the first of these pixels */
    const REAL *w, *bias;
    ptrdiff_t c, n;    /* channels in a row of w; in this register */
    int relu;
} block;

/* Is a column outside the image? It can only be among the first or the last size - 1. */
FS_INLINE int outside(int column, int m, int size, ptrdiff_t lo, ptrdiff_t hi) {
    return (column < size - 1 && column < lo) || (column >= m && column >= hi);
}

/* m pixels, `size` taps in each row of the filter. */
FS_INLINE void pixels(const int m, const int size, const int part, const block *b) {
    vec acc[PIXELS];
    const struct fs_window *window = b->window;
    const ptrdiff_t n = b->n;
    const vec start = b->bias ? load_if(part, b->bias, n) : v_zero();
    const REAL *line = b->x, *w = b->w;
    FS_UNROLL
    for (int i = 0; i < m; i++) acc[i] = start;
    for (ptrdiff_t r = 0; r < window->rows; r++, line += window->row, w += size * b->c) {
        vec tap[MAX_SIZE];
        FS_UNROLL
        for (int i = 0; i < size; i++) tap[i] = load_if(part, w + i * b->c, n);
        const REAL *from = line;
        FS_UNROLL
        for (int column = 0; column < m + size - 1; column++, from += window->pixel) {
            if (outside(column, m, size, b->lo, b->hi)) continue;
            const vec x = load_if(part, from, n);
            if (REGISTERS == 32 || size == 5) FS_BARRIER(); /* or it is loaded again for each tap: better only elsewhere */
            FS_UNROLL
            for (int i = 0; i < size; i++) {
                if (column >= i && column - i < m) acc[column - i] = v_fma(x, tap[i], acc[column - i]);
            }
        }
    }
    if (b->relu) {
        FS_UNROLL
        for (int i = 0; i < m; i++) acc[i] = v_max(v_zero(), acc[i]); /* in this order NaN stays */
    }
    REAL *y = b->y;
    const ptrdiff_t y_step = b->y_step;
    FS_UNROLL
    for (int i = 0; i < m; i++) store_if(part, y + i * y_step, acc[i], n);
}

typedef void (*block_fn)(const block *b);
#define EACH_COUNT(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define BLOCKS(m)                                                  \
    static void whole3_##m(const block *b) { pixels(m, 3, 0, b); } \
    static void whole5_##m(const block *b) { pixels(m, 5, 0, b); } \
    static void part3_##m(const block *b) { pixels(m, 3, 1, b); }  \
    static void part5_##m(const block *b) { pixels(m, 5, 1, b); }
EACH_COUNT(BLOCKS)
#define WHOLE3(m) whole3_##m,
#define WHOLE5(m) whole5_##m,
#define PART3(m) part3_##m,
#define PART5(m) part5_##m,
static const block_fn whole3[PIXELS] = {EACH_COUNT(WHOLE3)}, whole5[PIXELS] = {EACH_COUNT(WHOLE5)};
static const block_fn part3[PIXELS] = {EACH_COUNT(PART3)}, part5[PIXELS] = {EACH_COUNT(PART5)};

/* A row of pixels, up to VL channels: in blocks of equal size. */
static void row(block b, ptrdiff_t count) {
    const block_fn *of_size = b.window->size == 3 ? (b.n == VL ? whole3 : part3) : b.n == VL ? whole5 : part5;
    for (ptrdiff_t blocks = (count + PIXELS - 1) / PIXELS; blocks > 0; blocks--) {
        const ptrdiff_t m = (count + blocks - 1) / blocks;
        of_size[m - 1](&b);
        count -= m;
        b.y += m * b.y_step;
        b.x += m * b.window->pixel;
        b.lo -= m;
        b.hi -= m;
    }
}

void FS_SIMD(conv_depthwise_row)(REAL *y, ptrdiff_t y_step, const struct fs_window *window, const REAL *x, const REAL *w,
                                 const REAL *bias, int relu, ptrdiff_t c, ptrdiff_t count) {
    for (ptrdiff_t j = 0; j < c; j += VL) {
        row((block){y + j, y_step, x + j, window, window->lo, window->hi, w + j, bias ? bias + j : NULL, c,
                    FS_MIN(VL, c - j), relu},
            count);
    }
}

/* ---- sums ---- */

/* acc += dy times x at each of the nine taps, for m pixels. */
FS_INLINE void add_pixels(const int m, const int part, vec acc[3][3], const REAL *line[3], const ptrdiff_t step[3],
                          ptrdiff_t lo, ptrdiff_t hi, const REAL *dy, ptrdiff_t c, ptrdiff_t n) {
    vec g[4];
    FS_UNROLL
    for (int i = 0; i < m; i++) g[i] = load_if(part, dy + i * c, n);
    FS_UNROLL
    for (int column = 0; column < m + 2; column++) {
        const int zero = outside(column, m, 3, lo, hi);
        FS_UNROLL
        for (int r = 0; r < 3; r++) {
            const vec x = zero ? v_zero() : load_if(part, line[r], n);
            FS_BARRIER(); /* or it is loaded again for each tap */
            FS_UNROLL
            for (int t = 0; t < 3; t++) {
                const int i = column - t;
                if (i >= 0 && i < m) acc[r][t] = v_fma(x, g[i], acc[r][t]);
            }
            line[r] += step[r];
        }
    }
    FS_UNROLL
    for (int r = 0; r < 3; r++) line[r] -= 2 * step[r];
}

/* A row of pixels; VL channels, or n of them. */
FS_INLINE void sums(const int part, REAL *dw, const REAL *const *rows, ptrdiff_t j, const struct fs_window *window,
                    const REAL *dy, ptrdiff_t c, ptrdiff_t count, int accumulate, ptrdiff_t n) {
    static const REAL zeros[VL] = {0};
    vec acc[3][3];
    const REAL *line[3];
    ptrdiff_t step[3];
    FS_UNROLL
    for (int r = 0; r < 3; r++) {
        line[r] = rows[r] ? rows[r] + j : zeros; /* zeros count: times infinity they are not 0 */
        step[r] = rows[r] ? window->pixel : 0;
        FS_UNROLL
        for (int t = 0; t < 3; t++) acc[r][t] = accumulate ? load_if(part, dw + (r * 3 + t) * c, n) : v_zero();
    }
    for (ptrdiff_t p = 0, m; p < count; p += m) {
        m = FS_MIN(4, count - p);
        switch (m) {
        case 4: add_pixels(4, part, acc, line, step, window->lo - p, window->hi - p, dy + p * c, c, n); break;
        case 3: add_pixels(3, part, acc, line, step, window->lo - p, window->hi - p, dy + p * c, c, n); break;
        case 2: add_pixels(2, part, acc, line, step, window->lo - p, window->hi - p, dy + p * c, c, n); break;
        default: add_pixels(1, part, acc, line, step, window->lo - p, window->hi - p, dy + p * c, c, n); break;
        }
    }
    FS_UNROLL
    for (int r = 0; r < 3; r++) {
        FS_UNROLL
        for (int t = 0; t < 3; t++) store_if(part, dw + (r * 3 + t) * c, acc[r][t], n);
    }
}

void FS_SIMD(conv_depthwise_row_sums)(REAL *dw, const REAL *const *rows, const struct fs_window *window, const REAL *dy,
                                      ptrdiff_t c, ptrdiff_t count, int accumulate) {
    ptrdiff_t j = 0;
    for (; j + VL <= c; j += VL) sums(0, dw + j, rows, j, window, dy + j, c, count, accumulate, VL);
    if (j < c) sums(1, dw + j, rows, j, window, dy + j, c, count, accumulate, c - j);
}
