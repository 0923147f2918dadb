/* Sums, differences, products and quotients of two arrays, or of an array and a number; comparisons; the sum of one array. */
#include "chunks.h"
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

typedef void (*operation)(REAL *y, const REAL *a, ptrdiff_t a_step, const REAL *b, ptrdiff_t b_step, ptrdiff_t n);

typedef struct {
    operation f;
    REAL *y;
    const REAL *a, *b;
    ptrdiff_t a_step, b_step, n;
} binary;

static ptrdiff_t piece_at(ptrdiff_t i, ptrdiff_t n) { return n - i < PIECE ? n - i : PIECE; }

static void binary_piece(ptrdiff_t chunk, void *ctx) {
    const binary *w = ctx;
    const ptrdiff_t i = chunk * PIECE;
    w->f(w->y + i, w->a + i * w->a_step, w->a_step, w->b + i * w->b_step, w->b_step, piece_at(i, w->n));
}

static int over_pieces(operation f, REAL *y, const REAL *a, ptrdiff_t a_step, const REAL *b, ptrdiff_t b_step,
                       ptrdiff_t n) {
    binary w = {f, y, a, b, a_step, b_step, n};
    if (n < SERIAL) {
        f(y, a, a_step, b, b_step, n);
    } else {
        fs_parallel_for((n + PIECE - 1) / PIECE, binary_piece, &w);
    }
    return FS_OK;
}

#define FS_BINARY(name)                                                                                             \
    int FS(name)(REAL *y, const REAL *a, ptrdiff_t a_step, const REAL *b, ptrdiff_t b_step, ptrdiff_t n) {          \
        return over_pieces(FS(simd)->name, y, a, a_step, b, b_step, n);                                             \
    }
#include "binaries.def"
#undef FS_BINARY

typedef struct {
    void (*f)(uint8_t *y, const REAL *a, const REAL *b, ptrdiff_t n);
    uint8_t *y;
    const REAL *a, *b;
    ptrdiff_t n;
} comparison;

static void comparison_piece(ptrdiff_t chunk, void *ctx) {
    const comparison *w = ctx;
    const ptrdiff_t i = chunk * PIECE;
    w->f(w->y + i, w->a + i, w->b + i, piece_at(i, w->n));
}

static int compare(comparison w) {
    if (w.n < SERIAL) {
        w.f(w.y, w.a, w.b, w.n);
    } else {
        fs_parallel_for((w.n + PIECE - 1) / PIECE, comparison_piece, &w);
    }
    return FS_OK;
}

#define FS_COMPARISON(name, operator)                                            \
    int FS(name)(uint8_t *y, const REAL *a, const REAL *b, ptrdiff_t n) {        \
        return compare((comparison){FS(simd)->name, y, a, b, n});                \
    }
#include "comparisons.def"
#undef FS_COMPARISON

typedef struct {
    const REAL *x;
    double *part;
    ptrdiff_t n;
} total;

static void total_piece(ptrdiff_t chunk, void *ctx) {
    const total *w = ctx;
    FS(simd)->sum_run(w->part + chunk, w->x + chunk * PIECE, piece_at(chunk * PIECE, w->n));
}

static int sum_up(double *sum, const REAL *x, ptrdiff_t n) {
    const ptrdiff_t pieces = (n + PIECE - 1) / PIECE;
    *sum = 0;
    if (pieces <= 1) {
        FS(simd)->sum_run(sum, x, n);
        return FS_OK;
    }
    double *part = fs_alloc((size_t)pieces * sizeof(double));
    if (!part) return FS_ENOMEM;
    total w = {x, part, n};
    fs_parallel_for(pieces, total_piece, &w);
    for (ptrdiff_t i = 0; i < pieces; i++) *sum += part[i];
    fs_free(part);
    return FS_OK;
}

int FS(sum_all)(REAL *y, const REAL *x, ptrdiff_t n) {
    double sum;
    const int status = sum_up(&sum, x, n);
    *y = (REAL)sum;
    return status;
}

int FS(mean_all)(REAL *y, const REAL *x, ptrdiff_t n) {
    double sum;
    const int status = sum_up(&sum, x, n);
    *y = (REAL)(sum / (double)n);
    return status;
}
