/* Loss and gradient of a linear classifier with softmax, in one sweep: each block of rows is read from memory once, for its
 * scores and, while it is still in the cache, for its share of the gradient.
 *
 * Segments of rows have sums of their own, so that threads can share them; the sums are added in their order. The products of
 * FLUSH rows are added up in double, so that float32 loses little however many rows there are.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <string.h>

enum {
    CACHE = 1 << 18, /* bytes of a block of rows, which stays in the second cache */
    FLUSH = 512,
    LINE = 64 / (int)sizeof(REAL),
    LEAST = 1 << 18, /* multiplications worth a segment */
    SEGMENTS = 16,
    MOST = 1 << 28
};

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

typedef struct {
    const REAL *x, *weight;
    const int64_t *label;
    const REAL *wt, *bias; /* w transposed and the bias, rows `step` long, zeros beyond k */
    double *sums;          /* one for each segment: k d products, k for the bias, and the loss */
    ptrdiff_t n, d, k, step;
    ptrdiff_t rows, block; /* of a segment, of a block */
    int *status;
} sweep;

typedef struct { /* of a block */
    REAL *score, *loss, *lse, *part;
} room;

static ptrdiff_t sums_size(const sweep *g) { return g->k * g->d + g->k + 1; }

/* score[count, k] = x w^T + bias. */
static void find_scores(REAL *score, const sweep *g, const REAL *x, ptrdiff_t count) {
    const ptrdiff_t mr = FS(simd)->gemm_mr, nr = FS(simd)->gemm_nr, tiles = ceil_div(count, mr);
    for (ptrdiff_t t = 0; t < tiles; t++) {
        const ptrdiff_t i = count * t / tiles, end = count * (t + 1) / tiles;
        for (ptrdiff_t j = 0; j < g->step; j += nr) {
            FS(simd)->gemm_tile(end - i, min(nr, g->step - j), g->d, x + i * g->d, g->d, 1, g->wt + j, g->step,
                                score + i * g->step + j, g->step, 0, g->bias + j);
        }
    }
    for (ptrdiff_t i = 1; i < count; i++) memmove(score + i * g->k, score + i * g->step, (size_t)g->k * sizeof(REAL));
}

/* part[k, d] = slope^T x (or +=) for slope[count, k]. */
static void add_products(REAL *part, const sweep *g, const REAL *slope, const REAL *x, ptrdiff_t count, int accumulate) {
    const ptrdiff_t mr = FS(simd)->gemm_mr, nr = FS(simd)->gemm_nr, strips = ceil_div(g->k, mr);
    for (ptrdiff_t j = 0; j < g->d; j += nr) {
        for (ptrdiff_t s = 0; s < strips; s++) {
            const ptrdiff_t i = g->k * s / strips, end = g->k * (s + 1) / strips;
            FS(simd)->gemm_tile(end - i, min(nr, g->d - j), count, slope + i, 1, g->k, x + j, g->d, part + i * g->d + j,
                                g->d, accumulate, NULL);
        }
    }
}

static void run_block(const sweep *g, const room *at, double *sums, ptrdiff_t first, ptrdiff_t count, int accumulate) {
    const REAL one = 1, *x = g->x + first * g->d, *weight = g->weight ? g->weight + first : &one;
    const ptrdiff_t k = g->k, weight_step = g->weight != NULL;
    double *bias = sums + k * g->d, *loss = bias + k;
    find_scores(at->score, g, x, count);
    FS(simd)->cross_entropy_forward(at->loss, at->lse, at->score, g->label + first, NULL, count, k, -1, 0, 1);
    FS(simd)->cross_entropy_backward(at->score, weight, weight_step, at->score, at->lse, g->label + first, NULL, count, k, -1,
                                     0, 1, 0);
    for (ptrdiff_t i = 0; i < count; i++) {
        *loss += (double)weight[i * weight_step] * at->loss[i];
        for (ptrdiff_t c = 0; c < k; c++) bias[c] += at->score[i * k + c];
    }
    add_products(at->part, g, at->score, x, count, accumulate);
}

static void run_segment(ptrdiff_t segment, void *ctx) {
    const sweep *g = ctx;
    const ptrdiff_t end = min(g->n, (segment + 1) * g->rows), products = g->k * g->d;
    REAL *memory = fs_alloc((size_t)(g->block * (g->step + 2) + products) * sizeof(REAL));
    double *sums = g->sums + segment * sums_size(g);
    ptrdiff_t waiting = 0;
    g->status[segment] = memory ? FS_OK : FS_ENOMEM;
    if (!memory) return;
    const room at = {memory, memory + g->block * g->step, memory + g->block * (g->step + 1),
                     memory + g->block * (g->step + 2)};
    for (ptrdiff_t i = segment * g->rows; i < end; i += g->block) {
        const ptrdiff_t count = min(g->block, end - i);
        run_block(g, &at, sums, i, count, waiting > 0);
        waiting += count;
        if (waiting < FLUSH && i + count < end) continue;
        for (ptrdiff_t j = 0; j < products; j++) sums[j] += at.part[j];
        waiting = 0;
    }
    fs_free(memory);
}

static int run(sweep *g, ptrdiff_t segments, double *loss, REAL *dw, REAL *db) {
    const ptrdiff_t size = sums_size(g);
    int result = FS_OK, status[SEGMENTS];
    g->status = status;
    fs_parallel_for(segments, run_segment, g);
    for (ptrdiff_t s = 0; s < segments; s++) {
        if (status[s] != FS_OK) result = status[s];
        for (ptrdiff_t j = 0; s && j < size; j++) g->sums[j] += g->sums[s * size + j];
    }
    for (ptrdiff_t j = 0; j < g->k * g->d; j++) dw[j] = (REAL)g->sums[j];
    for (ptrdiff_t c = 0; c < g->k; c++) db[c] = (REAL)g->sums[g->k * g->d + c];
    *loss = g->sums[size - 1];
    return result;
}

/* w in columns and the bias below them, zeros up to `step`. */
static void turn(REAL *to, const REAL *w, const REAL *bias, const sweep *g) {
    memset(to, 0, (size_t)((g->d + 1) * g->step) * sizeof(REAL));
    for (ptrdiff_t c = 0; c < g->k; c++) {
        for (ptrdiff_t j = 0; j < g->d; j++) to[j * g->step + c] = w[c * g->d + j];
        to[g->d * g->step + c] = bias[c];
    }
}

int FS(logistic_gradient)(double *loss, REAL *dw, REAL *db, const REAL *x, const REAL *w, const REAL *b,
                          const int64_t *label, const REAL *weight, ptrdiff_t n, ptrdiff_t d, ptrdiff_t k) {
    for (ptrdiff_t i = 0; i < n; i++) {
        if ((uint64_t)label[i] >= (uint64_t)k) return FS_EINDEX;
    }
    sweep g = {.x = x, .weight = weight, .label = label, .n = n, .d = d, .k = k, .step = ceil_div(k, LINE) * LINE};
    const ptrdiff_t size = sums_size(&g), tile = FS(simd)->gemm_mr, fit = CACHE / (ptrdiff_t)sizeof(REAL) / (d + 1) / tile;
    ptrdiff_t segments = (ptrdiff_t)((double)n * (double)(d + 1) * (double)k / LEAST);
    segments = min(SEGMENTS, segments > 1 ? segments : 1);
    while (segments > 1 && (double)segments * (double)size * sizeof(double) > MOST) segments--;
    g.rows = ceil_div(n, segments);
    g.block = min((fit > 1 ? fit : 1) * tile, FLUSH);
    g.sums = fs_alloc((size_t)(segments * size) * sizeof(double));
    REAL *wt = fs_alloc((size_t)((d + 1) * g.step) * sizeof(REAL));
    int status = FS_ENOMEM;
    if (g.sums && wt) {
        memset(g.sums, 0, (size_t)(segments * size) * sizeof(double));
        turn(wt, w, b, &g);
        g.wt = wt, g.bias = wt + d * g.step;
        status = run(&g, segments, loss, dw, db);
    }
    fs_free(wt);
    fs_free(g.sums);
    return status;
}
