# Optimizer steps and gradient clipping: lists of arrays in one call, changed in place.

from libc.stdlib cimport free, malloc

cdef extern from "fastscratch.h" nogil:  # each list of pointers is a void *, which C turns into its own kind
    int fs_sgd_step_f32(void *param, void *grad, void *buffer, ptrdiff_t count, const ptrdiff_t *start, double lr,
                        double momentum, double dampening, double weight_decay, int nesterov, int maximize)
    int fs_sgd_step_f64(void *param, void *grad, void *buffer, ptrdiff_t count, const ptrdiff_t *start, double lr,
                        double momentum, double dampening, double weight_decay, int nesterov, int maximize)
    int fs_rmsprop_step_f32(void *param, void *grad, void *square_avg, void *grad_avg, void *buffer,
                            ptrdiff_t count, const ptrdiff_t *start, double lr, double alpha, double eps,
                            double weight_decay, double momentum, int maximize)
    int fs_rmsprop_step_f64(void *param, void *grad, void *square_avg, void *grad_avg, void *buffer,
                            ptrdiff_t count, const ptrdiff_t *start, double lr, double alpha, double eps,
                            double weight_decay, double momentum, int maximize)
    int fs_adam_step_f32(void *param, void *grad, void *exp_avg, void *exp_avg_sq, void *max_exp_avg_sq,
                         ptrdiff_t count, const ptrdiff_t *start, double lr, double beta1, double beta2, double eps,
                         double weight_decay, int decoupled, int maximize, double correction1, double correction2)
    int fs_adam_step_f64(void *param, void *grad, void *exp_avg, void *exp_avg_sq, void *max_exp_avg_sq,
                         ptrdiff_t count, const ptrdiff_t *start, double lr, double beta1, double beta2, double eps,
                         double weight_decay, int decoupled, int maximize, double correction1, double correction2)
    int fs_grad_norm_f32(double *result, void *grad, ptrdiff_t count, const ptrdiff_t *start, int infinity)
    int fs_grad_norm_f64(double *result, void *grad, ptrdiff_t count, const ptrdiff_t *start, int infinity)
    int fs_scale_arrays_f32(void *array, ptrdiff_t count, const ptrdiff_t *start, double factor)
    int fs_scale_arrays_f64(void *array, ptrdiff_t count, const ptrdiff_t *start, double factor)
    int fs_clamp_arrays_f32(void *array, ptrdiff_t count, const ptrdiff_t *start, double value)
    int fs_clamp_arrays_f64(void *array, ptrdiff_t count, const ptrdiff_t *start, double value)
    int fs_clip_norm_f32(double *result, void *array, ptrdiff_t count, const ptrdiff_t *start, double max_norm,
                         int infinity, int finite_only)
    int fs_clip_norm_f64(double *result, void *array, ptrdiff_t count, const ptrdiff_t *start, double max_norm,
                         int infinity, int finite_only)
    int fs_zero_arrays_f32(void *array, ptrdiff_t count, const ptrdiff_t *start)
    int fs_zero_arrays_f64(void *array, ptrdiff_t count, const ptrdiff_t *start)


@cython.final
cdef class Arrays(list):
    """A list of arrays, and what C is told of it: where each is in memory, and where it starts in the run of all elements.

    An optimizer keeps its lists from step to step. Every call looks at each array anew, at its place, type and layout, and
    writes down again only what is different: an array that was replaced, moved or shaped anew is never taken for the old one.
    What C cannot walk is worked on in a copy, which done() returns to its place.
    """
    cdef void *at  # void **
    cdef ptrdiff_t *start
    cdef Py_ssize_t count, room
    cdef int typenum
    cdef list work, copies  # work is None where nothing had to be copied: the arrays themselves

    def __cinit__(self, *arguments):
        self.at = NULL
        self.start = NULL
        self.room = -1
        self.typenum = cnp.NPY_FLOAT32

    def __dealloc__(self):
        free(self.at)
        free(self.start)

    def __reduce__(self):
        return list, (list(self),)

    cdef int make_room(self) except -1:
        cdef Py_ssize_t count = len(self)
        self.count = count
        self.work, self.copies = None, None
        if self.room >= count:
            return 0
        free(self.at)
        free(self.start)
        self.room = -1
        self.at = malloc(max(count, 1) * sizeof(void *))
        self.start = <ptrdiff_t *>malloc((count + 1) * sizeof(ptrdiff_t))
        if self.at == NULL or self.start == NULL:
            raise MemoryError("no memory for a list of arrays")
        self.start[0] = 0
        self.room = count
        return 0

    cdef int place(self, Py_ssize_t i, cnp.ndarray given, cnp.ndarray work, str name, bint change) except -1:
        """Note array i, and the flat form of it that C walks."""
        cdef void **at = <void **>self.at
        cdef ptrdiff_t stop = self.start[i] + cnp.PyArray_SIZE(work)
        if change and not cnp.PyArray_ISWRITEABLE(given):
            raise ValueError(f"{name}[{i}] is read-only")
        if at[i] != cnp.PyArray_DATA(work) or self.start[i + 1] != stop:
            at[i] = cnp.PyArray_DATA(work)
            self.start[i + 1] = stop
        if work is not given:
            self.keep_copy(i, given, work, change)
        return 0

    cdef int keep_copy(self, Py_ssize_t i, object given, object work, bint change) except -1:
        if self.work is None:
            self.work, self.copies = list(self), []
        self.work[i] = work
        if change:
            self.copies.append((given, work))
        return 0

    cdef cnp.ndarray walked(self, Py_ssize_t i):
        """Array i as C walks it."""
        return <cnp.ndarray>(self[i] if self.work is None else self.work[i])

    cdef int done(self) except -1:
        """Bring home what was computed in copies."""
        if self.work is not None:
            for given, work in self.copies:
                PyArray_CopyInto(<cnp.ndarray>given, <cnp.ndarray>work)
            self.work, self.copies = None, None
        return 0


cdef Arrays array_list(object arrays, str name, bint change):
    """A list that others have to match; all its arrays are of one type."""
    cdef Arrays out = <Arrays>arrays if type(arrays) is Arrays else Arrays(arrays)
    cdef Py_ssize_t i = 0
    out.make_room()
    out.typenum = floating(out[0], name + "[0]") if len(out) else cnp.NPY_FLOAT32
    for x in out:
        if not isinstance(x, cnp.ndarray) or cnp.PyArray_TYPE(<cnp.ndarray>x) != out.typenum:
            same_type(x, f"{name}[{i}]", out.typenum)
        out.place(i, <cnp.ndarray>x, flat(x, name, out.typenum), name, change)
        i += 1
    return out


cdef Arrays matching(object arrays, str name, Arrays model, bint change):
    """A list whose arrays have the type and shape of the model's, and are walked in the same order."""
    cdef Arrays out = <Arrays>arrays if type(arrays) is Arrays else Arrays(arrays)
    cdef cnp.ndarray like_this
    cdef Py_ssize_t i = 0
    if len(out) != len(model):
        raise ValueError(f"{name} must have {len(model)} arrays, one for each parameter, got {len(out)}")
    out.make_room()
    out.typenum = model.typenum
    for x in out:
        like_this = model.walked(i)
        if (not isinstance(x, cnp.ndarray) or cnp.PyArray_TYPE(<cnp.ndarray>x) != model.typenum
                or cnp.PyArray_NDIM(<cnp.ndarray>x) != cnp.PyArray_NDIM(like_this)
                or not cnp.PyArray_SAMESHAPE(<cnp.ndarray>x, like_this)):
            flat_as(x, f"{name}[{i}]", like_this)  # raises, and says which
        out.place(i, <cnp.ndarray>x, flat_as(x, name, like_this), name, change)
        i += 1
    return out


cdef void *addresses(Arrays arrays):
    return NULL if arrays is None else arrays.at


def sgd_step(params, grads, buffers, double lr, double momentum, double dampening, double weight_decay, bint nesterov,
             bint maximize):
    cdef Arrays p = array_list(params, "params", True)
    cdef Arrays g = matching(grads, "grads", p, False)
    cdef Arrays b = None if buffers is None else matching(buffers, "buffers", p, True)
    cdef void *buffer = addresses(b)
    cdef int status
    with nogil:
        if p.typenum == cnp.NPY_FLOAT64:
            status = fs_sgd_step_f64(p.at, g.at, buffer, p.count, p.start, lr, momentum, dampening, weight_decay,
                                     nesterov, maximize)
        else:
            status = fs_sgd_step_f32(p.at, g.at, buffer, p.count, p.start, lr, momentum, dampening, weight_decay,
                                     nesterov, maximize)
    raise_for(status, "sgd_step")
    for walked in (p, g, b):
        if walked is not None:
            (<Arrays>walked).done()


def rmsprop_step(params, grads, square_avgs, grad_avgs, buffers, double lr, double alpha, double eps,
                 double weight_decay, double momentum, bint maximize):
    cdef Arrays p = array_list(params, "params", True)
    cdef Arrays g = matching(grads, "grads", p, False)
    cdef Arrays s = matching(square_avgs, "square_avgs", p, True)
    cdef Arrays m = None if grad_avgs is None else matching(grad_avgs, "grad_avgs", p, True)
    cdef Arrays b = None if buffers is None else matching(buffers, "buffers", p, True)
    cdef void *mean = addresses(m)
    cdef void *buffer = addresses(b)
    cdef int status
    with nogil:
        if p.typenum == cnp.NPY_FLOAT64:
            status = fs_rmsprop_step_f64(p.at, g.at, s.at, mean, buffer, p.count, p.start, lr, alpha, eps, weight_decay,
                                         momentum, maximize)
        else:
            status = fs_rmsprop_step_f32(p.at, g.at, s.at, mean, buffer, p.count, p.start, lr, alpha, eps, weight_decay,
                                         momentum, maximize)
    raise_for(status, "rmsprop_step")
    for walked in (p, g, s, m, b):
        if walked is not None:
            (<Arrays>walked).done()


def adam_step(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, step, double lr, double beta1, double beta2,
              double eps, double weight_decay, bint decoupled, bint maximize):
    cdef Arrays p = array_list(params, "params", True)
    cdef Arrays g = matching(grads, "grads", p, False)
    cdef Arrays m = matching(exp_avgs, "exp_avgs", p, True)
    cdef Arrays v = matching(exp_avg_sqs, "exp_avg_sqs", p, True)
    cdef Arrays top = None if max_exp_avg_sqs is None else matching(max_exp_avg_sqs, "max_exp_avg_sqs", p, True)
    cdef void *largest = addresses(top)
    cdef object one = 1.0, b1 = beta1, b2 = beta2  # Python's power, so that no libm is asked for
    cdef double correction1 = one - b1**step, correction2 = one - b2**step
    cdef int status
    if not step >= 1:
        raise ValueError(f"adam_step: step counts from 1, got {step}")
    with nogil:
        if p.typenum == cnp.NPY_FLOAT64:
            status = fs_adam_step_f64(p.at, g.at, m.at, v.at, largest, p.count, p.start, lr, beta1, beta2, eps,
                                      weight_decay, decoupled, maximize, correction1, correction2)
        else:
            status = fs_adam_step_f32(p.at, g.at, m.at, v.at, largest, p.count, p.start, lr, beta1, beta2, eps,
                                      weight_decay, decoupled, maximize, correction1, correction2)
    raise_for(status, "adam_step")
    for walked in (p, g, m, v, top):
        if walked is not None:
            (<Arrays>walked).done()


def grad_norm(grads, double ord):
    if ord != 2 and ord != float("inf"):
        raise ValueError(f"grad_norm: ord must be 2 or inf, got {ord}")
    cdef Arrays g = array_list(grads, "grads", False)
    cdef double result
    cdef bint infinity = ord != 2
    cdef int status
    with nogil:
        if g.typenum == cnp.NPY_FLOAT64:
            status = fs_grad_norm_f64(&result, g.at, g.count, g.start, infinity)
        else:
            status = fs_grad_norm_f32(&result, g.at, g.count, g.start, infinity)
    raise_for(status, "grad_norm")
    g.done()
    return result


def scale_arrays(arrays, double factor):
    cdef Arrays a = array_list(arrays, "arrays", True)
    cdef int status
    with nogil:
        if a.typenum == cnp.NPY_FLOAT64:
            status = fs_scale_arrays_f64(a.at, a.count, a.start, factor)
        else:
            status = fs_scale_arrays_f32(a.at, a.count, a.start, factor)
    raise_for(status, "scale_arrays")
    a.done()


def clamp_arrays(arrays, double value):
    cdef Arrays a = array_list(arrays, "arrays", True)
    cdef int status
    with nogil:
        if a.typenum == cnp.NPY_FLOAT64:
            status = fs_clamp_arrays_f64(a.at, a.count, a.start, value)
        else:
            status = fs_clamp_arrays_f32(a.at, a.count, a.start, value)
    raise_for(status, "clamp_arrays")
    a.done()


def clip_norm(arrays, double max_norm, double ord, bint finite_only):
    if ord != 2 and ord != float("inf"):
        raise ValueError(f"grad_norm: ord must be 2 or inf, got {ord}")
    cdef Arrays a = array_list(arrays, "arrays", True)
    cdef double result
    cdef bint infinity = ord != 2
    cdef int status
    with nogil:
        if a.typenum == cnp.NPY_FLOAT64:
            status = fs_clip_norm_f64(&result, a.at, a.count, a.start, max_norm, infinity, finite_only)
        else:
            status = fs_clip_norm_f32(&result, a.at, a.count, a.start, max_norm, infinity, finite_only)
    raise_for(status, "clip_norm")
    a.done()
    return result


def zero_arrays(arrays):
    cdef Arrays a = array_list(arrays, "arrays", True)
    with nogil:
        if a.typenum == cnp.NPY_FLOAT64:
            fs_zero_arrays_f64(a.at, a.count, a.start)
        else:
            fs_zero_arrays_f32(a.at, a.count, a.start)
    a.done()
