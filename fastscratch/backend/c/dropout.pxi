# Dropout.

from libc.stdint cimport uint8_t, uint64_t

cdef extern from "fastscratch.h" nogil:
    int fs_dropout_forward_f32(void *y, uint8_t *kept, const void *x, ptrdiff_t n, double p, uint64_t key, uint64_t offset)
    int fs_dropout_forward_f64(void *y, uint8_t *kept, const void *x, ptrdiff_t n, double p, uint64_t key, uint64_t offset)
    int fs_dropout_backward_f32(void *dx, const void *dy, const uint8_t *kept, ptrdiff_t n, double p)
    int fs_dropout_backward_f64(void *dx, const void *dy, const uint8_t *kept, ptrdiff_t n, double p)


cdef cnp.ndarray laid_like(cnp.ndarray x, int typenum, cnp.npy_intp item):
    """An uninitialised array of x's shape and order of axes, of another type with items of `item` bytes; x is dense."""
    cdef cnp.npy_intp strides[MAX_DIMS]
    cdef int i
    for i in range(cnp.PyArray_NDIM(x)):
        strides[i] = cnp.PyArray_STRIDE(x, i) // cnp.PyArray_ITEMSIZE(x) * item
    return new_array(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), strides, typenum)


cdef double checked_probability(object p) except -1:
    cdef double probability = p
    if not 0 <= probability <= 1:
        raise ValueError(f"dropout: p must be between 0 and 1, got {p}")
    return probability


def dropout_forward(x, p, seed, offset):
    cdef int typenum = floating(x, "x"), status
    # The order of the axes in memory decides which element gets which word: a copy must keep it.
    cdef cnp.ndarray a = x if is_dense(<cnp.ndarray>x) else x.astype(x.dtype.newbyteorder("="), order="K")
    cdef double probability = checked_probability(p)
    cdef uint64_t key = seed, upper = offset
    cdef cnp.ndarray y = like(a)
    cdef cnp.ndarray kept = laid_like(a, cnp.NPY_BOOL, 1)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef uint8_t *kp = <uint8_t *>cnp.PyArray_DATA(kept)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef ptrdiff_t n = cnp.PyArray_SIZE(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_dropout_forward_f64(yp, kp, xp, n, probability, key, upper)
        else:
            status = fs_dropout_forward_f32(yp, kp, xp, n, probability, key, upper)
    raise_for(status, "dropout_forward")
    return y, kept


def dropout_backward(dy, kept, p):
    cdef int typenum = floating(dy, "dy"), status
    cdef double probability = checked_probability(p)
    if not isinstance(kept, cnp.ndarray) or cnp.PyArray_TYPE(<cnp.ndarray>kept) != cnp.NPY_BOOL:
        raise TypeError(f"kept must be a bool array, got {getattr(kept, 'dtype', type(kept).__name__)}")
    if dy.shape != kept.shape:
        raise ValueError(f"dropout_backward: dy {dy.shape} and kept {kept.shape} must have one shape")
    cdef cnp.ndarray k = kept if is_dense(<cnp.ndarray>kept) else kept.copy(order="C")
    cdef cnp.ndarray dx = laid_like(k, typenum, cnp.PyArray_ITEMSIZE(<cnp.ndarray>dy))
    cdef cnp.ndarray g = <cnp.ndarray>dy
    if not (is_dense(g) and same_strides(g, dx)):  # laid out as the elements were on the way forward
        g = like(dx)
        PyArray_CopyInto(g, <cnp.ndarray>dy)
    cdef void *dxp = cnp.PyArray_DATA(dx)
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef uint8_t *kp = <uint8_t *>cnp.PyArray_DATA(k)
    cdef ptrdiff_t n = cnp.PyArray_SIZE(k)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_dropout_backward_f64(dxp, gp, kp, n, probability)
        else:
            status = fs_dropout_backward_f32(dxp, gp, kp, n, probability)
    raise_for(status, "dropout_backward")
    return dx
