/* Between conv.c and winograd.c: what the one asks of the other. */
#ifndef FS_CONV_H
#define FS_CONV_H

#include "fastscratch.h"
#include "real.h"

/* ---- winograd.c: F(4x4, 3x3), for 3 x 3 filters, stride, dilation and groups 1, padding 0 to 2 ----
 * A status of FS_EDOMAIN says that something was not finite: one infinity spoils a whole tile, so the result is of no use
 * and the direct kernel has to make it. */

/* Is it used here? By shape, type and fs_conv_algorithm_get() alone; in double never. */
int FS(winograd_applies)(const struct fs_conv *s);

/* y = x convolved, on all threads; arguments as of winograd_filters and winograd_images. */
int FS(winograd_convolve)(REAL *y, const REAL *x, const REAL *w, const REAL *bias, int relu, int turned,
                          const struct fs_conv *s);
/* The gradients in w and in b (db may be NULL), on all threads. */
int FS(winograd_filter_gradient)(REAL *dw, REAL *db, const REAL *dy, const REAL *x, const struct fs_conv *s);

/* What these are made of; but for winograd_finish it runs on the caller's thread alone. */

/* The filters w [k][c][3][3] transformed, for winograd_images; fs_free them. With `turned`, s is the shape of the
 * convolution that makes dx out of dy (its c is the k of w), and w is as ever. NULL: no memory. */
REAL *FS(winograd_filters)(const REAL *w, const struct fs_conv *s, int turned);

/* Images n0 .. n1 of x convolved, plus bias (may be NULL), negatives set to 0 if relu. y and x are where image 0 is, or
 * would be. */
int FS(winograd_images)(REAL *y, const REAL *x, ptrdiff_t n0, ptrdiff_t n1, const REAL *filters, const REAL *bias,
                        int relu, const struct fs_conv *s);

/* The sums over images n0 .. n1 that the gradients in w and b are made of: winograd_sums_size elements, which are set or,
 * with `accumulate`, added to. */
ptrdiff_t FS(winograd_sums_size)(const struct fs_conv *s);
int FS(winograd_sums)(REAL *sums, const REAL *dy, const REAL *x, ptrdiff_t n0, ptrdiff_t n1, int accumulate,
                      const struct fs_conv *s);
/* dw and db (may be NULL) from `parts` such sums, one after the other in memory, added in their order. */
int FS(winograd_finish)(REAL *dw, REAL *db, const REAL *sums, ptrdiff_t parts, const struct fs_conv *s);

#endif
