# Matrix products, their gradients, and the linear layer.

cdef extern from "fastscratch.h" nogil:
    int fs_gemm_f32(void *c, ptrdiff_t ldc, const void *a, ptrdiff_t a_row, ptrdiff_t a_col, const void *b,
                    ptrdiff_t b_row, ptrdiff_t b_col, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int accumulate,
                    const void *bias)
    int fs_gemm_f64(void *c, ptrdiff_t ldc, const void *a, ptrdiff_t a_row, ptrdiff_t a_col, const void *b,
                    ptrdiff_t b_row, ptrdiff_t b_col, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int accumulate,
                    const void *bias)
    int fs_gemm_batched_f32(void *c, const void *a, const ptrdiff_t *a_offset, ptrdiff_t a_row, ptrdiff_t a_col,
                            const void *b, const ptrdiff_t *b_offset, ptrdiff_t b_row, ptrdiff_t b_col,
                            ptrdiff_t batch, ptrdiff_t terms, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k)
    int fs_gemm_batched_f64(void *c, const void *a, const ptrdiff_t *a_offset, ptrdiff_t a_row, ptrdiff_t a_col,
                            const void *b, const ptrdiff_t *b_offset, ptrdiff_t b_row, ptrdiff_t b_col,
                            ptrdiff_t batch, ptrdiff_t terms, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k)

    int fs_linear_forward_f32(void *y, const void *x, const void *w, ptrdiff_t w_row, ptrdiff_t w_col, const void *b,
                              ptrdiff_t rows, ptrdiff_t n, ptrdiff_t k, int activation)
    int fs_linear_forward_f64(void *y, const void *x, const void *w, ptrdiff_t w_row, ptrdiff_t w_col, const void *b,
                              ptrdiff_t rows, ptrdiff_t n, ptrdiff_t k, int activation)
    int fs_linear_backward_f32(void *dx, void *dw, void *db, const void *dy, const void *y, const void *x,
                               const void *w, ptrdiff_t w_row, ptrdiff_t w_col, ptrdiff_t rows, ptrdiff_t n,
                               ptrdiff_t k, int activation)
    int fs_linear_backward_f64(void *dx, void *dw, void *db, const void *dy, const void *y, const void *x,
                               const void *w, ptrdiff_t w_row, ptrdiff_t w_col, ptrdiff_t rows, ptrdiff_t n,
                               ptrdiff_t k, int activation)
    enum:
        FS_IDENTITY, FS_RELU, FS_TANH, FS_SIGMOID


cdef cnp.ndarray matrix(object x, str name, int typenum):
    """x, or a copy of it, as gemm reads it: native, aligned, strides in whole elements; at least two axes."""
    same_type(x, name, typenum)
    cdef cnp.ndarray a = <cnp.ndarray>x
    cdef int i, nd = cnp.PyArray_NDIM(a), item = cnp.PyArray_ITEMSIZE(a)
    if nd < 2:
        raise ValueError(f"{name} must have at least 2 axes, got shape {x.shape}")
    if not PyArray_ISBEHAVED_RO(a):
        return contiguous(x, name, typenum)
    for i in range(nd):
        if cnp.PyArray_STRIDE(a, i) % item != 0:
            return contiguous(x, name, typenum)
    return a


cdef ptrdiff_t step(cnp.ndarray a, int axis) noexcept:
    """The stride in elements."""
    return cnp.PyArray_STRIDE(a, axis) // cnp.PyArray_ITEMSIZE(a)


cdef int gemm(void *c, ptrdiff_t ldc, const void *a, ptrdiff_t a_row, ptrdiff_t a_col, const void *b, ptrdiff_t b_row,
              ptrdiff_t b_col, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const void *bias, bint f64, str kernel) except -1:
    cdef int status
    with nogil:
        if f64:
            status = fs_gemm_f64(c, ldc, a, a_row, a_col, b, b_row, b_col, m, n, k, 0, bias)
        else:
            status = fs_gemm_f32(c, ldc, a, a_row, a_col, b, b_row, b_col, m, n, k, 0, bias)
    return raise_for(status, kernel)


cdef cnp.ndarray product(cnp.ndarray a, bint a_t, cnp.ndarray b, bint b_t, str kernel):
    """The product of two matrices, either transposed first."""
    cdef int typenum = cnp.PyArray_TYPE(a)
    cdef ptrdiff_t m = cnp.PyArray_DIM(a, a_t), k = cnp.PyArray_DIM(a, not a_t), n = cnp.PyArray_DIM(b, not b_t)
    cdef cnp.ndarray y = new_2d(m, n, typenum)
    gemm(cnp.PyArray_DATA(y), n, cnp.PyArray_DATA(a), step(a, a_t), step(a, not a_t), cnp.PyArray_DATA(b),
         step(b, b_t), step(b, not b_t), m, n, k, NULL, typenum == cnp.NPY_FLOAT64, kernel)
    return y


def _offsets(x, batch, order):
    """Where in memory, in elements, the matrix of each index of the broadcast batch starts; its axes in the given order."""
    import numpy as np
    offsets = np.zeros((), np.intp)
    for size, stride in zip(x.shape[:-2], x.strides[:-2]):
        offsets = np.add.outer(offsets, np.arange(size, dtype=np.intp) * (stride // x.itemsize))
    return np.ascontiguousarray(np.broadcast_to(offsets, batch).transpose(order)).ravel()


cdef batched_product(cnp.ndarray a, bint a_t, cnp.ndarray b, bint b_t, batch, kept, str kernel):
    """Products over the broadcast batch, summed over the batch axes that are not in kept."""
    cdef int typenum = cnp.PyArray_TYPE(a), na = cnp.PyArray_NDIM(a), nb = cnp.PyArray_NDIM(b), status
    cdef ptrdiff_t m = cnp.PyArray_DIM(a, na - 2 + a_t), k = cnp.PyArray_DIM(a, na - 1 - a_t)
    cdef ptrdiff_t n = cnp.PyArray_DIM(b, nb - 1 - b_t)
    summed = [axis for axis in range(len(batch)) if axis not in kept]
    cdef ptrdiff_t count = 1, terms = 1
    for axis in kept:
        count *= batch[axis]
    for axis in summed:
        terms *= batch[axis]
    cdef cnp.ndarray a_offset = _offsets(a, batch, list(kept) + summed)
    cdef cnp.ndarray b_offset = _offsets(b, batch, list(kept) + summed)
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef int nd = 0
    for size in [batch[axis] for axis in kept] + [m, n]:
        shape[nd] = size
        nd += 1
    cdef cnp.ndarray y = new_array(nd, shape, NULL, typenum)  # which refuses a product of sizes beyond a number's range
    if terms == 0:
        memset(cnp.PyArray_DATA(y), 0, cnp.PyArray_NBYTES(y))
        return y
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef void *bp = cnp.PyArray_DATA(b)
    cdef const ptrdiff_t *ao = <const ptrdiff_t *>cnp.PyArray_DATA(a_offset)
    cdef const ptrdiff_t *bo = <const ptrdiff_t *>cnp.PyArray_DATA(b_offset)
    cdef ptrdiff_t a_row = step(a, na - 2 + a_t), a_col = step(a, na - 1 - a_t)
    cdef ptrdiff_t b_row = step(b, nb - 2 + b_t), b_col = step(b, nb - 1 - b_t)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_gemm_batched_f64(yp, ap, ao, a_row, a_col, bp, bo, b_row, b_col, count, terms, m, n, k)
        else:
            status = fs_gemm_batched_f32(yp, ap, ao, a_row, a_col, bp, bo, b_row, b_col, count, terms, m, n, k)
    raise_for(status, kernel)
    return y


def _broadcast(a, b, kernel):
    """The batch shape of two operands."""
    import numpy as np
    try:
        return np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(f"{kernel}: batch axes of {a.shape} and {b.shape} do not broadcast") from None


def _gradient_axes(x, batch):
    """The batch axes along which x was not broadcast."""
    lead = len(batch) - (x.ndim - 2)
    return [axis for axis in range(lead, len(batch)) if x.shape[axis - lead] != 1 or batch[axis] == 1]


def matmul(a, b):
    cdef int typenum = floating(a, "a")
    cdef cnp.ndarray x = matrix(a, "a", typenum)
    cdef cnp.ndarray y = matrix(b, "b", typenum)
    cdef int nx = cnp.PyArray_NDIM(x), ny = cnp.PyArray_NDIM(y)
    if cnp.PyArray_DIM(x, nx - 1) != cnp.PyArray_DIM(y, ny - 2):
        raise ValueError(f"matmul: the inner sizes of {a.shape} and {b.shape} differ")
    if nx == 2 and ny == 2:
        return product(x, False, y, False, "matmul")
    batch = _broadcast(x, y, "matmul")
    return batched_product(x, False, y, False, batch, range(len(batch)), "matmul")


def matmul_backward(dy, a, b, need_a, need_b):
    cdef int typenum = floating(a, "a")
    cdef cnp.ndarray g = matrix(dy, "dy", typenum)
    cdef cnp.ndarray x = matrix(a, "a", typenum)
    cdef cnp.ndarray y = matrix(b, "b", typenum)
    cdef int nx = cnp.PyArray_NDIM(x), ny = cnp.PyArray_NDIM(y)
    batch = _broadcast(x, y, "matmul_backward")
    expected = (*batch, x.shape[nx - 2], y.shape[ny - 1])
    if cnp.PyArray_DIM(x, nx - 1) != cnp.PyArray_DIM(y, ny - 2) or dy.shape != expected:
        raise ValueError(f"matmul_backward: dy {dy.shape} does not fit a {a.shape} and b {b.shape}")
    if nx == 2 and ny == 2:
        return (product(g, False, y, True, "matmul_backward") if need_a else None,
                product(x, True, g, False, "matmul_backward") if need_b else None)
    da = db = None
    if need_a:
        da = batched_product(g, False, y, True, batch, _gradient_axes(x, batch), "matmul_backward").reshape(a.shape)
    if need_b:
        db = batched_product(x, True, g, False, batch, _gradient_axes(y, batch), "matmul_backward").reshape(b.shape)
    return da, db


cdef cnp.ndarray rows(object x, str name, int typenum):
    """x with all axes but the last made one: a matrix in C order."""
    cdef cnp.ndarray a = contiguous(x, name, typenum)
    if cnp.PyArray_NDIM(a) == 2:
        return a
    if cnp.PyArray_NDIM(a) == 0:
        raise ValueError(f"{name} must have at least 1 axis")
    cdef Py_ssize_t count = 1
    cdef int i
    for i in range(cnp.PyArray_NDIM(a) - 1):
        count *= cnp.PyArray_DIM(a, i)
    return a.reshape(count, cnp.PyArray_DIM(a, cnp.PyArray_NDIM(a) - 1))


cdef int activation_code(object name) except -1:
    if name is None:
        return FS_IDENTITY
    if name == "relu":
        return FS_RELU
    if name == "tanh":
        return FS_TANH
    if name == "sigmoid":
        return FS_SIGMOID
    raise ValueError(f'linear: the activation must be None, "relu", "tanh" or "sigmoid", got {name!r}')


def linear_forward(x, w, b=None, activation=None):
    cdef int typenum = floating(x, "x"), f = activation_code(activation), status
    cdef cnp.ndarray a = rows(x, "x", typenum)
    cdef cnp.ndarray weight = matrix(w, "w", typenum)
    cdef cnp.ndarray bias = None
    cdef ptrdiff_t m = cnp.PyArray_DIM(a, 0), k = cnp.PyArray_DIM(a, 1), n = cnp.PyArray_DIM(weight, 0)
    if cnp.PyArray_NDIM(weight) != 2 or cnp.PyArray_DIM(weight, 1) != k:
        raise ValueError(f"linear: x {x.shape} has {k} features, w {w.shape} wants shape (out_features, {k})")
    if b is not None:
        bias = contiguous(b, "b", typenum)
        if cnp.PyArray_NDIM(bias) != 1 or cnp.PyArray_DIM(bias, 0) != n:
            raise ValueError(f"linear: b must have shape ({n},), got {b.shape}")
    cdef cnp.ndarray y = new_2d(m, n, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef void *wp = cnp.PyArray_DATA(weight)
    cdef void *bp = data_or_null(bias)
    cdef ptrdiff_t w_row = step(weight, 0), w_col = step(weight, 1)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_linear_forward_f64(yp, xp, wp, w_row, w_col, bp, m, n, k, f)
        else:
            status = fs_linear_forward_f32(yp, xp, wp, w_row, w_col, bp, m, n, k, f)
    raise_for(status, "linear_forward")
    return y if cnp.PyArray_NDIM(<cnp.ndarray>x) == 2 else y.reshape((*x.shape[:-1], n))


def linear_backward(dy, x, w, need_x, need_w, need_b, y=None, activation=None):
    cdef int typenum = floating(x, "x"), f = activation_code(activation), status
    cdef cnp.ndarray g = rows(dy, "dy", typenum)
    cdef cnp.ndarray a = rows(x, "x", typenum)
    cdef cnp.ndarray weight = matrix(w, "w", typenum)
    cdef cnp.ndarray out = g if f == FS_IDENTITY else rows(y, "y", typenum)
    cdef ptrdiff_t m = cnp.PyArray_DIM(a, 0), k = cnp.PyArray_DIM(a, 1), n = cnp.PyArray_DIM(g, 1)
    if (cnp.PyArray_NDIM(weight) != 2 or cnp.PyArray_DIM(g, 0) != m or cnp.PyArray_DIM(weight, 0) != n
            or cnp.PyArray_DIM(weight, 1) != k):
        raise ValueError(f"linear_backward: dy {dy.shape} does not fit x {x.shape} and w {w.shape}")
    if cnp.PyArray_DIM(out, 0) != m or cnp.PyArray_DIM(out, 1) != n:
        raise ValueError(f"linear_backward: y {y.shape} does not fit dy {dy.shape}")
    cdef cnp.ndarray dx = new_2d(m, k, typenum) if need_x else None
    cdef cnp.ndarray dw = new_2d(n, k, typenum) if need_w else None
    cdef cnp.ndarray db = new_1d(n, typenum) if need_b else None
    cdef void *dxp = data_or_null(dx)
    cdef void *dwp = data_or_null(dw)
    cdef void *dbp = data_or_null(db)
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef void *yp = cnp.PyArray_DATA(out)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef void *wp = cnp.PyArray_DATA(weight)
    cdef ptrdiff_t w_row = step(weight, 0), w_col = step(weight, 1)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_linear_backward_f64(dxp, dwp, dbp, gp, yp, xp, wp, w_row, w_col, m, n, k, f)
        else:
            status = fs_linear_backward_f32(dxp, dwp, dbp, gp, yp, xp, wp, w_row, w_col, m, n, k, f)
    raise_for(status, "linear_backward")
    return dx if dx is None or cnp.PyArray_NDIM(<cnp.ndarray>x) == 2 else dx.reshape(x.shape), dw, db
