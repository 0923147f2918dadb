/* Operations and comparisons of two numbers over arrays, and the sum of an array. */
#include "kernels.h"
#include "vec.h"

/* With step 0 an operand is one number for all. The tail goes through the same operation as the body; the lanes beyond it
 * hold numbers that never reach memory. */
#define FS_BINARY(name)                                                                                               \
    void FS_SIMD(name)(REAL *y, const REAL *a, ptrdiff_t a_step, const REAL *b, ptrdiff_t b_step, ptrdiff_t n) {      \
        if (n <= 0) return;                                                                                           \
        const vec a_one = v_set1(*a), b_one = v_set1(*b);                                                             \
        ptrdiff_t i = 0;                                                                                              \
        if (a_step && b_step) {                                                                                       \
            for (; i + VL <= n; i += VL) v_store(y + i, v_##name(v_load(a + i), v_load(b + i)));                      \
        } else if (a_step) {                                                                                          \
            for (; i + VL <= n; i += VL) v_store(y + i, v_##name(v_load(a + i), b_one));                              \
        } else {                                                                                                      \
            for (; i + VL <= n; i += VL) v_store(y + i, v_##name(a_one, b_step ? v_load(b + i) : b_one));             \
        }                                                                                                             \
        if (i < n) {                                                                                                  \
            const vec p = a_step ? v_load_n(a + i, n - i) : a_one, q = b_step ? v_load_n(b + i, n - i) : b_one;       \
            v_store_n(y + i, v_##name(p, q), n - i);                                                                  \
        }                                                                                                             \
    }
#include "../binaries.def"
#undef FS_BINARY

/* The compiler knows better than vec.h how to make bytes of lanes. */
#define FS_COMPARISON(name, operator)                                                                                 \
    void FS_SIMD(name)(uint8_t *restrict y, const REAL *restrict a, const REAL *restrict b, ptrdiff_t n) {            \
        for (ptrdiff_t i = 0; i < n; i++) y[i] = a[i] operator b[i];                                                  \
    }
#include "../comparisons.def"
#undef FS_COMPARISON

/* Blocks short enough that a lane adds few numbers; the blocks' sums are added in double. */
enum { BLOCK = 64 * VL, WAYS = 4 };

static double sum_block(const REAL *x, ptrdiff_t n) {
    vec sum[WAYS] = {v_zero(), v_zero(), v_zero(), v_zero()};
    ptrdiff_t i = 0;
    for (; i + WAYS * VL <= n; i += WAYS * VL) {
        for (int w = 0; w < WAYS; w++) sum[w] = v_add(sum[w], v_load(x + i + w * VL));
    }
    for (; i < n; i += VL) sum[0] = v_add(sum[0], v_load_n(x + i, FS_MIN(n - i, VL)));
    return (double)v_sum(v_add(v_add(sum[0], sum[1]), v_add(sum[2], sum[3])));
}

void FS_SIMD(sum_run)(double *sum, const REAL *x, ptrdiff_t n) {
    *sum = 0;
    for (ptrdiff_t i = 0; i < n; i += BLOCK) *sum += sum_block(x + i, FS_MIN(n - i, BLOCK));
}
