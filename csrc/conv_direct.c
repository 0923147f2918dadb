/* Convolution without columns: the tile reads each pixel's window where it lies.
 *
 * A filter is a list of taps, each at its distance from the output pixel; taps that lie side by side in memory are one
 * segment. The convolution is one sweep over the output with the whole list. The gradient in x is a sweep over dy, turned
 * round; with a stride, the pixels of x fall into stride_h x stride_w phases, each seeing its own share of the taps.
 */
#include "conv.h"
#include "simd/kernels.h"

#include <string.h>

enum {
    BLOCK = 1 << 16,         /* elements of padded image in a unit, */
    ROWS_BLOCK = 6144,       /* and where they have to stay in the first-level cache */
    MAX_UNIT_WORK = 2000000, /* multiplications after which a unit is cut, so that one image can occupy several threads */
    MIN_SUMS = 6,            /* that the multiplier needs to be busy */
    MAX_FEW = 8,             /* output channels that conv_dots and conv_rows know, */
    MAX_PLANES = 8           /* and input channels that are worth turning into planes for the latter */
};

typedef struct FS(direct) sweep;
typedef struct fs_phase phase;
typedef struct fs_tap tap;

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

/* ---- where the taps lie ---- */

/* Along one axis: which filter elements a phase sees, ascending in the source, and how far from its first pixel. */
typedef struct {
    ptrdiff_t element, at;
} place;

static ptrdiff_t places_forward(place *to, ptrdiff_t size, ptrdiff_t pad, ptrdiff_t dilation) {
    for (ptrdiff_t i = 0; i < size; i++) to[i] = (place){i, i * dilation - pad};
    return size;
}

static ptrdiff_t places_backward(place *to, ptrdiff_t size, ptrdiff_t pad, ptrdiff_t dilation, ptrdiff_t stride,
                                 ptrdiff_t first) {
    ptrdiff_t count = 0;
    for (ptrdiff_t i = size - 1; i >= 0; i--) {
        const ptrdiff_t distance = first + pad - i * dilation;
        if (distance % stride == 0) to[count++] = (place){i, distance / stride};
    }
    return count;
}

static void add_phase(sweep *d, phase p, const place *rows, ptrdiff_t r, const place *cols, ptrdiff_t s, ptrdiff_t width) {
    tap *to = d->taps + d->used;
    p.first = d->used;
    p.count = r * s;
    for (ptrdiff_t i = 0; i < r; i++) {
        for (ptrdiff_t j = 0; j < s; j++) {
            *to++ = (tap){rows[i].element * width + cols[j].element, rows[i].at, cols[j].at};
            if (p.rows == 0 || p.cols == 0) continue;
            d->top = min(d->top, rows[i].at);
            d->left = min(d->left, cols[j].at);
            d->bottom = max(d->bottom, rows[i].at);
            d->right = max(d->right, (p.cols - 1) * d->step_w + cols[j].at + 1);
        }
    }
    d->joined = d->joined && (s < 2 || cols[s - 1].at - cols[0].at == s - 1);
    d->used += p.count;
    d->phase[d->phases++] = p;
}

/* Segments, once it is known how wide the rows of the padded image are. */
static void place_segments(sweep *d) {
    ptrdiff_t *at = d->at;
    for (ptrdiff_t f = 0; f < d->phases; f++) {
        phase *p = d->phase + f;
        const ptrdiff_t step = d->joined ? p->per_row : 1;
        p->segments = at;
        for (ptrdiff_t t = 0; t < p->count; t += step, at++) {
            const tap *u = d->taps + p->first + t;
            *at = ((u->row - d->top) * d->line + u->col - d->left) * d->c;
        }
        if (d->kind != FS_ROWS) continue;
        at = p->segments; /* for each tap and channel: rows of the padded image have their channels one after the other */
        for (ptrdiff_t t = 0; t < p->count; t++) {
            const tap *u = d->taps + p->first + t;
            for (ptrdiff_t c = 0; c < d->c; c++) *at++ = ((u->row - d->top) * d->c + c) * d->line + u->col - d->left;
        }
    }
}

/* Elements of one segment of filters, in whole registers where lanes run along it; and of all segments of a phase. */
static ptrdiff_t segment_length(const sweep *d, const phase *p) {
    const ptrdiff_t vl = FS(simd)->gemm_nr / 2, run = (d->joined ? p->per_row : 1) * d->cg;
    return d->kind == FS_DEPTHWISE ? 1 : d->kind == FS_ROWS ? run : ceil_div(run, vl) * vl;
}
static ptrdiff_t line_length(const sweep *d, const phase *p) {
    const ptrdiff_t taps = d->joined ? p->per_row : 1;
    return p->count ? p->count / taps * segment_length(d, p) : 0;
}

/* ---- filters ---- */

/* [phase][group][panel][tap][c][lane], lanes beyond the group's filters 0. */
static void pack_panel(const sweep *d, const REAL *w, ptrdiff_t group, ptrdiff_t panel, REAL *turned) {
    const ptrdiff_t nr = FS(simd)->gemm_nr, window = d->window, depth = d->cg * window, k0 = panel * nr;
    const ptrdiff_t width = min(nr, d->kg - k0);
    if (d->backward) { /* w is [cg of this sweep][kg of this sweep][window] in each group */
        for (ptrdiff_t c = 0; c < d->cg; c++) {
            const REAL *from = w + ((group * d->cg + c) * d->kg + k0) * window;
            FS(simd)->gemm_pack(turned + c * window * nr, from, 1, window, window, width);
        }
    } else {
        FS(simd)->gemm_pack(turned, w + (group * d->kg + k0) * depth, 1, depth, depth, width);
    }
    for (ptrdiff_t f = 0; f < d->phases; f++) {
        const phase *p = d->phase + f;
        REAL *to = d->w + p->weights + (group * d->panels + panel) * p->count * d->cg * nr;
        for (ptrdiff_t t = 0; t < p->count; t++) {
            const ptrdiff_t element = d->taps[p->first + t].element;
            for (ptrdiff_t c = 0; c < d->cg; c++, to += nr) {
                memcpy(to, turned + (c * window + element) * nr, (size_t)nr * sizeof(REAL));
            }
        }
    }
}

/* [phase][tap][k]. */
static void pack_depthwise(const sweep *d, const REAL *w) {
    for (ptrdiff_t f = 0; f < d->phases; f++) {
        const phase *p = d->phase + f;
        REAL *to = d->w + p->weights;
        for (ptrdiff_t t = 0; t < p->count; t++, to += d->k) {
            const REAL *from = w + d->taps[p->first + t].element;
            for (ptrdiff_t k = 0; k < d->k; k++) to[k] = from[k * d->window];
        }
    }
}

/* [phase][k][segment][c of its taps], each segment filled up with zeros; or [phase][tap][c][k]. */
static void pack_lines(const sweep *d, const REAL *w) {
    for (ptrdiff_t f = 0; f < d->phases; f++) {
        const phase *p = d->phase + f;
        const ptrdiff_t taps = d->joined ? p->per_row : 1;
        REAL *to = d->w + p->weights;
        memset(to, 0, (size_t)(d->k * line_length(d, p)) * sizeof(REAL));
        for (ptrdiff_t k = 0; k < d->k; k++) {
            for (ptrdiff_t t = 0; t < p->count; t++) {
                const ptrdiff_t element = d->taps[p->first + t].element, group = k / d->kg;
                REAL *line = to + k * line_length(d, p) + t / taps * segment_length(d, p) + t % taps * d->cg;
                for (ptrdiff_t c = 0; c < d->cg; c++) {
                    const ptrdiff_t outer = d->backward ? group * d->cg + c : k;
                    const ptrdiff_t inner = d->backward ? k % d->kg : c, inners = d->backward ? d->kg : d->cg;
                    REAL *place = d->kind == FS_DOTS ? line + c : to + (t * d->cg + c) * d->k + k;
                    *place = w[(outer * inners + inner) * d->window + element];
                }
            }
        }
    }
}

static int pack(sweep *d, const REAL *w) {
    const ptrdiff_t nr = FS(simd)->gemm_nr, depth = d->cg * d->window;
    ptrdiff_t size = 0;
    for (ptrdiff_t f = 0; f < d->phases; f++) {
        phase *p = d->phase + f;
        p->weights = size;
        size += d->kind == FS_TILE ? d->parts * p->count * d->cg * nr : d->k * line_length(d, p);
    }
    d->w = fs_alloc((size_t)(size + depth * nr) * sizeof(REAL));
    if (!d->w) return FS_ENOMEM;
    if (d->kind != FS_TILE) {
        (d->kind == FS_DEPTHWISE ? pack_depthwise : pack_lines)(d, w);
        return FS_OK;
    }
    for (ptrdiff_t part = 0; part < d->parts; part++) pack_panel(d, w, part / d->panels, part % d->panels, d->w + size);
    return FS_OK;
}

/* Few output channels: lanes along the window, if that takes fewer multiplications of registers, among them what it takes to
 * add up the lanes of one; or along the row, if pixels fill more lanes than channels do, and if two registers of pixels have
 * enough sums that none waits for itself. */
static int choose_for_few(const sweep *d, int for_sums) {
    const ptrdiff_t vl = FS(simd)->gemm_nr / 2, cols = d->phases ? d->phase->cols : 0, registers = ceil_div(cols, vl);
    ptrdiff_t lines = 0, products = 0;
    for (ptrdiff_t f = 0; f < d->phases; f++) {
        lines += line_length(d, d->phase + f) / vl;
        products += d->phase[f].count * d->cg;
    }
    const ptrdiff_t dots = lines * d->kg + d->phases * 5 * vl / (vl / d->kg), few = registers * d->kg;
    const ptrdiff_t sums = max(MIN_SUMS, d->kg * min(2, registers));
    const ptrdiff_t rows = ceil_div(registers, 2) * (sums * products + 4 * vl + 4 * d->c);
    const int may_turn = d->groups == 1 && d->phases == 1 && d->step_w == 1 && d->c <= min(MAX_PLANES, vl);
    if (may_turn && (for_sums ? 3 * cols > 4 * few : 5 * cols > 4 * few && rows < cols * dots)) return FS_ROWS;
    return dots < products ? FS_DOTS : FS_TILE;
}

static void choose(sweep *d, int for_sums) {
    const ptrdiff_t vl = FS(simd)->gemm_nr / 2;
    d->panels = ceil_div(d->kg, 2 * vl);
    if (d->groups > 1 && d->kg == 1 && d->cg == 1) {
        d->kind = FS_DEPTHWISE;
    } else if (d->kg > 0 && d->kg <= min(MAX_FEW, vl)) {
        d->kind = choose_for_few(d, for_sums);
    }
    d->parts = d->kind == FS_DEPTHWISE ? 1 : d->kind == FS_TILE ? d->groups * d->panels : d->groups;
}

/* ---- preparing ---- */

static int begin(sweep *d, const struct fs_conv *s) {
    const ptrdiff_t window = s->r * s->s, phases = d->backward ? min(s->stride_h, s->h) * min(s->stride_w, s->w) : 1;
    const ptrdiff_t longest = max(s->r, s->s);
    const ptrdiff_t segments = window * max(1, min(d->c, MAX_PLANES));
    d->window = window;
    d->phase = fs_alloc((size_t)phases * sizeof(phase) + (size_t)window * sizeof(tap) + (size_t)segments * sizeof(ptrdiff_t)
                        + 2 * (size_t)longest * sizeof(place) + (size_t)s->out_h * sizeof(ptrdiff_t));
    if (!d->phase) return FS_ENOMEM;
    d->taps = (tap *)(d->phase + phases);
    d->at = (ptrdiff_t *)(d->taps + window);
    d->row_at = (ptrdiff_t *)((place *)(d->at + segments) + 2 * longest);
    d->joined = s->groups == 1;
    d->top = d->left = PTRDIFF_MAX / 2;
    d->bottom = d->right = -(PTRDIFF_MAX / 2);
    return FS_OK;
}

static int end_preparing(sweep *d, const struct fs_conv *s, const REAL *w) {
    if (d->top > d->bottom) d->top = d->bottom = d->left = d->right = 0; /* no tap anywhere */
    ptrdiff_t rows = 0;
    for (ptrdiff_t f = 0; f < d->phases; f++) rows = max(rows, d->phase[f].rows);
    d->rows = rows;
    choose(d, w == NULL);
    d->copied = d->top < 0 || d->left < 0 || d->right > d->w_in || (rows - 1) * d->step_h + d->bottom >= d->h_in;
    d->copied = d->copied || d->kind == FS_ROWS;
    d->line = d->copied ? d->right - d->left : d->w_in;
    const ptrdiff_t unpadded = d->copied ? 0 : d->top * d->w_in + d->left;
    d->corner = unpadded * d->c;
    d->skips = w && d->copied && FS(filters_finite)(w, s); /* zeros around the image times infinity are not 0 */
    d->taps_beside = d->kind == FS_DEPTHWISE ? FS(depthwise_beside)(d) : 0;
    d->edges = d->kind == FS_DEPTHWISE && d->copied && (w ? d->skips : d->taps_beside == 3 && s->r == 3);
    if (d->edges) { /* a copy would cost more than the products */
        d->copied = d->top = d->left = 0;
        d->line = d->w_in;
    }
    place_segments(d);
    for (ptrdiff_t i = 0; i < s->out_h; i++) d->row_at[i] = i * d->step_h * d->line * d->c;
    const ptrdiff_t work = d->out_w * d->jump_h * d->used / max(1, d->phases) * d->cg * d->k;
    const ptrdiff_t line = d->step_h * d->line * d->c; /* and where they are gone through for each term, the output too */
    const ptrdiff_t most = d->kind == FS_ROWS ? ROWS_BLOCK / (line + d->out_w * d->k) : BLOCK / max(1, line);
    const ptrdiff_t unit = max(1, min(most, MAX_UNIT_WORK / max(1, work)));
    d->blocks = ceil_div(rows, unit);
    d->unit_rows = ceil_div(rows, max(1, d->blocks));
    d->unit_work = d->unit_rows * work;
    d->copy = d->copied ? ((d->unit_rows - 1) * d->step_h + d->bottom - d->top + 1) * d->line * d->c : 0;
    if (d->kind == FS_ROWS) d->copy += FS(simd)->gemm_nr; /* which the kernel may read */
    d->copy += d->copy % 2; /* what comes behind it is aligned */
    d->workspace = d->copy + (d->kind == FS_DEPTHWISE ? 2 * d->used * (ptrdiff_t)(sizeof(ptrdiff_t) / sizeof(REAL)) : 0);
    const int status = w ? pack(d, w) : FS_OK;
    if (status != FS_OK) FS(direct_end)(d);
    return status;
}

int FS(direct_forward)(sweep *d, const struct fs_conv *s, const REAL *w) {
    *d = (sweep){.c = s->c, .h_in = s->h, .w_in = s->w, .k = s->k, .out_h = s->out_h, .out_w = s->out_w,
                 .groups = s->groups, .cg = s->c / s->groups, .kg = s->k / s->groups, .step_h = s->stride_h,
                 .step_w = s->stride_w, .jump_h = 1, .jump_w = 1};
    const int status = begin(d, s);
    if (status != FS_OK) return status;
    place *cols = (place *)d->row_at - max(s->r, s->s), *rows = cols - max(s->r, s->s);
    const ptrdiff_t r = places_forward(rows, s->r, s->pad_h, s->dilation_h);
    const ptrdiff_t q = places_forward(cols, s->s, s->pad_w, s->dilation_w);
    add_phase(d, (phase){.rows = s->out_h, .cols = s->out_w, .per_row = q}, rows, r, cols, q, s->s);
    return end_preparing(d, s, w);
}

int FS(direct_backward)(sweep *d, const struct fs_conv *s, const REAL *w) {
    *d = (sweep){.c = s->k, .h_in = s->out_h, .w_in = s->out_w, .k = s->c, .out_h = s->h, .out_w = s->w,
                 .groups = s->groups, .cg = s->k / s->groups, .kg = s->c / s->groups, .step_h = 1, .step_w = 1,
                 .jump_h = s->stride_h, .jump_w = s->stride_w, .backward = 1};
    const int status = begin(d, s);
    if (status != FS_OK) return status;
    place *cols = (place *)d->row_at - max(s->r, s->s), *rows = cols - max(s->r, s->s);
    for (ptrdiff_t h = 0; h < min(s->stride_h, s->h); h++) {
        const ptrdiff_t r = places_backward(rows, s->r, s->pad_h, s->dilation_h, s->stride_h, h);
        for (ptrdiff_t v = 0; v < min(s->stride_w, s->w); v++) {
            const ptrdiff_t q = places_backward(cols, s->s, s->pad_w, s->dilation_w, s->stride_w, v);
            const phase p = {.h = h, .w = v, .rows = ceil_div(max(0, s->h - h), s->stride_h),
                             .cols = ceil_div(max(0, s->w - v), s->stride_w), .per_row = q};
            add_phase(d, p, rows, r, cols, q, s->s);
        }
    }
    return end_preparing(d, s, w);
}

void FS(direct_end)(sweep *d) {
    fs_free(d->phase);
    fs_free(d->w);
    d->phase = NULL;
    d->w = NULL;
}

/* ---- the sweep ---- */

/* Rows first .. first + rows of the image, with zeros around, `line` pixels from pixel `left` each. */
static void pad_rows(REAL *to, const REAL *image, const sweep *d, ptrdiff_t first, ptrdiff_t rows) {
    const ptrdiff_t from = max(0, d->left), until = max(from, min(d->w_in, d->right));
    const ptrdiff_t before = min(d->line, from - d->left) * d->c, inner = (until - from) * d->c, all = d->line * d->c;
    for (ptrdiff_t h = first; h < first + rows; h++, to += all) {
        if (h < 0 || h >= d->h_in) {
            memset(to, 0, (size_t)all * sizeof(REAL));
            continue;
        }
        memset(to, 0, (size_t)before * sizeof(REAL));
        memcpy(to + before, image + (h * d->w_in + from) * d->c, (size_t)inner * sizeof(REAL));
        memset(to + before + inner, 0, (size_t)(all - before - inner) * sizeof(REAL));
    }
}

/* The same with the channels of each row one after the other, each as a line of its own. */
static void pad_planes(REAL *to, const REAL *image, const sweep *d, ptrdiff_t first, ptrdiff_t rows) {
    const ptrdiff_t from = max(0, d->left), pixels = min(d->w_in, d->right) - from, all = d->line * d->c;
    for (ptrdiff_t h = first; h < first + rows; h++, to += all) {
        memset(to, 0, (size_t)all * sizeof(REAL));
        if (h < 0 || h >= d->h_in || pixels <= 0) continue;
        FS(simd)->conv_planes(to + from - d->left, d->line, image + (h * d->w_in + from) * d->c, pixels, d->c);
    }
}

/* The rows that output rows i0 .. i1 look at, as the kernel reads them. */
static void copy_rows(REAL *to, const REAL *image, const sweep *d, ptrdiff_t i0, ptrdiff_t i1) {
    const ptrdiff_t first = i0 * d->step_h + d->top, rows = (i1 - i0 - 1) * d->step_h + d->bottom - d->top + 1;
    if (d->kind == FS_ROWS && d->c > 1) {
        pad_planes(to, image, d, first, rows);
    } else {
        pad_rows(to, image, d, first, rows);
    }
    if (d->kind == FS_ROWS) memset(to + rows * d->line * d->c, 0, (size_t)FS(simd)->gemm_nr * sizeof(REAL));
}

/* The segments of p that meet the image, for the pixels whose window starts in row `base`; how many were left out before. */
static ptrdiff_t meeting(struct fs_segments *to, const sweep *d, const phase *p, ptrdiff_t base) {
    const ptrdiff_t step = d->joined ? p->per_row : 1;
    ptrdiff_t lo = 0, hi = p->count;
    *to = (struct fs_segments){0, 0, NULL};
    if (p->count == 0) return 0;
    if (d->skips) {
        while (lo < hi && base + d->taps[p->first + lo].row < 0) lo += p->per_row;
        while (hi > lo && base + d->taps[p->first + hi - 1].row >= d->h_in) hi -= p->per_row;
    }
    if (d->kind == FS_ROWS) {
        *to = (struct fs_segments){(hi - lo) * d->c, 1, p->segments + lo * d->c};
        return lo * d->c;
    }
    *to = (struct fs_segments){(hi - lo) / step, step * d->cg, p->segments + lo / step};
    return lo / step;
}

/* Of `size` rows in so many tiles those before tile t. Heights are nearly equal, and even but for the last: a tile of an odd
 * number of rows is 4 % slower a row (Zen 4). */
static ptrdiff_t before_tile(ptrdiff_t size, ptrdiff_t tiles, ptrdiff_t t) {
    return min(ceil_div(size, 2) * t / tiles * 2, size);
}

/* A row of pixels and a panel of channels. */
static void tile_row(const sweep *d, REAL *y, const REAL *a, const REAL *b, const struct fs_segments *segments,
                     ptrdiff_t cols, ptrdiff_t width, const REAL *bias, int relu) {
    const ptrdiff_t tiles = ceil_div(cols, FS(simd)->gemm_mr), a_row = d->step_w * d->c, y_row = d->jump_w * d->k;
    for (ptrdiff_t t = 0; t < tiles; t++) {
        const ptrdiff_t m = before_tile(cols, tiles, t + 1) - before_tile(cols, tiles, t);
        FS(simd)->conv_tile(m, width, segments, a, a_row, 1, b, FS(simd)->gemm_nr, y, y_row, 0, bias, relu);
        a += m * a_row;
        y += m * y_row;
    }
}

/* A row of pixels of a phase, and one part of the channels. y, a and bias are where channel 0 is. */
static void sweep_row(const sweep *d, const phase *p, ptrdiff_t part, REAL *y, const REAL *a, ptrdiff_t base,
                      const REAL *bias, int relu, REAL *workspace) {
    const ptrdiff_t a_row = d->step_w * d->c, y_row = d->jump_w * d->k, nr = FS(simd)->gemm_nr;
    struct fs_segments segments;
    const ptrdiff_t skipped = meeting(&segments, d, p, base);
    if (d->kind == FS_DEPTHWISE) {
        FS(depthwise_row)(d, p, &segments, skipped, y, a, base, bias, relu, (ptrdiff_t *)(workspace + d->copy));
        return;
    }
    const REAL *w = d->w + p->weights;
    if (d->kind == FS_ROWS) {
        FS(simd)->conv_rows(y, p->cols, d->k, a, &segments, w + skipped * d->k, bias, relu);
        return;
    }
    const ptrdiff_t group = d->kind == FS_DOTS ? part : part / d->panels;
    const ptrdiff_t k0 = d->kind == FS_DOTS ? 0 : part % d->panels * nr, k = group * d->kg + k0;
    y += k;
    a += group * d->cg;
    if (bias) bias += k;
    if (d->kind == FS_DOTS) {
        w += k * line_length(d, p) + skipped * segment_length(d, p);
        FS(simd)->conv_dots(p->cols, d->kg, y, y_row, &segments, a, a_row, w, line_length(d, p), bias, relu);
    } else {
        w += (part * p->count * d->cg + skipped * segments.run) * nr;
        tile_row(d, y, a, w, &segments, p->cols, min(nr, d->kg - k0), bias, relu);
    }
}

void FS(direct_rows)(const sweep *d, REAL *y, const REAL *image, ptrdiff_t i0, ptrdiff_t i1, const REAL *bias, int relu,
                     REAL *workspace) {
    const ptrdiff_t line = d->line * d->c;
    const REAL *origin = image + (d->edges ? 0 : d->corner + i0 * d->step_h * line);
    if (d->copied) {
        copy_rows(workspace, image, d, i0, i1);
        origin = workspace;
    }
    for (ptrdiff_t part = 0; part < d->parts; part++) {
        for (ptrdiff_t f = 0; f < d->phases; f++) {
            const phase *p = d->phase + f;
            for (ptrdiff_t i = i0; i < min(i1, p->rows); i++) {
                sweep_row(d, p, part, y + ((p->h + (i - i0) * d->jump_h) * d->out_w + p->w) * d->k,
                          d->edges ? image : origin + (i - i0) * d->step_h * line, i * d->step_h, bias, relu, workspace);
            }
        }
    }
}

void FS(direct_unit)(const sweep *d, REAL *y, const REAL *x, ptrdiff_t unit, const REAL *bias, int relu,
                     REAL *workspace) {
    const ptrdiff_t n = unit / d->blocks, i0 = unit % d->blocks * d->unit_rows, i1 = min(i0 + d->unit_rows, d->rows);
    FS(direct_rows)(d, y + (n * d->out_h + i0 * d->jump_h) * d->out_w * d->k, x + n * d->h_in * d->w_in * d->c, i0, i1,
                    bias, relu, workspace);
}

/* ---- the sums of the gradient in the filters ---- */

/* dw += (rows of x under one panel of dy)^T dy, for every segment of taps. */
static void sum_panel(const sweep *d, REAL *dw, const REAL *origin, const REAL *dy, ptrdiff_t ld, ptrdiff_t rows,
                      ptrdiff_t group, ptrdiff_t k0, int accumulate) {
    const phase *p = d->phase;
    const ptrdiff_t width = min(FS(simd)->gemm_nr, d->kg - k0), step = d->joined ? p->per_row : 1, run = step * d->cg;
    const ptrdiff_t tiles = ceil_div(run, FS(simd)->gemm_mr);
    const struct fs_segments pixels = {rows, d->out_w, d->row_at};
    dw += group * d->window * d->cg * d->kg + k0;
    for (ptrdiff_t t = 0; t < p->count / step; t++) {
        const REAL *a = origin + p->segments[t] + group * d->cg;
        for (ptrdiff_t i = 0; i < tiles; i++) {
            const ptrdiff_t m = before_tile(run, tiles, i + 1) - before_tile(run, tiles, i);
            FS(simd)->conv_tile(m, width, &pixels, a, 1, d->step_w * d->c, dy, ld, dw, d->kg, accumulate, NULL, 0);
            a += m;
            dw += m * d->kg;
        }
    }
}

ptrdiff_t FS(direct_sums_workspace)(const sweep *d) {
    return d->workspace + d->unit_rows * d->out_w * FS(simd)->gemm_nr;
}

void FS(direct_sums)(const sweep *d, REAL *dw, REAL *db, const REAL *dy, const REAL *image, ptrdiff_t i0, ptrdiff_t rows,
                     int accumulate, REAL *workspace) {
    const ptrdiff_t nr = FS(simd)->gemm_nr, pixels = rows * d->out_w;
    const REAL *origin = image + d->corner + i0 * d->step_h * d->line * d->c;
    if (db) {
        if (!accumulate) memset(db, 0, (size_t)d->k * sizeof(REAL));
        FS(simd)->conv_sums(db, dy, d->k, d->k, pixels);
    }
    if (!dw) return;
    if (d->taps_beside == 3 && d->window == 9) {
        FS(depthwise_sums)(d, dw, dy, image, i0, rows, accumulate);
        return;
    }
    if (d->copied) {
        copy_rows(workspace, image, d, i0, i0 + rows);
        origin = workspace;
    }
    if (d->kind == FS_ROWS) {
        const struct fs_segments lines = {rows, d->out_w, d->row_at};
        const struct fs_segments terms = {d->phase->count * d->c, 1, d->phase->segments};
        REAL *planes = workspace + d->workspace;
        FS(simd)->conv_planes(planes, pixels, dy, pixels, d->k);
        FS(simd)->conv_rows_sums(dw, d->k, &lines, origin, &terms, planes, pixels, accumulate);
        return;
    }
    if (d->kind == FS_DEPTHWISE) {
        const struct fs_segments taps = {d->phase->count, 1, d->phase->segments}, lines = {rows, d->out_w, d->row_at};
        FS(simd)->conv_depthwise_sums(dw, &taps, &lines, origin, d->step_w * d->c, dy, d->k, accumulate);
        return;
    }
    for (ptrdiff_t panel = 0; panel < d->groups * d->panels; panel++) {
        const ptrdiff_t group = panel / d->panels, k0 = panel % d->panels * nr, width = min(nr, d->kg - k0);
        const REAL *from = dy + group * d->kg + k0;
        ptrdiff_t ld = d->k;
        if (width != nr && 2 * width != nr) { /* the tile reads whole registers */
            FS(simd)->gemm_pack(workspace + d->workspace, from, ld, 1, pixels, width);
            from = workspace + d->workspace;
            ld = nr;
        }
        sum_panel(d, dw, origin, from, ld, rows, group, k0, accumulate);
    }
}

void FS(direct_unit_sums)(const sweep *d, REAL *dw, REAL *db, const REAL *dy, const REAL *x, ptrdiff_t unit, int accumulate,
                          REAL *workspace) {
    const ptrdiff_t n = unit / d->blocks, i0 = unit % d->blocks * d->unit_rows, rows = min(d->unit_rows, d->rows - i0);
    FS(direct_sums)(d, dw, db, dy + (n * d->out_h + i0) * d->out_w * d->k, x + n * d->h_in * d->w_in * d->c, i0, rows,
                    accumulate, workspace);
}
