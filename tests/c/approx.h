/* Numbers that know how far a kernel's own result may be from them: each operation adds its rounding to the errors of
 * what it is given. References written on them need no bound worked out by hand. Two roundings are allowed for each
 * operation, so that a kernel may associate in another way. N. Higham, Accuracy and Stability of Numerical Algorithms,
 * 2002, section 3.3.
 */
#ifndef APPROX_H
#define APPROX_H

#include "typed.h"

typedef struct {
    wide value, error;
} approx;

static FS_UNUSED approx within(wide value, wide error) { return (approx){value, error}; }
static FS_UNUSED approx exactly(wide value) { return within(value, 0); }
static FS_UNUSED approx rounded(wide value, wide error) {
    return within(value, error + 2 * EPS * (W(fabs)(value) + error));
}
/* A parameter that the kernel turns into its own type first. */
static FS_UNUSED approx parameter(double value) { return rounded((wide)value, 0); }

static FS_UNUSED approx add(approx x, approx y) { return rounded(x.value + y.value, x.error + y.error); }
static FS_UNUSED approx sub(approx x, approx y) { return rounded(x.value - y.value, x.error + y.error); }
static FS_UNUSED approx mul(approx x, approx y) {
    const wide error = W(fabs)(x.value) * y.error + W(fabs)(y.value) * x.error + x.error * y.error;
    return rounded(x.value * y.value, error);
}
static FS_UNUSED approx quotient(approx x, approx y) {
    const wide least = W(fabs)(y.value) - y.error, value = x.value / y.value;
    if (!(least > 0)) return within(value, (wide)INFINITY);
    return rounded(value, (x.error + W(fabs)(value) * y.error) / least);
}
static FS_UNUSED approx root(approx x) {
    const wide value = W(sqrt)(x.value), low = W(sqrt)(W(fmax)(x.value - x.error, 0));
    return rounded(value, W(fmax)(value - low, W(sqrt)(x.value + x.error) - value));
}
static FS_UNUSED approx largest(approx x, approx y) {
    return within(W(fmax)(x.value, y.value), W(fmax)(x.error, y.error));
}

static FS_UNUSED void expect_approx(const char *name, ptrdiff_t i, REAL got, approx want) {
    expect_near(name, i, got, want.value, want.error);
}

#endif
