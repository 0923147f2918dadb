/* The table of one instruction set and type: every kernel of kernels.def, as compiled here. */
#include "vec.h"
#include "kernels.h"

extern const struct FS(kernels) FS_SIMD(table);
const struct FS(kernels) FS_SIMD(table) = {
    .gemm_mr = GEMM_MR,
    .gemm_nr = 2 * VL,
#define FS_KERNEL(name, arguments) .name = FS_SIMD(name),
#include "../kernels.def"
#undef FS_KERNEL
};
