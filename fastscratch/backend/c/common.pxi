# Arrays at the boundary: accepting them, laying them out, and making new ones from the allocator.

cimport cython
cimport numpy as cnp
from cpython.ref cimport Py_INCREF
from libc.stddef cimport ptrdiff_t
from libc.string cimport memset

cnp.import_array()

cdef extern from "fastscratch.h" nogil:
    enum: FS_OK, FS_ENOMEM, FS_EINVAL, FS_EINDEX, FS_EDOMAIN
    void *fs_alloc(size_t size)
    void fs_free(void *p)

cdef extern from *:
    """
    #include "fastscratch.h"
    /* What runs without the GIL here are kernels, all of them: `with nogil` says so to fs_isa_set() and its like. */
    static inline PyThreadState *fs_release_gil(void) {
        PyThreadState *state = PyEval_SaveThread();
        fs_begin();
        return state;
    }
    static inline void fs_take_gil(PyThreadState *state) {
        fs_end();
        PyEval_RestoreThread(state);
    }
    #define PyEval_SaveThread() fs_release_gil()
    #define PyEval_RestoreThread(state) fs_take_gil(state)
    """

cdef extern from "numpy/arrayobject.h":
    int NPY_ARRAY_CARRAY
    int NPY_ARRAY_WRITEABLE
    int NPY_ARRAY_ALIGNED
    object PyArray_New(type subtype, int nd, cnp.npy_intp *dims, int typenum, cnp.npy_intp *strides, void *data,
                       int itemsize, int flags, object obj)
    bint PyArray_ISCARRAY(cnp.ndarray a)
    bint PyArray_ISCARRAY_RO(cnp.ndarray a)
    bint PyArray_ISBEHAVED_RO(cnp.ndarray a)
    int PyArray_CopyInto(cnp.ndarray dest, cnp.ndarray src) except -1

DEF MAX_DIMS = 64  # NumPy's
DEF LARGEST_STEP = 0x7fffffff  # of strides, paddings and the like: with a size it makes no number beyond ptrdiff_t
DEF SMALL = 1024  # bytes up to which NumPy's own cache of small blocks is the faster one


@cython.final
@cython.freelist(256)
cdef class Block:
    """Memory of the allocator; the base of every array made from it, so it goes back with the last view."""
    cdef void *p

    def __cinit__(self):
        self.p = NULL

    def __dealloc__(self):
        fs_free(self.p)


cdef cnp.ndarray new_array(int nd, cnp.npy_intp *shape, cnp.npy_intp *strides, int typenum):
    """An uninitialised array; strides (in bytes, of a dense layout) may be NULL for C order."""
    cdef Py_ssize_t size = 4 if typenum == cnp.NPY_FLOAT32 or typenum == cnp.NPY_INT32 else 8
    cdef int i
    cdef Block block
    cdef cnp.ndarray array
    if typenum == cnp.NPY_UINT8 or typenum == cnp.NPY_BOOL:
        size = 1
    for i in range(nd):
        size *= shape[i]
    if size <= SMALL and strides == NULL:
        return cnp.PyArray_EMPTY(nd, shape, typenum, 0)
    block = Block.__new__(Block)
    block.p = fs_alloc(size)
    if block.p == NULL:
        raise MemoryError(f"no memory for an array of {size} bytes")
    array = PyArray_New(cnp.ndarray, nd, shape, typenum, strides, block.p, 0,
                        NPY_ARRAY_WRITEABLE | NPY_ARRAY_ALIGNED, None)
    Py_INCREF(block)
    cnp.PyArray_SetBaseObject(array, block)
    return array


cdef cnp.ndarray new_1d(Py_ssize_t n, int typenum):
    cdef cnp.npy_intp shape[1]
    shape[0] = n
    return new_array(1, shape, NULL, typenum)


cdef cnp.ndarray new_2d(Py_ssize_t m, Py_ssize_t n, int typenum):
    cdef cnp.npy_intp shape[2]
    shape[0] = m
    shape[1] = n
    return new_array(2, shape, NULL, typenum)


cdef cnp.ndarray new_channels_last(Py_ssize_t n, Py_ssize_t c, Py_ssize_t h, Py_ssize_t w, int typenum):
    """Logical shape (n, c, h, w), in memory (n, h, w, c)."""
    cdef cnp.npy_intp shape[4]
    cdef cnp.npy_intp strides[4]
    cdef cnp.npy_intp item = 8 if typenum == cnp.NPY_FLOAT64 or typenum == cnp.NPY_INT64 else 4
    if typenum == cnp.NPY_UINT8:
        item = 1
    shape[0], shape[1], shape[2], shape[3] = n, c, h, w
    strides[0], strides[1], strides[2], strides[3] = h * w * c * item, item, w * c * item, c * item
    return new_array(4, shape, strides, typenum)


cdef int floating(object x, str name) except -1:
    """The type number of a float32 or float64 array; TypeError for anything else."""
    if not isinstance(x, cnp.ndarray):
        raise TypeError(f"{name} must be a NumPy array, got {type(x).__name__}")
    cdef int typenum = cnp.PyArray_TYPE(<cnp.ndarray>x)
    if typenum != cnp.NPY_FLOAT32 and typenum != cnp.NPY_FLOAT64:
        raise TypeError(f"{name} must be float32 or float64, got {x.dtype}")
    return typenum


cdef int same_type(object x, str name, int typenum) except -1:
    """x is a float array of the type number given; TypeError if not."""
    if floating(x, name) != typenum:
        expected = "float32" if typenum == cnp.NPY_FLOAT32 else "float64"
        raise TypeError(f"{name} must be {expected} like the other operands, got {x.dtype}")
    return 0


cdef cnp.ndarray contiguous(object x, str name, int typenum):
    """x, or a copy of it, in C order, aligned, native, of the type number given."""
    same_type(x, name, typenum)
    if PyArray_ISCARRAY_RO(<cnp.ndarray>x):
        return <cnp.ndarray>x
    cdef cnp.ndarray copy = new_array(cnp.PyArray_NDIM(<cnp.ndarray>x), cnp.PyArray_DIMS(<cnp.ndarray>x), NULL, typenum)
    copy_into(copy, <cnp.ndarray>x)
    return copy


cdef cnp.ndarray contiguous_int64(object x, str name):
    """x, or a copy of it, as int64 in C order."""
    if not isinstance(x, cnp.ndarray) or not cnp.PyArray_ISINTEGER(<cnp.ndarray>x):
        raise TypeError(f"{name} must be an array of integers, got {getattr(x, 'dtype', type(x).__name__)}")
    return cnp.PyArray_FROM_OTF(x, cnp.NPY_INT64, NPY_ARRAY_CARRAY & ~NPY_ARRAY_WRITEABLE)


cdef cnp.ndarray channels_last(object x, str name, int typenum):
    """x, or a copy of it, dense in memory as (n, h, w, c); logical shape (n, c, h, w)."""
    same_type(x, name, typenum)
    return laid_channels_last(<cnp.ndarray>x, name)


cdef cnp.ndarray laid_channels_last(cnp.ndarray a, str name):
    """channels_last for an array of any type that is known already."""
    if cnp.PyArray_NDIM(a) != 4:
        raise ValueError(f"{name} must have 4 axes, got shape {(<object>a).shape}")
    cdef cnp.npy_intp *shape = cnp.PyArray_DIMS(a)
    cdef cnp.npy_intp expected = cnp.PyArray_ITEMSIZE(a)
    cdef bint laid = PyArray_ISBEHAVED_RO(a)
    cdef int axis
    for axis in (1, 3, 2, 0):  # innermost first; the stride of an axis of size 1 does not matter
        laid = laid and (shape[axis] == 1 or cnp.PyArray_STRIDE(a, axis) == expected)
        expected *= shape[axis]
    if laid:
        return a
    cdef cnp.ndarray copy = new_channels_last(shape[0], shape[1], shape[2], shape[3], cnp.PyArray_TYPE(a))
    copy_into(copy, a)
    return copy


cdef bint is_dense(cnp.ndarray x) noexcept:
    """Does x fill its memory without gaps or overlap, in whatever order of axes?"""
    cdef int nd = cnp.PyArray_NDIM(x)
    cdef int order[MAX_DIMS]
    cdef int i, j, k, used = 0
    cdef cnp.npy_intp *shape = cnp.PyArray_DIMS(x)
    cdef cnp.npy_intp *strides = cnp.PyArray_STRIDES(x)
    cdef cnp.npy_intp expected = cnp.PyArray_ITEMSIZE(x)
    if nd > MAX_DIMS or not PyArray_ISBEHAVED_RO(x):
        return False
    for i in range(nd):  # insertion sort of the axes by stride, smallest first; axes of size 1 do not matter
        if shape[i] == 1:
            continue
        j = used
        while j > 0 and strides[order[j - 1]] > strides[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
        used += 1
    for k in range(used):
        if strides[order[k]] != expected:
            return False
        expected *= shape[order[k]]
    return True


cdef cnp.ndarray flat(object x, str name, int typenum):
    """x, or a copy of it, filling its memory without gaps: its elements can be walked as one run."""
    same_type(x, name, typenum)
    return <cnp.ndarray>x if is_dense(<cnp.ndarray>x) else contiguous(x, name, typenum)


cdef cnp.ndarray like(cnp.ndarray x):
    """An uninitialised array of x's shape, type and order of axes; x must come from flat()."""
    if PyArray_ISCARRAY_RO(x):
        return new_array(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), NULL, cnp.PyArray_TYPE(x))
    return new_array(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_STRIDES(x), cnp.PyArray_TYPE(x))


cdef bint same_strides(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef int i
    for i in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, i) != 1 and cnp.PyArray_STRIDE(a, i) != cnp.PyArray_STRIDE(b, i):
            return False
    return True


cdef int same_shape(cnp.ndarray x, str name, cnp.ndarray model) except -1:
    if cnp.PyArray_NDIM(x) != cnp.PyArray_NDIM(model) or not cnp.PyArray_SAMESHAPE(x, model):
        raise ValueError(f"{name} must have shape {(<object>model).shape}, got {(<object>x).shape}")
    return 0


cdef cnp.ndarray flat_as(object x, str name, cnp.ndarray model):
    """x, or a copy of it, element for element in the memory order of model, which comes from flat()."""
    same_type(x, name, cnp.PyArray_TYPE(model))
    same_shape(<cnp.ndarray>x, name, model)
    if PyArray_ISBEHAVED_RO(<cnp.ndarray>x) and same_strides(<cnp.ndarray>x, model):
        return <cnp.ndarray>x
    cdef cnp.ndarray copy = like(model)
    copy_into(copy, <cnp.ndarray>x)
    return copy


cdef int raise_for(int status, str kernel) except -1:
    """The exception that goes with a kernel's status."""
    if status == FS_OK:
        return 0
    if status == FS_ENOMEM:
        raise MemoryError(f"{kernel}: no memory for the workspace")
    if status == FS_EINDEX:
        raise IndexError(f"{kernel}: an index is out of range")
    raise ValueError(f"{kernel}: the arguments do not fit together")
