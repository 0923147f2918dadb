# Copies from one order of axes to another.

cdef extern from "fastscratch.h" nogil:
    int fs_transpose_f32(void *y, const void *x, ptrdiff_t batch, ptrdiff_t rows, ptrdiff_t cols)
    int fs_transpose_f64(void *y, const void *x, ptrdiff_t batch, ptrdiff_t rows, ptrdiff_t cols)


cdef bint one_axis_inmost(cnp.ndarray a, ptrdiff_t *batch, ptrdiff_t *inmost, ptrdiff_t *between) noexcept:
    """Does a lie in C order but for one axis that was moved behind all others, as channels are in channels-last images?

    The axis has `inmost` elements; before it in C order come `batch`, behind it `between`.
    """
    cdef int axis, moved = cnp.PyArray_NDIM(a) - 1, nd = cnp.PyArray_NDIM(a)
    cdef cnp.npy_intp *shape = cnp.PyArray_DIMS(a)
    cdef cnp.npy_intp item = cnp.PyArray_ITEMSIZE(a), expected
    while moved >= 0 and (shape[moved] == 1 or cnp.PyArray_STRIDE(a, moved) != item):
        moved -= 1
    if moved < 0 or not PyArray_ISBEHAVED_RO(a):
        return False
    expected = item * shape[moved]
    batch[0], inmost[0], between[0] = 1, shape[moved], 1
    for axis in range(nd - 1, -1, -1):  # the stride of an axis of size 1 does not matter
        if axis == moved or shape[axis] == 1:
            continue
        if cnp.PyArray_STRIDE(a, axis) != expected:
            return False
        expected *= shape[axis]
        if axis > moved:
            between[0] *= shape[axis]
        else:
            batch[0] *= shape[axis]
    return True


cdef int copy_into(cnp.ndarray to, cnp.ndarray a) except -1:
    """to[...] = a, of the same shape and type. Between C order and one axis inmost by our own kernel, else by NumPy."""
    cdef int typenum = cnp.PyArray_TYPE(a), status
    cdef ptrdiff_t batch, rows, cols
    cdef bint known = typenum == cnp.NPY_FLOAT32 or typenum == cnp.NPY_FLOAT64
    if known and PyArray_ISCARRAY_RO(to):
        known = one_axis_inmost(a, &batch, &cols, &rows)
    elif known and PyArray_ISCARRAY_RO(a):
        known = one_axis_inmost(to, &batch, &rows, &cols)
    else:
        known = False
    if not known:
        PyArray_CopyInto(to, a)
        return 0
    cdef void *yp = cnp.PyArray_DATA(to)
    cdef void *xp = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_transpose_f64(yp, xp, batch, rows, cols)
        else:
            status = fs_transpose_f32(yp, xp, batch, rows, cols)
    return raise_for(status, "ordered_copy")


def ordered_copy(x):
    cdef int typenum = floating(x, "x")
    cdef cnp.ndarray a = <cnp.ndarray>x
    cdef cnp.ndarray y = new_array(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), NULL, typenum)
    copy_into(y, a)
    return y
