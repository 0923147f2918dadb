# Functions of one element: any memory order is walked as one run and kept.

cdef extern from "fastscratch.h" nogil:
    int fs_elu_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_elu_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_elu_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_elu_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_erf_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_erf_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_erf_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_erf_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_erfc_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_erfc_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_erfc_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_erfc_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_exp_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_exp_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_exp_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_exp_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_expm1_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_expm1_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_expm1_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_expm1_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_gelu_erf_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_gelu_erf_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_gelu_erf_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_gelu_erf_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_gelu_sigmoid_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_gelu_sigmoid_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_gelu_sigmoid_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_gelu_sigmoid_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_gelu_tanh_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_gelu_tanh_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_gelu_tanh_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_gelu_tanh_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_leaky_relu_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_leaky_relu_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_leaky_relu_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_leaky_relu_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_log_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_log_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_log_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_log_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_log1p_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_log1p_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_log1p_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_log1p_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_relu_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_relu_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_relu_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_relu_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_sigmoid_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_sigmoid_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_sigmoid_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_sigmoid_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_silu_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_silu_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_silu_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_silu_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_softplus_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_softplus_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_softplus_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_softplus_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_sqrt_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_sqrt_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_sqrt_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_sqrt_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)
    int fs_tanh_forward_f32(float *y, const float *x, ptrdiff_t n, double p, double q)
    int fs_tanh_backward_f32(float *dx, const float *dy, const float *x, ptrdiff_t n, double p, double q)
    int fs_tanh_forward_f64(double *y, const double *x, ptrdiff_t n, double p, double q)
    int fs_tanh_backward_f64(double *dx, const double *dy, const double *x, ptrdiff_t n, double p, double q)

ctypedef int (*forward_f32)(float *, const float *, ptrdiff_t, double, double) noexcept nogil
ctypedef int (*forward_f64)(double *, const double *, ptrdiff_t, double, double) noexcept nogil
ctypedef int (*backward_f32)(float *, const float *, const float *, ptrdiff_t, double, double) noexcept nogil
ctypedef int (*backward_f64)(double *, const double *, const double *, ptrdiff_t, double, double) noexcept nogil


cdef cnp.ndarray forward(object x, forward_f32 f32, forward_f64 f64, double p=0, double q=0):
    cdef int typenum = floating(x, "x")
    cdef cnp.ndarray a = flat(x, "x", typenum)
    cdef cnp.ndarray y = like(a)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef ptrdiff_t n = cnp.PyArray_SIZE(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            f64(<double *>yp, <double *>ap, n, p, q)
        else:
            f32(<float *>yp, <float *>ap, n, p, q)
    return y


cdef cnp.ndarray backward(object dy, object x, backward_f32 f32, backward_f64 f64, double p=0, double q=0):
    cdef int typenum = floating(x, "x")
    cdef cnp.ndarray a = flat(x, "x", typenum)
    cdef cnp.ndarray g = flat_as(dy, "dy", a)
    cdef cnp.ndarray dx = like(a)
    cdef void *dxp = cnp.PyArray_DATA(dx)
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef ptrdiff_t n = cnp.PyArray_SIZE(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            f64(<double *>dxp, <double *>gp, <double *>ap, n, p, q)
        else:
            f32(<float *>dxp, <float *>gp, <float *>ap, n, p, q)
    return dx


def elu_forward(x, double alpha):
    return forward(x, fs_elu_forward_f32, fs_elu_forward_f64, alpha)


def elu_backward(dy, x, double alpha):
    return backward(dy, x, fs_elu_backward_f32, fs_elu_backward_f64, alpha)


def erf_forward(x):
    return forward(x, fs_erf_forward_f32, fs_erf_forward_f64)


def erf_backward(dy, x):
    return backward(dy, x, fs_erf_backward_f32, fs_erf_backward_f64)


def erfc_forward(x):
    return forward(x, fs_erfc_forward_f32, fs_erfc_forward_f64)


def erfc_backward(dy, x):
    return backward(dy, x, fs_erfc_backward_f32, fs_erfc_backward_f64)


def exp_forward(x):
    return forward(x, fs_exp_forward_f32, fs_exp_forward_f64)


def exp_backward(dy, y):
    return backward(dy, y, fs_exp_backward_f32, fs_exp_backward_f64)


def expm1_forward(x):
    return forward(x, fs_expm1_forward_f32, fs_expm1_forward_f64)


def expm1_backward(dy, y):
    return backward(dy, y, fs_expm1_backward_f32, fs_expm1_backward_f64)


def leaky_relu_forward(x, double slope):
    return forward(x, fs_leaky_relu_forward_f32, fs_leaky_relu_forward_f64, slope)


def leaky_relu_backward(dy, x, double slope):
    return backward(dy, x, fs_leaky_relu_backward_f32, fs_leaky_relu_backward_f64, slope)


def log_forward(x):
    return forward(x, fs_log_forward_f32, fs_log_forward_f64)


def log_backward(dy, x):
    return backward(dy, x, fs_log_backward_f32, fs_log_backward_f64)


def log1p_forward(x):
    return forward(x, fs_log1p_forward_f32, fs_log1p_forward_f64)


def log1p_backward(dy, x):
    return backward(dy, x, fs_log1p_backward_f32, fs_log1p_backward_f64)


def relu_forward(x):
    return forward(x, fs_relu_forward_f32, fs_relu_forward_f64)


def relu_backward(dy, y):
    return backward(dy, y, fs_relu_backward_f32, fs_relu_backward_f64)


def sigmoid_forward(x):
    return forward(x, fs_sigmoid_forward_f32, fs_sigmoid_forward_f64)


def sigmoid_backward(dy, y):
    return backward(dy, y, fs_sigmoid_backward_f32, fs_sigmoid_backward_f64)


def silu_forward(x):
    return forward(x, fs_silu_forward_f32, fs_silu_forward_f64)


def silu_backward(dy, x):
    return backward(dy, x, fs_silu_backward_f32, fs_silu_backward_f64)


def softplus_forward(x, double beta, double threshold):
    return forward(x, fs_softplus_forward_f32, fs_softplus_forward_f64, beta, threshold)


def softplus_backward(dy, x, double beta, double threshold):
    return backward(dy, x, fs_softplus_backward_f32, fs_softplus_backward_f64, beta, threshold)


def sqrt_forward(x):
    return forward(x, fs_sqrt_forward_f32, fs_sqrt_forward_f64)


def sqrt_backward(dy, y):
    return backward(dy, y, fs_sqrt_backward_f32, fs_sqrt_backward_f64)


def tanh_forward(x):
    return forward(x, fs_tanh_forward_f32, fs_tanh_forward_f64)


def tanh_backward(dy, y):
    return backward(dy, y, fs_tanh_backward_f32, fs_tanh_backward_f64)


def gelu_forward(x, str form):
    if form == "none":
        return forward(x, fs_gelu_erf_forward_f32, fs_gelu_erf_forward_f64)
    if form == "tanh":
        return forward(x, fs_gelu_tanh_forward_f32, fs_gelu_tanh_forward_f64)
    if form == "sigmoid":
        return forward(x, fs_gelu_sigmoid_forward_f32, fs_gelu_sigmoid_forward_f64)
    raise ValueError(f'gelu: the form must be "none", "tanh" or "sigmoid", got {form!r}')


def gelu_backward(dy, x, str form):
    if form == "none":
        return backward(dy, x, fs_gelu_erf_backward_f32, fs_gelu_erf_backward_f64)
    if form == "tanh":
        return backward(dy, x, fs_gelu_tanh_backward_f32, fs_gelu_tanh_backward_f64)
    if form == "sigmoid":
        return backward(dy, x, fs_gelu_sigmoid_backward_f32, fs_gelu_sigmoid_backward_f64)
    raise ValueError(f'gelu: the form must be "none", "tanh" or "sigmoid", got {form!r}')
