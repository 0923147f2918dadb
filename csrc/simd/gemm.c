/* The GEMM tile: up to GEMM_MR rows of C by two registers, held in registers over the whole of k.
 *
 * Each number of rows is its own function, so that every accumulator has a register of its own and m = 13 costs 13/14 of
 * m = 14. Columns come whole (two registers) or with a tail (one or two registers, the last one of `last` lanes).
 */
#include "vec.h"

#include "kernels.h"

enum { ROW_VECS = 8 }; /* sums at a time where there is one row: enough to hide how long an addition takes */

typedef struct {
    const REAL *a;
    ptrdiff_t a_row, a_col;
    const REAL *b;
    ptrdiff_t ldb;
    REAL *c;
    ptrdiff_t ldc;
    ptrdiff_t k, last;
    int accumulate;
    const REAL *bias;
} tile_args;

FS_INLINE vec load_if(int partial, const REAL *p, ptrdiff_t n) { return partial ? v_load_n(p, n) : v_load(p); }

FS_INLINE void store_if(int partial, REAL *p, vec x, ptrdiff_t n) {
    if (partial) {
        v_store_n(p, x, n);
    } else {
        v_store(p, x);
    }
}

/* mr, nv and partial are constants wherever this is inlined; the loops over them unroll away. */
FS_INLINE void tile(const int mr, const int nv, const int partial, const tile_args *t) {
    vec acc[GEMM_MR][2];
    const REAL *a = t->a, *b = t->b;
    const ptrdiff_t a_row = t->a_row, a_col = t->a_col, ldb = t->ldb, last = t->last;
    FS_UNROLL
    for (int i = 0; i < mr; i++) {
        FS_UNROLL
        for (int j = 0; j < nv; j++) {
            acc[i][j] = t->bias ? load_if(partial && j == nv - 1, t->bias + j * VL, last) : v_zero();
        }
        if (t->accumulate) FS_PREFETCH(t->c, i * t->ldc); /* it may lie far away, and is not needed before the end */
    }
    for (ptrdiff_t p = 0; p < t->k; p++) {
        vec row[2];
        FS_UNROLL
        for (int j = 0; j < nv; j++) row[j] = load_if(partial && j == nv - 1, b + j * VL, last);
        FS_PREFETCH_READ(b, 2 * VL); /* of a B that is not packed, the columns of the next tile: far away, row by row */
        FS_PREFETCH_READ(b, 3 * VL);
        FS_UNROLL
        for (int i = 0; i < mr; i++) {
            const vec x = v_set1(a[i * a_row]);
            FS_UNROLL
            for (int j = 0; j < nv; j++) acc[i][j] = v_fma(x, row[j], acc[i][j]);
            FS_BARRIER();
        }
        a += a_col;
        b += ldb;
    }
    if (t->accumulate) {
        FS_UNROLL
        for (int i = 0; i < mr; i++) {
            FS_UNROLL
            for (int j = 0; j < nv; j++) {
                acc[i][j] = v_add(load_if(partial && j == nv - 1, t->c + i * t->ldc + j * VL, last), acc[i][j]);
            }
        }
    }
    FS_UNROLL
    for (int i = 0; i < mr; i++) {
        FS_UNROLL
        for (int j = 0; j < nv; j++) store_if(partial && j == nv - 1, t->c + i * t->ldc + j * VL, acc[i][j], last);
    }
}

#define ROWS(mr)                                                              \
    static void whole_##mr(const tile_args *t) { tile(mr, 2, 0, t); }         \
    static void tail2_##mr(const tile_args *t) { tile(mr, 2, 1, t); }         \
    static void tail1_##mr(const tile_args *t) { tile(mr, 1, 1, t); }
#define EACH_ROWS_4(X) X(1) X(2) X(3) X(4)
#define EACH_ROWS_6(X) EACH_ROWS_4(X) X(5) X(6)
#define EACH_ROWS_12(X) EACH_ROWS_6(X) X(7) X(8) X(9) X(10) X(11) X(12)
#define EACH_ROWS_14(X) EACH_ROWS_12(X) X(13) X(14)
#define EACH_ROWS FS_PASTE(EACH_ROWS_, GEMM_MR)
EACH_ROWS(ROWS)

typedef void (*tile_fn)(const tile_args *);
#define WHOLE(mr) whole_##mr,
#define TAIL2(mr) tail2_##mr,
#define TAIL1(mr) tail1_##mr,
static const tile_fn whole[] = {EACH_ROWS(WHOLE)};
static const tile_fn tail2[] = {EACH_ROWS(TAIL2)};
static const tile_fn tail1[] = {EACH_ROWS(TAIL1)};

void FS_SIMD(gemm_tile)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const REAL *a, ptrdiff_t a_row, ptrdiff_t a_col,
                        const REAL *b, ptrdiff_t ldb, REAL *c, ptrdiff_t ldc, int accumulate, const REAL *bias) {
    const tile_args t = {a, a_row, a_col, b, ldb, c, ldc, k, n > VL ? n - VL : n, accumulate, bias};
    const tile_fn *rows = n == 2 * VL ? whole : n > VL ? tail2 : tail1;
    rows[m - 1](&t);
}

/* Lines that overlap in `to`: what one writes beyond its end, the next makes good. */
void FS_SIMD(gemm_pack_lines)(REAL *to, const REAL *a, ptrdiff_t step, ptrdiff_t lines, ptrdiff_t width) {
    for (ptrdiff_t i = 0; i < lines; i++, to += width, a += step) {
        ptrdiff_t j = 0;
        for (; j + VL <= width; j += VL) v_store(to + j, v_load(a + j));
        if (j < width) v_store(to + j, v_load_n(a + j, width - j));
    }
}

/* nv registers of the product of a row and a matrix; each row of B is read in one go. */
FS_INLINE void row_times(const int nv, ptrdiff_t last, REAL *c, ptrdiff_t k, const REAL *a, ptrdiff_t a_step, const REAL *b,
                         ptrdiff_t ldb, int accumulate, const REAL *bias) {
    vec acc[ROW_VECS];
    FS_UNROLL
    for (int j = 0; j < nv; j++) acc[j] = bias ? load_if(last < VL, bias + j * VL, last) : v_zero();
    for (ptrdiff_t p = 0; p < k; p++, a += a_step, b += ldb) {
        const vec x = v_set1(*a);
        FS_UNROLL
        for (int j = 0; j < nv; j++) acc[j] = v_fma(x, load_if(last < VL, b + j * VL, last), acc[j]);
    }
    FS_UNROLL
    for (int j = 0; j < nv; j++) {
        if (accumulate) acc[j] = v_add(load_if(last < VL, c + j * VL, last), acc[j]);
        store_if(last < VL, c + j * VL, acc[j], last);
    }
}

void FS_SIMD(gemm_row)(REAL *c, ptrdiff_t n, ptrdiff_t k, const REAL *a, ptrdiff_t a_step, const REAL *b, ptrdiff_t ldb,
                       int accumulate, const REAL *bias) {
    ptrdiff_t j = 0;
    for (; j + ROW_VECS * VL <= n; j += ROW_VECS * VL) {
        row_times(ROW_VECS, VL, c + j, k, a, a_step, b + j, ldb, accumulate, bias ? bias + j : NULL);
    }
    for (; j + VL <= n; j += VL) row_times(1, VL, c + j, k, a, a_step, b + j, ldb, accumulate, bias ? bias + j : NULL);
    if (j < n) row_times(1, n - j, c + j, k, a, a_step, b + j, ldb, accumulate, bias ? bias + j : NULL);
}

/* nv products of the row a with the columns of B, which lie in rows: VL partial sums for each. */
FS_INLINE void dots(const int nv, REAL *c, ptrdiff_t k, const REAL *a, const REAL *b, ptrdiff_t b_col, int accumulate,
                    const REAL *bias) {
    vec acc[ROW_VECS];
    ptrdiff_t p = 0;
    FS_UNROLL
    for (int j = 0; j < nv; j++) acc[j] = v_zero();
    for (; p + VL <= k; p += VL) {
        const vec x = v_load(a + p);
        FS_UNROLL
        for (int j = 0; j < nv; j++) acc[j] = v_fma(x, v_load(b + j * b_col + p), acc[j]);
    }
    if (p < k) {
        const vec x = v_load_n(a + p, k - p);
        FS_UNROLL
        for (int j = 0; j < nv; j++) acc[j] = v_fma(x, v_load_n(b + j * b_col + p, k - p), acc[j]);
    }
    for (int j = 0; j < nv; j++) c[j] = (accumulate ? c[j] : bias ? bias[j] : 0) + v_sum(acc[j]);
}

void FS_SIMD(gemm_dots)(REAL *c, ptrdiff_t n, ptrdiff_t k, const REAL *a, const REAL *b, ptrdiff_t b_col, int accumulate,
                        const REAL *bias) {
    ptrdiff_t j = 0;
    for (; j + ROW_VECS <= n; j += ROW_VECS) {
        dots(ROW_VECS, c + j, k, a, b + j * b_col, b_col, accumulate, bias ? bias + j : NULL);
    }
    for (; j < n; j++) dots(1, c + j, k, a, b + j * b_col, b_col, accumulate, bias ? bias + j : NULL);
}

/* ---- few columns, each in a row of B: inner products, many at a time, whose partial sums meet in one register ---- */

enum { DOTS = GEMM_MR == 14 ? 16 : 8 }; /* accumulators of a block of C, a multiple of VL: more would not stay in registers */

/* What n elements along k add to the partial sums of DOTS / cols rows by cols columns. */
FS_INLINE void dot_step(const int cols, const int partial, vec *acc, const REAL *a, ptrdiff_t a_row, const REAL *b,
                        ptrdiff_t b_col, ptrdiff_t n) {
    vec y[4];
    FS_UNROLL
    for (int j = 0; j < cols; j++) y[j] = load_if(partial, b + j * b_col, n);
    const int rows = DOTS / cols; /* a sanitizer's look at a division in the loop's condition would take its pragma off */
    FS_UNROLL
    for (int i = 0; i < rows; i++) {
        const vec x = load_if(partial, a + i * a_row, n);
        FS_UNROLL
        for (int j = 0; j < cols; j++) acc[i * cols + j] = v_fma(x, y[j], acc[i * cols + j]);
    }
}

/* The whole of k for such a block of C. */
FS_INLINE void dot_block(const int cols, REAL *c, ptrdiff_t ldc, ptrdiff_t k, const REAL *a, ptrdiff_t a_row,
                         const REAL *b, ptrdiff_t b_col, int accumulate, const REAL *bias) {
    vec acc[DOTS];
    REAL total[DOTS];
    ptrdiff_t p = 0;
    FS_UNROLL
    for (int i = 0; i < DOTS; i++) acc[i] = v_zero();
    for (; p + VL <= k; p += VL) dot_step(cols, 0, acc, a + p, a_row, b + p, b_col, VL);
    if (p < k) dot_step(cols, 1, acc, a + p, a_row, b + p, b_col, k - p);
    FS_UNROLL
    for (int i = 0; i < DOTS; i += VL) v_store(total + i, v_sum_each(acc + i));
    for (int i = 0; i < DOTS / cols; i++) {
        for (int j = 0; j < cols; j++) {
            REAL *to = c + i * ldc + j;
            *to = (accumulate ? *to : bias ? bias[j] : 0) + total[i * cols + j];
        }
    }
}

/* cols columns of m rows of C. */
FS_INLINE void dot_columns(const int cols, ptrdiff_t m, REAL *c, ptrdiff_t ldc, ptrdiff_t k, const REAL *a,
                           ptrdiff_t a_row, const REAL *b, ptrdiff_t b_col, int accumulate, const REAL *bias) {
    const ptrdiff_t rows = DOTS / cols;
    ptrdiff_t i = 0;
    for (; i + rows <= m; i += rows) dot_block(cols, c + i * ldc, ldc, k, a + i * a_row, a_row, b, b_col, accumulate, bias);
    for (; i < m; i++) dots(cols, c + i * ldc, k, a + i * a_row, b, b_col, accumulate, bias);
}

/* DOTS rows at a time, so that they are still in the cache for the next columns. */
void FS_SIMD(gemm_slim)(REAL *c, ptrdiff_t ldc, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const REAL *a, ptrdiff_t a_row,
                        const REAL *b, ptrdiff_t b_col, int accumulate, const REAL *bias) {
    for (; m > 0; m -= DOTS, c += DOTS * ldc, a += DOTS * a_row) {
        const ptrdiff_t rows = FS_MIN(DOTS, m);
        ptrdiff_t j = 0;
#define CALL(cols) \
    dot_columns(cols, rows, c + j, ldc, k, a, a_row, b + j * b_col, b_col, accumulate, bias ? bias + j : NULL)
        for (; j + 4 <= n; j += 4) CALL(4);
        if (j + 2 <= n) {
            CALL(2);
            j += 2;
        }
        if (j < n) CALL(1);
#undef CALL
    }
}

/* Rows of B as they lie. */
static void pack_rows(REAL *to, const REAL *b, ptrdiff_t b_row, ptrdiff_t k, ptrdiff_t width) {
    const int nv = width > VL ? 2 : 1;
    const ptrdiff_t last = width - (nv - 1) * VL;
    for (ptrdiff_t p = 0; p < k; p++, to += 2 * VL, b += b_row) {
        v_store(to, nv == 2 ? v_load(b) : v_load_n(b, last));
        v_store(to + VL, nv == 2 ? v_load_n(b + VL, last) : v_zero());
        FS_FETCH(b, 2 * VL); /* the next panel: far from row to row, so that nothing else sends for it */
        FS_FETCH(b, 3 * VL);
    }
}

/* Columns of B that lie in rows: VL x VL squares are turned in registers. */
static void pack_columns(REAL *to, const REAL *b, ptrdiff_t b_col, ptrdiff_t k, ptrdiff_t width) {
    for (ptrdiff_t p = 0; p < k; p += VL) {
        const ptrdiff_t depth = FS_MIN(VL, k - p);
        for (ptrdiff_t j = 0; j < 2 * VL; j += VL) {
            if (j >= width) { /* nothing but zeros */
                for (ptrdiff_t i = 0; i < depth; i++) v_store(to + (p + i) * 2 * VL + j, v_zero());
                continue;
            }
            vec r[VL];
            for (ptrdiff_t i = 0; i < VL; i++) {
                r[i] = j + i < width ? v_load_n(b + p + (j + i) * b_col, depth) : v_zero();
            }
            v_transpose(r);
            for (ptrdiff_t i = 0; i < depth; i++) v_store(to + (p + i) * 2 * VL + j, r[i]);
        }
    }
}

void FS_SIMD(gemm_pack)(REAL *to, const REAL *b, ptrdiff_t b_row, ptrdiff_t b_col, ptrdiff_t k, ptrdiff_t width) {
    if (b_col == 1) {
        pack_rows(to, b, b_row, k, width);
    } else if (b_row == 1) {
        pack_columns(to, b, b_col, k, width);
    } else {
        for (ptrdiff_t p = 0; p < k; p++) {
            for (ptrdiff_t j = 0; j < 2 * VL; j++) to[p * 2 * VL + j] = j < width ? b[p * b_row + j * b_col] : 0;
        }
    }
}
