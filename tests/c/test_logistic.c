/* Loss and gradient of a linear classifier against sums taken one by one; limits as in prototypes.h. */
#include "typed.h"

#include <stdlib.h>

typedef struct {
    ptrdiff_t n, d, k;
    const REAL *x, *w, *b, *weight;
    const int64_t *label;
} problem;

/* Shares of the classes of row i, its loss, and the error of its scores. */
static wide shares(wide *p, wide *loss, const problem *g, ptrdiff_t i) {
    wide most = 0, sum = 0, error = 0;
    for (ptrdiff_t c = 0; c < g->k; c++) {
        wide size = W(fabs)(g->b[c]);
        p[c] = g->b[c];
        for (ptrdiff_t j = 0; j < g->d; j++) {
            const wide term = (wide)g->w[c * g->d + j] * g->x[i * g->d + j];
            p[c] += term;
            size += W(fabs)(term);
        }
        if (c == 0 || p[c] > most) most = p[c];
        error = W(fmax)(error, (wide)(g->d + 4) * EPS * size);
    }
    for (ptrdiff_t c = 0; c < g->k; c++) sum += W(exp)(p[c] - most);
    *loss = most + W(log)(sum) - p[g->label[i]];
    for (ptrdiff_t c = 0; c < g->k; c++) p[c] = W(exp)(p[c] - most) / sum;
    return 2 * error + (wide)(g->k + 14) * EPS + 3 * EPS * W(fabs)(most) + 3 * EPS * W(log)(sum) + 60 * EPS;
}

static void logistic_case(ptrdiff_t n, ptrdiff_t d, ptrdiff_t k, int weighted) {
    CASE("n=%td d=%td k=%td weighted=%d", n, d, k, weighted);
    REAL *weight = weighted ? input("weight", n) : NULL;
    int64_t *label = guard_alloc("label", (size_t)n * sizeof(int64_t), GUARD_INPUT);
    for (ptrdiff_t i = 0; weighted && i < n; i++) weight[i] *= weight[i];
    for (ptrdiff_t i = 0; i < n; i++) label[i] = (int64_t)check_below(k);
    const problem g = {n, d, k, input("x", n * d), input("w", k * d), input("b", k), weight, label};
    REAL *dw = output("dw", k * d), *db = output("db", k);
    double loss;
    RUN(FS(logistic_gradient)(&loss, dw, db, g.x, g.w, g.b, label, weight, n, d, k));
    wide *sum = calloc((size_t)(2 * k * (d + 1) + k), sizeof *sum), *size = sum + k * (d + 1), *p = size + k * (d + 1);
    wide whole = 0, whole_error = 0;
    const wide rows = (wide)(n < 1024 ? n + 8 : 1032) * EPS + (wide)n * 2.3e-16;
    for (ptrdiff_t i = 0; i < n; i++) {
        wide one;
        const wide error = shares(p, &one, &g, i), s = weighted ? (wide)weight[i] : 1;
        whole += s * one;
        whole_error += s * (error + 4 * EPS * one);
        for (ptrdiff_t c = 0; c < k; c++) {
            const wide slope = s * (p[c] - (c == label[i])), slope_error = s * p[c] * 2 * error + 4 * EPS * s;
            for (ptrdiff_t j = 0; j <= d; j++) {
                const wide x = j < d ? g.x[i * d + j] : 1;
                sum[c * (d + 1) + j] += slope * x;
                size[c * (d + 1) + j] += (slope_error + rows * W(fabs)(slope)) * W(fabs)(x);
            }
        }
    }
    expect_near("loss", 0, (REAL)loss, whole, whole_error + EPS * whole);
    for (ptrdiff_t c = 0; c < k; c++) {
        for (ptrdiff_t j = 0; j < d; j++) {
            check_digest_add(dw + c * d + j, sizeof *dw);
            expect_near("dw", c * d + j, dw[c * d + j], sum[c * (d + 1) + j], size[c * (d + 1) + j]);
        }
        expect_near("db", c, db[c], sum[c * (d + 1) + d], size[c * (d + 1) + d]);
    }
    free(sum);
}

static void logistic(void) {
    for (ptrdiff_t k = 1; k <= 36; k++) logistic_case(k * 7 % 23, k * 5 % 40, k, k % 2);
    logistic_case(0, 3, 2, 0);
    logistic_case(1, 0, 3, 1);
    logistic_case(3000, 9, 10, 1); /* sums of blocks, more than once */
    logistic_case(900, 150, 4, 0); /* segments */
}

static void stray_label(void) {
    const REAL x[2] = {1, 2}, w[2] = {1, 1}, b[2] = {0, 0};
    REAL dw[2], db[2];
    double loss;
    for (int64_t wrong = -1; wrong <= 2; wrong += 3) {
        const int64_t label[2] = {0, wrong};
        EXPECT(FS(logistic_gradient)(&loss, dw, db, x, w, b, label, NULL, 2, 1, 2) == FS_EINDEX);
    }
}

const struct test FS(tests_logistic)[] = {{"logistic", logistic}, {"stray_label", stray_label}, {NULL, NULL}};
