/* Second moments of weighted points against sums taken one by one; limits as in prototypes.h. */
#include "typed.h"

static void scatter_case(ptrdiff_t n, ptrdiff_t d, int weighted, int shifted) {
    CASE("n=%td d=%td weighted=%d shifted=%d", n, d, weighted, shifted);
    const REAL *x = input("x", n * d), *shift = shifted ? input("shift", d) : NULL;
    REAL *weight = weighted ? input("weight", n) : NULL;
    for (ptrdiff_t i = 0; weighted && i < n; i++) weight[i] *= weight[i];
    REAL *matrix = output("matrix", d * d), *total = output("total", d);
    RUN(FS(scatter)(matrix, total, x, weight, shift, n, d));
    const ptrdiff_t step = 1 + n * d * d / 1000000;
    for (ptrdiff_t at = 0; at < d * d; at++) {
        const ptrdiff_t i = at / d, j = at % d;
        check_digest_add(matrix + at, sizeof *matrix);
        EXPECT(matrix[at] == matrix[j * d + i]);
        if (at % step) continue;
        wide sum = 0, size = 0;
        for (ptrdiff_t p = 0; p < n; p++) {
            const wide a = x[p * d + i] - (shifted ? (wide)shift[i] : 0), b = x[p * d + j] - (shifted ? (wide)shift[j] : 0);
            const wide term = (weighted ? (wide)weight[p] : 1) * a * b;
            sum += term;
            size += W(fabs)(term);
        }
        expect_near("matrix", at, matrix[at], sum, (wide)(n + 8) * EPS * size);
    }
    for (ptrdiff_t j = 0; j < d; j++) {
        wide sum = 0, size = 0;
        for (ptrdiff_t p = 0; p < n; p++) {
            const wide term = (weighted ? (wide)weight[p] : 1) * (x[p * d + j] - (shifted ? (wide)shift[j] : 0));
            sum += term;
            size += W(fabs)(term);
        }
        check_digest_add(total + j, sizeof *total);
        expect_near("total", j, total[j], sum, (wide)(n + 8) * EPS * size);
    }
}

static void scatter(void) {
    for (ptrdiff_t d = 1; d <= 40; d++) scatter_case(d * 7 % 13, d, d % 2, d / 2 % 2);
    scatter_case(0, 3, 0, 0);
    scatter_case(5, 0, 1, 1);
    scatter_case(129, 150, 1, 1);  /* two blocks of rows, two strips */
    scatter_case(2100, 9, 1, 0);   /* segments */
    scatter_case(10000, 5, 0, 1);  /* as many as there are */
}

const struct test FS(tests_scatter)[] = {{"scatter", scatter}, {NULL, NULL}};
