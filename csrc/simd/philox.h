/* Philox4x32-10. J. Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011.
 *
 * A word lies in the lower half of a lane of 64 bits, whose upper half does not matter: there the processors multiply 32 x 32
 * bits to 64, and a shift brings the product's upper half back. Elsewhere it is integer code in short loops of fixed length,
 * which compilers turn into whatever the instruction set has.
 */
#ifndef FS_SIMD_PHILOX_H
#define FS_SIMD_PHILOX_H

#include "vec_words.h"

enum { COUNTERS = 32, ROUNDS = 10 }; /* counters worked on together; 16 or fewer and GCC unrolls instead of vectorising */

static const uint32_t PHILOX_M0 = 0xD2511F53u, PHILOX_M1 = 0xCD9E8D57u, PHILOX_W0 = 0x9E3779B9u, PHILOX_W1 = 0xBB67AE85u;

#ifdef HAVE_WORDS
enum { TOGETHER = 2 }; /* registers of counters: one waits while the other is multiplied */

/* TOGETHER registers of counters, in registers all the way. */
FS_INLINE void philox_registers(uint32_t *FS_RESTRICT word, uint64_t first, uint64_t offset, uint64_t key) {
    words c0[TOGETHER], c1[TOGETHER], c2[TOGETHER], c3[TOGETHER];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    const words m0 = w_set1(PHILOX_M0), m1 = w_set1(PHILOX_M1);
    for (int i = 0; i < TOGETHER; i++) {
        c0[i] = w_counters(first + (uint64_t)(i * WORDS));
        c1[i] = w_upper(c0[i]);
        c2[i] = w_set1(offset);
        c3[i] = w_set1(offset >> 32);
    }
    FS_UNROLL
    for (int round = 0; round < ROUNDS; round++) {
        const words key0 = w_set1(k0), key1 = w_set1(k1);
        FS_UNROLL
        for (int i = 0; i < TOGETHER; i++) {
            const words p0 = w_mul(m0, c0[i]), p1 = w_mul(m1, c2[i]);
            c0[i] = w_xor3(w_upper(p1), c1[i], key0);
            c1[i] = p1;
            c2[i] = w_xor3(w_upper(p0), c3[i], key1);
            c3[i] = p0;
        }
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    for (int i = 0; i < TOGETHER; i++) w_store4(word + 4 * i * WORDS, c0[i], c1[i], c2[i], c3[i]);
}

/* Words 4i..4i+3 belong to counter `first + i`; the upper half of the counter is `offset`. As many counters as are wanted,
 * at most COUNTERS, and perhaps some more. */
FS_INLINE void philox(uint32_t *FS_RESTRICT word, uint64_t first, uint64_t offset, uint64_t key, ptrdiff_t wanted) {
    for (ptrdiff_t i = 0; i < wanted; i += TOGETHER * WORDS) philox_registers(word + 4 * i, first + (uint64_t)i, offset, key);
}
#else
FS_INLINE void philox(uint32_t *FS_RESTRICT word, uint64_t first, uint64_t offset, uint64_t key, ptrdiff_t wanted) {
    uint32_t c0[COUNTERS], c1[COUNTERS], c2[COUNTERS], c3[COUNTERS];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    (void)wanted;
    for (int i = 0; i < COUNTERS; i++) {
        c0[i] = (uint32_t)(first + (uint64_t)i);
        c1[i] = (uint32_t)((first + (uint64_t)i) >> 32);
        c2[i] = (uint32_t)offset;
        c3[i] = (uint32_t)(offset >> 32);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COUNTERS; i++) {
            const uint64_t p0 = (uint64_t)PHILOX_M0 * c0[i], p1 = (uint64_t)PHILOX_M1 * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    for (int i = 0; i < COUNTERS; i++) {
        word[4 * i] = c0[i];
        word[4 * i + 1] = c1[i];
        word[4 * i + 2] = c2[i];
        word[4 * i + 3] = c3[i];
    }
}
#endif

#endif
