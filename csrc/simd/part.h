/* Whole registers, or the first n lanes where a row ends. */
#ifndef FS_SIMD_PART_H
#define FS_SIMD_PART_H

#include "vec.h"

/* part is a constant wherever this is inlined: whole registers cost no branch. */
FS_INLINE vec load_if(int part, const REAL *p, ptrdiff_t n) { return part ? v_load_n(p, n) : v_load(p); }

FS_INLINE void store_if(int part, REAL *p, vec x, ptrdiff_t n) {
    if (part) {
        v_store_n(p, x, n);
    } else {
        v_store(p, x);
    }
}

#endif
