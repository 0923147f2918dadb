/* Where a convolution reads its source: what conv_direct.c hands to the kernels of simd/conv_*.c. */
#ifndef FS_SIMD_SEGMENTS_H
#define FS_SIMD_SEGMENTS_H

#include <stddef.h>

/* The columns of a matrix that is read where it lies, in pieces. */
struct fs_segments {
    ptrdiff_t count, run; /* segments, and columns in each of them */
    const ptrdiff_t *at;  /* where each begins */
};

/* Rows of taps that lie side by side, and the columns of the source that are there: lo .. hi, counted from the first tap of
 * the first pixel of a row of pixels, one after the other. */
struct fs_window {
    ptrdiff_t rows, size; /* of taps; taps in each of them */
    ptrdiff_t row, pixel; /* steps in the source */
    ptrdiff_t lo, hi;
};

#endif
