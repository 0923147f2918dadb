/* Convolution with what follows it, image by image: the pixels before the pool, and their gradient, are made in a workspace
 * that stays in the second-level cache and used up there.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <stdatomic.h>
#include <string.h>

enum {
    MIN_CHUNK_WORK = 200000, /* multiplications worth a thread's while */
    MAX_PARTIALS = 16        /* partial sums of dw */
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
    shape one; /* s for a single image */
    ptrdiff_t window_h, window_w;
    int relu;
    REAL *y; /* forward */
    uint8_t *code;
    const REAL *x, *w, *b;
    REAL *dx, *partials; /* backward; partials: one for each chunk, of dw and then of db */
    const REAL *dy, *value; /* value: y of the convolution, where there is no pool */
    const uint8_t *taken;
    int need_w, need_b;
    ptrdiff_t per_chunk; /* images */
    atomic_int status;
} job;

static void note(job *g, int status) {
    if (status != FS_OK) atomic_store(&g->status, status);
}

static ptrdiff_t plan(job *g, const shape *s) {
    g->s = s;
    g->one = *s;
    g->one.n = 1;
    const ptrdiff_t work = output_size(s) * filter_size(s) / max(1, s->k);
    g->per_chunk = max(1, MIN_CHUNK_WORK / max(1, work));
    atomic_init(&g->status, FS_OK);
    return ceil_div(s->n, g->per_chunk);
}

static ptrdiff_t pooled_size(const job *g) {
    return g->s->out_h / g->window_h * (g->s->out_w / g->window_w) * g->s->k;
}

static void pool_image(const job *g, ptrdiff_t n, const REAL *z) {
    const shape *s = g->s;
    const ptrdiff_t line = s->out_w * s->k, blocks = s->out_w / g->window_w;
    REAL *y = g->y + n * pooled_size(g);
    uint8_t *code = g->code + n * pooled_size(g);
    for (ptrdiff_t i = 0; i + g->window_h <= s->out_h; i += g->window_h) {
        FS(simd)->conv_pool(y, code, z + i * line, line, g->window_h, g->window_w, g->relu, s->k, blocks);
        y += blocks * s->k;
        code += blocks * s->k;
    }
}

static void forward_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    REAL *z = fs_alloc((size_t)output_size(g->s) * sizeof(REAL));
    if (!z) {
        note(g, FS_ENOMEM);
        return;
    }
    const ptrdiff_t end = min(g->s->n, (chunk + 1) * g->per_chunk);
    for (ptrdiff_t n = chunk * g->per_chunk; n < end; n++) {
        note(g, FS(conv2d_forward)(z, g->x + n * input_size(g->s), g->w, g->b, &g->one, 0));
        pool_image(g, n, z);
    }
    fs_free(z);
}

int FS(conv2d_pool_forward)(REAL *y, uint8_t *code, const REAL *x, const REAL *w, const REAL *b,
                            const struct fs_conv *s, ptrdiff_t window_h, ptrdiff_t window_w, int relu) {
    job g = {.y = y, .code = code, .x = x, .w = w, .b = b, .window_h = window_h, .window_w = window_w, .relu = relu};
    if (window_h * window_w > 255) return FS_EINVAL;
    fs_parallel_for(plan(&g, s), forward_chunk, &g);
    return atomic_load(&g.status);
}

/* ---- backward ---- */

/* The gradient of the convolution's output, from that of what followed it. */
static void unpool_image(const job *g, ptrdiff_t n, REAL *z) {
    const shape *s = g->s;
    const ptrdiff_t line = s->out_w * s->k, blocks = s->out_w / g->window_w, rest = s->out_w % g->window_w * s->k;
    const REAL *dy = g->dy + n * pooled_size(g);
    const uint8_t *code = g->taken + n * pooled_size(g);
    ptrdiff_t i = 0;
    for (; i + g->window_h <= s->out_h; i += g->window_h) {
        FS(simd)->conv_unpool(z + i * line, dy, code, line, g->window_h, g->window_w, s->k, blocks);
        for (ptrdiff_t r = i; r < i + g->window_h && rest > 0; r++) {
            memset(z + (r + 1) * line - rest, 0, (size_t)rest * sizeof(REAL));
        }
        dy += blocks * s->k;
        code += blocks * s->k;
    }
    if (i < s->out_h) memset(z + i * line, 0, (size_t)((s->out_h - i) * line) * sizeof(REAL));
}

static void gradient_of_image(const job *g, ptrdiff_t n, REAL *z) {
    const ptrdiff_t size = output_size(g->s);
    if (g->taken) {
        unpool_image(g, n, z);
    } else {
        FS(simd)->relu_backward(z, g->value + n * size, g->dy + n * size, size, 0, 0);
    }
}

static ptrdiff_t partial_size(const shape *s) { return filter_size(s) + s->k; }

static void backward_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    const shape *s = g->s;
    const ptrdiff_t size = partial_size(s), weights = filter_size(s);
    REAL *z = fs_alloc((size_t)(output_size(s) + size) * sizeof(REAL)), *sum = g->partials + chunk * size;
    if (!z) {
        note(g, FS_ENOMEM);
        return;
    }
    REAL *part = z + output_size(s);
    memset(part, 0, (size_t)size * sizeof(REAL));
    memset(sum, 0, (size_t)size * sizeof(REAL));
    const ptrdiff_t end = min(s->n, (chunk + 1) * g->per_chunk);
    for (ptrdiff_t n = chunk * g->per_chunk; n < end; n++) {
        gradient_of_image(g, n, z);
        note(g, FS(conv2d_backward)(g->dx ? g->dx + n * input_size(s) : NULL, g->need_w ? part : NULL,
                                    g->need_b ? part + weights : NULL, z, g->x + n * input_size(s), g->w, &g->one));
        for (ptrdiff_t i = 0; i < size; i++) sum[i] += part[i];
    }
    fs_free(z);
}

static int backward(job *g, REAL *dw, REAL *db, const shape *s) {
    g->need_w = dw != NULL;
    g->need_b = db != NULL;
    plan(g, s);
    g->per_chunk = max(g->per_chunk, ceil_div(s->n, MAX_PARTIALS));
    const ptrdiff_t chunks = ceil_div(s->n, g->per_chunk), size = partial_size(s), weights = filter_size(s);
    g->partials = fs_alloc((size_t)(max(1, chunks) * size) * sizeof(REAL));
    if (!g->partials) return FS_ENOMEM;
    if (chunks == 0) memset(g->partials, 0, (size_t)size * sizeof(REAL));
    fs_parallel_for(chunks, backward_chunk, g);
    for (ptrdiff_t chunk = 1; chunk < chunks; chunk++) {
        for (ptrdiff_t i = 0; i < size; i++) g->partials[i] += g->partials[chunk * size + i];
    }
    if (dw) memcpy(dw, g->partials, (size_t)weights * sizeof(REAL));
    if (db) memcpy(db, g->partials + weights, (size_t)s->k * sizeof(REAL));
    fs_free(g->partials);
    return atomic_load(&g->status);
}

int FS(conv2d_relu_backward)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const REAL *y, const REAL *x, const REAL *w,
                             const struct fs_conv *s) {
    job g = {.dx = dx, .dy = dy, .value = y, .x = x, .w = w};
    return backward(&g, dw, db, s);
}

int FS(conv2d_pool_backward)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const uint8_t *code, const REAL *x,
                             const REAL *w, const struct fs_conv *s, ptrdiff_t window_h, ptrdiff_t window_w) {
    job g = {.dx = dx, .dy = dy, .taken = code, .x = x, .w = w, .window_h = window_h, .window_w = window_w};
    return backward(&g, dw, db, s);
}
