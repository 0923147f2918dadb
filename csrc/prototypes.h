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


/* ---- dropout.c ---- */

/* y[i] = w[i] >= round(p 2^32) ? x[i] / (1 - p) : 0, for w[i] word i % 4 of Philox4x32-10 at the counter (i / 4, offset),
 * low word first, under the key. 0 <= p <= 1, else FS_EINVAL. The quotient is x times the rounded 1 / (1 - p): two
 * roundings. A dropped element is 0 even where x is NaN or infinite.
 * J. Salmon, M. Moraes, R. Dror and D. Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011. */
int FN(dropout)(T *y, const T *x, ptrdiff_t n, double p, uint64_t key, uint64_t offset);
