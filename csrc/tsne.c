/* t-SNE: bandwidths of given perplexity, and the forces between points of the embedding.
 *
 * The similarity of points of the embedding at distance r is w^e with w = 1 / (1 + r^2 / f), e = (f + 1) / 2; f = 1 in one
 * and two dimensions, 2 in three. Logarithms are our own kernel's: those of <math.h> a library would have to bring. Chunks of
 * rows have sums of their own, which are added in their order.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <math.h>

enum { ROWS = 64, STRETCH = 1024, MOST_DIMS = 3, STEPS = 200 };

static const double TOLERANCE = 1e-5; /* of the entropy */

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

typedef struct {
    REAL *p;
    const REAL *distance;
    ptrdiff_t n, k;
    double entropy;
} bandwidths;

static double logarithm(double x) {
    REAL y = (REAL)x;
    FS(simd)->log_forward(&y, &y, NULL, 1, 0, 0);
    return (double)y;
}

/* p = exp(-beta (distance - least)), not yet divided by their sum; returns the entropy. */
static double entropy_at(REAL *p, const REAL *distance, REAL least, ptrdiff_t k, double beta, double *sum) {
    double total = 0, moment = 0;
    for (ptrdiff_t j = 0; j < k; j++) p[j] = (REAL)(-beta * (double)(distance[j] - least));
    FS(simd)->exp_forward(p, p, NULL, k, 0, 0);
    for (ptrdiff_t j = 0; j < k; j++) {
        total += p[j];
        moment += (double)p[j] * (distance[j] - least);
    }
    *sum = total;
    return logarithm(total) + beta * moment / total;
}

/* Bisection of the precision beta, which is first doubled or halved until it is enclosed. */
static void find_bandwidth(ptrdiff_t i, void *ctx) {
    const bandwidths *g = ctx;
    const REAL *distance = g->distance + i * g->k;
    REAL *p = g->p + i * g->k, least = distance[0];
    double beta = 1, low = 0, high = INFINITY, sum = 1;
    for (ptrdiff_t j = 1; j < g->k; j++) least = distance[j] < least ? distance[j] : least;
    for (int step = 0; step < STEPS; step++) {
        const double over = entropy_at(p, distance, least, g->k, beta, &sum) - g->entropy;
        if (fabs(over) <= TOLERANCE) break;
        if (over > 0) {
            low = beta;
            beta = high < INFINITY ? (low + high) / 2 : 2 * beta;
        } else {
            high = beta;
            beta = (low + high) / 2;
        }
    }
    for (ptrdiff_t j = 0; j < g->k; j++) p[j] = (REAL)((double)p[j] / sum);
}

int FS(tsne_affinities)(REAL *p, const REAL *distance, ptrdiff_t n, ptrdiff_t k, double perplexity) {
    bandwidths g = {.p = p, .distance = distance, .n = n, .k = k, .entropy = logarithm(perplexity)};
    if (k > 0) fs_parallel_for(n, find_bandwidth, &g);
    return FS_OK;
}

typedef struct {
    REAL *force;
    double *loss;         /* one for each chunk */
    const REAL *y;        /* rows of points, or one line for each dimension */
    const REAL *p;
    const int64_t *start, *index;
    ptrdiff_t n;
    int dims;
} forces;

/* Neighbours pull point i: their places are gathered first, so that lanes may go along them. */
static void attract(double *sum, const forces *g, ptrdiff_t i, REAL *near) {
    const int dims = g->dims;
    for (int64_t at = g->start[i], end; at < g->start[i + 1]; at = end) {
        end = at + STRETCH < g->start[i + 1] ? at + STRETCH : g->start[i + 1];
        for (int64_t t = at; t < end; t++) {
            const REAL *other = g->y + g->index[t] * dims;
            for (int c = 0; c < dims; c++) near[c * STRETCH + (t - at)] = other[c];
        }
        FS(simd)->tsne_attract(sum, near, STRETCH, g->y + i * dims, g->p + at, (ptrdiff_t)(end - at), dims, g->loss != NULL);
    }
}

static void attract_rows(ptrdiff_t chunk, void *ctx) {
    const forces *g = ctx;
    REAL near[MOST_DIMS * STRETCH];
    double loss = 0;
    for (ptrdiff_t i = chunk * ROWS; i < min(g->n, (chunk + 1) * ROWS); i++) {
        double sum[MOST_DIMS + 1] = {0}; /* the force, and the loss */
        attract(sum, g, i, near);
        for (int c = 0; c < g->dims; c++) g->force[i * g->dims + c] = (REAL)sum[c];
        loss += sum[g->dims];
    }
    if (g->loss) g->loss[chunk] = loss;
}

/* The sum of the chunks' sums, and their memory back. */
static double total(double *part, ptrdiff_t chunks) {
    double sum = 0;
    for (ptrdiff_t c = 0; c < chunks; c++) sum += part[c];
    fs_free(part);
    return sum;
}

int FS(tsne_attraction)(REAL *force, double *loss, const REAL *y, const int64_t *start, const int64_t *index, const REAL *p,
                        ptrdiff_t n, ptrdiff_t dims) {
    const ptrdiff_t chunks = (n + ROWS - 1) / ROWS;
    if (dims < 1 || dims > MOST_DIMS) return FS_EINVAL;
    int wrong = 0; /* looked at in the end: the loop is one for vectors */
    for (ptrdiff_t at = 0; at < (n ? start[n] : 0); at++) wrong |= index[at] < 0 || index[at] >= (int64_t)n;
    if (wrong) return FS_EINDEX;
    forces g = {.force = force, .y = y, .p = p, .start = start, .index = index, .n = n, .dims = (int)dims};
    if (loss) {
        g.loss = fs_alloc((size_t)(chunks + 1) * sizeof(double));
        if (!g.loss) return FS_ENOMEM;
    }
    fs_parallel_for(chunks, attract_rows, &g);
    if (loss) *loss = total(g.loss, chunks);
    return FS_OK;
}

/* Points j0 .. j1 push point i. */
static void repel(double *sum, const forces *g, ptrdiff_t i, ptrdiff_t j0, ptrdiff_t j1) {
    if (j0 < j1) FS(simd)->tsne_repel(sum, g->y + j0, g->n, g->y + i, j1 - j0, g->dims);
}

static void repel_rows(ptrdiff_t chunk, void *ctx) {
    const forces *g = ctx;
    double whole = 0;
    for (ptrdiff_t i = chunk * ROWS; i < min(g->n, (chunk + 1) * ROWS); i++) {
        double sum[MOST_DIMS + 1] = {0}; /* the force, and the similarities */
        for (ptrdiff_t j = 0; j < g->n; j += STRETCH) {
            const ptrdiff_t end = min(g->n, j + STRETCH), own = i < j ? j : min(i, end);
            repel(sum, g, i, j, own); /* itself is left out: its similarity of 1 would swallow those of points far away */
            repel(sum, g, i, min(own + (own == i), end), end);
        }
        for (int c = 0; c < g->dims; c++) g->force[i * g->dims + c] = (REAL)sum[c];
        whole += sum[g->dims];
    }
    g->loss[chunk] = whole;
}

int FS(tsne_repulsion)(REAL *force, double *whole, const REAL *y, ptrdiff_t n, ptrdiff_t dims) {
    const ptrdiff_t chunks = (n + ROWS - 1) / ROWS;
    if (dims < 1 || dims > MOST_DIMS) return FS_EINVAL;
    REAL *lines = fs_alloc((size_t)(n * dims + 1) * sizeof(REAL));
    double *parts = fs_alloc((size_t)(chunks + 1) * sizeof(double));
    int status = FS_ENOMEM;
    if (lines && parts) {
        for (ptrdiff_t i = 0; i < n; i++) {
            for (ptrdiff_t c = 0; c < dims; c++) lines[c * n + i] = y[i * dims + c];
        }
        forces g = {.force = force, .loss = parts, .y = lines, .n = n, .dims = (int)dims};
        fs_parallel_for(chunks, repel_rows, &g);
        *whole = 0;
        for (ptrdiff_t c = 0; c < chunks; c++) *whole += parts[c];
        status = FS_OK;
    }
    fs_free(parts);
    fs_free(lines);
    return status;
}
