# The allocator's settings and state, and the allocator as NumPy's: arrays that an operation gets from NumPy's own functions
# (joined, padded, broadcast, ...) then come from idle memory too, and a training step takes no page faults for them.

from libc.string cimport memcpy, strcpy

cdef extern from "fastscratch.h" nogil:
    void *fs_alloc_zeroed(size_t size)
    size_t fs_alloc_size(const void *p)
    void fs_alloc_init()
    void fs_empty_cache()
    void fs_set_cache_cap(size_t size)
    void fs_reset_peak()
    struct fs_memory:
        size_t used, cached, peak, hits, misses, cap
    fs_memory fs_memory_stats()

cdef extern from "Python.h":
    object PyCapsule_New(void *pointer, const char *name, void *destructor)

fs_alloc_init()


cdef void *numpy_malloc(void *ctx, size_t size) noexcept nogil:
    return fs_alloc(size)


cdef void *numpy_calloc(void *ctx, size_t count, size_t size) noexcept nogil:
    if size != 0 and count > (<size_t>-1) // size:
        return NULL
    return fs_alloc_zeroed(count * size)


cdef void *numpy_realloc(void *ctx, void *p, size_t size) noexcept nogil:
    cdef size_t before = fs_alloc_size(p)
    cdef void *q
    if size <= before and size >= before // 2:
        return p
    q = fs_alloc(size)
    if q != NULL and p != NULL:
        memcpy(q, p, min(before, size))
        fs_free(p)
    return q


cdef void numpy_free(void *ctx, void *p, size_t size) noexcept nogil:
    fs_free(p)  # which knows the size itself: what a caller has done to an array's shape since does not matter


cdef cnp.PyDataMem_Handler memory_handler
strcpy(memory_handler.name, b"fastscratch")
memory_handler.version = 1
memory_handler.allocator.ctx = NULL
memory_handler.allocator.malloc = numpy_malloc
memory_handler.allocator.calloc = numpy_calloc
memory_handler.allocator.realloc = numpy_realloc
memory_handler.allocator.free = numpy_free
cdef object our_handler = PyCapsule_New(&memory_handler, b"mem_handler", NULL)


def take_memory_for_numpy():
    """Let NumPy take the memory of new arrays from the allocator, in the context (contextvars) that this is called in.

    NumPy keeps with each array where its memory came from, so it goes back there whoever lets go of it, and when.
    """
    cnp.PyDataMem_SetHandler(our_handler)


def memory_stats():
    """State of the allocator: bytes in use, idle and at the peak; requests served from the cache or not; cap on idle bytes."""
    cdef fs_memory m = fs_memory_stats()
    return {"used": m.used, "cached": m.cached, "peak": m.peak, "hits": m.hits, "misses": m.misses, "cap": m.cap}


def empty_cache():
    """Give all idle memory back to the system."""
    fs_empty_cache()


def set_cache_cap(size_t size):
    """Keep at most this many idle bytes."""
    fs_set_cache_cap(size)


def reset_peak_memory():
    """Start the peak anew from what is in use now."""
    fs_reset_peak()
