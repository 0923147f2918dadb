/* One register of REAL on the instruction set this file is compiled for.
 *
 * The build compiles each file of simd/ once per instruction set (-DFS_ISA_AVX2 ...) and type. What a kernel may use is
 * the list below and nothing else; each vec_<isa>.h defines all of it, as static inline functions or macros, so that no
 * code of a wider instruction set can leak into another object.
 *
 *   vec, vmask, VL                         register, comparison result, lanes
 *   v_load v_store                         unaligned, VL lanes
 *   v_load_n v_store_n (p, n)              the first n lanes, 0 <= n <= VL; other lanes load as 0 and are not touched
 *   v_set1 v_zero v_add v_sub v_mul v_div v_sqrt v_abs v_neg
 *   v_fma(a,b,c) = a*b + c                 fused where the hardware is (HAVE_FMA = 1), else rounded twice
 *   v_fnma(a,b,c) = c - a*b
 *   v_scale(a, n) = a 2^n                  n whole; rounded once. Only where HAVE_SCALE is defined
 *   v_max v_min                            the second operand where either is NaN
 *   v_round                                to nearest even, |x| < 2^22 (f32) or 2^51 (f64)
 *   v_lt v_le v_gt v_ge v_eq v_ne v_unord  comparisons -> vmask; m_and m_or m_not m_any
 *   v_select(m, a, b)                      m ? a : b
 *   v_sum v_hmax v_hmin                    across lanes, always by the same tree
 *   v_and_bits v_or_bits v_xor_bits        on the bit patterns
 *   v_rsqrt, words of 32 bits              only where there are some: vec_rsqrt.h, vec_words.h
 *   v_add_int v_sub_int                    on the lanes as integers of the same width
 *   v_shl v_shr (x, constant)              shifts of the lanes as unsigned integers
 *   v_lookup(table, x)                     lane x mod VL of the table for each lane of x, a whole number in its lowest bits.
 *                                          Only where HAVE_LOOKUP is defined: VL = 2^HAVE_LOOKUP
 *   v_transpose(r[VL])                     the VL x VL square of VL registers, rows to columns
 *   v_sum_each(r[VL])                      lane i: the sum of the lanes of r[i]; here for those without (HAVE_SUM_EACH)
 *   v_set1_bits(u)                         a bit pattern in every lane
 */
#ifndef FS_VEC_H
#define FS_VEC_H

#include "../real.h"

#ifdef FS_F64
typedef uint64_t fs_bits;
#else
typedef uint32_t fs_bits;
#endif

#if defined(FS_ISA_SCALAR) /* the tests' way to vec_scalar.h on any machine */
#define FS_ISA baseline
#include "vec_scalar.h"
#elif defined(FS_ISA_AVX512)
#define FS_ISA avx512
#include "vec_avx512.h"
#elif defined(FS_ISA_AVX2)
#define FS_ISA avx2
#include "vec_avx2.h"
#elif defined(FS_ISA_NEON)
#define FS_ISA neon
#include "vec_neon.h"
#elif defined(__SSE2__) || defined(_M_X64)
#define FS_ISA baseline
#include "vec_sse2.h"
#else
#define FS_ISA baseline
#include "vec_scalar.h"
#endif

#ifdef FS_F64
#define FS_SIGN_BIT 0x8000000000000000u
#else
#define FS_SIGN_BIT 0x80000000u
#endif
FS_INLINE vec v_zero(void) { return v_set1(0); }
FS_INLINE vec v_abs(vec x) { return v_and_bits(x, v_set1_bits(~(fs_bits)FS_SIGN_BIT)); }
FS_INLINE vec v_neg(vec x) { return v_xor_bits(x, v_set1_bits(FS_SIGN_BIT)); }

#ifndef HAVE_SUM_EACH
FS_INLINE vec v_sum_each(const vec r[VL]) {
    vec t[VL];
    for (int i = 0; i < VL; i++) t[i] = r[i];
    v_transpose(t);
    for (int half = VL / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) t[i] = v_add(t[i], t[i + half]);
    }
    return t[0];
}
#endif

#define FS_SIMD_(name, type, isa) FS_PASTE(FS_PASTE(fs_##name##_, type), FS_PASTE(_, isa))
#define FS_SIMD(name) FS_SIMD_(name, FS_TYPE, FS_ISA)

#define FS_MIN(a, b) ((a) < (b) ? (a) : (b))
#define FS_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
