/* Which instruction sets this build holds and this machine (processor and operating system) runs, and which is in force;
 * and which algorithm convolutions are asked to use. */
#include "fastscratch.h"

#if defined(FS_HAVE_AVX2) && defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>
#endif

void fs_select_table_f32(int isa);
void fs_select_table_f64(int isa);

static int current = FS_BASELINE;
static int conv_algorithm = FS_AUTO;

#if defined(FS_HAVE_AVX2) && defined(_MSC_VER) && !defined(__clang__)
/* XCR0 says whether the operating system saves the registers: bits 1-2 for AVX, 5-7 for AVX-512 as well. */
static int os_saves(unsigned long long mask) {
    int r[4];
    __cpuid(r, 1);
    return (r[2] >> 27 & 1) && (_xgetbv(0) & mask) == mask;
}
static int runs_avx2(void) {
    int r[4], f[4];
    __cpuid(f, 1);
    __cpuidex(r, 7, 0);
    return os_saves(0x6) && (f[2] >> 12 & 1) && (r[1] >> 5 & 1);
}
static int runs_avx512(void) {
    int r[4];
    __cpuidex(r, 7, 0);
    return runs_avx2() && os_saves(0xE6) && (r[1] >> 16 & 1) && (r[1] >> 17 & 1) && (r[1] >> 30 & 1) && (r[1] >> 31 & 1);
}
#elif defined(FS_HAVE_AVX2)
/* These ask the processor and, through XCR0, the operating system. */
static int runs_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static int runs_avx512(void) {
    return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}
#endif

int fs_isa_available(int isa) {
    switch (isa) {
        case FS_BASELINE: return 1;
#ifdef FS_HAVE_AVX2
        case FS_AVX2: return runs_avx2();
#endif
#ifdef FS_HAVE_AVX512
        case FS_AVX512: return runs_avx512();
#endif
#ifdef FS_HAVE_NEON
        case FS_NEON: return 1; /* part of AArch64 */
#endif
        default: return 0;
    }
}

int fs_isa_best(void) {
    int best = FS_BASELINE;
    for (int isa = 0; isa < FS_ISA_COUNT; isa++) {
        if (fs_isa_available(isa)) best = isa;
    }
    return best;
}

int fs_isa_get(void) { return current; }

int fs_isa_set(int isa) {
    if (!fs_isa_available(isa)) return FS_EINVAL;
    fs_select_table_f32(isa);
    fs_select_table_f64(isa);
    current = isa;
    return FS_OK;
}

int fs_conv_algorithm_get(void) { return conv_algorithm; }

int fs_conv_algorithm_set(int algorithm) {
    if (algorithm < 0 || algorithm >= FS_ALGORITHM_COUNT) return FS_EINVAL;
    conv_algorithm = algorithm;
    return FS_OK;
}
