/* Attraction and repulsion in t-SNE: one point against many, the lanes along the many, each of which may stand for several. */
#include "part.h"

#include "kernels.h"
#include "math.h"

/* dims, told and part are constants wherever this is inlined. */
FS_INLINE void pull_some(const int dims, const int told, const int part, vec acc[4], const REAL *y, ptrdiff_t line,
                         const vec own[3], const REAL *p, ptrdiff_t lanes) {
    vec away[3], square = v_zero();
    FS_UNROLL
    for (int c = 0; c < dims; c++) {
        away[c] = v_sub(own[c], load_if(part, y + c * line, lanes));
        square = v_fma(away[c], away[c], square);
    }
    if (dims > 2) square = v_mul(square, v_set1((REAL)0.5));
    const vec weight = load_if(part, p, lanes), pull = v_div(weight, v_add(v_set1(1), square));
    FS_UNROLL
    for (int c = 0; c < dims; c++) acc[c] = v_fma(pull, away[c], acc[c]);
    if (!told) return;
    if (part) { /* not 0 times infinity in the lanes beyond */
        REAL ones[VL];
        v_store(ones, v_set1(1));
        square = v_select(v_gt(v_load_n(ones, lanes), v_zero()), square, v_zero());
    }
    acc[dims] = v_fma(dims > 2 ? v_mul(weight, v_set1((REAL)1.5)) : weight, v_log1p(square), acc[dims]);
}

FS_INLINE void attract(const int dims, const int told, double *sum, const REAL *y, ptrdiff_t line, const REAL *own_y,
                       const REAL *p, ptrdiff_t n) {
    vec acc[4], own[3];
    ptrdiff_t j = 0;
    FS_UNROLL
    for (int c = 0; c < dims; c++) own[c] = v_set1(own_y[c]);
    FS_UNROLL
    for (int c = 0; c <= dims; c++) acc[c] = v_zero();
    for (; j + VL <= n; j += VL) pull_some(dims, told, 0, acc, y + j, line, own, p + j, VL);
    if (j < n) pull_some(dims, told, 1, acc, y + j, line, own, p + j, n - j);
    FS_UNROLL
    for (int c = 0; c < dims + told; c++) sum[c] += (double)v_sum(acc[c]);
}

void FS_SIMD(tsne_attract)(double *sum, const REAL *y, ptrdiff_t line, const REAL *own, const REAL *p, ptrdiff_t n, int dims,
                           int told) {
    if (dims == 1) told ? attract(1, 1, sum, y, line, own, p, n) : attract(1, 0, sum, y, line, own, p, n);
    if (dims == 2) told ? attract(2, 1, sum, y, line, own, p, n) : attract(2, 0, sum, y, line, own, p, n);
    if (dims == 3) told ? attract(3, 1, sum, y, line, own, p, n) : attract(3, 0, sum, y, line, own, p, n);
}

/* dims, masses and part are constants wherever this is inlined; masses are in the line after the places. */
FS_INLINE void add_some(const int dims, const int masses, const int part, vec acc[4], const REAL *y, ptrdiff_t line, const vec own[3],
                        ptrdiff_t lanes) {
    vec away[3], square = v_zero();
    FS_UNROLL
    for (int c = 0; c < dims; c++) {
        away[c] = v_sub(own[c], load_if(part, y + c * line, lanes));
        square = v_fma(away[c], away[c], square);
    }
    if (dims > 2) square = v_mul(square, v_set1((REAL)0.5));
    const vec w = v_div(v_set1(1), v_add(v_set1(1), square));
    vec q = dims > 2 ? v_mul(w, v_sqrt(w)) : w;
    if (masses) {
        q = v_mul(q, load_if(part, y + dims * line, lanes));
    } else if (part) {
        REAL ones[VL];
        v_store(ones, v_set1(1));
        q = v_mul(q, v_load_n(ones, lanes));
    }
    const vec push = v_mul(q, w);
    FS_UNROLL
    for (int c = 0; c < dims; c++) acc[c] = v_fma(push, away[c], acc[c]);
    acc[dims] = v_add(acc[dims], q);
}

FS_INLINE void repel(const int dims, const int masses, double *sum, const REAL *y, ptrdiff_t line, const REAL *own_y,
                     ptrdiff_t own_line, ptrdiff_t n) {
    vec acc[4], own[3];
    ptrdiff_t j = 0;
    FS_UNROLL
    for (int c = 0; c < dims; c++) own[c] = v_set1(own_y[c * own_line]);
    FS_UNROLL
    for (int c = 0; c <= dims; c++) acc[c] = v_zero();
    for (; j + VL <= n; j += VL) add_some(dims, masses, 0, acc, y + j, line, own, VL);
    if (j < n) add_some(dims, masses, 1, acc, y + j, line, own, n - j);
    FS_UNROLL
    for (int c = 0; c <= dims; c++) sum[c] += (double)v_sum(acc[c]);
}

void FS_SIMD(tsne_repel)(double *sum, const REAL *y, ptrdiff_t line, const REAL *own, ptrdiff_t n, int dims) {
    if (dims == 1) repel(1, 0, sum, y, line, own, line, n);
    if (dims == 2) repel(2, 0, sum, y, line, own, line, n);
    if (dims == 3) repel(3, 0, sum, y, line, own, line, n);
}

void FS_SIMD(tsne_repel_masses)(double *sum, const REAL *y, ptrdiff_t line, const REAL *own, ptrdiff_t own_line, ptrdiff_t n,
                                int dims) {
    if (dims == 1) repel(1, 1, sum, y, line, own, own_line, n);
    if (dims == 2) repel(2, 1, sum, y, line, own, own_line, n);
    if (dims == 3) repel(3, 1, sum, y, line, own, own_line, n);
}
