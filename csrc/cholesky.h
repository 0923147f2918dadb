/* Between cholesky.c and cholesky_factor.c. */
#ifndef FS_CHOLESKY_H
#define FS_CHOLESKY_H

#include "real.h"

/* L L^T = A in place of A's lower triangle, rows ld apart; what is above it is neither read nor written. Returns 0, the order
 * of the first leading minor that is not positive, or -1 without memory. */
ptrdiff_t FS(cholesky_factor)(REAL *a, ptrdiff_t ld, ptrdiff_t n);

#endif
