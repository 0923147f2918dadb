/* The triangular corners of Cholesky's factor and of substitution, at most CHOLESKY_BASE wide; GEMM does the rest. */
#include "vec.h"

#include "kernels.h"

#include <math.h>

enum { BASE = CHOLESKY_BASE, WIDE = 4 };

/* ---- the factor of a corner ---- */

/* How many of a register's lanes at row i, column j are on or below the diagonal. */
FS_INLINE ptrdiff_t lanes_below(ptrdiff_t i, ptrdiff_t j) { return FS_MIN(VL, i - j + 1); }

/* u[j][i] = a[i][j] on and below the diagonal; the other numbers of u's registers are finite or not, and never used. */
static void load_transposed(REAL u[BASE][BASE], const REAL *a, ptrdiff_t ld, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += VL) {
        for (ptrdiff_t j = 0; j <= i; j += VL) {
            vec r[VL];
            for (ptrdiff_t q = 0; q < VL; q++) {
                r[q] = i + q < n ? v_load_n(a + (i + q) * ld + j, lanes_below(i + q, j)) : v_zero();
            }
            v_transpose(r);
            for (ptrdiff_t q = 0; q < VL; q++) v_store(u[j + q] + i, r[q]);
        }
    }
}

/* The way back, and t. */
static void store_transposed(REAL *a, ptrdiff_t ld, REAL *t, ptrdiff_t step, REAL u[BASE][BASE], ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += VL) {
        for (ptrdiff_t j = 0; j <= i; j += VL) {
            vec r[VL];
            for (ptrdiff_t q = 0; q < VL; q++) r[q] = v_load(u[j + q] + i);
            v_transpose(r);
            for (ptrdiff_t q = 0; q < VL && i + q < n; q++) {
                v_store_n(a + (i + q) * ld + j, r[q], lanes_below(i + q, j));
                v_store(t + (i + q) * step + j, v_neg(r[q]));
            }
        }
    }
}

/* nv registers of row j of U = L^T less their products with the rows above; nv is a constant where this is inlined. */
FS_INLINE void subtract_rows(const int nv, REAL u[BASE][BASE], ptrdiff_t j, ptrdiff_t i) {
    vec acc[WIDE];
    for (int v = 0; v < nv; v++) acc[v] = v_load(u[j] + i + v * VL);
    for (ptrdiff_t p = 0; p < j; p++) {
        const vec factor = v_set1(u[p][j]);
        for (int v = 0; v < nv; v++) acc[v] = v_fnma(factor, v_load(u[p] + i + v * VL), acc[v]);
    }
    for (int v = 0; v < nv; v++) v_store(u[j] + i + v * VL, acc[v]);
}

void FS_SIMD(cholesky_corner)(REAL *a, ptrdiff_t ld, ptrdiff_t n, REAL *t, ptrdiff_t step, ptrdiff_t *order) {
    REAL u[BASE][BASE], inverse[BASE];
    *order = 0;
    load_transposed(u, a, ld, n);
    for (ptrdiff_t j = 0; j < n; j++) {
        ptrdiff_t i = j / VL * VL;
        for (; i + WIDE * VL <= n; i += WIDE * VL) subtract_rows(WIDE, u, j, i);
        for (; i + 2 * VL <= n; i += 2 * VL) subtract_rows(2, u, j, i);
        for (; i < n; i += VL) subtract_rows(1, u, j, i);
        const REAL pivot = u[j][j];
        if (!(pivot > 0)) {
            *order = j + 1;
            return;
        }
        const REAL root = (REAL)sqrt(pivot);
        inverse[j] = 1 / root;
        for (i = j / VL * VL; i < n; i += VL) v_store(u[j] + i, v_mul(v_load(u[j] + i), v_set1(inverse[j])));
        u[j][j] = root;
    }
    store_transposed(a, ld, t, step, u, n);
    for (ptrdiff_t i = 0; i < n; i++) t[i * step + i] = inverse[i];
}

/* ---- the rows below it ---- */

void FS_SIMD(cholesky_divide)(REAL *x, const REAL *t, ptrdiff_t step, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) {
        vec low = v_load(x + i * 2 * VL), high = v_load(x + i * 2 * VL + VL);
        for (ptrdiff_t j = 0; j < i; j++) {
            const vec factor = v_set1(t[i * step + j]);
            low = v_fma(factor, v_load(x + j * 2 * VL), low);
            high = v_fma(factor, v_load(x + j * 2 * VL + VL), high);
        }
        const vec inverse = v_set1(t[i * step + i]);
        v_store(x + i * 2 * VL, v_mul(low, inverse));
        v_store(x + i * 2 * VL + VL, v_mul(high, inverse));
    }
}

void FS_SIMD(cholesky_negate)(REAL *y, const REAL *x, ptrdiff_t n) {
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, v_neg(v_load(x + i)));
    if (i < n) v_store_n(y + i, v_neg(v_load_n(x + i, n - i)), n - i);
}

/* ---- substitution ---- */

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
