/* Second moments of weighted points about a given point: what covariances and normal equations are made of.
 *
 * Some rows of [x y] are moved and weighted into the cache, with a column of ones beside them so that the sums come with the
 * products, and multiplied by their own transpose, tiles that touch the lower triangle only. The products of FLUSH rows are
 * added up in double, so that float32 loses little however many rows there are. Segments of rows have sums of their own, so
 * that threads can share them; the sums are added in their order. Where there are few segments, bands of the matrix are shared.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <math.h>
#include <string.h>

enum {
    CACHE = 1 << 19, /* bytes of a block of rows, which stays in the second cache */
    MIN_ROWS = 64,
    MAX_ROWS = 256,
    FLUSH = 512,
    LINE = 64 / (int)sizeof(REAL),
    LEAST = 1024,
    SEGMENTS = 8,
    MIN_BAND = 64,
    MOST = 1 << 26
};

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

typedef struct {
    const REAL *x, *y, *weight, *shift;
    double *sums; /* one triangle for each segment */
    ptrdiff_t n, d, outputs, width, step; /* width = d + outputs + 1 columns, rows of a block step apart */
    ptrdiff_t rows, block; /* of a segment, of a block */
    ptrdiff_t strips, bands; /* of the matrix */
    int *status;
} moments;

/* to = root (from - shift). */
static void move(REAL *FS_RESTRICT to, const REAL *FS_RESTRICT from, const REAL *FS_RESTRICT shift, REAL root, ptrdiff_t n) {
    if (shift) {
        for (ptrdiff_t j = 0; j < n; j++) to[j] = root * (from[j] - shift[j]);
    } else {
        for (ptrdiff_t j = 0; j < n; j++) to[j] = root * from[j];
    }
}

/* Rows sqrt(w) [x - s, y - t, 1]. */
static void fill(REAL *to, const moments *g, ptrdiff_t first, ptrdiff_t count) {
    const ptrdiff_t d = g->d, o = g->outputs;
    for (ptrdiff_t i = first; i < first + count; i++, to += g->step) {
        const REAL root = g->weight ? (REAL)sqrt(g->weight[i]) : 1;
        move(to, g->x + i * d, g->shift, root, d);
        if (o) move(to + d, g->y + i * o, g->shift ? g->shift + d : NULL, root, o);
        to[d + o] = root;
    }
}

/* Where strip s of the matrix begins: of nearly equal, even height, as in gemm.c. */
static ptrdiff_t first_row(const moments *g, ptrdiff_t s) { return min((g->width + 1) / 2 * s / g->strips * 2, g->width); }

/* The strips before band b: bands have nearly equal areas of the triangle. */
static ptrdiff_t first_strip(const moments *g, ptrdiff_t b) {
    return (ptrdiff_t)((double)g->strips * sqrt((double)b / (double)g->bands));
}

/* part = block^T block (or +=) below the diagonal, rows r0 .. of strips s0 .. s1. */
static void add_products(REAL *part, const REAL *block, const moments *g, ptrdiff_t s0, ptrdiff_t s1, ptrdiff_t count,
                         int accumulate) {
    const ptrdiff_t w = g->width, nr = FS(simd)->gemm_nr, r0 = first_row(g, s0);
    for (ptrdiff_t s = s0; s < s1; s++) {
        const ptrdiff_t i = first_row(g, s), end = first_row(g, s + 1);
        for (ptrdiff_t j = 0; j < end; j += nr) {
            FS(simd)->gemm_tile(end - i, min(nr, end - j), count, block + i, 1, g->step, block + j, g->step,
                                part + (i - r0) * w + j, w, accumulate, NULL);
        }
    }
}

static void flush(double *sums, const REAL *part, ptrdiff_t w, ptrdiff_t r0, ptrdiff_t r1) {
    for (ptrdiff_t i = r0; i < r1; i++) {
        for (ptrdiff_t j = 0; j <= i; j++) sums[i * w + j] += part[(i - r0) * w + j];
    }
}

/* A band of the matrix of a segment. */
static void sum_band(ptrdiff_t chunk, void *ctx) {
    const moments *g = ctx;
    const ptrdiff_t segment = chunk / g->bands, w = g->width, end = min(g->n, (segment + 1) * g->rows);
    const ptrdiff_t s0 = first_strip(g, chunk % g->bands), s1 = first_strip(g, chunk % g->bands + 1);
    const ptrdiff_t r0 = first_row(g, s0), r1 = first_row(g, s1), room = g->block * g->step;
    REAL *block = fs_alloc((size_t)(room + (r1 - r0) * w) * sizeof(REAL));
    g->status[chunk] = block ? FS_OK : FS_ENOMEM;
    if (!block) return;
    REAL *part = block + room;
    ptrdiff_t waiting = 0;
    for (ptrdiff_t i = segment * g->rows; i < end; i += g->block) {
        const ptrdiff_t count = min(g->block, end - i);
        fill(block, g, i, count);
        add_products(part, block, g, s0, s1, count, waiting > 0);
        waiting += count;
        if (waiting >= FLUSH || i + count == end) {
            flush(g->sums + segment * w * w, part, w, r0, r1);
            waiting = 0;
        }
    }
    fs_free(block);
}

/* Sums of all segments, the upper triangle as the lower. */
static void gather(REAL *matrix, REAL *total, const moments *g, ptrdiff_t segments) {
    const ptrdiff_t w = g->width, n = w - 1;
    for (ptrdiff_t i = 0; i < w; i++) {
        double *row = g->sums + i * w;
        for (ptrdiff_t s = 1; s < segments; s++) {
            for (ptrdiff_t j = 0; j <= i; j++) row[j] += row[s * w * w + j];
        }
        if (i == n) break;
        for (ptrdiff_t j = 0; j <= i; j++) matrix[i * n + j] = (REAL)row[j];
        for (ptrdiff_t j = 0; j < i; j++) matrix[j * n + i] = matrix[i * n + j];
    }
    for (ptrdiff_t j = 0; j < n; j++) total[j] = (REAL)g->sums[n * w + j];
}

static int run(moments *g, ptrdiff_t segments) {
    int result = FS_OK, status[SEGMENTS];
    g->status = status;
    g->strips = (g->width + FS(simd)->gemm_mr - 1) / FS(simd)->gemm_mr;
    g->bands = min(SEGMENTS / segments, 1 + g->width / MIN_BAND);
    fs_parallel_for(segments * g->bands, sum_band, g);
    for (ptrdiff_t s = 0; s < segments * g->bands; s++) {
        if (status[s] != FS_OK) result = status[s];
    }
    return result;
}

/* How many rows a block has, and how far apart they are: not a power of two, or they would share a set of the cache. */
static void shape_block(moments *g) {
    g->step = (g->width + LINE - 1) / LINE * LINE;
    if (g->step % (4 * LINE) == 0) g->step += LINE;
    g->block = CACHE / (ptrdiff_t)sizeof(REAL) / g->step / 8 * 8;
    if (g->block > MAX_ROWS) g->block = MAX_ROWS;
    if (g->block < MIN_ROWS) g->block = MIN_ROWS;
}

int FS(scatter)(REAL *matrix, REAL *total, const REAL *x, const REAL *y, const REAL *weight, const REAL *shift, ptrdiff_t n,
                ptrdiff_t d, ptrdiff_t outputs) {
    moments g = {.x = x, .y = y, .weight = weight, .shift = shift, .n = n, .d = d, .outputs = outputs,
                 .width = d + outputs + 1};
    if (g.width == 1) return FS_OK;
    ptrdiff_t segments = min(SEGMENTS, 1 + n / LEAST);
    while (segments > 1 && (double)segments * (double)g.width * (double)g.width * sizeof(double) > MOST) segments--;
    const size_t room = (size_t)(segments * g.width * g.width) * sizeof(double);
    g.rows = (n + segments - 1) / segments;
    shape_block(&g);
    g.sums = fs_alloc(room);
    if (!g.sums) return FS_ENOMEM;
    memset(g.sums, 0, room);
    const int status = run(&g, segments);
    if (status == FS_OK) gather(matrix, total, &g, segments);
    fs_free(g.sums);
    return status;
}
