/* Where a tile of Winograd's algorithm lies in an image; the kernels that use it: simd/winograd.c. */
#ifndef FS_WINOGRAD_H
#define FS_WINOGRAD_H

#include <stddef.h>

enum {
    FS_WINOGRAD_OUT = 4,       /* F(4x4, 3x3): 4 x 4 outputs at once, */
    FS_WINOGRAD_IN = 6,        /* out of 6 x 6 inputs, */
    FS_WINOGRAD_PRODUCTS = 36, /* by 36 products for each pair of channels */
    FS_WINOGRAD_TAPS = 3
};

struct fs_tile {
    ptrdiff_t first;                    /* its corner, counted in elements from where the image begins; may be outside */
    ptrdiff_t row, pixel;               /* steps to the next row and the next pixel */
    ptrdiff_t top, bottom, left, right; /* rows top .. bottom and columns left .. right of the tile are in the image */
};

#endif
