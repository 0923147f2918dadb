/* Nearest neighbours against all distances in a wider type; limits as in prototypes.h. */
#include "typed.h"

static wide distance(const REAL *a, const REAL *b, ptrdiff_t d) {
    wide sum = 0;
    for (ptrdiff_t p = 0; p < d; p++) sum += ((wide)a[p] - b[p]) * ((wide)a[p] - b[p]);
    return sum;
}

static void neighbours_case(ptrdiff_t n, ptrdiff_t d, ptrdiff_t k) {
    CASE("n=%td d=%td k=%td", n, d, k);
    const REAL *x = input("x", n * d);
    int64_t *index = guard_alloc("index", (size_t)(n * k) * sizeof *index, GUARD_OUTPUT);
    REAL *got = output("distance", n * k);
    RUN(FS(nearest_neighbours)(index, got, x, n, d, k));
    for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t nearer = 0; /* others that are clearly nearer than the last of those found */
        for (ptrdiff_t j = i * k; j < (i + 1) * k; j++) {
            EXPECT(0 <= index[j] && index[j] < n && index[j] != i);
            const wide want = distance(x + i * d, x + index[j] * d, d);
            expect_near("distance", j, got[j], want, (wide)(d + 2) * EPS * want);
            EXPECT(j == i * k || got[j - 1] <= got[j]);
            for (ptrdiff_t other = i * k; other < j; other++) EXPECT(index[other] != index[j]);
        }
        const wide spare = (wide)(2 * d + 16) * EPS * 4 * (wide)d; /* |x| <= sqrt d */
        for (ptrdiff_t j = 0; j < n && k > 0; j++) {
            nearer += j != i && distance(x + i * d, x + j * d, d) + 2 * spare < (wide)got[(i + 1) * k - 1];
        }
        EXPECT(nearer < k || k == 0);
    }
}

static void nearest_neighbours(void) {
    for (ptrdiff_t n = 1; n <= 30; n++) neighbours_case(n, 1 + n * 5 % 17, n * 3 % 7 % n);
    neighbours_case(0, 3, 0);
    neighbours_case(4, 0, 2);
    neighbours_case(140, 6, 139); /* two chunks, all others */
    neighbours_case(2100, 3, 4);  /* two tiles */
    CASE("more than there are");
    int64_t index[4];
    REAL got[4], x[2] = {0, 0};
    EXPECT(FS(nearest_neighbours)(index, got, x, 2, 1, 2) == FS_EINVAL);
}

const struct test FS(tests_neighbours)[] = {{"nearest_neighbours", nearest_neighbours}, {NULL, NULL}};
