/* Plain C for machines with no header of their own: short arrays that a compiler may turn into what it has. */
#include <math.h>
#include <string.h>

#define HAVE_FMA 0
#define VL 4
typedef struct { REAL lane[VL]; } vec;
typedef struct { fs_bits lane[VL]; } vmask;

#ifdef FS_F64
#define ROUND_MAGIC 6755399441055744.0 /* 1.5 * 2^52 */
#define SCALAR_SQRT sqrt
#else
#define ROUND_MAGIC 12582912.0f /* 1.5 * 2^23 */
#define SCALAR_SQRT sqrtf
#endif

#define EACH(expression)                                   \
    do {                                                   \
        for (int i = 0; i < VL; i++) r.lane[i] = (expression); \
    } while (0)
#define BINARY(name, expression) \
    FS_INLINE vec name(vec a, vec b) { vec r; EACH(expression); return r; }
#define COMPARE(name, expression) \
    FS_INLINE vmask name(vec a, vec b) { vmask r; EACH((expression) ? ~(fs_bits)0 : 0); return r; }

FS_INLINE fs_bits scalar_bits(REAL x) { fs_bits u; memcpy(&u, &x, sizeof u); return u; }
FS_INLINE REAL scalar_from(fs_bits u) { REAL x; memcpy(&x, &u, sizeof x); return x; }

FS_INLINE vec v_load(const REAL *p) { vec r; EACH(p[i]); return r; }
FS_INLINE void v_store(REAL *p, vec x) { for (int i = 0; i < VL; i++) p[i] = x.lane[i]; }
FS_INLINE vec v_load_n(const REAL *p, ptrdiff_t n) { vec r; EACH(i < n ? p[i] : 0); return r; }
FS_INLINE void v_store_n(REAL *p, vec x, ptrdiff_t n) { for (ptrdiff_t i = 0; i < n; i++) p[i] = x.lane[i]; }
FS_INLINE vec v_set1(REAL x) { vec r; EACH(x); return r; }
FS_INLINE vec v_set1_bits(fs_bits u) { return v_set1(scalar_from(u)); }
BINARY(v_add, a.lane[i] + b.lane[i])
BINARY(v_sub, a.lane[i] - b.lane[i])
BINARY(v_mul, a.lane[i] * b.lane[i])
BINARY(v_div, a.lane[i] / b.lane[i])
BINARY(v_max, a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i])
BINARY(v_min, a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i])
BINARY(v_and_bits, scalar_from(scalar_bits(a.lane[i]) & scalar_bits(b.lane[i])))
BINARY(v_or_bits, scalar_from(scalar_bits(a.lane[i]) | scalar_bits(b.lane[i])))
BINARY(v_xor_bits, scalar_from(scalar_bits(a.lane[i]) ^ scalar_bits(b.lane[i])))
BINARY(v_add_int, scalar_from(scalar_bits(a.lane[i]) + scalar_bits(b.lane[i])))
BINARY(v_sub_int, scalar_from(scalar_bits(a.lane[i]) - scalar_bits(b.lane[i])))
COMPARE(v_lt, a.lane[i] < b.lane[i])
COMPARE(v_le, a.lane[i] <= b.lane[i])
COMPARE(v_gt, a.lane[i] > b.lane[i])
COMPARE(v_ge, a.lane[i] >= b.lane[i])
COMPARE(v_eq, a.lane[i] == b.lane[i])
COMPARE(v_ne, a.lane[i] != b.lane[i])
COMPARE(v_unord, a.lane[i] != a.lane[i] || b.lane[i] != b.lane[i])
FS_INLINE vmask m_and(vmask a, vmask b) { vmask r; EACH(a.lane[i] & b.lane[i]); return r; }
FS_INLINE vmask m_or(vmask a, vmask b) { vmask r; EACH(a.lane[i] | b.lane[i]); return r; }
FS_INLINE vmask m_not(vmask a) { vmask r; EACH(~a.lane[i]); return r; }
FS_INLINE int m_any(vmask a) { int any = 0; for (int i = 0; i < VL; i++) any |= a.lane[i] != 0; return any; }
FS_INLINE vec v_select(vmask m, vec a, vec b) { vec r; EACH(m.lane[i] ? a.lane[i] : b.lane[i]); return r; }
FS_INLINE vec v_sqrt(vec a) { vec r; EACH(SCALAR_SQRT(a.lane[i])); return r; }
FS_INLINE vec v_fma(vec a, vec b, vec c) { return v_add(v_mul(a, b), c); }
FS_INLINE vec v_fnma(vec a, vec b, vec c) { return v_sub(c, v_mul(a, b)); }
FS_INLINE vec v_round(vec a) { return v_sub(v_add(a, v_set1(ROUND_MAGIC)), v_set1(ROUND_MAGIC)); }
FS_INLINE vec v_shl(vec a, int k) { vec r; EACH(scalar_from(scalar_bits(a.lane[i]) << k)); return r; }
FS_INLINE vec v_shr(vec a, int k) { vec r; EACH(scalar_from(scalar_bits(a.lane[i]) >> k)); return r; }

#undef EACH
#undef BINARY
#undef COMPARE

FS_INLINE void v_transpose(vec r[VL]) {
    for (int i = 0; i < VL; i++) {
        for (int j = 0; j < i; j++) {
            const REAL x = r[i].lane[j];
            r[i].lane[j] = r[j].lane[i];
            r[j].lane[i] = x;
        }
    }
}

#include "vec_across.h"

#define GEMM_MR 4
