/* Batch norm and layer norm, forward and backward; error limits of means and sums as in prototypes.h. */
#include "approx.h"

/* One line of numbers: a channel of batch norm, a row of layer norm. */
typedef struct {
    const REAL *x;
    ptrdiff_t count, step;
} line;

typedef struct {
    approx mean, var, rstd;
} moments;

/* Sums are taken about a number that may be `off` deviations from the mean. */
static moments measure(line l, wide terms, double eps, int off) {
    wide sum = 0, squares = 0, size = 0, spread = 0;
    for (ptrdiff_t i = 0; i < l.count; i++) {
        sum += l.x[i * l.step];
        size += W(fabs)((wide)l.x[i * l.step]);
    }
    const wide n = (wide)l.count, mean = sum / n;
    for (ptrdiff_t i = 0; i < l.count; i++) {
        const wide d = l.x[i * l.step] - mean;
        squares += d * d;
        spread += W(fabs)(d);
    }
    const wide var = squares / n, lost = terms * EPS * size / n;
    moments m;
    m.mean = within(mean, 2 * EPS * W(fabs)(mean) + terms * EPS * (spread / n + off * W(sqrt)(var)) + terms * EPS * lost);
    m.var = within(var, (1 + 2 * off) * terms * EPS * var + lost * lost + 2 * EPS * var);
    m.rstd = quotient(exactly(1), root(add(m.var, parameter(eps))));
    return m;
}

static approx normalised(REAL x, moments m, const REAL *weight, const REAL *bias, ptrdiff_t j, int relu) {
    approx y = mul(sub(exactly(x), m.mean), m.rstd);
    if (weight) y = mul(y, exactly(weight[j]));
    if (bias) y = add(y, exactly(bias[j]));
    return relu && y.value < 0 ? within(0, y.value + y.error > 0 ? y.error : 0) : y;
}

enum affine { NOTHING, WEIGHT, WEIGHT_AND_BIAS, AFFINES };
static const REAL *optional(const char *name, int there, ptrdiff_t n) { return there ? input(name, n) : NULL; }

static wide terms_of(ptrdiff_t rows) { return (wide)(rows < 128 ? rows : 128) + 16; }

static void batch_forward_case(ptrdiff_t rows, ptrdiff_t c, enum affine affine, double offset, int relu) {
    CASE("rows=%td c=%td affine=%d offset=%g relu=%d", rows, c, (int)affine, offset, relu);
    const double eps = 1e-5;
    const wide terms = terms_of(rows);
    REAL *x = input("x", rows * c);
    const REAL *w = optional("weight", affine >= WEIGHT, c), *b = optional("bias", affine >= WEIGHT_AND_BIAS, c);
    REAL *y = output("y", rows * c), *mean = output("mean", c), *var = output("var", c), *rstd = output("rstd", c);
    for (ptrdiff_t i = 0; i < rows * c; i++) x[i] += (REAL)offset;
    RUN(FS(batch_norm_forward)(y, mean, var, rstd, NULL, NULL, x, w, b, rows, c, 0, eps, relu));
    for (ptrdiff_t j = 0; j < c; j++) {
        const moments m = measure((line){x + j, rows, c}, terms, eps, 0);
        expect_approx("mean", j, mean[j], m.mean);
        expect_approx("var", j, var[j], m.var);
        expect_approx("rstd", j, rstd[j], m.rstd);
        for (ptrdiff_t i = j; i < rows * c; i += c) expect_approx("y", i, y[i], normalised(x[i], m, w, b, j, relu));
    }
}

enum tracked { MEAN = 1, VAR = 2 };

/* running = (1 - momentum) running + momentum batch */
static approx average(REAL running, approx batch, double momentum) {
    return add(mul(parameter(1 - momentum), exactly(running)), mul(parameter(momentum), batch));
}

static void running_case(ptrdiff_t rows, ptrdiff_t c, int tracked, double momentum) {
    CASE("rows=%td c=%td tracked=%d momentum=%g", rows, c, tracked, momentum);
    const REAL *x = input("x", rows * c);
    REAL *y = output("y", rows * c), *mean = output("mean", c), *var = output("var", c), *rstd = output("rstd", c);
    REAL *running_mean = tracked & MEAN ? inout("running_mean", c) : NULL, *old_mean = output("old_mean", c);
    REAL *running_var = tracked & VAR ? inout("running_var", c) : NULL, *old_var = output("old_var", c);
    for (ptrdiff_t j = 0; j < c; j++) {
        old_mean[j] = running_mean ? running_mean[j] : 0;
        old_var[j] = running_var ? running_var[j] : 0;
    }
    RUN(FS(batch_norm_forward)(y, mean, var, rstd, running_mean, running_var, x, NULL, NULL, rows, c, momentum, 1e-5, 0));
    for (ptrdiff_t j = 0; j < c; j++) {
        const moments m = measure((line){x + j, rows, c}, terms_of(rows), 1e-5, 0);
        const approx unbiased = quotient(mul(m.var, exactly((wide)rows)), exactly((wide)(rows - 1)));
        expect_approx("mean", j, mean[j], m.mean);
        expect_approx("var", j, var[j], m.var);
        if (running_mean) expect_approx("running_mean", j, running_mean[j], average(old_mean[j], m.mean, momentum));
        if (running_var) expect_approx("running_var", j, running_var[j], average(old_var[j], unbiased, momentum));
    }
}

static void running_statistics(void) {
    for (ptrdiff_t c = 1; c <= 35; c++) running_case(2 + c * 7 % 40, c, (int)(1 + c % 3), 0.1);
    running_case(2, 0, MEAN | VAR, 0.1);
    running_case(1, 5, MEAN, 0.1);
    running_case(2, 3, MEAN | VAR, 0);
    running_case(2, 3, MEAN | VAR, 1);
    running_case(3001, 35, MEAN | VAR, 0.3); /* for threads */
    REAL none = 0;
    EXPECT(FS(batch_norm_forward)(&none, &none, &none, &none, NULL, &none, &none, NULL, NULL, 1, 1, 0.1, 1e-5, 0) ==
           FS_EINVAL);
}

/* Both averages, an input and the weight in one place: changed one after the other, when y is written. */
static void running_statistics_that_overlap(void) {
    CASE("one vector for everything");
    const ptrdiff_t rows = 5, c = 3;
    REAL *x = inout("x", rows * c), *before = output("before", rows * c), *y = output("y", rows * c);
    REAL *mean = output("mean", c), *var = output("var", c), *rstd = output("rstd", c);
    memcpy(before, x, (size_t)(rows * c) * sizeof(REAL));
    RUN(FS(batch_norm_forward)(y, mean, var, rstd, x, x, x, x, NULL, rows, c, 0.25, 1e-5, 0));
    for (ptrdiff_t j = 0; j < c; j++) {
        const moments m = measure((line){before + j, rows, c}, terms_of(rows), 1e-5, 0);
        const approx first = average(before[j], m.mean, 0.25), unbiased = mul(m.var, quotient(exactly(5), exactly(4)));
        expect_approx("x", j, x[j], add(mul(parameter(0.75), first), mul(parameter(0.25), unbiased)));
        for (ptrdiff_t i = j; i < rows * c; i += c)
            expect_approx("y", i, y[i], normalised(before[i], m, before, NULL, j, 0));
    }
}

static void batch_norm_forward(void) {
    for (ptrdiff_t c = 1; c <= 35; c++) batch_forward_case(1 + c * 7 % 40, c, (enum affine)(c % AFFINES), 0, (int)(c & 1));
    for (ptrdiff_t c = 60; c <= 140; c += 16) batch_forward_case(45, c, WEIGHT, 0, (int)(c / 16 & 1));
    batch_forward_case(1, 33, WEIGHT, 0, 0);
    batch_forward_case(5, 0, NOTHING, 0, 0);
    batch_forward_case(100, 3, WEIGHT_AND_BIAS, 1000, 0);
    batch_forward_case(3001, 35, WEIGHT_AND_BIAS, 1, 0); /* for threads */
    batch_forward_case(3001, 35, WEIGHT_AND_BIAS, 1, 1);
    REAL none;
    EXPECT(FS(batch_norm_forward)(&none, &none, &none, &none, NULL, NULL, &none, NULL, NULL, 0, 1, 0, 1e-5, 0) ==
           FS_EINVAL);
}

static void inference_case(ptrdiff_t rows, ptrdiff_t c, enum affine affine, int relu) {
    CASE("rows=%td c=%td affine=%d relu=%d", rows, c, (int)affine, relu);
    const double eps = 1e-3;
    const REAL *x = input("x", rows * c), *mean = input("mean", c);
    const REAL *w = optional("weight", affine >= WEIGHT, c), *b = optional("bias", affine >= WEIGHT_AND_BIAS, c);
    REAL *var = input("var", c), *y = output("y", rows * c);
    for (ptrdiff_t j = 0; j < c; j++) var[j] = (REAL)fabs((double)var[j]);
    RUN(FS(batch_norm_inference)(y, x, w, b, mean, var, rows, c, eps, relu));
    for (ptrdiff_t i = 0; i < rows * c; i++) {
        const ptrdiff_t j = i % c;
        const wide scale = W(fabs)(w ? (wide)w[j] : 1) / W(sqrt)((wide)var[j] + (wide)eps), d = (wide)x[i] - mean[j];
        const wide shift = b ? b[j] : 0, want = d * (w ? w[j] : 1) / W(sqrt)((wide)var[j] + (wide)eps) + shift;
        expect_near("y", i, y[i], relu && want < 0 ? 0 : want, 6 * EPS * (W(fabs)(d) * scale + W(fabs)(shift)));
    }
}

static void batch_norm_inference(void) {
    for (ptrdiff_t c = 1; c <= 35; c++) inference_case(c % 5, c, (enum affine)(c % AFFINES), (int)(c & 1));
    inference_case(3001, 35, WEIGHT_AND_BIAS, 1);
}

/* What of dy the rectifier lets through; in *doubt, what is uncertain of it. */
static wide through(REAL dy, REAL x, REAL mean, REAL rstd, REAL weight, REAL bias, int relu, wide *doubt) {
    const wide part = ((wide)x - mean) * rstd * weight, room = 6 * EPS * (W(fabs)(part) + W(fabs)((wide)bias));
    *doubt = relu && W(fabs)(part + bias) <= room ? W(fabs)((wide)dy) : 0;
    return relu && part + bias <= 0 ? 0 : dy;
}

static void batch_backward_case(ptrdiff_t rows, ptrdiff_t c, int training, int affine, int relu) {
    CASE("rows=%td c=%td training=%d affine=%d relu=%d", rows, c, training, affine, relu);
    const wide terms = terms_of(rows);
    const REAL *dy = input("dy", rows * c), *x = input("x", rows * c), *w = optional("weight", affine, c);
    const REAL *mean = input("mean", c), *rstd = input("rstd", c), *b = optional("bias", affine, c);
    REAL *dx = output("dx", rows * c), *dw = output("dw", c), *db = output("db", c);
    RUN(FS(batch_norm_backward)(dx, dw, db, dy, x, w, b, mean, rstd, rows, c, training, relu));
    for (ptrdiff_t j = 0; j < c; j++) {
        const REAL weight = w ? w[j] : 1, bias = b ? b[j] : 0;
        wide sum = 0, dot = 0, sum_size = 0, dot_size = 0, sum_doubt = 0, dot_doubt = 0, doubt;
        for (ptrdiff_t i = j; i < rows * c; i += c) {
            const wide d = (wide)x[i] - mean[j], g = through(dy[i], x[i], mean[j], rstd[j], weight, bias, relu, &doubt);
            sum += g, sum_size += W(fabs)(g), sum_doubt += doubt;
            dot += g * d, dot_size += W(fabs)(g * d), dot_doubt += doubt * W(fabs)(d);
        }
        const approx r = exactly(rstd[j]), count = exactly((wide)rows), scale = w ? mul(r, exactly(weight)) : r;
        const approx total = within(sum, terms * EPS * sum_size + sum_doubt);
        const approx product = within(dot, terms * EPS * dot_size + dot_doubt);
        const approx a = quotient(total, count), slope = quotient(mul(mul(product, r), r), count);
        expect_approx("db", j, db[j], rounded(total.value, total.error));
        expect_approx("dw", j, dw[j], mul(product, r));
        for (ptrdiff_t i = j; i < rows * c; i += c) {
            const wide value = through(dy[i], x[i], mean[j], rstd[j], weight, bias, relu, &doubt);
            const approx d = sub(exactly(x[i]), exactly(mean[j])), g = within(value, doubt);
            expect_approx("dx", i, dx[i], mul(scale, training ? sub(sub(g, a), mul(d, slope)) : g));
        }
    }
}

static void batch_norm_backward(void) {
    for (ptrdiff_t c = 1; c <= 35; c++) {
        batch_backward_case(1 + c * 7 % 40, c, (int)(c / 2 % 2), (int)(c % 2), (int)(c / 4 % 2));
    }
    for (ptrdiff_t c = 60; c <= 140; c += 16) batch_backward_case(45, c, 1, 1, (int)(c / 16 & 1));
    batch_backward_case(3001, 35, 1, 1, 0);
    batch_backward_case(3001, 35, 0, 1, 1);
}

static void layer_forward_case(ptrdiff_t rows, ptrdiff_t d, enum affine affine, double offset) {
    CASE("rows=%td d=%td affine=%d offset=%g", rows, d, (int)affine, offset);
    const double eps = 1e-5;
    REAL *x = input("x", rows * d);
    const REAL *w = optional("weight", affine >= WEIGHT, d), *b = optional("bias", affine >= WEIGHT_AND_BIAS, d);
    REAL *y = output("y", rows * d), *mean = output("mean", rows), *rstd = output("rstd", rows);
    for (ptrdiff_t i = 0; i < rows * d; i++) x[i] += (REAL)offset;
    RUN(FS(layer_norm_forward)(y, mean, rstd, x, w, b, rows, d, eps));
    for (ptrdiff_t i = 0; i < rows; i++) {
        const moments m = measure((line){x + i * d, d, 1}, (wide)d / 2 + 16, eps, 1);
        expect_approx("mean", i, mean[i], m.mean);
        expect_approx("rstd", i, rstd[i], m.rstd);
        for (ptrdiff_t j = 0; j < d; j++)
            expect_approx("y", i * d + j, y[i * d + j], normalised(x[i * d + j], m, w, b, j, 0));
    }
}

static void layer_norm_forward(void) {
    for (ptrdiff_t d = 1; d <= 70; d++) layer_forward_case(1 + d % 3, d, (enum affine)(d % AFFINES), 0);
    layer_forward_case(0, 5, NOTHING, 0);
    layer_forward_case(3, 300, WEIGHT_AND_BIAS, 1000);
    layer_forward_case(70, 1501, WEIGHT_AND_BIAS, 1);
    for (ptrdiff_t rows = 15; rows <= 37; rows += 11) { /* whole groups of rows, and what is left */
        for (ptrdiff_t d = 7; d <= 100; d += 31) layer_forward_case(rows, d, (enum affine)(rows % AFFINES), 100);
    }
    layer_forward_case(23, 1024, WEIGHT_AND_BIAS, 0);
    layer_forward_case(9, 0, NOTHING, 0);
}

/* Rows whose beginning says nothing of their mean: the second sweep. */
static void misleading_rows(void) {
    const ptrdiff_t rows = 37, d = 300;
    CASE("rows=%td d=%td", rows, d);
    REAL *x = input("x", rows * d), *y = output("y", rows * d), *mean = output("mean", rows), *rstd = output("rstd", rows);
    for (ptrdiff_t i = 0; i < rows; i++) {
        for (ptrdiff_t j = 0; j < d; j++) x[i * d + j] += i % 3 ? 0 : (REAL)(j < 64 ? 4096 : -8);
    }
    for (ptrdiff_t i = 0; i < rows; i++) x[i * d] += i % 5 ? 0 : (REAL)1e5;
    RUN(FS(layer_norm_forward)(y, mean, rstd, x, NULL, NULL, rows, d, 1e-5));
    for (ptrdiff_t i = 0; i < rows; i++) {
        const moments m = measure((line){x + i * d, d, 1}, (wide)d / 2 + 16, 1e-5, 1);
        expect_approx("mean", i, mean[i], m.mean);
        expect_approx("rstd", i, rstd[i], m.rstd);
    }
}

static void layer_backward_case(ptrdiff_t rows, ptrdiff_t d, int with_weight) {
    CASE("rows=%td d=%td weight=%d", rows, d, with_weight);
    const wide terms = (wide)d / 2 + 16, added = terms_of(rows);
    const REAL *dy = input("dy", rows * d), *x = input("x", rows * d), *w = optional("weight", with_weight, d);
    const REAL *mean = input("mean", rows), *rstd = input("rstd", rows);
    REAL *dx = output("dx", rows * d), *dw = output("dw", d), *db = output("db", d);
    RUN(FS(layer_norm_backward)(dx, dw, db, dy, x, w, mean, rstd, rows, d));
    for (ptrdiff_t i = 0; i < rows; i++) {
        wide sum = 0, dot = 0, sum_size = 0, dot_size = 0;
        for (ptrdiff_t at = i * d; at < (i + 1) * d; at++) {
            const wide g = dy[at] * (w ? (wide)w[at - i * d] : 1), h = ((wide)x[at] - mean[i]) * rstd[i];
            sum += g, sum_size += W(fabs)(g);
            dot += g * h, dot_size += W(fabs)(g * h);
        }
        const approx a = within(sum / (wide)d, terms * EPS * sum_size / (wide)d), r = exactly(rstd[i]);
        const approx b = within(dot / (wide)d, terms * EPS * dot_size / (wide)d);
        for (ptrdiff_t at = i * d; at < (i + 1) * d; at++) {
            const approx h = mul(sub(exactly(x[at]), exactly(mean[i])), r), g = exactly(dy[at]);
            const approx scaled = w ? mul(g, exactly(w[at - i * d])) : g;
            expect_approx("dx", at, dx[at], mul(r, sub(sub(scaled, a), mul(h, b))));
        }
    }
    for (ptrdiff_t j = 0; j < d; j++) {
        wide sum = 0, dot = 0, sum_size = 0, dot_size = 0;
        for (ptrdiff_t i = 0; i < rows; i++) {
            const wide g = dy[i * d + j], h = ((wide)x[i * d + j] - mean[i]) * rstd[i];
            sum += g, sum_size += W(fabs)(g);
            dot += g * h, dot_size += W(fabs)(g * h);
        }
        expect_near("db", j, db[j], sum, added * EPS * sum_size);
        expect_near("dw", j, dw[j], dot, added * EPS * dot_size);
    }
}

static void layer_norm_backward(void) {
    for (ptrdiff_t d = 1; d <= 40; d++) layer_backward_case(1 + d * 5 % 40, d, (int)(d % 2));
    layer_backward_case(70, 1501, 1);
    layer_backward_case(23, 1024, 1);
    layer_backward_case(301, 20, 1);
    layer_backward_case(0, 5, 1);
    layer_backward_case(9, 0, 0);
}

static void nan_stays(void) {
    CASE("NaN in the last channel and row");
    const ptrdiff_t rows = 33, c = 19;
    REAL *x = input("x", rows * c), *y = output("y", rows * c), *z = output("z", rows * c);
    REAL *mean = output("mean", rows), *var = output("var", rows), *rstd = output("rstd", rows);
    x[rows * c - 1] = (REAL)NAN;
    REAL *running_mean = inout("running_mean", c), *running_var = inout("running_var", c);
    RUN(FS(batch_norm_forward)(y, mean, var, rstd, running_mean, running_var, x, NULL, NULL, rows, c, 0.1, 1e-5, 1));
    for (ptrdiff_t i = 0; i < rows * c; i++) EXPECT(isnan(y[i]) == (i % c == c - 1));
    for (ptrdiff_t j = 0; j < c; j++) {
        EXPECT(isnan(running_mean[j]) == (j == c - 1));
        EXPECT(isnan(running_var[j]) == (j == c - 1));
    }
    RUN(FS(layer_norm_forward)(z, mean, rstd, x, NULL, NULL, rows, c, 1e-5));
    for (ptrdiff_t i = 0; i < rows * c; i++) EXPECT(isnan(z[i]) == (i / c == rows - 1));
}

const struct test FS(tests_norm)[] = {{"batch_norm_forward", batch_norm_forward},
                                      {"running statistics", running_statistics},
                                      {"running statistics that overlap", running_statistics_that_overlap},
                                      {"batch_norm_inference", batch_norm_inference},
                                      {"batch_norm_backward", batch_norm_backward},
                                      {"layer_norm_forward", layer_norm_forward},
                                      {"layer_norm of misleading rows", misleading_rows},
                                      {"layer_norm_backward", layer_norm_backward},
                                      {"NaN stays", nan_stays},
                                      {NULL, NULL}};
