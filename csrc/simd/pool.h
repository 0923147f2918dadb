/* Where the windows of a run of output pixels lie: what pool.c hands to the micro-kernels of simd/pool.c. */
#ifndef FS_SIMD_POOL_H
#define FS_SIMD_POOL_H

#include <stddef.h>
#include <stdint.h>

struct fs_taps {
    ptrdiff_t rows, cols;              /* of one window, inside the image; at least one of each */
    ptrdiff_t row_step, col_step;      /* elements from one tap to the next */
    ptrdiff_t pixel_step;              /* elements from one output pixel's window to the next one's */
    int32_t index;                     /* h * w + w of the first tap of the first window */
    int32_t row_index, col_index, pixel_index; /* and its steps */
};

#endif
