/* AVX-512 F/VL/BW/DQ: 16 floats or 8 doubles; a tail is a mask, never a loop. */
#include <immintrin.h>

#define HAVE_FMA 1
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

/* GEMM tile: 14 rows of 2 registers leave 2 for B and 2 to spare. */
#define GEMM_MR 14
