/* Distances between points, by differences, and points moved to where their mean is 0. */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <string.h>

enum { BLOCK = 64, MEAN_ROWS = 128, PARTS = 32, MIN_PARALLEL = 100000 };

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

static void each_chunk(ptrdiff_t chunks, fs_chunk_fn fn, void *ctx, double work) {
    if (work >= MIN_PARALLEL) {
        fs_parallel_for(chunks, fn, ctx);
    } else {
        for (ptrdiff_t i = 0; i < chunks; i++) fn(i, ctx);
    }
}

typedef struct {
    REAL *y;
    const REAL *x, *z;
    const int64_t *index;
    ptrdiff_t m, n, k, d;
} points;

static void all_distances(ptrdiff_t chunk, void *ctx) {
    const points *g = ctx;
    const ptrdiff_t i = chunk * BLOCK;
    FS(simd)->rows_squares(g->y + i * g->n, g->n, min(BLOCK, g->m - i), g->n, g->d, g->x + i * g->d, g->d, g->z, g->d);
}

int FS(squared_distances)(REAL *y, const REAL *x, const REAL *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d) {
    points g = {.y = y, .x = x, .z = z, .m = m, .n = n, .d = d};
    each_chunk((m + BLOCK - 1) / BLOCK, all_distances, &g, (double)m * (double)n * (double)(d + 1));
    return FS_OK;
}

static void some_distances(ptrdiff_t chunk, void *ctx) {
    const points *g = ctx;
    for (ptrdiff_t i = chunk * BLOCK; i < min(g->m, (chunk + 1) * BLOCK); i++) {
        for (ptrdiff_t j = i * g->k; j < (i + 1) * g->k; j++) {
            FS(simd)->rows_squares(g->y + j, 1, 1, 1, g->d, g->x + i * g->d, g->d, g->z + g->index[j] * g->d, g->d);
        }
    }
}

int FS(indexed_distances)(REAL *y, const REAL *x, const REAL *z, const int64_t *index, ptrdiff_t m, ptrdiff_t n,
                          ptrdiff_t k, ptrdiff_t d) {
    for (ptrdiff_t i = 0; i < m * k; i++) {
        if (index[i] < 0 || index[i] >= (int64_t)n) return FS_EINDEX;
    }
    points g = {.y = y, .x = x, .z = z, .index = index, .m = m, .n = n, .k = k, .d = d};
    each_chunk((m + BLOCK - 1) / BLOCK, some_distances, &g, (double)m * (double)k * (double)(d + 1));
    return FS_OK;
}

typedef struct {
    REAL *moved, *mean, *lines; /* lines: two for each part, what norm_block writes */
    double *sum;                /* a line for each part */
    const REAL *x;
    ptrdiff_t m, d, rows; /* rows of a part */
} centring;

/* The sum of a part's rows, from the means of its blocks, which norm_block counts from their first rows. */
static void sum_part(ptrdiff_t part, void *ctx) {
    const centring *g = ctx;
    const ptrdiff_t d = g->d, end = min(g->m, (part + 1) * g->rows);
    REAL *offset = g->lines + part * 2 * d;
    double *sum = g->sum + part * d;
    for (ptrdiff_t j = 0; j < d; j++) sum[j] = 0;
    for (ptrdiff_t i = part * g->rows; i < end; i += MEAN_ROWS) {
        const ptrdiff_t count = min(MEAN_ROWS, end - i);
        FS(simd)->norm_block(offset, offset + d, g->x + i * d, count, d);
        for (ptrdiff_t j = 0; j < d; j++) sum[j] += (double)count * ((double)g->x[i * d + j] + offset[j]);
    }
}

static void move_block(ptrdiff_t chunk, void *ctx) {
    const centring *g = ctx;
    for (ptrdiff_t i = chunk * BLOCK; i < min(g->m, (chunk + 1) * BLOCK); i++) {
        FS(simd)->sub(g->moved + i * g->d, g->x + i * g->d, 1, g->mean, 1, g->d);
    }
}

int FS(centred)(REAL *moved, REAL *mean, const REAL *x, ptrdiff_t m, ptrdiff_t d) {
    const ptrdiff_t rows = (m + PARTS - 1) / PARTS < MEAN_ROWS ? MEAN_ROWS : (m + PARTS - 1) / PARTS;
    const ptrdiff_t parts = (m + rows - 1) / rows;
    if (m == 0 || d == 0) return FS_OK;
    centring g = {.moved = moved, .mean = mean, .x = x, .m = m, .d = d, .rows = rows};
    g.lines = fs_alloc((size_t)(2 * parts * d) * sizeof(REAL));
    g.sum = fs_alloc((size_t)(parts * d) * sizeof(double));
    int status = FS_ENOMEM;
    if (g.lines && g.sum) {
        const double work = (double)m * (double)d;
        each_chunk(parts, sum_part, &g, work);
        for (ptrdiff_t j = 0; j < d; j++) {
            double total = 0;
            for (ptrdiff_t s = 0; s < parts; s++) total += g.sum[s * d + j];
            mean[j] = (REAL)(total / (double)m);
        }
        each_chunk((m + BLOCK - 1) / BLOCK, move_block, &g, work);
        status = FS_OK;
    }
    fs_free(g.sum);
    fs_free(g.lines);
    return status;
}
