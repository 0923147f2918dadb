/* Optimizer steps and clipping over lists of arrays, against the rules written out for one element. */
#include "approx.h"

enum { ARRAYS = 8 };
static const ptrdiff_t small[ARRAYS] = {1, 0, 17, 31, 2, 0, 64, 45};
static const ptrdiff_t many[ARRAYS] = {40000, 3, 0, 30011, 16384, 1, 20007, 9}; /* for threads */

typedef struct {
    const ptrdiff_t *size;
    ptrdiff_t *start;
} lengths;

static lengths measure(const ptrdiff_t *size) {
    lengths l = {size, indices("start", ARRAYS + 1)};
    l.start[0] = 0;
    for (int i = 0; i < ARRAYS; i++) l.start[i + 1] = l.start[i] + size[i];
    return l;
}

/* Arrays, and what was in them before the call. */
typedef struct {
    REAL *now[ARRAYS], *before[ARRAYS];
} list;

enum sign { ANY_SIGN, POSITIVE };
static list make(const char *name, lengths l, enum guard_kind kind, enum sign sign) {
    list x;
    for (int i = 0; i < ARRAYS; i++) {
        x.now[i] = reals(name, l.size[i], kind);
        x.before[i] = output("before", l.size[i]);
        for (ptrdiff_t j = 0; j < l.size[i] && sign == POSITIVE; j++) x.now[i][j] = (REAL)fabs((double)x.now[i][j]);
        if (l.size[i]) memcpy(x.before[i], x.now[i], (size_t)l.size[i] * sizeof(REAL));
    }
    return x;
}
static const REAL *const *read_only(const list *x) { return (const REAL *const *)x->now; }

static approx old(const list *x, int i, ptrdiff_t j) { return exactly(x->before[i][j]); }

/* The gradient, or its opposite, and decay times the parameter. */
static approx direction(approx p, approx g, double decay, int maximize) {
    if (maximize) g.value = -g.value;
    return decay != 0 ? add(g, mul(parameter(decay), p)) : g;
}
static approx average(double keep, approx before, double intake, approx new) {
    return add(mul(parameter(keep), before), mul(parameter(intake), new));
}

/* Of a long array a sample, in steps that meet every lane. The walk over the list is the same for all: sgd, scale and
 * clamp look at every element. */
#define EACH_ELEMENT                 \
    for (int i = 0; i < ARRAYS; i++) \
        for (ptrdiff_t j = 0; j < l.size[i]; j += l.size[i] > 1000 ? 5 : 1)
#define EVERY_ELEMENT                \
    for (int i = 0; i < ARRAYS; i++) \
        for (ptrdiff_t j = 0; j < l.size[i]; j++)

static void sgd_case(const ptrdiff_t *size, double momentum, double dampening, double decay, int nesterov,
                     int maximize) {
    CASE("total=%td momentum=%g decay=%g nesterov=%d maximize=%d", size[0], momentum, decay, nesterov, maximize);
    const lengths l = measure(size);
    list p = make("param", l, GUARD_OUTPUT, ANY_SIGN), g = make("grad", l, GUARD_INPUT, ANY_SIGN);
    list b = make("buffer", l, GUARD_OUTPUT, ANY_SIGN);
    const double lr = 0.3;
    RUN(FS(sgd_step)(p.now, read_only(&g), momentum != 0 ? b.now : NULL, ARRAYS, l.start, lr, momentum, dampening,
                     decay, nesterov, maximize));
    EVERY_ELEMENT {
        approx d = direction(old(&p, i, j), old(&g, i, j), decay, maximize);
        if (momentum != 0) {
            const approx kept = average(momentum, old(&b, i, j), 1 - dampening, d);
            expect_approx("buffer", j, b.now[i][j], kept);
            d = nesterov ? add(d, mul(parameter(momentum), kept)) : kept;
        }
        expect_approx("param", j, p.now[i][j], sub(old(&p, i, j), mul(parameter(lr), d)));
    }
}

static void sgd(void) {
    for (int maximize = 0; maximize < 2; maximize++) {
        sgd_case(small, 0, 0, 0, 0, maximize);
        sgd_case(small, 0, 0, 0.1, 0, maximize);
        sgd_case(small, 0.9, 0.2, 0.1, 0, maximize);
        sgd_case(small, 0.9, 0, 0, 1, maximize);
    }
    sgd_case(many, 0.9, 0, 0.01, 1, 0);
}

static void rmsprop_case(const ptrdiff_t *size, int centered, double momentum, double decay, int maximize) {
    CASE("total=%td centered=%d momentum=%g decay=%g maximize=%d", size[0], centered, momentum, decay, maximize);
    const lengths l = measure(size);
    list p = make("param", l, GUARD_OUTPUT, ANY_SIGN), g = make("grad", l, GUARD_INPUT, ANY_SIGN);
    list s = make("square_avg", l, GUARD_OUTPUT, POSITIVE), m = make("grad_avg", l, GUARD_OUTPUT, ANY_SIGN);
    list b = make("buffer", l, GUARD_OUTPUT, ANY_SIGN);
    const double lr = 0.1, alpha = 0.9, eps = 1e-3;
    EVERY_ELEMENT s.before[i][j] = s.now[i][j] += 1; /* above the mean's square */
    RUN(FS(rmsprop_step)(p.now, read_only(&g), s.now, centered ? m.now : NULL, momentum != 0 ? b.now : NULL, ARRAYS,
                         l.start, lr, alpha, eps, decay, momentum, maximize));
    EACH_ELEMENT {
        const approx d = direction(old(&p, i, j), old(&g, i, j), decay, maximize);
        approx square = average(alpha, old(&s, i, j), 1 - alpha, mul(d, d));
        expect_approx("square_avg", j, s.now[i][j], square);
        if (centered) {
            const approx mean = average(alpha, old(&m, i, j), 1 - alpha, d);
            expect_approx("grad_avg", j, m.now[i][j], mean);
            square = sub(square, mul(mean, mean));
        }
        approx update = quotient(d, add(root(square), parameter(eps)));
        if (momentum != 0) {
            update = add(mul(parameter(momentum), old(&b, i, j)), update);
            expect_approx("buffer", j, b.now[i][j], update);
        }
        expect_approx("param", j, p.now[i][j], sub(old(&p, i, j), mul(parameter(lr), update)));
    }
}

static void rmsprop(void) {
    for (int centered = 0; centered < 2; centered++) {
        rmsprop_case(small, centered, 0, 0, 0);
        rmsprop_case(small, centered, 0.9, 0.1, 1);
    }
    rmsprop_case(many, 1, 0.9, 0.01, 0);
}

static void adam_case(const ptrdiff_t *size, int amsgrad, double decay, int decoupled, int maximize, int step) {
    CASE("total=%td amsgrad=%d decay=%g decoupled=%d maximize=%d step=%d", size[0], amsgrad, decay, decoupled, maximize,
         step);
    const lengths l = measure(size);
    list p = make("param", l, GUARD_OUTPUT, ANY_SIGN), g = make("grad", l, GUARD_INPUT, ANY_SIGN);
    list m = make("exp_avg", l, GUARD_OUTPUT, ANY_SIGN), v = make("exp_avg_sq", l, GUARD_OUTPUT, POSITIVE);
    list top = make("max_exp_avg_sq", l, GUARD_OUTPUT, POSITIVE);
    const double lr = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    const double correction1 = 1 - pow(beta1, step), correction2 = 1 - pow(beta2, step);
    RUN(FS(adam_step)(p.now, read_only(&g), m.now, v.now, amsgrad ? top.now : NULL, ARRAYS, l.start, lr, beta1, beta2,
                      eps, decay, decoupled, maximize, correction1, correction2));
    EACH_ELEMENT {
        approx x = old(&p, i, j);
        const approx d = direction(x, old(&g, i, j), decoupled ? 0 : decay, maximize);
        const approx mean = average(beta1, old(&m, i, j), 1 - beta1, d);
        approx square = average(beta2, old(&v, i, j), 1 - beta2, mul(d, d));
        expect_approx("exp_avg", j, m.now[i][j], mean);
        expect_approx("exp_avg_sq", j, v.now[i][j], square);
        if (amsgrad) {
            square = largest(square, old(&top, i, j));
            expect_approx("max_exp_avg_sq", j, top.now[i][j], square);
        }
        if (decoupled) x = mul(x, parameter(1 - lr * decay));
        const approx scaled = mul(root(square), parameter(1 / sqrt(correction2)));
        const approx update = quotient(mul(parameter(lr / correction1), mean), add(scaled, parameter(eps)));
        expect_approx("param", j, p.now[i][j], sub(x, update));
    }
}

static void adam(void) {
    for (int amsgrad = 0; amsgrad < 2; amsgrad++) {
        adam_case(small, amsgrad, 0, 0, 0, 1);
        adam_case(small, amsgrad, 0.1, 0, 1, 3);
        adam_case(small, amsgrad, 0.1, 1, 0, 100);
    }
    adam_case(many, 1, 0.01, 1, 0, 7);
}

/* m / (sqrt(v) + eps) with m = 1 for v over the whole range of the type, whatever the kernel makes the root of. */
static void adam_range_case(double eps) {
    enum { N = 4099 };
    CASE("eps=%g", eps);
    const wide special[] = {0, TINY, 3 * TINY, (wide)INFINITY, (wide)NAN};
    const int least = EPS < 0x1p-30 ? -1074 : -149, most = EPS < 0x1p-30 ? 1024 : 128;
    const ptrdiff_t start[] = {0, N};
    REAL *p = output("param", N), *m = output("exp_avg", N), *v = output("exp_avg_sq", N), *g = output("grad", N);
    REAL *before = output("before", N);
    for (int i = 0; i < N; i++) {
        const wide random = W(ldexp)(1 + (wide)fabs(check_uniform()), least + i % (most - least));
        before[i] = v[i] = (REAL)(i < LENGTH(special) ? special[i] : random);
        p[i] = g[i] = 0;
        m[i] = 1;
    }
    REAL *param[] = {p}, *mean[] = {m}, *square[] = {v};
    const REAL *grad[] = {g};
    RUN(FS(adam_step)(param, grad, mean, square, NULL, 1, start, 1, 1, 1, eps, 0, 0, 0, 1, 1));
    for (ptrdiff_t i = 0; i < N; i++) {
        const wide want = -1 / (W(sqrt)((wide)before[i]) + (wide)eps);
        expect_near("exp_avg_sq", i, v[i], before[i], 0);
        expect_near("param", i, p[i], want, 8 * EPS * W(fabs)(want));
    }
}

static void adam_range(void) {
    adam_range_case(1e-3);
    adam_range_case(1e-8);
    adam_range_case(1e-30);
    adam_range_case(0);
}

static void norm_case(const ptrdiff_t *size) {
    CASE("total=%td", size[0]);
    const lengths l = measure(size);
    list g = make("grad", l, GUARD_INPUT, ANY_SIGN);
    double two = -1, most = -1;
    RUN(FS(grad_norm)(&two, read_only(&g), ARRAYS, l.start, 0));
    RUN(FS(grad_norm)(&most, read_only(&g), ARRAYS, l.start, 1));
    long double sum = 0, top = 0;
    EVERY_ELEMENT {
        sum += (long double)g.now[i][j] * g.now[i][j];
        top = fmaxl(top, fabsl((long double)g.now[i][j]));
    }
    check_digest_add(&two, sizeof two);
    EXPECT(fabsl(sqrtl(sum) - two) <= (long double)(l.start[ARRAYS] + 2) * 0x1p-53L * sqrtl(sum));
    EXPECT(most == (double)top);
}

static void grad_norm(void) {
    const ptrdiff_t nothing[ARRAYS] = {0};
    norm_case(nothing);
    norm_case(small);
    norm_case(many);
    for (int nan = 0; nan < 2; nan++) {
        for (ptrdiff_t at = 0; at < 45; at++) {
            CASE("%s at %td", nan ? "NaN" : "inf", at);
            const lengths l = measure(small);
            list g = make("grad", l, GUARD_INPUT, ANY_SIGN);
            double two = -1, most = -1;
            g.now[ARRAYS - 1][at] = (REAL)(nan ? NAN : -INFINITY);
            RUN(FS(grad_norm)(&two, read_only(&g), ARRAYS, l.start, 0));
            RUN(FS(grad_norm)(&most, read_only(&g), ARRAYS, l.start, 1));
            EXPECT(nan ? isnan(two) && isnan(most) : isinf(two) && isinf(most));
        }
    }
}

static void change_case(const ptrdiff_t *size, double number) {
    CASE("total=%td number=%g", size[0], number);
    const lengths l = measure(size);
    list x = make("array", l, GUARD_OUTPUT, ANY_SIGN), y = make("array", l, GUARD_OUTPUT, ANY_SIGN);
    const REAL limit = (REAL)number;
    y.before[0][0] = y.now[0][0] = (REAL)NAN;
    RUN(FS(scale_arrays)(x.now, ARRAYS, l.start, number));
    RUN(FS(clamp_arrays)(y.now, ARRAYS, l.start, number));
    EVERY_ELEMENT {
        const REAL was = y.before[i][j];
        expect_approx("scaled", j, x.now[i][j], mul(parameter(number), old(&x, i, j)));
        expect_equal("clamped", j, y.now[i][j], was > limit ? limit : was < -limit ? -limit : was);
    }
}

static void scale_and_clamp(void) {
    change_case(small, 0.3);
    change_case(small, 0);
    change_case(many, 0.7);
}

static void clip_case(const ptrdiff_t *size, double max_norm) {
    CASE("total=%td max_norm=%g", size[0], max_norm);
    const lengths l = measure(size);
    list x = make("array", l, GUARD_OUTPUT, ANY_SIGN), z = make("array", l, GUARD_OUTPUT, ANY_SIGN);
    double norm, clipped;
    RUN(FS(grad_norm)(&norm, read_only(&x), ARRAYS, l.start, 0));
    RUN(FS(clip_norm)(&clipped, x.now, ARRAYS, l.start, max_norm, 0, 1));
    EXPECT(norm == clipped);
    RUN(FS(zero_arrays)(z.now, ARRAYS, l.start));
    const double factor = max_norm / (norm + 1e-6);
    EVERY_ELEMENT {
        expect_approx("clipped", j, x.now[i][j], mul(parameter(factor < 1 ? factor : 1), old(&x, i, j)));
        expect_equal("zero", j, z.now[i][j], 0);
    }
    z.now[0][0] = (REAL)INFINITY;
    RUN(FS(clip_norm)(&clipped, z.now, ARRAYS, l.start, max_norm, 0, 1));
    EXPECT(isinf(clipped) && isinf(z.now[0][0])); /* left alone */
    RUN(FS(clip_norm)(&clipped, z.now, ARRAYS, l.start, max_norm, 0, 0));
    EXPECT(isnan(z.now[0][0])); /* infinity times nothing */
}

static void clip_and_zero(void) {
    clip_case(small, 0.3);
    clip_case(small, 1e9);
    clip_case(many, 0.7);
}

const struct test FS(tests_optim)[] = {
    {"sgd", sgd}, {"rmsprop", rmsprop}, {"adam", adam}, {"adam range", adam_range},
    {"grad_norm", grad_norm}, {"scale and clamp", scale_and_clamp},
    {"clip and zero", clip_and_zero},
    {NULL, NULL}};
