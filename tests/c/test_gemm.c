/* Products of matrices in every layout, against sums in a wider type; |error| <= (k + 2) eps |A||B| (prototypes.h). */
#include "typed.h"

enum layout { ROWS, COLUMNS, SPREAD, LAYOUTS };

typedef struct {
    const REAL *at;
    ptrdiff_t row, col;
} matrix;

/* With `gap` unused elements after each line. */
static matrix make(const char *name, enum layout layout, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t gap) {
    const ptrdiff_t line = (layout == COLUMNS ? rows : cols) + gap;
    matrix a = {NULL, layout == COLUMNS ? 1 : line, layout == COLUMNS ? line : 1};
    if (layout == SPREAD) a = (matrix){NULL, 3 * cols + gap, 3};
    a.at = input(name, rows && cols ? (rows - 1) * a.row + (cols - 1) * a.col + 1 : 0);
    return a;
}

/* One element of C against the sum; `old` is what C held. */
static void expect_element(REAL got, matrix a, matrix b, ptrdiff_t i, ptrdiff_t j, ptrdiff_t k, wide old,
                           ptrdiff_t at) {
    wide sum = old, size = W(fabs)(old);
    for (ptrdiff_t p = 0; p < k; p++) {
        const wide term = (wide)a.at[i * a.row + p * a.col] * b.at[p * b.row + j * b.col];
        sum += term;
        size += W(fabs)(term);
    }
    expect_near("c", at, got, sum, (wide)(k + 2) * EPS * size);
}

/* All of C, or of a large one a sample that reaches every row and column. */
static void expect_product(const REAL *c, ptrdiff_t ldc, matrix a, matrix b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                           const REAL *old, const REAL *bias) {
    const ptrdiff_t step = 1 + m * n * k / 200000;
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            const ptrdiff_t at = i * ldc + j;
            check_digest_add(c + at, sizeof *c);
            if ((i + j) % step == 0) expect_element(c[at], a, b, i, j, k, old ? (wide)old[at] : bias ? bias[j] : 0, at);
        }
        for (ptrdiff_t at = i * ldc + n; at < (i + 1) * ldc && i + 1 < m; at++) {
            EXPECT(old ? c[at] == old[at] : is_unwritten(c[at]));
        }
    }
}

enum extra { PLAIN, BIAS, ACCUMULATE, EXTRAS };

static void gemm_case(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, enum layout la, enum layout lb, enum extra extra,
                      ptrdiff_t gap) {
    CASE("m=%td n=%td k=%td layouts=%d,%d extra=%d gap=%td", m, n, k, (int)la, (int)lb, (int)extra, gap);
    const matrix a = make("a", la, m, k, gap), b = make("b", lb, k, n, gap);
    const ptrdiff_t ldc = n + gap, size = m ? (m - 1) * ldc + n : 0;
    REAL *c = extra == ACCUMULATE ? inout("c", size) : output("c", size), *old = output("old", size);
    const REAL *bias = extra == BIAS ? input("bias", n) : NULL;
    memcpy(old, c, (size_t)size * sizeof(REAL));
    RUN(FS(gemm)(c, ldc, a.at, a.row, a.col, b.at, b.row, b.col, m, n, k, extra == ACCUMULATE, bias));
    expect_product(c, ldc, a, b, m, n, k, extra == ACCUMULATE ? old : NULL, bias);
}

static void gemm(void) {
    for (int la = 0; la < LAYOUTS; la++) {
        for (int lb = 0; lb < LAYOUTS; lb++) {
            for (int extra = 0; extra < EXTRAS; extra++) {
                gemm_case(0, 3, 4, la, lb, extra, 0);
                gemm_case(3, 0, 4, la, lb, extra, 0);
                gemm_case(5, 3, 0, la, lb, extra, 1);
                gemm_case(1, 1, 1, la, lb, extra, 0);
                for (int i = 0; i < 6; i++) {
                    gemm_case(1 + check_below(40), 1 + check_below(80), 1 + check_below(50), la, lb, extra, i % 3);
                }
            }
        }
    }
}

/* Across the blocks of n and k, and wide enough for threads. */
static void gemm_large(void) {
    gemm_case(61, 521, 67, ROWS, ROWS, BIAS, 0);
    gemm_case(17, 35, 773, ROWS, ROWS, ACCUMULATE, 1);
    gemm_case(35, 70, 300, COLUMNS, ROWS, PLAIN, 0);
    gemm_case(130, 67, 90, ROWS, COLUMNS, BIAS, 3);
    gemm_case(1, 1031, 300, ROWS, COLUMNS, PLAIN, 0);
    gemm_case(301, 1, 700, ROWS, ROWS, PLAIN, 0);
    gemm_case(401, 10, 150, ROWS, COLUMNS, BIAS, 1);
    gemm_case(67, 19, 401, ROWS, COLUMNS, ACCUMULATE, 0);
}

/* Rows that fall into the same sets of the cache are packed: A of 256 columns, B of 256 and of 5000. */
static void gemm_packed(void) {
    gemm_case(70, 130, 256, ROWS, ROWS, BIAS, 0);
    gemm_case(67, 256, 33, COLUMNS, ROWS, PLAIN, 0);
    gemm_case(256, 67, 300, COLUMNS, COLUMNS, ACCUMULATE, 0);
    gemm_case(9, 5000, 5, ROWS, ROWS, PLAIN, 0);
}

/* One row or one column, in every layout; wide enough for threads, and for the tails of the kernels that read B only. */
static void gemm_rows(void) {
    for (int la = 0; la < LAYOUTS; la++) {
        for (int lb = 0; lb < LAYOUTS; lb++) {
            for (int extra = 0; extra < EXTRAS; extra++) {
                gemm_case(1, 1 + check_below(150), 1 + check_below(70), la, lb, extra, extra);
                gemm_case(1 + check_below(150), 1, 1 + check_below(70), la, lb, extra, 0);
                gemm_case(1 + check_below(20), 1, 1 + check_below(20), la, lb, extra, 2);
            }
        }
    }
    gemm_case(1, 1031, 500, ROWS, COLUMNS, BIAS, 0);
    gemm_case(1, 1031, 500, ROWS, ROWS, ACCUMULATE, 1);
    gemm_case(1031, 1, 500, ROWS, ROWS, PLAIN, 0);
    gemm_case(1031, 1, 500, COLUMNS, ROWS, PLAIN, 0);
}

/* Every way to pack, deeper than a block: panels for all, panels for each chunk, strips of A in rows and in columns, both. */
static void gemm_deep(void) {
    gemm_case(31, 100, 900, ROWS, COLUMNS, BIAS, 0);
    gemm_case(300, 100, 450, ROWS, COLUMNS, ACCUMULATE, 1);
    gemm_case(70, 300, 512, ROWS, COLUMNS, PLAIN, 0);
    gemm_case(256, 600, 400, COLUMNS, SPREAD, BIAS, 0);
    gemm_case(60, 256, 1024, ROWS, ROWS, PLAIN, 0);
    gemm_case(256, 1100, 700, COLUMNS, ROWS, PLAIN, 0);
    gemm_case(300, 600, 700, COLUMNS, COLUMNS, BIAS, 0);
    gemm_case(301, 256, 1024, ROWS, ROWS, ACCUMULATE, 0);
    gemm_case(301, 67, 600, ROWS, ROWS, BIAS, 1);
}

static void same_bits_case(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, enum layout la, enum layout lb) {
    const int before = fs_get_num_threads(), teams[] = {1, 2, 3, 4, 8};
    CASE("m=%td n=%td k=%td layouts=%d,%d, with 1 to 8 threads", m, n, k, (int)la, (int)lb);
    const matrix a = make("a", la, m, k, 0), b = make("b", lb, k, n, 0);
    REAL *first = output("first", m * n), *c = output("c", m * n);
    for (ptrdiff_t t = 0; t < LENGTH(teams); t++) {
        fs_set_num_threads(teams[t]);
        const int status = FS(gemm)(t ? c : first, n, a.at, a.row, a.col, b.at, b.row, b.col, m, n, k, 0, NULL);
        fs_set_num_threads(before);
        RUN(status);
        if (t && memcmp(c, first, (size_t)(m * n) * sizeof(REAL)) != 0) FAIL("other bits with %d threads", teams[t]);
    }
}

static void same_bits(void) {
    same_bits_case(130, 256, 300, ROWS, ROWS);
    same_bits_case(64, 300, 200, ROWS, COLUMNS);
    same_bits_case(270, 130, 200, ROWS, COLUMNS);
    same_bits_case(200, 300, 100, COLUMNS, ROWS);
    same_bits_case(256, 300, 700, COLUMNS, ROWS);
    same_bits_case(301, 256, 1024, ROWS, ROWS);
    same_bits_case(1, 1031, 500, ROWS, COLUMNS);
    same_bits_case(401, 10, 150, ROWS, COLUMNS);
}

static void infinities(void) {
    CASE("inf and NaN");
    REAL *a = input("a", 2 * 3), *b = input("b", 3 * 37), *c = output("c", 2 * 37);
    for (ptrdiff_t i = 0; i < 3 * 37; i++) b[i] = (REAL)(1 + i % 7);
    a[0] = (REAL)INFINITY;
    a[5] = (REAL)NAN;
    RUN(FS(gemm)(c, 37, a, 3, 1, b, 37, 1, 2, 37, 3, 0, NULL));
    for (ptrdiff_t j = 0; j < 37; j++) {
        expect_equal("c", j, c[j], (REAL)INFINITY);
        expect_equal("c", 37 + j, c[37 + j], (REAL)NAN);
    }
}

static void batched_case(ptrdiff_t batch, ptrdiff_t terms, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int transposed) {
    CASE("batch=%td terms=%td m=%td n=%td k=%td transposed=%d", batch, terms, m, n, k, transposed);
    const ptrdiff_t count = batch * terms, pool = batch + terms;
    const REAL *a = input("a", pool * m * k), *b = input("b", pool * k * n);
    REAL *c = output("c", batch * m * n);
    ptrdiff_t *a_offset = indices("a_offset", count), *b_offset = indices("b_offset", count);
    for (ptrdiff_t i = 0; i < count; i++) {
        a_offset[i] = check_below(pool) * m * k;
        b_offset[i] = check_below(pool) * k * n;
    }
    const ptrdiff_t a_row = transposed ? 1 : k, a_col = transposed ? m : 1;
    const ptrdiff_t b_row = transposed ? 1 : n, b_col = transposed ? k : 1;
    RUN(FS(gemm_batched)(c, a, a_offset, a_row, a_col, b, b_offset, b_row, b_col, batch, terms, m, n, k));
    for (ptrdiff_t i = 0; i < batch; i++) {
        for (ptrdiff_t at = 0; at < m * n; at++) {
            wide sum = 0, size = 0;
            for (ptrdiff_t t = 0; t < terms * k; t++) {
                const ptrdiff_t pair = i * terms + t / k, p = t % k;
                const wide term = (wide)a[a_offset[pair] + at / n * a_row + p * a_col] *
                                  b[b_offset[pair] + p * b_row + at % n * b_col];
                sum += term;
                size += W(fabs)(term);
            }
            expect_near("c", i * m * n + at, c[i * m * n + at], sum, (wide)(terms * (k + 2)) * EPS * size);
        }
    }
}

static void gemm_batched(void) {
    for (int transposed = 0; transposed < 2; transposed++) {
        batched_case(0, 1, 3, 3, 3, transposed);
        batched_case(1, 1, 1, 1, 1, transposed);
        batched_case(3, 1, 5, 7, 9, transposed);
        batched_case(7, 3, 4, 17, 6, transposed);
        batched_case(9, 1, 23, 35, 31, transposed); /* handed out whole */
        batched_case(2, 5, 33, 37, 19, transposed);
    }
}

/* Every height and width of the tile, and depths around its steps. */
static void gemm_tile(void) {
    const ptrdiff_t mr = FS(simd)->gemm_mr, nr = FS(simd)->gemm_nr, depths[] = {1, 2, 5};
    for (ptrdiff_t m = 1; m <= mr; m++) {
        for (ptrdiff_t n = 1; n <= nr; n++) {
            const ptrdiff_t k = depths[(m + n) % LENGTH(depths)];
            const enum extra extra = (enum extra)(m * 5 + n) % EXTRAS;
            const enum layout layout = (enum layout)((m + 2 * n) % LAYOUTS);
            CASE("m=%td n=%td k=%td layout=%d extra=%d", m, n, k, (int)layout, (int)extra);
            const matrix a = make("a", layout, m, k, 0), b = make("b", ROWS, k, n, 2);
            const ptrdiff_t ldc = n + 1, size = (m - 1) * ldc + n;
            REAL *c = extra == ACCUMULATE ? inout("c", size) : output("c", size), *old = output("old", size);
            const REAL *bias = extra == BIAS ? input("bias", n) : NULL;
            memcpy(old, c, (size_t)size * sizeof(REAL));
            CALL(FS(simd)->gemm_tile(m, n, k, a.at, a.row, a.col, b.at, b.row, c, ldc, extra == ACCUMULATE, bias));
            expect_product(c, ldc, a, b, m, n, k, extra == ACCUMULATE ? old : NULL, bias);
        }
    }
}

static void gemm_pack(void) {
    const ptrdiff_t nr = FS(simd)->gemm_nr, depths[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 33};
    for (ptrdiff_t width = 1; width <= nr; width++) {
        for (ptrdiff_t d = 0; d < LENGTH(depths); d++) {
            const ptrdiff_t k = depths[d];
            const enum layout layout = (enum layout)((width + d) % LAYOUTS);
            CASE("k=%td width=%td layout=%d", k, width, (int)layout);
            const matrix b = make("b", layout, k, width, d % 2);
            REAL *to = output("to", k * nr);
            CALL(FS(simd)->gemm_pack(to, b.at, b.row, b.col, k, width));
            for (ptrdiff_t at = 0; at < k * nr; at++) {
                const ptrdiff_t p = at / nr, j = at % nr;
                expect_equal("to", at, to[at], j < width ? b.at[p * b.row + j * b.col] : 0);
            }
        }
    }
}

static void gemm_pack_lines(void) {
    const ptrdiff_t mr = FS(simd)->gemm_mr;
    for (ptrdiff_t width = 1; width <= mr; width++) {
        for (ptrdiff_t lines = 1; lines < 6; lines += 2) {
            CASE("width=%td lines=%td", width, lines);
            const ptrdiff_t step = width + lines % 4;
            const REAL *a = input("a", (lines - 1) * step + width);
            REAL *to = output("to", lines * width + 16); /* as many as a register of any instruction set holds */
            CALL(FS(simd)->gemm_pack_lines(to, a, step, lines, width));
            for (ptrdiff_t at = 0; at < lines * width; at++) {
                expect_equal("to", at, to[at], a[at / width * step + at % width]);
            }
        }
    }
}

/* The kernels of one row, every tail of n and k. */
static void gemm_row(void) {
    const ptrdiff_t sizes[] = {1, 2, 3, 5, 8, 13, 16, 17, 31, 33, 64, 129, 150}, depths[] = {1, 2, 7, 8, 16, 19, 40};
    for (ptrdiff_t s = 0; s < LENGTH(sizes); s++) {
        for (ptrdiff_t d = 0; d < LENGTH(depths); d++) {
            const ptrdiff_t n = sizes[s], k = depths[d];
            const enum extra extra = (enum extra)((s + d) % EXTRAS);
            for (int turned = 0; turned < 2; turned++) {
                CASE("n=%td k=%td turned=%d extra=%d", n, k, turned, (int)extra);
                const matrix a = make("a", turned || d % 2 ? ROWS : SPREAD, 1, k, 0);
                const matrix b = make("b", turned ? COLUMNS : ROWS, k, n, d % 3);
                REAL *c = extra == ACCUMULATE ? inout("c", n) : output("c", n), *old = output("old", n);
                const REAL *bias = extra == BIAS ? input("bias", n) : NULL;
                memcpy(old, c, (size_t)n * sizeof(REAL));
                if (turned) {
                    CALL(FS(simd)->gemm_dots(c, n, k, a.at, b.at, b.col, extra == ACCUMULATE, bias));
                } else {
                    CALL(FS(simd)->gemm_row(c, n, k, a.at, a.col, b.at, b.row, extra == ACCUMULATE, bias));
                }
                expect_product(c, n, a, b, 1, n, k, extra == ACCUMULATE ? old : NULL, bias);
            }
        }
    }
}

/* Inner products: every tail of rows, columns and depth. */
static void gemm_slim(void) {
    const ptrdiff_t heights[] = {1, 2, 3, 4, 5, 8, 15, 16, 17, 35}, depths[] = {1, 2, 7, 8, 16, 19, 40};
    for (ptrdiff_t h = 0; h < LENGTH(heights); h++) {
        for (ptrdiff_t n = 1; n <= 11; n++) {
            const ptrdiff_t m = heights[h], k = depths[(h + n) % LENGTH(depths)], ldc = n + h % 3;
            const enum extra extra = (enum extra)((h + n) % EXTRAS);
            CASE("m=%td n=%td k=%td extra=%d", m, n, k, (int)extra);
            const matrix a = make("a", ROWS, m, k, n % 3), b = make("b", COLUMNS, k, n, h % 3);
            const ptrdiff_t size = (m - 1) * ldc + n;
            REAL *c = extra == ACCUMULATE ? inout("c", size) : output("c", size), *old = output("old", size);
            const REAL *bias = extra == BIAS ? input("bias", n) : NULL;
            memcpy(old, c, (size_t)size * sizeof(REAL));
            CALL(FS(simd)->gemm_slim(c, ldc, m, n, k, a.at, a.row, b.at, b.col, extra == ACCUMULATE, bias));
            expect_product(c, ldc, a, b, m, n, k, extra == ACCUMULATE ? old : NULL, bias);
        }
    }
}

const struct test FS(tests_gemm)[] = {{"gemm", gemm},
                                      {"gemm rows", gemm_rows},
                                      {"gemm deep", gemm_deep},
                                      {"same bits", same_bits},
                                      {"gemm_pack_lines", gemm_pack_lines},
                                      {"gemm_row", gemm_row},
                                      {"gemm_slim", gemm_slim},
                                      {"gemm large", gemm_large},
                                      {"gemm packed", gemm_packed},
                                      {"infinities", infinities},
                                      {"gemm_batched", gemm_batched},
                                      {"gemm_tile", gemm_tile},
                                      {"gemm_pack", gemm_pack},
                                      {NULL, NULL}};
