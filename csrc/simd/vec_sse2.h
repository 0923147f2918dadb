/* SSE2, the floor of x86-64: 4 floats or 2 doubles, no FMA, no blend, no rounding instruction. */
#include <emmintrin.h>

#define HAVE_FMA 0
#define VEC_SSE2 1
#ifdef FS_F64
#define VL 2
typedef __m128d vec;
typedef __m128d vmask;
#define P(op) _mm_##op##_pd
#define I(op) _mm_##op##_epi64
#define TO_INT(x) _mm_castpd_si128(x)
#define FROM_INT(x) _mm_castsi128_pd(x)
#define v_set1_bits(u) FROM_INT(_mm_set1_epi64x((long long)(u)))
#define ROUND_MAGIC 6755399441055744.0 /* 1.5 * 2^52 */
#else
#define VL 4
typedef __m128 vec;
typedef __m128 vmask;
#define P(op) _mm_##op##_ps
#define I(op) _mm_##op##_epi32
#define TO_INT(x) _mm_castps_si128(x)
#define FROM_INT(x) _mm_castsi128_ps(x)
#define v_set1_bits(u) FROM_INT(_mm_set1_epi32((int)(u)))
#define ROUND_MAGIC 12582912.0f /* 1.5 * 2^23 */
#endif

FS_INLINE vec v_load(const REAL *p) { return P(loadu)(p); }
FS_INLINE void v_store(REAL *p, vec x) { P(storeu)(p, x); }
FS_INLINE vec v_load_n(const REAL *p, ptrdiff_t n) {
    REAL lane[VL] = {0};
    for (ptrdiff_t i = 0; i < n; i++) lane[i] = p[i];
    return v_load(lane);
}
FS_INLINE void v_store_n(REAL *p, vec x, ptrdiff_t n) {
    REAL lane[VL];
    v_store(lane, x);
    for (ptrdiff_t i = 0; i < n; i++) p[i] = lane[i];
}
FS_INLINE vec v_set1(REAL x) { return P(set1)(x); }
FS_INLINE vec v_add(vec a, vec b) { return P(add)(a, b); }
FS_INLINE vec v_sub(vec a, vec b) { return P(sub)(a, b); }
FS_INLINE vec v_mul(vec a, vec b) { return P(mul)(a, b); }
FS_INLINE vec v_div(vec a, vec b) { return P(div)(a, b); }
FS_INLINE vec v_sqrt(vec a) { return P(sqrt)(a); }
FS_INLINE vec v_fma(vec a, vec b, vec c) { return P(add)(P(mul)(a, b), c); }
FS_INLINE vec v_fnma(vec a, vec b, vec c) { return P(sub)(c, P(mul)(a, b)); }
FS_INLINE vec v_max(vec a, vec b) { return P(max)(a, b); }
FS_INLINE vec v_min(vec a, vec b) { return P(min)(a, b); }

FS_INLINE vmask v_lt(vec a, vec b) { return P(cmplt)(a, b); }
FS_INLINE vmask v_le(vec a, vec b) { return P(cmple)(a, b); }
FS_INLINE vmask v_gt(vec a, vec b) { return P(cmpgt)(a, b); }
FS_INLINE vmask v_ge(vec a, vec b) { return P(cmpge)(a, b); }
FS_INLINE vmask v_eq(vec a, vec b) { return P(cmpeq)(a, b); }
FS_INLINE vmask v_ne(vec a, vec b) { return P(cmpneq)(a, b); }
FS_INLINE vmask v_unord(vec a, vec b) { return P(cmpunord)(a, b); }
FS_INLINE vmask m_and(vmask a, vmask b) { return P(and)(a, b); }
FS_INLINE vmask m_or(vmask a, vmask b) { return P(or)(a, b); }
FS_INLINE vmask m_not(vmask a) { return P(xor)(a, v_set1_bits(-1)); }
FS_INLINE int m_any(vmask a) { return P(movemask)(a) != 0; }
FS_INLINE vec v_select(vmask m, vec a, vec b) { return P(or)(P(and)(m, a), P(andnot)(m, b)); }

FS_INLINE vec v_and_bits(vec a, vec b) { return P(and)(a, b); }
FS_INLINE vec v_or_bits(vec a, vec b) { return P(or)(a, b); }
FS_INLINE vec v_xor_bits(vec a, vec b) { return P(xor)(a, b); }
FS_INLINE vec v_add_int(vec a, vec b) { return FROM_INT(I(add)(TO_INT(a), TO_INT(b))); }
FS_INLINE vec v_sub_int(vec a, vec b) { return FROM_INT(I(sub)(TO_INT(a), TO_INT(b))); }
#define v_shl(x, k) FROM_INT(I(slli)(TO_INT(x), (k)))
#define v_shr(x, k) FROM_INT(I(srli)(TO_INT(x), (k)))
/* Adding 1.5 * 2^(mantissa bits) leaves no room for a fraction: the hardware rounds it away, to nearest even. */
FS_INLINE vec v_round(vec a) { return v_sub(v_add(a, v_set1(ROUND_MAGIC)), v_set1(ROUND_MAGIC)); }

/* r[i][j] -> r[j][i] */
#ifdef FS_F64
FS_INLINE void v_transpose(vec r[VL]) {
    const vec low = _mm_unpacklo_pd(r[0], r[1]), high = _mm_unpackhi_pd(r[0], r[1]);
    r[0] = low;
    r[1] = high;
}
#else
FS_INLINE void v_transpose(vec r[VL]) { _MM_TRANSPOSE4_PS(r[0], r[1], r[2], r[3]); }
#endif

#include "vec_across.h"

/* GEMM tile: 6 rows of 2 registers, 2 for B, 1 broadcast, 1 to spare. */
#define GEMM_MR 6
