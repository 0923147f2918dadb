/* For tests of kernels, compiled once for float and once for double like the kernels themselves (REAL, FS(name)). */
#ifndef TYPED_H
#define TYPED_H

#include "check.h"
#include "fastscratch.h"
#include "guard.h"
#include "real.h"
#include "simd/kernels.h"

#include <math.h>
#include <string.h>

/* What references compute in, and the unit roundoff of what is tested. */
#ifdef FS_F64
typedef long double wide;
#define W(function) function##l
#define EPS ((wide)0x1p-53)
#define TINY ((wide)0x1p-1074)
#else
typedef double wide;
#define W(function) function
#define EPS ((wide)0x1p-24)
#define TINY ((wide)0x1p-149)
#endif

#define LENGTH(array) ((ptrdiff_t)(sizeof(array) / sizeof *(array)))

static FS_UNUSED REAL *reals(const char *name, ptrdiff_t n, enum guard_kind kind) {
    REAL *p = guard_alloc(name, (size_t)n * sizeof(REAL), kind);
    for (ptrdiff_t i = 0; i < n; i++) p[i] = (REAL)check_uniform();
    return p;
}

/* Uniform in [-1, 1). An input cannot be written once RUN or CALL has begun; change it before. */
static FS_UNUSED REAL *input(const char *name, ptrdiff_t n) { return reals(name, n, GUARD_INPUT); }
static FS_UNUSED REAL *inout(const char *name, ptrdiff_t n) { return reals(name, n, GUARD_OUTPUT); }

/* Full of a NaN that no kernel makes. */
#ifdef FS_F64
#define UNWRITTEN 0x7FF8DEADBEEF0000u
#else
#define UNWRITTEN 0x7FC0DEADu
#endif
static FS_UNUSED REAL *output(const char *name, ptrdiff_t n) {
    REAL *p = guard_alloc(name, (size_t)n * sizeof(REAL), GUARD_OUTPUT);
    const uint64_t wide_bits = UNWRITTEN;
    const uint32_t bits = (uint32_t)wide_bits;
    for (ptrdiff_t i = 0; i < n; i++) memcpy(p + i, sizeof(REAL) == 8 ? (const void *)&wide_bits : &bits, sizeof(REAL));
    return p;
}
static FS_UNUSED int is_unwritten(REAL x) {
    uint64_t bits = 0;
    uint32_t half = 0;
    memcpy(sizeof(REAL) == 8 ? (void *)&bits : &half, &x, sizeof x);
    return (sizeof(REAL) == 8 ? bits : half) == UNWRITTEN;
}

static FS_UNUSED ptrdiff_t *indices(const char *name, ptrdiff_t n) {
    return guard_alloc(name, (size_t)n * sizeof(ptrdiff_t), GUARD_INPUT);
}

/* NaN is near NaN, infinity near itself. */
static FS_UNUSED void expect_near(const char *name, ptrdiff_t i, REAL got, wide want, wide limit) {
    check_digest_add(&got, sizeof got);
    if (isnan(want) ? isnan(got) : isinf(want) ? (wide)got == want : W(fabs)((wide)got - want) <= limit + TINY) return;
    if (is_unwritten(got)) {
        FAIL("%s[%td] was not written, should be %.17g", name, i, (double)want);
    } else {
        FAIL("%s[%td] is %.17g, should be %.17g, within %.2g", name, i, (double)got, (double)want, (double)limit);
    }
}

/* The same number, NaN for NaN. */
static FS_UNUSED void expect_equal(const char *name, ptrdiff_t i, REAL got, REAL want) {
    expect_near(name, i, got, (wide)want, -TINY);
}

#endif
