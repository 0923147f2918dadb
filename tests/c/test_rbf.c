/* The Gaussian kernel's Gram matrix against distances taken one by one; limits as in prototypes.h. */
#include "typed.h"

enum others { NONE, SOME }; /* z NULL, or points of its own */

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

static void rbf_case(enum others others, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, double gamma, double centre) {
    CASE("others=%d m=%td n=%td d=%td gamma=%g centre=%g", (int)others, m, n, d, gamma, centre);
    const REAL *x = points("x", m, d, centre), *z = others == SOME ? points("z", n, d, centre) : NULL;
    REAL *k = output("k", m * n);
    const wide *c = centre_of(x, m, d);
    RUN(FS(rbf_gram)(k, x, z, m, n, d, gamma));
    const ptrdiff_t step = 1 + m * n * d / 100000;
    for (ptrdiff_t at = 0; at < m * n; at++) {
        const ptrdiff_t i = at / n, j = at % n;
        check_digest_add(k + at, sizeof *k);
        if (!z) EXPECT(k[at] == k[j * n + i] && (i != j || k[at] == 1));
        if ((i + j) % step) continue;
        const REAL *a = x + i * d, *b = (z ? z : x) + j * d;
        const wide size = square_distance(a, NULL, c, d) + square_distance(b, NULL, c, d);
        const wide exponent = (wide)gamma * square_distance(a, b, c, d), value = W(exp)(-exponent);
        const wide error = (wide)gamma * (wide)(2 * d + 16) * EPS * size;
        expect_near("k", at, k[at], value, value * (W(expm1)(error) + 4 * EPS * (2 + exponent)));
    }
}

static void rbf_gram(void) {
    for (ptrdiff_t n = 1; n <= 40; n++) {
        rbf_case(SOME, 1 + n % 5, n, 1 + n * 3 % 11, 0.5, 0);
        rbf_case(NONE, n, n, 1 + n * 3 % 11, 0.5, 0);
    }
    rbf_case(SOME, 0, 3, 2, 1, 0);
    rbf_case(SOME, 3, 0, 2, 1, 0);
    rbf_case(NONE, 0, 0, 2, 1, 0);
    rbf_case(NONE, 7, 7, 0, 1, 0);
    rbf_case(NONE, 30, 30, 5, 2, 1000);
    rbf_case(SOME, 30, 31, 5, 2, -1000);
}

/* Beyond one tile, and enough for threads. */
static void large(void) {
    rbf_case(SOME, 140, 270, 17, 0.1, 0);
    rbf_case(NONE, 270, 270, 17, 0.1, 1);
}

static void nan_stays(void) {
    CASE("one point is NaN");
    const ptrdiff_t m = 21, d = 3;
    REAL *x = input("x", m * d), *k = output("k", m * m);
    x[5 * d + 1] = (REAL)NAN;
    RUN(FS(rbf_gram)(k, x, NULL, m, m, d, 1));
    for (ptrdiff_t at = 0; at < m * m; at++) EXPECT(isnan(k[at]) == (at / m == 5 || at % m == 5));
}

const struct test FS(tests_rbf)[] = {{"rbf_gram", rbf_gram}, {"large", large}, {"NaN stays", nan_stays}, {NULL, NULL}};
