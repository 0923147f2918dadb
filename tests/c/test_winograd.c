/* Winograd's algorithm against the definition of the convolution, in both types, whatever would be chosen. Inputs are below
 * 1 in size; then what the transforms make of them bounds the error: see csrc/prototypes.h. */
#include "conv.h"
#include "typed.h"

#include <stdlib.h>

typedef struct fs_conv shape;

static shape image(ptrdiff_t n, ptrdiff_t c, ptrdiff_t h, ptrdiff_t w, ptrdiff_t k, ptrdiff_t pad_h, ptrdiff_t pad_w) {
    return (shape){.n = n, .c = c, .h = h, .w = w, .k = k, .r = 3, .s = 3, .out_h = h + 2 * pad_h - 2,
                   .out_w = w + 2 * pad_w - 2, .stride_h = 1, .stride_w = 1, .pad_h = pad_h, .pad_w = pad_w,
                   .dilation_h = 1, .dilation_w = 1, .groups = 1};
}

static shape in_groups(shape s, ptrdiff_t groups) {
    s.groups = groups;
    s.c *= groups;
    s.k *= groups;
    return s;
}

static shape dilated(shape s, ptrdiff_t down, ptrdiff_t across, ptrdiff_t pad_h, ptrdiff_t pad_w) {
    s.dilation_h = down, s.dilation_w = across;
    s.pad_h = pad_h, s.pad_w = pad_w;
    s.out_h = s.h + 2 * (pad_h - down);
    s.out_w = s.w + 2 * (pad_w - across);
    return s;
}

static ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

/* Phases of unequal size, some of them empty: an image may be smaller than the dilation. */
static shape some_dilation(shape s) {
    const ptrdiff_t down = 1 + check_below(3), across = 1 + check_below(4);
    const ptrdiff_t least_h = larger(0, down - (s.h - 1) / 2), least_w = larger(0, across - (s.w - 1) / 2);
    return dilated(s, down, across, least_h + check_below(2 * down + 1 - least_h),
                   least_w + check_below(2 * across + 1 - least_w));
}

/* Images of up to three tiles, some hardly larger than a filter; channels around the width of a register. */
static shape some_image(void) {
    const ptrdiff_t pad_h = check_below(3), pad_w = check_below(3);
    const ptrdiff_t h = check_below(10) + (pad_h ? 1 : 3), w = check_below(10) + (pad_w ? 1 : 3);
    const shape s = image(1 + check_below(3), 1 + check_below(20), h, w, 1 + check_below(40), pad_h, pad_w);
    return in_groups(s, check_below(3) ? 1 : 2 + check_below(3));
}

static ptrdiff_t inputs(const shape *s) { return s->n * s->h * s->w * s->c; }
static ptrdiff_t outputs(const shape *s) { return s->n * s->out_h * s->out_w * s->k; }
static ptrdiff_t filters(const shape *s) { return s->k * (s->c / s->groups) * 9; }

/* Element (n, i, j, c) of images, 0 outside. */
static wide at(const REAL *x, ptrdiff_t n, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, ptrdiff_t i, ptrdiff_t j) {
    return i < 0 || i >= h || j < 0 || j >= w ? 0 : x[((n * h + i) * w + j) * c];
}

static wide output_of(const shape *s, const REAL *x, const REAL *w, ptrdiff_t y, int turned) {
    const ptrdiff_t k = y % s->k, pixel = y / s->k, j = pixel % s->out_w, i = pixel / s->out_w % s->out_h;
    const ptrdiff_t n = pixel / s->out_w / s->out_h, cg = s->c / s->groups, kg = s->k / s->groups, first = k / kg * cg;
    wide sum = 0;
    for (ptrdiff_t c = first; c < first + cg; c++) {
        for (ptrdiff_t t = 0; t < 9; t++) {
            const wide factor = turned ? w[(c * kg + k % kg) * 9 + 8 - t] : w[(k * cg + c - first) * 9 + t];
            sum += factor * at(x + c, n, s->h, s->w, s->c, i - s->pad_h + t / 3 * s->dilation_h,
                               j - s->pad_w + t % 3 * s->dilation_w);
        }
    }
    return sum;
}

static void name_case(const char *what, const shape *s) {
    CASE("%s n=%td c=%td %tdx%td k=%td pad %td,%td dilation %td,%td groups %td", what, s->n, s->c, s->h, s->w, s->k,
         s->pad_h, s->pad_w, s->dilation_h, s->dilation_w, s->groups);
}

/* 48 is the largest of sum |A| |G| |B^T| along one dimension, and more than overlapping sums |B| |G| |A| come to. */
static wide forward_limit(const shape *s) {
    const ptrdiff_t cg = s->c / s->groups;
    return (wide)(48 * 48 * cg * (cg + 24) + 25) * EPS;
}

static void expect_outputs(const shape *s, const REAL *y, const REAL *x, const REAL *w, const REAL *b, int relu,
                           int turned) {
    for (ptrdiff_t i = 0; i < outputs(s); i++) {
        const wide sum = output_of(s, x, w, i, turned) + (b ? b[i % s->k] : 0);
        expect_near("y", i, y[i], relu && sum < 0 ? 0 : sum, forward_limit(s));
    }
}

static void convolve_case(shape s, int variant) {
    const int relu = variant % 2, turned = variant / 2 % 2;
    name_case(turned ? "turned" : "forward", &s);
    const REAL *x = input("x", inputs(&s)), *w = input("w", filters(&s)), *b = variant / 4 % 2 ? input("b", s.k) : NULL;
    REAL *y = output("y", outputs(&s));
    RUN(FS(winograd_convolve)(y, x, w, b, relu, turned, &s));
    expect_outputs(&s, y, x, w, b, relu, turned);
}

static void convolve(void) {
    for (int i = 0; i < 60; i++) convolve_case(some_image(), i);
    for (int i = 0; i < 30; i++) convolve_case(some_dilation(some_image()), i);
    convolve_case(dilated(image(9, 16, 13, 14, 33, 1, 1), 2, 2, 2, 2), 4);
    convolve_case(dilated(image(2, 16, 21, 19, 33, 1, 1), 3, 2, 6, 4), 5); /* the other way round */
    convolve_case(image(9, 16, 13, 14, 33, 1, 1), 4);
    convolve_case(image(9, 16, 11, 11, 33, 2, 2), 5);
    convolve_case(in_groups(image(9, 16, 14, 14, 16, 1, 1), 4), 6);
}

/* One small image after the other by filters that stay where they are: those of before are used only if they are the same. */
static void other_filters_in_place(void) {
    const shape s = image(1, 9, 9, 8, 40, 1, 1);
    name_case("filters change in place", &s);
    const REAL *x = input("x", inputs(&s));
    REAL *w = calloc((size_t)filters(&s), sizeof(REAL)), *before = output("before", outputs(&s));
    for (int i = 0; w && i < 12; i++) {
        REAL *y = i % 3 == 1 ? output("y", outputs(&s)) : before;
        if (i % 3 == 0) w[check_below(filters(&s))] += (REAL)check_uniform();
        const int status = FS(winograd_convolve)(y, x, w, NULL, 0, i % 3 == 2, &s);
        if (!check_status(__FILE__, __LINE__, status, "winograd_convolve")) break;
        expect_outputs(&s, y, x, w, NULL, 0, i % 3 == 2);
        for (ptrdiff_t j = 0; i % 3 == 1 && j < outputs(&s); j++) expect_equal("y", j, y[j], before[j]);
    }
    free(w);
}

/* Some of the images, and nothing beside them. */
static void images(void) {
    const shape s = image(4, 5, 6, 5, 9, 1, 0);
    name_case("images 1 .. 3", &s);
    const ptrdiff_t one = s.out_h * s.out_w * s.k;
    const REAL *x = input("x", inputs(&s)), *w = input("w", filters(&s));
    REAL *y = output("y", outputs(&s)), *transformed = FS(winograd_filters)(w, &s, 0);
    if (!transformed) return;
    const int status = FS(winograd_images)(y, x, 1, 3, transformed, NULL, 0, &s);
    check_free(transformed);
    RUN(status);
    for (ptrdiff_t i = 0; i < outputs(&s); i++) {
        if (i < one || i >= 3 * one) {
            EXPECT(is_unwritten(y[i]));
        } else {
            expect_near("y", i, y[i], output_of(&s, x, w, i, 0), forward_limit(&s));
        }
    }
}

/* Tiles of 4 pixels, d apart: those of each phase. */
static ptrdiff_t tiles_along(ptrdiff_t size, ptrdiff_t d) {
    ptrdiff_t tiles = 0;
    for (ptrdiff_t phase = 0; phase < d && phase < size; phase++) tiles += ((size - phase + d - 1) / d + 3) / 4;
    return tiles;
}

static void gradient_case(shape s, int want_b) {
    name_case("filters", &s);
    const REAL *x = input("x", inputs(&s)), *dy = input("dy", outputs(&s));
    REAL *dw = output("dw", filters(&s)), *db = want_b ? output("db", s.k) : NULL;
    const ptrdiff_t pixels = s.n * s.out_h * s.out_w;
    const ptrdiff_t tiles = s.n * tiles_along(s.out_h, s.dilation_h) * tiles_along(s.out_w, s.dilation_w);
    RUN(FS(winograd_filter_gradient)(dw, db, dy, x, &s));
    for (ptrdiff_t i = 0; i < filters(&s); i++) {
        const ptrdiff_t cg = s.c / s.groups, t = i % 9, k = i / 9 / cg, c = i / 9 % cg + k / (s.k / s.groups) * cg;
        wide sum = 0;
        for (ptrdiff_t p = 0; p < pixels; p++) {
            const ptrdiff_t column = p % s.out_w - s.pad_w + t % 3 * s.dilation_w;
            const ptrdiff_t row = p / s.out_w % s.out_h - s.pad_h + t / 3 * s.dilation_h;
            sum += dy[p * s.k + k] * at(x + c, p / s.out_w / s.out_h, s.h, s.w, s.c, row, column);
        }
        /* 54 is above the largest of sum |G^T| |A| |B^T| along one dimension. */
        expect_near("dw", i, dw[i], sum, (wide)(54 * 54 * tiles * (tiles + 19)) * EPS);
    }
    for (ptrdiff_t k = 0; k < s.k && db; k++) {
        wide sum = 0;
        for (ptrdiff_t p = 0; p < pixels; p++) sum += dy[p * s.k + k];
        expect_near("db", k, db[k], sum, (wide)(pixels * (pixels + 2)) * EPS);
    }
}

static void filter_gradient(void) {
    for (int i = 0; i < 40; i++) gradient_case(some_image(), i % 2);
    for (int i = 0; i < 20; i++) gradient_case(some_dilation(some_image()), i % 2);
    gradient_case(image(40, 9, 13, 14, 33, 1, 1), 1); /* several partial sums */
    gradient_case(in_groups(image(40, 9, 13, 14, 17, 1, 1), 2), 1);
}

/* Whatever is not finite is reported, wherever it lies; the convolution then is that of the direct kernel to the bit. */
static void not_finite(void) {
    const shape plain = image(2, 9, 5, 6, 8, 1, 1), apart = dilated(plain, 2, 3, 2, 3);
    static const REAL bad[] = {(REAL)NAN, (REAL)INFINITY};
    for (int i = 0; i < 40; i++) {
        const shape s = i / 6 % 2 ? apart : plain;
        name_case("not finite", &s);
        REAL *x = input("x", inputs(&s)), *w = input("w", filters(&s)), *dy = input("dy", outputs(&s));
        REAL *y = output("y", outputs(&s)), *dw = output("dw", filters(&s)), *direct = output("direct", outputs(&s));
        const int place = i % 3;
        if (place == 0) x[check_below(inputs(&s))] = bad[i % 2];
        if (place == 1) w[check_below(filters(&s))] = bad[i % 2];
        if (place == 2) dy[check_below(outputs(&s))] = bad[i % 2];
        const int forward = FS(winograd_convolve)(y, x, w, NULL, 1, 0, &s);
        const int gradient = FS(winograd_filter_gradient)(dw, NULL, dy, x, &s);
        if (forward == FS_ENOMEM || gradient == FS_ENOMEM) continue;
        EXPECT(forward == (place == 2 ? FS_OK : FS_EDOMAIN));
        EXPECT(gradient == (place == 1 ? FS_OK : FS_EDOMAIN));
        if (place == 2) continue;
        fs_conv_algorithm_set(FS_DIRECT);
        RUN(FS(conv2d_forward)(direct, x, w, NULL, &s, 0));
        fs_conv_algorithm_set(FS_WINOGRAD);
        RUN(FS(conv2d_forward)(y, x, w, NULL, &s, 0));
        fs_conv_algorithm_set(FS_AUTO);
        for (ptrdiff_t j = 0; j < outputs(&s); j++) expect_equal("y", j, y[j], direct[j]);
    }
}

/* Where the algorithm says what it is for, and the setting what is asked. */
static void chosen(void) {
    CASE("chosen");
    const int single = sizeof(REAL) == sizeof(float);
    fs_conv_algorithm_set(FS_AUTO);
    shape s = image(64, 32, 14, 14, 64, 1, 1);
    EXPECT(FS(winograd_applies)(&s) == single);
    fs_conv_algorithm_set(FS_DIRECT);
    EXPECT(!FS(winograd_applies)(&s));
    fs_conv_algorithm_set(FS_IM2COL);
    EXPECT(!FS(winograd_applies)(&s));
    fs_conv_algorithm_set(FS_WINOGRAD);
    EXPECT(FS(winograd_applies)(&s) == single);
    s.c = 1;
    EXPECT(FS(winograd_applies)(&s) == single);
    s.stride_w = 2;
    EXPECT(!FS(winograd_applies)(&s));
    fs_conv_algorithm_set(FS_AUTO);
    s = image(64, 1, 14, 14, 64, 1, 1);
    EXPECT(!FS(winograd_applies)(&s));
    s = image(64, 32, 14, 14, 64, 3, 1);
    EXPECT(!FS(winograd_applies)(&s));
    s = image(64, 32, 14, 14, 64, 1, 1);
    s.groups = 4;
    EXPECT(FS(winograd_applies)(&s) == single);
    s.groups = 8; /* four channels in each */
    EXPECT(!FS(winograd_applies)(&s));
    s = image(64, 8, 14, 14, 12, 1, 1);
    EXPECT(FS(winograd_applies)(&s) == single);
    s.k = 11;
    EXPECT(!FS(winograd_applies)(&s));
    s = dilated(image(64, 32, 9, 14, 64, 1, 1), 3, 2, 3, 4);
    EXPECT(FS(winograd_applies)(&s) == single);
    s.k = 15;
    EXPECT(!FS(winograd_applies)(&s));
    s.k = 64;
    s = dilated(s, 3, 2, 3, 5);
    EXPECT(!FS(winograd_applies)(&s));
    s = dilated(s, 3, 2, 2, 4); /* phases of less than three rows */
    EXPECT(!FS(winograd_applies)(&s));
    EXPECT(fs_conv_algorithm_set(FS_ALGORITHM_COUNT) == FS_EINVAL && fs_conv_algorithm_set(-1) == FS_EINVAL);
    EXPECT(fs_conv_algorithm_get() == FS_AUTO);
}

const struct test FS(tests_winograd)[] = {{"convolve", convolve},
                                          {"filters in place", other_filters_in_place},
                                          {"images", images},
                                          {"filter gradient", filter_gradient},
                                          {"not finite", not_finite},
                                          {"chosen", chosen},
                                          {NULL, NULL}};
