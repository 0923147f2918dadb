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
    int fs_sum_all_f32(float *y, const float *x, ptrdiff_t n)
    int fs_sum_all_f64(double *y, const double *x, ptrdiff_t n)

ctypedef int (*binary_f32)(float *, const float *, ptrdiff_t, const float *, ptrdiff_t, ptrdiff_t) noexcept nogil
ctypedef int (*binary_f64)(double *, const double *, ptrdiff_t, const double *, ptrdiff_t, ptrdiff_t) noexcept nogil


cdef cnp.ndarray with_number(cnp.ndarray x, double number, bint number_first, binary_f32 f32, binary_f64 f64):
    """The operation of every element of x, which comes from flat(), with one number."""
    cdef cnp.ndarray y = like(x)
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
    return y


cdef cnp.ndarray binary(object a, object b, binary_f32 f32, binary_f64 f64):
    if not isinstance(a, cnp.ndarray):
        return with_number(flat(b, "b", floating(b, "b")), a, True, f32, f64)
    cdef int typenum = floating(a, "a")
    cdef cnp.ndarray x = flat(a, "a", typenum)
    if not isinstance(b, cnp.ndarray):
        return with_number(x, b, False, f32, f64)
    cdef cnp.ndarray z = flat_as(b, "b", x)
    cdef cnp.ndarray y = like(x)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(x)
    cdef void *zp = cnp.PyArray_DATA(z)
    cdef ptrdiff_t n = cnp.PyArray_SIZE(x)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            f64(<double *>yp, <double *>xp, 1, <double *>zp, 1, n)
        else:
            f32(<float *>yp, <float *>xp, 1, <float *>zp, 1, n)
    return y


def add(a, b):
    return binary(a, b, fs_add_f32, fs_add_f64)


def sub(a, b):
    return binary(a, b, fs_sub_f32, fs_sub_f64)


def mul(a, b):
    return binary(a, b, fs_mul_f32, fs_mul_f64)


def div(a, b):
    return binary(a, b, fs_div_f32, fs_div_f64)


def sum_all(x):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = flat(x, "x", typenum)
    cdef cnp.ndarray y = new_array(0, NULL, NULL, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(a)
    cdef ptrdiff_t n = cnp.PyArray_SIZE(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_sum_all_f64(<double *>yp, <double *>xp, n)
        else:
            status = fs_sum_all_f32(<float *>yp, <float *>xp, n)
    raise_for(status, "sum_all")
    return y
