/* Philox4x32-10 over a run of elements. Integer code in short loops of fixed length, which compilers turn into whatever
 * 32 x 32 -> 64 bit multiply the instruction set has: no register type needed.
 */
#include "bytes.h"
#include "kernels.h"

enum { COUNTERS = 32, ROUNDS = 10 }; /* counters worked on together; 16 or fewer and GCC unrolls instead of vectorising */

/* Words 4i..4i+3 belong to counter `first + i`; the upper half of the counter is `offset`. */
static void philox(uint32_t *FS_RESTRICT word, uint64_t first, uint64_t offset, uint64_t key) {
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

void FS_SIMD(dropout_run)(REAL *FS_RESTRICT y, uint8_t *FS_RESTRICT kept, const REAL *FS_RESTRICT x, ptrdiff_t n,
                          uint64_t counter, uint64_t offset, uint64_t key, uint32_t threshold, REAL scale) {
    uint32_t word[4 * COUNTERS];
    ptrdiff_t i = 0;
    for (; i + 4 * COUNTERS <= n; i += 4 * COUNTERS, counter += COUNTERS) {
        philox(word, counter, offset, key);
        for (int j = 0; j < 4 * COUNTERS; j++) {
            const REAL value = x[i + j] * scale;
            y[i + j] = word[j] >= threshold ? value : 0;
        }
        for (int j = 0; j < 4 * COUNTERS; j++) kept[i + j] = word[j] >= threshold;
    }
    if (i == n) return;
    philox(word, counter, offset, key);
    for (ptrdiff_t j = 0; i + j < n; j++) {
        kept[i + j] = word[j] >= threshold;
        y[i + j] = kept[i + j] ? x[i + j] * scale : 0;
    }
}

FS_INLINE vec pass(const uint8_t *kept, vec dy, vec scale, ptrdiff_t n) {
    return v_select(v_gt(load_bytes(kept, n), v_set1(BYTE_BASE)), v_mul(dy, scale), v_zero());
}

void FS_SIMD(dropout_pass)(REAL *dx, const REAL *dy, const uint8_t *kept, ptrdiff_t n, REAL scale) {
    const vec s = v_set1(scale);
    ptrdiff_t i = 0;
    for (; i + VL <= n; i += VL) v_store(dx + i, pass(kept + i, v_load(dy + i), s, VL));
    if (i < n) v_store_n(dx + i, pass(kept + i, v_load_n(dy + i, n - i), s, n - i), n - i);
}
