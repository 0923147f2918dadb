/* Dropout against Philox4x32-10 written out, one counter at a time. */
#include "typed.h"

static uint32_t philox_word(uint64_t counter, uint64_t offset, uint64_t key, int word) {
    uint32_t c[] = {(uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)offset, (uint32_t)(offset >> 32)};
    uint32_t k[] = {(uint32_t)key, (uint32_t)(key >> 32)};
    for (int round = 0; round < 10; round++) {
        const uint64_t p = (uint64_t)0xD2511F53u * c[0], q = (uint64_t)0xCD9E8D57u * c[2];
        const uint32_t next[] = {(uint32_t)(q >> 32) ^ c[1] ^ k[0], (uint32_t)q, (uint32_t)(p >> 32) ^ c[3] ^ k[1],
                                 (uint32_t)p};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return c[word];
}

/* The first and last test vectors of the paper's own library: all bits 0, all bits 1. */
static void known_answers(void) {
    const uint32_t zeros[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    const uint32_t ones[] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    for (int i = 0; i < 4; i++) {
        EXPECT(philox_word(0, 0, 0, i) == zeros[i]);
        EXPECT(philox_word(UINT64_MAX, UINT64_MAX, UINT64_MAX, i) == ones[i]);
    }
}

static void expect_dropped(const REAL *y, const uint8_t *kept, const REAL *x, ptrdiff_t n, double p, uint64_t first, uint64_t key,
                           uint64_t offset) {
    const uint64_t threshold = (uint64_t)(p * 4294967296.0 + 0.5);
    for (ptrdiff_t i = 0; i < n; i++) {
        const int stays = philox_word(first + (uint64_t)i / 4, offset, key, (int)(i % 4)) >= threshold;
        if (kept[i] != stays) FAIL("kept[%td] is %d", i, kept[i]);
        const wide want = stays ? (wide)x[i] / (1 - (wide)p) : 0;
        expect_near("y", i, y[i], want, 4 * EPS * W(fabs)(want));
    }
}

static void dropout_case(ptrdiff_t n, double p, uint64_t key, uint64_t offset) {
    CASE("n=%td p=%g", n, p);
    const REAL *x = input("x", n);
    REAL *y = output("y", n), *dx = output("dx", n);
    uint8_t *kept = guard_alloc("kept", (size_t)n, GUARD_OUTPUT);
    RUN(FS(dropout_forward)(y, kept, x, n, p, key, offset));
    expect_dropped(y, kept, x, n, p, 0, key, offset);
    RUN(FS(dropout_backward)(dx, x, kept, n, p));
    for (ptrdiff_t i = 0; i < n; i++) expect_equal("dx", i, dx[i], y[i]);
}

static void dropout(void) {
    for (ptrdiff_t n = 0; n < 300; n += n < 20 ? 1 : 13) dropout_case(n, 0.3, 0x0123456789abcdefu, (uint64_t)n << 40);
    dropout_case(1000, 0, 1, 2);
    dropout_case(1000, 1, 1, 2);
    dropout_case(1000, 1e-12, 1, 2);
    dropout_case(150001, 0.5, UINT64_MAX, UINT64_MAX); /* for threads */
}

static void dropped_is_zero(void) {
    const ptrdiff_t n = 200;
    CASE("NaN and infinities");
    REAL *x = input("x", n), *y = output("y", n);
    for (ptrdiff_t i = 0; i < n; i++) x[i] = (REAL)(i % 2 ? NAN : INFINITY);
    uint8_t *all = guard_alloc("kept", (size_t)n, GUARD_OUTPUT);
    RUN(FS(dropout_forward)(y, all, x, n, 0.5, 3, 4));
    for (ptrdiff_t i = 0; i < n; i++) {
        const int kept = philox_word((uint64_t)i / 4, 4, 3, (int)(i % 4)) >= 0x80000000u;
        expect_equal("y", i, y[i], kept ? x[i] : 0);
    }
}

static void refusals(void) {
    REAL x = 1, y = 2;
    uint8_t k = 1;
    EXPECT(FS(dropout_forward)(&y, &k, &x, 1, -0.1, 0, 0) == FS_EINVAL);
    EXPECT(FS(dropout_forward)(&y, &k, &x, 1, 1.1, 0, 0) == FS_EINVAL);
    EXPECT(FS(dropout_forward)(&y, &k, &x, 1, NAN, 0, 0) == FS_EINVAL);
    EXPECT(FS(dropout_backward)(&y, &x, &k, 1, 1.1) == FS_EINVAL);
    EXPECT(y == 2);
}

/* The micro-kernel from a counter of its own, across the carry into its upper half. */
static void dropout_run(void) {
    for (ptrdiff_t n = 0; n < 270; n += 1 + n / 7) {
        CASE("n=%td", n);
        const REAL *x = input("x", n);
        REAL *y = output("y", n);
        const uint64_t counter = 0xfffffff0u;
        uint8_t *kept = guard_alloc("kept", (size_t)n, GUARD_OUTPUT);
        CALL(FS(simd)->dropout_run(y, kept, x, n, counter, 7, 9, 0x40000000u, (REAL)(1 / 0.75)));
        expect_dropped(y, kept, x, n, 0.25, counter, 9, 7);
    }
}

const struct test FS(tests_dropout)[] = {{"known answers", known_answers},     {"dropout", dropout},
                                         {"dropped is zero", dropped_is_zero}, {"refusals", refusals},
                                         {"dropout_run", dropout_run},         {NULL, NULL}};
