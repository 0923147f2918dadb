/* Second moments of weighted points about a given point: what covariances and normal equations are made of.
 *
 * A block of rows is moved and weighted into the cache and multiplied by its own transpose, strips of the lower triangle
 * only. Segments of rows have sums of their own, so that threads can share them; the sums are added in their order.
 */
#include "fastscratch.h"
#include "real.h"

#include <math.h>
#include <string.h>

enum { ROWS = 256, STRIP = 64, LEAST = 1024, SEGMENTS = 8, MOST = 1 << 26 };

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

typedef struct {
    const REAL *x, *weight, *shift;
    REAL *matrix;  /* one for each segment, lower triangle */
    double *total; /* likewise */
    ptrdiff_t n, d, rows; /* rows of a segment */
    int *status;
} sums;

/* to = sqrt(w) (x - s) for some rows, total += w (x - s). */
static void move(REAL *to, double *total, const sums *g, ptrdiff_t first, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++, to += g->d) {
        const REAL *x = g->x + (first + i) * g->d;
        const REAL root = g->weight ? (REAL)sqrt(g->weight[first + i]) : 1;
        for (ptrdiff_t j = 0; j < g->d; j++) {
            to[j] = root * (g->shift ? x[j] - g->shift[j] : x[j]);
            total[j] += (double)root * to[j];
        }
    }
}

/* matrix += block^T block below the diagonal. */
static int add_products(REAL *matrix, const REAL *block, ptrdiff_t d, ptrdiff_t count) {
    int status = FS_OK;
    for (ptrdiff_t i = 0; i < d && status == FS_OK; i += STRIP) {
        const ptrdiff_t m = min(STRIP, d - i);
        status = FS(gemm)(matrix + i * d, d, block + i, 1, d, block, d, 1, m, i + m, count, 1, NULL);
    }
    return status;
}

static void sum_segment(ptrdiff_t segment, void *ctx) {
    const sums *g = ctx;
    const ptrdiff_t d = g->d, end = min(g->n, (segment + 1) * g->rows);
    REAL *block = fs_alloc((size_t)(ROWS * d) * sizeof(REAL));
    int status = block ? FS_OK : FS_ENOMEM;
    for (ptrdiff_t i = segment * g->rows; i < end && status == FS_OK; i += ROWS) {
        const ptrdiff_t count = min(ROWS, end - i);
        move(block, g->total + segment * d, g, i, count);
        status = add_products(g->matrix + segment * d * d, block, d, count);
    }
    fs_free(block);
    g->status[segment] = status;
}

/* Sums of all segments, the upper triangle as the lower. */
static void gather(REAL *matrix, REAL *total, const sums *g, ptrdiff_t segments) {
    const ptrdiff_t d = g->d;
    for (ptrdiff_t i = 0; i < d; i++) {
        double sum = 0;
        for (ptrdiff_t s = 0; s < segments; s++) sum += g->total[s * d + i];
        total[i] = (REAL)sum;
        memcpy(matrix + i * d, g->matrix + i * d, (size_t)(i + 1) * sizeof(REAL));
        for (ptrdiff_t s = 1; s < segments; s++) {
            for (ptrdiff_t j = 0; j <= i; j++) matrix[i * d + j] += g->matrix[(s * d + i) * d + j];
        }
        for (ptrdiff_t j = 0; j < i; j++) matrix[j * d + i] = matrix[i * d + j];
    }
}

static int run(sums *g, ptrdiff_t segments) {
    int result = FS_OK, status[SEGMENTS];
    g->status = status;
    if (segments == 1) {
        sum_segment(0, g); /* the products share the threads */
    } else {
        fs_parallel_for(segments, sum_segment, g);
    }
    for (ptrdiff_t s = 0; s < segments; s++) {
        if (status[s] != FS_OK) result = status[s];
    }
    return result;
}

int FS(scatter)(REAL *matrix, REAL *total, const REAL *x, const REAL *weight, const REAL *shift, ptrdiff_t n, ptrdiff_t d) {
    if (d == 0) return FS_OK;
    ptrdiff_t segments = min(SEGMENTS, 1 + n / LEAST);
    while (segments > 1 && (double)segments * (double)d * (double)d * sizeof(REAL) > MOST) segments--;
    const size_t room = (size_t)(segments * d * d) * sizeof(REAL), line = (size_t)(segments * d) * sizeof(double);
    sums g = {.x = x, .weight = weight, .shift = shift, .matrix = fs_alloc(room), .total = fs_alloc(line), .n = n, .d = d,
              .rows = (n + segments - 1) / segments};
    int status = FS_ENOMEM;
    if (g.matrix && g.total) {
        memset(g.matrix, 0, room);
        memset(g.total, 0, line);
        status = run(&g, segments);
        if (status == FS_OK) gather(matrix, total, &g, segments);
    }
    fs_free(g.total);
    fs_free(g.matrix);
    return status;
}
