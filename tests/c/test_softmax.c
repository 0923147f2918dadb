/* Softmax, log-softmax and log-sum-exp along the middle axis, line by line; limits are those that rounding the
 * exponents' arguments and adding n terms allow (prototypes.h). */
#include "typed.h"

typedef struct {
    ptrdiff_t outer, n, inner;
} shape;

/* Of one line of x: what the values are made of, and in EPS how far off the sum of exponentials may be. */
typedef struct {
    wide largest, sum, log_sum, sum_error;
} line;

static ptrdiff_t first_of(shape s, ptrdiff_t l) { return l / s.inner * s.n * s.inner + l % s.inner; }

static line measure(const REAL *x, shape s, ptrdiff_t l) {
    const ptrdiff_t first = first_of(s, l);
    line m = {-(wide)INFINITY, 0, 0, 0};
    for (ptrdiff_t i = 0; i < s.n; i++) m.largest = W(fmax)(m.largest, x[first + i * s.inner]);
    for (ptrdiff_t i = 0; i < s.n; i++) {
        const wide away = x[first + i * s.inner] - m.largest, e = W(exp)(away);
        m.sum += e;
        m.sum_error += e * W(fabs)(away);
    }
    m.sum_error = m.sum_error / m.sum + (wide)s.n + 4;
    m.log_sum = W(log)(m.sum);
    return m;
}

#define EACH_LINE for (ptrdiff_t l = 0; l < s.outer * s.inner; l++)
#define EACH_OF_LINE for (ptrdiff_t i = first_of(s, l), end = i + s.n * s.inner; i < end; i += s.inner)

static ptrdiff_t size(shape s) { return s.outer * s.n * s.inner; }

static REAL *scaled_input(shape s, double scale) {
    REAL *x = input("x", size(s));
    for (ptrdiff_t i = 0; i < size(s); i++) x[i] *= (REAL)scale;
    return x;
}

static void forward_case(shape s, double scale) {
    CASE("forward %td x %td x %td scale %g", s.outer, s.n, s.inner, scale);
    const REAL *x = scaled_input(s, scale);
    REAL *p = output("softmax", size(s)), *q = output("log_softmax", size(s)),
         *r = output("logsumexp", s.outer * s.inner);
    RUN(FS(softmax_forward)(p, x, s.outer, s.n, s.inner));
    RUN(FS(log_softmax_forward)(q, x, s.outer, s.n, s.inner));
    RUN(FS(logsumexp_forward)(r, x, s.outer, s.n, s.inner));
    EACH_LINE {
        const line m = measure(x, s, l);
        EACH_OF_LINE {
            const wide away = x[i] - m.largest, want = W(exp)(away) / m.sum, each = W(fabs)(away) + 4 + m.sum_error;
            expect_near("softmax", i, p[i], want, EPS * want * each);
            const wide log_want = away - m.log_sum;
            expect_near("log_softmax", i, q[i], log_want, EPS * (each + 2 * W(log)((wide)s.n) + W(fabs)(log_want)));
        }
        if (s.n == 0) {
            expect_equal("logsumexp", l, r[l], -(REAL)INFINITY);
            continue;
        }
        const wide total = m.largest + m.log_sum;
        expect_near("logsumexp", l, r[l], total, EPS * (m.sum_error + 2 * W(log)((wide)s.n) + W(fabs)(total)));
    }
}

static void softmax_backward_case(shape s) {
    CASE("backward %td x %td x %td", s.outer, s.n, s.inner);
    const REAL *dy = input("dy", size(s)), *y = input("y", size(s));
    REAL *dx = output("dx", size(s)), *log_dx = output("log dx", size(s));
    RUN(FS(softmax_backward)(dx, dy, y, s.outer, s.n, s.inner));
    RUN(FS(log_softmax_backward)(log_dx, dy, y, s.outer, s.n, s.inner));
    const wide n = (wide)s.n;
    EACH_LINE {
        wide dot = 0, dot_size = 0, sum = 0, sum_size = 0;
        EACH_OF_LINE {
            dot += (wide)dy[i] * y[i], dot_size += W(fabs)((wide)dy[i] * y[i]);
            sum += dy[i], sum_size += W(fabs)((wide)dy[i]);
        }
        EACH_OF_LINE {
            const wide g = W(fabs)((wide)dy[i]), e = W(exp)((wide)y[i]);
            expect_near("dx", i, dx[i], y[i] * (dy[i] - dot), EPS * W(fabs)((wide)y[i]) * (3 * g + (n + 4) * dot_size));
            expect_near("log dx", i, log_dx[i], dy[i] - e * sum, EPS * (2 * g + (n + 6) * e * sum_size));
        }
    }
}

static void logsumexp_backward_case(shape s) {
    CASE("logsumexp backward %td x %td x %td", s.outer, s.n, s.inner);
    const REAL *x = scaled_input(s, 3), *dy = input("dy", s.outer * s.inner), *y = input("y", s.outer * s.inner);
    REAL *dx = output("dx", size(s));
    RUN(FS(logsumexp_backward)(dx, dy, x, y, s.outer, s.n, s.inner));
    EACH_LINE EACH_OF_LINE {
        const wide away = (wide)x[i] - y[l], want = dy[l] * W(exp)(away);
        expect_near("dx", i, dx[i], want, EPS * W(fabs)(want) * (6 + W(fabs)(away)));
    }
}

static void all_cases(shape s) {
    forward_case(s, 5);
    softmax_backward_case(s);
    logsumexp_backward_case(s);
}

static void rows(void) {
    for (ptrdiff_t n = 1; n <= 67; n++) all_cases((shape){1 + n % 4, n, 1});
    all_cases((shape){0, 5, 1});
    all_cases((shape){5, 0, 1});
}

static void columns(void) {
    for (ptrdiff_t inner = 2; inner <= 67; inner++) all_cases((shape){1 + inner % 3, 1 + inner % 7, inner});
    all_cases((shape){3, 0, 5});
    all_cases((shape){3, 5, 0});
}

static void large(void) {
    all_cases((shape){501, 67, 1});
    all_cases((shape){5, 31, 227});
    all_cases((shape){2, 20011, 1});
}

static void no_overflow(void) {
    forward_case((shape){7, 33, 1}, 1e4);
    forward_case((shape){2, 5, 33}, 1e4);
}

typedef int (*unary)(REAL *y, const REAL *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner);
typedef int (*binary)(REAL *dx, const REAL *dy, const REAL *y, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner);

/* In place, as prototypes.h allows. */
static void in_place(void) {
    const shape shapes[] = {{3, 37, 1}, {2, 5, 37}};
    for (ptrdiff_t k = 0; k < LENGTH(shapes); k++) {
        const shape s = shapes[k];
        CASE("in place %td x %td x %td", s.outer, s.n, s.inner);
        const REAL *x = input("x", size(s)), *dy = input("dy", size(s));
        REAL *y = output("y", size(s)), *z = output("z", size(s));
        const unary forward[] = {FS(softmax_forward), FS(log_softmax_forward)};
        const binary backward[] = {FS(softmax_backward), FS(log_softmax_backward)};
        for (int f = 0; f < 2; f++) {
            memcpy(z, x, (size_t)size(s) * sizeof(REAL));
            RUN(forward[f](y, x, s.outer, s.n, s.inner));
            RUN(forward[f](z, z, s.outer, s.n, s.inner));
            for (ptrdiff_t i = 0; i < size(s); i++) expect_equal("forward", i, z[i], y[i]);
            memcpy(z, dy, (size_t)size(s) * sizeof(REAL));
            RUN(backward[f](y, dy, x, s.outer, s.n, s.inner));
            RUN(backward[f](z, z, x, s.outer, s.n, s.inner));
            for (ptrdiff_t i = 0; i < size(s); i++) expect_equal("backward", i, z[i], y[i]);
        }
    }
}

/* Line 1 is all -inf, line 2 has a NaN, wherever it stands; the others know nothing of it. */
static void special_lines(void) {
    for (int by_column = 0; by_column < 2; by_column++) {
        for (ptrdiff_t at = 0; at < 19; at++) {
            const shape s = {by_column ? 1 : 4, 19, by_column ? 4 : 1};
            CASE("%s, NaN at %td", by_column ? "columns" : "rows", at);
            REAL *x = input("x", size(s)), *p = output("softmax", size(s)), *r = output("logsumexp", 4);
            for (ptrdiff_t i = 0; i < s.n; i++) x[first_of(s, 1) + i * s.inner] = -(REAL)INFINITY;
            x[first_of(s, 2) + at * s.inner] = (REAL)NAN;
            RUN(FS(softmax_forward)(p, x, s.outer, s.n, s.inner));
            RUN(FS(logsumexp_forward)(r, x, s.outer, s.n, s.inner));
            for (ptrdiff_t l = 0; l < 4; l++) {
                EACH_OF_LINE EXPECT(isnan(p[i]) == (l == 1 || l == 2));
            }
            EXPECT(isfinite(r[0]) && r[1] == -(REAL)INFINITY && isnan(r[2]) && isfinite(r[3]));
        }
    }
}

const struct test FS(tests_softmax)[] = {{"rows", rows},
                                         {"columns", columns},
                                         {"large", large},
                                         {"no overflow", no_overflow},
                                         {"in place", in_place},
                                         {"special lines", special_lines},
                                         {NULL, NULL}};
