# Gram matrices, and their products with vectors.

cdef extern from "fastscratch.h" nogil:
    enum: FS_GRAM_RBF, FS_GRAM_LINEAR, FS_GRAM_POLYNOMIAL
    struct fs_gram:
        int kernel
        double gamma, coef0, degree
    int fs_gram_f32(void *k, const void *x, const void *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, const fs_gram *rule)
    int fs_gram_f64(void *k, const void *x, const void *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, const fs_gram *rule)
    int fs_gram_lower_f32(void *k, ptrdiff_t ldk, const void *x, double alpha, ptrdiff_t n, ptrdiff_t d,
                          const fs_gram *rule)
    int fs_gram_lower_f64(void *k, ptrdiff_t ldk, const void *x, double alpha, ptrdiff_t n, ptrdiff_t d,
                          const fs_gram *rule)
    int fs_gram_matmul_f32(void *y, const void *x, const void *z, const void *v, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d,
                           ptrdiff_t r, const fs_gram *rule)
    int fs_gram_matmul_f64(void *y, const void *x, const void *z, const void *v, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d,
                           ptrdiff_t r, const fs_gram *rule)


cdef fs_gram gram_rule(str kernel, double gamma, double coef0, double degree) except *:
    """The kernel by its name."""
    cdef fs_gram rule
    if kernel not in ("rbf", "linear", "polynomial"):
        raise ValueError(f'the kernel must be "rbf", "linear" or "polynomial", got {kernel!r}')
    if kernel == "polynomial" and not degree >= 0:
        raise ValueError(f"the degree of a polynomial kernel must not be negative, got {degree}")
    rule.kernel = FS_GRAM_RBF if kernel == "rbf" else FS_GRAM_LINEAR if kernel == "linear" else FS_GRAM_POLYNOMIAL
    rule.gamma, rule.coef0, rule.degree = gamma, coef0, degree
    return rule


cdef int fit_points(str name, object x, object z) except -1:
    if x.ndim != 2 or (z is not None and (z.ndim != 2 or z.shape[1] != x.shape[1])):
        raise ValueError(f"{name}: expected x (m, d) and z (n, d), got {x.shape} and {None if z is None else z.shape}")
    return 0


def gram(x, z, kernel, gamma, coef0, degree):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum)
    cdef cnp.ndarray b = None if z is None else contiguous(z, "z", typenum)
    cdef fs_gram rule = gram_rule(kernel, gamma, coef0, degree)
    fit_points("gram", x, z)
    cdef ptrdiff_t m = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1), n = m if z is None else cnp.PyArray_DIM(b, 0)
    cdef cnp.ndarray k = new_2d(m, n, typenum)
    cdef void *kp = cnp.PyArray_DATA(k)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef void *bp = data_or_null(b)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_gram_f64(kp, ap, bp, m, n, d, &rule)
        else:
            status = fs_gram_f32(kp, ap, bp, m, n, d, &rule)
    raise_for(status, "gram")
    return k


def gram_lower(x, alpha, kernel, gamma, coef0, degree, out):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum)
    cdef fs_gram rule = gram_rule(kernel, gamma, coef0, degree)
    fit_points("gram_lower", x, None)
    same_type(out, "out", typenum)
    cdef ptrdiff_t n = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1)
    if out.shape != (n, n) or not out.flags.carray:
        raise ValueError(f"gram_lower: out must be a writeable array of shape {(n, n)} in C order, got shape {out.shape}")
    cdef double ridge = alpha
    cdef void *kp = cnp.PyArray_DATA(<cnp.ndarray>out)
    cdef void *ap = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_gram_lower_f64(kp, n, ap, ridge, n, d, &rule)
        else:
            status = fs_gram_lower_f32(kp, n, ap, ridge, n, d, &rule)
    raise_for(status, "gram_lower")


def gram_matmul(x, z, v, kernel, gamma, coef0, degree):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum), w = contiguous(v, "v", typenum)
    cdef cnp.ndarray b = None if z is None else contiguous(z, "z", typenum)
    cdef fs_gram rule = gram_rule(kernel, gamma, coef0, degree)
    fit_points("gram_matmul", x, z)
    cdef ptrdiff_t m = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1), n = m if z is None else cnp.PyArray_DIM(b, 0)
    if v.ndim != 2 or cnp.PyArray_DIM(w, 0) != n:
        raise ValueError(f"gram_matmul: expected v ({n}, r), got {v.shape}")
    cdef ptrdiff_t r = cnp.PyArray_DIM(w, 1)
    cdef cnp.ndarray y = new_2d(m, r, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef void *bp = data_or_null(b)
    cdef void *wp = cnp.PyArray_DATA(w)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_gram_matmul_f64(yp, ap, bp, wp, m, n, d, r, &rule)
        else:
            status = fs_gram_matmul_f32(yp, ap, bp, wp, m, n, d, r, &rule)
    raise_for(status, "gram_matmul")
    return y
