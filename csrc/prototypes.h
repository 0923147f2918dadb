/* Included by fastscratch.h once for float and once for double: T is the type, FN(name) is fs_name_f32 or fs_name_f64. */

/* ---- gemm.c ---- */

/* C[m,n] = (accumulate ? C : 0) + A[m,k] B[k,n] + bias[n].
 * A and B by row and column strides (any transposition; B is packed where its columns are not unit), C by ldc >= n.
 * bias may be NULL, and must be NULL when accumulating. |error| <= (k + 2) eps |A||B|, element by element.
 * K. Goto and R. van de Geijn, Anatomy of High-Performance Matrix Multiplication, ACM TOMS 34(3), 2008. */
int FN(gemm)(T *c, ptrdiff_t ldc, const T *a, ptrdiff_t a_row, ptrdiff_t a_col, const T *b, ptrdiff_t b_row,
             ptrdiff_t b_col, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int accumulate, const T *bias);

/* C[i] = sum over t < terms of A[i,t] B[i,t], i < batch: C[i] at c + i m n, A[i,t] at a + a_offset[i terms + t] (elements),
 * B likewise. terms > 1 is the gradient of an operand that was broadcast; the sum runs in the order of t. */
int FN(gemm_batched)(T *c, const T *a, const ptrdiff_t *a_offset, ptrdiff_t a_row, ptrdiff_t a_col, const T *b,
                     const ptrdiff_t *b_offset, ptrdiff_t b_row, ptrdiff_t b_col, ptrdiff_t batch, ptrdiff_t terms,
                     ptrdiff_t m, ptrdiff_t n, ptrdiff_t k);

