/* Cross entropy with labels, row by row from its definition. Errors: those of log sum exp and of n terms. */
#include "typed.h"

enum { IGNORED = -100 };

typedef struct {
    ptrdiff_t rows, n;
    int with_weight;
    double smoothing, scale;
} shape;

typedef struct {
    REAL *x, *weight;
    int64_t *label;
} batch;

/* One label in five is ignored; weights are positive. */
static batch make(shape s) {
    batch b = {input("x", s.rows * s.n), s.with_weight ? input("weight", s.n) : NULL,
               guard_alloc("label", (size_t)s.rows * sizeof(int64_t), GUARD_INPUT)};
    for (ptrdiff_t i = 0; i < s.rows * s.n; i++) b.x[i] *= (REAL)s.scale;
    for (ptrdiff_t c = 0; c < s.n && b.weight; c++) b.weight[c] = (REAL)fabs((double)b.weight[c]);
    for (ptrdiff_t i = 0; i < s.rows; i++) b.label[i] = check_below(5) && s.n ? (int64_t)check_below(s.n) : IGNORED;
    return b;
}

/* How much class c of row i weighs. */
static wide share(shape s, batch b, ptrdiff_t i, ptrdiff_t c) {
    const wide smoothing = (wide)s.smoothing, chosen = b.label[i] == c ? 1 - smoothing : 0;
    return (smoothing / (wide)s.n + chosen) * (b.weight ? (wide)b.weight[c] : 1);
}

static void name_case(const char *what, shape s) {
    CASE("%s rows=%td n=%td weight=%d smoothing=%g scale=%g", what, s.rows, s.n, s.with_weight, s.smoothing, s.scale);
}

typedef struct {
    wide loss, lse, loss_error, lse_error;
} answer;

static answer entropy(shape s, batch b, ptrdiff_t i) {
    const REAL *x = b.x + i * s.n;
    answer a = {0, 0, 0, 0};
    if (b.label[i] == IGNORED || s.n == 0) return a;
    wide most = x[0], sum = 0, away = 0, shares = 0, size = 0;
    for (ptrdiff_t c = 1; c < s.n; c++) most = W(fmax)(most, x[c]);
    for (ptrdiff_t c = 0; c < s.n; c++) sum += W(exp)(x[c] - most);
    a.lse = most + W(log)(sum);
    for (ptrdiff_t c = 0; c < s.n; c++) {
        const wide q = share(s, b, i, c);
        away += W(exp)(x[c] - a.lse) * W(fabs)(x[c] - most);
        a.loss += q * (a.lse - x[c]);
        shares += q;
        size += q * (W(fabs)(a.lse - x[c]) * (wide)(s.n + 8) + W(fabs)(x[c] - most));
    }
    const wide log_error = away + (wide)s.n + 6 + 2 * W(log)((wide)s.n);
    a.lse_error = EPS * (log_error + W(fabs)(a.lse));
    a.loss_error = EPS * (shares * log_error + size);
    return a;
}

static void forward_case(shape s) {
    name_case("forward", s);
    const batch b = make(s);
    REAL *loss = output("loss", s.rows), *lse = output("lse", s.rows);
    double *totals = guard_alloc("totals", 2 * sizeof(double), GUARD_OUTPUT);
    RUN(FS(cross_entropy_forward)(loss, lse, totals, b.x, b.label, b.weight, s.rows, s.n, IGNORED, s.smoothing));
    long double sum = 0, weights = 0;
    for (ptrdiff_t i = 0; i < s.rows; i++) {
        const answer a = entropy(s, b, i);
        expect_near("loss", i, loss[i], a.loss, a.loss_error);
        expect_near("lse", i, lse[i], a.lse, a.lse_error);
        sum += loss[i];
        if (b.label[i] != IGNORED) weights += b.weight ? b.weight[b.label[i]] : 1;
    }
    check_digest_add(totals, sizeof *totals);
    EXPECT(fabsl(sum - totals[0]) <= (long double)s.rows * 0x1p-53L * fabsl(sum));
    EXPECT(fabsl(weights - totals[1]) <= (long double)s.rows * 0x1p-53L * weights);
}

static void backward_case(shape s, ptrdiff_t dy_step) {
    name_case(dy_step ? "backward, dy of each row" : "backward, one dy", s);
    const batch b = make(s);
    const REAL *dy = input("dy", dy_step ? s.rows : 1), *lse = input("lse", s.rows);
    REAL *dx = output("dx", s.rows * s.n), *in_place = inout("x and dx", s.rows * s.n);
    memcpy(in_place, b.x, (size_t)(s.rows * s.n) * sizeof(REAL));
    RUN(FS(cross_entropy_backward)(dx, dy, dy_step, b.x, lse, b.label, b.weight, s.rows, s.n, IGNORED, s.smoothing));
    RUN(FS(cross_entropy_backward)(in_place, dy, dy_step, in_place, lse, b.label, b.weight, s.rows, s.n, IGNORED,
                                   s.smoothing));
    for (ptrdiff_t i = 0; i < s.rows; i++) {
        const int counts = b.label[i] != IGNORED;
        const wide g = dy[i * dy_step];
        wide shares = 0;
        for (ptrdiff_t c = 0; c < s.n; c++) shares += share(s, b, i, c);
        for (ptrdiff_t c = 0; c < s.n; c++) {
            const ptrdiff_t at = i * s.n + c;
            const wide away = b.x[at] - (wide)lse[i], p = W(exp)(away), q = share(s, b, i, c);
            const wide size = p * (W(fabs)(away) + (wide)s.n + 10) * shares + 6 * q;
            expect_near("dx", at, dx[at], counts ? g * (shares * p - q) : 0, counts ? EPS * W(fabs)(g) * size : 0);
            expect_equal("dx in place", at, in_place[at], dx[at]);
        }
    }
}

static void cross_entropy(void) {
    for (ptrdiff_t n = 1; n <= 37; n++) {
        const shape s = {1 + n % 5, n, (int)(n / 2 % 2), n % 2 ? 0 : 0.1, 4};
        forward_case(s);
        backward_case(s, n / 4 % 2);
    }
    for (int smooth = 0; smooth < 2; smooth++) {
        forward_case((shape){0, 5, 1, 0.1 * smooth, 1});
        backward_case((shape){0, 5, 1, 0.1 * smooth, 1}, 0);
        forward_case((shape){4, 0, 1, 0.1 * smooth, 1});
        backward_case((shape){4, 0, 1, 0.1 * smooth, 1}, 1);
        forward_case((shape){9, 10, 0, 0.1 * smooth, 1e4});
    }
}

static void large(void) {
    const shape s = {3307, 10, 1, 0.1, 3};
    forward_case(s);
    backward_case(s, 1);
    forward_case((shape){3, 20011, 0, 0, 3});
}

static void out_of_range(void) {
    const shape s = {5, 4, 1, 0, 1};
    for (ptrdiff_t at = 0; at < s.rows; at++) {
        for (int high = 0; high < 2; high++) {
            CASE("label %td too %s", at, high ? "high" : "low");
            const batch b = make(s);
            REAL *loss = output("loss", s.rows), *lse = output("lse", s.rows), *dx = output("dx", s.rows * s.n);
            const REAL *dy = input("dy", 1), *old_lse = input("lse", s.rows);
            double totals[2];
            b.label[at] = high ? (at % 2 ? 4 : INT64_MAX) : (at % 2 ? -1 : INT64_MIN);
            guard_freeze();
            EXPECT(FS(cross_entropy_forward)(loss, lse, totals, b.x, b.label, b.weight, s.rows, s.n, IGNORED, 0) ==
                   FS_EINDEX);
            EXPECT(FS(cross_entropy_backward)(dx, dy, 0, b.x, old_lse, b.label, b.weight, s.rows, s.n, IGNORED, 0) ==
                   FS_EINDEX);
            EXPECT(is_unwritten(loss[0]) && is_unwritten(lse[0]) && is_unwritten(dx[0]));
        }
    }
}

const struct test FS(tests_loss)[] = {
    {"cross_entropy", cross_entropy}, {"large", large}, {"out of range", out_of_range}, {NULL, NULL}};
