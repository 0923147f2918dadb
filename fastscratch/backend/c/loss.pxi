# Cross entropy.

from libc.stdint cimport int64_t

cdef extern from "fastscratch.h" nogil:
    int fs_cross_entropy_forward_f32(float *loss, float *lse, double *totals, const float *x, const int64_t *label,
                                     const float *weight, ptrdiff_t rows, ptrdiff_t n, int64_t ignored, double smoothing)
    int fs_cross_entropy_backward_f32(float *dx, const float *dy, ptrdiff_t dy_step, const float *x, const float *lse,
                                      const int64_t *label, const float *weight, ptrdiff_t rows, ptrdiff_t n,
                                      int64_t ignored, double smoothing)
    int fs_cross_entropy_forward_f64(double *loss, double *lse, double *totals, const double *x, const int64_t *label,
                                     const double *weight, ptrdiff_t rows, ptrdiff_t n, int64_t ignored, double smoothing)
    int fs_cross_entropy_backward_f64(double *dx, const double *dy, ptrdiff_t dy_step, const double *x, const double *lse,
                                      const int64_t *label, const double *weight, ptrdiff_t rows, ptrdiff_t n,
                                      int64_t ignored, double smoothing)


cdef inline bint is_vector(object x, ptrdiff_t n):
    """Has x one axis, of n elements? Asked without tuples of Python's, which take longer than a small loss."""
    return isinstance(x, cnp.ndarray) and cnp.PyArray_NDIM(x) == 1 and cnp.PyArray_DIM(x, 0) == n


cdef int refuse_vector(object x, str name, ptrdiff_t n, str kernel) except -1:
    """Say why x is not what is_vector() asks for."""
    if not isinstance(x, cnp.ndarray):
        raise TypeError(f"{kernel}: {name} must be a NumPy array, got {type(x).__name__}")
    raise ValueError(f"{kernel}: {name} must have shape ({n},), got {x.shape}")


cdef cnp.ndarray scores(object x, object target, object weight, str kernel):
    """x as a matrix in C order, after a check that target and weight fit it."""
    cdef cnp.ndarray a = contiguous(x, "x", floating(x, "x"))
    if cnp.PyArray_NDIM(a) != 2:
        raise ValueError(f"{kernel}: x must have shape (rows, classes), got {x.shape}")
    if not is_vector(target, cnp.PyArray_DIM(a, 0)):
        refuse_vector(target, "target", cnp.PyArray_DIM(a, 0), kernel)
    if weight is not None and not is_vector(weight, cnp.PyArray_DIM(a, 1)):
        refuse_vector(weight, "weight", cnp.PyArray_DIM(a, 1), kernel)
    return a


cdef int raise_for_label(int status, cnp.ndarray target, ptrdiff_t classes, int64_t ignored, str kernel) except -1:
    """IndexError naming the first label that is out of range."""
    cdef const int64_t *label = <const int64_t *>cnp.PyArray_DATA(target)
    cdef ptrdiff_t i
    if status == FS_EINDEX:
        for i in range(cnp.PyArray_SIZE(target)):
            if label[i] != ignored and not 0 <= label[i] < classes:
                raise IndexError(f"{kernel}: label {label[i]} is out of range for {classes} classes")
    return raise_for(status, kernel)


def cross_entropy_forward(x, target, weight, ignore_index, label_smoothing):
    cdef cnp.ndarray a = scores(x, target, weight, "cross_entropy")
    cdef int typenum = cnp.PyArray_TYPE(a), status
    cdef cnp.ndarray labels = contiguous_int64(target, "target")
    cdef cnp.ndarray w = None if weight is None else contiguous(weight, "weight", typenum)
    cdef ptrdiff_t rows_ = cnp.PyArray_DIM(a, 0), n = cnp.PyArray_DIM(a, 1)
    cdef cnp.ndarray loss = new_1d(rows_, typenum)
    cdef cnp.ndarray lse = new_1d(rows_, typenum)
    cdef void *lp = cnp.PyArray_DATA(loss)
    cdef void *sp = cnp.PyArray_DATA(lse)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef void *wp = NULL if weight is None else cnp.PyArray_DATA(w)
    cdef int64_t *tp = <int64_t *>cnp.PyArray_DATA(labels)
    cdef int64_t ignored = ignore_index
    cdef double smoothing = label_smoothing
    cdef double totals[2]
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_cross_entropy_forward_f64(<double *>lp, <double *>sp, totals, <double *>xp, tp, <double *>wp,
                                                  rows_, n, ignored, smoothing)
        else:
            status = fs_cross_entropy_forward_f32(<float *>lp, <float *>sp, totals, <float *>xp, tp, <float *>wp,
                                                  rows_, n, ignored, smoothing)
    raise_for_label(status, labels, n, ignored, "cross_entropy")
    return loss, lse, totals[0], totals[1]


def cross_entropy_backward(dy, x, lse, target, weight, ignore_index, label_smoothing):
    cdef cnp.ndarray a = scores(x, target, weight, "cross_entropy_backward")
    cdef int typenum = cnp.PyArray_TYPE(a), status
    cdef cnp.ndarray labels = contiguous_int64(target, "target")
    cdef cnp.ndarray w = None if weight is None else contiguous(weight, "weight", typenum)
    cdef cnp.ndarray g = contiguous(dy, "dy", typenum)
    cdef cnp.ndarray s = contiguous(lse, "lse", typenum)
    cdef ptrdiff_t rows_ = cnp.PyArray_DIM(a, 0), n = cnp.PyArray_DIM(a, 1), step_ = cnp.PyArray_NDIM(g)
    if not is_vector(lse, rows_) or step_ != 0 and not is_vector(dy, rows_):
        raise ValueError(f"cross_entropy_backward: dy {dy.shape} and lse {lse.shape} do not fit x {x.shape}")
    cdef cnp.ndarray dx = like(a)
    cdef void *dxp = cnp.PyArray_DATA(dx)
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef void *sp = cnp.PyArray_DATA(s)
    cdef void *wp = NULL if weight is None else cnp.PyArray_DATA(w)
    cdef int64_t *tp = <int64_t *>cnp.PyArray_DATA(labels)
    cdef int64_t ignored = ignore_index
    cdef double smoothing = label_smoothing
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_cross_entropy_backward_f64(<double *>dxp, <double *>gp, step_, <double *>xp, <double *>sp, tp,
                                                   <double *>wp, rows_, n, ignored, smoothing)
        else:
            status = fs_cross_entropy_backward_f32(<float *>dxp, <float *>gp, step_, <float *>xp, <float *>sp, tp,
                                                   <float *>wp, rows_, n, ignored, smoothing)
    raise_for_label(status, labels, n, ignored, "cross_entropy_backward")
    return dx
