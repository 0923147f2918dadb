/* Rows by number: exact forward, sums in order backward. */
#include "typed.h"

static int64_t *numbers(ptrdiff_t count, ptrdiff_t rows) {
    int64_t *index = guard_alloc("index", (size_t)count * sizeof(int64_t), GUARD_INPUT);
    for (ptrdiff_t i = 0; i < count; i++) index[i] = (int64_t)check_below(rows);
    return index;
}

static void embedding_case(ptrdiff_t count, ptrdiff_t rows, ptrdiff_t d, ptrdiff_t padding) {
    CASE("count=%td rows=%td d=%td padding=%td", count, rows, d, padding);
    const REAL *weight = input("weight", rows * d), *dy = input("dy", count * d);
    const int64_t *index = numbers(count, rows);
    REAL *y = output("y", count * d), *dw = output("dw", rows * d);
    RUN(FS(embedding_forward)(y, weight, index, count, rows, d));
    RUN(FS(embedding_backward)(dw, dy, index, count, rows, d, padding));
    for (ptrdiff_t i = 0; i < count * d; i++) expect_equal("y", i, y[i], weight[index[i / d] * d + i % d]);
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t j = 0; j < d; j++) {
            wide sum = 0, size = 0, uses = 0;
            for (ptrdiff_t i = 0; i < count; i++) {
                if (index[i] != r || r == padding) continue;
                sum += dy[i * d + j];
                size += W(fabs)((wide)dy[i * d + j]);
                uses++;
            }
            expect_near("dw", r * d + j, dw[r * d + j], sum, uses * EPS * size);
        }
    }
}

static void embedding(void) {
    embedding_case(0, 3, 4, -1);
    embedding_case(5, 3, 0, -1);
    embedding_case(1, 1, 1, 0);
    embedding_case(7, 5, 3, 2);
    embedding_case(40, 4, 33, -1);
    embedding_case(600, 11, 190, 3); /* for threads */
}

static void out_of_range(void) {
    for (ptrdiff_t at = 0; at < 5; at++) {
        for (int high = 0; high < 2; high++) {
            CASE("index %td too %s", at, high ? "high" : "low");
            const REAL *weight = input("weight", 4 * 3), *dy = input("dy", 5 * 3);
            int64_t *index = numbers(5, 4);
            REAL *y = output("y", 5 * 3), *dw = output("dw", 4 * 3);
            index[at] = high ? (at % 2 ? 4 : INT64_MAX) : (at % 2 ? -1 : INT64_MIN);
            guard_freeze();
            EXPECT(FS(embedding_forward)(y, weight, index, 5, 4, 3) == FS_EINDEX);
            EXPECT(FS(embedding_backward)(dw, dy, index, 5, 4, 3, -1) == FS_EINDEX);
            for (ptrdiff_t i = 0; i < 5 * 3; i++) EXPECT(is_unwritten(y[i]));
            for (ptrdiff_t i = 0; i < 4 * 3; i++) EXPECT(is_unwritten(dw[i]));
        }
    }
}

const struct test FS(tests_embedding)[] = {{"embedding", embedding}, {"out of range", out_of_range}, {NULL, NULL}};
