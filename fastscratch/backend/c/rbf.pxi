# The Gram matrix of the Gaussian kernel.

cdef extern from "fastscratch.h" nogil:
    int fs_rbf_gram_f32(void *k, const void *x, const void *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, double gamma)
    int fs_rbf_gram_f64(void *k, const void *x, const void *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, double gamma)


def rbf_gram(x, z, gamma):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum)
    cdef cnp.ndarray b = None if z is None else contiguous(z, "z", typenum)
    if x.ndim != 2 or (z is not None and (z.ndim != 2 or z.shape[1] != x.shape[1])):
        raise ValueError(f"rbf_gram: expected x (m, d) and z (n, d), got {x.shape} and {None if z is None else z.shape}")
    cdef ptrdiff_t m = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1), n = m if z is None else cnp.PyArray_DIM(b, 0)
    cdef cnp.ndarray k = new_2d(m, n, typenum)
    cdef void *kp = cnp.PyArray_DATA(k)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef void *bp = data_or_null(b)
    cdef double rate = gamma
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_rbf_gram_f64(kp, ap, bp, m, n, d, rate)
        else:
            status = fs_rbf_gram_f32(kp, ap, bp, m, n, d, rate)
    raise_for(status, "rbf_gram")
    return k
