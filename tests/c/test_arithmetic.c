/* Operations and comparisons of two numbers over arrays, and the sum of an array, against the same in a wider type. */
#include "typed.h"

typedef struct {
    const char *name;
    int (*run)(REAL *, const REAL *, ptrdiff_t, const REAL *, ptrdiff_t, ptrdiff_t);
    wide (*value)(wide, wide);
} operation;

static wide add_of(wide a, wide b) { return a + b; }
static wide sub_of(wide a, wide b) { return a - b; }
static wide mul_of(wide a, wide b) { return a * b; }
static wide div_of(wide a, wide b) { return a / b; }

static const operation operations[] = {
#define FS_BINARY(name) {#name, FS(name), name##_of},
#include "binaries.def"
#undef FS_BINARY
};
#define EACH_OPERATION for (const operation *f = operations; f < operations + LENGTH(operations); f++)

static void binary_case(const operation *f, ptrdiff_t a_step, ptrdiff_t b_step, ptrdiff_t n) {
    CASE("%s n=%td steps %td %td", f->name, n, a_step, b_step);
    REAL *a = input("a", a_step ? n : 1), *b = input("b", b_step ? n : 1), *y = output("y", n);
    RUN(f->run(y, a, a_step, b, b_step, n));
    for (ptrdiff_t i = 0; i < n; i += 1 + n / 4000) {
        const wide want = f->value(a[i * a_step], b[i * b_step]);
        expect_near(f->name, i, y[i], want, EPS * W(fabs)(want) + TINY);
    }
}

static void in_place_case(const operation *f) {
    CASE("%s in place", f->name);
    REAL *a = inout("a", 37), *b = input("b", 37), *y = output("y", 37);
    RUN(f->run(y, a, 1, b, 1, 37));
    RUN(f->run(a, a, 1, b, 1, 37));
    for (ptrdiff_t i = 0; i < 37; i++) expect_equal(f->name, i, a[i], y[i]);
}

typedef struct {
    const char *name;
    int (*run)(uint8_t *, const REAL *, const REAL *, ptrdiff_t);
    int (*answer)(REAL, REAL);
} comparison;

#define FS_COMPARISON(name, operator) \
    static int name##_of(REAL a, REAL b) { return a operator b; }
#include "comparisons.def"
#undef FS_COMPARISON

static const comparison comparisons[] = {
#define FS_COMPARISON(name, operator) {#name, FS(name), name##_of},
#include "comparisons.def"
#undef FS_COMPARISON
};

/* A third of the pairs are equal, and some hold a NaN on one side, on the other, or on both. */
static void comparison_case(const comparison *f, ptrdiff_t n) {
    CASE("%s n=%td", f->name, n);
    REAL *a = input("a", n), *b = input("b", n);
    uint8_t *y = guard_alloc("y", (size_t)n, GUARD_OUTPUT);
    for (ptrdiff_t i = 0; i < n; i++) {
        y[i] = 7;
        if (i % 3 == 0) b[i] = a[i];
        if (i % 7 == 3) a[i] = (REAL)NAN;
        if (i % 5 == 3) b[i] = (REAL)NAN;
    }
    RUN(f->run(y, a, b, n));
    for (ptrdiff_t i = 0; i < n; i++) EXPECT(y[i] == f->answer(a[i], b[i]));
}

static void sum_case(ptrdiff_t n) {
    CASE("sum_all n=%td", n);
    REAL *x = input("x", n), *y = output("y", 1);
    RUN(FS(sum_all)(y, x, n));
    wide want = 0, size = 0;
    for (ptrdiff_t i = 0; i < n; i++) want += x[i], size += W(fabs)(x[i]);
    expect_near("sum", 0, y[0], want, EPS * size * (26 + (wide)n / 64) + TINY);
    if (n == 0) return;
    RUN(FS(mean_all)(y, x, n));
    expect_near("mean", 0, y[0], want / n, EPS * size * (27 + (wide)n / 64) / n + TINY);
}

static void sizes(void) {
    EACH_OPERATION for (ptrdiff_t n = 0; n <= 35; n++) {
        binary_case(f, 1, 1, n);
        binary_case(f, 0, 1, n);
        binary_case(f, 1, 0, n);
        binary_case(f, 0, 0, n);
    }
}
static void large(void) { EACH_OPERATION binary_case(f, 1, 1, 33001), binary_case(f, 1, 0, 33001); }
static void in_place(void) { EACH_OPERATION in_place_case(f); }
static void answers(void) {
    for (const comparison *f = comparisons; f < comparisons + LENGTH(comparisons); f++) {
        for (ptrdiff_t n = 0; n <= 70; n++) comparison_case(f, n);
        comparison_case(f, 110001);
    }
}
static void sums(void) {
    for (ptrdiff_t n = 0; n <= 70; n++) sum_case(n);
    sum_case(1025);
    sum_case(40001);
}

const struct test FS(tests_arithmetic)[] = {
    {"sizes", sizes}, {"large", large}, {"in place", in_place}, {"answers", answers}, {"sums", sums}, {NULL, NULL}};
