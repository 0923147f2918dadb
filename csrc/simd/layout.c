/* A matrix turned over, a square of registers at a time. */
#include "kernels.h"
#include "vec.h"

/* m rows of n columns, both at most VL. Known to be VL when it is inlined: no masks. */
FS_INLINE void turn_square(REAL *y, ptrdiff_t y_step, const REAL *x, ptrdiff_t x_step, ptrdiff_t m, ptrdiff_t n) {
    vec r[VL];
    FS_UNROLL
    for (int i = 0; i < VL; i++) {
        r[i] = i >= m ? v_zero() : n == VL ? v_load(x + i * x_step) : v_load_n(x + i * x_step, n);
    }
    v_transpose(r);
    FS_UNROLL
    for (int j = 0; j < VL; j++) {
        if (j >= n) return;
        if (m == VL) v_store(y + j * y_step, r[j]);
        else v_store_n(y + j * y_step, r[j], m);
    }
}

/* The rows of y are written from end to end, so that the lines of memory they share come one after the other. */
void FS_SIMD(transpose)(REAL *y, ptrdiff_t y_step, const REAL *x, ptrdiff_t x_step, ptrdiff_t rows, ptrdiff_t cols) {
    for (ptrdiff_t j = 0; j < cols; j += VL) {
        const ptrdiff_t n = FS_MIN(cols - j, VL);
        for (ptrdiff_t i = 0; i < rows; i += VL) {
            REAL *to = y + j * y_step + i;
            const REAL *from = x + i * x_step + j;
            if (n == VL && rows - i >= VL) turn_square(to, y_step, from, x_step, VL, VL);
            else turn_square(to, y_step, from, x_step, FS_MIN(rows - i, VL), n);
        }
    }
}
