/* Batch norm and layer norm: blocks of rows, fixed by shape, whose sums are put together in order and in double. */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 32, MIN_PARALLEL = 100000 }; /* rows of a block; elements from which threads are worth waking */

typedef struct {
    REAL *out, *dw, *db;
    REAL *part_a, *part_b;                              /* two numbers of each block and channel */
    const REAL *x, *dy, *weight, *bias, *mean, *rstd;
    const REAL *scale, *shift_a, *shift_b;              /* one for each channel */
    REAL *new_mean, *new_rstd;
    ptrdiff_t rows, c;
    REAL eps;
} norm;

static ptrdiff_t block_count(ptrdiff_t rows) { return (rows + BLOCK - 1) / BLOCK; }
static ptrdiff_t block_rows(const norm *g, ptrdiff_t block) {
    return g->rows - block * BLOCK < BLOCK ? g->rows - block * BLOCK : BLOCK;
}

static void each_block(norm *g, fs_chunk_fn fn) {
    const ptrdiff_t blocks = block_count(g->rows);
    if (g->rows * g->c >= MIN_PARALLEL) {
        fs_parallel_for(blocks, fn, g);
    } else {
        for (ptrdiff_t i = 0; i < blocks; i++) fn(i, g);
    }
}

/* Room for two numbers per block and channel, and, behind them, `vectors` more per channel. */
static REAL *workspace(norm *g, ptrdiff_t vectors) {
    const ptrdiff_t parts = block_count(g->rows) * g->c;
    REAL *room = fs_alloc((size_t)(2 * parts + vectors * g->c) * sizeof(REAL));
    if (!room) return NULL;
    g->part_a = room;
    g->part_b = room + parts;
    return room + 2 * parts;
}

/* ---- batch norm: x is rows x c, the channel innermost ---- */

static void block_statistics(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    FS(simd)->norm_block(g->part_a + block * g->c, g->part_b + block * g->c, g->x + block * BLOCK * g->c,
                         block_rows(g, block), g->c);
}

static void block_apply(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    const ptrdiff_t first = block * BLOCK * g->c;
    FS(simd)->norm_apply(g->out + first, g->x + first, g->mean, g->scale, g->shift_a, block_rows(g, block), g->c);
}

static void block_sums(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    const ptrdiff_t first = block * BLOCK * g->c;
    FS(simd)->norm_sums(g->part_a + block * g->c, g->part_b + block * g->c, g->dy + first, g->x + first, g->mean,
                        block_rows(g, block), g->c);
}

static void block_gradient(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    const ptrdiff_t first = block * BLOCK * g->c;
    FS(simd)->norm_gradient(g->out + first, g->dy + first, g->x + first, g->mean, g->scale, g->shift_a, g->shift_b,
                            block_rows(g, block), g->c);
}

/* The mean of channel j in a block, less its very first element. */
static double block_offset(const norm *g, ptrdiff_t block, ptrdiff_t j) {
    return ((double)g->x[block * BLOCK * g->c + j] - g->x[j]) + g->part_a[block * g->c + j];
}

/* Mean and sum of squared deviations of channel j, from those of the blocks: what is within them, and between. */
static void merge(const norm *g, ptrdiff_t j, double *mean, double *m2) {
    const ptrdiff_t blocks = block_count(g->rows);
    double sum = 0, within = 0;
    for (ptrdiff_t b = 0; b < blocks; b++) sum += (double)block_rows(g, b) * block_offset(g, b, j);
    const double offset = sum / (double)g->rows;
    *mean = g->x[j] + offset;
    for (ptrdiff_t b = 0; b < blocks; b++) {
        const double d = block_offset(g, b, j) - offset;
        within += g->part_b[b * g->c + j] + (double)block_rows(g, b) * d * d;
    }
    *m2 = within < 0 ? 0 : within; /* rounding may leave a little less than nothing; NaN stays */
}

int FS(batch_norm_forward)(REAL *y, REAL *mean, REAL *var, REAL *rstd, const REAL *x, const REAL *weight,
                           const REAL *bias, ptrdiff_t rows, ptrdiff_t c, double eps) {
    if (rows < 1) return FS_EINVAL;
    norm g = {.out = y, .x = x, .mean = mean, .rows = rows, .c = c};
    REAL *scale = workspace(&g, 2);
    if (!scale) return FS_ENOMEM;
    REAL *shift = scale + c;
    each_block(&g, block_statistics);
    for (ptrdiff_t j = 0; j < c; j++) {
        double m, m2;
        merge(&g, j, &m, &m2);
        const double r = 1 / sqrt(m2 / (double)rows + eps);
        mean[j] = (REAL)m;
        var[j] = (REAL)(m2 / (double)rows);
        rstd[j] = (REAL)r;
        scale[j] = (REAL)(weight ? r * weight[j] : r);
        shift[j] = bias ? bias[j] : 0;
    }
    g.scale = scale;
    g.shift_a = shift;
    each_block(&g, block_apply);
    fs_free(g.part_a);
    return FS_OK;
}

int FS(batch_norm_inference)(REAL *y, const REAL *x, const REAL *weight, const REAL *bias, const REAL *mean,
                             const REAL *var, ptrdiff_t rows, ptrdiff_t c, double eps) {
    REAL *scale = fs_alloc((size_t)(2 * c) * sizeof(REAL)), *shift = scale + c;
    if (!scale) return FS_ENOMEM;
    for (ptrdiff_t j = 0; j < c; j++) {
        const double r = 1 / sqrt((double)var[j] + eps);
        scale[j] = (REAL)(weight ? r * weight[j] : r);
        shift[j] = bias ? bias[j] : 0;
    }
    norm g = {.out = y, .x = x, .mean = mean, .scale = scale, .shift_a = shift, .rows = rows, .c = c};
    each_block(&g, block_apply);
    fs_free(scale);
    return FS_OK;
}

int FS(batch_norm_backward)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const REAL *x, const REAL *weight,
                            const REAL *mean, const REAL *rstd, ptrdiff_t rows, ptrdiff_t c, int training) {
    norm g = {.out = dx, .dy = dy, .x = x, .mean = mean, .rows = rows, .c = c};
    REAL *scale = workspace(&g, 3);
    if (!scale) return FS_ENOMEM;
    REAL *a = scale + c, *b = scale + 2 * c;
    each_block(&g, block_sums);
    for (ptrdiff_t j = 0; j < c; j++) {
        double sum = 0, dot = 0;
        for (ptrdiff_t i = 0; i < block_count(rows); i++) {
            sum += g.part_a[i * c + j];
            dot += g.part_b[i * c + j];
        }
        const double r = rstd[j];
        db[j] = (REAL)sum;
        dw[j] = (REAL)(dot * r);
        scale[j] = (REAL)(weight ? r * weight[j] : r);
        a[j] = training ? (REAL)(sum / (double)rows) : 0;
        b[j] = training ? (REAL)(dot * r * r / (double)rows) : 0;
    }
    g.scale = scale;
    g.shift_a = a;
    g.shift_b = b;
    if (training) {
        each_block(&g, block_gradient);
    } else { /* dx = (dy - 0) scale + 0 */
        g.x = dy;
        g.mean = a;
        each_block(&g, block_apply);
    }
    fs_free(g.part_a);
    return FS_OK;
}

/* ---- layer norm: each row on its own ---- */

static void layer_rows(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    for (ptrdiff_t i = block * BLOCK; i < block * BLOCK + block_rows(g, block); i++) {
        FS(simd)->layer_norm_row(g->out + i * g->c, g->new_mean + i, g->new_rstd + i, g->x + i * g->c, g->weight, g->bias,
                                 g->c, g->eps);
    }
}

int FS(layer_norm_forward)(REAL *y, REAL *mean, REAL *rstd, const REAL *x, const REAL *weight, const REAL *bias,
                           ptrdiff_t rows, ptrdiff_t d, double eps) {
    norm g = {.out = y, .new_mean = mean, .new_rstd = rstd, .x = x, .weight = weight, .bias = bias, .rows = rows, .c = d,
              .eps = (REAL)eps};
    each_block(&g, layer_rows);
    return FS_OK;
}

static void layer_gradients(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    REAL *dw = g->part_a + block * g->c, *db = g->part_b + block * g->c;
    memset(dw, 0, (size_t)g->c * sizeof(REAL));
    memset(db, 0, (size_t)g->c * sizeof(REAL));
    for (ptrdiff_t i = block * BLOCK; i < block * BLOCK + block_rows(g, block); i++) {
        FS(simd)->layer_norm_gradient(g->out + i * g->c, dw, db, g->dy + i * g->c, g->x + i * g->c, g->weight, g->mean[i],
                                      g->rstd[i], g->c);
    }
}

int FS(layer_norm_backward)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const REAL *x, const REAL *weight,
                            const REAL *mean, const REAL *rstd, ptrdiff_t rows, ptrdiff_t d) {
    norm g = {.out = dx, .dy = dy, .x = x, .weight = weight, .mean = mean, .rstd = rstd, .rows = rows, .c = d};
    if (!workspace(&g, 0)) return FS_ENOMEM;
    each_block(&g, layer_gradients);
    for (ptrdiff_t j = 0; j < d; j++) {
        double w = 0, b = 0;
        for (ptrdiff_t i = 0; i < block_count(rows); i++) {
            w += g.part_a[i * d + j];
            b += g.part_b[i * d + j];
        }
        dw[j] = (REAL)w;
        db[j] = (REAL)b;
    }
    fs_free(g.part_a);
    return FS_OK;
}
