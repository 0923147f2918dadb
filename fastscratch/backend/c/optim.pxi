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


@cython.final
cdef class ArrayList:
    """A list of arrays as C takes it: where each is in memory, and where it starts in the run of all elements.

    What C cannot walk is worked on in a copy, which write_back() returns to its place.
    """
    cdef void *at  # void **
    cdef ptrdiff_t *start
    cdef Py_ssize_t count
    cdef int typenum
    cdef list work, copies

    def __cinit__(self, Py_ssize_t count):
        self.count = count
        self.work, self.copies = [], []
        self.at = malloc(max(count, 1) * sizeof(void *))
        self.start = <ptrdiff_t *>malloc((count + 1) * sizeof(ptrdiff_t))
        if self.at == NULL or self.start == NULL:
            raise MemoryError("no memory for a list of arrays")
        self.start[0] = 0

    def __dealloc__(self):
        free(self.at)
        free(self.start)

    cdef int append(self, object given, cnp.ndarray work, object name, bint change) except -1:
        """Add an array, and the flat form of it that C walks."""
        cdef Py_ssize_t i = len(self.work)
        if change and not cnp.PyArray_ISWRITEABLE(<cnp.ndarray>given):
            raise ValueError(f"{name}[{i}] is read-only")
        (<void **>self.at)[i] = cnp.PyArray_DATA(work)
        self.start[i + 1] = self.start[i] + cnp.PyArray_SIZE(work)
        self.work.append(work)
        if change and work is not given:
            self.copies.append((given, work))
        return 0

    cdef int write_back(self) except -1:
        """Bring home what was computed in copies."""
        for given, work in self.copies:
            PyArray_CopyInto(<cnp.ndarray>given, <cnp.ndarray>work)
        return 0


cdef ArrayList array_list(object arrays, str name, bint change):
    """A list that others have to match; all its arrays are of one type."""
    cdef ArrayList out = ArrayList(len(arrays))
    cdef Py_ssize_t i = 0
    out.typenum = floating(arrays[0], name + "[0]") if out.count else cnp.NPY_FLOAT32
    for x in arrays:
        if not isinstance(x, cnp.ndarray) or cnp.PyArray_TYPE(<cnp.ndarray>x) != out.typenum:
            same_type(x, f"{name}[{i}]", out.typenum)
        out.append(x, flat(x, name, out.typenum), name, change)
        i += 1
    return out


cdef ArrayList matching(object arrays, str name, ArrayList model, bint change):
    """A list whose arrays have the type and shape of the model's, and are walked in the same order."""
    if len(arrays) != model.count:
        raise ValueError(f"{name} must have {model.count} arrays, one for each parameter, got {len(arrays)}")
    cdef ArrayList out = ArrayList(model.count)
    cdef cnp.ndarray like_this
    cdef Py_ssize_t i = 0
    out.typenum = model.typenum
    for x in arrays:
        like_this = <cnp.ndarray>model.work[i]
        if (not isinstance(x, cnp.ndarray) or cnp.PyArray_TYPE(<cnp.ndarray>x) != model.typenum
                or not cnp.PyArray_SAMESHAPE(<cnp.ndarray>x, like_this)):
            flat_as(x, f"{name}[{i}]", like_this)  # raises, and says which
        out.append(x, flat_as(x, name, like_this), name, change)
        i += 1
    return out


cdef void *addresses(ArrayList arrays):
    return NULL if arrays is None else arrays.at


def sgd_step(params, grads, buffers, double lr, double momentum, double dampening, double weight_decay, bint nesterov,
             bint maximize):
    cdef ArrayList p = array_list(params, "params", True)
    cdef ArrayList g = matching(grads, "grads", p, False)
    cdef ArrayList b = None if buffers is None else matching(buffers, "buffers", p, True)
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
    p.write_back()
    if b is not None:
        b.write_back()


def rmsprop_step(params, grads, square_avgs, grad_avgs, buffers, double lr, double alpha, double eps,
                 double weight_decay, double momentum, bint maximize):
    cdef ArrayList p = array_list(params, "params", True)
    cdef ArrayList g = matching(grads, "grads", p, False)
    cdef ArrayList s = matching(square_avgs, "square_avgs", p, True)
    cdef ArrayList m = None if grad_avgs is None else matching(grad_avgs, "grad_avgs", p, True)
    cdef ArrayList b = None if buffers is None else matching(buffers, "buffers", p, True)
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
    for changed in (p, s, m, b):
        if changed is not None:
            (<ArrayList>changed).write_back()


def adam_step(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, step, double lr, double beta1, double beta2,
              double eps, double weight_decay, bint decoupled, bint maximize):
    cdef ArrayList p = array_list(params, "params", True)
    cdef ArrayList g = matching(grads, "grads", p, False)
    cdef ArrayList m = matching(exp_avgs, "exp_avgs", p, True)
    cdef ArrayList v = matching(exp_avg_sqs, "exp_avg_sqs", p, True)
    cdef ArrayList top = None if max_exp_avg_sqs is None else matching(max_exp_avg_sqs, "max_exp_avg_sqs", p, True)
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
    for changed in (p, m, v, top):
        if changed is not None:
            (<ArrayList>changed).write_back()


def grad_norm(grads, double ord):
    if ord != 2 and ord != float("inf"):
        raise ValueError(f"grad_norm: ord must be 2 or inf, got {ord}")
    cdef ArrayList g = array_list(grads, "grads", False)
    cdef double result
    cdef bint infinity = ord != 2
    cdef int status
    with nogil:
        if g.typenum == cnp.NPY_FLOAT64:
            status = fs_grad_norm_f64(&result, g.at, g.count, g.start, infinity)
        else:
            status = fs_grad_norm_f32(&result, g.at, g.count, g.start, infinity)
    raise_for(status, "grad_norm")
    return result


def scale_arrays(arrays, double factor):
    cdef ArrayList a = array_list(arrays, "arrays", True)
    cdef int status
    with nogil:
        if a.typenum == cnp.NPY_FLOAT64:
            status = fs_scale_arrays_f64(a.at, a.count, a.start, factor)
        else:
            status = fs_scale_arrays_f32(a.at, a.count, a.start, factor)
    raise_for(status, "scale_arrays")
    a.write_back()


def clamp_arrays(arrays, double value):
    cdef ArrayList a = array_list(arrays, "arrays", True)
    cdef int status
    with nogil:
        if a.typenum == cnp.NPY_FLOAT64:
            status = fs_clamp_arrays_f64(a.at, a.count, a.start, value)
        else:
            status = fs_clamp_arrays_f32(a.at, a.count, a.start, value)
    raise_for(status, "clamp_arrays")
    a.write_back()
