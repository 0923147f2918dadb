/* The pointer through which csrc/ reaches the micro-kernels of one type, and how it is moved. */
#include "fastscratch.h"
#include "simd/kernels.h"

#define FS_TABLE_(type, isa) fs_table_##type##_##isa
#define FS_TABLE(type, isa) FS_TABLE_(type, isa)

extern const struct FS(kernels) FS_TABLE(FS_TYPE, baseline);
#ifdef FS_HAVE_AVX2
extern const struct FS(kernels) FS_TABLE(FS_TYPE, avx2);
#endif
#ifdef FS_HAVE_AVX512
extern const struct FS(kernels) FS_TABLE(FS_TYPE, avx512);
#endif
#ifdef FS_HAVE_NEON
extern const struct FS(kernels) FS_TABLE(FS_TYPE, neon);
#endif

const struct FS(kernels) * FS(simd) = &FS_TABLE(FS_TYPE, baseline);

void FS(select_table)(int isa) {
    switch (isa) {
#ifdef FS_HAVE_AVX2
        case FS_AVX2: FS(simd) = &FS_TABLE(FS_TYPE, avx2); break;
#endif
#ifdef FS_HAVE_AVX512
        case FS_AVX512: FS(simd) = &FS_TABLE(FS_TYPE, avx512); break;
#endif
#ifdef FS_HAVE_NEON
        case FS_NEON: FS(simd) = &FS_TABLE(FS_TYPE, neon); break;
#endif
        default: FS(simd) = &FS_TABLE(FS_TYPE, baseline); break;
    }
}
