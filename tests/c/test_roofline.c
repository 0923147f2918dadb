/* What measures the machine does the work it is counted for. */
#include "typed.h"

static void arithmetic(void) {
    for (ptrdiff_t rounds = 0; rounds < 70; rounds = 2 * rounds + 1) {
        CASE("rounds=%td", rounds);
        double *flops = guard_alloc("flops", sizeof(double), GUARD_OUTPUT);
        REAL *sum = output("sum", 1);
        CALL(FS(simd)->roofline_fma(flops, sum, rounds, (REAL)0.5, 3));
        /* Every chain goes to the fixed point 6, halving its distance each round; chain i begins at i, in every lane. */
        ptrdiff_t chains = 0;
        wide lanes = 0;
        for (ptrdiff_t vl = 1; vl <= 16 && rounds; vl *= 2) {
            if (FS(simd)->gemm_nr == 2 * vl) lanes = (wide)vl;
        }
        if (rounds) chains = (ptrdiff_t)(flops[0] / (2.0 * (double)lanes * (double)rounds));
        EXPECT(flops[0] == 2.0 * (double)lanes * (double)chains * (double)rounds);
        EXPECT(chains >= 8 || rounds == 0);
        if (rounds == 0) continue;
        wide want = 0;
        for (ptrdiff_t i = 0; i < chains; i++) want += lanes * (6 + ((wide)i - 6) * W(pow)(2, (wide)-rounds));
        expect_near("sum", 0, sum[0], want, 64 * EPS * W(fabs)(want));
    }
}

static void arithmetic_in_chunks(void) {
    double one = 0, all = 0;
    RUN(FS(roofline_fma)(&one, 1, 10));
    EXPECT(one > 0);
    for (ptrdiff_t chunks = 1; chunks < 6; chunks++) {
        CASE("chunks=%td", chunks);
        RUN(FS(roofline_fma)(&all, chunks, 10));
        EXPECT(all == one * (double)chunks);
    }
}

static void stream_case(ptrdiff_t n, ptrdiff_t chunks, ptrdiff_t rounds, int write) {
    CASE("n=%td chunks=%td rounds=%td write=%d", n, chunks, rounds, write);
    const REAL *x = input("x", n), *z = input("z", n);
    REAL *y = output("y", n);
    RUN(FS(roofline_stream)(y, x, z, n, chunks, rounds, write));
    for (ptrdiff_t i = 0; i < n && write && rounds; i++) expect_near("y", i, y[i], x[i] + z[i] / (wide)2, EPS);
    for (ptrdiff_t chunk = 0; chunk < chunks && !write; chunk++) {
        const ptrdiff_t first = n / chunks * chunk, last = chunk + 1 == chunks ? n : first + n / chunks;
        wide sum = 0, size = 0;
        if (first == last) continue;
        for (ptrdiff_t i = first; i < last; i++) {
            sum += (wide)x[i] * z[i];
            size += W(fabs)((wide)x[i] * z[i]);
        }
        expect_near("y", first, y[first], sum, (wide)(last - first + 2) * EPS * size);
        for (ptrdiff_t i = first + 1; i < last; i++) EXPECT(is_unwritten(y[i]));
    }
}

static void streams(void) {
    for (int write = 0; write < 2; write++) {
        for (ptrdiff_t n = 0; n < 150; n++) stream_case(n, 1 + n % 4, 1, write);
        stream_case(3000, 3, 2, write);
    }
    stream_case(20, 2, 0, 1);
}

const struct test FS(tests_roofline)[] = {
    {"arithmetic", arithmetic}, {"chunks", arithmetic_in_chunks}, {"streams", streams}, {NULL, NULL}};
