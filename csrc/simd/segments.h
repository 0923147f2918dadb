/* The columns of a matrix that is read where it lies, in pieces: what conv.c hands to the tile of simd/conv_tile.c. */
#ifndef FS_SIMD_SEGMENTS_H
#define FS_SIMD_SEGMENTS_H

#include <stddef.h>

struct fs_segments {
    ptrdiff_t count, run; /* segments, and columns in each of them */
    const ptrdiff_t *at;  /* where each begins */
};

#endif
