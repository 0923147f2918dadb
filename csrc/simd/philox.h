/* Philox4x32-10. Integer code in short loops of fixed length, which compilers turn into whatever 32 x 32 -> 64 bit multiply the
 * instruction set has: no register type needed. J. Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011.
 */
#ifndef FS_SIMD_PHILOX_H
#define FS_SIMD_PHILOX_H

#include "../real.h"

enum { COUNTERS = 32, ROUNDS = 10 }; /* counters worked on together; 16 or fewer and GCC unrolls instead of vectorising */

/* Words 4i..4i+3 belong to counter `first + i`; the upper half of the counter is `offset`. */
FS_INLINE void philox(uint32_t *FS_RESTRICT word, uint64_t first, uint64_t offset, uint64_t key) {
    const uint32_t m0 = 0xD2511F53u, m1 = 0xCD9E8D57u, w0 = 0x9E3779B9u, w1 = 0xBB67AE85u;
    uint32_t c0[COUNTERS], c1[COUNTERS], c2[COUNTERS], c3[COUNTERS];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int i = 0; i < COUNTERS; i++) {
        c0[i] = (uint32_t)(first + (uint64_t)i);
        c1[i] = (uint32_t)((first + (uint64_t)i) >> 32);
        c2[i] = (uint32_t)offset;
        c3[i] = (uint32_t)(offset >> 32);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COUNTERS; i++) {
            const uint64_t p0 = (uint64_t)m0 * c0[i], p1 = (uint64_t)m1 * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += w0;
        k1 += w1;
    }
    for (int i = 0; i < COUNTERS; i++) {
        word[4 * i] = c0[i];
        word[4 * i + 1] = c1[i];
        word[4 * i + 2] = c2[i];
        word[4 * i + 3] = c3[i];
    }
}

#endif
