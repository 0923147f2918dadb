/* An image of h x w pixels of c channels with zeros around: one row and column before it, two after. */
#ifndef FS_SIMD_AUGMENT_H
#define FS_SIMD_AUGMENT_H

#include <stddef.h>

struct fs_bordered {
    ptrdiff_t c, h, w;
};

#endif
