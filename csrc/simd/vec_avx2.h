/* AVX2 + FMA: 8 floats or 4 doubles; a tail goes through maskload/maskstore. */
#include <immintrin.h>

#define HAVE_FMA 1
#ifdef FS_F64
#define VL 4
typedef __m256d vec;
typedef __m256d vmask;
#define P(op) _mm256_##op##_pd
#define I(op) _mm256_##op##_epi64
#define TO_INT(x) _mm256_castpd_si256(x)
#define FROM_INT(x) _mm256_castsi256_pd(x)
#define v_set1_bits(u) FROM_INT(_mm256_set1_epi64x((long long)(u)))
#define TAIL(n) _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3))
#else
#define VL 8
#define HAVE_LOOKUP 3
typedef __m256 vec;
typedef __m256 vmask;
#define P(op) _mm256_##op##_ps
#define I(op) _mm256_##op##_epi32
#define TO_INT(x) _mm256_castps_si256(x)
#define FROM_INT(x) _mm256_castsi256_ps(x)
#define v_set1_bits(u) FROM_INT(_mm256_set1_epi32((int)(u)))
#define TAIL(n) _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#endif

FS_INLINE vec v_load(const REAL *p) { return P(loadu)(p); }
FS_INLINE void v_store(REAL *p, vec x) { P(storeu)(p, x); }
FS_INLINE vec v_load_n(const REAL *p, ptrdiff_t n) { return P(maskload)(p, TAIL(n)); }
FS_INLINE void v_store_n(REAL *p, vec x, ptrdiff_t n) { P(maskstore)(p, TAIL(n), x); }
FS_INLINE vec v_set1(REAL x) { return P(set1)(x); }
FS_INLINE vec v_add(vec a, vec b) { return P(add)(a, b); }
FS_INLINE vec v_sub(vec a, vec b) { return P(sub)(a, b); }
FS_INLINE vec v_mul(vec a, vec b) { return P(mul)(a, b); }
FS_INLINE vec v_div(vec a, vec b) { return P(div)(a, b); }
FS_INLINE vec v_sqrt(vec a) { return P(sqrt)(a); }
FS_INLINE vec v_fma(vec a, vec b, vec c) { return P(fmadd)(a, b, c); }
FS_INLINE vec v_fnma(vec a, vec b, vec c) { return P(fnmadd)(a, b, c); }
FS_INLINE vec v_max(vec a, vec b) { return P(max)(a, b); }
FS_INLINE vec v_min(vec a, vec b) { return P(min)(a, b); }
FS_INLINE vec v_round(vec a) { return P(round)(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

FS_INLINE vmask v_lt(vec a, vec b) { return P(cmp)(a, b, _CMP_LT_OQ); }
FS_INLINE vmask v_le(vec a, vec b) { return P(cmp)(a, b, _CMP_LE_OQ); }
FS_INLINE vmask v_gt(vec a, vec b) { return P(cmp)(a, b, _CMP_GT_OQ); }
FS_INLINE vmask v_ge(vec a, vec b) { return P(cmp)(a, b, _CMP_GE_OQ); }
FS_INLINE vmask v_eq(vec a, vec b) { return P(cmp)(a, b, _CMP_EQ_OQ); }
FS_INLINE vmask v_ne(vec a, vec b) { return P(cmp)(a, b, _CMP_NEQ_UQ); }
FS_INLINE vmask v_unord(vec a, vec b) { return P(cmp)(a, b, _CMP_UNORD_Q); }
FS_INLINE vmask m_and(vmask a, vmask b) { return P(and)(a, b); }
FS_INLINE vmask m_or(vmask a, vmask b) { return P(or)(a, b); }
FS_INLINE vmask m_not(vmask a) { return P(xor)(a, v_set1_bits(-1)); }
FS_INLINE int m_any(vmask a) { return P(movemask)(a) != 0; }
FS_INLINE vec v_select(vmask m, vec a, vec b) { return P(blendv)(b, a, m); }

FS_INLINE vec v_and_bits(vec a, vec b) { return P(and)(a, b); }
FS_INLINE vec v_or_bits(vec a, vec b) { return P(or)(a, b); }
FS_INLINE vec v_xor_bits(vec a, vec b) { return P(xor)(a, b); }
FS_INLINE vec v_add_int(vec a, vec b) { return FROM_INT(I(add)(TO_INT(a), TO_INT(b))); }
FS_INLINE vec v_sub_int(vec a, vec b) { return FROM_INT(I(sub)(TO_INT(a), TO_INT(b))); }
#define v_shl(x, k) FROM_INT(I(slli)(TO_INT(x), (k)))
#define v_shr(x, k) FROM_INT(I(srli)(TO_INT(x), (k)))

#ifdef HAVE_LOOKUP
FS_INLINE vec v_lookup(vec table, vec x) { return _mm256_permutevar8x32_ps(table, TO_INT(x)); }
#endif

/* r[i][j] -> r[j][i]: interleave pairs, then pairs of pairs, then exchange halves of the registers. */
#ifdef FS_F64
FS_INLINE void v_transpose(vec r[VL]) {
    const vec a = _mm256_unpacklo_pd(r[0], r[1]), b = _mm256_unpackhi_pd(r[0], r[1]);
    const vec c = _mm256_unpacklo_pd(r[2], r[3]), d = _mm256_unpackhi_pd(r[2], r[3]);
    r[0] = _mm256_permute2f128_pd(a, c, 0x20);
    r[1] = _mm256_permute2f128_pd(b, d, 0x20);
    r[2] = _mm256_permute2f128_pd(a, c, 0x31);
    r[3] = _mm256_permute2f128_pd(b, d, 0x31);
}
#else
FS_INLINE void v_transpose(vec r[VL]) {
    vec t[VL], u[VL];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        for (int j = 0; j < 2; j++) {
            u[i + 2 * j] = _mm256_shuffle_ps(t[i + j], t[i + j + 2], 0x44);
            u[i + 2 * j + 1] = _mm256_shuffle_ps(t[i + j], t[i + j + 2], 0xee);
        }
    }
    for (int j = 0; j < 4; j++) {
        r[j] = _mm256_permute2f128_ps(u[j], u[j + 4], 0x20);
        r[j + 4] = _mm256_permute2f128_ps(u[j], u[j + 4], 0x31);
    }
}
#endif

#include "vec_across.h"

/* Halves, then neighbours: of two registers, their sums side by side in one. */
#define HAVE_SUM_EACH
FS_INLINE vec v_sum_each(const vec r[VL]) {
    vec t[VL / 2];
    for (int i = 0; i < VL / 2; i++) {
        t[i] = v_add(P(permute2f128)(r[i], r[i + VL / 2], 0x20), P(permute2f128)(r[i], r[i + VL / 2], 0x31));
    }
#ifdef FS_F64
    return P(hadd)(t[0], t[1]);
#else
    return P(hadd)(P(hadd)(t[0], t[1]), P(hadd)(t[2], t[3]));
#endif
}

/* GEMM tile: 6 rows of 2 registers, 2 for B, 1 broadcast, 1 to spare. */
#define GEMM_MR 6
