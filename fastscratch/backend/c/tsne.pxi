# Nearest neighbours, and what t-SNE is made of.

from libc.stdint cimport int64_t

cdef extern from "fastscratch.h" nogil:
    int fs_nearest_neighbours_f32(int64_t *index, void *distance, const void *x, ptrdiff_t n, ptrdiff_t d, ptrdiff_t k)
    int fs_nearest_neighbours_f64(int64_t *index, void *distance, const void *x, ptrdiff_t n, ptrdiff_t d, ptrdiff_t k)
    int fs_tsne_affinities_f32(void *p, const void *distance, ptrdiff_t n, ptrdiff_t k, double perplexity)
    int fs_tsne_affinities_f64(void *p, const void *distance, ptrdiff_t n, ptrdiff_t k, double perplexity)
    int fs_tsne_attraction_f32(void *force, double *loss, const void *y, const int64_t *start, const int64_t *index,
                               const void *p, ptrdiff_t n, ptrdiff_t dims)
    int fs_tsne_attraction_f64(void *force, double *loss, const void *y, const int64_t *start, const int64_t *index,
                               const void *p, ptrdiff_t n, ptrdiff_t dims)
    int fs_tsne_repulsion_f32(void *force, double *whole, const void *y, ptrdiff_t n, ptrdiff_t dims)
    int fs_tsne_repulsion_f64(void *force, double *whole, const void *y, ptrdiff_t n, ptrdiff_t dims)
    int fs_tsne_repulsion_tree_f32(void *force, double *whole, const void *y, ptrdiff_t n, ptrdiff_t dims, double angle)
    int fs_tsne_repulsion_tree_f64(void *force, double *whole, const void *y, ptrdiff_t n, ptrdiff_t dims, double angle)


def nearest_neighbours(x, k):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray a = contiguous(x, "x", typenum)
    if x.ndim != 2 or not 0 <= k < max(1, len(x)):
        raise ValueError(f"nearest_neighbours: expected x (n, d) and 0 <= k < n, got {x.shape} and {k}")
    cdef ptrdiff_t n = cnp.PyArray_DIM(a, 0), d = cnp.PyArray_DIM(a, 1), count = k
    cdef cnp.ndarray index = new_2d(n, count, cnp.NPY_INT64), distance = new_2d(n, count, typenum)
    cdef int64_t *ip = <int64_t *>cnp.PyArray_DATA(index)
    cdef void *dp = cnp.PyArray_DATA(distance)
    cdef void *ap = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_nearest_neighbours_f64(ip, dp, ap, n, d, count)
        else:
            status = fs_nearest_neighbours_f32(ip, dp, ap, n, d, count)
    raise_for(status, "nearest_neighbours")
    return index, distance


def tsne_affinities(distances, perplexity):
    cdef int typenum = floating(distances, "distances"), status
    cdef cnp.ndarray a = contiguous(distances, "distances", typenum)
    cdef double wanted = perplexity
    if distances.ndim != 2 or not wanted > 0:
        raise ValueError(f"tsne_affinities: expected distances (n, k) and a perplexity > 0, got {distances.shape}, {perplexity}")
    cdef ptrdiff_t n = cnp.PyArray_DIM(a, 0), k = cnp.PyArray_DIM(a, 1)
    cdef cnp.ndarray p = new_2d(n, k, typenum)
    cdef void *pp = cnp.PyArray_DATA(p)
    cdef void *ap = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_tsne_affinities_f64(pp, ap, n, k, wanted)
        else:
            status = fs_tsne_affinities_f32(pp, ap, n, k, wanted)
    raise_for(status, "tsne_affinities")
    return p


def tsne_attraction(y, start, index, p, loss):
    cdef int typenum = floating(y, "y"), status
    cdef cnp.ndarray a = contiguous(y, "y", typenum), q = contiguous(p, "p", typenum)
    cdef cnp.ndarray s = contiguous_int64(start, "start"), i = contiguous_int64(index, "index")
    if y.ndim != 2 or not 1 <= y.shape[1] <= 3 or start.shape != (len(y) + 1,) or index.ndim != 1 or p.shape != index.shape:
        raise ValueError(
            f"tsne_attraction: expected y (n, 1 to 3), start (n + 1,), index and p (m,), got {y.shape}, {start.shape}, "
            f"{index.shape} and {p.shape}"
        )
    if start[0] != 0 or start[-1] != len(index) or (start[1:] < start[:-1]).any():
        raise ValueError(f"tsne_attraction: start must ascend from 0 to {len(index)}")
    cdef ptrdiff_t n = cnp.PyArray_DIM(a, 0), dims = cnp.PyArray_DIM(a, 1)
    cdef cnp.ndarray force = new_2d(n, dims, typenum)
    cdef double told = 0
    cdef double *lp = &told if loss else NULL
    cdef void *fp = cnp.PyArray_DATA(force)
    cdef void *ap = cnp.PyArray_DATA(a)
    cdef void *qp = cnp.PyArray_DATA(q)
    cdef int64_t *sp = <int64_t *>cnp.PyArray_DATA(s)
    cdef int64_t *ip = <int64_t *>cnp.PyArray_DATA(i)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_tsne_attraction_f64(fp, lp, ap, sp, ip, qp, n, dims)
        else:
            status = fs_tsne_attraction_f32(fp, lp, ap, sp, ip, qp, n, dims)
    raise_for_index(status, "tsne_attraction", i, n)
    return force, told if loss else None


def tsne_repulsion(y):
    cdef int typenum = floating(y, "y"), status
    cdef cnp.ndarray a = contiguous(y, "y", typenum)
    if y.ndim != 2 or not 1 <= y.shape[1] <= 3:
        raise ValueError(f"tsne_repulsion: expected y (n, 1 to 3), got {y.shape}")
    cdef ptrdiff_t n = cnp.PyArray_DIM(a, 0), dims = cnp.PyArray_DIM(a, 1)
    cdef cnp.ndarray force = new_2d(n, dims, typenum)
    cdef double whole = 0
    cdef void *fp = cnp.PyArray_DATA(force)
    cdef void *ap = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_tsne_repulsion_f64(fp, &whole, ap, n, dims)
        else:
            status = fs_tsne_repulsion_f32(fp, &whole, ap, n, dims)
    raise_for(status, "tsne_repulsion")
    return force, whole


def tsne_repulsion_tree(y, angle):
    cdef int typenum = floating(y, "y"), status
    cdef cnp.ndarray a = contiguous(y, "y", typenum)
    cdef double wanted = angle
    if y.ndim != 2 or not 1 <= y.shape[1] <= 3 or not 0 <= wanted <= 1:
        raise ValueError(f"tsne_repulsion_tree: expected y (n, 1 to 3) and an angle from 0 to 1, got {y.shape} and {angle}")
    cdef ptrdiff_t n = cnp.PyArray_DIM(a, 0), dims = cnp.PyArray_DIM(a, 1)
    cdef cnp.ndarray force = new_2d(n, dims, typenum)
    cdef double whole = 0
    cdef void *fp = cnp.PyArray_DATA(force)
    cdef void *ap = cnp.PyArray_DATA(a)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_tsne_repulsion_tree_f64(fp, &whole, ap, n, dims, wanted)
        else:
            status = fs_tsne_repulsion_tree_f32(fp, &whole, ap, n, dims, wanted)
    raise_for(status, "tsne_repulsion_tree")
    return force, whole
