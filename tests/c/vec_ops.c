/* The promises of csrc/simd/vec.h, lane by lane; compiled once per type and instruction set, like csrc/simd. */
#include "simd/vec.h"
#include "typed.h"

void FS_SIMD(test_vec)(void);

static REAL special(ptrdiff_t i) {
    const double values[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 0.5, -2.5, 3, 1e-30};
    return (REAL)values[i % LENGTH(values)];
}

static fs_bits bits_of(REAL x) {
    fs_bits u;
    memcpy(&u, &x, sizeof u);
    return u;
}
static void expect_bits(const char *name, ptrdiff_t i, REAL got, fs_bits want) {
    check_digest_add(&got, sizeof got);
    const unsigned long long has = bits_of(got), should = want;
    if (has != should) FAIL("%s[%td] has the bits %llx, should be %llx", name, i, has, should);
}

static void tails(void) {
    for (ptrdiff_t n = 0; n <= VL; n++) {
        REAL lane[VL];
        CASE("tail of %td of %d", n, VL);
        const REAL *x = input("x", n);
        REAL *y = output("y", n);
        guard_freeze();
        const vec v = v_load_n(x, n);
        v_store(lane, v);
        v_store_n(y, v, n);
        for (ptrdiff_t i = 0; i < VL; i++) expect_equal("v_load_n", i, lane[i], i < n ? x[i] : 0);
        for (ptrdiff_t i = 0; i < n; i++) expect_equal("v_store_n", i, y[i], x[i]);
    }
}

/* An operation of one or two registers against the same on each lane; within `ulps` roundings. */
#define LANES(operation, want, ulps)                                                            \
    do {                                                                                        \
        REAL r_[VL];                                                                            \
        v_store(r_, operation);                                                                 \
        for (int i = 0; i < VL; i++) {                                                          \
            const wide w_ = (want);                                                             \
            expect_near(#operation, i, r_[i], w_, (ulps) ? (ulps) * EPS * W(fabs)(w_) : -TINY); \
        }                                                                                       \
    } while (0)

static void arithmetic(const REAL *x, const REAL *y, const REAL *z) {
    const vec a = v_load(x), b = v_load(y), c = v_load(z);
    LANES(v_add(a, b), (REAL)(x[i] + y[i]), 0);
    LANES(v_sub(a, b), (REAL)(x[i] - y[i]), 0);
    LANES(v_mul(a, b), (REAL)(x[i] * y[i]), 0);
    LANES(v_div(a, b), (REAL)(x[i] / y[i]), 0);
    LANES(v_sqrt(a), W(sqrt)((wide)x[i]), 1);
    LANES(v_max(a, b), x[i] > y[i] ? x[i] : y[i], 0);
    LANES(v_min(a, b), x[i] < y[i] ? x[i] : y[i], 0);
    LANES(v_set1(x[1]), x[1], 0);
    LANES(v_zero(), (wide)0, 0);
    for (int i = 0; i < VL; i++) {
        REAL f[VL], g[VL];
        v_store(f, v_fma(a, b, c));
        v_store(g, v_fnma(a, b, c));
        const wide product = (wide)x[i] * y[i], size = W(fabs)(product) + W(fabs)((wide)z[i]);
        expect_near("v_fma", i, f[i], product + z[i], 3 * EPS * size);
        expect_near("v_fnma", i, g[i], z[i] - product, 3 * EPS * size);
    }
}

static void bits(const REAL *x, const REAL *y) {
    const vec a = v_load(x), b = v_load(y);
    const vec result[] = {
        v_and_bits(a, b), v_or_bits(a, b), v_xor_bits(a, b), v_add_int(a, b), v_sub_int(a, b),
        v_shl(a, 3),      v_shr(a, 5),     v_abs(a),         v_neg(a),        v_set1_bits((fs_bits)0x12345678u)};
    for (int i = 0; i < VL; i++) {
        const fs_bits u = bits_of(x[i]), v = bits_of(y[i]), sign = (fs_bits)FS_SIGN_BIT;
        const fs_bits want[] = {u & v,  u | v,     u ^ v,    u + v,      u - v, (fs_bits)(u << 3),
                                u >> 5, u & ~sign, u ^ sign, 0x12345678u};
        for (ptrdiff_t k = 0; k < LENGTH(want); k++) {
            REAL r[VL];
            v_store(r, result[k]);
            expect_bits("bits", k * VL + i, r[i], want[k]);
        }
    }
}

static void comparisons(const REAL *x, const REAL *y) {
    const vec a = v_load(x), b = v_load(y), one = v_set1(1), zero = v_zero();
    const vmask lt = v_lt(a, b), ge = v_ge(a, b);
    LANES(v_select(v_lt(a, b), one, zero), (wide)(x[i] < y[i]), 0);
    LANES(v_select(v_le(a, b), one, zero), (wide)(x[i] <= y[i]), 0);
    LANES(v_select(v_gt(a, b), one, zero), (wide)(x[i] > y[i]), 0);
    LANES(v_select(v_ge(a, b), one, zero), (wide)(x[i] >= y[i]), 0);
    LANES(v_select(v_eq(a, b), one, zero), (wide)(x[i] == y[i]), 0);
    LANES(v_select(v_ne(a, b), one, zero), (wide)(x[i] != y[i]), 0);
    LANES(v_select(v_unord(a, b), one, zero), (wide)(isnan(x[i]) || isnan(y[i])), 0);
    LANES(v_select(m_and(lt, ge), one, zero), (wide)0, 0);
    LANES(v_select(m_or(lt, ge), one, zero), (wide)!(isnan(x[i]) || isnan(y[i])), 0);
    LANES(v_select(m_not(lt), one, zero), (wide)!(x[i] < y[i]), 0);
    int any = 0;
    for (int i = 0; i < VL; i++) any |= x[i] < y[i];
    EXPECT((m_any(lt) != 0) == any);
    EXPECT(!m_any(m_and(lt, ge)));
}

static void across(const REAL *x) {
    const vec a = v_load(x);
    wide sum = 0, size = 0;
    REAL high = x[0], low = x[0];
    for (int i = 0; i < VL; i++) {
        sum += x[i];
        size += W(fabs)((wide)x[i]);
        high = x[i] > high ? x[i] : high;
        low = x[i] < low ? x[i] : low;
    }
    expect_near("v_sum", 0, v_sum(a), sum, VL * EPS * size);
    expect_equal("v_hmax", 0, v_hmax(a), high);
    expect_equal("v_hmin", 0, v_hmin(a), low);
    LANES(v_round(v_mul(a, v_set1(1000))), W(rint)((wide)(REAL)(x[i] * 1000)), 0);
    LANES(v_round(v_set1((REAL)2.5)), (wide)2, 0);
    LANES(v_round(v_set1((REAL)-3.5)), (wide)-4, 0);
}

static void squares(void) {
    REAL square[VL][VL];
    vec r[VL];
    for (int i = 0; i < VL * VL; i++) square[i / VL][i % VL] = (REAL)i;
    for (int i = 0; i < VL; i++) r[i] = v_load(square[i]);
    REAL sums[VL];
    v_store(sums, v_sum_each(r));
    for (int i = 0; i < VL; i++) expect_equal("v_sum_each", i, sums[i], VL * VL * i + VL * (VL - 1) / 2);
    v_transpose(r);
    for (int j = 0; j < VL; j++) {
        REAL row[VL];
        v_store(row, r[j]);
        for (int i = 0; i < VL; i++) expect_equal("v_transpose", j * VL + i, row[i], square[i][j]);
    }
}

static void lookup(const REAL *x) {
#ifdef HAVE_LOOKUP
    const vec table = v_load(x);
    EXPECT(VL == 1 << HAVE_LOOKUP);
    for (fs_bits shift = 0; shift < VL; shift++) {
        REAL at[VL], r[VL];
        for (fs_bits i = 0; i < VL; i++) { /* only the lowest bits count */
            const fs_bits index = (i * 5 + shift) | (i << 20) | (i << (sizeof(REAL) * 8 - 3));
            memcpy(at + i, &index, sizeof index);
        }
        v_store(r, v_lookup(table, v_load(at)));
        for (fs_bits i = 0; i < VL; i++) expect_bits("v_lookup", i, r[i], bits_of(x[(i * 5 + shift) % VL]));
    }
#else
    (void)x;
#endif
}

void FS_SIMD(test_vec)(void) {
    REAL x[VL], y[VL], z[VL];
    tails();
    squares();
    for (int round = 0; round < 30; round++) {
        CASE("round %d", round);
        for (int i = 0; i < VL; i++) {
            x[i] = (REAL)check_uniform();
            y[i] = (REAL)check_uniform();
            z[i] = (REAL)check_uniform();
        }
        arithmetic(x, y, z);
        across(x);
        bits(x, y);
        lookup(x);
        comparisons(x, y);
        for (int i = 0; i < VL; i++) {
            x[i] = special(round + i);
            y[i] = special(3 * round + 5 * i + 2);
        }
        comparisons(x, y);
        bits(x, y);
        lookup(x);
        LANES(v_max(v_load(x), v_load(y)), x[i] > y[i] ? x[i] : y[i], 0);
        LANES(v_min(v_load(x), v_load(y)), x[i] < y[i] ? x[i] : y[i], 0);
    }
}
