/* Rows against rows: inner products, or squares of distances, with the lanes along the rows.
 *
 * Where one side has few rows, as centres of clusters are few, lanes across them would be half empty. Each result is the
 * sum of one register's lanes, whatever tile it was computed in: it depends on its two rows alone.
 */
#include "part.h"

#include "kernels.h"

/* Registers: the sums, the rows of a, one row of b, and where differences are squared or there is no FMA one more. */
#ifdef FS_ISA_AVX512
enum { ROWS = 4, COLS = 5 };
#else
enum { ROWS = 2, COLS = 5 };
#endif

typedef struct {
    REAL *c;
    ptrdiff_t ldc;
    const REAL *a;
    ptrdiff_t a_row;
    const REAL *b;
    ptrdiff_t b_row, k;
} rows_args;

/* One register of each row, or the `last` lanes of it where part; the rows of the next tile are sent for. m, n, squares and part
 * are constants wherever this is inlined. */
FS_INLINE void step(const int m, const int n, const int squares, const int part, vec acc[ROWS][COLS], const REAL *a,
                    ptrdiff_t a_row, const REAL *b, ptrdiff_t b_row, ptrdiff_t last) {
    vec x[ROWS];
    FS_UNROLL
    for (int i = 0; i < m; i++) x[i] = load_if(part, a + i * a_row, last);
    FS_UNROLL
    for (int j = 0; j < n; j++) {
        const vec y = load_if(part, b + j * b_row, last);
        FS_UNROLL
        for (int i = 0; i < m; i++) {
            const vec away = squares ? v_sub(x[i], y) : x[i];
            acc[i][j] = v_fma(away, squares ? away : y, acc[i][j]);
        }
        FS_BARRIER();
    }
    FS_UNROLL
    for (int i = 0; i < m; i++) FS_FETCH(a, (i + ROWS) * a_row);
}

FS_INLINE void tile(const int m, const int n, const int squares, const rows_args *t) {
    vec acc[ROWS][COLS];
    const REAL *a = t->a, *b = t->b;
    const ptrdiff_t a_row = t->a_row, b_row = t->b_row, k = t->k;
    ptrdiff_t p = 0;
    FS_UNROLL
    for (int i = 0; i < m; i++) {
        FS_UNROLL
        for (int j = 0; j < n; j++) acc[i][j] = v_zero();
    }
    for (; p + VL <= k; p += VL) step(m, n, squares, 0, acc, a + p, a_row, b + p, b_row, VL);
    if (p < k) step(m, n, squares, 1, acc, a + p, a_row, b + p, b_row, k - p);
    FS_UNROLL
    for (int i = 0; i < m; i++) {
        FS_UNROLL
        for (int j = 0; j < n; j++) t->c[i * t->ldc + j] = v_sum(acc[i][j]);
    }
}

#define TILE(m, n)                                                   \
    static void dots_##m##_##n(const rows_args *t) { tile(m, n, 0, t); } \
    static void squares_##m##_##n(const rows_args *t) { tile(m, n, 1, t); }
#define DOTS_TILE(m, n) dots_##m##_##n
#define SQUARES_TILE(m, n) squares_##m##_##n
#define EACH_COLUMNS(X, m) X(m, 1) X(m, 2) X(m, 3) X(m, 4) X(m, 5)
#define COLUMNS(X, m) {X(m, 1), X(m, 2), X(m, 3), X(m, 4), X(m, 5)}
EACH_COLUMNS(TILE, 1)
EACH_COLUMNS(TILE, 2)
#ifdef FS_ISA_AVX512
EACH_COLUMNS(TILE, 3)
EACH_COLUMNS(TILE, 4)
#define EACH_TILE(X) {COLUMNS(X, 1), COLUMNS(X, 2), COLUMNS(X, 3), COLUMNS(X, 4)}
#else
#define EACH_TILE(X) {COLUMNS(X, 1), COLUMNS(X, 2)}
#endif

typedef void (*tile_fn)(const rows_args *);
static const tile_fn dots_tiles[ROWS][COLS] = EACH_TILE(DOTS_TILE);
static const tile_fn squares_tiles[ROWS][COLS] = EACH_TILE(SQUARES_TILE);

/* Groups of b of nearly one size, each against all of a, so that a group stays in the first cache. */
static void each_tile(const tile_fn tiles[ROWS][COLS], ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, REAL *c, ptrdiff_t ldc,
                      const REAL *a, ptrdiff_t a_row, const REAL *b, ptrdiff_t b_row) {
    const ptrdiff_t groups = (n + COLS - 1) / COLS;
    for (ptrdiff_t g = 0; g < groups; g++) {
        const ptrdiff_t j0 = n * g / groups, cols = n * (g + 1) / groups - j0;
        for (ptrdiff_t i = 0; i < m; i += ROWS) {
            const rows_args t = {c + i * ldc + j0, ldc, a + i * a_row, a_row, b + j0 * b_row, b_row, k};
            tiles[FS_MIN(ROWS, m - i) - 1][cols - 1](&t);
        }
    }
}

void FS_SIMD(rows_dots)(REAL *c, ptrdiff_t ldc, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const REAL *a, ptrdiff_t a_row,
                        const REAL *b, ptrdiff_t b_row) {
    each_tile(dots_tiles, m, n, k, c, ldc, a, a_row, b, b_row);
}

void FS_SIMD(rows_squares)(REAL *c, ptrdiff_t ldc, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const REAL *a, ptrdiff_t a_row,
                           const REAL *b, ptrdiff_t b_row) {
    each_tile(squares_tiles, m, n, k, c, ldc, a, a_row, b, b_row);
}

void FS_SIMD(add_scaled)(REAL *y, const REAL *x, REAL factor, ptrdiff_t n) {
    const vec f = v_set1(factor);
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, v_fma(f, v_load(x + i), v_load(y + i)));
    if (i < n) v_store_n(y + i, v_fma(f, v_load_n(x + i, n - i), v_load_n(y + i, n - i)), n - i);
}
