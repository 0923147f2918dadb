/* Cholesky's factor, solutions, log-determinant and gradient: put back into the equations they solve, the residuals are
 * within the bounds of prototypes.h. What must not be read is NaN. */
#include "typed.h"

static REAL *square(const char *name, ptrdiff_t batch, ptrdiff_t n) { return input(name, batch * n * n); }

/* Lower triangles with a diagonal that keeps them well-conditioned; `above` elsewhere. */
static REAL *triangles(ptrdiff_t batch, ptrdiff_t n, REAL above) {
    REAL *l = square("l", batch, n);
    for (ptrdiff_t i = 0; i < batch * n * n; i++) {
        const ptrdiff_t row = i / n % n, col = i % n;
        l[i] = col > row ? above : col == row ? 1 + (REAL)fabs((double)l[i]) : l[i] / (REAL)(1 + n / 4);
    }
    return l;
}

/* Element i, j of the product of a's row i and b's column j. */
typedef struct {
    wide value, size;
} sum;
static void include(sum *s, wide term) {
    s->value += term;
    s->size += W(fabs)(term);
}

static void factor_case(ptrdiff_t batch, ptrdiff_t n) {
    CASE("factor batch=%td n=%td", batch, n);
    REAL *a = square("a", batch, n), *l = output("l", batch * n * n);
    ptrdiff_t failed[2] = {-1, -1};
    for (ptrdiff_t i = 0; i < batch * n * n; i++) {
        const ptrdiff_t row = i / n % n, col = i % n;
        if (col > row) a[i] = (REAL)NAN;
        if (col == row) a[i] += (REAL)n;
    }
    RUN(FS(cholesky)(l, failed, a, batch, n));
    const ptrdiff_t step = 1 + n / 40; /* of a large matrix a sample */
    for (ptrdiff_t at = 0; at < batch * n * n; at++) {
        const ptrdiff_t row = at / n % n, col = at % n, base = at / (n * n) * n * n;
        sum s = {0, 0};
        if (col > row) expect_equal("l above the diagonal", at, l[at], 0);
        check_digest_add(l + at, sizeof *l);
        if (col > row || (row + col) % step) continue;
        for (ptrdiff_t p = 0; p <= col; p++) include(&s, (wide)l[base + row * n + p] * l[base + col * n + p]);
        if (!(W(fabs)(s.value - a[at]) <= (wide)(n + 2) * EPS * s.size)) {
            FAIL("a[%td,%td] is %.17g, the product %.17g", row, col, (double)a[at], (double)s.value);
        }
    }
}

static void factor(void) {
    for (ptrdiff_t n = 0; n <= 40; n++) factor_case(1 + n % 3, n);
    factor_case(0, 3);
    factor_case(1, 67);
    factor_case(1, 161); /* beyond one panel */
    factor_case(9, 50);  /* handed out whole */
}

/* In place: the factor below, and above every bit as it was. */
static void inplace_case(ptrdiff_t n) {
    CASE("in place n=%td", n);
    REAL *a = inout("a", n * n);
    wide *before = guard_alloc("before", (size_t)(n * n) * sizeof(wide), GUARD_OUTPUT);
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = i + 1; j < n; j++) a[i * n + j] = (i + j) % 5 ? (REAL)NAN : (REAL)j;
        a[i * (n + 1)] += (REAL)n;
        for (ptrdiff_t j = 0; j < n; j++) before[i * n + j] = a[i * n + j];
    }
    ptrdiff_t failed = -1;
    RUN(FS(cholesky_inplace)(a, &failed, n));
    const ptrdiff_t step = 1 + n / 40;
    for (ptrdiff_t at = 0; at < n * n; at++) {
        const ptrdiff_t row = at / n, col = at % n;
        sum s = {0, 0};
        if (col > row) expect_equal("a above the diagonal", at, a[at], (REAL)before[at]);
        check_digest_add(a + at, sizeof *a);
        if (col > row || (row + col) % step) continue;
        for (ptrdiff_t p = 0; p <= col; p++) include(&s, (wide)a[row * n + p] * a[col * n + p]);
        if (!(W(fabs)(s.value - before[at]) <= (wide)(n + 2) * EPS * s.size)) {
            FAIL("a[%td,%td] was %.17g, the product is %.17g", row, col, (double)before[at], (double)s.value);
        }
    }
}

static void inplace(void) {
    for (ptrdiff_t n = 0; n <= 40; n++) inplace_case(n);
    const ptrdiff_t sizes[] = {63, 64, 65, 111, 112, 113, 161, 225, 300, 337, 449, 500}; /* small, and by panels */
    for (ptrdiff_t i = 0; i < LENGTH(sizes); i++) inplace_case(sizes[i]);
}

/* The first bad matrix, and in it the first bad minor. */
static void not_positive(void) {
    for (ptrdiff_t n = 1; n <= 140; n += 1 + n / 3) {
        for (int nan = 0; nan < 2; nan++) {
            const ptrdiff_t order = 1 + check_below(n);
            CASE("n=%td %s at %td", n, nan ? "NaN" : "negative", order);
            REAL *a = square("a", 3, n), *l = output("l", 3 * n * n);
            ptrdiff_t failed[2] = {-1, -1};
            for (ptrdiff_t i = 0; i < 3 * n; i++) a[i * n + i % n] += (REAL)n;
            a[n * n + (order - 1) * (n + 1)] = (REAL)(nan ? NAN : -1);
            guard_freeze();
            const int status = FS(cholesky)(l, failed, a, 3, n);
            if (status == FS_ENOMEM) continue;
            EXPECT(status == FS_EDOMAIN && failed[0] == 1 && failed[1] == order);
            REAL *one = inout("one", n * n);
            for (ptrdiff_t i = 0; i < n * n; i++) one[i] = a[n * n + i];
            const int inside = FS(cholesky_inplace)(one, failed, n);
            EXPECT(inside == FS_ENOMEM || (inside == FS_EDOMAIN && failed[0] == order));
        }
    }
}

/* Among panels, whichever they are: in a corner, behind it, and in what the chunk ahead has factored. */
static void not_positive_far(void) {
    const ptrdiff_t n = 500, orders[] = {1, 97, 112, 113, 193, 224, 225, 257, 336, 448, 449, 500};
    for (ptrdiff_t i = 0; i < LENGTH(orders); i++) {
        CASE("n=%td at %td", n, orders[i]);
        REAL *a = inout("a", n * n);
        for (ptrdiff_t j = 0; j < n; j++) a[j * (n + 1)] += (REAL)n;
        a[(orders[i] - 1) * (n + 1)] = i % 2 ? (REAL)NAN : 0;
        ptrdiff_t failed = -1;
        guard_freeze();
        const int status = FS(cholesky_inplace)(a, &failed, n);
        EXPECT(status == FS_ENOMEM || (status == FS_EDOMAIN && failed == orders[i]));
    }
}

/* L L^T x - b, of two substitutions each exact for a triangle within (n + 2) eps |L|. */
static void solve_case(ptrdiff_t batch, ptrdiff_t n, ptrdiff_t r) {
    CASE("solve batch=%td n=%td r=%td", batch, n, r);
    const REAL *l = triangles(batch, n, (REAL)NAN), *b = input("b", batch * n * r);
    REAL *x = output("x", batch * n * r);
    sum *y = guard_alloc("L^T x", (size_t)n * sizeof(sum), GUARD_OUTPUT);
    RUN(FS(cholesky_solve)(x, l, b, batch, n, r));
    for (ptrdiff_t i = 0; i < batch * n * r; i++) check_digest_add(x + i, sizeof *x);
    for (ptrdiff_t column = 0; column < batch * r; column += 1 + batch * r / 40) {
        const REAL *triangle = l + column / r * n * n;
        const ptrdiff_t at = column / r * n * r + column % r;
        for (ptrdiff_t i = 0; i < n; i++) {
            y[i] = (sum){0, 0};
            for (ptrdiff_t p = i; p < n; p++) include(&y[i], (wide)triangle[p * n + i] * x[at + p * r]);
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            sum s = {0, 0};
            for (ptrdiff_t p = 0; p <= i; p++) {
                s.value += triangle[i * n + p] * y[p].value;
                s.size += W(fabs)((wide)triangle[i * n + p]) * y[p].size;
            }
            if (!(W(fabs)(s.value - b[at + i * r]) <= (wide)(2 * n + 5) * EPS * s.size)) {
                FAIL("row %td of column %td is %.17g, should be %.17g", i, column, (double)s.value,
                     (double)b[at + i * r]);
            }
        }
    }
}

static void solve(void) {
    for (ptrdiff_t n = 0; n <= 40; n++) solve_case(1 + n % 3, n, 1 + n * 5 % 37);
    for (ptrdiff_t r = 1; r <= 67; r++) solve_case(1, 5, r);
    solve_case(2, 3, 0);
    solve_case(1, 70, 261);
    for (ptrdiff_t r = 1; r <= 140; r += r < 20 ? 4 : 59) solve_case(1, 261, r); /* blocks of rows */
    solve_case(1, 128, 3);
    solve_case(2, 129, 2);
    solve_case(9, 40, 17);
}

static void logdet(void) {
    for (ptrdiff_t n = 0; n <= 70; n++) {
        CASE("logdet n=%td", n);
        const REAL *l = triangles(3, n, (REAL)NAN);
        REAL *y = output("y", 3);
        RUN(FS(cholesky_logdet)(y, l, 3, n));
        for (ptrdiff_t i = 0; i < 3; i++) {
            sum s = {0, 0};
            for (ptrdiff_t j = 0; j < n; j++) include(&s, W(log)((wide)l[i * n * n + j * (n + 1)]));
            expect_near("y", i, y[i], 2 * s.value, 2 * (wide)(n + 8) * EPS * s.size);
        }
    }
}

/* c = a^T b if transposed, else a b, of n x n matrices; sizes: of absolute values instead. */
static wide *product(const wide *a, const wide *b, ptrdiff_t n, int transposed, int sizes) {
    wide *c = guard_alloc("reference", (size_t)(n * n) * sizeof(wide), GUARD_OUTPUT);
    for (ptrdiff_t at = 0; at < n * n; at++) {
        wide value = 0;
        for (ptrdiff_t p = 0; p < n; p++) {
            const wide term = a[transposed ? p * n + at / n : at / n * n + p] * b[p * n + at % n];
            value += sizes ? W(fabs)(term) : term;
        }
        c[at] = value;
    }
    return c;
}
static wide *widened(const REAL *x, ptrdiff_t n, int lower_only) {
    wide *c = guard_alloc("reference", (size_t)(n * n) * sizeof(wide), GUARD_OUTPUT);
    for (ptrdiff_t at = 0; at < n * n; at++) c[at] = lower_only && at % n > at / n ? 0 : (wide)x[at];
    return c;
}

/* L^T dA L = S, the symmetric part of the lower half of L^T dL. Errors: of S, of its substitution, of that one's. */
static void gradient_case(ptrdiff_t n) {
    CASE("gradient n=%td", n);
    const REAL *l = triangles(1, n, 0);
    REAL *dl = square("dl", 1, n), *da = output("da", n * n);
    for (ptrdiff_t at = 0; at < n * n; at++) dl[at] = at % n > at / n ? (REAL)NAN : dl[at];
    RUN(FS(cholesky_backward)(da, dl, l, 1, n));
    const wide *lw = widened(l, n, 0), *dlw = widened(dl, n, 1), *daw = widened(da, n, 0);
    const wide *first = product(lw, dlw, n, 1, 0), *first_size = product(lw, dlw, n, 1, 1);
    const wide *half = product(daw, lw, n, 0, 0), *half_size = product(daw, lw, n, 0, 1);
    const wide *whole = product(lw, half, n, 1, 0), *first_step = product(lw, half, n, 1, 1);
    const wide *second_step = product(lw, half_size, n, 1, 1);
    for (ptrdiff_t at = 0; at < n * n; at++) {
        const ptrdiff_t i = at / n, j = at % n, low = i > j ? at : j * n + i, other = j * n + i;
        const wide steps = first_step[at] + first_step[other] + second_step[at] + second_step[other];
        const wide size = (first_size[low] + steps) / 2;
        check_digest_add(da + at, sizeof *da);
        if (!(W(fabs)(whole[at] - first[low] / 2) <= 2 * (wide)(n + 3) * EPS * size)) {
            FAIL("L^T dA L [%td,%td] is %.17g, should be %.17g", i, j, (double)whole[at], (double)first[low] / 2);
        }
        EXPECT(da[at] == da[other]);
    }
}

static void gradient(void) {
    for (ptrdiff_t n = 0; n <= 34; n++) gradient_case(n);
    gradient_case(67);
    CASE("gradient of a batch");
    const REAL *l = triangles(4, 5, 0), *dl = square("dl", 4, 5);
    REAL *da = output("da", 4 * 25), *one = output("one", 25);
    RUN(FS(cholesky_backward)(da, dl, l, 4, 5));
    RUN(FS(cholesky_backward)(one, dl + 3 * 25, l + 3 * 25, 1, 5));
    for (ptrdiff_t i = 0; i < 25; i++) expect_equal("da", i, da[3 * 25 + i], one[i]);
}

const struct test FS(tests_cholesky)[] = {{"factor", factor}, {"in place", inplace}, {"not positive", not_positive},
                                          {"not positive far", not_positive_far},
                                          {"solve", solve},   {"logdet", logdet},    {"gradient", gradient},
                                          {NULL, NULL}};
