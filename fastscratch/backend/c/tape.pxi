# The tape without the interpreter: wrap, record, record_view, unary, in_shape, compared, match, factors, convolvable and
# overwrite of fastscratch/tensor.py, walk of fastscratch/tape.py.
#
# The Python functions of those names say what is meant and serve where there is no extension. Tensor and Node stay Python
# classes; their __slots__ are read and written here where they lie in the objects.

from cpython.object cimport PyObject, PyObject_TypeCheck, PyTypeObject

cdef extern from *:
    """
    #include <structmember.h>
    /* Where a slot lies; -1 for what is no slot, and without the GIL, where a slot may change while it is read. */
    static Py_ssize_t fs_slot_place(PyObject *descriptor) {
    #ifndef Py_GIL_DISABLED
        if (Py_TYPE(descriptor) == &PyMemberDescr_Type) return ((PyMemberDescrObject *)descriptor)->d_member->offset;
    #endif
        return -1;
    }
    static inline PyObject *fs_slot(PyObject *x, Py_ssize_t at) {
        PyObject *value = *(PyObject **)((char *)x + at);
        return value ? value : Py_None;
    }
    static inline void fs_replace(PyObject *x, Py_ssize_t at, PyObject *value) {
        PyObject **slot = (PyObject **)((char *)x + at), *before = *slot;
        Py_INCREF(value);
        *slot = value;
        Py_XDECREF(before);
    }
    /* For slots that are still empty. */
    static inline void fs_fill(PyObject *x, Py_ssize_t at, PyObject *value) {
        Py_INCREF(value);
        *(PyObject **)((char *)x + at) = value;
    }
    """
    Py_ssize_t fs_slot_place(object descriptor)
    long long PyLong_AsLongLongAndOverflow(object x, int *overflow) except? -1
    PyObject *fs_slot(object x, Py_ssize_t at)  # borrowed; None where the slot is empty
    void fs_replace(object x, Py_ssize_t at, object value)
    void fs_fill(object x, Py_ssize_t at, object value)
    PyObject *Py_None_ "Py_None"
    object PyType_GenericAlloc(type kind, Py_ssize_t items)

cdef type tensor_type, node_type, output_type, tracked_type
cdef object output_mark, grad_mode, clock, history, as_array, heappush, heappop, new_pending, call_hooks
cdef Py_ssize_t ARRAY, GRAD, NODE, CHANGED, BASE, BASE_NODE
cdef Py_ssize_t GRADIENT, HOOKS, NUMBER, PARENTS, RETAINED, SAVED


def tape_functions(type tensor, type node, type output, mark, mode, ticks, renew, convert, push, pop, pending, hooks):
    """What is listed above, for these classes; None where their slots cannot be reached."""
    global tensor_type, node_type, output_type, tracked_type, output_mark, grad_mode, clock, history, as_array
    global heappush, heappop, new_pending, call_hooks
    global ARRAY, GRAD, NODE, CHANGED, BASE, BASE_NODE, GRADIENT, HOOKS, NUMBER, PARENTS, RETAINED, SAVED
    tensor_type, node_type, output_type, output_mark = tensor, node, output, mark
    tracked_type = output.__base__
    grad_mode, clock, history, as_array = mode, ticks, renew, convert
    heappush, heappop, new_pending, call_hooks = push, pop, pending, hooks
    names = ("array", "grad", "_node", "_changed", "_base", "_base_node")
    places = [fs_slot_place(getattr(tensor, name)) for name in names]
    ARRAY, GRAD, NODE, CHANGED, BASE, BASE_NODE = places
    names = ("gradient", "hooks", "number", "parents", "retained", "saved")
    places += [fs_slot_place(getattr(node, name)) for name in names]
    GRADIENT, HOOKS, NUMBER, PARENTS, RETAINED, SAVED = places[6:]
    if min(places) < 0:
        return None
    return _wrap, _record, _record_view, _unary, _in_shape, _compared, _match, _factors, _convolvable, _overwrite, _walk


cdef inline object fresh_tensor(object array, object changed, object base):
    """A tensor that the tape does not know, but for its empty slot _node."""
    cdef object out = PyType_GenericAlloc(tensor_type, 0)
    fs_fill(out, ARRAY, array if type(array) is cnp.ndarray else as_array(array))
    fs_fill(out, GRAD, None)
    fs_fill(out, CHANGED, changed)
    fs_fill(out, BASE, base)
    return out


cdef inline int need_tensor_parent(object x) except -1:
    """Slots may be read of tensors alone."""
    if not PyObject_TypeCheck(x, <PyTypeObject *>tensor_type):
        raise TypeError(f"a parent on the tape must be a Tensor or None, got {type(x).__name__}")
    return 0


cdef inline bint has_past(object x) except -1:
    """May this parent need a gradient? A view may, whatever it says: its base tells."""
    if x is None:
        return False
    need_tensor_parent(x)
    return fs_slot(x, NODE) != Py_None_ or fs_slot(x, BASE) != Py_None_


cdef inline object node_of(object x):
    """history(x), which has to be asked only where a view's base has another node by now."""
    if x is None:
        return None
    need_tensor_parent(x)
    cdef PyObject *base = fs_slot(x, BASE)
    if base != Py_None_ and fs_slot(<object>base, NODE) != fs_slot(x, BASE_NODE):
        return history(x)
    return <object>fs_slot(x, NODE)


cdef object own_output(object out):
    """A node's own result among what it saves: the array alone, for the tensor would hold its own node."""
    cdef object value = PyType_GenericAlloc(output_type, 0)
    fs_fill(value, ARRAY, <object>fs_slot(out, ARRAY))
    fs_fill(value, CHANGED, <object>fs_slot(out, CHANGED))
    return value


cdef object new_node(object out, tuple parents, object gradient, tuple saved):
    """The node of a result; None if none of its parents needs a gradient."""
    cdef list nodes = [node_of(parent) for parent in parents]
    cdef bint needed = False
    cdef object node, value
    for node in nodes:
        needed = needed or node is not None
    if not needed:
        return None
    for value in saved:
        if value is output_mark:
            saved = tuple([own_output(out) if value is output_mark else value for value in saved])
            break
    node = PyType_GenericAlloc(node_type, 0)
    fs_fill(node, GRADIENT, gradient)
    fs_fill(node, PARENTS, nodes)
    fs_fill(node, SAVED, saved)
    fs_fill(node, NUMBER, next(clock))
    fs_fill(node, HOOKS, None)
    fs_fill(node, RETAINED, None)
    return node


cdef object put_on_tape(object out, tuple parents, object gradient, tuple saved):
    cdef object node = None, parent
    for parent in parents:
        if has_past(parent):
            if grad_mode.enabled:
                node = new_node(out, parents, gradient, saved)
            break
    fs_fill(out, NODE, node)
    return out


def _wrap(array):
    """A tensor around an array, without any check: for results of the backend and of NumPy."""
    cdef object out = fresh_tensor(array, [0], None)
    fs_fill(out, NODE, None)
    return out


def _record(array, tuple parents, gradient, *saved):
    """The result of an operation; on the tape if it should be."""
    return put_on_tape(fresh_tensor(array, [0], None), parents, gradient, saved)


def _record_view(array, base, gradient, *saved):
    """Like record(), for a result that shares the memory of its one parent."""
    if not PyObject_TypeCheck(base, <PyTypeObject *>tensor_type):
        raise TypeError(f"a view must be one of a Tensor, got {type(base).__name__}")
    cdef object root = base if fs_slot(base, BASE) == Py_None_ else <object>fs_slot(base, BASE)
    cdef object out = fresh_tensor(array, <object>fs_slot(base, CHANGED), root)
    put_on_tape(out, (base,), gradient, saved)
    fs_fill(out, BASE_NODE, <object>fs_slot(root, NODE))
    return out


cdef inline int float_type(object x):
    """The type number of a tensor of float32 or float64; -1 for anything else."""
    if not PyObject_TypeCheck(x, <PyTypeObject *>tensor_type):
        return -1
    cdef int typenum = cnp.PyArray_TYPE(<cnp.ndarray>fs_slot(x, ARRAY))
    return typenum if typenum == cnp.NPY_FLOAT32 or typenum == cnp.NPY_FLOAT64 else -1


def _unary(x, gradient, tuple saved, kernel, *before):
    """An operation of one floating tensor: see unary in fastscratch/tensor.py."""
    if float_type(x) < 0:
        return None
    cdef object array = <object>fs_slot(x, ARRAY)
    cdef object y = kernel(array) if len(before) == 0 else kernel(*before, array)
    return put_on_tape(fresh_tensor(y, [0], None), (x,), gradient, saved)


def _in_shape(x, tuple sizes, gradient):
    """A view in another shape: see in_shape in fastscratch/tensor.py."""
    cdef cnp.npy_intp dims[MAX_DIMS]
    cdef cnp.PyArray_Dims wanted
    cdef cnp.npy_intp count = 1
    cdef cnp.ndarray array
    cdef int i
    if not PyObject_TypeCheck(x, <PyTypeObject *>tensor_type) or not 0 < len(sizes) <= MAX_DIMS:
        return None
    array = <cnp.ndarray>fs_slot(x, ARRAY)
    if not PyArray_ISCARRAY_RO(array):
        return None
    for i in range(<int>len(sizes)):
        if type(sizes[i]) is not int or not 0 <= sizes[i] <= cnp.PyArray_SIZE(array):
            return None
        dims[i] = sizes[i]
        count *= dims[i]
        if count > cnp.PyArray_SIZE(array):
            return None
    if count != cnp.PyArray_SIZE(array):
        return None
    wanted.ptr, wanted.len = dims, <int>len(sizes)
    return _record_view(cnp.PyArray_Newshape(array, &wanted, cnp.NPY_CORDER), x, gradient, (<object>array).shape)


def _compared(kernel, a, b):
    """A kernel's answer for two tensors of one shape and floating dtype: see compared in fastscratch/tensor.py."""
    cdef int typenum = float_type(a)
    if typenum < 0 or float_type(b) != typenum:
        return None
    cdef cnp.ndarray x = <cnp.ndarray>fs_slot(a, ARRAY)
    cdef cnp.ndarray y = <cnp.ndarray>fs_slot(b, ARRAY)
    if cnp.PyArray_NDIM(x) != cnp.PyArray_NDIM(y) or not cnp.PyArray_SAMESHAPE(x, y):
        return None
    return _wrap(kernel(x, y))


def _match(a, b):
    """How a kernel of two operands may take these as they are: see match in fastscratch/tensor.py."""
    cdef bint first = PyObject_TypeCheck(a, <PyTypeObject *>tensor_type)
    cdef bint second = PyObject_TypeCheck(b, <PyTypeObject *>tensor_type)
    cdef cnp.ndarray x = <cnp.ndarray>fs_slot(a if first else b, ARRAY) if first or second else None
    cdef int typenum = cnp.PyArray_TYPE(x) if x is not None else cnp.NPY_BOOL
    if typenum != cnp.NPY_FLOAT32 and typenum != cnp.NPY_FLOAT64:
        return 0
    if not (first and second):
        return (2 if first else 3) if type(b if first else a) in (float, int) else 0
    cdef cnp.ndarray y = <cnp.ndarray>fs_slot(b, ARRAY)
    return typenum == cnp.PyArray_TYPE(y) and cnp.PyArray_NDIM(x) == cnp.PyArray_NDIM(y) and cnp.PyArray_SAMESHAPE(x, y)


def _factors(a, b):
    """Matrices that a kernel multiplies as they are: see factors in fastscratch/tensor.py."""
    if not (PyObject_TypeCheck(a, <PyTypeObject *>tensor_type) and PyObject_TypeCheck(b, <PyTypeObject *>tensor_type)):
        return False
    cdef cnp.ndarray x = <cnp.ndarray>fs_slot(a, ARRAY)
    cdef cnp.ndarray y = <cnp.ndarray>fs_slot(b, ARRAY)
    cdef int typenum = cnp.PyArray_TYPE(x)
    return ((typenum == cnp.NPY_FLOAT32 or typenum == cnp.NPY_FLOAT64) and typenum == cnp.PyArray_TYPE(y)
            and cnp.PyArray_NDIM(x) == 2 and cnp.PyArray_NDIM(y) == 2 and cnp.PyArray_DIM(x, 1) == cnp.PyArray_DIM(y, 0))


cdef inline bint pair_in_range(object p, long long least, ptrdiff_t *to) except -1:
    """A tuple of two ints that a kernel may take for a stride, a padding and the like?"""
    cdef long long value
    cdef int i, beyond = 0
    if type(p) is not tuple or len(<tuple>p) != 2:
        return False
    for i in range(2):
        if type((<tuple>p)[i]) is not int:
            return False
        value = PyLong_AsLongLongAndOverflow((<tuple>p)[i], &beyond)
        if beyond or value < least or value > LARGEST_STEP:
            return False
        to[i] = <ptrdiff_t>value
    return True


cdef inline bint is_array_of(object x, int typenum, int nd):
    """A tensor of this type with so many axes?"""
    if not PyObject_TypeCheck(x, <PyTypeObject *>tensor_type):
        return False
    cdef cnp.ndarray array = <cnp.ndarray>fs_slot(x, ARRAY)
    return cnp.PyArray_TYPE(array) == typenum and cnp.PyArray_NDIM(array) == nd


def _convolvable(x, w, b, stride, padding, dilation, groups, window):
    """What a kernel of convolution takes as it is: see convolvable in fastscratch/tensor.py."""
    cdef ptrdiff_t step[2]
    cdef ptrdiff_t pad[2]
    cdef ptrdiff_t spread[2]
    cdef ptrdiff_t pool[2]
    cdef ptrdiff_t share[2]
    cdef ptrdiff_t room
    cdef int i, typenum = float_type(x)
    if typenum < 0 or not is_array_of(x, typenum, 4) or not is_array_of(w, typenum, 4):
        return False
    cdef cnp.npy_intp *image = cnp.PyArray_DIMS(<cnp.ndarray>fs_slot(x, ARRAY))
    cdef cnp.npy_intp *size = cnp.PyArray_DIMS(<cnp.ndarray>fs_slot(w, ARRAY))
    if b is not None and not (is_array_of(b, typenum, 1) and cnp.PyArray_DIM(<cnp.ndarray>fs_slot(b, ARRAY), 0) == size[0]):
        return False
    if not (pair_in_range(stride, 1, step) and pair_in_range(padding, 0, pad) and pair_in_range(dilation, 1, spread)):
        return False
    if not pair_in_range((groups, 1), 1, share) or size[0] < share[0] or size[0] % share[0] or size[1] != image[1] / share[0]:
        return False
    if image[1] % share[0] or window is not None and not (pair_in_range(window, 1, pool) and pool[0] * pool[1] < 256):
        return False
    for i in range(2):
        if image[2 + i] < 1 or not 1 <= size[2 + i] <= LARGEST_STEP:
            return False
        room = image[2 + i] + 2 * pad[i] - spread[i] * (size[2 + i] - 1) - 1
        if room < 0 or window is not None and pool[i] > room / step[i] + 1:
            return False
    return True


def _overwrite(kernel, x, other):
    """Change x by a kernel of two operands into its own memory, if the tape need not know: see overwrite in tensor.py."""
    cdef int matched = _match(x, other)
    if matched != 1 and matched != 2:
        return False
    cdef cnp.ndarray array = <cnp.ndarray>fs_slot(x, ARRAY)
    if not cnp.PyArray_ISWRITEABLE(array) or (has_past(x) or matched == 1 and has_past(other)) and grad_mode.enabled:
        return False
    kernel(array, <object>fs_slot(other, ARRAY) if matched == 1 else other, array)
    cdef object changed = <object>fs_slot(x, CHANGED)
    (<list>changed)[0] = next(clock)
    return True


cdef list unpack(object node):
    """What was saved, tensors as arrays; node.unpack() where something is amiss, for its message."""
    cdef PyObject *saved = fs_slot(node, SAVED)
    cdef object number = <object>fs_slot(node, NUMBER), value, changed
    cdef list values = []
    if saved == Py_None_:
        return node.unpack()
    for value in <object>saved:
        if PyObject_TypeCheck(value, <PyTypeObject *>tracked_type):
            changed = <object>fs_slot(value, CHANGED)
            if (<list>changed)[0] > number:
                return node.unpack()
            value = <object>fs_slot(value, ARRAY)
        values.append(value)
    return values


cdef int backward_step(object node, object gradient, object dy, object pending, bint retain_graph) except -1:
    """From one node to its parents."""
    cdef dict arrays = pending.arrays
    cdef list parents = list(node.parents), heap = pending.heap
    cdef object parent, array, gradients
    cdef Py_ssize_t i
    gradients = gradient(dy, [parent is not None for parent in parents], *unpack(node))
    if not retain_graph:
        node.saved = None
    if len(gradients) != len(parents):
        raise ValueError(f"{node.name()} has {len(parents)} parents, its gradient gave {len(gradients)} arrays")
    for i in range(len(parents)):
        parent, array = parents[i], gradients[i]
        if parent is None or array is None:
            continue
        if type(array) is cnp.ndarray and parent not in arrays:
            arrays[parent] = array
            heappush(heap, (-<object>fs_slot(parent, NUMBER), parent))
        else:
            pending.add(parent, array)
    return 0


cdef object owner_of(cnp.ndarray array):
    """The array whose memory this one is a view of."""
    cdef PyObject *base = cnp.PyArray_BASE(array)
    while base != NULL and isinstance(<object>base, cnp.ndarray):
        array = <cnp.ndarray>base
        base = cnp.PyArray_BASE(array)
    return array


cdef int mark(dict owners, cnp.ndarray gradient) except -1:
    """Somebody holds this already: keep its owner by its address."""
    cdef object owner = owner_of(gradient)
    owners[<size_t><PyObject *>owner] = owner
    return 0


cdef object own(dict owners, cnp.ndarray gradient):
    """The gradient, or a copy if somebody holds its memory or nobody may write to it."""
    cdef object owner = owner_of(gradient)
    if <size_t><PyObject *>owner in owners or not cnp.PyArray_ISWRITEABLE(gradient):
        gradient = (<object>gradient).copy(order="K")
    mark(owners, gradient)
    return gradient


cdef int retain(object node, object dy, dict owners) except -1:
    """Add to the .grad of the tensor that the node stands for, if it is still there and still wants one."""
    cdef object tensor = (<object>fs_slot(node, RETAINED))(), first
    if tensor is None or fs_slot(tensor, NODE) == Py_None_:
        return 0
    if fs_slot(tensor, GRAD) == Py_None_:
        first = _wrap(own(owners, dy))
        if fs_slot(tensor, GRAD) == Py_None_:  # still: another thread may have come while this one copied
            fs_replace(tensor, GRAD, first)
            return 0
    tensor._accumulate(dy, _copied)
    return 0


def _copied(cnp.ndarray gradient):
    """What becomes a gradient where the one that was there has gone meanwhile."""
    return (<object>gradient).copy(order="K")


def _walk(roots, wanted, bint retain_graph):
    """From the roots back to the leaves: see walk in fastscratch/tape.py."""
    cdef object pending = new_pending(), node, dy
    cdef dict arrays = pending.arrays, owners = {}, captured = {}
    cdef list heap = pending.heap
    cdef object keys = None if wanted is None else set(wanted)
    for node, dy in roots:
        pending.add(node, dy)
        mark(owners, dy)
    while heap:
        node = heappop(heap)[1]
        dy = arrays.pop(node)
        if fs_slot(node, HOOKS) != Py_None_ and <object>fs_slot(node, HOOKS):
            dy = call_hooks(<object>fs_slot(node, HOOKS), dy)
            mark(owners, dy)
        if keys is not None and node in keys:
            captured[node] = own(owners, dy)
        if fs_slot(node, RETAINED) != Py_None_ and keys is None:
            retain(node, dy, owners)
        if fs_slot(node, GRADIENT) != Py_None_:
            backward_step(node, <object>fs_slot(node, GRADIENT), dy, pending, retain_graph)
    return captured
