/* Convolution in every geometry, against the seven loops of its definition; limits as in prototypes.h. Winograd's algorithm
 * has tests of its own. */
#include "typed.h"

typedef struct fs_conv shape;

static ptrdiff_t out_size(ptrdiff_t size, ptrdiff_t pad, ptrdiff_t filter, ptrdiff_t stride, ptrdiff_t dilation) {
    return (size + 2 * pad - dilation * (filter - 1) - 1) / stride + 1;
}

static shape complete(shape s) {
    s.out_h = out_size(s.h, s.pad_h, s.r, s.stride_h, s.dilation_h);
    s.out_w = out_size(s.w, s.pad_w, s.s, s.stride_w, s.dilation_w);
    return s;
}

/* Every pair of an output and an input number that a filter number joins, as positions in y, x and w. */
typedef struct {
    ptrdiff_t y, x, w;
} term;
typedef void (*visit_fn)(term t, void *ctx);

static void visit(const shape *s, visit_fn fn, void *ctx) {
    const ptrdiff_t cg = s->c / s->groups, kg = s->k / s->groups;
    for (ptrdiff_t y = 0; y < s->n * s->out_h * s->out_w * s->k; y++) {
        const ptrdiff_t k = y % s->k, j = y / s->k % s->out_w, i = y / s->k / s->out_w % s->out_h;
        const ptrdiff_t n = y / s->k / s->out_w / s->out_h;
        for (ptrdiff_t tap = 0; tap < cg * s->r * s->s; tap++) {
            const ptrdiff_t q = tap % s->s, r = tap / s->s % s->r, c = k / kg * cg + tap / s->s / s->r;
            const ptrdiff_t h = i * s->stride_h - s->pad_h + r * s->dilation_h;
            const ptrdiff_t w = j * s->stride_w - s->pad_w + q * s->dilation_w;
            if (h < 0 || h >= s->h || w < 0 || w >= s->w) continue;
            fn((term){y, ((n * s->h + h) * s->w + w) * s->c + c, k * cg * s->r * s->s + tap}, ctx);
        }
    }
}

typedef struct {
    wide *sum, *size;
} totals;

static totals zeros(const char *name, ptrdiff_t n) {
    wide *p = guard_alloc(name, (size_t)(2 * n) * sizeof(wide), GUARD_OUTPUT);
    for (ptrdiff_t i = 0; i < 2 * n; i++) p[i] = 0;
    return (totals){p, p + n};
}
static void add(totals t, ptrdiff_t i, wide value) {
    t.sum[i] += value;
    t.size[i] += W(fabs)(value);
}
static void expect_totals(const char *name, const REAL *got, totals t, ptrdiff_t n, ptrdiff_t terms) {
    for (ptrdiff_t i = 0; i < n; i++) expect_near(name, i, got[i], t.sum[i], (wide)terms * EPS * t.size[i]);
}

typedef struct {
    const REAL *x, *w, *dy;
    totals y, dx, dw;
} reference;

static void forward_term(term t, void *ctx) {
    const reference *f = ctx;
    add(f->y, t.y, (wide)f->w[t.w] * f->x[t.x]);
}
static void backward_term(term t, void *ctx) {
    const reference *f = ctx;
    add(f->dx, t.x, (wide)f->w[t.w] * f->dy[t.y]);
    add(f->dw, t.w, (wide)f->dy[t.y] * f->x[t.x]);
}

/* Unless the columns are what is tested. */
static void name_case(const char *what, const shape *s) {
    if (fs_conv_algorithm_get() != FS_IM2COL) fs_conv_algorithm_set(FS_DIRECT);
    CASE("%s n=%td c=%td %tdx%td k=%td filter %tdx%td stride %td,%td pad %td,%td dilation %td,%td groups %td", what,
         s->n, s->c, s->h, s->w, s->k, s->r, s->s, s->stride_h, s->stride_w, s->pad_h, s->pad_w, s->dilation_h,
         s->dilation_w, s->groups);
}

static void forward_case(shape s, int with_bias) {
    const int relu = with_bias && check_below(2);
    name_case("forward", &s);
    const ptrdiff_t depth = s.r * s.s * (s.c / s.groups), size = s.n * s.out_h * s.out_w * s.k;
    const REAL *x = input("x", s.n * s.h * s.w * s.c), *w = input("w", s.k * depth),
               *b = with_bias ? input("b", s.k) : NULL;
    REAL *y = output("y", size);
    reference f = {.x = x, .w = w, .y = zeros("sums", size)};
    for (ptrdiff_t i = 0; i < size && b; i++) add(f.y, i, b[i % s.k]);
    visit(&s, forward_term, &f);
    for (ptrdiff_t i = 0; i < size && relu; i++) f.y.sum[i] = f.y.sum[i] > 0 ? f.y.sum[i] : 0;
    RUN(FS(conv2d_forward)(y, x, w, b, &s, relu));
    expect_totals("y", y, f.y, size, depth + 3);
}

enum { WANT_X = 1, WANT_W = 2, WANT_B = 4, WANT_ALL = 7 };

static void backward_case(shape s, int want) {
    name_case("backward", &s);
    const ptrdiff_t depth = s.r * s.s * (s.c / s.groups), size = s.n * s.out_h * s.out_w * s.k;
    const ptrdiff_t size_x = s.n * s.h * s.w * s.c, size_w = s.k * depth, pixels = s.n * s.out_h * s.out_w;
    const REAL *x = input("x", size_x), *w = input("w", size_w), *dy = input("dy", size);
    REAL *dx = want & WANT_X ? output("dx", size_x) : NULL, *dw = want & WANT_W ? output("dw", size_w) : NULL;
    REAL *db = want & WANT_B ? output("db", s.k) : NULL;
    reference f = {.x = x, .w = w, .dy = dy, .dx = zeros("sums", size_x), .dw = zeros("sums", size_w)};
    const totals sum_b = zeros("sums", s.k);
    for (ptrdiff_t i = 0; i < size; i++) add(sum_b, i % s.k, dy[i]);
    visit(&s, backward_term, &f);
    RUN(FS(conv2d_backward)(dx, dw, db, dy, x, w, &s));
    if (dx) expect_totals("dx", dx, f.dx, size_x, s.k / s.groups * s.r * s.s + 2);
    if (dw) expect_totals("dw", dw, f.dw, size_w, pixels + 2);
    if (db) expect_totals("db", db, sum_b, s.k, pixels + 2);
}

/* Strides, padding, dilation and groups of all kinds, on images hardly larger than the filter. */
static shape small_shape(void) {
    for (;;) {
        const ptrdiff_t groups = 1 + check_below(3) % 2 * check_below(3);
        shape s = {.n = 1 + check_below(3),
                   .h = 1 + check_below(9),
                   .w = 1 + check_below(9),
                   .r = 1 + check_below(4),
                   .s = 1 + check_below(4),
                   .stride_h = 1 + check_below(3),
                   .stride_w = 1 + check_below(3),
                   .pad_h = check_below(3),
                   .pad_w = check_below(3),
                   .dilation_h = 1 + check_below(3) / 2,
                   .dilation_w = 1 + check_below(3) / 2,
                   .groups = groups};
        s.c = groups * (1 + check_below(7));
        s.k = groups * (1 + check_below(9));
        if (check_below(2)) s.stride_h = s.stride_w = s.dilation_h = s.dilation_w = 1;
        const int fits = s.dilation_h * (s.r - 1) < s.h + 2 * s.pad_h && s.dilation_w * (s.s - 1) < s.w + 2 * s.pad_w;
        if (fits) return complete(s);
    }
}

static shape square(ptrdiff_t n, ptrdiff_t c, ptrdiff_t size, ptrdiff_t k, ptrdiff_t filter, ptrdiff_t stride,
                    ptrdiff_t pad) {
    return complete((shape){.n = n,
                            .c = c,
                            .h = size,
                            .w = size,
                            .k = k,
                            .r = filter,
                            .s = filter,
                            .stride_h = stride,
                            .stride_w = stride,
                            .pad_h = pad,
                            .pad_w = pad,
                            .dilation_h = 1,
                            .dilation_w = 1,
                            .groups = 1});
}

static void conv2d_forward(void) {
    for (int i = 0; i < 100; i++) {
        fs_conv_algorithm_set(i % 7 ? FS_DIRECT : FS_IM2COL);
        forward_case(small_shape(), i % 2);
    }
    forward_case(square(0, 3, 5, 2, 3, 1, 1), 1);
    forward_case(square(2, 19, 6, 7, 1, 1, 0), 1);
    forward_case(square(2, 1, 12, 8, 5, 1, 2), 1);
    fs_conv_algorithm_set(FS_DIRECT);
}

static void conv2d_backward(void) {
    for (int i = 0; i < 100; i++) {
        fs_conv_algorithm_set(i % 7 ? FS_DIRECT : FS_IM2COL);
        backward_case(small_shape(), i % 5 ? WANT_ALL : 1 + i / 5 % 6);
    }
    backward_case(square(0, 3, 5, 2, 3, 1, 1), WANT_ALL);
    backward_case(square(2, 19, 6, 7, 1, 1, 0), WANT_ALL);
    backward_case(square(2, 1, 12, 8, 5, 1, 2), WANT_ALL);
    fs_conv_algorithm_set(FS_DIRECT);
}

/* Channels that see only themselves, or few others. */
static shape grouped(ptrdiff_t groups, ptrdiff_t cg, ptrdiff_t kg, ptrdiff_t stride, ptrdiff_t pad) {
    shape s = square(2, groups * cg, 9, groups * kg, 3, stride, pad);
    s.groups = groups;
    return s;
}

static void groups(void) {
    const shape shapes[] = {grouped(35, 1, 1, 1, 1), grouped(17, 1, 1, 2, 1), grouped(3, 1, 1, 3, 2), grouped(5, 9, 1, 1, 1),
                            grouped(2, 16, 3, 1, 0), grouped(3, 33, 7, 2, 1), grouped(2, 5, 37, 1, 1)};
    for (ptrdiff_t i = 0; i < LENGTH(shapes); i++) {
        forward_case(shapes[i], 1);
        backward_case(shapes[i], WANT_ALL);
    }
}

/* Filters of every width, whose rows lie side by side or not, on images narrower and wider than a block of pixels; channels
 * around the width of a register. */
static shape depthwise_shape(void) {
    for (;;) {
        const ptrdiff_t c = 2 + check_below(40);
        shape s = {.n = 1 + check_below(2), .c = c, .h = 1 + check_below(6), .w = 1 + check_below(20), .k = c,
                   .r = 1 + check_below(5), .s = 1 + check_below(5), .stride_h = 1 + check_below(3) / 2,
                   .stride_w = 1 + check_below(5) / 4, .pad_h = check_below(4), .pad_w = check_below(5),
                   .dilation_h = 1 + check_below(3) / 2, .dilation_w = 1 + check_below(5) / 4, .groups = c};
        if (check_below(2)) s.s = 3 + check_below(2) * 2;
        if (check_below(2)) s.r = s.s = 3;
        if (s.dilation_h * (s.r - 1) < s.h + 2 * s.pad_h && s.dilation_w * (s.s - 1) < s.w + 2 * s.pad_w) return complete(s);
    }
}

static void depthwise(void) {
    for (int i = 0; i < 60; i++) {
        forward_case(depthwise_shape(), i % 2);
        backward_case(depthwise_shape(), i % 5 ? WANT_ALL : 1 + i / 5 % 6);
    }
    shape s = grouped(18, 1, 1, 1, 2);
    s.h = s.w = 0; /* nothing but padding */
    backward_case(complete(s), WANT_ALL);
    forward_case(complete(s), 1);
}

/* Padding counts as zeros: what is not finite above it spoils the sums that see it. */
static void infinite_depthwise(void) {
    shape s = grouped(2, 1, 1, 1, 1);
    CASE("depthwise, not finite");
    const ptrdiff_t size = s.n * s.h * s.w * s.c;
    REAL *x = input("x", size), *w = input("w", 18), *dy = input("dy", size);
    REAL *y = output("y", size), *dw = output("dw", 18);
    dy[0] = (REAL)INFINITY; /* the corner of channel 0 */
    w[0] = (REAL)INFINITY;  /* the first row and column of channel 0 meet padding with it */
    RUN(FS(conv2d_backward)(NULL, dw, NULL, dy, x, w, &s));
    for (ptrdiff_t i = 0; i < 18; i++) {
        const int padding = i < 9 && (i / 3 == 0 || i % 3 == 0);
        EXPECT(i >= 9 ? isfinite(dw[i]) : padding ? isnan(dw[i]) : isinf(dw[i]));
    }
    RUN(FS(conv2d_forward)(y, x, w, NULL, &s, 0));
    for (ptrdiff_t i = 0; i < size; i++) {
        const ptrdiff_t pixel = i / s.c % (s.h * s.w);
        EXPECT(i % 2 ? isfinite(y[i]) : pixel / s.w == 0 || pixel % s.w == 0 ? isnan(y[i]) : isinf(y[i]));
    }
}

/* Enough for threads, and for partial sums of the filters' gradient. */
static void large(void) {
    forward_case(square(5, 8, 14, 17, 3, 1, 1), 1);
    backward_case(square(5, 8, 14, 17, 3, 1, 1), WANT_ALL);
    forward_case(square(7, 1, 28, 6, 5, 1, 2), 1);
    backward_case(square(7, 1, 28, 6, 5, 1, 2), WANT_ALL);
    backward_case(square(5, 8, 15, 17, 3, 2, 1), WANT_ALL);
}

/* What is not finite reaches the pixels and the taps that it meets, and no others: not those of the same register. */
static void infinite_pixel(void) {
    const shape s = square(1, 1, 28, 6, 5, 1, 0);
    CASE("infinite pixel in the last column");
    REAL *x = guard_alloc("x", 28 * 28 * sizeof(REAL), GUARD_OUTPUT);
    const REAL *w = input("w", 6 * 25), *dy = input("dy", 24 * 24 * 6);
    for (ptrdiff_t i = 0; i < 28 * 28; i++) x[i] = i == 27 ? (REAL)INFINITY : 1;
    REAL *y = output("y", 24 * 24 * 6), *dw = output("dw", 6 * 25);
    RUN(FS(conv2d_forward)(y, x, w, NULL, &s, 0));
    RUN(FS(conv2d_backward)(NULL, dw, NULL, dy, x, w, &s));
    for (ptrdiff_t i = 0; i < 24 * 24; i++) EXPECT(isfinite(y[6 * i]) == (i != 23));
    for (ptrdiff_t i = 0; i < 6 * 25; i++) EXPECT(isfinite(dw[i]) == (i % 25 != 4));
}

/* An infinite filter meets only what lies under it, not the padding. */
static void infinite_filter(void) {
    const shape s = square(1, 1, 3, 1, 3, 1, 1);
    CASE("infinite corner of a filter");
    const REAL *x = input("x", 9), *dy = input("dy", 9);
    REAL *w = input("w", 9), *dx = output("dx", 9);
    w[0] = (REAL)INFINITY;
    RUN(FS(conv2d_backward)(dx, NULL, NULL, dy, x, w, &s));
    for (ptrdiff_t i = 0; i < 9; i++) EXPECT(isfinite(dx[i]) == (i / 3 == 2 || i % 3 == 2));
}

/* Where rounding leaves it open which element of a block is the largest, any of them will do; the gradients are those of the
 * one that was taken. */
static void pool_case(shape s, ptrdiff_t window_h, ptrdiff_t window_w, int relu) {
    name_case(relu ? "relu and pool" : "pool", &s);
    if (window_h > s.out_h || window_w > s.out_w) return;
    const ptrdiff_t depth = s.r * s.s * (s.c / s.groups), size = s.n * s.out_h * s.out_w * s.k;
    const ptrdiff_t size_x = s.n * s.h * s.w * s.c, size_w = s.k * depth, height = s.out_h / window_h;
    const ptrdiff_t width = s.out_w / window_w, pooled = s.n * height * width * s.k;
    const REAL *x = input("x", size_x), *w = input("w", size_w), *b = input("b", s.k), *dy = input("dy", pooled);
    REAL *y = output("y", pooled), *dx = output("dx", size_x), *dw = output("dw", size_w), *db = output("db", s.k);
    uint8_t *code = guard_alloc("code", (size_t)pooled, GUARD_OUTPUT);
    REAL *dz = output("dz", size);
    totals sum_x = zeros("sums", size_x), sum_w = zeros("sums", size_w), sum_b = zeros("sums", s.k);
    totals sum_z = zeros("sums", size);
    reference f = {.x = x, .w = w, .y = sum_z};
    for (ptrdiff_t i = 0; i < size; i++) add(sum_z, i, b[i % s.k]);
    visit(&s, forward_term, &f);
    RUN(FS(conv2d_pool_forward)(y, code, x, w, b, &s, window_h, window_w, relu));
    for (ptrdiff_t i = 0; i < size; i++) dz[i] = 0;
    for (ptrdiff_t i = 0; i < pooled; i++) {
        const ptrdiff_t k = i % s.k, col = i / s.k % width, row = i / s.k / width % height, n = i / s.k / width / height;
        const ptrdiff_t corner = ((n * s.out_h + row * window_h) * s.out_w + col * window_w) * s.k + k;
        wide best = -(wide)INFINITY, taken = -(wide)INFINITY, limit = 0;
        for (ptrdiff_t t = 0; t < window_h * window_w; t++) {
            const ptrdiff_t at = corner + (t / window_w * s.out_w + t % window_w) * s.k;
            const wide error = (wide)(depth + 3) * EPS * sum_z.size[at];
            best = sum_z.sum[at] > best ? sum_z.sum[at] : best;
            limit = error > limit ? error : limit;
            if (code[i] == t) {
                taken = sum_z.sum[at];
                dz[at] = dy[i];
            }
        }
        if (code[i] == 255) {
            EXPECT(relu && best <= limit);
        } else {
            EXPECT(taken >= best - 2 * limit && code[i] < window_h * window_w);
        }
        expect_near("y", i, y[i], relu && best < 0 ? 0 : best, limit);
    }
    f = (reference){.x = x, .w = w, .dy = dz, .dx = sum_x, .dw = sum_w};
    for (ptrdiff_t i = 0; i < size; i++) add(sum_b, i % s.k, dz[i]);
    visit(&s, backward_term, &f);
    RUN(FS(conv2d_pool_backward)(dx, dw, db, dy, code, x, w, &s, window_h, window_w));
    const ptrdiff_t pixels = s.n * s.out_h * s.out_w;
    expect_totals("dx", dx, sum_x, size_x, s.k / s.groups * s.r * s.s + 2);
    expect_totals("dw", dw, sum_w, size_w, pixels + 2);
    expect_totals("db", db, sum_b, s.k, pixels + 2);
}

/* Few filters: all numbers of them that have a kernel of their own, rows with and without a rest. */
static void few_filters(void) {
    for (ptrdiff_t k = 1; k <= 8; k++) {
        shape s = square(2, 1 + k % 3, 4 + 5 * k, k, 3, 1, k % 3);
        s.dilation_w = 1 + k % 2;
        s.stride_h = 1 + k % 2;
        s = complete(s);
        forward_case(s, 1);
        backward_case(s, WANT_ALL);
        pool_case(s, 2, 2, 1);
    }
    const shape sizes[] = {square(3, 1, 28, 6, 5, 1, 2), square(1, 3, 32, 6, 5, 1, 0), square(2, 8, 17, 2, 3, 1, 1),
                           square(1, 1, 96, 4, 5, 1, 4), square(1, 0, 20, 4, 3, 1, 1)};
    for (ptrdiff_t i = 0; i < LENGTH(sizes); i++) {
        forward_case(sizes[i], i % 2);
        backward_case(sizes[i], WANT_ALL);
    }
}

static void pooled(void) {
    fs_conv_algorithm_set(FS_DIRECT);
    for (int i = 0; i < 60; i++) pool_case(small_shape(), 1 + check_below(3), 1 + check_below(3), i % 2);
    pool_case(square(3, 1, 28, 32, 3, 1, 0), 2, 2, 1);
    pool_case(square(2, 8, 13, 17, 3, 1, 0), 2, 2, 1);
    pool_case(square(2, 1, 9, 35, 3, 1, 1), 2, 2, 1);
    fs_conv_algorithm_set(FS_AUTO);
}

static void relu_backward_case(shape s) {
    name_case("relu backward", &s);
    const ptrdiff_t depth = s.r * s.s * (s.c / s.groups), size = s.n * s.out_h * s.out_w * s.k;
    const ptrdiff_t size_x = s.n * s.h * s.w * s.c, size_w = s.k * depth, pixels = s.n * s.out_h * s.out_w;
    const REAL *x = input("x", size_x), *w = input("w", size_w), *dy = input("dy", size), *y = input("y", size);
    REAL *dx = output("dx", size_x), *dw = output("dw", size_w), *db = output("db", s.k), *dz = output("dz", size);
    reference f = {.x = x, .w = w, .dy = dz, .dx = zeros("sums", size_x), .dw = zeros("sums", size_w)};
    const totals sum_b = zeros("sums", s.k);
    for (ptrdiff_t i = 0; i < size; i++) dz[i] = y[i] > 0 ? dy[i] : 0;
    for (ptrdiff_t i = 0; i < size; i++) add(sum_b, i % s.k, dz[i]);
    visit(&s, backward_term, &f);
    RUN(FS(conv2d_relu_backward)(dx, dw, db, dy, y, x, w, &s));
    expect_totals("dx", dx, f.dx, size_x, s.k / s.groups * s.r * s.s + 2);
    expect_totals("dw", dw, f.dw, size_w, pixels + 2);
    expect_totals("db", db, sum_b, s.k, pixels + 2);
}

static void relu_backward(void) {
    for (int i = 0; i < 30; i++) {
        fs_conv_algorithm_set(i % 7 ? FS_DIRECT : FS_IM2COL);
        relu_backward_case(small_shape());
    }
    fs_conv_algorithm_set(FS_AUTO);
}

const struct test FS(tests_conv)[] = {{"conv2d_forward", conv2d_forward},
                                      {"conv2d_backward", conv2d_backward},
                                      {"groups", groups},
                                      {"depthwise", depthwise},
                                      {"depthwise, not finite", infinite_depthwise},
                                      {"large", large},
                                      {"few filters", few_filters},
                                      {"infinite pixel", infinite_pixel},
                                      {"infinite filter", infinite_filter},
                                      {"pooled", pooled},
                                      {"relu backward", relu_backward},
                                      {NULL, NULL}};
