/* The fully connected layer with the function that follows it, each way in one call. */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

int FS(linear_forward)(REAL *y, const REAL *x, const REAL *w, ptrdiff_t w_row, ptrdiff_t w_col, const REAL *b,
                       ptrdiff_t rows, ptrdiff_t n, ptrdiff_t k, int activation) {
    const int status = FS(gemm)(y, n, x, k, 1, w, w_col, w_row, rows, n, k, 0, b);
    if (status != FS_OK) return status;
    switch (activation) { /* in place, while y lies in the cache */
        case FS_RELU: return FS(relu_forward)(y, y, rows * n, 0, 0);
        case FS_TANH: return FS(tanh_forward)(y, y, rows * n, 0, 0);
        case FS_SIGMOID: return FS(sigmoid_forward)(y, y, rows * n, 0, 0);
        default: return FS_OK;
    }
}

/* dz = dy f'(z), said by y = f(z). */
static void before_activation(REAL *dz, const REAL *dy, const REAL *y, ptrdiff_t count, int activation) {
    switch (activation) {
        case FS_RELU: FS(relu_backward)(dz, dy, y, count, 0, 0); break;
        case FS_TANH: FS(tanh_backward)(dz, dy, y, count, 0, 0); break;
        default: FS(sigmoid_backward)(dz, dy, y, count, 0, 0); break;
    }
}

static int gradients(REAL *dx, REAL *dw, REAL *db, const REAL *dz, const REAL *x, const REAL *w, ptrdiff_t w_row,
                     ptrdiff_t w_col, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t k) {
    const REAL one = 1; /* a row of ones, all of them the same one: times dz, the sums of its columns */
    int status = FS_OK;
    if (dx) status = FS(gemm)(dx, k, dz, n, 1, w, w_row, w_col, rows, k, n, 0, NULL);
    if (dw && status == FS_OK) status = FS(gemm)(dw, k, dz, 1, n, x, k, 1, n, k, rows, 0, NULL);
    if (db && status == FS_OK) status = FS(gemm)(db, n, &one, 0, 0, dz, n, 1, 1, n, rows, 0, NULL);
    return status;
}

int FS(linear_backward)(REAL *dx, REAL *dw, REAL *db, const REAL *dy, const REAL *y, const REAL *x, const REAL *w,
                        ptrdiff_t w_row, ptrdiff_t w_col, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t k, int activation) {
    if (activation == FS_IDENTITY) return gradients(dx, dw, db, dy, x, w, w_row, w_col, rows, n, k);
    REAL *dz = fs_alloc((size_t)(rows * n) * sizeof(REAL));
    if (!dz) return FS_ENOMEM;
    before_activation(dz, dy, y, rows * n, activation);
    const int status = gradients(dx, dw, db, dz, x, w, w_row, w_col, rows, n, k);
    fs_free(dz);
    return status;
}
