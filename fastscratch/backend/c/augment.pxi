# Images moved at random.

from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "fastscratch.h" nogil:
    enum: FS_MOVES
    struct fs_augment:
        double low[6]
        double high[6]
        double alpha[2]
        double sigma[2]
    int fs_augment_f32(void *y, const void *x, int bytes, const int64_t *sample, uint64_t key, uint32_t stage, ptrdiff_t n,
                       ptrdiff_t c, ptrdiff_t h, ptrdiff_t w, const fs_augment *options)
    int fs_augment_f64(void *y, const void *x, int bytes, const int64_t *sample, uint64_t key, uint32_t stage, ptrdiff_t n,
                       ptrdiff_t c, ptrdiff_t h, ptrdiff_t w, const fs_augment *options)


def augment(x, samples, seed, stage, moves, elastic):
    cdef bint is_bytes = isinstance(x, cnp.ndarray) and cnp.PyArray_TYPE(<cnp.ndarray>x) == cnp.NPY_UINT8
    cdef int typenum = cnp.NPY_UINT8 if is_bytes else floating(x, "x"), status, i
    cdef cnp.ndarray a = laid_channels_last(<cnp.ndarray>x, "x"), s = contiguous_int64(samples, "samples")
    cdef ptrdiff_t n = x.shape[0], c = x.shape[1], h = x.shape[2], w = x.shape[3]
    if samples.shape != (n,) or len(moves) != FS_MOVES or len(elastic) != 2:
        raise ValueError(f"augment: expected one sample number per image of {x.shape}, {FS_MOVES} moves and 2 displacements, "
                         f"got {samples.shape}, {len(moves)} and {len(elastic)}")
    cdef fs_augment options
    for i in range(FS_MOVES):
        options.low[i], options.high[i] = moves[i]
    for i in range(2):
        options.alpha[i], options.sigma[i] = elastic[i]
    cdef uint64_t key = seed
    cdef uint32_t step = stage
    cdef cnp.ndarray y = new_channels_last(n, c, h, w, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef int64_t *sp = <int64_t *>cnp.PyArray_DATA(s)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_augment_f64(yp, ap, False, sp, key, step, n, c, h, w, &options)
        else:
            status = fs_augment_f32(yp, ap, is_bytes, sp, key, step, n, c, h, w, &options)
    raise_for(status, "augment")
    return y
