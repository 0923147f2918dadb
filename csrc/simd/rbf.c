/* One row of a Gram matrix, from inner products to the kernel's values, while it is still in the cache. */
#include "math.h"

#include "kernels.h"

void FS_SIMD(rbf_row)(REAL *k, const REAL *norms, ptrdiff_t n, REAL norm, REAL gamma) {
    const vec own = v_set1(norm), two = v_set1(2), rate = v_set1(-gamma);
    for (ptrdiff_t j = 0; j < n; j += VL) {
        const ptrdiff_t lanes = FS_MIN(VL, n - j);
        const int partial = lanes < VL;
        const vec product = partial ? v_load_n(k + j, lanes) : v_load(k + j);
        const vec sum = v_add(own, partial ? v_load_n(norms + j, lanes) : v_load(norms + j));
        const vec distance = v_max(v_zero(), v_fnma(two, product, sum)); /* in this order NaN stays */
        const vec value = v_exp(v_mul(rate, distance));
        if (partial) {
            v_store_n(k + j, value, lanes);
        } else {
            v_store(k + j, value);
        }
    }
}
