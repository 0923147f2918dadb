/* v_rsqrt(a): an estimate of 1 / sqrt(a), off by less than 2^-14 of it, for denormal a too; infinity for 0, 0 for infinity.
 *
 * Only where HAVE_RSQRT is defined: float32 on AVX-512. SSE2 and AVX2 have one of 12 bits, which takes denormals for 0 and
 * with which an optimizer's step was no faster.
 */
#ifndef FS_VEC_RSQRT_H
#define FS_VEC_RSQRT_H

#include "vec.h"

#if defined(FS_ISA_AVX512) && !defined(FS_F64)
#define HAVE_RSQRT 1
FS_INLINE vec v_rsqrt(vec a) { return _mm512_rsqrt14_ps(a); }
#endif

#endif
