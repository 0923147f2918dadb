# Softmax, log-softmax and log-sum-exp along an axis.

cdef extern from "fastscratch.h" nogil:
    int fs_softmax_forward_f32(float *y, const float *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner)
    int fs_softmax_backward_f32(float *dx, const float *dy, const float *y, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner)
    int fs_log_softmax_forward_f32(float *y, const float *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner)
    int fs_log_softmax_backward_f32(float *dx, const float *dy, const float *y, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner)
    int fs_logsumexp_forward_f32(float *y, const float *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner)
    int fs_logsumexp_backward_f32(float *dx, const float *dy, const float *x, const float *y, ptrdiff_t outer, ptrdiff_t n,
                                   ptrdiff_t inner)
    int fs_softmax_forward_f64(double *y, const double *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner)
    int fs_softmax_backward_f64(double *dx, const double *dy, const double *y, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner)
    int fs_log_softmax_forward_f64(double *y, const double *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner)
    int fs_log_softmax_backward_f64(double *dx, const double *dy, const double *y, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner)
    int fs_logsumexp_forward_f64(double *y, const double *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner)
    int fs_logsumexp_backward_f64(double *dx, const double *dy, const double *x, const double *y, ptrdiff_t outer, ptrdiff_t n,
                                   ptrdiff_t inner)

cdef struct Lines:
    ptrdiff_t outer, n, inner


cdef Lines lines_along(cnp.ndarray a, int axis, str kernel) except *:
    """The lines along an axis of an array that comes from flat(): [outer, n, inner] in the order of memory."""
    cdef Lines lines
    cdef int i, nd = cnp.PyArray_NDIM(a)
    if nd == 0 and axis == 0:
        return Lines(1, 1, 1)
    if not 0 <= axis < nd:
        raise ValueError(f"{kernel}: axis must be in [0, {nd}), got {axis}")
    lines.n = cnp.PyArray_DIM(a, axis)
    lines.inner = cnp.PyArray_STRIDE(a, axis) // cnp.PyArray_ITEMSIZE(a) if lines.n > 1 else 1
    lines.outer = 1
    for i in range(nd):
        if i != axis:
            lines.outer *= cnp.PyArray_DIM(a, i)
    if lines.outer == 0:
        lines.inner = 1
    lines.outer //= lines.inner
    return lines


cdef cnp.ndarray without_axis(cnp.ndarray a, int axis):
    """An uninitialised array in C order of a's shape without one axis."""
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef int i, used = 0
    for i in range(cnp.PyArray_NDIM(a)):
        if i != axis:
            shape[used] = cnp.PyArray_DIM(a, i)
            used += 1
    return new_array(used, shape, NULL, cnp.PyArray_TYPE(a))


def softmax_forward(x, int axis):
    cdef int typenum = floating(x, "x")
    cdef cnp.ndarray a = flat(x, "x", typenum)
    cdef Lines g = lines_along(a, axis, "softmax_forward")
    cdef cnp.ndarray y = like(a)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *ap = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            fs_softmax_forward_f64(<double *>yp, <double *>ap, g.outer, g.n, g.inner)
        else:
            fs_softmax_forward_f32(<float *>yp, <float *>ap, g.outer, g.n, g.inner)
    return y


def softmax_backward(dy, y, int axis):
    cdef int typenum = floating(y, "y")
    cdef cnp.ndarray a = flat(y, "y", typenum)
    cdef cnp.ndarray d = flat_as(dy, "dy", a)
    cdef Lines g = lines_along(a, axis, "softmax_backward")
    cdef cnp.ndarray dx = like(a)
    cdef void *xp = cnp.PyArray_DATA(dx)
    cdef void *dp = cnp.PyArray_DATA(d)
    cdef void *ap = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            fs_softmax_backward_f64(<double *>xp, <double *>dp, <double *>ap, g.outer, g.n, g.inner)
        else:
            fs_softmax_backward_f32(<float *>xp, <float *>dp, <float *>ap, g.outer, g.n, g.inner)
    return dx


def log_softmax_forward(x, int axis):
    cdef int typenum = floating(x, "x")
    cdef cnp.ndarray a = flat(x, "x", typenum)
    cdef Lines g = lines_along(a, axis, "log_softmax_forward")
    cdef cnp.ndarray y = like(a)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *ap = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            fs_log_softmax_forward_f64(<double *>yp, <double *>ap, g.outer, g.n, g.inner)
        else:
            fs_log_softmax_forward_f32(<float *>yp, <float *>ap, g.outer, g.n, g.inner)
    return y


def log_softmax_backward(dy, y, int axis):
    cdef int typenum = floating(y, "y")
    cdef cnp.ndarray a = flat(y, "y", typenum)
    cdef cnp.ndarray d = flat_as(dy, "dy", a)
    cdef Lines g = lines_along(a, axis, "log_softmax_backward")
    cdef cnp.ndarray dx = like(a)
    cdef void *xp = cnp.PyArray_DATA(dx)
    cdef void *dp = cnp.PyArray_DATA(d)
    cdef void *ap = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            fs_log_softmax_backward_f64(<double *>xp, <double *>dp, <double *>ap, g.outer, g.n, g.inner)
        else:
            fs_log_softmax_backward_f32(<float *>xp, <float *>dp, <float *>ap, g.outer, g.n, g.inner)
    return dx


def logsumexp_forward(x, int axis):
    cdef int typenum = floating(x, "x")
    cdef cnp.ndarray a = contiguous(x, "x", typenum)
    cdef Lines g = lines_along(a, axis, "logsumexp_forward")
    cdef cnp.ndarray y = without_axis(a, axis)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *ap = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            fs_logsumexp_forward_f64(<double *>yp, <double *>ap, g.outer, g.n, g.inner)
        else:
            fs_logsumexp_forward_f32(<float *>yp, <float *>ap, g.outer, g.n, g.inner)
    return y


def logsumexp_backward(dy, x, y, int axis):
    cdef int typenum = floating(x, "x")
    cdef cnp.ndarray a = contiguous(x, "x", typenum)
    cdef cnp.ndarray d = contiguous(dy, "dy", typenum)
    cdef cnp.ndarray total = contiguous(y, "y", typenum)
    cdef Lines g = lines_along(a, axis, "logsumexp_backward")
    cdef cnp.ndarray dx = like(a)
    cdef void *xp = cnp.PyArray_DATA(dx)
    cdef void *dp = cnp.PyArray_DATA(d)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef void *tp = cnp.PyArray_DATA(total)
    if cnp.PyArray_SIZE(d) != g.outer * g.inner or cnp.PyArray_SIZE(total) != g.outer * g.inner:
        raise ValueError(f"logsumexp_backward: dy {dy.shape} and y {y.shape} do not fit x {x.shape} without axis {axis}")
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            fs_logsumexp_backward_f64(<double *>xp, <double *>dp, <double *>ap, <double *>tp, g.outer, g.n, g.inner)
        else:
            fs_logsumexp_backward_f32(<float *>xp, <float *>dp, <float *>ap, <float *>tp, g.outer, g.n, g.inner)
    return dx
