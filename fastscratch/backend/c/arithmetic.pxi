# Sums, differences, products and quotients of two arrays of one shape, or of an array and one number; the sum of an array.

cdef extern from "fastscratch.h" nogil:
    int fs_add_f32(float *y, const float *a, ptrdiff_t a_step, const float *b, ptrdiff_t b_step, ptrdiff_t n)
    int fs_add_f64(double *y, const double *a, ptrdiff_t a_step, const double *b, ptrdiff_t b_step, ptrdiff_t n)
    int fs_sub_f32(float *y, const float *a, ptrdiff_t a_step, const float *b, ptrdiff_t b_step, ptrdiff_t n)
    int fs_sub_f64(double *y, const double *a, ptrdiff_t a_step, const double *b, ptrdiff_t b_step, ptrdiff_t n)
    int fs_mul_f32(float *y, const float *a, ptrdiff_t a_step, const float *b, ptrdiff_t b_step, ptrdiff_t n)
    int fs_mul_f64(double *y, const double *a, ptrdiff_t a_step, const double *b, ptrdiff_t b_step, ptrdiff_t n)
    int fs_div_f32(float *y, const float *a, ptrdiff_t a_step, const float *b, ptrdiff_t b_step, ptrdiff_t n)
    int fs_div_f64(double *y, const double *a, ptrdiff_t a_step, const double *b, ptrdiff_t b_step, ptrdiff_t n)
    int fs_equal_f32(unsigned char *y, const float *a, const float *b, ptrdiff_t n)
    int fs_equal_f64(unsigned char *y, const double *a, const double *b, ptrdiff_t n)
    int fs_not_equal_f32(unsigned char *y, const float *a, const float *b, ptrdiff_t n)
    int fs_not_equal_f64(unsigned char *y, const double *a, const double *b, ptrdiff_t n)
    int fs_less_f32(unsigned char *y, const float *a, const float *b, ptrdiff_t n)
    int fs_less_f64(unsigned char *y, const double *a, const double *b, ptrdiff_t n)
    int fs_less_equal_f32(unsigned char *y, const float *a, const float *b, ptrdiff_t n)
    int fs_less_equal_f64(unsigned char *y, const double *a, const double *b, ptrdiff_t n)
    int fs_greater_f32(unsigned char *y, const float *a, const float *b, ptrdiff_t n)
    int fs_greater_f64(unsigned char *y, const double *a, const double *b, ptrdiff_t n)
    int fs_greater_equal_f32(unsigned char *y, const float *a, const float *b, ptrdiff_t n)
    int fs_greater_equal_f64(unsigned char *y, const double *a, const double *b, ptrdiff_t n)
    int fs_sum_all_f32(float *y, const float *x, ptrdiff_t n)
    int fs_sum_all_f64(double *y, const double *x, ptrdiff_t n)
    int fs_mean_all_f32(float *y, const float *x, ptrdiff_t n)
    int fs_mean_all_f64(double *y, const double *x, ptrdiff_t n)

ctypedef int (*binary_f32)(float *, const float *, ptrdiff_t, const float *, ptrdiff_t, ptrdiff_t) noexcept nogil
ctypedef int (*binary_f64)(double *, const double *, ptrdiff_t, const double *, ptrdiff_t, ptrdiff_t) noexcept nogil
ctypedef int (*comparison_f32)(unsigned char *, const float *, const float *, ptrdiff_t) noexcept nogil
ctypedef int (*comparison_f64)(unsigned char *, const double *, const double *, ptrdiff_t) noexcept nogil
ctypedef int (*total_f32)(float *, const float *, ptrdiff_t) noexcept nogil
ctypedef int (*total_f64)(double *, const double *, ptrdiff_t) noexcept nogil


cdef cnp.ndarray room(cnp.ndarray x, object out):
    """Where the result for x, which comes from flat(), is to be computed: in out, if it is given and laid out as x is."""
    if out is None:
        return like(x)
    same_type(out, "out", cnp.PyArray_TYPE(x))
    same_shape(<cnp.ndarray>out, "out", x)
    if not cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out):
        raise ValueError("out is read-only")
    if PyArray_ISBEHAVED_RO(<cnp.ndarray>out) and same_strides(<cnp.ndarray>out, x):
        return <cnp.ndarray>out
    return like(x)


cdef object delivered(cnp.ndarray y, object out):
    """The result, in out if it was given."""
    if out is None or out is y:
        return y
    PyArray_CopyInto(<cnp.ndarray>out, y)
    return out


cdef cnp.ndarray apart(cnp.ndarray x, cnp.ndarray y):
    """x, or a copy of it if y, of as many elements and without gaps as well, lies partly on it: then writing to y would
    change what is still to be read. Wholly on it is no harm."""
    cdef char *xp = <char *>cnp.PyArray_DATA(x)
    cdef char *yp = <char *>cnp.PyArray_DATA(y)
    cdef ptrdiff_t size = cnp.PyArray_NBYTES(x)
    if xp == yp or xp >= yp + size or yp >= xp + size:
        return x
    cdef cnp.ndarray copy = like(x)
    PyArray_CopyInto(copy, x)
    return copy


cdef object with_number(cnp.ndarray x, double number, bint number_first, object out, binary_f32 f32, binary_f64 f64):
    """The operation of every element of x, which comes from flat(), with one number."""
    cdef cnp.ndarray y = room(x, out)
    x = apart(x, y)
    cdef float single = <float>number
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(x)
    cdef ptrdiff_t n = cnp.PyArray_SIZE(x)
    cdef bint f64_ = cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT64
    with nogil:
        if f64_ and number_first:
            f64(<double *>yp, &number, 0, <double *>xp, 1, n)
        elif f64_:
            f64(<double *>yp, <double *>xp, 1, &number, 0, n)
        elif number_first:
            f32(<float *>yp, &single, 0, <float *>xp, 1, n)
        else:
            f32(<float *>yp, <float *>xp, 1, &single, 0, n)
    return delivered(y, out)


cdef object binary(object a, object b, object out, binary_f32 f32, binary_f64 f64):
    if not isinstance(a, cnp.ndarray):
        return with_number(flat(b, "b", floating(b, "b")), a, True, out, f32, f64)
    cdef int typenum = floating(a, "a")
    cdef cnp.ndarray x = flat(a, "a", typenum)
    if not isinstance(b, cnp.ndarray):
        return with_number(x, b, False, out, f32, f64)
    cdef cnp.ndarray z = flat_as(b, "b", x)
    cdef cnp.ndarray y = room(x, out)
    x, z = apart(x, y), apart(z, y)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(x)
    cdef void *zp = cnp.PyArray_DATA(z)
    cdef ptrdiff_t n = cnp.PyArray_SIZE(x)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            f64(<double *>yp, <double *>xp, 1, <double *>zp, 1, n)
        else:
            f32(<float *>yp, <float *>xp, 1, <float *>zp, 1, n)
    return delivered(y, out)


def add(a, b, out=None):
    return binary(a, b, out, fs_add_f32, fs_add_f64)


def sub(a, b, out=None):
    return binary(a, b, out, fs_sub_f32, fs_sub_f64)


def mul(a, b, out=None):
    return binary(a, b, out, fs_mul_f32, fs_mul_f64)


def div(a, b, out=None):
    return binary(a, b, out, fs_div_f32, fs_div_f64)


cdef cnp.ndarray answers_for(cnp.ndarray x):
    """Room for a boolean for each element of x, which comes from flat(), in its memory order."""
    cdef int i, nd = cnp.PyArray_NDIM(x)
    cdef cnp.npy_intp strides[MAX_DIMS]
    if PyArray_ISCARRAY_RO(x):
        return new_array(nd, cnp.PyArray_DIMS(x), NULL, cnp.NPY_BOOL)
    for i in range(nd):
        strides[i] = cnp.PyArray_STRIDE(x, i) // cnp.PyArray_ITEMSIZE(x)
    return new_array(nd, cnp.PyArray_DIMS(x), strides, cnp.NPY_BOOL)


cdef object comparison(object a, object b, comparison_f32 f32, comparison_f64 f64):
    cdef int typenum = floating(a, "a")
    cdef cnp.ndarray x = flat(a, "a", typenum)
    cdef cnp.ndarray z = flat_as(b, "b", x)
    cdef cnp.ndarray y = answers_for(x)
    cdef unsigned char *yp = <unsigned char *>cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(x)
    cdef void *zp = cnp.PyArray_DATA(z)
    cdef ptrdiff_t n = cnp.PyArray_SIZE(x)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            f64(yp, <double *>xp, <double *>zp, n)
        else:
            f32(yp, <float *>xp, <float *>zp, n)
    return y


def equal(a, b):
    return comparison(a, b, fs_equal_f32, fs_equal_f64)


def not_equal(a, b):
    return comparison(a, b, fs_not_equal_f32, fs_not_equal_f64)


def less(a, b):
    return comparison(a, b, fs_less_f32, fs_less_f64)


def less_equal(a, b):
    return comparison(a, b, fs_less_equal_f32, fs_less_equal_f64)


def greater(a, b):
    return comparison(a, b, fs_greater_f32, fs_greater_f64)


def greater_equal(a, b):
    return comparison(a, b, fs_greater_equal_f32, fs_greater_equal_f64)


cdef cnp.ndarray total_of(x, total_f32 f32, total_f64 f64, str name):
    """The one number that a kernel makes of all elements."""
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = flat(x, "x", typenum)
    cdef cnp.ndarray y = new_array(0, NULL, NULL, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef ptrdiff_t n = cnp.PyArray_SIZE(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = f64(<double *>yp, <double *>xp, n)
        else:
            status = f32(<float *>yp, <float *>xp, n)
    raise_for(status, name)
    return y


def sum_all(x):
    return total_of(x, fs_sum_all_f32, fs_sum_all_f64, "sum_all")


def mean_all(x):
    return total_of(x, fs_mean_all_f32, fs_mean_all_f64, "mean_all")
