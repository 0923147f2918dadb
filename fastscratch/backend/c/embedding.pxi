# Embedding: rows by number, and their gradients.

from libc.stdint cimport int64_t

cdef extern from "fastscratch.h" nogil:
    int fs_embedding_forward_f32(void *y, const void *weight, const int64_t *index, ptrdiff_t count, ptrdiff_t rows,
                                 ptrdiff_t d)
    int fs_embedding_forward_f64(void *y, const void *weight, const int64_t *index, ptrdiff_t count, ptrdiff_t rows,
                                 ptrdiff_t d)
    int fs_embedding_backward_f32(void *dw, const void *dy, const int64_t *index, ptrdiff_t count, ptrdiff_t rows,
                                  ptrdiff_t d, ptrdiff_t padding_idx)
    int fs_embedding_backward_f64(void *dw, const void *dy, const int64_t *index, ptrdiff_t count, ptrdiff_t rows,
                                  ptrdiff_t d, ptrdiff_t padding_idx)


cdef int raise_for_index(int status, str kernel, cnp.ndarray index, ptrdiff_t rows) except -1:
    """Like raise_for, naming the first index that is out of range."""
    if status == FS_EINDEX:
        wrong = index[(<object>index < 0) | (<object>index >= rows)].flat[0]
        raise IndexError(f"{kernel}: index {wrong} is out of range for a table of {rows} rows")
    return raise_for(status, kernel)


def embedding_forward(weight, index):
    cdef int typenum = floating(weight, "weight"), status
    cdef cnp.ndarray w = contiguous(weight, "weight", typenum), i = contiguous_int64(index, "index")
    if cnp.PyArray_NDIM(w) != 2:
        raise ValueError(f"weight must have shape (rows, d), got {weight.shape}")
    cdef ptrdiff_t rows = cnp.PyArray_DIM(w, 0), d = cnp.PyArray_DIM(w, 1), count = cnp.PyArray_SIZE(i)
    cdef cnp.ndarray y = new_2d(count, d, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *wp = cnp.PyArray_DATA(w)
    cdef const int64_t *ip = <const int64_t *>cnp.PyArray_DATA(i)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_embedding_forward_f64(yp, wp, ip, count, rows, d)
        else:
            status = fs_embedding_forward_f32(yp, wp, ip, count, rows, d)
    raise_for_index(status, "embedding_forward", i, rows)
    return y.reshape((*index.shape, d))


def embedding_backward(dy, index, rows, padding_idx):
    cdef int typenum = floating(dy, "dy"), status
    cdef cnp.ndarray g = contiguous(dy, "dy", typenum), i = contiguous_int64(index, "index")
    cdef ptrdiff_t table_rows = rows, padding = -1 if padding_idx is None else padding_idx
    if cnp.PyArray_NDIM(g) != cnp.PyArray_NDIM(i) + 1 or dy.shape[:-1] != index.shape or table_rows < 0:
        raise ValueError(f"embedding_backward: dy {dy.shape} does not fit index {index.shape} and {rows} rows")
    cdef ptrdiff_t d = cnp.PyArray_DIM(g, cnp.PyArray_NDIM(g) - 1), count = cnp.PyArray_SIZE(i)
    cdef cnp.ndarray dw = new_2d(table_rows, d, typenum)
    cdef void *wp = cnp.PyArray_DATA(dw)
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef const int64_t *ip = <const int64_t *>cnp.PyArray_DATA(i)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_embedding_backward_f64(wp, gp, ip, count, table_rows, d, padding)
        else:
            status = fs_embedding_backward_f32(wp, gp, ip, count, table_rows, d, padding)
    raise_for_index(status, "embedding_backward", i, table_rows)
    return dw
