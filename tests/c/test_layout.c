/* Matrices turned over: every element in its place, bit for bit. */
#include "typed.h"

static void transpose_case(ptrdiff_t batch, ptrdiff_t rows, ptrdiff_t cols) {
    CASE("batch=%td rows=%td cols=%td", batch, rows, cols);
    REAL *x = reals("x", batch * rows * cols, GUARD_INPUT);
    if (batch * rows * cols > 0) x[batch * rows * cols / 2] = (REAL)NAN;
    REAL *y = output("y", batch * rows * cols);
    RUN(FS(transpose)(y, x, batch, rows, cols));
    for (ptrdiff_t n = 0; n < batch; n++) {
        for (ptrdiff_t i = 0; i < rows; i++) {
            for (ptrdiff_t j = 0; j < cols; j++) {
                const ptrdiff_t at = (n * cols + j) * rows + i;
                expect_equal("y", at, y[at], x[(n * rows + i) * cols + j]);
            }
        }
    }
}

static void transpose(void) {
    transpose_case(0, 3, 3);
    transpose_case(2, 0, 3);
    transpose_case(2, 3, 0);
    transpose_case(1, 1, 1);
    for (ptrdiff_t rows = 1; rows <= 18; rows += 4) {
        for (ptrdiff_t cols = 1; cols <= 33; cols += 5) transpose_case(2, rows, cols);
    }
    transpose_case(3, 32, 16);
    transpose_case(37, 19, 49); /* for threads: matrices together */
    transpose_case(1, 259, 131); /* and one cut into bands */
    transpose_case(1, 2, 16500);
}

const struct test FS(tests_layout)[] = {{"transpose", transpose}, {NULL, NULL}};
