/* Small integers that travel as bytes in memory and as numbers in registers. */
#ifndef FS_SIMD_BYTES_H
#define FS_SIMD_BYTES_H

#include "vec.h"

#include <string.h>

/* A byte b lies in the last bits of BYTE_BASE + b: the spacing of numbers there is 1. */
#ifdef FS_F64
#define BYTE_BASE 4503599627370496.0
#define BYTE_BITS 0x4330000000000000u
#else
#define BYTE_BASE 8388608.0f
#define BYTE_BITS 0x4B000000u
#endif

/* BYTE_BASE + p[i] in lane i < n; other lanes are not used. */
FS_INLINE vec load_bytes(const uint8_t *p, ptrdiff_t n) {
#if defined(FS_ISA_AVX512)
    const __m128i b = _mm_maskz_loadu_epi8((__mmask16)((1u << n) - 1u), p);
#ifdef FS_F64
    return v_or_bits(FROM_INT(_mm512_cvtepu8_epi64(b)), v_set1_bits(BYTE_BITS));
#else
    return v_or_bits(FROM_INT(_mm512_cvtepu8_epi32(b)), v_set1_bits(BYTE_BITS));
#endif
#elif defined(FS_ISA_AVX2) && !defined(FS_F64)
    uint64_t eight = 0;
    memcpy(&eight, p, n == VL ? 8 : (size_t)n);
    const __m256i wide = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)eight));
    return v_or_bits(_mm256_castsi256_ps(wide), v_set1_bits(BYTE_BITS));
#elif defined(FS_ISA_AVX2)
    uint32_t four = 0;
    memcpy(&four, p, n == VL ? 4 : (size_t)n);
    return v_or_bits(FROM_INT(_mm256_cvtepu8_epi64(_mm_cvtsi32_si128((int)four))), v_set1_bits(BYTE_BITS));
#elif defined(VEC_SSE2) && !defined(FS_F64)
    uint32_t four = 0;
    memcpy(&four, p, n == VL ? 4 : (size_t)n);
    const __m128i words = _mm_unpacklo_epi8(_mm_cvtsi32_si128((int)four), _mm_setzero_si128());
    return v_or_bits(FROM_INT(_mm_unpacklo_epi16(words, _mm_setzero_si128())), v_set1_bits(BYTE_BITS));
#else
    REAL lane[VL] = {0};
    for (ptrdiff_t i = 0; i < VL && i < n; i++) lane[i] = (REAL)BYTE_BASE + p[i];
    return v_load(lane);
#endif
}

FS_INLINE void store_bytes(uint8_t *p, vec x, ptrdiff_t n) {
#if defined(FS_ISA_AVX512) && defined(FS_F64) /* a conversion that stores under a mask takes many times as long on Zen 4 */
    const __m128i b = _mm512_cvtepi64_epi8(TO_INT(x));
    if (n == VL) {
        _mm_storel_epi64((__m128i *)(void *)p, b);
    } else {
        _mm_mask_storeu_epi8(p, (__mmask16)TAIL(n), b);
    }
#elif defined(FS_ISA_AVX512)
    const __m128i b = _mm512_cvtepi32_epi8(TO_INT(x));
    if (n == VL) {
        _mm_storeu_si128((__m128i *)(void *)p, b);
    } else {
        _mm_mask_storeu_epi8(p, TAIL(n), b);
    }
#elif defined(FS_ISA_AVX2) && !defined(FS_F64)
    const __m256i b = _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(255));
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
    const uint64_t eight = (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(words, words));
    memcpy(p, &eight, n == VL ? 8 : (size_t)n);
#elif defined(VEC_SSE2) && !defined(FS_F64)
    const __m128i b = _mm_and_si128(TO_INT(x), _mm_set1_epi32(255)), words = _mm_packs_epi32(b, b);
    const uint32_t four = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    memcpy(p, &four, n == VL ? 4 : (size_t)n);
#else
    REAL lane[VL];
    v_store(lane, x);
    for (ptrdiff_t i = 0; i < VL && i < n; i++) {
        fs_bits bits;
        memcpy(&bits, lane + i, sizeof bits);
        p[i] = (uint8_t)bits;
    }
#endif
}

#endif
