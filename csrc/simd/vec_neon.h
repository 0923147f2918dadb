/* NEON of AArch64: 4 floats or 2 doubles, FMA, 32 registers. */
#include <arm_neon.h>

#define HAVE_FMA 1
#ifdef FS_F64
#define VL 2
typedef float64x2_t vec;
typedef uint64x2_t vmask;
#define F(op) v##op##q_f64
#define N(op) v##op##q_n_f64
#define U(op) v##op##q_u64
#define UN(op) v##op##q_n_u64
#define TO_INT(x) vreinterpretq_u64_f64(x)
#define FROM_INT(x) vreinterpretq_f64_u64(x)
#else
#define VL 4
typedef float32x4_t vec;
typedef uint32x4_t vmask;
#define F(op) v##op##q_f32
#define N(op) v##op##q_n_f32
#define U(op) v##op##q_u32
#define UN(op) v##op##q_n_u32
#define TO_INT(x) vreinterpretq_u32_f32(x)
#define FROM_INT(x) vreinterpretq_f32_u32(x)
#endif

FS_INLINE vec v_load(const REAL *p) { return F(ld1)(p); }
FS_INLINE void v_store(REAL *p, vec x) { F(st1)(p, x); }
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
FS_INLINE vec v_set1(REAL x) { return N(dup)(x); }
FS_INLINE vec v_add(vec a, vec b) { return F(add)(a, b); }
FS_INLINE vec v_sub(vec a, vec b) { return F(sub)(a, b); }
FS_INLINE vec v_mul(vec a, vec b) { return F(mul)(a, b); }
FS_INLINE vec v_div(vec a, vec b) { return F(div)(a, b); }
FS_INLINE vec v_sqrt(vec a) { return F(sqrt)(a); }
FS_INLINE vec v_fma(vec a, vec b, vec c) { return F(fma)(c, a, b); }
FS_INLINE vec v_fnma(vec a, vec b, vec c) { return F(fms)(c, a, b); }
FS_INLINE vec v_round(vec a) { return F(rndn)(a); }

FS_INLINE vmask v_lt(vec a, vec b) { return F(clt)(a, b); }
FS_INLINE vmask v_le(vec a, vec b) { return F(cle)(a, b); }
FS_INLINE vmask v_gt(vec a, vec b) { return F(cgt)(a, b); }
FS_INLINE vmask v_ge(vec a, vec b) { return F(cge)(a, b); }
FS_INLINE vmask v_eq(vec a, vec b) { return F(ceq)(a, b); }
FS_INLINE vmask m_and(vmask a, vmask b) { return U(and)(a, b); }
FS_INLINE vmask m_or(vmask a, vmask b) { return U(orr)(a, b); }
FS_INLINE vmask m_not(vmask a) { return U(eor)(a, U(ceq)(a, a)); }
FS_INLINE vmask v_ne(vec a, vec b) { return m_not(v_eq(a, b)); }
FS_INLINE vmask v_unord(vec a, vec b) { return m_not(m_and(v_eq(a, a), v_eq(b, b))); }
FS_INLINE int m_any(vmask a) { return vmaxvq_u32(
#ifdef FS_F64
    vreinterpretq_u32_u64(a)
#else
    a
#endif
    ) != 0; }
FS_INLINE vec v_select(vmask m, vec a, vec b) { return F(bsl)(m, a, b); }
/* The instruction returns NaN if either operand is; the x86 rule, second operand, is what the kernels are written to. */
FS_INLINE vec v_max(vec a, vec b) { return v_select(v_gt(a, b), a, b); }
FS_INLINE vec v_min(vec a, vec b) { return v_select(v_lt(a, b), a, b); }

#ifdef FS_F64
FS_INLINE vec v_set1_bits(fs_bits u) { return FROM_INT(vdupq_n_u64(u)); }
#else
FS_INLINE vec v_set1_bits(fs_bits u) { return FROM_INT(vdupq_n_u32(u)); }
#endif
FS_INLINE vec v_and_bits(vec a, vec b) { return FROM_INT(U(and)(TO_INT(a), TO_INT(b))); }
FS_INLINE vec v_or_bits(vec a, vec b) { return FROM_INT(U(orr)(TO_INT(a), TO_INT(b))); }
FS_INLINE vec v_xor_bits(vec a, vec b) { return FROM_INT(U(eor)(TO_INT(a), TO_INT(b))); }
FS_INLINE vec v_add_int(vec a, vec b) { return FROM_INT(U(add)(TO_INT(a), TO_INT(b))); }
FS_INLINE vec v_sub_int(vec a, vec b) { return FROM_INT(U(sub)(TO_INT(a), TO_INT(b))); }
#define v_shl(x, k) FROM_INT(UN(shl)(TO_INT(x), (k)))
#define v_shr(x, k) FROM_INT(UN(shr)(TO_INT(x), (k)))

/* r[i][j] -> r[j][i] */
#ifdef FS_F64
FS_INLINE void v_transpose(vec r[VL]) {
    const vec low = vtrn1q_f64(r[0], r[1]), high = vtrn2q_f64(r[0], r[1]);
    r[0] = low;
    r[1] = high;
}
#else
FS_INLINE void v_transpose(vec r[VL]) {
    const float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}
#endif

#include "vec_across.h"

/* GEMM tile: 12 rows of 2 registers, 2 for B, 6 to spare. */
#define GEMM_MR 12
