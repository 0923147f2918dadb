# Dropout.

from libc.stdint cimport uint64_t

cdef extern from "fastscratch.h" nogil:
    int fs_dropout_f32(void *y, const void *x, ptrdiff_t n, double p, uint64_t key, uint64_t offset)
    int fs_dropout_f64(void *y, const void *x, ptrdiff_t n, double p, uint64_t key, uint64_t offset)


def dropout(x, p, seed, offset):
    cdef int typenum = floating(x, "x"), status
    # The order of the axes in memory decides which element gets which word: a copy must keep it.
    cdef cnp.ndarray a = x if is_dense(<cnp.ndarray>x) else x.copy(order="K")
    cdef double probability = p
    cdef uint64_t key = seed, upper = offset
    if not 0 <= probability <= 1:
        raise ValueError(f"dropout: p must be between 0 and 1, got {p}")
    cdef cnp.ndarray y = like(a)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef ptrdiff_t n = cnp.PyArray_SIZE(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_dropout_f64(yp, xp, n, probability, key, upper)
        else:
            status = fs_dropout_f32(yp, xp, n, probability, key, upper)
    raise_for(status, "dropout")
    return y
