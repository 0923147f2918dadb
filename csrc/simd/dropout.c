/* Dropout over a run of elements. */
#include "bytes.h"
#include "kernels.h"
#include "philox.h"

void FS_SIMD(dropout_run)(REAL *FS_RESTRICT y, uint8_t *FS_RESTRICT kept, const REAL *FS_RESTRICT x, ptrdiff_t n,
                          uint64_t counter, uint64_t offset, uint64_t key, uint32_t threshold, REAL scale) {
    uint32_t word[4 * COUNTERS];
    ptrdiff_t i = 0;
    for (; i + 4 * COUNTERS <= n; i += 4 * COUNTERS, counter += COUNTERS) {
        philox(word, counter, offset, key, COUNTERS);
        for (int j = 0; j < 4 * COUNTERS; j++) {
            const REAL value = x[i + j] * scale;
            y[i + j] = word[j] >= threshold ? value : 0;
        }
        for (int j = 0; j < 4 * COUNTERS; j++) kept[i + j] = word[j] >= threshold;
    }
    if (i == n) return;
    philox(word, counter, offset, key, (n - i + 3) / 4);
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
