/* The tile of a convolution: GEMM_MR pixels by two registers of channels, held in registers over the whole of the filter.
 *
 * It is the tile of gemm.c with one thing more: the columns of A come in segments that lie anywhere, so that nobody has to
 * write the columns out. Each number of rows is its own function; columns come whole (two registers) or with a tail that is
 * cut when it is stored.
 */
#include "vec.h"

#include "kernels.h"

typedef struct {
    const struct fs_segments *segments;
    const REAL *a;
    ptrdiff_t a_row, a_col;
    const REAL *b;
    ptrdiff_t ldb;
    REAL *c;
    ptrdiff_t ldc;
    ptrdiff_t last;
    int accumulate, relu;
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
    const REAL *b = t->b;
    const ptrdiff_t a_row = t->a_row, a_col = t->a_col, ldb = t->ldb, last = t->last, run = t->segments->run;
    FS_UNROLL
    for (int i = 0; i < mr; i++) {
        FS_UNROLL
        for (int j = 0; j < nv; j++) {
            const int cut = partial && j == nv - 1;
            if (t->accumulate) {
                acc[i][j] = load_if(cut, t->c + i * t->ldc + j * VL, last);
            } else {
                acc[i][j] = t->bias ? load_if(cut, t->bias + j * VL, last) : v_zero();
            }
        }
    }
    for (ptrdiff_t s = 0; s < t->segments->count; s++) {
        const REAL *a = t->a + t->segments->at[s];
        for (ptrdiff_t p = 0; p < run; p++) {
            vec row[2];
            FS_UNROLL
            for (int j = 0; j < nv; j++) row[j] = v_load(b + j * VL);
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
    }
    if (t->relu) {
        FS_UNROLL
        for (int i = 0; i < mr; i++) {
            FS_UNROLL
            for (int j = 0; j < nv; j++) acc[i][j] = v_max(v_zero(), acc[i][j]); /* in this order NaN stays */
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

typedef void (*tile_fn)(const tile_args *t);
#define WHOLE(mr) whole_##mr,
#define TAIL2(mr) tail2_##mr,
#define TAIL1(mr) tail1_##mr,
static const tile_fn whole[] = {EACH_ROWS(WHOLE)};
static const tile_fn tail2[] = {EACH_ROWS(TAIL2)};
static const tile_fn tail1[] = {EACH_ROWS(TAIL1)};

void FS_SIMD(conv_tile)(ptrdiff_t m, ptrdiff_t n, const struct fs_segments *segments, const REAL *a, ptrdiff_t a_row,
                        ptrdiff_t a_col, const REAL *b, ptrdiff_t ldb, REAL *c, ptrdiff_t ldc, int accumulate,
                        const REAL *bias, int relu) {
    const tile_args t = {segments, a, a_row, a_col, b, ldb, c, ldc, n > VL ? n - VL : n, accumulate, relu, bias};
    const tile_fn *rows = n == 2 * VL ? whole : n > VL ? tail2 : tail1;
    rows[m - 1](&t);
}
