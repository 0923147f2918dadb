# Convolution and its gradients.

cdef extern from "fastscratch.h" nogil:
    struct fs_conv:
        ptrdiff_t n, c, h, w, k, r, s, out_h, out_w
        ptrdiff_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups
    int fs_conv2d_forward_f32(void *y, const void *x, const void *w, const void *b, const fs_conv *shape)
    int fs_conv2d_forward_f64(void *y, const void *x, const void *w, const void *b, const fs_conv *shape)
    int fs_conv2d_backward_f32(void *dx, void *dw, void *db, const void *dy, const void *x, const void *w,
                               const fs_conv *shape)
    int fs_conv2d_backward_f64(void *dx, void *dw, void *db, const void *dy, const void *x, const void *w,
                               const fs_conv *shape)


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
    if s.k % s.groups or w.shape[1] * s.groups != s.c:
        raise ValueError(f"{kernel}: w {(<object>w).shape} in {groups} groups does not fit x {(<object>x).shape}")
    s.out_h = s.h + 2 * s.pad_h - s.dilation_h * (s.r - 1)
    s.out_w = s.w + 2 * s.pad_w - s.dilation_w * (s.s - 1)
    if s.out_h < 1 or s.out_w < 1 or s.r < 1 or s.s < 1:
        raise ValueError(f"{kernel}: w {(<object>w).shape} does not fit into x {(<object>x).shape} with padding {padding}")
    s.out_h = (s.out_h - 1) // s.stride_h + 1
    s.out_w = (s.out_w - 1) // s.stride_w + 1
    return s


def conv2d_forward(x, w, b, stride, padding, dilation, groups):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray image = channels_last(x, "x", typenum)
    cdef cnp.ndarray filters = contiguous(w, "w", typenum)
    cdef fs_conv s = conv_shape(image, filters, stride, padding, dilation, groups, "conv2d_forward")
    cdef cnp.ndarray bias = None
    cdef void *bp = NULL
    if b is not None:
        bias = contiguous(b, "b", typenum)
        if cnp.PyArray_NDIM(bias) != 1 or cnp.PyArray_DIM(bias, 0) != s.k:
            raise ValueError(f"conv2d_forward: b must have shape ({s.k},), got {b.shape}")
        bp = cnp.PyArray_DATA(bias)
    cdef cnp.ndarray y = new_channels_last(s.n, s.k, s.out_h, s.out_w, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(image)
    cdef void *wp = cnp.PyArray_DATA(filters)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_conv2d_forward_f64(yp, xp, wp, bp, &s)
        else:
            status = fs_conv2d_forward_f32(yp, xp, wp, bp, &s)
    raise_for(status, "conv2d_forward")
    return y


def conv2d_backward(dy, x, w, stride, padding, dilation, groups, need_x, need_w, need_b):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray image = channels_last(x, "x", typenum)
    cdef cnp.ndarray filters = contiguous(w, "w", typenum)
    cdef cnp.ndarray g = channels_last(dy, "dy", typenum)
    cdef fs_conv s = conv_shape(image, filters, stride, padding, dilation, groups, "conv2d_backward")
    if dy.shape != (s.n, s.k, s.out_h, s.out_w):
        raise ValueError(f"conv2d_backward: dy must have shape {(s.n, s.k, s.out_h, s.out_w)}, got {dy.shape}")
    cdef cnp.ndarray dx = new_channels_last(s.n, s.c, s.h, s.w, typenum) if need_x else None
    cdef cnp.ndarray dw = new_array(4, cnp.PyArray_DIMS(filters), NULL, typenum) if need_w else None
    cdef cnp.ndarray db = new_1d(s.k, typenum) if need_b else None
    cdef void *dxp = cnp.PyArray_DATA(dx) if need_x else NULL
    cdef void *dwp = cnp.PyArray_DATA(dw) if need_w else NULL
    cdef void *dbp = cnp.PyArray_DATA(db) if need_b else NULL
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef void *xp = cnp.PyArray_DATA(image)
    cdef void *wp = cnp.PyArray_DATA(filters)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_conv2d_backward_f64(dxp, dwp, dbp, gp, xp, wp, &s)
        else:
            status = fs_conv2d_backward_f32(dxp, dwp, dbp, gp, xp, wp, &s)
    raise_for(status, "conv2d_backward")
    return dx, dw, db
