/* Lloyd's step against scores and sums taken one by one; limits as in prototypes.h. */
#include "typed.h"

static wide dot(const REAL *a, const REAL *b, ptrdiff_t d) {
    wide sum = 0;
    for (ptrdiff_t p = 0; p < d; p++) sum += (wide)a[p] * b[p];
    return sum;
}

static void check_labels(const int32_t *label, const REAL *x, const REAL *centre, ptrdiff_t n, ptrdiff_t d, ptrdiff_t k) {
    for (ptrdiff_t i = 0; i < n; i++) {
        check_digest_add(label + i, sizeof *label);
        EXPECT(0 <= label[i] && label[i] < k);
        const REAL *own = centre + label[i] * d;
        const wide score = dot(own, own, d) / 2 - dot(x + i * d, own, d), length = W(sqrt)(dot(x + i * d, x + i * d, d));
        for (ptrdiff_t j = 0; j < k; j++) {
            const REAL *c = centre + j * d;
            const wide size = W(sqrt)(dot(c, c, d)) + W(sqrt)(dot(own, own, d));
            EXPECT(score <= dot(c, c, d) / 2 - dot(x + i * d, c, d) + (wide)(d + 2) * EPS * size * (size + length));
        }
    }
}

static void check_sums(const REAL *sum, const REAL *mass, const int32_t *label, const REAL *x, const REAL *weight,
                       ptrdiff_t n, ptrdiff_t d, ptrdiff_t k) {
    for (ptrdiff_t j = 0; j < k; j++) {
        wide whole = 0;
        for (ptrdiff_t i = 0; i < n; i++) whole += label[i] != j ? 0 : weight ? (wide)weight[i] : 1;
        expect_near("mass", j, mass[j], whole, (wide)(n + 2) * EPS * whole);
        for (ptrdiff_t p = 0; p < d; p++) {
            wide total = 0, size = 0;
            for (ptrdiff_t i = 0; i < n; i++) {
                const wide term = label[i] != j ? 0 : (weight ? (wide)weight[i] : 1) * x[i * d + p];
                total += term;
                size += W(fabs)(term);
            }
            expect_near("sum", j * d + p, sum[j * d + p], total, (wide)(n + 2) * EPS * size);
        }
    }
}

static void assign_case(ptrdiff_t n, ptrdiff_t d, ptrdiff_t k, int weighted, int summed) {
    CASE("n=%td d=%td k=%td weighted=%d summed=%d", n, d, k, weighted, summed);
    const REAL *x = input("x", n * d), *centre = input("centre", k * d);
    REAL *weight = weighted ? input("weight", n) : NULL;
    for (ptrdiff_t i = 0; weighted && i < n; i++) weight[i] *= weight[i];
    REAL *sum = summed ? output("sum", k * d) : NULL, *mass = summed ? output("mass", k) : NULL;
    int32_t *label = guard_alloc("label", (size_t)n * sizeof *label, GUARD_OUTPUT);
    RUN(FS(kmeans_assign)(label, sum, mass, x, weight, centre, n, d, k));
    check_labels(label, x, centre, n, d, k);
    if (summed) check_sums(sum, mass, label, x, weight, n, d, k);
}

static void kmeans_assign(void) {
    for (ptrdiff_t d = 0; d <= 40; d++) assign_case(d * 5 % 23, d, 1 + d % 13, d % 2, d % 3 > 0);
    assign_case(600, 9, 7, 1, 1); /* segments */
    assign_case(70, 20, 600, 0, 1); /* blocks of few rows */
}

static void ties(void) {
    CASE("the first of equal centres");
    const ptrdiff_t n = 9, d = 5, k = 4;
    const REAL *x = input("x", n * d);
    REAL *centre = input("centre", k * d);
    for (ptrdiff_t j = 1; j < k; j++) memcpy(centre + j * d, centre, (size_t)d * sizeof(REAL));
    int32_t *label = guard_alloc("label", (size_t)n * sizeof *label, GUARD_OUTPUT);
    RUN(FS(kmeans_assign)(label, NULL, NULL, x, NULL, centre, n, d, k));
    for (ptrdiff_t i = 0; i < n; i++) EXPECT(label[i] == 0);
}

const struct test FS(tests_kmeans)[] = {{"kmeans_assign", kmeans_assign}, {"ties", ties}, {NULL, NULL}};
