/* The prototypes of the micro-kernels as they are named in this object. */
#include "../real.h"

#define FS_KERNEL(name, arguments) void FS_SIMD(name) arguments;
#include "../kernels.def"
#undef FS_KERNEL
