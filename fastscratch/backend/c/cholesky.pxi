# Cholesky's factor, solutions and log-determinants from it, its gradient.

cdef extern from "fastscratch.h" nogil:
    int fs_cholesky_f32(void *l, ptrdiff_t *failed, const void *a, ptrdiff_t batch, ptrdiff_t n)
    int fs_cholesky_f64(void *l, ptrdiff_t *failed, const void *a, ptrdiff_t batch, ptrdiff_t n)
    int fs_cholesky_inplace_f32(void *a, ptrdiff_t *failed, ptrdiff_t n)
    int fs_cholesky_inplace_f64(void *a, ptrdiff_t *failed, ptrdiff_t n)
    int fs_cholesky_solve_f32(void *x, const void *l, const void *b, ptrdiff_t batch, ptrdiff_t n, ptrdiff_t r)
    int fs_cholesky_solve_f64(void *x, const void *l, const void *b, ptrdiff_t batch, ptrdiff_t n, ptrdiff_t r)
    int fs_cholesky_logdet_f32(void *y, const void *l, ptrdiff_t batch, ptrdiff_t n)
    int fs_cholesky_logdet_f64(void *y, const void *l, ptrdiff_t batch, ptrdiff_t n)
    int fs_cholesky_backward_f32(void *da, const void *dl, const void *l, ptrdiff_t batch, ptrdiff_t n)
    int fs_cholesky_backward_f64(void *da, const void *dl, const void *l, ptrdiff_t batch, ptrdiff_t n)


cdef cnp.ndarray square(object x, str name, int typenum):
    """x, or a copy of it, as square matrices in C order."""
    cdef cnp.ndarray a = contiguous(x, name, typenum)
    cdef int nd = cnp.PyArray_NDIM(a)
    if nd < 2 or cnp.PyArray_DIM(a, nd - 1) != cnp.PyArray_DIM(a, nd - 2):
        raise ValueError(f"{name} must be square matrices of shape (..., n, n), got {x.shape}")
    return a


cdef ptrdiff_t batch_size(cnp.ndarray a) noexcept:
    """The number of matrices."""
    cdef ptrdiff_t count = 1
    cdef int i
    for i in range(cnp.PyArray_NDIM(a) - 2):
        count *= cnp.PyArray_DIM(a, i)
    return count


def cholesky(a):
    cdef int typenum = floating(a, "a"), status
    cdef cnp.ndarray x = square(a, "a", typenum)
    cdef ptrdiff_t n = cnp.PyArray_DIM(x, cnp.PyArray_NDIM(x) - 1), batch = batch_size(x)
    cdef ptrdiff_t failed[2]
    cdef cnp.ndarray l = new_array(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), NULL, typenum)
    cdef void *lp = cnp.PyArray_DATA(l)
    cdef void *xp = cnp.PyArray_DATA(x)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_cholesky_f64(lp, failed, xp, batch, n)
        else:
            status = fs_cholesky_f32(lp, failed, xp, batch, n)
    if status == FS_EDOMAIN:
        from numpy.linalg import LinAlgError
        which = f" of matrix {failed[0]}" if cnp.PyArray_NDIM(x) > 2 else ""
        raise LinAlgError(f"cholesky: the leading minor of order {failed[1]}{which} is not positive definite")
    raise_for(status, "cholesky")
    return l


def cholesky_(a):
    cdef int typenum = floating(a, "a"), status
    cdef cnp.ndarray x = a
    if cnp.PyArray_NDIM(x) != 2 or cnp.PyArray_DIM(x, 0) != cnp.PyArray_DIM(x, 1) or not PyArray_ISCARRAY(x):
        raise ValueError(f"cholesky_: a must be a writable (n, n) array in C order, got shape {a.shape}, "
                         f"strides {a.strides}, writable {bool(a.flags.writeable)}")
    cdef ptrdiff_t n = cnp.PyArray_DIM(x, 0), failed = 0
    cdef void *xp = cnp.PyArray_DATA(x)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_cholesky_inplace_f64(xp, &failed, n)
        else:
            status = fs_cholesky_inplace_f32(xp, &failed, n)
    if status == FS_EDOMAIN:
        from numpy.linalg import LinAlgError
        raise LinAlgError(f"cholesky_: {failed}-th leading minor of the array is not positive definite")
    raise_for(status, "cholesky_")


def cholesky_solve(factor, b):
    cdef int typenum = floating(factor, "factor"), status
    cdef cnp.ndarray f = square(factor, "factor", typenum), rhs = contiguous(b, "b", typenum)
    if b.ndim != factor.ndim or b.shape[:-1] != factor.shape[:-1]:
        raise ValueError(f"cholesky_solve: b {b.shape} does not fit factor {factor.shape}")
    cdef int last = cnp.PyArray_NDIM(f) - 1
    cdef ptrdiff_t n = cnp.PyArray_DIM(f, last), r = cnp.PyArray_DIM(rhs, last), batch = batch_size(f)
    cdef cnp.ndarray x = like(rhs)
    cdef void *xp = cnp.PyArray_DATA(x)
    cdef void *lp = cnp.PyArray_DATA(f)
    cdef void *bp = cnp.PyArray_DATA(rhs)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_cholesky_solve_f64(xp, lp, bp, batch, n, r)
        else:
            status = fs_cholesky_solve_f32(xp, lp, bp, batch, n, r)
    raise_for(status, "cholesky_solve")
    return x


def cholesky_logdet(factor):
    cdef int typenum = floating(factor, "factor"), status
    cdef cnp.ndarray f = square(factor, "factor", typenum)
    cdef ptrdiff_t n = cnp.PyArray_DIM(f, cnp.PyArray_NDIM(f) - 1), batch = batch_size(f)
    cdef cnp.ndarray y = new_array(cnp.PyArray_NDIM(f) - 2, cnp.PyArray_DIMS(f), NULL, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *lp = cnp.PyArray_DATA(f)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_cholesky_logdet_f64(yp, lp, batch, n)
        else:
            status = fs_cholesky_logdet_f32(yp, lp, batch, n)
    raise_for(status, "cholesky_logdet")
    return y


def cholesky_backward(dl, factor):
    cdef int typenum = floating(factor, "factor"), status
    cdef cnp.ndarray f = square(factor, "factor", typenum), g = contiguous(dl, "dl", typenum)
    same_shape(g, "dl", f)
    cdef ptrdiff_t n = cnp.PyArray_DIM(f, cnp.PyArray_NDIM(f) - 1), batch = batch_size(f)
    cdef cnp.ndarray da = like(f)
    cdef void *ap = cnp.PyArray_DATA(da)
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef void *lp = cnp.PyArray_DATA(f)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_cholesky_backward_f64(ap, gp, lp, batch, n)
        else:
            status = fs_cholesky_backward_f32(ap, gp, lp, batch, n)
    raise_for(status, "cholesky_backward")
    return da
