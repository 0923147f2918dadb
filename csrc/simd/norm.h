/* What norm.c hands to the micro-kernels of simd/norm.c: one number of each kind for each column. */
#ifndef FS_SIMD_NORM_H
#define FS_SIMD_NORM_H

#include "../real.h"

struct FS(norm_columns) {
    const REAL *mean, *scale, *shift; /* y = (x - mean) scale + shift */
    const REAL *mean_dy, *slope;      /* dx = scale (dy - mean_dy - (x - mean) slope), or scale dy where they are NULL */
    int relu;                         /* y is cut off below 0, and dy where y was */
};

#endif
