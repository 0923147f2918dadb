# Batch norm and layer norm.

cdef extern from "fastscratch.h" nogil:
    int fs_batch_norm_forward_f32(void *y, void *mean, void *var, void *rstd, void *running_mean, void *running_var,
                                  const void *x, const void *weight, const void *bias, ptrdiff_t rows, ptrdiff_t c,
                                  double momentum, double eps, int relu)
    int fs_batch_norm_forward_f64(void *y, void *mean, void *var, void *rstd, void *running_mean, void *running_var,
                                  const void *x, const void *weight, const void *bias, ptrdiff_t rows, ptrdiff_t c,
                                  double momentum, double eps, int relu)
    int fs_batch_norm_inference_f32(void *y, const void *x, const void *weight, const void *bias, const void *mean,
                                    const void *var, ptrdiff_t rows, ptrdiff_t c, double eps, int relu)
    int fs_batch_norm_inference_f64(void *y, const void *x, const void *weight, const void *bias, const void *mean,
                                    const void *var, ptrdiff_t rows, ptrdiff_t c, double eps, int relu)
    int fs_batch_norm_backward_f32(void *dx, void *dw, void *db, const void *dy, const void *x, const void *weight,
                                   const void *bias, const void *mean, const void *rstd, ptrdiff_t rows, ptrdiff_t c,
                                   int training, int relu)
    int fs_batch_norm_backward_f64(void *dx, void *dw, void *db, const void *dy, const void *x, const void *weight,
                                   const void *bias, const void *mean, const void *rstd, ptrdiff_t rows, ptrdiff_t c,
                                   int training, int relu)
    int fs_layer_norm_forward_f32(void *y, void *mean, void *rstd, const void *x, const void *weight, const void *bias,
                                  ptrdiff_t rows, ptrdiff_t d, double eps)
    int fs_layer_norm_forward_f64(void *y, void *mean, void *rstd, const void *x, const void *weight, const void *bias,
                                  ptrdiff_t rows, ptrdiff_t d, double eps)
    int fs_layer_norm_backward_f32(void *dx, void *dw, void *db, const void *dy, const void *x, const void *weight,
                                   const void *mean, const void *rstd, ptrdiff_t rows, ptrdiff_t d)
    int fs_layer_norm_backward_f64(void *dx, void *dw, void *db, const void *dy, const void *x, const void *weight,
                                   const void *mean, const void *rstd, ptrdiff_t rows, ptrdiff_t d)


cdef bint channel_innermost(cnp.ndarray x) noexcept:
    """Is x, logically (n, c, ...), dense with the second axis innermost?"""
    cdef int nd = cnp.PyArray_NDIM(x), axis = 1
    cdef cnp.npy_intp expected = cnp.PyArray_ITEMSIZE(x)
    if not PyArray_ISBEHAVED_RO(x):
        return False
    while True:  # axes 1, nd - 1, ..., 2, 0
        if cnp.PyArray_DIM(x, axis) != 1:
            if cnp.PyArray_STRIDE(x, axis) != expected:
                return False
            expected *= cnp.PyArray_DIM(x, axis)
        if axis == 0:
            return True
        axis = nd - 1 if axis == 1 else axis - 1
        if axis == 1:
            axis = 0


cdef cnp.ndarray by_channel(object x, str name, int typenum):
    """x, or a copy of it, with the second axis innermost in memory: rows of channels."""
    same_type(x, name, typenum)
    cdef cnp.ndarray a = <cnp.ndarray>x
    cdef int i, nd = cnp.PyArray_NDIM(a)
    cdef cnp.npy_intp strides[MAX_DIMS]
    cdef cnp.npy_intp step = cnp.PyArray_ITEMSIZE(a)
    if nd < 2 or nd > MAX_DIMS:
        raise ValueError(f"{name} must have at least 2 axes (n, c, ...), got shape {x.shape}")
    if channel_innermost(a):
        return a
    strides[1] = step
    step *= cnp.PyArray_DIM(a, 1)
    for i in range(nd - 1, 1, -1):
        strides[i] = step
        step *= cnp.PyArray_DIM(a, i)
    strides[0] = step
    cdef cnp.ndarray copy = new_array(nd, cnp.PyArray_DIMS(a), strides, typenum)
    PyArray_CopyInto(copy, a)
    return copy


cdef cnp.ndarray vector(object x, str name, int typenum, ptrdiff_t n):
    """x, or a copy of it, as n numbers in a row."""
    cdef cnp.ndarray a = contiguous(x, name, typenum)
    if cnp.PyArray_NDIM(a) != 1 or cnp.PyArray_DIM(a, 0) != n:
        raise ValueError(f"{name} must have shape ({n},), got {x.shape}")
    return a


cdef cnp.ndarray changed_vector(object x, str name, int typenum, ptrdiff_t n):
    """None for None; else x, or a copy of it for put_back(), as n numbers in a row that C may change."""
    if x is None:
        return None
    cdef cnp.ndarray a = vector(x, name, typenum, n)
    if not cnp.PyArray_ISWRITEABLE(<cnp.ndarray>x):
        raise ValueError(f"{name} is read-only")
    return a


cdef int put_back(object x, cnp.ndarray a) except -1:
    """Bring home what was computed in a copy."""
    return 0 if a is x else PyArray_CopyInto(<cnp.ndarray>x, a)


cdef void *data_or_null(cnp.ndarray x) noexcept:
    return NULL if x is None else cnp.PyArray_DATA(x)


def batch_norm_forward(x, weight, bias, running_mean, running_var, momentum, eps, relu=False):
    cdef int typenum = floating(x, "x"), status, rectified = relu
    cdef cnp.ndarray a = by_channel(x, "x", typenum)
    cdef ptrdiff_t c = cnp.PyArray_DIM(a, 1), rows = cnp.PyArray_SIZE(a) // max(c, 1)
    cdef cnp.ndarray w = None if weight is None else vector(weight, "weight", typenum, c)
    cdef cnp.ndarray b = None if bias is None else vector(bias, "bias", typenum, c)
    if cnp.PyArray_SIZE(a) == 0:
        raise ValueError(f"batch_norm_forward: x is empty, shape {x.shape}")
    if running_var is not None and rows < 2:
        raise ValueError(f"batch_norm_forward: running_var needs 2 values per channel, got x of shape {x.shape}")
    cdef cnp.ndarray run_mean = changed_vector(running_mean, "running_mean", typenum, c)
    cdef cnp.ndarray run_var = changed_vector(running_var, "running_var", typenum, c)
    cdef cnp.ndarray y = like(a), mean = new_1d(c, typenum), var = new_1d(c, typenum), rstd = new_1d(c, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *mp = cnp.PyArray_DATA(mean)
    cdef void *vp = cnp.PyArray_DATA(var)
    cdef void *rp = cnp.PyArray_DATA(rstd)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef void *wp = data_or_null(w)
    cdef void *bp = data_or_null(b)
    cdef void *rmp = data_or_null(run_mean)
    cdef void *rvp = data_or_null(run_var)
    cdef double factor = momentum, epsilon = eps
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_batch_norm_forward_f64(yp, mp, vp, rp, rmp, rvp, xp, wp, bp, rows, c, factor, epsilon, rectified)
        else:
            status = fs_batch_norm_forward_f32(yp, mp, vp, rp, rmp, rvp, xp, wp, bp, rows, c, factor, epsilon, rectified)
    raise_for(status, "batch_norm_forward")
    put_back(running_mean, run_mean)
    put_back(running_var, run_var)
    return y, mean, var, rstd


def batch_norm_inference(x, weight, bias, mean, var, eps, relu=False):
    cdef int typenum = floating(x, "x"), status, rectified = relu
    cdef cnp.ndarray a = by_channel(x, "x", typenum)
    cdef ptrdiff_t c = cnp.PyArray_DIM(a, 1), rows = cnp.PyArray_SIZE(a) // max(c, 1)
    cdef cnp.ndarray w = None if weight is None else vector(weight, "weight", typenum, c)
    cdef cnp.ndarray b = None if bias is None else vector(bias, "bias", typenum, c)
    cdef cnp.ndarray m = vector(mean, "mean", typenum, c), v = vector(var, "var", typenum, c)
    cdef cnp.ndarray y = like(a)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef void *wp = data_or_null(w)
    cdef void *bp = data_or_null(b)
    cdef void *mp = cnp.PyArray_DATA(m)
    cdef void *vp = cnp.PyArray_DATA(v)
    cdef double epsilon = eps
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_batch_norm_inference_f64(yp, xp, wp, bp, mp, vp, rows, c, epsilon, rectified)
        else:
            status = fs_batch_norm_inference_f32(yp, xp, wp, bp, mp, vp, rows, c, epsilon, rectified)
    raise_for(status, "batch_norm_inference")
    return y


def batch_norm_backward(dy, x, weight, bias, mean, rstd, training=True, relu=False):
    cdef int typenum = floating(x, "x"), status, train = training, rectified = relu
    cdef cnp.ndarray a = by_channel(x, "x", typenum), g = by_channel(dy, "dy", typenum)
    same_shape(g, "dy", a)
    cdef ptrdiff_t c = cnp.PyArray_DIM(a, 1), rows = cnp.PyArray_SIZE(a) // max(c, 1)
    cdef cnp.ndarray w = None if weight is None else vector(weight, "weight", typenum, c)
    cdef cnp.ndarray b = None if bias is None else vector(bias, "bias", typenum, c)
    cdef cnp.ndarray m = vector(mean, "mean", typenum, c), r = vector(rstd, "rstd", typenum, c)
    cdef cnp.ndarray dx = like(a), dw = new_1d(c, typenum), db = new_1d(c, typenum)
    cdef void *dxp = cnp.PyArray_DATA(dx)
    cdef void *dwp = cnp.PyArray_DATA(dw)
    cdef void *dbp = cnp.PyArray_DATA(db)
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef void *wp = data_or_null(w)
    cdef void *bp = data_or_null(b)
    cdef void *mp = cnp.PyArray_DATA(m)
    cdef void *rp = cnp.PyArray_DATA(r)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_batch_norm_backward_f64(dxp, dwp, dbp, gp, xp, wp, bp, mp, rp, rows, c, train, rectified)
        else:
            status = fs_batch_norm_backward_f32(dxp, dwp, dbp, gp, xp, wp, bp, mp, rp, rows, c, train, rectified)
    raise_for(status, "batch_norm_backward")
    return dx, dw, db


def layer_norm_forward(x, weight, bias, eps):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum)
    if cnp.PyArray_NDIM(a) != 2:
        raise ValueError(f"x must have shape (rows, d), got {x.shape}")
    cdef ptrdiff_t rows = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1)
    cdef cnp.ndarray w = None if weight is None else vector(weight, "weight", typenum, d)
    cdef cnp.ndarray b = None if bias is None else vector(bias, "bias", typenum, d)
    cdef cnp.ndarray y = new_2d(rows, d, typenum), mean = new_1d(rows, typenum), rstd = new_1d(rows, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *mp = cnp.PyArray_DATA(mean)
    cdef void *rp = cnp.PyArray_DATA(rstd)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef void *wp = data_or_null(w)
    cdef void *bp = data_or_null(b)
    cdef double epsilon = eps
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_layer_norm_forward_f64(yp, mp, rp, xp, wp, bp, rows, d, epsilon)
        else:
            status = fs_layer_norm_forward_f32(yp, mp, rp, xp, wp, bp, rows, d, epsilon)
    raise_for(status, "layer_norm_forward")
    return y, mean, rstd


def layer_norm_backward(dy, x, weight, mean, rstd):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum), g = contiguous(dy, "dy", typenum)
    if cnp.PyArray_NDIM(a) != 2:
        raise ValueError(f"x must have shape (rows, d), got {x.shape}")
    same_shape(g, "dy", a)
    cdef ptrdiff_t rows = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1)
    cdef cnp.ndarray w = None if weight is None else vector(weight, "weight", typenum, d)
    cdef cnp.ndarray m = vector(mean, "mean", typenum, rows), r = vector(rstd, "rstd", typenum, rows)
    cdef cnp.ndarray dx = new_2d(rows, d, typenum), dw = new_1d(d, typenum), db = new_1d(d, typenum)
    cdef void *dxp = cnp.PyArray_DATA(dx)
    cdef void *dwp = cnp.PyArray_DATA(dw)
    cdef void *dbp = cnp.PyArray_DATA(db)
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef void *wp = data_or_null(w)
    cdef void *mp = cnp.PyArray_DATA(m)
    cdef void *rp = cnp.PyArray_DATA(r)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_layer_norm_backward_f64(dxp, dwp, dbp, gp, xp, wp, mp, rp, rows, d)
        else:
            status = fs_layer_norm_backward_f32(dxp, dwp, dbp, gp, xp, wp, mp, rp, rows, d)
    raise_for(status, "layer_norm_backward")
    return dx, dw, db
