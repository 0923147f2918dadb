# Loss and gradient of a linear classifier with softmax.

cdef extern from "fastscratch.h" nogil:
    int fs_logistic_gradient_f32(double *loss, float *dw, float *db, const float *x, const float *w, const float *b,
                                 const int64_t *label, const float *weight, ptrdiff_t n, ptrdiff_t d, ptrdiff_t k)
    int fs_logistic_gradient_f64(double *loss, double *dw, double *db, const double *x, const double *w, const double *b,
                                 const int64_t *label, const double *weight, ptrdiff_t n, ptrdiff_t d, ptrdiff_t k)


def logistic_gradient(x, w, b, label, weight):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum), c = contiguous(w, "w", typenum), e = contiguous(b, "b", typenum)
    cdef cnp.ndarray labels = contiguous_int64(label, "label")
    cdef cnp.ndarray s = None if weight is None else contiguous(weight, "weight", typenum)
    if x.ndim != 2 or w.ndim != 2 or w.shape[1] != x.shape[1] or b.shape != w.shape[:1] or label.shape != x.shape[:1] or (
        weight is not None and weight.shape != x.shape[:1]
    ):
        shapes = [None if p is None else p.shape for p in (x, w, b, label, weight)]
        raise ValueError("logistic_gradient: expected x (n, d), w (k, d), b (k,), label (n,) and weight (n,), got "
                         "{}, {}, {}, {} and {}".format(*shapes))
    cdef ptrdiff_t n = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1), k = cnp.PyArray_DIM(c, 0)
    cdef cnp.ndarray dw = new_2d(k, d, typenum), db = new_1d(k, typenum)
    cdef void *dwp = cnp.PyArray_DATA(dw)
    cdef void *dbp = cnp.PyArray_DATA(db)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef void *wp = cnp.PyArray_DATA(c)
    cdef void *bp = cnp.PyArray_DATA(e)
    cdef void *sp = data_or_null(s)
    cdef int64_t *lp = <int64_t *>cnp.PyArray_DATA(labels)
    cdef double loss
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_logistic_gradient_f64(&loss, <double *>dwp, <double *>dbp, <double *>xp, <double *>wp, <double *>bp,
                                              lp, <double *>sp, n, d, k)
        else:
            status = fs_logistic_gradient_f32(&loss, <float *>dwp, <float *>dbp, <float *>xp, <float *>wp, <float *>bp, lp,
                                              <float *>sp, n, d, k)
    raise_for_label(status, labels, k, -1 - k, "logistic_gradient")
    return loss, dw, db
