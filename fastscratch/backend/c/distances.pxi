# Distances between points, and points about their mean.

from libc.stdint cimport int64_t

cdef extern from "fastscratch.h" nogil:
    int fs_squared_distances_f32(void *y, const void *x, const void *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d)
    int fs_squared_distances_f64(void *y, const void *x, const void *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d)
    int fs_indexed_distances_f32(void *y, const void *x, const void *z, const int64_t *index, ptrdiff_t m, ptrdiff_t n,
                                 ptrdiff_t k, ptrdiff_t d)
    int fs_indexed_distances_f64(void *y, const void *x, const void *z, const int64_t *index, ptrdiff_t m, ptrdiff_t n,
                                 ptrdiff_t k, ptrdiff_t d)
    int fs_centred_f32(void *moved, void *mean, const void *x, ptrdiff_t m, ptrdiff_t d)
    int fs_centred_f64(void *moved, void *mean, const void *x, ptrdiff_t m, ptrdiff_t d)


def squared_distances(x, z):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum), b = contiguous(z, "z", typenum)
    if x.ndim != 2 or z.ndim != 2 or x.shape[1] != z.shape[1]:
        raise ValueError(f"squared_distances: expected x (m, d) and z (n, d), got {x.shape} and {z.shape}")
    cdef ptrdiff_t m = cnp.PyArray_DIM(a, 0), n = cnp.PyArray_DIM(b, 0), d = cnp.PyArray_DIM(a, 1)
    cdef cnp.ndarray y = new_2d(m, n, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef void *bp = cnp.PyArray_DATA(b)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_squared_distances_f64(yp, ap, bp, m, n, d)
        else:
            status = fs_squared_distances_f32(yp, ap, bp, m, n, d)
    raise_for(status, "squared_distances")
    return y


def indexed_distances(x, z, index):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum), b = contiguous(z, "z", typenum), i = contiguous_int64(index, "index")
    if x.ndim != 2 or z.ndim != 2 or x.shape[1] != z.shape[1] or index.ndim != 2 or len(index) != len(x):
        raise ValueError(
            f"indexed_distances: expected x (m, d), z (n, d) and index (m, k), got {x.shape}, {z.shape} and {index.shape}"
        )
    cdef ptrdiff_t m = cnp.PyArray_DIM(a, 0), n = cnp.PyArray_DIM(b, 0), d = cnp.PyArray_DIM(a, 1)
    cdef ptrdiff_t k = cnp.PyArray_DIM(i, 1)
    cdef cnp.ndarray y = new_2d(m, k, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef void *bp = cnp.PyArray_DATA(b)
    cdef const int64_t *ip = <const int64_t *>cnp.PyArray_DATA(i)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_indexed_distances_f64(yp, ap, bp, ip, m, n, k, d)
        else:
            status = fs_indexed_distances_f32(yp, ap, bp, ip, m, n, k, d)
    raise_for_index(status, "indexed_distances", i, n)
    return y


def centred(x):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum)
    if x.ndim != 2 or not len(x):
        raise ValueError(f"centred: expected x (m, d) with m > 0, got {x.shape}")
    cdef ptrdiff_t m = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1)
    cdef cnp.ndarray moved = new_2d(m, d, typenum), mean = new_1d(d, typenum)
    cdef void *yp = cnp.PyArray_DATA(moved)
    cdef void *mp = cnp.PyArray_DATA(mean)
    cdef void *ap = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_centred_f64(yp, mp, ap, m, d)
        else:
            status = fs_centred_f32(yp, mp, ap, m, d)
    raise_for(status, "centred")
    return moved, mean
