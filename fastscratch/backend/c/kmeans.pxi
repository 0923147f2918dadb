# Lloyd's step.

from libc.stdint cimport int32_t

cdef extern from "fastscratch.h" nogil:
    int fs_kmeans_assign_f32(int32_t *label, void *sum, void *mass, const void *x, const void *weight, const void *centre,
                             ptrdiff_t n, ptrdiff_t d, ptrdiff_t k)
    int fs_kmeans_assign_f64(int32_t *label, void *sum, void *mass, const void *x, const void *weight, const void *centre,
                             ptrdiff_t n, ptrdiff_t d, ptrdiff_t k)


def kmeans_assign(x, weight, centres, sums):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum), c = contiguous(centres, "centres", typenum)
    cdef cnp.ndarray w = None if weight is None else contiguous(weight, "weight", typenum)
    if x.ndim != 2 or centres.ndim != 2 or not len(centres) or x.shape[1] != centres.shape[1] or (
        weight is not None and weight.shape != x.shape[:1]
    ):
        raise ValueError(
            f"kmeans_assign: expected x (n, d), weight (n,) and centres (k, d) with k > 0, got {x.shape}, "
            f"{None if weight is None else weight.shape} and {centres.shape}"
        )
    cdef ptrdiff_t n = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1), k = cnp.PyArray_DIM(c, 0)
    cdef cnp.ndarray label = new_1d(n, cnp.NPY_INT32), total = None, mass = None
    if sums:
        total = new_2d(k, d, typenum)
        mass = new_1d(k, typenum)
    cdef int32_t *lp = <int32_t *>cnp.PyArray_DATA(label)
    cdef void *tp = data_or_null(total)
    cdef void *mp = data_or_null(mass)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef void *wp = data_or_null(w)
    cdef void *cp = cnp.PyArray_DATA(c)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_kmeans_assign_f64(lp, tp, mp, ap, wp, cp, n, d, k)
        else:
            status = fs_kmeans_assign_f32(lp, tp, mp, ap, wp, cp, n, d, k)
    raise_for(status, "kmeans_assign")
    return label, total, mass
