/* The linear layer and the function after it, each way, within the bounds of prototypes.h. */
#include "typed.h"

static wide apply(wide z, int activation) {
    switch (activation) {
        case FS_RELU: return z > 0 ? z : 0;
        case FS_TANH: return W(tanh)(z);
        case FS_SIGMOID: return 1 / (1 + W(exp)(-z));
        default: return z;
    }
}

/* f'(z), by y = f(z). */
static wide slope(wide y, int activation) {
    switch (activation) {
        case FS_RELU: return y > 0;
        case FS_TANH: return 1 - y * y;
        case FS_SIGMOID: return y * (1 - y);
        default: return 1;
    }
}

/* What the error of dz is relative to. */
static wide slope_size(wide y, int activation) { return activation == FS_TANH ? 1 + y * y : slope(y, activation); }

/* w[n, k] in rows or in columns. */
typedef struct {
    ptrdiff_t rows, n, k, w_row, w_col;
    int activation;
} layer;

static layer make(ptrdiff_t rows, ptrdiff_t n, ptrdiff_t k, int transposed, int activation) {
    return (layer){rows, n, k, transposed ? 1 : k, transposed ? n : 1, activation};
}

static void forward_case(layer l, int with_bias) {
    CASE("rows=%td n=%td k=%td w_row=%td f=%d bias=%d", l.rows, l.n, l.k, l.w_row, l.activation, with_bias);
    const REAL *x = input("x", l.rows * l.k), *w = input("w", l.n * l.k), *b = with_bias ? input("b", l.n) : NULL;
    REAL *y = output("y", l.rows * l.n);
    RUN(FS(linear_forward)(y, x, w, l.w_row, l.w_col, b, l.rows, l.n, l.k, l.activation));
    for (ptrdiff_t at = 0; at < l.rows * l.n; at++) {
        const ptrdiff_t i = at / l.n, j = at % l.n;
        wide z = b ? b[j] : 0, size = W(fabs)(z);
        for (ptrdiff_t p = 0; p < l.k; p++) {
            const wide term = (wide)x[i * l.k + p] * w[j * l.w_row + p * l.w_col];
            z += term;
            size += W(fabs)(term);
        }
        const wide want = apply(z, l.activation), lost = (wide)(l.k + 3) * EPS * size;
        expect_near("y", at, y[at], want, lost + (l.activation >= FS_TANH ? 8 * EPS * (W(fabs)(want) + lost) : 0));
    }
}

/* A sum of `terms` products of dz and something, in the order that `other` counts in. */
typedef struct {
    wide sum, size;
} total;

static void add_term(total *t, layer l, const REAL *dy, const REAL *y, ptrdiff_t at, wide factor) {
    t->sum += dy[at] * slope(y[at], l.activation) * factor;
    t->size += W(fabs)(dy[at] * slope_size(y[at], l.activation) * factor);
}

static void expect_total(const char *name, ptrdiff_t at, REAL got, total want, ptrdiff_t terms) {
    expect_near(name, at, got, want.sum, (wide)(terms + 7) * EPS * want.size);
}

static void backward_case(layer l, int wanted) {
    CASE("rows=%td n=%td k=%td w_row=%td f=%d wanted=%d", l.rows, l.n, l.k, l.w_row, l.activation, wanted);
    const REAL *x = input("x", l.rows * l.k), *w = input("w", l.n * l.k), *dy = input("dy", l.rows * l.n);
    REAL *y = input("y", l.rows * l.n);
    for (ptrdiff_t i = 0; i < l.rows * l.n; i += 3) y[i] = 0;
    REAL *dx = wanted & 1 ? output("dx", l.rows * l.k) : NULL, *dw = wanted & 2 ? output("dw", l.n * l.k) : NULL;
    REAL *db = wanted & 4 ? output("db", l.n) : NULL;
    RUN(FS(linear_backward)(dx, dw, db, dy, y, x, w, l.w_row, l.w_col, l.rows, l.n, l.k, l.activation));
    for (ptrdiff_t at = 0; dx && at < l.rows * l.k; at++) {
        total t = {0, 0};
        for (ptrdiff_t j = 0; j < l.n; j++) {
            add_term(&t, l, dy, y, at / l.k * l.n + j, w[j * l.w_row + at % l.k * l.w_col]);
        }
        expect_total("dx", at, dx[at], t, l.n);
    }
    for (ptrdiff_t at = 0; dw && at < l.n * l.k; at++) {
        total t = {0, 0};
        for (ptrdiff_t i = 0; i < l.rows; i++) add_term(&t, l, dy, y, i * l.n + at / l.k, x[i * l.k + at % l.k]);
        expect_total("dw", at, dw[at], t, l.rows);
    }
    for (ptrdiff_t j = 0; db && j < l.n; j++) {
        total t = {0, 0};
        for (ptrdiff_t i = 0; i < l.rows; i++) add_term(&t, l, dy, y, i * l.n + j, 1);
        expect_total("db", j, db[j], t, l.rows);
    }
}

static void linear_forward(void) {
    for (int f = FS_IDENTITY; f <= FS_SIGMOID; f++) {
        forward_case(make(0, 3, 4, 0, f), 1);
        forward_case(make(3, 0, 4, 0, f), 1);
        forward_case(make(4, 3, 0, 0, f), 1);
        forward_case(make(1, 1, 1, 0, f), 0);
        forward_case(make(7, 37, 5, 0, f), 1);
        forward_case(make(33, 18, 21, 1, f), 0);
        forward_case(make(260, 129, 9, 0, f), 1); /* enough for threads */
    }
}

static void linear_backward(void) {
    for (int f = FS_IDENTITY; f <= FS_SIGMOID; f++) {
        backward_case(make(0, 3, 4, 0, f), 7);
        backward_case(make(3, 4, 0, 0, f), 7);
        for (int wanted = 0; wanted < 8; wanted++) backward_case(make(5, 19, 7, wanted % 2, f), wanted);
        backward_case(make(260, 129, 9, 0, f), 7);
    }
}

/* NaN goes through every function, and through relu's gradient where the value was NaN. */
static void not_a_number(void) {
    for (int f = FS_IDENTITY; f <= FS_SIGMOID; f++) {
        CASE("f=%d", f);
        REAL *x = input("x", 3), *w = input("w", 3 * 17), *y = output("y", 17), *dw = output("dw", 3 * 17);
        const REAL *dy = input("dy", 17);
        x[1] = (REAL)NAN;
        RUN(FS(linear_forward)(y, x, w, 3, 1, NULL, 1, 17, 3, f));
        for (ptrdiff_t j = 0; j < 17; j++) expect_equal("y", j, y[j], (REAL)NAN);
        RUN(FS(linear_backward)(NULL, dw, NULL, dy, y, x, w, 3, 1, 1, 17, 3, f));
        for (ptrdiff_t j = 0; j < 17; j++) expect_equal("dw", 3 * j + 1, dw[3 * j + 1], (REAL)NAN);
    }
}

const struct test FS(tests_linear)[] = {{"linear_forward", linear_forward},
                                        {"linear_backward", linear_backward},
                                        {"NaN", not_a_number},
                                        {NULL, NULL}};
