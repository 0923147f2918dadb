/* AVX-512 F/VL/BW/DQ: 16 floats or 8 doubles; a tail is a mask, never a loop. */
#include <immintrin.h>

#define HAVE_FMA 1
#define HAVE_SCALE 1
#ifdef FS_F64
#define VL 8
typedef __m512d vec;
typedef __mmask8 vmask;
#define P(op) _mm512_##op##_pd
#define PM(op) _mm512_##op##_pd_mask
#define I(op) _mm512_##op##_epi64
#define TO_INT(x) _mm512_castpd_si512(x)
#define FROM_INT(x) _mm512_castsi512_pd(x)
#define v_set1_bits(u) FROM_INT(_mm512_set1_epi64((long long)(u)))
#define TAIL(n) ((vmask)((1u << (n)) - 1u))
#else
#define VL 16
#define HAVE_LOOKUP 4
typedef __m512 vec;
typedef __mmask16 vmask;
#define P(op) _mm512_##op##_ps
#define PM(op) _mm512_##op##_ps_mask
#define I(op) _mm512_##op##_epi32
#define TO_INT(x) _mm512_castps_si512(x)
#define FROM_INT(x) _mm512_castsi512_ps(x)
#define v_set1_bits(u) FROM_INT(_mm512_set1_epi32((int)(u)))
#define TAIL(n) ((vmask)((1u << (n)) - 1u))
#endif

FS_INLINE vec v_load(const REAL *p) { return P(loadu)(p); }
FS_INLINE void v_store(REAL *p, vec x) { P(storeu)(p, x); }
FS_INLINE vec v_load_n(const REAL *p, ptrdiff_t n) { return P(maskz_loadu)(TAIL(n), p); }
FS_INLINE void v_store_n(REAL *p, vec x, ptrdiff_t n) { P(mask_storeu)(p, TAIL(n), x); }
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
FS_INLINE vec v_round(vec a) { return P(roundscale)(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

FS_INLINE vec v_scale(vec a, vec n) { return P(scalef)(a, n); }

FS_INLINE vmask v_lt(vec a, vec b) { return PM(cmp)(a, b, _CMP_LT_OQ); }
FS_INLINE vmask v_le(vec a, vec b) { return PM(cmp)(a, b, _CMP_LE_OQ); }
FS_INLINE vmask v_gt(vec a, vec b) { return PM(cmp)(a, b, _CMP_GT_OQ); }
FS_INLINE vmask v_ge(vec a, vec b) { return PM(cmp)(a, b, _CMP_GE_OQ); }
FS_INLINE vmask v_eq(vec a, vec b) { return PM(cmp)(a, b, _CMP_EQ_OQ); }
FS_INLINE vmask v_ne(vec a, vec b) { return PM(cmp)(a, b, _CMP_NEQ_UQ); }
FS_INLINE vmask v_unord(vec a, vec b) { return PM(cmp)(a, b, _CMP_UNORD_Q); }
FS_INLINE vmask m_and(vmask a, vmask b) { return (vmask)(a & b); }
FS_INLINE vmask m_or(vmask a, vmask b) { return (vmask)(a | b); }
FS_INLINE vmask m_not(vmask a) { return (vmask)~a; }
FS_INLINE int m_any(vmask a) { return a != 0; }
FS_INLINE vec v_select(vmask m, vec a, vec b) { return P(mask_blend)(m, b, a); }

FS_INLINE REAL v_sum(vec a) { return P(reduce_add)(a); }
FS_INLINE REAL v_hmax(vec a) { return P(reduce_max)(a); }
FS_INLINE REAL v_hmin(vec a) { return P(reduce_min)(a); }

FS_INLINE vec v_and_bits(vec a, vec b) { return FROM_INT(_mm512_and_si512(TO_INT(a), TO_INT(b))); }
FS_INLINE vec v_or_bits(vec a, vec b) { return FROM_INT(_mm512_or_si512(TO_INT(a), TO_INT(b))); }
FS_INLINE vec v_xor_bits(vec a, vec b) { return FROM_INT(_mm512_xor_si512(TO_INT(a), TO_INT(b))); }
FS_INLINE vec v_add_int(vec a, vec b) { return FROM_INT(I(add)(TO_INT(a), TO_INT(b))); }
FS_INLINE vec v_sub_int(vec a, vec b) { return FROM_INT(I(sub)(TO_INT(a), TO_INT(b))); }
#define v_shl(x, k) FROM_INT(I(slli)(TO_INT(x), (k)))
#define v_shr(x, k) FROM_INT(I(srli)(TO_INT(x), (k)))

#ifdef HAVE_LOOKUP
FS_INLINE vec v_lookup(vec table, vec x) { return _mm512_permutexvar_ps(TO_INT(x), table); }
#endif

/* r[i][j] -> r[j][i]: interleave pairs, then pairs of pairs, then exchange quarters of the registers. */
#ifdef FS_F64
FS_INLINE void v_transpose(vec r[VL]) {
    vec t[VL], u[VL];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_pd(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_pd(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        for (int j = 0; j < 2; j++) {
            u[i + j] = _mm512_shuffle_f64x2(t[i + j], t[i + j + 2], 0x88);
            u[i + j + 2] = _mm512_shuffle_f64x2(t[i + j], t[i + j + 2], 0xdd);
        }
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_f64x2(u[i], u[i + 4], 0x88);
        r[i + 4] = _mm512_shuffle_f64x2(u[i], u[i + 4], 0xdd);
    }
}
#else
FS_INLINE void v_transpose(vec r[VL]) {
    vec t[VL], u[VL];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        for (int j = 0; j < 2; j++) {
            u[i + 2 * j] = _mm512_shuffle_ps(t[i + j], t[i + j + 2], 0x44);
            u[i + 2 * j + 1] = _mm512_shuffle_ps(t[i + j], t[i + j + 2], 0xee);
        }
    }
    /* u[4g + j] holds column j, j + 4, j + 8, j + 12 (by quarter) of rows 4g .. 4g + 3. */
    for (int j = 0; j < 4; j++) {
        const vec a = _mm512_shuffle_f32x4(u[j], u[j + 4], 0x88), b = _mm512_shuffle_f32x4(u[j + 8], u[j + 12], 0x88);
        const vec c = _mm512_shuffle_f32x4(u[j], u[j + 4], 0xdd), d = _mm512_shuffle_f32x4(u[j + 8], u[j + 12], 0xdd);
        r[j] = _mm512_shuffle_f32x4(a, b, 0x88);
        r[j + 8] = _mm512_shuffle_f32x4(a, b, 0xdd);
        r[j + 4] = _mm512_shuffle_f32x4(c, d, 0x88);
        r[j + 12] = _mm512_shuffle_f32x4(c, d, 0xdd);
    }
}
#endif

/* Halves, then quarters, then what is within a quarter: of two registers, their sums side by side in one. */
#define HAVE_SUM_EACH
#define FOLD(shuffle, a, b, low, high) v_add(shuffle(a, b, low), shuffle(a, b, high))
#ifdef FS_F64
FS_INLINE vec v_sum_each(const vec r[VL]) {
    vec u[2];
    for (int i = 0; i < 2; i++) {
        const vec low = FOLD(_mm512_shuffle_f64x2, r[i], r[i + 2], 0x44, 0xee);
        const vec high = FOLD(_mm512_shuffle_f64x2, r[i + 4], r[i + 6], 0x44, 0xee);
        u[i] = FOLD(_mm512_shuffle_f64x2, low, high, 0x88, 0xdd);
    }
    return FOLD(_mm512_shuffle_pd, u[0], u[1], 0x00, 0xff);
}
#else
FS_INLINE vec v_sum_each(const vec r[VL]) {
    vec u[4];
    for (int i = 0; i < 4; i++) {
        const vec low = FOLD(_mm512_shuffle_f32x4, r[i], r[i + 4], 0x44, 0xee);
        const vec high = FOLD(_mm512_shuffle_f32x4, r[i + 8], r[i + 12], 0x44, 0xee);
        u[i] = FOLD(_mm512_shuffle_f32x4, low, high, 0x88, 0xdd);
    }
    const vec v = FOLD(_mm512_shuffle_ps, u[0], u[1], 0x44, 0xee), w = FOLD(_mm512_shuffle_ps, u[2], u[3], 0x44, 0xee);
    return FOLD(_mm512_shuffle_ps, v, w, 0x88, 0xdd);
}
#endif
#undef FOLD

/* GEMM tile: 14 rows of 2 registers leave 2 for B and 2 to spare. */
#define GEMM_MR 14
