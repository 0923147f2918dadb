# All parameters at once: gather and settle of fastscratch/optim/batch.py, forget and touch of fastscratch/gradients.py, without
# the interpreter.

from cpython.dict cimport PyDict_Check, PyDict_GetItem


def parameter_functions():
    """gather, settle, forget and the kind of list that they fill; None where the slots of tensors cannot be reached."""
    return None if tensor_type is None or min(ARRAY, GRAD, CHANGED) < 0 else (_gather, _settle, _forget, Arrays)


cdef inline object entry(object mapping, object key):
    """mapping.get(key)"""
    if not PyDict_Check(mapping):
        return mapping.get(key)
    cdef PyObject *found = <PyObject *>PyDict_GetItem(mapping, key)
    return None if found == NULL else <object>found


cdef inline object array_of(object tensor):
    """Its array; None for what is no tensor."""
    if not PyObject_TypeCheck(tensor, <PyTypeObject *>tensor_type):
        return None
    return <object>fs_slot(tensor, ARRAY)


cdef inline int put(object arrays, Py_ssize_t i, object array) except -1:
    """arrays[i] = array, for a list or a kind of list."""
    if i == len(<list>arrays):
        (<list>arrays).append(array)
    elif (<list>arrays)[i] is not array:
        (<list>arrays)[i] = array
    return 0


cdef bint fill(object batch, object state) except -1:
    """Where the arrays of one batch are now; False where its parameters do not belong together any more."""
    cdef list params = batch.params, states = batch.states, lists = batch.lists
    cdef tuple names = batch.names
    cdef object age = batch.age, kept, array, p, gradient
    cdef int typenum = batch.typenum
    cdef Py_ssize_t i, j
    for i in range(len(params)):
        p, kept = params[i], states[i]
        array = <object>fs_slot(p, ARRAY)
        gradient = array_of(<object>fs_slot(p, GRAD))
        if gradient is None or cnp.PyArray_TYPE(<cnp.ndarray>array) != typenum or entry(state, p) is not kept:
            return False
        if age is not None and (entry(kept, "step") or 0) != age:
            return False
        put(lists[0], i, array)
        put(lists[1], i, gradient)
        for j in range(len(names)):
            array = array_of(entry(kept, names[j]))
            if array is None:
                return False
            put(lists[2 + j], i, array)
    return True


def _gather(plan, list params, state):
    """Fill the lists of a plan's batches: see gather in fastscratch/optim/batch.py."""
    cdef list planned = plan.params
    cdef Py_ssize_t i, ready = 0
    if len(planned) != len(params):
        return False
    for i in range(len(params)):
        if planned[i] is not params[i]:
            return False
        ready += fs_slot(params[i], GRAD) != Py_None_
    for batch in plan.batches:
        if not fill(batch, state):
            return False
        ready -= len(<list>batch.params)
    return ready == 0


def _settle(batch):
    """What a step leaves to be noted: see settle in fastscratch/optim/batch.py."""
    cdef object now = next(clock), step
    for p in <list>batch.params:
        (<list><object>fs_slot(p, CHANGED))[0] = now
    for kept in <list>batch.states:
        step = None if kept is None else entry(kept, "step")
        if step is not None:
            kept["step"] = step + 1
    if batch.age is not None:
        batch.age += 1
    (<list>batch.lists[1]).clear()


def _forget(params):
    """p.grad = None for each."""
    for p in params:
        if not PyObject_TypeCheck(p, <PyTypeObject *>tensor_type):
            p.grad = None
        elif fs_slot(p, GRAD) != Py_None_:
            fs_replace(p, GRAD, None)
