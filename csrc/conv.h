/* Between conv.c, which cuts the work for threads, and winograd.c: convolution of a range of images by one thread. */
#ifndef FS_CONV_H
#define FS_CONV_H

#include "fastscratch.h"
#include "real.h"

/* ---- winograd.c: F(4x4, 3x3), for float, 3 x 3 filters, stride, dilation and groups 1, padding 0 to 2 ----
 * A status of FS_EDOMAIN says that something was not finite: one infinity spoils a whole tile, so the result is of no use
 * and the direct kernel has to make it. */

/* Is it used here? By shape, type, instruction set and fs_conv_algorithm_get() alone. */
int FS(winograd_applies)(const struct fs_conv *s);

/* The filters w [k][c][3][3] transformed, for winograd_images; fs_free them. With `turned`, s is the shape of the
 * convolution that makes dx out of dy (its c is the k of w), and w is as ever. NULL: no memory. */
REAL *FS(winograd_filters)(const REAL *w, const struct fs_conv *s, int turned);

/* Images n0 .. n1 of x convolved, plus bias (may be NULL), negatives set to 0 if relu. y and x are where image 0 is, or
 * would be. Calls no other thread. */
int FS(winograd_images)(REAL *y, const REAL *x, ptrdiff_t n0, ptrdiff_t n1, const REAL *filters, const REAL *bias,
                        int relu, const struct fs_conv *s);

/* The gradient in w (and b, if db is not NULL): sums over images n0 .. n1, winograd_sums_size elements that lie apart for
 * each chunk of images; then dw and db from `count` such blocks, one after the other in memory, added in their order. */
ptrdiff_t FS(winograd_sums_size)(const struct fs_conv *s);
int FS(winograd_sums)(REAL *sums, const REAL *dy, const REAL *x, ptrdiff_t n0, ptrdiff_t n1, const struct fs_conv *s);
int FS(winograd_finish)(REAL *dw, REAL *db, const REAL *sums, ptrdiff_t count, const struct fs_conv *s);

#endif
