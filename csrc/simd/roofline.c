/* What measures the machine: multiply-adds that wait for nothing, and streams that do nothing but move. */
#include "vec.h"
#include "kernels.h"

enum { CHAINS = 12, UNROLL = 4 };

/* Independent chains x = x factor + shift in registers: enough to hide the latency of two units (5 cycles each at most),
 * few enough to stay in the 16 registers that SSE2 and AVX2 have, with room for factor and shift. */
void FS_SIMD(roofline_fma)(double *flops, REAL *sum, ptrdiff_t rounds, REAL factor, REAL shift) {
    const vec f = v_set1(factor), s = v_set1(shift);
    vec chain[CHAINS], total = v_zero();
    FS_UNROLL
    for (int i = 0; i < CHAINS; i++) chain[i] = v_set1((REAL)i);
    for (ptrdiff_t r = 0; r < rounds; r++) {
        FS_UNROLL
        for (int i = 0; i < CHAINS; i++) chain[i] = v_fma(chain[i], f, s);
    }
    FS_UNROLL
    for (int i = 0; i < CHAINS; i++) total = v_add(total, chain[i]);
    *sum = v_sum(total);
    *flops = 2.0 * VL * CHAINS * (double)rounds;
}

/* y = x + factor z: McCalpin's triad. */
void FS_SIMD(roofline_triad)(REAL *y, const REAL *x, const REAL *z, ptrdiff_t n, REAL factor) {
    const vec f = v_set1(factor);
    ptrdiff_t i = 0;
    for (; i + UNROLL * VL <= n; i += UNROLL * VL) {
        FS_UNROLL
        for (int u = 0; u < UNROLL; u++) {
            v_store(y + i + u * VL, v_fma(f, v_load(z + i + u * VL), v_load(x + i + u * VL)));
        }
    }
    for (; i + VL <= n; i += VL) v_store(y + i, v_fma(f, v_load(z + i), v_load(x + i)));
    v_store_n(y + i, v_fma(f, v_load_n(z + i, n - i), v_load_n(x + i, n - i)), n - i);
}

/* sum = x . z: reading alone. */
void FS_SIMD(roofline_dot)(REAL *sum, const REAL *x, const REAL *z, ptrdiff_t n) {
    vec total[2 * UNROLL];
    ptrdiff_t i = 0;
    FS_UNROLL
    for (int u = 0; u < 2 * UNROLL; u++) total[u] = v_zero();
    for (; i + 2 * UNROLL * VL <= n; i += 2 * UNROLL * VL) {
        FS_UNROLL
        for (int u = 0; u < 2 * UNROLL; u++) {
            total[u] = v_fma(v_load(x + i + u * VL), v_load(z + i + u * VL), total[u]);
        }
    }
    for (; i < n; i += VL) {
        const ptrdiff_t lanes = FS_MIN(n - i, VL);
        total[0] = v_fma(v_load_n(x + i, lanes), v_load_n(z + i, lanes), total[0]);
    }
    FS_UNROLL
    for (int u = 1; u < 2 * UNROLL; u++) total[0] = v_add(total[0], total[u]);
    *sum = v_sum(total[0]);
}
