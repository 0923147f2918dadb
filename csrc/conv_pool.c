/* Convolution with what follows it, a few images at a time: the pixels before the pool, and their gradient, are made in a
 * workspace that stays in the second-level cache and used up there.
 */
#include "conv.h"
#include "simd/kernels.h"

#include <stdatomic.h>
#include <string.h>

enum {
    BLOCK = 1 << 16,         /* elements before the pool in a workspace, unless one image has more */
    MIN_CHUNK_WORK = 200000, /* multiplications worth a thread's while */
    BAND = 1 << 12,          /* elements in a band of rows */
    TILES = 64,              /* tiles that Winograd works on at a time, */
    FEW_TILES = 14,          /* and so few that it shares out the filters instead */
    FEW_IMAGES = 8,          /* of which threads share the rows, */
    MIN_PART_WORK = 180000,  /* in parts worth their while, where a pixel of a channel costs, beside its products, */
    PIXEL_WORK = 8,          /* as much as these */
    MAX_PARTIALS = 16,       /* partial sums of dw, */
    MAX_PARTIAL_SIZE = 1 << 18 /* elements of all of them together, unless that leaves fewer than 8 */
};

typedef struct fs_conv shape;

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

static ptrdiff_t input_size(const shape *s) { return s->h * s->w * s->c; }
static ptrdiff_t output_size(const shape *s) { return s->out_h * s->out_w * s->k; }
static ptrdiff_t filter_size(const shape *s) { return s->k * s->r * s->s * (s->c / s->groups); }

typedef struct {
    const shape *s;
    ptrdiff_t window_h, window_w;
    int relu;
    const REAL *x, *w, *b;
    REAL *y; /* forward */
    uint8_t *code;
    REAL *dx, *sums; /* backward; sums: one block of `size` for each chunk */
    const REAL *dy, *value; /* value: y of the convolution, where there is no pool */
    const uint8_t *taken;
    int need_w, need_b, winograd;
    struct FS(pass) pass;   /* y from x, or dx from dy */
    struct FS(direct) d;    /* dw and db, without Winograd */
    ptrdiff_t images, per_chunk, workspace, size; /* images in the workspace, and in a chunk, */
    ptrdiff_t parts;                              /* or chunks in an image */
    atomic_int status;
} job;

static void note(job *g, int status) {
    if (status != FS_OK) atomic_store(&g->status, status);
}

/* Images in a chunk, worth a thread's while, and in the workspace: as many as the cache, or one block of Winograd's, holds. */
static void plan(job *g, const shape *s, int winograd) {
    const ptrdiff_t tiles = ceil_div(s->out_h, 4) * ceil_div(s->out_w, 4), work = s->out_h * s->out_w * filter_size(s);
    g->s = s;
    g->images = max(1, winograd ? TILES / tiles : BLOCK / max(1, output_size(s)));
    g->per_chunk = max(max(1, MIN_CHUNK_WORK / max(1, work)), min(g->images, ceil_div(s->n, 8)));
    g->images = min(g->images, g->per_chunk);
    g->parts = 1;
    atomic_init(&g->status, FS_OK);
}

/* The same where each chunk has sums of its own, which must be few. */
static void plan_sums(job *g) {
    const shape *s = g->s;
    const ptrdiff_t tiles = ceil_div(s->out_h, 4) * ceil_div(s->out_w, 4);
    const ptrdiff_t few = max(1, g->winograd ? s->n * tiles / (2 * TILES) : MAX_PARTIAL_SIZE / max(1, filter_size(s)));
    const ptrdiff_t parts = min(min(s->n, MAX_PARTIALS), g->winograd ? few : max(8, few));
    g->per_chunk = max(g->per_chunk, ceil_div(s->n, parts));
    const ptrdiff_t most = max(1, g->winograd ? TILES / tiles : BLOCK / max(1, output_size(s)));
    g->images = ceil_div(g->per_chunk, ceil_div(g->per_chunk, most));
}

static REAL *get_workspace(job *g, ptrdiff_t more) {
    REAL *z = fs_alloc((size_t)(g->images * output_size(g->s) + more) * sizeof(REAL));
    if (!z) note(g, FS_ENOMEM);
    return z;
}

static ptrdiff_t pooled_size(const job *g) {
    return g->s->out_h / g->window_h * (g->s->out_w / g->window_w) * g->s->k;
}

/* As many rows of the convolution as the first-level cache holds, if it is made row by row; 0: whole images. */
static ptrdiff_t band(const job *g, const struct FS(direct) * d) {
    const ptrdiff_t rows = min(d->unit_rows, max(g->window_h, BAND / max(1, g->s->out_w * g->s->k)));
    return rows / g->window_h * g->window_h;
}

/* Rows i0 .. i1 of image n, which lie in z. */
static void pool_rows(const job *g, ptrdiff_t n, ptrdiff_t i0, ptrdiff_t i1, const REAL *z) {
    const shape *s = g->s;
    const ptrdiff_t line = s->out_w * s->k, blocks = s->out_w / g->window_w;
    const ptrdiff_t at = n * pooled_size(g) + i0 / g->window_h * blocks * s->k;
    REAL *y = g->y + at;
    uint8_t *code = g->code + at;
    for (; i0 + g->window_h <= i1; i0 += g->window_h, z += g->window_h * line) {
        FS(simd)->conv_pool(y, code, z, line, g->window_h, g->window_w, g->relu, s->k, blocks);
        y += blocks * s->k;
        code += blocks * s->k;
    }
}

/* Few images are cut into runs of rows. */
static void plan_parts(job *g) {
    const shape *s = g->s;
    if (!g->pass.direct || g->per_chunk > 1 || s->n >= FEW_IMAGES || band(g, &g->pass.d) == 0) return;
    const ptrdiff_t work = s->out_h * s->out_w * (filter_size(s) + s->k * PIXEL_WORK);
    g->parts = max(1, min(s->out_h / g->window_h, work / MIN_PART_WORK));
}

static void forward_images(job *g, ptrdiff_t n, ptrdiff_t count, ptrdiff_t part, REAL *z) {
    const shape *s = g->s;
    const REAL *x = g->x + n * input_size(s);
    REAL *rest = z + g->images * output_size(s);
    const ptrdiff_t rows = g->pass.direct ? band(g, &g->pass.d) : 0, blocks = s->out_h / g->window_h;
    const ptrdiff_t first = blocks * part / g->parts * g->window_h, last = blocks * (part + 1) / g->parts * g->window_h;
    if (rows == 0) note(g, FS(pass_images)(&g->pass, z, x, count, g->b, 0, rest));
    for (ptrdiff_t i = 0; i < count; i++) {
        if (rows == 0) pool_rows(g, n + i, 0, s->out_h, z + i * output_size(s));
        for (ptrdiff_t i0 = first; i0 < last && rows > 0; i0 += rows) {
            const ptrdiff_t i1 = min(last, i0 + rows);
            FS(direct_rows)(&g->pass.d, z, x + i * input_size(s), i0, i1, g->b, 0, rest);
            pool_rows(g, n + i, i0, i1, z);
        }
    }
}

static void forward_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    REAL *z = get_workspace(g, g->pass.workspace);
    if (!z) return;
    const ptrdiff_t first = chunk / g->parts * g->per_chunk, end = min(g->s->n, first + g->per_chunk);
    for (ptrdiff_t n = first; n < end; n += g->images) {
        forward_images(g, n, min(g->images, end - n), chunk % g->parts, z);
    }
    fs_free(z);
}

/* So few tiles that threads had better share them: the whole convolution, and then the pool. */
static int is_small(const shape *s) {
    return FS(winograd_applies)(s) && s->n * ceil_div(s->out_h, 4) * ceil_div(s->out_w, 4) <= FEW_TILES;
}

static void forward_small(job *g) {
    const shape *s = g->s;
    g->images = s->n;
    REAL *z = get_workspace(g, 0);
    if (!z) return;
    note(g, FS(conv2d_forward)(z, g->x, g->w, g->b, s, 0));
    for (ptrdiff_t n = 0; n < s->n; n++) pool_rows(g, n, 0, s->out_h, z + n * output_size(s));
    fs_free(z);
}

int FS(conv2d_pool_forward)(REAL *y, uint8_t *code, const REAL *x, const REAL *w, const REAL *b,
                            const struct fs_conv *s, ptrdiff_t window_h, ptrdiff_t window_w, int relu) {
    job g = {.y = y, .code = code, .x = x, .w = w, .b = b, .window_h = window_h, .window_w = window_w, .relu = relu};
    if (window_h * window_w > 255) return FS_EINVAL;
    plan(&g, s, FS(winograd_applies)(s));
    if (is_small(s)) {
        forward_small(&g);
        return atomic_load(&g.status);
    }
    note(&g, FS(pass_begin)(&g.pass, s, w, 0));
    if (atomic_load(&g.status) == FS_OK) {
        plan_parts(&g);
        fs_parallel_for(ceil_div(s->n, g.per_chunk) * g.parts, forward_chunk, &g);
    }
    FS(pass_end)(&g.pass);
    return atomic_load(&g.status);
}

/* ---- backward ---- */

/* Rows i0 .. i1 of the gradient of image n, from that of its pool. */
static void unpool_rows(const job *g, ptrdiff_t n, ptrdiff_t i0, ptrdiff_t i1, REAL *z) {
    const shape *s = g->s;
    const ptrdiff_t line = s->out_w * s->k, blocks = s->out_w / g->window_w, rest = s->out_w % g->window_w * s->k;
    const ptrdiff_t at = n * pooled_size(g) + i0 / g->window_h * blocks * s->k;
    const REAL *dy = g->dy + at;
    const uint8_t *code = g->taken + at;
    for (; i0 + g->window_h <= i1; i0 += g->window_h) {
        FS(simd)->conv_unpool(z, dy, code, line, g->window_h, g->window_w, s->k, blocks);
        for (ptrdiff_t r = 0; r < g->window_h; r++, z += line) {
            memset(z + line - rest, 0, (size_t)rest * sizeof(REAL));
        }
        dy += blocks * s->k;
        code += blocks * s->k;
    }
    memset(z, 0, (size_t)((i1 - i0) * line) * sizeof(REAL));
}

/* Rows i0 .. i1 of the gradient of the convolution's output, from that of what followed it. */
static void gradient_of_rows(const job *g, ptrdiff_t n, ptrdiff_t i0, ptrdiff_t i1, REAL *z) {
    const ptrdiff_t line = g->s->out_w * g->s->k, at = n * output_size(g->s) + i0 * line;
    if (g->taken) {
        unpool_rows(g, n, i0, i1, z);
    } else {
        FS(simd)->relu_backward(z, g->value + at, g->dy + at, (i1 - i0) * line, 0, 0);
    }
}

/* What images n .. n + count, or band by band image n, add to dw and db. */
static void add_sums(job *g, ptrdiff_t chunk, ptrdiff_t n, ptrdiff_t count, const REAL *z, int accumulate, REAL *rest) {
    REAL *sums = g->sums + chunk * g->size;
    const REAL *x = g->x + n * input_size(g->s);
    if (g->winograd) {
        note(g, FS(winograd_sums)(sums, z, x, 0, count, accumulate, g->s));
        return;
    }
    REAL *dw = g->need_w ? sums : NULL, *db = g->need_b ? sums + g->size - g->s->k : NULL;
    for (ptrdiff_t unit = 0; unit < count * g->d.blocks; unit++) {
        FS(direct_unit_sums)(&g->d, dw, db, z, x, unit, accumulate || unit > 0, rest);
    }
}

static void add_bands(job *g, ptrdiff_t chunk, ptrdiff_t n, ptrdiff_t rows, REAL *z, int accumulate, REAL *rest) {
    REAL *sums = g->sums + chunk * g->size, *dw = g->need_w ? sums : NULL;
    REAL *db = g->need_b ? sums + g->size - g->s->k : NULL;
    for (ptrdiff_t i0 = 0; i0 < g->s->out_h; i0 += rows) {
        const ptrdiff_t i1 = min(g->s->out_h, i0 + rows);
        gradient_of_rows(g, n, i0, i1, z);
        FS(direct_sums)(&g->d, dw, db, z, g->x + n * input_size(g->s), i0, i1 - i0, accumulate || i0 > 0, rest);
    }
}

static void backward_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    const ptrdiff_t size = output_size(g->s), first = chunk * g->per_chunk, end = min(g->s->n, first + g->per_chunk);
    const ptrdiff_t rows = g->dx || g->winograd ? 0 : band(g, &g->d); /* dx looks at more than a band */
    REAL *z = get_workspace(g, g->workspace), *rest = z ? z + g->images * size : NULL;
    if (!z) return;
    for (ptrdiff_t n = first; n < end && rows > 0; n++) add_bands(g, chunk, n, rows, z, n > first, rest);
    for (ptrdiff_t n = first; n < end && rows == 0; n += g->images) {
        const ptrdiff_t count = min(g->images, end - n);
        for (ptrdiff_t i = 0; i < count; i++) gradient_of_rows(g, n + i, 0, g->s->out_h, z + i * size);
        if (g->dx) note(g, FS(pass_images)(&g->pass, g->dx + n * input_size(g->s), z, count, NULL, 0, rest));
        if (g->sums) add_sums(g, chunk, n, count, z, n > first, rest);
    }
    fs_free(z);
}

/* What the chunks need for dw and db, and then these. */
static void run(job *g, REAL *dw, REAL *db) {
    const shape *s = g->s;
    ptrdiff_t chunks = ceil_div(s->n, g->per_chunk);
    g->workspace = g->dx ? g->pass.workspace : 0;
    if (dw || db) {
        if (!g->winograd) note(g, FS(direct_forward)(&g->d, s, NULL));
        if (atomic_load(&g->status) != FS_OK) return;
        g->size = g->winograd ? FS(winograd_sums_size)(s) : filter_size(s) + s->k;
        plan_sums(g);
        chunks = ceil_div(s->n, g->per_chunk);
        g->sums = fs_alloc((size_t)(chunks * g->size) * sizeof(REAL));
        if (!g->sums) note(g, FS_ENOMEM);
        if (!g->winograd) g->workspace = max(g->workspace, FS(direct_sums_workspace)(&g->d));
    }
    if (atomic_load(&g->status) == FS_OK) fs_parallel_for(chunks, backward_chunk, g);
    if (atomic_load(&g->status) == FS_OK && g->sums) {
        if (g->winograd) {
            note(g, FS(winograd_finish)(dw, db, g->sums, chunks, s));
        } else {
            FS(direct_finish)(dw, db, g->sums, chunks, g->size, s);
        }
    }
    fs_free(g->sums);
    g->sums = NULL;
    if (!g->winograd && (dw || db)) FS(direct_end)(&g->d);
}

static int backward(job *g, REAL *dw, REAL *db, const shape *s) {
    if (s->n == 0) return FS(conv2d_backward)(g->dx, dw, db, g->dy, g->x, g->w, s);
    g->need_w = dw != NULL;
    g->need_b = db != NULL;
    g->winograd = dw && FS(winograd_applies)(s);
    plan(g, s, FS(winograd_applies)(s));
    if (g->dx) note(g, FS(pass_begin)(&g->pass, s, g->w, 1));
    if (atomic_load(&g->status) == FS_OK) run(g, dw, db);
    if (atomic_load(&g->status) == FS_EDOMAIN) { /* a sum was not finite: once more without Winograd */
        g->winograd = 0;
        atomic_store(&g->status, FS_OK);
        run(g, dw, db);
    }
    if (g->dx) FS(pass_end)(&g->pass);
    return atomic_load(&g->status);
}

int FS(conv2d_relu_backward)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const REAL *y, const REAL *x, const REAL *w,
                             const struct fs_conv *s) {
    job g = {.dx = dx, .dy = dy, .value = y, .x = x, .w = w, .window_h = 1, .window_w = 1};
    return backward(&g, dw, db, s);
}

int FS(conv2d_pool_backward)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const uint8_t *code, const REAL *x,
                             const REAL *w, const struct fs_conv *s, ptrdiff_t window_h, ptrdiff_t window_w) {
    job g = {.dx = dx, .dy = dy, .taken = code, .x = x, .w = w, .window_h = window_h, .window_w = window_w};
    return backward(&g, dw, db, s);
}
