/* Two-dimensional convolution of channels-last images: which algorithm a shape gets, and how the work is cut for threads.
 *
 * winograd.c for what it applies to; conv_direct.c for everything else; conv_columns.c if it is asked for, or if a filter
 * that is not finite must meet no more than it does by definition.
 */
#include "conv.h"

#include <stdatomic.h>
#include <string.h>

enum {
    MIN_CHUNK_WORK = 200000,  /* multiplications worth a thread's while */
    MIN_PARTIAL_PIXELS = 256, /* output pixels for which a partial sum of dw is worth adding up, */
    MAX_PARTIALS = 16,        /* how many there may be, */
    MAX_PARTIAL_SIZE = 1 << 18 /* and how large all of them together, unless that leaves fewer than 8 */
};

typedef struct fs_conv shape;

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

static ptrdiff_t filter_size(const shape *s) { return s->k * s->r * s->s * (s->c / s->groups); }
static ptrdiff_t outputs(const shape *s) { return s->n * s->out_h * s->out_w * s->k; }
static void fill_zero(REAL *to, ptrdiff_t n) { memset(to, 0, (size_t)n * sizeof(REAL)); }
static int by_columns(void) { return fs_conv_algorithm_get() == FS_IM2COL; }

typedef struct {
    const struct FS(direct) * d;
    REAL *to; /* sweep: the output. Filters: a partial sum for each chunk, of dw [group][r][s][c][k] and then of db [k] */
    const REAL *from, *dy, *bias;
    int relu, need_w, need_b;
    ptrdiff_t units, per_chunk, size;
    atomic_int status;
} job;

/* ---- the sweep ---- */

static void sweep_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    REAL *workspace = fs_alloc((size_t)g->d->workspace * sizeof(REAL));
    if (!workspace) {
        atomic_store(&g->status, FS_ENOMEM);
        return;
    }
    const ptrdiff_t end = min(g->units, (chunk + 1) * g->per_chunk);
    for (ptrdiff_t unit = chunk * g->per_chunk; unit < end; unit++) {
        FS(direct_unit)(g->d, g->to, g->from, unit, g->bias, g->relu, workspace);
    }
    fs_free(workspace);
}

static int sweep(struct FS(direct) * d, REAL *to, const REAL *from, ptrdiff_t n, const REAL *bias, int relu) {
    job g = {.d = d, .to = to, .from = from, .bias = bias, .relu = relu, .units = n * d->blocks,
             .per_chunk = max(1, MIN_CHUNK_WORK / max(1, d->unit_work))};
    atomic_init(&g.status, FS_OK);
    fs_parallel_for(ceil_div(g.units, g.per_chunk), sweep_chunk, &g);
    FS(direct_end)(d);
    return atomic_load(&g.status);
}

int FS(conv2d_forward)(REAL *y, const REAL *x, const REAL *w, const REAL *b, const struct fs_conv *s, int relu) {
    if (outputs(s) == 0) return FS_OK;
    if (by_columns()) return FS(columns_forward)(y, x, w, b, s, relu);
    int status = FS(winograd_applies)(s) ? FS(winograd_convolve)(y, x, w, b, relu, 0, s) : FS_EDOMAIN;
    if (status != FS_EDOMAIN) return status;
    struct FS(direct) d;
    status = FS(direct_forward)(&d, s, w);
    return status == FS_OK ? sweep(&d, y, x, s->n, b, relu) : status;
}

/* ---- the gradient in x ---- */

/* The convolution that makes dx out of dy, for stride 1. */
struct fs_conv FS(transposed)(const struct fs_conv *s) {
    shape t = *s;
    t.c = s->k, t.h = s->out_h, t.w = s->out_w;
    t.k = s->c, t.out_h = s->h, t.out_w = s->w;
    t.pad_h = s->dilation_h * (s->r - 1) - s->pad_h;
    t.pad_w = s->dilation_w * (s->s - 1) - s->pad_w;
    return t;
}

/* The sweep multiplies zeros around dy by the filters; with an infinite or NaN filter that is not 0. */
int FS(filters_finite)(const REAL *w, const struct fs_conv *s) {
    int bad = 0;
    for (ptrdiff_t i = 0; i < filter_size(s); i++) bad |= !(w[i] - w[i] == 0);
    return !bad;
}

static int input_gradient(REAL *dx, const REAL *dy, const REAL *w, const shape *s) {
    const shape t = FS(transposed)(s);
    if (by_columns()) return FS(columns_input_gradient)(dx, dy, w, s);
    int status = FS(winograd_applies)(&t) ? FS(winograd_convolve)(dx, dy, w, NULL, 0, 1, &t) : FS_EDOMAIN;
    if (status != FS_EDOMAIN) return status;
    if (!FS(filters_finite)(w, s)) return FS(columns_input_gradient)(dx, dy, w, s);
    struct FS(direct) d;
    status = FS(direct_backward)(&d, s, w);
    return status == FS_OK ? sweep(&d, dx, dy, s->n, NULL, 0) : status;
}

/* ---- the gradients in w and b ---- */

static void sum_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    REAL *sums = g->to + chunk * g->size, *workspace = fs_alloc((size_t)FS(direct_sums_workspace)(g->d) * sizeof(REAL));
    if (!workspace) {
        atomic_store(&g->status, FS_ENOMEM);
        return;
    }
    REAL *dw = g->need_w ? sums : NULL, *db = g->need_b ? sums + g->size - g->d->k : NULL;
    const ptrdiff_t first = chunk * g->per_chunk, end = min(g->units, first + g->per_chunk);
    for (ptrdiff_t unit = first; unit < end; unit++) {
        FS(direct_unit_sums)(g->d, dw, db, g->dy, g->from, unit, unit > first, workspace);
    }
    fs_free(workspace);
}

/* Adds up one input channel of one group in the order of the parts, and turns it into the order of w. */
typedef struct {
    REAL *dw, *sums;
    ptrdiff_t cg, kg, window, parts, size;
} finish;

static void finish_channel(ptrdiff_t channel, void *ctx) {
    const finish *f = ctx;
    const ptrdiff_t group = channel / f->cg, c = channel % f->cg, depth = f->window * f->cg;
    for (ptrdiff_t t = 0; t < f->window; t++) {
        REAL *sum = f->sums + (group * depth + t * f->cg + c) * f->kg;
        for (ptrdiff_t part = 1; part < f->parts; part++) {
            const REAL *from = sum + part * f->size;
            for (ptrdiff_t k = 0; k < f->kg; k++) sum[k] += from[k];
        }
        REAL *to = f->dw + group * f->kg * depth + c * f->window + t;
        for (ptrdiff_t k = 0; k < f->kg; k++) to[k * depth] = sum[k];
    }
}

void FS(direct_finish)(REAL *dw, REAL *db, REAL *sums, ptrdiff_t parts, ptrdiff_t size, const struct fs_conv *s) {
    finish f = {dw, sums, s->c / s->groups, s->k / s->groups, s->r * s->s, parts, size};
    ptrdiff_t channels = s->c;
    if (s->groups > 1 && f.cg == 1 && f.kg == 1) { /* depthwise: in the order of one channel with k filters */
        f.kg = s->k;
        channels = 1;
    }
    if (dw && size * parts < MIN_CHUNK_WORK) {
        for (ptrdiff_t c = 0; c < channels; c++) finish_channel(c, &f);
    } else if (dw) {
        fs_parallel_for(channels, finish_channel, &f);
    }
    for (ptrdiff_t k = 0; k < s->k && db; k++) {
        db[k] = sums[size - s->k + k];
        for (ptrdiff_t part = 1; part < parts; part++) db[k] += sums[(part + 1) * size - s->k + k];
    }
}

static int filter_gradient(REAL *dw, REAL *db, const REAL *dy, const REAL *x, const shape *s) {
    if (by_columns()) return FS(columns_filter_gradient)(dw, db, dy, x, s);
    const int found = dw && FS(winograd_applies)(s) ? FS(winograd_filter_gradient)(dw, db, dy, x, s) : FS_EDOMAIN;
    if (found != FS_EDOMAIN) return found;
    struct FS(direct) d;
    const int status = FS(direct_forward)(&d, s, NULL);
    if (status != FS_OK) return status;
    job g = {.d = &d, .from = x, .dy = dy, .need_w = dw != NULL, .need_b = db != NULL, .units = s->n * d.blocks,
             .size = filter_size(s) + s->k};
    const ptrdiff_t parts = max(min(8, MAX_PARTIALS), min(MAX_PARTIALS, MAX_PARTIAL_SIZE / max(1, g.size)));
    const ptrdiff_t enough = ceil_div(MIN_PARTIAL_PIXELS, max(1, d.unit_rows * s->out_w));
    g.per_chunk = max(max(1, MIN_CHUNK_WORK / max(1, d.unit_work)), max(ceil_div(g.units, parts), enough));
    const ptrdiff_t chunks = ceil_div(g.units, g.per_chunk);
    atomic_init(&g.status, FS_OK);
    g.to = fs_alloc((size_t)(chunks * g.size) * sizeof(REAL));
    if (g.to) {
        fs_parallel_for(chunks, sum_chunk, &g);
        if (atomic_load(&g.status) == FS_OK) FS(direct_finish)(dw, db, g.to, chunks, g.size, s);
    }
    const int result = g.to ? atomic_load(&g.status) : FS_ENOMEM;
    fs_free(g.to);
    FS(direct_end)(&d);
    return result;
}

int FS(conv2d_backward)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const REAL *x, const REAL *w,
                        const struct fs_conv *s) {
    if (outputs(s) == 0) {
        if (dx) fill_zero(dx, s->n * s->h * s->w * s->c);
        if (dw) fill_zero(dw, filter_size(s));
        if (db) fill_zero(db, s->k);
        return FS_OK;
    }
    int status = FS_OK;
    if (dx) status = input_gradient(dx, dy, w, s);
    if (status == FS_OK && (dw || db)) status = filter_gradient(dw, db, dy, x, s);
    return status;
}
