/* Distances by differences, and points about their mean, one by one in a wider type; limits as in prototypes.h. */
#include "typed.h"

static wide distance(const REAL *a, const REAL *b, ptrdiff_t d) {
    wide sum = 0;
    for (ptrdiff_t p = 0; p < d; p++) sum += ((wide)a[p] - b[p]) * ((wide)a[p] - b[p]);
    return sum;
}

static void distances_case(ptrdiff_t m, ptrdiff_t n, ptrdiff_t d) {
    CASE("m=%td n=%td d=%td", m, n, d);
    REAL *x = input("x", m * d);
    const REAL *z = input("z", n * d);
    if (m && n) memcpy(x, z, (size_t)d * sizeof(REAL));
    REAL *y = output("y", m * n);
    RUN(FS(squared_distances)(y, x, z, m, n, d));
    for (ptrdiff_t at = 0; at < m * n; at++) {
        const wide want = distance(x + at / n * d, z + at % n * d, d);
        expect_near("y", at, y[at], want, (wide)(d + 2) * EPS * want);
    }
    if (m && n) EXPECT(y[0] == 0);
}

static void squared_distances(void) {
    for (ptrdiff_t d = 0; d <= 40; d++) distances_case(1 + d % 9, 1 + d * 5 % 12, d);
    distances_case(0, 3, 2);
    distances_case(3, 0, 2);
    distances_case(200, 7, 90);
}

static void indexed_case(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, ptrdiff_t d) {
    CASE("m=%td n=%td k=%td d=%td", m, n, k, d);
    const REAL *x = input("x", m * d), *z = input("z", n * d);
    int64_t *index = guard_alloc("index", (size_t)(m * k) * sizeof *index, GUARD_INPUT);
    for (ptrdiff_t i = 0; i < m * k; i++) index[i] = (int64_t)check_below(n);
    REAL *y = output("y", m * k);
    RUN(FS(indexed_distances)(y, x, z, index, m, n, k, d));
    for (ptrdiff_t at = 0; at < m * k; at++) {
        const wide want = distance(x + at / k * d, z + index[at] * d, d);
        expect_near("y", at, y[at], want, (wide)(d + 2) * EPS * want);
    }
}

static void indexed_distances(void) {
    for (ptrdiff_t d = 0; d <= 20; d++) indexed_case(1 + d % 5, 1 + d % 7, 1 + d % 3, d);
    indexed_case(0, 2, 3, 4);
    indexed_case(3, 2, 0, 4);
    indexed_case(300, 5, 6, 70);
    CASE("an index out of range");
    int64_t *index = guard_alloc("index", 2 * sizeof *index, GUARD_INPUT);
    index[0] = 0;
    for (int64_t wrong = -1; wrong <= 3; wrong += 4) {
        index[1] = wrong;
        REAL y[2], x[2] = {0, 0}, z[3] = {0, 0, 0};
        EXPECT(FS(indexed_distances)(y, x, z, index, 2, 3, 1, 1) == FS_EINDEX);
    }
}

static void centred_case(ptrdiff_t m, ptrdiff_t d, wide away) {
    CASE("m=%td d=%td away=%g", m, d, (double)away);
    REAL *x = input("x", m * d);
    for (ptrdiff_t i = 0; i < m * d; i++) x[i] += (REAL)away;
    REAL *moved = output("moved", m * d), *mean = output("mean", d);
    RUN(FS(centred)(moved, mean, x, m, d));
    for (ptrdiff_t j = 0; j < d; j++) {
        wide sum = 0, size = 0;
        for (ptrdiff_t i = 0; i < m; i++) {
            sum += x[i * d + j];
            size += W(fabs)((wide)x[i * d + j]);
        }
        expect_near("mean", j, mean[j], sum / (wide)m, ((wide)m / 128 + 130) * EPS * size / (wide)m);
        for (ptrdiff_t i = 0; i < m; i++) expect_equal("moved", i * d + j, moved[i * d + j], x[i * d + j] - mean[j]);
    }
}

static void centred(void) {
    for (ptrdiff_t d = 1; d <= 40; d++) centred_case(1 + d * 7 % 30, d, d % 2 ? 0 : 100);
    centred_case(5, 0, 0);
    centred_case(0, 5, 0);
    centred_case(300, 3, -7);
    centred_case(5000, 30, 1);
}

const struct test FS(tests_distances)[] = {{"squared_distances", squared_distances},
                                           {"indexed_distances", indexed_distances},
                                           {"centred", centred},
                                           {NULL, NULL}};
