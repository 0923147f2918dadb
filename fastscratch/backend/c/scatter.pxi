# Second moments of weighted points.

cdef extern from "fastscratch.h" nogil:
    int fs_scatter_f32(void *matrix, void *total, const void *x, const void *weight, const void *shift, ptrdiff_t n,
                       ptrdiff_t d)
    int fs_scatter_f64(void *matrix, void *total, const void *x, const void *weight, const void *shift, ptrdiff_t n,
                       ptrdiff_t d)


def scatter(x, weight, shift):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum)
    cdef cnp.ndarray w = None if weight is None else contiguous(weight, "weight", typenum)
    cdef cnp.ndarray s = None if shift is None else contiguous(shift, "shift", typenum)
    if x.ndim != 2 or (weight is not None and weight.shape != x.shape[:1]) or (
        shift is not None and shift.shape != x.shape[1:]
    ):
        shapes = [None if p is None else p.shape for p in (weight, shift)]
        raise ValueError(f"scatter: expected x (n, d), weight (n,) and shift (d,), got {x.shape}, {shapes[0]} and {shapes[1]}")
    cdef ptrdiff_t n = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1)
    cdef cnp.ndarray matrix = new_2d(d, d, typenum), total = new_1d(d, typenum)
    cdef void *mp = cnp.PyArray_DATA(matrix)
    cdef void *tp = cnp.PyArray_DATA(total)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef void *wp = data_or_null(w)
    cdef void *sp = data_or_null(s)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_scatter_f64(mp, tp, ap, wp, sp, n, d)
        else:
            status = fs_scatter_f32(mp, tp, ap, wp, sp, n, d)
    raise_for(status, "scatter")
    return matrix, total
