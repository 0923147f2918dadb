# Convolution, alone and with what follows it, and the gradients.

from libc.stdint cimport uint8_t

cdef extern from "fastscratch.h" nogil:
    struct fs_conv:
        ptrdiff_t n, c, h, w, k, r, s, out_h, out_w
        ptrdiff_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups
    int fs_conv2d_forward_f32(void *y, const void *x, const void *w, const void *b, const fs_conv *shape, int relu)
    int fs_conv2d_forward_f64(void *y, const void *x, const void *w, const void *b, const fs_conv *shape, int relu)
    int fs_conv2d_backward_f32(void *dx, void *dw, void *db, const void *dy, const void *x, const void *w,
                               const fs_conv *shape)
    int fs_conv2d_backward_f64(void *dx, void *dw, void *db, const void *dy, const void *x, const void *w,
                               const fs_conv *shape)
    int fs_conv2d_relu_backward_f32(void *dx, void *dw, void *db, const void *dy, const void *y, const void *x,
                                    const void *w, const fs_conv *shape)
    int fs_conv2d_relu_backward_f64(void *dx, void *dw, void *db, const void *dy, const void *y, const void *x,
                                    const void *w, const fs_conv *shape)
    int fs_conv2d_pool_forward_f32(void *y, uint8_t *code, const void *x, const void *w, const void *b,
                                   const fs_conv *shape, ptrdiff_t window_h, ptrdiff_t window_w, int relu)
    int fs_conv2d_pool_forward_f64(void *y, uint8_t *code, const void *x, const void *w, const void *b,
                                   const fs_conv *shape, ptrdiff_t window_h, ptrdiff_t window_w, int relu)
    int fs_conv2d_pool_backward_f32(void *dx, void *dw, void *db, const void *dy, const uint8_t *code, const void *x,
                                    const void *w, const fs_conv *shape, ptrdiff_t window_h, ptrdiff_t window_w)
    int fs_conv2d_pool_backward_f64(void *dx, void *dw, void *db, const void *dy, const uint8_t *code, const void *x,
                                    const void *w, const fs_conv *shape, ptrdiff_t window_h, ptrdiff_t window_w)


cdef fs_conv conv_shape(cnp.ndarray x, cnp.ndarray w, stride, padding, dilation, groups, str kernel) except *:
    """The sizes, checked: C may rely on them."""
    cdef fs_conv s
    s.n, s.c, s.h, s.w = x.shape[0], x.shape[1], x.shape[2], x.shape[3]
    if cnp.PyArray_NDIM(w) != 4:
        raise ValueError(f"{kernel}: w must have 4 axes, got shape {(<object>w).shape}")
    s.k, s.r, s.s = w.shape[0], w.shape[2], w.shape[3]
    s.stride_h, s.stride_w = stride
    s.pad_h, s.pad_w = padding
    s.dilation_h, s.dilation_w = dilation
    s.groups = groups
    if min(s.stride_h, s.stride_w, s.dilation_h, s.dilation_w, s.groups) < 1 or min(s.pad_h, s.pad_w) < 0:
        raise ValueError(f"{kernel}: stride {stride}, dilation {dilation} and groups {groups} must be positive, "
                         f"padding {padding} not negative")
    if max(s.stride_h, s.stride_w, s.dilation_h, s.dilation_w, s.pad_h, s.pad_w, s.r, s.s) > LARGEST_STEP:
        raise ValueError(f"{kernel}: stride {stride}, dilation {dilation}, padding {padding} and filter {(s.r, s.s)} must "
                         "be below 2**31")
    if s.k % s.groups or w.shape[1] * s.groups != s.c:
        raise ValueError(f"{kernel}: w {(<object>w).shape} in {groups} groups does not fit x {(<object>x).shape}")
    s.out_h = s.h + 2 * s.pad_h - s.dilation_h * (s.r - 1)
    s.out_w = s.w + 2 * s.pad_w - s.dilation_w * (s.s - 1)
    if s.out_h < 1 or s.out_w < 1 or s.r < 1 or s.s < 1:
        raise ValueError(f"{kernel}: w {(<object>w).shape} does not fit into x {(<object>x).shape} with padding {padding}")
    s.out_h = (s.out_h - 1) // s.stride_h + 1
    s.out_w = (s.out_w - 1) // s.stride_w + 1
    return s


cdef cnp.ndarray bias_of(object b, fs_conv *s, int typenum, str kernel):
    """b as C reads it, or None."""
    if b is None:
        return None
    cdef cnp.ndarray bias = contiguous(b, "b", typenum)
    if cnp.PyArray_NDIM(bias) != 1 or cnp.PyArray_DIM(bias, 0) != s.k:
        raise ValueError(f"{kernel}: b must have shape ({s.k},), got {b.shape}")
    return bias


cdef cnp.ndarray shaped_images(object a, str name, tuple shape, int typenum, str kernel):
    """A channels-last array of this shape."""
    cdef cnp.ndarray images = channels_last(a, name, typenum)
    if a.shape != shape:
        raise ValueError(f"{kernel}: {name} must have shape {shape}, got {a.shape}")
    return images


cdef class Gradients:
    """Where the gradients in x, w and b go, if they are wanted."""
    cdef cnp.ndarray dx, dw, db

    cdef void *in_x(self):
        return NULL if self.dx is None else cnp.PyArray_DATA(self.dx)

    cdef void *in_w(self):
        return NULL if self.dw is None else cnp.PyArray_DATA(self.dw)

    cdef void *in_b(self):
        return NULL if self.db is None else cnp.PyArray_DATA(self.db)


cdef Gradients new_gradients(cnp.ndarray filters, fs_conv *s, int typenum, need_x, need_w, need_b):
    cdef Gradients g = Gradients.__new__(Gradients)
    g.dx = new_channels_last(s.n, s.c, s.h, s.w, typenum) if need_x else None
    g.dw = new_array(4, cnp.PyArray_DIMS(filters), NULL, typenum) if need_w else None
    g.db = new_1d(s.k, typenum) if need_b else None
    return g


def conv2d_forward(x, w, b, stride, padding, dilation, groups, relu):
    cdef int typenum = floating(x, "x"), status, with_relu = bool(relu)
    cdef cnp.ndarray image = channels_last(x, "x", typenum)
    cdef cnp.ndarray filters = contiguous(w, "w", typenum)
    cdef fs_conv s = conv_shape(image, filters, stride, padding, dilation, groups, "conv2d_forward")
    cdef cnp.ndarray bias = bias_of(b, &s, typenum, "conv2d_forward")
    cdef cnp.ndarray y = new_channels_last(s.n, s.k, s.out_h, s.out_w, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(image)
    cdef void *wp = cnp.PyArray_DATA(filters)
    cdef void *bp = NULL if bias is None else cnp.PyArray_DATA(bias)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_conv2d_forward_f64(yp, xp, wp, bp, &s, with_relu)
        else:
            status = fs_conv2d_forward_f32(yp, xp, wp, bp, &s, with_relu)
    raise_for(status, "conv2d_forward")
    return y


def conv2d_backward(dy, x, w, stride, padding, dilation, groups, need_x, need_w, need_b):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray image = channels_last(x, "x", typenum)
    cdef cnp.ndarray filters = contiguous(w, "w", typenum)
    cdef fs_conv s = conv_shape(image, filters, stride, padding, dilation, groups, "conv2d_backward")
    cdef cnp.ndarray g = shaped_images(dy, "dy", (s.n, s.k, s.out_h, s.out_w), typenum, "conv2d_backward")
    cdef Gradients d = new_gradients(filters, &s, typenum, need_x, need_w, need_b)
    cdef void *dxp = d.in_x()
    cdef void *dwp = d.in_w()
    cdef void *dbp = d.in_b()
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef void *xp = cnp.PyArray_DATA(image)
    cdef void *wp = cnp.PyArray_DATA(filters)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_conv2d_backward_f64(dxp, dwp, dbp, gp, xp, wp, &s)
        else:
            status = fs_conv2d_backward_f32(dxp, dwp, dbp, gp, xp, wp, &s)
    raise_for(status, "conv2d_backward")
    return d.dx, d.dw, d.db


def conv2d_relu_backward(dy, y, x, w, stride, padding, dilation, groups, need_x, need_w, need_b):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray image = channels_last(x, "x", typenum)
    cdef cnp.ndarray filters = contiguous(w, "w", typenum)
    cdef fs_conv s = conv_shape(image, filters, stride, padding, dilation, groups, "conv2d_relu_backward")
    cdef tuple shape = (s.n, s.k, s.out_h, s.out_w)
    cdef cnp.ndarray g = shaped_images(dy, "dy", shape, typenum, "conv2d_relu_backward")
    cdef cnp.ndarray value = shaped_images(y, "y", shape, typenum, "conv2d_relu_backward")
    cdef Gradients d = new_gradients(filters, &s, typenum, need_x, need_w, need_b)
    cdef void *dxp = d.in_x()
    cdef void *dwp = d.in_w()
    cdef void *dbp = d.in_b()
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef void *yp = cnp.PyArray_DATA(value)
    cdef void *xp = cnp.PyArray_DATA(image)
    cdef void *wp = cnp.PyArray_DATA(filters)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_conv2d_relu_backward_f64(dxp, dwp, dbp, gp, yp, xp, wp, &s)
        else:
            status = fs_conv2d_relu_backward_f32(dxp, dwp, dbp, gp, yp, xp, wp, &s)
    raise_for(status, "conv2d_relu_backward")
    return d.dx, d.dw, d.db


cdef tuple blocks_of(window, fs_conv *s, str kernel):
    """The shape after the pool."""
    cdef ptrdiff_t height, width
    height, width = window
    if height < 1 or width < 1 or height > s.out_h or width > s.out_w or height > 255 // width:
        raise ValueError(f"{kernel}: a window of {window} must be positive, fit into {(s.out_h, s.out_w)} pixels and hold "
                         "at most 255")
    return s.n, s.k, s.out_h // height, s.out_w // width


def conv2d_pool_forward(x, w, b, stride, padding, dilation, groups, window, relu):
    cdef int typenum = floating(x, "x"), status, with_relu = bool(relu)
    cdef cnp.ndarray image = channels_last(x, "x", typenum)
    cdef cnp.ndarray filters = contiguous(w, "w", typenum)
    cdef fs_conv s = conv_shape(image, filters, stride, padding, dilation, groups, "conv2d_pool_forward")
    cdef cnp.ndarray bias = bias_of(b, &s, typenum, "conv2d_pool_forward")
    cdef tuple shape = blocks_of(window, &s, "conv2d_pool_forward")
    cdef ptrdiff_t window_h = window[0], window_w = window[1]
    cdef cnp.ndarray y = new_channels_last(shape[0], shape[1], shape[2], shape[3], typenum)
    cdef cnp.ndarray code = new_channels_last(shape[0], shape[1], shape[2], shape[3], cnp.NPY_UINT8)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef uint8_t *cp = <uint8_t *>cnp.PyArray_DATA(code)
    cdef void *xp = cnp.PyArray_DATA(image)
    cdef void *wp = cnp.PyArray_DATA(filters)
    cdef void *bp = NULL if bias is None else cnp.PyArray_DATA(bias)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_conv2d_pool_forward_f64(yp, cp, xp, wp, bp, &s, window_h, window_w, with_relu)
        else:
            status = fs_conv2d_pool_forward_f32(yp, cp, xp, wp, bp, &s, window_h, window_w, with_relu)
    raise_for(status, "conv2d_pool_forward")
    return y, code


def conv2d_pool_backward(dy, code, x, w, stride, padding, dilation, groups, window, need_x, need_w, need_b):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray image = channels_last(x, "x", typenum)
    cdef cnp.ndarray filters = contiguous(w, "w", typenum)
    cdef fs_conv s = conv_shape(image, filters, stride, padding, dilation, groups, "conv2d_pool_backward")
    cdef tuple shape = blocks_of(window, &s, "conv2d_pool_backward")
    cdef ptrdiff_t window_h = window[0], window_w = window[1]
    cdef cnp.ndarray g = shaped_images(dy, "dy", shape, typenum, "conv2d_pool_backward")
    if not isinstance(code, cnp.ndarray) or cnp.PyArray_TYPE(<cnp.ndarray>code) != cnp.NPY_UINT8:
        raise TypeError(f"code must be a uint8 array, got {getattr(code, 'dtype', type(code).__name__)}")
    cdef cnp.ndarray taken = laid_channels_last(<cnp.ndarray>code, "code")
    if code.shape != shape:
        raise ValueError(f"conv2d_pool_backward: code must have shape {shape}, got {code.shape}")
    cdef Gradients d = new_gradients(filters, &s, typenum, need_x, need_w, need_b)
    cdef void *dxp = d.in_x()
    cdef void *dwp = d.in_w()
    cdef void *dbp = d.in_b()
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef uint8_t *cp = <uint8_t *>cnp.PyArray_DATA(taken)
    cdef void *xp = cnp.PyArray_DATA(image)
    cdef void *wp = cnp.PyArray_DATA(filters)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_conv2d_pool_backward_f64(dxp, dwp, dbp, gp, cp, xp, wp, &s, window_h, window_w)
        else:
            status = fs_conv2d_pool_backward_f32(dxp, dwp, dbp, gp, cp, xp, wp, &s, window_h, window_w)
    raise_for(status, "conv2d_pool_backward")
    return d.dx, d.dw, d.db
