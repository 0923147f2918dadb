/* Batch norm and layer norm: blocks of rows, fixed by shape, whose sums are put together in order and in double. */
#include "chunks.h"
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <math.h>
#include <string.h>

/* A block of batch norm has about BLOCK elements, which stay in the first cache while they are read again, and no block more
 * rows than one float accumulator may take in. */
enum { BLOCK = 8192, MAX_ROWS = 128 };

typedef struct {
    REAL *out, *dw, *db;
    REAL *part_a, *part_b; /* two numbers of each block and channel */
    const REAL *x, *dy, *weight, *bias, *mean, *rstd;
    struct FS(norm_columns) columns;
    REAL *new_mean, *new_rstd;
    ptrdiff_t rows, c;
    ptrdiff_t block, blocks; /* rows of a block; how many blocks */
    ptrdiff_t share;         /* blocks of a chunk */
    fs_chunk_fn of_block;
    REAL eps;
} norm;

/* Into blocks of about `size` elements, but of at least `least` rows and a multiple of that. */
static void cut(norm *g, ptrdiff_t size, ptrdiff_t least) {
    const ptrdiff_t c = g->c > 0 ? g->c : 1, fitting = size / c < MAX_ROWS ? size / c : MAX_ROWS;
    g->block = fitting < least ? least : fitting / least * least;
    g->blocks = (g->rows + g->block - 1) / g->block;
    g->share = PIECE / (g->block * c);
    if (g->share < 1) g->share = 1;
}

static ptrdiff_t block_rows(const norm *g, ptrdiff_t block) {
    const ptrdiff_t rest = g->rows - block * g->block;
    return rest < g->block ? rest : g->block;
}

static void run_chunk(ptrdiff_t chunk, void *ctx) {
    norm *g = ctx;
    const ptrdiff_t end = (chunk + 1) * g->share;
    for (ptrdiff_t i = chunk * g->share; i < end && i < g->blocks; i++) g->of_block(i, g);
}

static void each_block(norm *g, fs_chunk_fn of_block) {
    g->of_block = of_block;
    if (g->rows * g->c >= SERIAL) {
        fs_parallel_for((g->blocks + g->share - 1) / g->share, run_chunk, g);
    } else {
        for (ptrdiff_t i = 0; i < g->blocks; i++) of_block(i, g);
    }
}

/* Room for two numbers per block and channel and, behind them, `sums` doubles and `vectors` more numbers per channel. */
static double *workspace(norm *g, ptrdiff_t sums, ptrdiff_t vectors) {
    const size_t doubles = (size_t)(sums * g->c), reals = (size_t)((2 * g->blocks + vectors) * g->c);
    double *room = fs_alloc(doubles * sizeof(double) + reals * sizeof(REAL));
    if (!room) return NULL;
    memset(room, 0, doubles * sizeof(double));
    g->part_a = (REAL *)(void *)(room + doubles) + vectors * g->c;
    g->part_b = g->part_a + g->blocks * g->c;
    return room;
}

/* ---- batch norm: x is rows x c, the channel innermost ---- */

static ptrdiff_t start_of(const norm *g, ptrdiff_t block) { return block * g->block * g->c; }

static void block_statistics(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    FS(simd)->norm_block(g->part_a + block * g->c, g->part_b + block * g->c, g->x + start_of(g, block),
                         block_rows(g, block), g->c);
}

static void block_apply(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    const ptrdiff_t first = start_of(g, block);
    FS(simd)->norm_apply(g->out + first, g->x + first, &g->columns, block_rows(g, block), g->c);
}

static void block_sums(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    const ptrdiff_t first = start_of(g, block);
    FS(simd)->norm_sums(g->part_a + block * g->c, g->part_b + block * g->c, g->dy + first, g->x + first, &g->columns,
                        block_rows(g, block), g->c);
}

static void block_gradient(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    const ptrdiff_t first = start_of(g, block);
    FS(simd)->norm_gradient(g->out + first, g->dy + first, g->x + first, &g->columns, block_rows(g, block), g->c);
}

/* Means (less the very first row) and sums of squared deviations from those of the blocks: what is within them, and
 * between. Both start at zero. */
static void merge(const norm *g, double *offset, double *m2) {
    const ptrdiff_t c = g->c;
    for (ptrdiff_t b = 0; b < g->blocks; b++) {
        const REAL *first = g->x + start_of(g, b), *part = g->part_a + b * c;
        const double rows = (double)block_rows(g, b);
        for (ptrdiff_t j = 0; j < c; j++) offset[j] += rows * (((double)first[j] - g->x[j]) + part[j]);
    }
    for (ptrdiff_t j = 0; j < c; j++) offset[j] /= (double)g->rows;
    for (ptrdiff_t b = 0; b < g->blocks; b++) {
        const REAL *first = g->x + start_of(g, b), *part = g->part_a + b * c, *within = g->part_b + b * c;
        const double rows = (double)block_rows(g, b);
        for (ptrdiff_t j = 0; j < c; j++) {
            const double d = (((double)first[j] - g->x[j]) + part[j]) - offset[j];
            m2[j] += within[j] + rows * d * d;
        }
    }
}

/* The factor of channel j: on every way computed from the rounded rstd, so that each finds the same sign of y. */
static REAL factor(const REAL *weight, REAL rstd, ptrdiff_t j) {
    return weight ? (REAL)((double)rstd * weight[j]) : rstd;
}

/* Towards the batch's numbers, each of which is a total / count. */
static void move_average(REAL *running, const double *total, double count, ptrdiff_t c, double momentum) {
    if (!running) return;
    for (ptrdiff_t j = 0; j < c; j++) {
        running[j] = (REAL)((1 - momentum) * running[j] + momentum * (total[j] / count));
    }
}

int FS(batch_norm_forward)(REAL *y, REAL *mean, REAL *var, REAL *rstd, REAL *running_mean, REAL *running_var,
                           const REAL *x, const REAL *weight, const REAL *bias, ptrdiff_t rows, ptrdiff_t c,
                           double momentum, double eps, int relu) {
    if (rows < 1 || (running_var && rows < 2)) return FS_EINVAL;
    norm g = {.out = y, .x = x, .rows = rows, .c = c};
    cut(&g, BLOCK, 32);
    double *offset = workspace(&g, 2, 2), *m2 = offset + c;
    if (!offset) return FS_ENOMEM;
    REAL *scale = (REAL *)(void *)(m2 + c), *shift = scale + c;
    each_block(&g, block_statistics);
    merge(&g, offset, m2);
    for (ptrdiff_t j = 0; j < c; j++) {
        m2[j] = m2[j] < 0 ? 0 : m2[j]; /* rounding may leave less than nothing; NaN stays */
        offset[j] += x[j];             /* from here on the mean */
        const double v = m2[j] / (double)rows;
        mean[j] = (REAL)offset[j];
        var[j] = (REAL)v;
        rstd[j] = (REAL)(1 / sqrt(v + eps));
        scale[j] = factor(weight, rstd[j], j);
        shift[j] = bias ? bias[j] : 0;
    }
    g.columns = (struct FS(norm_columns)){.mean = mean, .scale = scale, .shift = shift, .relu = relu};
    each_block(&g, block_apply);
    move_average(running_mean, offset, 1, c, momentum);
    move_average(running_var, m2, (double)(rows - 1), c, momentum);
    fs_free(offset);
    return FS_OK;
}

int FS(batch_norm_inference)(REAL *y, const REAL *x, const REAL *weight, const REAL *bias, const REAL *mean,
                             const REAL *var, ptrdiff_t rows, ptrdiff_t c, double eps, int relu) {
    REAL *scale = fs_alloc((size_t)(2 * c) * sizeof(REAL)), *shift = scale + c;
    if (!scale) return FS_ENOMEM;
    for (ptrdiff_t j = 0; j < c; j++) {
        scale[j] = factor(weight, (REAL)(1 / sqrt((double)var[j] + eps)), j);
        shift[j] = bias ? bias[j] : 0;
    }
    norm g = {.out = y, .x = x, .rows = rows, .c = c,
              .columns = {.mean = mean, .scale = scale, .shift = shift, .relu = relu}};
    cut(&g, BLOCK, 32);
    each_block(&g, block_apply);
    fs_free(scale);
    return FS_OK;
}

/* The sums of the blocks' two numbers. */
static void add_blocks(const norm *g, double *a, double *b) {
    FS(simd)->norm_total(a, g->part_a, g->blocks, g->c);
    FS(simd)->norm_total(b, g->part_b, g->blocks, g->c);
}

int FS(batch_norm_backward)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const REAL *x, const REAL *weight,
                            const REAL *bias, const REAL *mean, const REAL *rstd, ptrdiff_t rows, ptrdiff_t c,
                            int training, int relu) {
    norm g = {.out = dx, .dy = dy, .x = x, .rows = rows, .c = c};
    cut(&g, BLOCK, 32);
    double *sum = workspace(&g, 2, 4), *dot = sum + c;
    if (!sum) return FS_ENOMEM;
    REAL *scale = (REAL *)(void *)(dot + c), *shift = scale + c, *mean_dy = shift + c, *slope = mean_dy + c;
    for (ptrdiff_t j = 0; j < c; j++) {
        scale[j] = factor(weight, rstd[j], j);
        shift[j] = bias ? bias[j] : 0;
    }
    g.columns = (struct FS(norm_columns)){mean, scale, shift, mean_dy, slope, relu};
    each_block(&g, block_sums);
    add_blocks(&g, sum, dot);
    for (ptrdiff_t j = 0; j < c; j++) {
        const double r = rstd[j];
        db[j] = (REAL)sum[j];
        dw[j] = (REAL)(dot[j] * r);
        mean_dy[j] = (REAL)(sum[j] / (double)rows);
        slope[j] = (REAL)(dot[j] * r * r / (double)rows);
    }
    if (!training) g.columns.mean_dy = g.columns.slope = NULL;
    each_block(&g, block_gradient);
    fs_free(sum);
    return FS_OK;
}

/* ---- layer norm: each row on its own ---- */

static void layer_rows(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    const ptrdiff_t i = block * g->block;
    FS(simd)->layer_norm_rows(g->out + i * g->c, g->new_mean + i, g->new_rstd + i, g->x + i * g->c, g->weight, g->bias,
                              block_rows(g, block), g->c, g->eps);
}

int FS(layer_norm_forward)(REAL *y, REAL *mean, REAL *rstd, const REAL *x, const REAL *weight, const REAL *bias,
                           ptrdiff_t rows, ptrdiff_t d, double eps) {
    norm g = {.out = y, .new_mean = mean, .new_rstd = rstd, .x = x, .weight = weight, .bias = bias, .rows = rows, .c = d,
              .eps = (REAL)eps};
    cut(&g, PIECE, 4);
    each_block(&g, layer_rows);
    return FS_OK;
}

static void layer_gradients(ptrdiff_t block, void *ctx) {
    const norm *g = ctx;
    const ptrdiff_t i = block * g->block;
    REAL *dw = g->part_a + block * g->c, *db = g->part_b + block * g->c;
    memset(dw, 0, (size_t)g->c * sizeof(REAL));
    memset(db, 0, (size_t)g->c * sizeof(REAL));
    FS(simd)->layer_norm_gradient(g->out + i * g->c, dw, db, g->dy + i * g->c, g->x + i * g->c, g->weight, g->mean + i,
                                  g->rstd + i, block_rows(g, block), g->c);
}

int FS(layer_norm_backward)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const REAL *x, const REAL *weight,
                            const REAL *mean, const REAL *rstd, ptrdiff_t rows, ptrdiff_t d) {
    norm g = {.out = dx, .dy = dy, .x = x, .weight = weight, .mean = mean, .rstd = rstd, .rows = rows, .c = d};
    cut(&g, PIECE, 16);
    double *sums = workspace(&g, 2, 0);
    if (!sums) return FS_ENOMEM;
    each_block(&g, layer_gradients);
    add_blocks(&g, sums, sums + d);
    for (ptrdiff_t j = 0; j < d; j++) {
        dw[j] = (REAL)sums[j];
        db[j] = (REAL)sums[d + j];
    }
    fs_free(sums);
    return FS_OK;
}
