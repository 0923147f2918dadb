/* Words of 32 bits in lanes of 64, whose upper halves do not matter; where x86's instructions have them (HAVE_WORDS).
 *
 *   words, WORDS       register, lanes
 *   w_set1 w_xor3      w_xor3: the exclusive or of three
 *   w_mul              the product of the lower halves, 64 bits
 *   w_upper            the upper half of each lane
 *   w_counters(u)      u, u + 1, ... (64 bits), in the order that w_store4 puts right
 *   w_store4(p, a, b, c, d)   the lower halves: a, b, c and d of the first counter, of the next ...
 */
#ifndef FS_VEC_WORDS_H
#define FS_VEC_WORDS_H

#include "vec.h"

#if defined(FS_ISA_SCALAR)
#elif defined(FS_ISA_AVX512)
#define HAVE_WORDS 1
enum { WORDS = 8 };
typedef __m512i words;
#define W(op) _mm512_##op
#define W_SI(op) _mm512_##op##_si512
FS_INLINE words w_xor3(words a, words b, words c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
FS_INLINE words w_counters(uint64_t first) {
    return _mm512_add_epi64(_mm512_set1_epi64((long long)first), _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7));
}
FS_INLINE void w_store_pairs(uint32_t *p, words low, words high) {
    _mm512_storeu_si512(p, low);
    _mm512_storeu_si512(p + 16, high);
}
#elif defined(FS_ISA_AVX2)
#define HAVE_WORDS 1
enum { WORDS = 4 };
typedef __m256i words;
#define W(op) _mm256_##op
#define W_SI(op) _mm256_##op##_si256
FS_INLINE words w_xor3(words a, words b, words c) { return _mm256_xor_si256(a, _mm256_xor_si256(b, c)); }
FS_INLINE words w_counters(uint64_t first) {
    return _mm256_add_epi64(_mm256_set1_epi64x((long long)first), _mm256_setr_epi64x(0, 2, 1, 3));
}
FS_INLINE void w_store_pairs(uint32_t *p, words low, words high) {
    _mm256_storeu_si256((__m256i *)(void *)p, low);
    _mm256_storeu_si256((__m256i *)(void *)(p + 8), high);
}
#elif defined(__SSE2__) || defined(_M_X64)
#define HAVE_WORDS 1
enum { WORDS = 2 };
typedef __m128i words;
#define W(op) _mm_##op
#define W_SI(op) _mm_##op##_si128
FS_INLINE words w_xor3(words a, words b, words c) { return _mm_xor_si128(a, _mm_xor_si128(b, c)); }
FS_INLINE words w_counters(uint64_t first) {
    return _mm_add_epi64(_mm_set1_epi64x((long long)first), _mm_set_epi64x(1, 0));
}
FS_INLINE void w_store_pairs(uint32_t *p, words low, words high) {
    _mm_storeu_si128((__m128i *)(void *)p, low);
    _mm_storeu_si128((__m128i *)(void *)(p + 4), high);
}
#endif

#ifdef HAVE_WORDS
#ifdef FS_ISA_AVX512
FS_INLINE words w_set1(uint64_t u) { return _mm512_set1_epi64((long long)u); }
#else
FS_INLINE words w_set1(uint64_t u) { return W(set1_epi64x)((long long)u); }
#endif
FS_INLINE words w_mul(words a, words b) { return W(mul_epu32)(a, b); }
FS_INLINE words w_upper(words a) { return W(srli_epi64)(a, 32); }
FS_INLINE void w_store4(uint32_t *p, words a, words b, words c, words d) {
    const words lower = w_set1(0xFFFFFFFFu);
    const words ab = W_SI(or)(W_SI(and)(a, lower), W(slli_epi64)(b, 32));
    const words cd = W_SI(or)(W_SI(and)(c, lower), W(slli_epi64)(d, 32));
    w_store_pairs(p, W(unpacklo_epi64)(ab, cd), W(unpackhi_epi64)(ab, cd));
}
#undef W
#undef W_SI
#endif

#endif
