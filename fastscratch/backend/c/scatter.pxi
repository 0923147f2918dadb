# Second moments of weighted points.

cdef extern from "fastscratch.h" nogil:
    int fs_scatter_f32(void *matrix, void *total, const void *x, const void *y, const void *weight, const void *shift,
                       ptrdiff_t n, ptrdiff_t d, ptrdiff_t outputs)
    int fs_scatter_f64(void *matrix, void *total, const void *x, const void *y, const void *weight, const void *shift,
                       ptrdiff_t n, ptrdiff_t d, ptrdiff_t outputs)


def scatter(x, y, weight, shift):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum)
    cdef cnp.ndarray b = None if y is None else contiguous(y, "y", typenum)
    cdef cnp.ndarray w = None if weight is None else contiguous(weight, "weight", typenum)
    cdef cnp.ndarray s = None if shift is None else contiguous(shift, "shift", typenum)
    if x.ndim != 2 or (y is not None and (y.ndim != 2 or len(y) != len(x))) or (
        weight is not None and weight.shape != x.shape[:1]) or (
        shift is not None and shift.shape != (x.shape[1] + (0 if y is None else y.shape[1]),)
    ):
        shapes = [None if p is None else p.shape for p in (x, y, weight, shift)]
        raise ValueError("scatter: expected x (n, d), y (n, outputs), weight (n,) and shift (d + outputs,), got "
                         "{}, {}, {} and {}".format(*shapes))
    cdef ptrdiff_t n = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1), o = 0 if y is None else cnp.PyArray_DIM(b, 1)
    cdef cnp.ndarray matrix = new_2d(d + o, d + o, typenum), total = new_1d(d + o, typenum)
    cdef void *mp = cnp.PyArray_DATA(matrix)
    cdef void *tp = cnp.PyArray_DATA(total)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef void *bp = data_or_null(b)
    cdef void *wp = data_or_null(w)
    cdef void *sp = data_or_null(s)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_scatter_f64(mp, tp, ap, bp, wp, sp, n, d, o)
        else:
            status = fs_scatter_f32(mp, tp, ap, bp, wp, sp, n, d, o)
    raise_for(status, "scatter")
    return matrix, total
