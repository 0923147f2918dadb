/* Gram matrices against values taken one by one; limits as in prototypes.h. */
#include "typed.h"

enum others { NONE, SOME }; /* z NULL, or points of its own */

static const struct fs_gram RBF = {FS_GRAM_RBF, 0.3, 0, 0}, LINEAR = {FS_GRAM_LINEAR, 0, 0, 0},
                            CUBE = {FS_GRAM_POLYNOMIAL, 0.5, 1.5, 3}, ONE = {FS_GRAM_POLYNOMIAL, 0.5, 1, 0};

/* Points about `centre`, far from the origin or near. */
static REAL *points(const char *name, ptrdiff_t count, ptrdiff_t d, double centre) {
    REAL *x = input(name, count * d);
    for (ptrdiff_t i = 0; i < count * d; i++) x[i] += (REAL)centre;
    return x;
}

static wide *centre_of(const REAL *x, ptrdiff_t m, ptrdiff_t d) {
    wide *c = guard_alloc("centre", (size_t)d * sizeof(wide), GUARD_OUTPUT);
    for (ptrdiff_t j = 0; j < d; j++) {
        c[j] = 0;
        for (ptrdiff_t i = 0; i < m; i++) c[j] += x[i * d + j] / (wide)m;
    }
    return c;
}

static wide square_distance(const REAL *a, const REAL *b, const wide *c, ptrdiff_t d) {
    wide sum = 0;
    for (ptrdiff_t j = 0; j < d; j++) {
        const wide away = a[j] - (b ? (wide)b[j] : c[j]);
        sum += away * away;
    }
    return sum;
}

/* The kernel between two points, and how far from it the result may be. */
static wide value_of(const struct fs_gram *rule, const REAL *a, const REAL *b, const wide *c, ptrdiff_t d, wide *limit) {
    if (rule->kernel == FS_GRAM_RBF) {
        const wide size = square_distance(a, NULL, c, d) + square_distance(b, NULL, c, d), rate = (REAL)rule->gamma;
        const wide exponent = rate * square_distance(a, b, c, d), value = W(exp)(-exponent);
        *limit = value * (W(expm1)(rate * (wide)(2 * d + 16) * EPS * size) + 4 * EPS * (2 + exponent));
        return value;
    }
    wide product = 0, size = 0;
    for (ptrdiff_t j = 0; j < d; j++) {
        product += (wide)a[j] * b[j];
        size += W(fabs)((wide)a[j] * b[j]);
    }
    *limit = (wide)(d + 2) * EPS * size;
    if (rule->kernel == FS_GRAM_LINEAR) return product;
    const wide base = (wide)(REAL)rule->gamma * product + (wide)(REAL)rule->coef0, degree = (wide)rule->degree;
    const wide error = (wide)(d + 6) * EPS * ((wide)rule->gamma * size + W(fabs)((wide)rule->coef0));
    const wide high = W(pow)(W(fabs)(base) + error, degree);
    const wide own = degree == W(floor)(degree) ? 2 * degree : 4 * (1 + degree * W(fabs)(W(log)(W(fabs)(base))));
    *limit = high - W(pow)(W(fmax)(0, W(fabs)(base) - error), degree) + own * EPS * high;
    return W(pow)(base, degree);
}

static void gram_case(const struct fs_gram *rule, enum others others, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, double centre) {
    CASE("kernel=%d others=%d m=%td n=%td d=%td centre=%g", rule->kernel, (int)others, m, n, d, centre);
    const REAL *x = points("x", m, d, centre), *z = others == SOME ? points("z", n, d, centre) : NULL;
    REAL *k = output("k", m * n);
    const wide *c = centre_of(z ? z : x, n, d);
    RUN(FS(gram)(k, x, z, m, n, d, rule));
    const ptrdiff_t step = 1 + m * n * d / 100000;
    for (ptrdiff_t at = 0; at < m * n; at++) {
        const ptrdiff_t i = at / n, j = at % n;
        wide limit;
        check_digest_add(k + at, sizeof *k);
        if (!z) EXPECT(k[at] == k[j * n + i] && (i != j || rule->kernel != FS_GRAM_RBF || k[at] == 1));
        if ((i + j) % step) continue;
        const wide value = value_of(rule, x + i * d, (z ? z : x) + j * d, c, d, &limit);
        expect_near("k", at, k[at], value, limit);
    }
}

static void gram(void) {
    const struct fs_gram *const rules[] = {&RBF, &LINEAR, &CUBE, &ONE};
    for (ptrdiff_t n = 1; n <= 40; n++) {
        gram_case(rules[n % 4], SOME, 1 + n % 5, n, 1 + n * 3 % 11, 0);
        gram_case(rules[n % 4], NONE, n, n, 1 + n * 3 % 11, 0);
    }
    for (ptrdiff_t i = 0; i < LENGTH(rules); i++) {
        gram_case(rules[i], SOME, 0, 3, 2, 0);
        gram_case(rules[i], SOME, 3, 0, 2, 0);
        gram_case(rules[i], NONE, 0, 0, 2, 0);
        gram_case(rules[i], NONE, 7, 7, 0, 0);
        gram_case(rules[i], SOME, 1, 1, 1, 1);
        gram_case(rules[i], NONE, 1, 1, 5, 1);
    }
    gram_case(&RBF, NONE, 30, 30, 5, 1000);
    gram_case(&RBF, SOME, 30, 31, 5, -1000);
    const struct fs_gram root = {FS_GRAM_POLYNOMIAL, 0.5, 1, 1.5};
    gram_case(&root, SOME, 9, 33, 3, 2);
}

/* Beyond one tile and one stretch of d, and enough for threads. */
static void large(void) {
    gram_case(&RBF, SOME, 240, 470, 17, 0);
    gram_case(&RBF, NONE, 470, 470, 17, 1);
    gram_case(&CUBE, NONE, 225, 225, 9, 0);
    gram_case(&RBF, NONE, 70, 70, 1000, 0);
    gram_case(&LINEAR, SOME, 3, 50, 1700, 0);
}

static void lower_case(const struct fs_gram *rule, ptrdiff_t n, ptrdiff_t d, ptrdiff_t more, double alpha) {
    CASE("kernel=%d n=%td d=%td more=%td alpha=%g", rule->kernel, n, d, more, alpha);
    const ptrdiff_t ld = n + more;
    const REAL *x = points("x", n, d, 0);
    REAL *k = output("k", n > 0 ? (n - 1) * ld + n : 0);
    const wide *c = centre_of(x, n, d);
    RUN(FS(gram_lower)(k, ld, x, alpha, n, d, rule));
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 0; j < (i + 1 < n ? ld : n); j++) {
            if (j > i) {
                EXPECT(is_unwritten(k[i * ld + j]));
                continue;
            }
            wide limit, value = value_of(rule, x + i * d, x + j * d, c, d, &limit);
            if (i == j) {
                limit += 2 * EPS * (W(fabs)(value) + W(fabs)((wide)alpha));
                value += (wide)alpha;
            }
            expect_near("k", i * ld + j, k[i * ld + j], value, limit);
        }
    }
}

static void lower(void) {
    for (ptrdiff_t n = 0; n <= 40; n++) lower_case(n % 2 ? &RBF : &LINEAR, n, n % 7, n % 3, n % 4 ? 0.5 : 0);
    lower_case(&CUBE, 230, 5, 0, 1e-3);
    lower_case(&RBF, 460, 3, 1, 0);
}

static void product_case(const struct fs_gram *rule, enum others others, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, ptrdiff_t r) {
    CASE("kernel=%d others=%d m=%td n=%td d=%td r=%td", rule->kernel, (int)others, m, n, d, r);
    const REAL *x = points("x", m, d, 0), *z = others == SOME ? points("z", n, d, 0) : NULL, *v = input("v", n * r);
    REAL *y = output("y", m * r);
    const wide *c = centre_of(z ? z : x, n, d), terms = (wide)(n < 224 ? n : 224) + (wide)n / 224 + 20;
    RUN(FS(gram_matmul)(y, x, z, v, m, n, d, r, rule));
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t column = 0; column < r; column++) {
            wide sum = 0, allowed = 0, limit;
            for (ptrdiff_t j = 0; j < n; j++) {
                const wide factor = v[j * r + column];
                const wide value = value_of(rule, x + i * d, (z ? z : x) + j * d, c, d, &limit);
                sum += value * factor;
                allowed += W(fabs)(factor) * (limit + terms * EPS * (W(fabs)(value) + limit));
            }
            expect_near("y", i * r + column, y[i * r + column], sum, allowed);
        }
    }
}

static void products(void) {
    for (ptrdiff_t n = 0; n <= 40; n++) {
        product_case(n % 2 ? &RBF : &CUBE, SOME, 1 + n % 9, n, n % 5, 1 + n % 3);
        product_case(n % 2 ? &LINEAR : &RBF, NONE, n, n, n % 5, 1 + n % 4);
    }
    product_case(&RBF, SOME, 0, 5, 3, 2);
    product_case(&RBF, SOME, 5, 3, 3, 0);
    product_case(&RBF, SOME, 240, 700, 3, 2);
    product_case(&RBF, NONE, 700, 700, 3, 1);
    product_case(&LINEAR, NONE, 460, 460, 2, 5);
    product_case(&LINEAR, SOME, 1, 300, 2, 40);
}

/* So many columns that sums of each segment would take too much memory: every tile serves one place. */
static void many_columns(void) {
    CASE("many columns");
    const ptrdiff_t n = 300, r = 7000;
    const REAL *x = points("x", n, 1, 0);
    REAL *v = input("v", n * r), *y = output("y", n * r), *k = output("k", n * n);
    for (ptrdiff_t i = 0; i < n * r; i++) v[i] = (REAL)(i % r == i / r); /* the identity, then zeros */
    RUN(FS(gram)(k, x, NULL, n, n, 1, &RBF));
    RUN(FS(gram_matmul)(y, x, NULL, v, n, n, 1, r, &RBF));
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 0; j < r; j++) EXPECT(y[i * r + j] == (j < n ? k[i * n + j] : 0));
    }
}

static void nan_stays(void) {
    CASE("one point is NaN");
    const ptrdiff_t m = 21, d = 3;
    REAL *x = input("x", m * d), *k = output("k", m * m), *y = output("y", m);
    const REAL *v = input("v", m);
    x[5 * d + 1] = (REAL)NAN;
    RUN(FS(gram)(k, x, NULL, m, m, d, &RBF));
    for (ptrdiff_t at = 0; at < m * m; at++) EXPECT(isnan(k[at]) == (at / m == 5 || at % m == 5));
    RUN(FS(gram_matmul)(y, x, NULL, v, m, m, d, 1, &CUBE));
    for (ptrdiff_t i = 0; i < m; i++) EXPECT(isnan(y[i]));
}

const struct test FS(tests_gram)[] = {{"gram", gram}, {"large", large}, {"lower", lower}, {"products", products},
                                      {"many columns", many_columns}, {"NaN stays", nan_stays}, {NULL, NULL}};
