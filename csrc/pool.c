/* Pooling of channels-last images: where each output pixel's window lies; what is done with it is in simd/pool.c.
 *
 * Windows that lie whole in the image come in runs, which a micro-kernel walks in one call; those at the border are cut.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { MIN_CHUNK_WORK = 100000 }; /* taps times channels worth a thread's while */

typedef struct fs_pool shape;

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

/* A window along one axis. */
typedef struct {
    ptrdiff_t first, count; /* its first tap inside the image, and how many are */
    ptrdiff_t padded;       /* how many are in the image or its padding */
} extent;

static extent extent_of(ptrdiff_t i, ptrdiff_t size, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t pad,
                        ptrdiff_t dilation) {
    const ptrdiff_t first = i * stride - pad;
    if (first >= 0 && first + (kernel - 1) * dilation < size) return (extent){first, kernel, kernel};
    const ptrdiff_t lo = first < 0 ? ceil_div(-first, dilation) : 0;
    const ptrdiff_t hi = first < size ? min(kernel, ceil_div(size - first, dilation)) : 0;
    return (extent){first + lo * dilation, max(0, hi - lo), min(kernel, size + pad - first)};
}

/* The adaptive one: from floor(i size / out) up to ceil((i + 1) size / out). */
static extent share_of(ptrdiff_t i, ptrdiff_t size, ptrdiff_t out) {
    const ptrdiff_t first = i * size / out, count = ceil_div((i + 1) * size, out) - first;
    return (extent){first, count, count};
}

static extent along_h(const shape *s, ptrdiff_t i) {
    return s->adaptive ? share_of(i, s->h, s->out_h)
                       : extent_of(i, s->h, s->kernel_h, s->stride_h, s->pad_h, s->dilation_h);
}

static extent along_w(const shape *s, ptrdiff_t j) {
    return s->adaptive ? share_of(j, s->w, s->out_w)
                       : extent_of(j, s->w, s->kernel_w, s->stride_w, s->pad_w, s->dilation_w);
}

typedef struct {
    const shape *s;
    REAL *y;        /* forward: the output. Backward: dx */
    const REAL *x;  /* forward: the input. Backward: dy */
    int32_t *index;       /* max: written */
    const int32_t *taken; /* max backward: read */
    uint8_t *code;        /* max of blocks: written */
    const uint8_t *coded; /* and read */
    ptrdiff_t rows;   /* forward: output rows in a chunk */
    ptrdiff_t images; /* backward: images in a chunk */
    atomic_int status;
} job;

/* What to do with `pixels` output pixels from number `pixel` (of the batch), whose first window starts at element `at`. */
typedef void (*visitor)(job *g, ptrdiff_t pixel, ptrdiff_t at, const struct fs_taps *taps, ptrdiff_t padded,
                        ptrdiff_t pixels);

/* Visits output row `row` of the batch (n * out_h + i) in runs of windows alike. */
static void visit_row(job *g, ptrdiff_t row, visitor visit) {
    const shape *s = g->s;
    const ptrdiff_t line = s->w * s->c, n = row / s->out_h;
    const extent h = along_h(s, row % s->out_h);
    for (ptrdiff_t j = 0, end; j < s->out_w; j = end) {
        const extent w = along_w(s, j);
        ptrdiff_t step = 0;
        for (end = j + 1; end < s->out_w; end++) {
            const extent next = along_w(s, end);
            if (end == j + 1) step = next.first - w.first;
            if (next.count != w.count || next.padded != w.padded || next.first != w.first + (end - j) * step) break;
        }
        const struct fs_taps taps = {
            .rows = h.count, .cols = w.count,
            .row_step = s->dilation_h * line, .col_step = s->dilation_w * s->c, .pixel_step = step * s->c,
            .index = (int32_t)(h.first * s->w + w.first), .row_index = (int32_t)(s->dilation_h * s->w),
            .col_index = (int32_t)s->dilation_w, .pixel_index = (int32_t)step};
        visit(g, row * s->out_w + j, n * s->h * line + h.first * line + w.first * s->c, &taps, h.padded * w.padded,
              end - j);
    }
}

static void take_max(job *g, ptrdiff_t pixel, ptrdiff_t at, const struct fs_taps *taps, ptrdiff_t padded,
                     ptrdiff_t pixels) {
    const ptrdiff_t c = g->s->c;
    REAL *y = g->y + pixel * c;
    int32_t *index = g->index + pixel * c;
    (void)padded;
    if (taps->rows > 0 && taps->cols > 0) {
        FS(simd)->pool_max(y, index, g->x + at, taps, c, pixels);
        return;
    }
    for (ptrdiff_t i = 0; i < pixels * c; i++) { /* a dilated window can step over the whole image */
        y[i] = -(REAL)INFINITY;
        index[i] = -1;
    }
}

static REAL divisor(const shape *s, const struct fs_taps *taps, ptrdiff_t padded) {
    return (REAL)(s->divisor ? s->divisor : s->include_pad ? padded : taps->rows * taps->cols);
}

static void take_mean(job *g, ptrdiff_t pixel, ptrdiff_t at, const struct fs_taps *taps, ptrdiff_t padded,
                      ptrdiff_t pixels) {
    const ptrdiff_t c = g->s->c;
    FS(simd)->pool_mean(g->y + pixel * c, g->x + at, taps, divisor(g->s, taps, padded), c, pixels);
}

static void spread(job *g, ptrdiff_t pixel, ptrdiff_t at, const struct fs_taps *taps, ptrdiff_t padded,
                   ptrdiff_t pixels) {
    const ptrdiff_t c = g->s->c;
    FS(simd)->pool_spread(g->y + at, g->x + pixel * c, taps, divisor(g->s, taps, padded), c, pixels);
}

/* ---- forward: a chunk is some output rows ---- */

static void visit_rows(job *g, ptrdiff_t chunk, visitor visit) {
    const ptrdiff_t end = min(g->s->n * g->s->out_h, (chunk + 1) * g->rows);
    for (ptrdiff_t row = chunk * g->rows; row < end; row++) visit_row(g, row, visit);
}

static void max_chunk(ptrdiff_t chunk, void *ctx) { visit_rows(ctx, chunk, take_max); }
static void mean_chunk(ptrdiff_t chunk, void *ctx) { visit_rows(ctx, chunk, take_mean); }

static void forward(job *g, fs_chunk_fn fn) {
    const shape *s = g->s;
    if (s->c == 0 || s->out_w == 0) return; /* of adaptive windows there may be none along a row, and any number of rows */
    const ptrdiff_t taps = s->adaptive ? max(1, s->h * s->w / max(1, s->out_h * s->out_w)) : s->kernel_h * s->kernel_w;
    g->rows = max(1, MIN_CHUNK_WORK / max(1, s->out_w * s->c * taps));
    fs_parallel_for(ceil_div(s->n * s->out_h, g->rows), fn, g);
}

int FS(max_pool2d_forward)(REAL *y, int32_t *index, const REAL *x, const struct fs_pool *s) {
    job g = {.s = s, .y = y, .index = index, .x = x};
    forward(&g, max_chunk);
    return FS_OK;
}

int FS(avg_pool2d_forward)(REAL *y, const REAL *x, const struct fs_pool *s) {
    job g = {.s = s, .y = y, .x = x};
    forward(&g, mean_chunk);
    return FS_OK;
}

/* The windows side by side: what was taken fits into a byte. */
static void blocks_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    const shape *s = g->s;
    const ptrdiff_t end = min(s->n * s->out_h, (chunk + 1) * g->rows), line = s->w * s->c;
    for (ptrdiff_t row = chunk * g->rows; row < end; row++) {
        const ptrdiff_t at = row * s->out_w * s->c, n = row / s->out_h, i = row % s->out_h * s->kernel_h;
        FS(simd)->conv_pool(g->y + at, g->code + at, g->x + (n * s->h + i) * line, line, s->kernel_h, s->kernel_w, 0, s->c,
                            s->out_w);
    }
}

int FS(max_pool2d_blocks_forward)(REAL *y, uint8_t *code, const REAL *x, const struct fs_pool *s) {
    job g = {.s = s, .y = y, .code = code, .x = x};
    if (s->kernel_h * s->kernel_w > 255) return FS_EINVAL;
    forward(&g, blocks_chunk);
    return FS_OK;
}

/* ---- backward: a chunk is some images, so that overlapping windows add up in a fixed order ---- */

static void zero_image(job *g, ptrdiff_t n) {
    const ptrdiff_t size = g->s->h * g->s->w * g->s->c;
    memset(g->y + n * size, 0, (size_t)size * sizeof(REAL));
}

/* Adds dy of image n to the element that each maximum was taken from. */
static int scatter_image(job *g, ptrdiff_t n) {
    const shape *s = g->s;
    const ptrdiff_t plane = s->h * s->w, pixels = s->out_h * s->out_w;
    REAL *dx = g->y + n * plane * s->c;
    const REAL *dy = g->x + n * pixels * s->c;
    const int32_t *taken = g->taken + n * pixels * s->c;
    int status = FS_OK;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, dy += s->c, taken += s->c) {
        for (ptrdiff_t c = 0; c < s->c; c++) {
            if (taken[c] >= 0 && taken[c] < plane) {
                dx[taken[c] * s->c + c] += dy[c];
            } else if (taken[c] != -1) { /* -1: the window was empty */
                status = FS_EINDEX;
            }
        }
    }
    return status;
}

/* Writes image n of dx window by window, as if windows were side by side, h / out_h by w / out_w. Returns 0 if they were
 * not: if some maximum lies outside the window it would be from, and dx is not to be used. */
static int place_image(job *g, ptrdiff_t n) {
    const shape *s = g->s;
    const ptrdiff_t rows = s->h / s->out_h, cols = s->w / s->out_w, line = s->w * s->c;
    const ptrdiff_t from = n * s->out_h * s->out_w * s->c, covered = s->out_w * cols * s->c;
    REAL *image = g->y + n * s->h * line;
    for (ptrdiff_t i = 0; i < s->out_h; i++) {
        const struct fs_taps taps = {
            .rows = rows, .cols = cols, .row_step = line, .col_step = s->c, .pixel_step = cols * s->c,
            .index = (int32_t)(i * rows * s->w), .row_index = (int32_t)s->w, .col_index = 1, .pixel_index = (int32_t)cols};
        const ptrdiff_t at = from + i * s->out_w * s->c;
        REAL *row = image + i * rows * line;
        int stray;
        FS(simd)->pool_place(row, &stray, g->x + at, g->taken + at, &taps, s->c, s->out_w);
        if (stray) return 0;
        for (ptrdiff_t r = 0; r < rows; r++) memset(row + r * line + covered, 0, (size_t)(line - covered) * sizeof(REAL));
    }
    const ptrdiff_t done = s->out_h * rows;
    memset(image + done * line, 0, (size_t)((s->h - done) * line) * sizeof(REAL));
    return 1;
}

static void scatter_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    const ptrdiff_t end = min(g->s->n, (chunk + 1) * g->images);
    const int tile = g->s->out_h > 0 && g->s->out_w > 0 && g->s->out_h <= g->s->h && g->s->out_w <= g->s->w;
    for (ptrdiff_t n = chunk * g->images; n < end; n++) {
        if (tile && place_image(g, n)) continue;
        zero_image(g, n);
        const int status = scatter_image(g, n);
        if (status != FS_OK) atomic_store(&g->status, status);
    }
}

/* Writes image n of dx block by block, and 0 beyond the last ones. */
static void unpool_image(job *g, ptrdiff_t n) {
    const shape *s = g->s;
    const ptrdiff_t line = s->w * s->c, covered = s->out_w * s->kernel_w * s->c, done = s->out_h * s->kernel_h;
    REAL *dx = g->y + n * s->h * line;
    for (ptrdiff_t i = 0; i < s->out_h; i++) {
        const ptrdiff_t at = (n * s->out_h + i) * s->out_w * s->c;
        REAL *rows = dx + i * s->kernel_h * line;
        FS(simd)->conv_unpool(rows, g->x + at, g->coded + at, line, s->kernel_h, s->kernel_w, s->c, s->out_w);
        if (covered == line) continue;
        for (ptrdiff_t r = 0; r < s->kernel_h; r++) {
            memset(rows + r * line + covered, 0, (size_t)(line - covered) * sizeof(REAL));
        }
    }
    memset(dx + done * line, 0, (size_t)((s->h - done) * line) * sizeof(REAL));
}

static void unpool_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    const ptrdiff_t end = min(g->s->n, (chunk + 1) * g->images);
    for (ptrdiff_t n = chunk * g->images; n < end; n++) unpool_image(g, n);
}

static void spread_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    const ptrdiff_t end = min(g->s->n, (chunk + 1) * g->images), rows = g->s->out_w ? g->s->out_h : 0;
    for (ptrdiff_t n = chunk * g->images; n < end; n++) {
        zero_image(g, n);
        for (ptrdiff_t i = 0; i < rows; i++) visit_row(g, n * g->s->out_h + i, spread);
    }
}

static void backward(job *g, fs_chunk_fn fn) {
    const shape *s = g->s;
    if (s->c == 0) return;
    g->images = max(1, MIN_CHUNK_WORK / max(1, s->h * s->w * s->c));
    fs_parallel_for(ceil_div(s->n, g->images), fn, g);
}

int FS(max_pool2d_backward)(REAL *dx, const REAL *dy, const int32_t *index, const struct fs_pool *s) {
    job g = {.s = s, .y = dx, .x = dy, .taken = index};
    atomic_init(&g.status, FS_OK);
    backward(&g, scatter_chunk);
    return atomic_load(&g.status);
}

int FS(max_pool2d_blocks_backward)(REAL *dx, const REAL *dy, const uint8_t *code, const struct fs_pool *s) {
    job g = {.s = s, .y = dx, .x = dy, .coded = code};
    if (s->out_h * s->kernel_h > s->h || s->out_w * s->kernel_w > s->w) return FS_EINVAL;
    backward(&g, unpool_chunk);
    return FS_OK;
}

int FS(avg_pool2d_backward)(REAL *dx, const REAL *dy, const struct fs_pool *s) {
    job g = {.s = s, .y = dx, .x = dy};
    backward(&g, spread_chunk);
    return FS_OK;
}
