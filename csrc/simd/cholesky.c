/* The triangular corners of Cholesky's factor and of substitution, at most CHOLESKY_BASE wide; GEMM does the rest. */
#include "vec.h"

#include "kernels.h"

#include <string.h>

enum { BASE = CHOLESKY_BASE, ROWS = 4, WIDE = 4 };

/* ROWS rows at a time: the division of one hides behind the others. Missing rows are zeros. */
static void solve_rows(REAL *x, ptrdiff_t ld, ptrdiff_t rows, const REAL *t, const REAL *diagonal, ptrdiff_t n) {
    REAL row[ROWS][BASE];
    memset(row, 0, sizeof row);
    for (ptrdiff_t r = 0; r < rows; r++) memcpy(row[r], x + r * ld, (size_t)n * sizeof(REAL));
    for (ptrdiff_t j = 0; j < n; j++) {
        for (int r = 0; r < ROWS; r++) {
            const REAL q = row[r][j] / diagonal[j];
            const vec factor = v_set1(q);
            row[r][j] = q;
            for (ptrdiff_t v = j / VL * VL; v < n; v += VL) { /* t is 0 up to its diagonal */
                v_store(row[r] + v, v_fnma(factor, v_load(t + j * BASE + v), v_load(row[r] + v)));
            }
        }
    }
    for (ptrdiff_t r = 0; r < rows; r++) memcpy(x + r * ld, row[r], (size_t)n * sizeof(REAL));
}

void FS_SIMD(cholesky_rows)(REAL *x, ptrdiff_t ld, ptrdiff_t rows, const REAL *t, const REAL *diagonal, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < rows; i += ROWS) solve_rows(x + i * ld, ld, FS_MIN(ROWS, rows - i), t, diagonal, n);
}

/* nv registers of columns, or one with a tail of `lanes`; nv and partial are constants where this is inlined. */
FS_INLINE void substitute(const int nv, const int partial, REAL *x, ptrdiff_t step, const REAL *t, ptrdiff_t n,
                          ptrdiff_t lanes) {
    for (ptrdiff_t i = 0; i < n; i++) {
        vec acc[WIDE];
        const vec pivot = v_set1(t[i * BASE + i]);
        for (int v = 0; v < nv; v++) acc[v] = partial ? v_load_n(x + i * step, lanes) : v_load(x + i * step + v * VL);
        for (ptrdiff_t j = 0; j < i; j++) {
            const vec factor = v_set1(t[i * BASE + j]);
            for (int v = 0; v < nv; v++) {
                const vec known = partial ? v_load_n(x + j * step, lanes) : v_load(x + j * step + v * VL);
                acc[v] = v_fnma(factor, known, acc[v]);
            }
        }
        for (int v = 0; v < nv; v++) {
            const vec y = v_div(acc[v], pivot);
            if (partial) {
                v_store_n(x + i * step, y, lanes);
            } else {
                v_store(x + i * step + v * VL, y);
            }
        }
    }
}

void FS_SIMD(cholesky_substitute)(REAL *x, ptrdiff_t step, const REAL *t, ptrdiff_t n, ptrdiff_t columns) {
    ptrdiff_t c = 0;
    for (; c + WIDE * VL <= columns; c += WIDE * VL) substitute(WIDE, 0, x + c, step, t, n, 0);
    for (; c + VL <= columns; c += VL) substitute(1, 0, x + c, step, t, n, 0);
    if (c < columns) substitute(1, 1, x + c, step, t, n, columns - c);
}
