# What the profiler times to find the machine's limits. These have no twin: their result is the time they take.

cdef extern from "fastscratch.h" nogil:
    int fs_roofline_fma_f32(double *flops, ptrdiff_t chunks, ptrdiff_t rounds)
    int fs_roofline_fma_f64(double *flops, ptrdiff_t chunks, ptrdiff_t rounds)
    int fs_roofline_stream_f32(float *y, const float *x, const float *z, ptrdiff_t n, ptrdiff_t chunks, ptrdiff_t rounds,
                               int write)


def run_fma(dtype, ptrdiff_t chunks, ptrdiff_t rounds):
    """Multiply-adds in registers, `rounds` of them in each of `chunks` chunks; returns how many operations were done."""
    cdef double flops = 0
    cdef int status
    cdef bint wide = dtype == "float64"
    if chunks < 1 or rounds < 0:
        raise ValueError(f"run_fma: needs chunks >= 1 and rounds >= 0, got {chunks} and {rounds}")
    with nogil:
        if wide:
            status = fs_roofline_fma_f64(&flops, chunks, rounds)
        else:
            status = fs_roofline_fma_f32(&flops, chunks, rounds)
    raise_for(status, "run_fma")
    return flops


def run_stream(cnp.ndarray room not None, ptrdiff_t chunks, ptrdiff_t rounds, bint write):
    """Walk the thirds y, x, z of a float32 array `rounds` times, each of `chunks` shares on its own: y = x + z / 2 (write),
    or the inner product of x and z; returns the bytes moved."""
    if cnp.PyArray_TYPE(room) != cnp.NPY_FLOAT32 or not cnp.PyArray_ISCARRAY(room):
        raise TypeError("run_stream: room must be a contiguous, writable float32 array")
    if chunks < 1 or rounds < 0:
        raise ValueError(f"run_stream: needs chunks >= 1 and rounds >= 0, got {chunks} and {rounds}")
    cdef ptrdiff_t n = cnp.PyArray_SIZE(room) // 3
    cdef float *y = <float *>cnp.PyArray_DATA(room)
    cdef int status
    with nogil:
        status = fs_roofline_stream_f32(y, y + n, y + 2 * n, n, chunks, rounds, write)
    raise_for(status, "run_stream")
    return (3 if write else 2) * sizeof(float) * n * rounds
