/* Second moments of weighted points against sums taken one by one; limits as in prototypes.h. */
#include "typed.h"

/* Element j of row p of [x y]. */
static wide element(const REAL *x, const REAL *y, ptrdiff_t p, ptrdiff_t j, ptrdiff_t d, ptrdiff_t outputs) {
    return j < d ? x[p * d + j] : y[p * outputs + j - d];
}

static void scatter_case(ptrdiff_t n, ptrdiff_t features, ptrdiff_t outputs, int weighted, int shifted) {
    CASE("n=%td d=%td outputs=%td weighted=%d shifted=%d", n, features, outputs, weighted, shifted);
    const ptrdiff_t d = features + outputs;
    const REAL *x = input("x", n * features), *y = outputs ? input("y", n * outputs) : NULL;
    const REAL *shift = shifted ? input("shift", d) : NULL;
    REAL *weight = weighted ? input("weight", n) : NULL;
    for (ptrdiff_t i = 0; weighted && i < n; i++) weight[i] *= weight[i];
    REAL *matrix = output("matrix", d * d), *total = output("total", d);
    RUN(FS(scatter)(matrix, total, x, y, weight, shift, n, features, outputs));
    const wide error = (wide)(n < 768 ? n : 768) * EPS + 8 * EPS + (wide)n * 2.3e-16;
    const ptrdiff_t step = 1 + n * d * d / 1000000;
    for (ptrdiff_t at = 0; at < d * d; at++) {
        const ptrdiff_t i = at / d, j = at % d;
        check_digest_add(matrix + at, sizeof *matrix);
        EXPECT(matrix[at] == matrix[j * d + i]);
        if (at % step) continue;
        wide sum = 0, size = 0;
        for (ptrdiff_t p = 0; p < n; p++) {
            const wide a = element(x, y, p, i, features, outputs) - (shifted ? (wide)shift[i] : 0);
            const wide b = element(x, y, p, j, features, outputs) - (shifted ? (wide)shift[j] : 0);
            const wide term = (weighted ? (wide)weight[p] : 1) * a * b;
            sum += term;
            size += W(fabs)(term);
        }
        expect_near("matrix", at, matrix[at], sum, error * size);
    }
    for (ptrdiff_t j = 0; j < d; j++) {
        wide sum = 0, size = 0;
        for (ptrdiff_t p = 0; p < n; p++) {
            const wide away = element(x, y, p, j, features, outputs) - (shifted ? (wide)shift[j] : 0);
            const wide term = (weighted ? (wide)weight[p] : 1) * away;
            sum += term;
            size += W(fabs)(term);
        }
        check_digest_add(total + j, sizeof *total);
        expect_near("total", j, total[j], sum, error * size);
    }
}

static void scatter(void) {
    for (ptrdiff_t d = 1; d <= 40; d++) scatter_case(d * 7 % 13, d, d / 3 % 4, d % 2, d / 2 % 2);
    scatter_case(0, 3, 0, 0, 0);
    scatter_case(5, 0, 0, 1, 1);
    scatter_case(5, 0, 2, 1, 1);
    scatter_case(300, 150, 2, 1, 1); /* blocks of rows, and bands of the matrix */
    scatter_case(2100, 9, 0, 1, 0);  /* segments */
    scatter_case(10000, 5, 1, 0, 1); /* as many as there are, and blocks added up more than once */
    scatter_case(70, 1100, 0, 0, 1); /* short blocks */
}

const struct test FS(tests_scatter)[] = {{"scatter", scatter}, {NULL, NULL}};
