/* Convolution by columns (im2col): each output pixel's window is written out, then one matrix product. Any stride, dilation
 * and groups; the plain way, and the one that an infinite filter is left to.
 *
 * The gradient in x is computed as columns and added back to where they came from. The gradient in w is a product of columns
 * and dy. Work is cut into units, some output rows of one image, whose workspace stays in the second-level cache.
 */
#include "conv.h"
#include "simd/kernels.h"

#include <stdatomic.h>
#include <string.h>

enum {
    BLOCK = 1 << 16,         /* elements of workspace in a unit */
    MIN_RUN = 16,            /* s * c from which a window is copied in pieces long enough */
    MIN_CHUNK_WORK = 200000, /* multiplications worth a thread's while */
    MAX_UNIT_WORK = 2000000, /* multiplications after which a unit is cut, so that one image can occupy several threads */
    MAX_PARTIALS = 16,       /* partial sums of dw */
    MIN_PARTIAL_PIXELS = 256, /* output pixels for which a partial sum is worth adding up */
    SLICE = 8192
};

typedef struct fs_conv shape;

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

/* Length of a column: the inputs that one output number sees. */
static ptrdiff_t depth(const shape *s) { return s->r * s->s * (s->c / s->groups); }
static int padded(const shape *s) { return s->pad_h > 0 || s->pad_w > 0; }

/* Is the input itself the matrix of columns? */
static int pointwise(const shape *s) {
    return s->r == 1 && s->s == 1 && s->stride_h == 1 && s->stride_w == 1 && !padded(s);
}

/* Few channels: columns are laid [depth][pixels], so that what is copied are long pieces of image rows. */
static int tap_major(const shape *s) { return s->s * (s->c / s->groups) < MIN_RUN; }

/* ---- filters in the order that a product wants ---- */

/* Where filter element (k, c, r, s) goes: start + group, plus an index times a step for each of the four. */
typedef struct {
    ptrdiff_t start, group, k, c, r, s;
} order;

/* [group][r][s][c][k]: the right operand of the forward product. */
static order by_column(const shape *s) {
    const ptrdiff_t kg = s->k / s->groups, cg = s->c / s->groups;
    return (order){0, depth(s) * kg, 1, kg, s->s * cg * kg, cg * kg};
}

/* [group][k][r][s][c]: the right operand of the product that makes columns out of dy. */
static order by_filter(const shape *s) {
    const ptrdiff_t kg = s->k / s->groups, cg = s->c / s->groups;
    return (order){0, depth(s) * kg, depth(s), 1, s->s * cg, cg};
}

/* Copies between w [k][c][r][s] and another order, in either direction. */
static void reorder(REAL *packed, REAL *w, const shape *s, order o, int unpack) {
    const ptrdiff_t kg = s->k / s->groups, cg = s->c / s->groups;
    for (ptrdiff_t k = 0; k < s->k; k++) {
        for (ptrdiff_t c = 0; c < cg; c++) {
            for (ptrdiff_t r = 0; r < s->r; r++) {
                REAL *p = packed + o.start + k / kg * o.group + k % kg * o.k + c * o.c + r * o.r;
                for (ptrdiff_t q = 0; q < s->s; q++, w++, p += o.s) {
                    if (unpack) {
                        *w = *p;
                    } else {
                        *p = *w;
                    }
                }
            }
        }
    }
}

static REAL *pack(const REAL *w, const shape *s, order o) {
    REAL *packed = fs_alloc((size_t)(s->k * depth(s)) * sizeof(REAL));
    if (packed) reorder(packed, (REAL *)w, s, o, 0); /* w is only read */
    return packed;
}

/* ---- units of work ---- */

typedef struct {
    const shape *s;
    REAL *y;          /* forward: the output. Scatter: dx */
    const REAL *x;    /* forward and dw: the input. Scatter: dy */
    const REAL *w, *b; /* filters in the order that the product wants */
    const REAL *dy;   /* dw */
    REAL *partials;   /* dw: one for each chunk, of dw [group][r][s][c][k] and then of db [k] */
    int need_w, need_b, relu;
    ptrdiff_t rows, blocks, units, per_chunk; /* output rows in a unit, units in an image, in all, in a chunk */
    ptrdiff_t workspace;                      /* elements */
    atomic_int status;
} job;

static void plan(job *g, const shape *s) {
    const ptrdiff_t row = s->out_w * depth(s), work = row * s->k;
    const ptrdiff_t rows = max(1, min(BLOCK / max(row, 1), MAX_UNIT_WORK / max(work, 1)));
    g->s = s;
    g->blocks = ceil_div(s->out_h, rows);
    g->rows = ceil_div(s->out_h, g->blocks);
    g->units = s->n * g->blocks;
    g->per_chunk = max(1, MIN_CHUNK_WORK / max(1, g->rows * work));
    g->workspace = pointwise(s) ? 0 : g->rows * row;
    atomic_init(&g->status, FS_OK);
}

static void note(job *g, int status) {
    if (status != FS_OK) atomic_store(&g->status, status);
}

static REAL *get_workspace(job *g) {
    REAL *p = fs_alloc((size_t)g->workspace * sizeof(REAL));
    if (!p) note(g, FS_ENOMEM);
    return p;
}

/* ---- columns ---- */

/* The t of [0, count) for which 0 <= start + t step < size: from *lo up to, not including, *hi. */
static void inside(ptrdiff_t start, ptrdiff_t step, ptrdiff_t size, ptrdiff_t count, ptrdiff_t *lo, ptrdiff_t *hi) {
    *lo = start < 0 ? min(count, ceil_div(-start, step)) : 0;
    *hi = start < size ? max(*lo, min(count, ceil_div(size - start, step))) : *lo;
}

static void fill_zero(REAL *to, ptrdiff_t n) {
    if (n > 0) memset(to, 0, (size_t)n * sizeof(REAL));
}

static void copy(REAL *to, const REAL *from, ptrdiff_t n) {
    if (n > 0) memcpy(to, from, (size_t)n * sizeof(REAL));
}

/* Output rows i0..i1, [pixels][r][s][c]: for each pixel its window. */
static void columns_by_pixel(REAL *to, const REAL *image, const shape *s, ptrdiff_t i0, ptrdiff_t i1) {
    const ptrdiff_t cg = s->c / s->groups, run = s->s * cg;
    const int joined = s->dilation_w == 1 && s->groups == 1; /* a filter's row lies in one piece */
    for (ptrdiff_t i = i0; i < i1; i++) {
        for (ptrdiff_t j = 0; j < s->out_w; j++) {
            ptrdiff_t lo, hi;
            const ptrdiff_t left = j * s->stride_w - s->pad_w;
            inside(left, s->dilation_w, s->w, s->s, &lo, &hi);
            for (ptrdiff_t r = 0; r < s->r; r++, to += run) {
                const ptrdiff_t h = i * s->stride_h - s->pad_h + r * s->dilation_h;
                if (h < 0 || h >= s->h) {
                    fill_zero(to, run);
                    continue;
                }
                const REAL *from = image + (h * s->w + left) * s->c;
                fill_zero(to, lo * cg);
                if (joined) {
                    copy(to + lo * cg, from + lo * cg, (hi - lo) * cg);
                } else {
                    for (ptrdiff_t q = lo; q < hi; q++) copy(to + q * cg, from + q * s->dilation_w * s->c, cg);
                }
                fill_zero(to + hi * cg, (s->s - hi) * cg);
            }
        }
    }
}

/* Output rows i0..i1, [r][s][c][pixels]: for each element of the window, its value at every pixel. */
static void columns_by_tap(REAL *to, const REAL *image, const shape *s, ptrdiff_t i0, ptrdiff_t i1) {
    const ptrdiff_t cg = s->c / s->groups, step = s->stride_w * s->c;
    for (ptrdiff_t tap = 0; tap < depth(s); tap++) {
        const ptrdiff_t r = tap / (s->s * cg), q = tap / cg % s->s, c = tap % cg;
        const ptrdiff_t left = q * s->dilation_w - s->pad_w;
        ptrdiff_t lo, hi;
        inside(left, s->stride_w, s->w, s->out_w, &lo, &hi);
        for (ptrdiff_t i = i0; i < i1; i++, to += s->out_w) {
            const ptrdiff_t h = i * s->stride_h - s->pad_h + r * s->dilation_h;
            if (h < 0 || h >= s->h) {
                fill_zero(to, s->out_w);
                continue;
            }
            const REAL *from = image + (h * s->w + left) * s->c + c;
            fill_zero(to, lo);
            if (step == 1) {
                copy(to + lo, from + lo, hi - lo);
            } else {
                for (ptrdiff_t j = lo; j < hi; j++) to[j] = from[j * step];
            }
            fill_zero(to + hi, s->out_w - hi);
        }
    }
}

typedef struct {
    const REAL *at;
    ptrdiff_t pixel, tap; /* from one output pixel to the next, and from one element of its window to the next */
} columns;

/* The columns of output rows i0..i1 of one image, for one group of channels: in the workspace, or the image itself. */
static columns columns_of(const job *g, ptrdiff_t n, ptrdiff_t group, ptrdiff_t i0, ptrdiff_t i1, REAL *workspace) {
    const shape *s = g->s;
    const REAL *image = g->x + n * s->h * s->w * s->c + group * (s->c / s->groups);
    if (pointwise(s)) return (columns){image + i0 * s->w * s->c, s->c, 1};
    if (tap_major(s)) {
        columns_by_tap(workspace, image, s, i0, i1);
        return (columns){workspace, 1, (i1 - i0) * s->out_w};
    }
    columns_by_pixel(workspace, image, s, i0, i1);
    return (columns){workspace, depth(s), 1};
}

/* ---- forward ---- */

static void forward_columns(job *g, ptrdiff_t n, ptrdiff_t i0, ptrdiff_t i1, REAL *workspace) {
    const shape *s = g->s;
    const ptrdiff_t kg = s->k / s->groups, d = depth(s), pixels = (i1 - i0) * s->out_w;
    REAL *y = g->y + (n * s->out_h + i0) * s->out_w * s->k;
    for (ptrdiff_t group = 0; group < s->groups; group++) {
        const columns a = columns_of(g, n, group, i0, i1, workspace);
        note(g, FS(gemm)(y + group * kg, s->k, a.at, a.pixel, a.tap, g->w + group * d * kg, kg, 1, pixels, kg, d, 0,
                         g->b ? g->b + group * kg : NULL));
    }
}

static void forward_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    REAL *workspace = get_workspace(g);
    if (!workspace) return;
    const ptrdiff_t end = min(g->units, (chunk + 1) * g->per_chunk);
    for (ptrdiff_t unit = chunk * g->per_chunk; unit < end; unit++) {
        const ptrdiff_t n = unit / g->blocks, i0 = unit % g->blocks * g->rows, i1 = min(i0 + g->rows, g->s->out_h);
        forward_columns(g, n, i0, i1, workspace);
        if (g->relu) {
            REAL *y = g->y + (n * g->s->out_h + i0) * g->s->out_w * g->s->k;
            FS(simd)->relu_forward(y, y, NULL, (i1 - i0) * g->s->out_w * g->s->k, 0, 0);
        }
    }
    fs_free(workspace);
}

int FS(columns_forward)(REAL *y, const REAL *x, const REAL *w, const REAL *b, const struct fs_conv *s, int relu) {
    REAL *packed = pack(w, s, by_column(s));
    if (!packed) return FS_ENOMEM;
    job g = {.y = y, .x = x, .w = packed, .b = b, .relu = relu};
    plan(&g, s);
    fs_parallel_for(ceil_div(g.units, g.per_chunk), forward_chunk, &g);
    fs_free(packed);
    return atomic_load(&g.status);
}

/* ---- the gradient in x ---- */

/* Adds columns [pixels][r][s][c] of output rows i0..i1 to where columns_by_pixel found them. */
static void scatter(REAL *image, const REAL *from, const shape *s, ptrdiff_t i0, ptrdiff_t i1) {
    const ptrdiff_t cg = s->c / s->groups;
    for (ptrdiff_t i = i0; i < i1; i++) {
        for (ptrdiff_t j = 0; j < s->out_w; j++) {
            for (ptrdiff_t r = 0; r < s->r; r++) {
                const ptrdiff_t h = i * s->stride_h - s->pad_h + r * s->dilation_h;
                for (ptrdiff_t q = 0; q < s->s; q++, from += cg) {
                    const ptrdiff_t w = j * s->stride_w - s->pad_w + q * s->dilation_w;
                    if (h < 0 || h >= s->h || w < 0 || w >= s->w) continue;
                    REAL *to = image + (h * s->w + w) * s->c;
                    for (ptrdiff_t c = 0; c < cg; c++) to[c] += from[c];
                }
            }
        }
    }
}

/* A chunk is one image: what is added to it is added in a fixed order. */
static void scatter_chunk(ptrdiff_t n, void *ctx) {
    job *g = ctx;
    const shape *s = g->s;
    const ptrdiff_t kg = s->k / s->groups, cg = s->c / s->groups, d = depth(s), size = s->h * s->w * s->c;
    REAL *image = g->y + n * size, *workspace = get_workspace(g);
    if (!workspace) return;
    fill_zero(image, size);
    for (ptrdiff_t i0 = 0; i0 < s->out_h; i0 += g->rows) {
        const ptrdiff_t i1 = min(i0 + g->rows, s->out_h);
        const REAL *dy = g->x + (n * s->out_h + i0) * s->out_w * s->k;
        for (ptrdiff_t group = 0; group < s->groups; group++) {
            note(g, FS(gemm)(workspace, d, dy + group * kg, s->k, 1, g->w + group * d * kg, d, 1, (i1 - i0) * s->out_w,
                             d, kg, 0, NULL));
            scatter(image + group * cg, workspace, s, i0, i1);
        }
    }
    fs_free(workspace);
}

int FS(columns_input_gradient)(REAL *dx, const REAL *dy, const REAL *w, const struct fs_conv *s) {
    REAL *packed = pack(w, s, by_filter(s));
    if (!packed) return FS_ENOMEM;
    job g = {.y = dx, .x = dy, .w = packed};
    plan(&g, s);
    g.workspace = g.rows * s->out_w * depth(s);
    if (s->n * s->out_h * s->out_w * s->k * depth(s) < 2 * MIN_CHUNK_WORK) {
        for (ptrdiff_t n = 0; n < s->n; n++) scatter_chunk(n, &g);
    } else {
        fs_parallel_for(s->n, scatter_chunk, &g);
    }
    fs_free(packed);
    return atomic_load(&g.status);
}

/* ---- the gradients in w and b ---- */

static ptrdiff_t partial_size(const shape *s) { return s->k * (depth(s) + 1); }

static void partial_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    const shape *s = g->s;
    const ptrdiff_t kg = s->k / s->groups, d = depth(s);
    static const REAL one = 1;
    REAL *dw = g->partials + chunk * partial_size(s), *db = dw + s->k * d, *workspace = get_workspace(g);
    if (!workspace) return;
    const ptrdiff_t first = chunk * g->per_chunk, end = min(g->units, first + g->per_chunk);
    for (ptrdiff_t unit = first; unit < end; unit++) {
        const ptrdiff_t n = unit / g->blocks, i0 = unit % g->blocks * g->rows, i1 = min(i0 + g->rows, s->out_h);
        const ptrdiff_t pixels = (i1 - i0) * s->out_w;
        const REAL *dy = g->dy + (n * s->out_h + i0) * s->out_w * s->k;
        for (ptrdiff_t group = 0; group < s->groups && g->need_w; group++) {
            const columns a = columns_of(g, n, group, i0, i1, workspace);
            note(g, FS(gemm)(dw + group * d * kg, kg, a.at, a.tap, a.pixel, dy + group * kg, s->k, 1, d, kg, pixels,
                             unit > first, NULL));
        }
        /* The sum over pixels is the product with a row of ones, all of them the same one. */
        if (g->need_b) note(g, FS(gemm)(db, s->k, &one, 0, 0, dy, s->k, 1, 1, s->k, pixels, unit > first, NULL));
    }
    fs_free(workspace);
}

/* One slice of the partial sums, added up in their order into the first. */
static void add_partials(ptrdiff_t slice, void *ctx) {
    const job *g = ctx;
    const ptrdiff_t size = partial_size(g->s), i0 = slice * SLICE, i1 = min(i0 + SLICE, size);
    for (ptrdiff_t chunk = 1; chunk * g->per_chunk < g->units; chunk++) {
        const REAL *from = g->partials + chunk * size;
        for (ptrdiff_t i = i0; i < i1; i++) g->partials[i] += from[i];
    }
}

int FS(columns_filter_gradient)(REAL *dw, REAL *db, const REAL *dy, const REAL *x, const struct fs_conv *s) {
    job g = {.x = x, .dy = dy, .need_w = dw != NULL, .need_b = db != NULL};
    plan(&g, s);
    const ptrdiff_t enough = ceil_div(MIN_PARTIAL_PIXELS, g.rows * s->out_w);
    g.per_chunk = max(g.per_chunk, max(ceil_div(g.units, MAX_PARTIALS), enough));
    const ptrdiff_t chunks = ceil_div(g.units, g.per_chunk), size = partial_size(s);
    g.partials = fs_alloc((size_t)(chunks * size) * sizeof(REAL));
    if (!g.partials) return FS_ENOMEM;
    if (!dw || !db) fill_zero(g.partials, chunks * size); /* the half that is not computed is added up all the same */
    fs_parallel_for(chunks, partial_chunk, &g);
    if (chunks > 1) fs_parallel_for(ceil_div(size, SLICE), add_partials, &g);
    if (dw) reorder(g.partials, dw, s, by_column(s), 1);
    if (db) copy(db, g.partials + s->k * depth(s), s->k);
    fs_free(g.partials);
    return atomic_load(&g.status);
}
