/* Pooling against windows walked tap by tap. */
#include "typed.h"

typedef struct fs_pool shape;

/* Along one axis: the taps of window i, of which those in [0, size) count; `padded` is how many the border leaves. */
typedef struct {
    ptrdiff_t first, count, step, padded;
} window;

static window window_of(const shape *s, int along_w, ptrdiff_t i) {
    const ptrdiff_t size = along_w ? s->w : s->h, out = along_w ? s->out_w : s->out_h;
    if (s->adaptive) return (window){i * size / out, ((i + 1) * size + out - 1) / out - i * size / out, 1, 0};
    const ptrdiff_t kernel = along_w ? s->kernel_w : s->kernel_h, pad = along_w ? s->pad_w : s->pad_h;
    const ptrdiff_t first = i * (along_w ? s->stride_w : s->stride_h) - pad;
    const ptrdiff_t room = size + pad - first;
    return (window){first, kernel, along_w ? s->dilation_w : s->dilation_h, kernel < room ? kernel : room};
}

/* The elements of x, and their h * w + w, that the window of output number `at` covers. Returns how many. */
enum { MOST_TAPS = 128 };
static ptrdiff_t taps_of(const shape *s, ptrdiff_t at, ptrdiff_t *elements, int32_t *plane, ptrdiff_t *divisor) {
    const ptrdiff_t c = at % s->c, j = at / s->c % s->out_w, i = at / s->c / s->out_w % s->out_h;
    const ptrdiff_t n = at / s->c / s->out_w / s->out_h;
    const window v = window_of(s, 0, i), u = window_of(s, 1, j);
    ptrdiff_t count = 0;
    for (ptrdiff_t tap = 0; tap < v.count * u.count; tap++) {
        const ptrdiff_t h = v.first + tap / u.count * v.step, w = u.first + tap % u.count * u.step;
        if (h < 0 || h >= s->h || w < 0 || w >= s->w) continue;
        plane[count] = (int32_t)(h * s->w + w);
        elements[count++] = ((n * s->h + h) * s->w + w) * s->c + c;
    }
    *divisor = s->divisor ? s->divisor : s->include_pad ? v.padded * u.padded : count;
    return count;
}

static void name_case(const char *what, const shape *s) {
    CASE(
        "%s n=%td c=%td %tdx%td to %tdx%td kernel %tdx%td stride %td,%td pad %td,%td dilation %td,%td divisor %td pad "
        "%d "
        "adaptive %d",
        what, s->n, s->c, s->h, s->w, s->out_h, s->out_w, s->kernel_h, s->kernel_w, s->stride_h, s->stride_w, s->pad_h,
        s->pad_w, s->dilation_h, s->dilation_w, s->divisor, s->include_pad, s->adaptive);
}

static ptrdiff_t input_size(const shape *s) { return s->n * s->h * s->w * s->c; }
static ptrdiff_t output_size(const shape *s) { return s->n * s->out_h * s->out_w * s->c; }

static wide *zeros(ptrdiff_t n) {
    wide *p = guard_alloc("sums", (size_t)n * sizeof(wide), GUARD_OUTPUT);
    for (ptrdiff_t i = 0; i < n; i++) p[i] = 0;
    return p;
}

/* Coarse values: many are equal. One in a hundred is NaN if asked for. */
static void max_case(shape s, int with_nan) {
    ptrdiff_t element[MOST_TAPS], unused;
    int32_t plane[MOST_TAPS];
    name_case("max", &s);
    REAL *x = input("x", input_size(&s)), *dy = input("dy", output_size(&s));
    REAL *y = output("y", output_size(&s)), *dx = output("dx", input_size(&s));
    int32_t *index = guard_alloc("index", (size_t)output_size(&s) * sizeof(int32_t), GUARD_OUTPUT);
    wide *sum = zeros(input_size(&s)), *size = zeros(input_size(&s));
    for (ptrdiff_t i = 0; i < input_size(&s); i++) {
        x[i] = with_nan && check_below(100) == 0 ? (REAL)NAN : (REAL)(int)(x[i] * 4);
    }
    RUN(FS(max_pool2d_forward)(y, index, x, &s));
    for (ptrdiff_t i = 0; i < output_size(&s); i++) {
        const ptrdiff_t count = taps_of(&s, i, element, plane, &unused);
        ptrdiff_t best = -1;
        for (ptrdiff_t t = 0; t < count; t++) {
            if (best < 0 || isnan(x[element[t]]) || x[element[t]] > x[element[best]]) best = t;
        }
        expect_equal("y", i, y[i], best < 0 ? -(REAL)INFINITY : x[element[best]]);
        if (index[i] != (best < 0 ? -1 : plane[best])) FAIL("index[%td] is %d", i, (int)index[i]);
        if (best < 0) continue;
        sum[element[best]] += dy[i];
        size[element[best]] += W(fabs)((wide)dy[i]);
    }
    RUN(FS(max_pool2d_backward)(dx, dy, index, &s));
    for (ptrdiff_t i = 0; i < input_size(&s); i++) expect_near("dx", i, dx[i], sum[i], MOST_TAPS * EPS * size[i]);
}

/* Blocks of kernel_h x kernel_w side by side, against the windows. */
static void blocks_case(shape s, int with_nan) {
    name_case("blocks", &s);
    REAL *x = input("x", input_size(&s));
    const REAL *dy = input("dy", output_size(&s));
    REAL *y = output("y", output_size(&s)), *want = output("y of windows", output_size(&s));
    REAL *dx = output("dx", input_size(&s)), *want_dx = output("dx of windows", input_size(&s));
    uint8_t *code = guard_alloc("code", (size_t)output_size(&s), GUARD_OUTPUT);
    int32_t *index = guard_alloc("index", (size_t)output_size(&s) * sizeof(int32_t), GUARD_OUTPUT);
    for (ptrdiff_t i = 0; i < input_size(&s); i++) {
        x[i] = with_nan && check_below(100) == 0 ? (REAL)NAN : (REAL)(int)(x[i] * 4);
    }
    RUN(FS(max_pool2d_blocks_forward)(y, code, x, &s));
    RUN(FS(max_pool2d_forward)(want, index, x, &s));
    for (ptrdiff_t i = 0; i < output_size(&s); i++) {
        const ptrdiff_t row = i / s.c / s.out_w % s.out_h, column = i / s.c % s.out_w;
        const ptrdiff_t h = row * s.kernel_h + code[i] / s.kernel_w, w = column * s.kernel_w + code[i] % s.kernel_w;
        expect_equal("y", i, y[i], want[i]);
        if (index[i] != h * s.w + w) FAIL("code[%td] is %d", i, code[i]);
    }
    RUN(FS(max_pool2d_blocks_backward)(dx, dy, code, &s));
    RUN(FS(max_pool2d_backward)(want_dx, dy, index, &s));
    for (ptrdiff_t i = 0; i < input_size(&s); i++) expect_equal("dx", i, dx[i], want_dx[i]);
}

static void avg_case(shape s) {
    ptrdiff_t element[MOST_TAPS], divisor;
    int32_t plane[MOST_TAPS];
    name_case("avg", &s);
    const REAL *x = input("x", input_size(&s)), *dy = input("dy", output_size(&s));
    REAL *y = output("y", output_size(&s)), *dx = output("dx", input_size(&s));
    wide *sum = zeros(input_size(&s)), *size = zeros(input_size(&s)), *uses = zeros(input_size(&s));
    RUN(FS(avg_pool2d_forward)(y, x, &s));
    RUN(FS(avg_pool2d_backward)(dx, dy, &s));
    for (ptrdiff_t i = 0; i < output_size(&s); i++) {
        const ptrdiff_t count = taps_of(&s, i, element, plane, &divisor);
        wide total = 0, total_size = 0;
        for (ptrdiff_t t = 0; t < count; t++) {
            total += x[element[t]], total_size += W(fabs)((wide)x[element[t]]);
            sum[element[t]] += dy[i] / (wide)divisor, size[element[t]] += W(fabs)(dy[i] / (wide)divisor);
            uses[element[t]]++;
        }
        expect_near("y", i, y[i], total / (wide)divisor, (wide)(count + 1) * EPS * total_size / (wide)divisor);
    }
    for (ptrdiff_t i = 0; i < input_size(&s); i++) expect_near("dx", i, dx[i], sum[i], (uses[i] + 1) * EPS * size[i]);
}

static ptrdiff_t windows(ptrdiff_t size, ptrdiff_t pad, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t dilation,
                         int ceil_mode) {
    const ptrdiff_t room = size + 2 * pad - dilation * (kernel - 1) - 1;
    if (room < 0) return 0;
    ptrdiff_t out = room / stride + 1;
    if (ceil_mode && room % stride != 0 && out * stride < size + pad) out++;
    return out;
}

static shape any_shape(int dilated) {
    for (;;) {
        shape s = {.n = 1 + check_below(3),
                   .c = 1 + check_below(37),
                   .h = 1 + check_below(9),
                   .w = 1 + check_below(9),
                   .kernel_h = 1 + check_below(4),
                   .kernel_w = 1 + check_below(4),
                   .stride_h = 1 + check_below(3),
                   .stride_w = 1 + check_below(3),
                   .dilation_h = 1,
                   .dilation_w = 1,
                   .divisor = check_below(4) ? 0 : 1 + check_below(5),
                   .include_pad = (int)check_below(2)};
        s.pad_h = check_below(s.kernel_h / 2 + 1);
        s.pad_w = check_below(s.kernel_w / 2 + 1);
        if (dilated) s.dilation_h = 1 + check_below(3), s.dilation_w = 1 + check_below(3);
        const int ceil_mode = (int)check_below(2);
        s.out_h = windows(s.h, s.pad_h, s.kernel_h, s.stride_h, s.dilation_h, ceil_mode);
        s.out_w = windows(s.w, s.pad_w, s.kernel_w, s.stride_w, s.dilation_w, ceil_mode);
        if (s.out_h > 0 && s.out_w > 0) return s;
    }
}

static shape halving(ptrdiff_t n, ptrdiff_t c, ptrdiff_t size) {
    return (shape){.n = n,
                   .c = c,
                   .h = size,
                   .w = size,
                   .out_h = size / 2,
                   .out_w = size / 2,
                   .kernel_h = 2,
                   .kernel_w = 2,
                   .stride_h = 2,
                   .stride_w = 2,
                   .dilation_h = 1,
                   .dilation_w = 1,
                   .include_pad = 1};
}

static void max_pool2d(void) {
    for (int i = 0; i < 100; i++) max_case(any_shape(i % 2), i % 3 == 0);
    for (ptrdiff_t c = 0; c <= 35; c++) max_case(halving(2, c, 4), 0);
    max_case(halving(0, 3, 4), 0);
    max_case(halving(5, 9, 62), 0); /* for threads */
}

static void blocks(void) {
    for (int i = 0; i < 60; i++) {
        shape s = any_shape(0);
        s.pad_h = s.pad_w = 0;
        s.stride_h = s.kernel_h, s.stride_w = s.kernel_w;
        s.out_h = s.h / s.kernel_h, s.out_w = s.w / s.kernel_w;
        if (s.out_h > 0 && s.out_w > 0) blocks_case(s, i % 3 == 0);
    }
    for (ptrdiff_t c = 0; c <= 35; c++) blocks_case(halving(2, c, 5), 0);
    blocks_case(halving(5, 9, 62), 0); /* for threads */
}

static void avg_pool2d(void) {
    for (int i = 0; i < 100; i++) avg_case(any_shape(0));
    for (ptrdiff_t c = 0; c <= 35; c++) avg_case(halving(2, c, 4));
    avg_case(halving(5, 9, 62));
}

static void adaptive(void) {
    for (int i = 0; i < 60; i++) {
        avg_case((shape){.n = 1 + check_below(3),
                         .c = 1 + check_below(20),
                         .h = 1 + check_below(11),
                         .w = 1 + check_below(11),
                         .out_h = 1 + check_below(7),
                         .out_w = 1 + check_below(7),
                         .dilation_h = 1,
                         .dilation_w = 1,
                         .adaptive = 1});
    }
}

static void wrong_index(void) {
    const shape s = halving(1, 1, 4);
    for (int high = 0; high < 2; high++) {
        CASE("index too %s", high ? "high" : "low");
        const REAL *dy = input("dy", 4);
        REAL *dx = output("dx", 16);
        int32_t *index = guard_alloc("index", 4 * sizeof(int32_t), GUARD_INPUT);
        for (int32_t i = 0; i < 4; i++) index[i] = i;
        index[3] = high ? 16 : -2;
        guard_freeze();
        EXPECT(FS(max_pool2d_backward)(dx, dy, index, &s) == FS_EINDEX);
    }
}

const struct test FS(tests_pool)[] = {{"max_pool2d", max_pool2d},
                                      {"blocks", blocks},
                                      {"avg_pool2d", avg_pool2d},
                                      {"adaptive", adaptive},
                                      {"wrong index", wrong_index},
                                      {NULL, NULL}};
