/* The table of micro-kernels of one type: what csrc/ calls, without knowing which instruction set answers. */
#include "../real.h"
#include "augment.h"
#include "norm.h"
#include "optim.h"
#include "pool.h"
#include "segments.h"
#include "winograd.h"

enum { CHOLESKY_BASE = 32 }; /* the widest triangle of cholesky_corner and cholesky_substitute; whole registers */

struct FS(kernels) {
    ptrdiff_t gemm_mr, gemm_nr; /* the size of gemm_tile's tile */
#define FS_KERNEL(name, arguments) void(*name) arguments;
#include "../kernels.def"
#undef FS_KERNEL
};

extern const struct FS(kernels) * FS(simd); /* the one in force; set by dispatch.c */

#ifdef FS_SIMD /* inside simd/: what this object defines */
#define FS_KERNEL(name, arguments) void FS_SIMD(name) arguments;
#include "../kernels.def"
#undef FS_KERNEL
#endif
