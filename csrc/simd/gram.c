/* One row of a Gram matrix, from inner products to the kernel's values, while it is still in the cache. */
#include "math.h"

#include "kernels.h"
#include "part.h"

enum { MOST_FACTORS = 1 << 20 };

void FS_SIMD(gram_rbf)(REAL *k, const REAL *norms, ptrdiff_t n, REAL norm, REAL gamma) {
    const vec own = v_set1(norm), two = v_set1(2), rate = v_set1(-gamma);
    for (ptrdiff_t j = 0; j < n; j += VL) {
        const ptrdiff_t lanes = FS_MIN(VL, n - j);
        const int partial = lanes < VL;
        const vec sum = v_add(own, load_if(partial, norms + j, lanes));
        const vec distance = v_max(v_zero(), v_fnma(two, load_if(partial, k + j, lanes), sum)); /* in this order NaN stays */
        store_if(partial, k + j, v_exp(v_mul(rate, distance)), lanes);
    }
}

/* base^factors by squaring. */
FS_INLINE vec whole_power(vec base, ptrdiff_t factors) {
    vec y = v_set1(1);
    for (; factors > 0; factors >>= 1) {
        if (factors & 1) y = v_mul(y, base);
        base = v_mul(base, base);
    }
    return y;
}

void FS_SIMD(gram_polynomial)(REAL *k, ptrdiff_t n, REAL gamma, REAL coef0, REAL degree) {
    const ptrdiff_t factors = degree < MOST_FACTORS ? (ptrdiff_t)degree : -1;
    const int whole = (REAL)factors == degree;
    for (ptrdiff_t j = 0; j < n; j += VL) {
        const ptrdiff_t lanes = FS_MIN(VL, n - j);
        const int partial = lanes < VL;
        const vec base = v_fma(v_set1(gamma), load_if(partial, k + j, lanes), v_set1(coef0));
        const vec value = whole ? whole_power(base, factors) : v_exp(v_mul(v_set1(degree), v_log(base)));
        store_if(partial, k + j, value, lanes);
    }
}
