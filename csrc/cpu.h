/* What the processor runs and the operating system lets it: the guarded home of asking in each compiler's way. */
#ifndef FS_CPU_H
#define FS_CPU_H

#if defined(FS_HAVE_AVX2) && defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>

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

#endif
