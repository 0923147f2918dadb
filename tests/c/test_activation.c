/* The functions of activations.def, forward and backward. A name without its formula here does not compile. */
#include "typed.h"

typedef struct {
    wide value, limit;
} answer;

static answer ulps(wide value, int count) { return (answer){value, 2 * count * EPS * W(fabs)(value)}; }
static answer within(wide value, wide limit) { return (answer){value, EPS * limit}; }

static wide sigmoid(wide x) { return 1 / (1 + W(exp)(-x)); }
static wide normal_cdf(wide x) { return W(erfc)(-x * (wide)0.70710678118654752440084436210485L) / 2; }
static wide normal_density(wide x) { return W(exp)(-x * x / 2) * (wide)0.39894228040143267793994605993438L; }
#define SLOPE (2 * (wide)0.79788456080286535587989211986876L) /* 2 sqrt(2/pi) */
#define SQRT_PI (wide)1.77245385090551602729816748334115L
static wide gelu_argument(wide x) { return SLOPE * (x + (wide)0.044715L * x * x * x); }
static wide size(wide x) { return W(fabs)(x); }

/* name_y: the value at x. name_dx: dy times the derivative, x being what activations.def says the way back takes.
 * The limits, in roundings, are those of the functions of simd/math.h and of the arithmetic around them. */
#define VALUE(name) static answer name##_y(wide x FS_UNUSED, wide p FS_UNUSED, wide q FS_UNUSED)
#define SLOPE_OF(name) static answer name##_dx(wide dy, wide x FS_UNUSED, wide p FS_UNUSED, wide q FS_UNUSED)

VALUE(relu) { return ulps(x > 0 ? x : 0, 0); }
SLOPE_OF(relu) { return ulps(x > 0 ? dy : 0, 0); }
VALUE(leaky_relu) { return ulps(x > 0 ? x : p * x, 1); }
SLOPE_OF(leaky_relu) { return ulps(x > 0 ? dy : p * dy, 1); }
VALUE(elu) { return ulps(x > 0 ? x : p * W(expm1)(x), 4); }
SLOPE_OF(elu) { return ulps(x > 0 ? dy : dy * p * W(exp)(x), 4); }
VALUE(exp) { return ulps(W(exp)(x), 2); }
SLOPE_OF(exp) { return ulps(dy * x, 1); }
VALUE(expm1) { return ulps(W(expm1)(x), 3); }
SLOPE_OF(expm1) { return within(dy * (x + 1), 4 * size(dy) * size(x + 1)); }
VALUE(log) { return ulps(W(log)(x), 2); }
SLOPE_OF(log) { return ulps(dy / x, 1); }
VALUE(log1p) { return ulps(W(log1p)(x), 3); }
SLOPE_OF(log1p) { return ulps(dy / (1 + x), 2); }
VALUE(sqrt) { return ulps(W(sqrt)(x), 1); }
SLOPE_OF(sqrt) { return ulps(dy / (2 * x), 1); }
VALUE(tanh) { return ulps(W(tanh)(x), 4); }
SLOPE_OF(tanh) { return within(dy * (1 - x * x), 4 * size(dy) * (1 + x * x)); }
VALUE(sigmoid) { return ulps(sigmoid(x), 4); }
SLOPE_OF(sigmoid) { return ulps(dy * x * (1 - x), 2); }
VALUE(erf) { return ulps(W(erf)(x), 3); }
SLOPE_OF(erf) {
    const wide dx = dy * 2 / SQRT_PI * W(exp)(-x * x);
    return within(dx, size(dx) * (8 + 2 * x * x));
}
VALUE(erfc) { return ulps(W(erfc)(x), 6); }
SLOPE_OF(erfc) {
    const answer a = erf_dx(dy, x, p, q);
    return (answer){-a.value, a.limit};
}
VALUE(silu) { return ulps(x * sigmoid(x), 5); }
SLOPE_OF(silu) {
    const wide s = sigmoid(x);
    return within(dy * s * (1 + x * (1 - s)), 12 * size(dy) * s * (1 + size(x)));
}
VALUE(softplus) {
    const wide z = p * x, y = z > q ? x : (W(fmax)(z, 0) + W(log1p)(W(exp)(-size(z)))) / p;
    return within(y, 10 * size(y) + 4 * size(x) * sigmoid(z));
}
SLOPE_OF(softplus) {
    const wide z = p * x, dx = z > q ? dy : dy * sigmoid(z);
    return within(dx, size(dx) * (10 + 4 * size(z)));
}
VALUE(gelu_erf) {
    const wide y = x * normal_cdf(x);
    return within(y, size(y) * (14 + 4 * x * x));
}
SLOPE_OF(gelu_erf) {
    const wide dx = dy * (normal_cdf(x) + x * normal_density(x));
    return within(dx, size(dy) * (normal_cdf(x) + size(x) * normal_density(x)) * (14 + 4 * x * x));
}
VALUE(gelu_tanh) {
    const wide z = gelu_argument(x), y = x * sigmoid(z);
    return within(y, size(y) * (14 + 8 * size(z)));
}
SLOPE_OF(gelu_tanh) {
    const wide z = gelu_argument(x), s = sigmoid(z), slope = SLOPE * (1 + 3 * (wide)0.044715L * x * x);
    return within(dy * s * (1 + x * (1 - s) * slope), size(dy) * s * (1 + size(x * slope)) * (14 + 8 * size(z)));
}
VALUE(gelu_sigmoid) {
    const wide z = (wide)1.702L * x, y = x * sigmoid(z);
    return within(y, size(y) * (14 + 4 * size(z)));
}
SLOPE_OF(gelu_sigmoid) {
    const wide z = (wide)1.702L * x, s = sigmoid(z);
    return within(dy * s * (1 + z * (1 - s)), size(dy) * s * (1 + size(z)) * (14 + 4 * size(z)));
}

typedef struct {
    const char *name;
    int (*forward)(REAL *, const REAL *, ptrdiff_t, double, double);
    int (*backward)(REAL *, const REAL *, const REAL *, ptrdiff_t, double, double);
    answer (*y)(wide, wide, wide);
    answer (*dx)(wide, wide, wide, wide);
} function;

static const function functions[] = {
#define FS_ACTIVATION(name) {#name, FS(name##_forward), FS(name##_backward), name##_y, name##_dx},
#include "activations.def"
#undef FS_ACTIVATION
};

static int starts(const function *f, const char *name) { return strncmp(f->name, name, strlen(name)) == 0; }

/* Some of every size up to `scale`, of both signs where the function takes both. */
static void spread(REAL *x, ptrdiff_t n, const function *f, double scale) {
    for (ptrdiff_t i = 0; i < n; i++) {
        x[i] = (REAL)(x[i] * scale);
        if (starts(f, "log") && x[i] < 0) x[i] = -x[i] / (REAL)(starts(f, "log1p") ? scale * 1.001 : 1);
        if (starts(f, "log1p") && i % 3 == 0) x[i] = -(REAL)fabs((double)x[i] / (scale * 1.001));
    }
}

static const double p = 0.75, q = 3; /* exact in both types */

/* What rounds to a denormal on the way loses up to TINY; the derivative of gelu_tanh multiplies that by up to |x|^3. */
static wide underflow(wide x) { return 2 * TINY * (1 + size(x * x * x)); }

/* All of a small array, a sample of a large one. */
static ptrdiff_t stride(ptrdiff_t n) { return 1 + n / 4000; }

static void expect_forward(const function *f, const REAL *y, const REAL *x, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += stride(n)) {
        const answer want = f->y(x[i], p, q);
        expect_near(f->name, i, y[i], want.value, want.limit + underflow(x[i]));
    }
}
static void expect_backward(const function *f, const REAL *dx, const REAL *dy, const REAL *x, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += stride(n)) {
        const answer want = f->dx(dy[i], x[i], p, q);
        expect_near(f->name, i, dx[i], want.value, want.limit + underflow(x[i]));
    }
}

static void function_case(const function *f, ptrdiff_t n, double scale) {
    CASE("%s n=%td scale=%g", f->name, n, scale);
    REAL *x = input("x", n), *dy = input("dy", n), *y = output("y", n), *dx = output("dx", n);
    spread(x, n, f, scale);
    RUN(f->forward(y, x, n, p, q));
    RUN(f->backward(dx, dy, x, n, p, q));
    expect_forward(f, y, x, n);
    expect_backward(f, dx, dy, x, n);
}

static void in_place_case(const function *f, ptrdiff_t n) {
    CASE("%s in place n=%td", f->name, n);
    REAL *y = inout("x", n), *x = output("copy", n);
    REAL *dx = inout("dy", n), *dy = output("copy", n);
    spread(y, n, f, 2);
    memcpy(x, y, (size_t)n * sizeof(REAL));
    memcpy(dy, dx, (size_t)n * sizeof(REAL));
    RUN(f->backward(dx, dx, y, n, p, q));
    RUN(f->forward(y, y, n, p, q));
    expect_forward(f, y, x, n);
    expect_backward(f, dx, dy, x, n);
}

/* NaN and the ends of the range give the same in a whole register as in its tail: element 0 of n = 1 is the tail. */
static void special_case(const function *f) {
    const double specials[] = {NAN, INFINITY, -INFINITY, 0, -0.0, 1e30, -1e30, 1e-42, 88.5};
    for (ptrdiff_t k = 0; k < LENGTH(specials); k++) {
        const ptrdiff_t n = 16;
        CASE("%s of %g", f->name, specials[k]);
        REAL *x = input("x", n), *dy = input("dy", n), *y = output("y", n), *dx = output("dx", n);
        REAL *y1 = output("y1", 1), *dx1 = output("dx1", 1);
        for (ptrdiff_t i = 0; i < n; i++) x[i] = (REAL)specials[k], dy[i] = (REAL)0.5;
        RUN(f->forward(y1, x, 1, p, q));
        RUN(f->backward(dx1, dy, x, 1, p, q));
        RUN(f->forward(y, x, n, p, q));
        RUN(f->backward(dx, dy, x, n, p, q));
        for (ptrdiff_t i = 0; i < n; i++) {
            expect_equal("y", i, y[i], y1[0]);
            expect_equal("dx", i, dx[i], dx1[0]);
        }
        if (k == 0) {
            EXPECT(isnan(y[0]));
            if (!starts(f, "relu") && !starts(f, "leaky_relu") && !starts(f, "elu")) EXPECT(isnan(dx[0]));
        }
    }
}

#define EACH_FUNCTION for (const function *f = functions; f < functions + LENGTH(functions); f++)

static void sizes(void) { EACH_FUNCTION for (ptrdiff_t n = 0; n <= 35; n++) function_case(f, n, 1); }
static void ranges(void) {
    EACH_FUNCTION {
        function_case(f, 101, 1e-6);
        function_case(f, 301, 5);
        function_case(f, 301, 60);
    }
}
static void in_place(void) { EACH_FUNCTION in_place_case(f, 37); }
static void specials(void) { EACH_FUNCTION special_case(f); }
static void large(void) { EACH_FUNCTION function_case(f, 33001, 3); }

const struct test FS(tests_activation)[] = {{"sizes", sizes},       {"ranges", ranges}, {"in place", in_place},
                                            {"specials", specials}, {"large", large},   {NULL, NULL}};
