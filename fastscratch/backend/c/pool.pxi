# Pooling: the largest or the mean of each window, and the gradients.

cdef extern from "fastscratch.h" nogil:
    struct fs_pool:
        ptrdiff_t n, c, h, w, out_h, out_w
        ptrdiff_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, divisor
        int include_pad, adaptive
    int fs_max_pool2d_forward_f32(void *y, void *index, const void *x, const fs_pool *shape)
    int fs_max_pool2d_forward_f64(void *y, void *index, const void *x, const fs_pool *shape)
    int fs_max_pool2d_backward_f32(void *dx, const void *dy, const void *index, const fs_pool *shape)
    int fs_max_pool2d_backward_f64(void *dx, const void *dy, const void *index, const fs_pool *shape)
    int fs_max_pool2d_blocks_forward_f32(void *y, uint8_t *code, const void *x, const fs_pool *shape)
    int fs_max_pool2d_blocks_forward_f64(void *y, uint8_t *code, const void *x, const fs_pool *shape)
    int fs_max_pool2d_blocks_backward_f32(void *dx, const void *dy, const uint8_t *code, const fs_pool *shape)
    int fs_max_pool2d_blocks_backward_f64(void *dx, const void *dy, const uint8_t *code, const fs_pool *shape)
    int fs_avg_pool2d_forward_f32(void *y, const void *x, const fs_pool *shape)
    int fs_avg_pool2d_forward_f64(void *y, const void *x, const fs_pool *shape)
    int fs_avg_pool2d_backward_f32(void *dx, const void *dy, const fs_pool *shape)
    int fs_avg_pool2d_backward_f64(void *dx, const void *dy, const fs_pool *shape)


cdef fs_pool image_sizes(input_shape, str kernel) except *:
    """The sizes of the input; everything else at its neutral value."""
    cdef fs_pool s
    if len(input_shape) != 4 or min(input_shape) < 0:
        raise ValueError(f"{kernel}: the input must have 4 axes, got shape {input_shape}")
    s.n, s.c, s.h, s.w = input_shape
    if s.w > 0 and s.h > 0x7fffffff // s.w:
        raise ValueError(f"{kernel}: an image of {s.h} x {s.w} pixels is too large")
    s.kernel_h = s.kernel_w = s.stride_h = s.stride_w = s.dilation_h = s.dilation_w = 1
    s.pad_h = s.pad_w = s.out_h = s.out_w = s.divisor = 0
    s.include_pad = s.adaptive = 0
    return s


cdef ptrdiff_t windows_along(ptrdiff_t size, ptrdiff_t window, ptrdiff_t stride, ptrdiff_t pad, ptrdiff_t dilation,
                             bint ceil_mode) noexcept:
    """How many windows fit; with ceil_mode, the last may stick out if it begins inside the image or its left padding."""
    cdef ptrdiff_t room = size + 2 * pad - dilation * (window - 1) - 1
    if room < 0:
        return 0
    cdef ptrdiff_t count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= size + pad else count


cdef fs_pool pool_shape(input_shape, window, stride, padding, dilation, ceil_mode, str kernel) except *:
    """The sizes, checked: C may rely on them."""
    cdef fs_pool s = image_sizes(input_shape, kernel)
    s.kernel_h, s.kernel_w = window
    s.stride_h, s.stride_w = stride
    s.pad_h, s.pad_w = padding
    s.dilation_h, s.dilation_w = dilation
    if min(*window, *stride, *dilation) < 1 or min(padding) < 0 or s.pad_h > s.kernel_h // 2 or s.pad_w > s.kernel_w // 2:
        raise ValueError(f"{kernel}: kernel {window}, stride {stride} and dilation {dilation} must be positive, "
                         f"padding {padding} at most half of the kernel")
    if max(*window, *stride, *dilation) > LARGEST_STEP:
        raise ValueError(f"{kernel}: kernel {window}, stride {stride} and dilation {dilation} must be below 2**31")
    s.out_h = windows_along(s.h, s.kernel_h, s.stride_h, s.pad_h, s.dilation_h, ceil_mode)
    s.out_w = windows_along(s.w, s.kernel_w, s.stride_w, s.pad_w, s.dilation_w, ceil_mode)
    if s.h < 1 or s.w < 1 or s.out_h < 1 or s.out_w < 1:
        raise ValueError(f"{kernel}: a window of {window} does not fit into images of shape {input_shape}")
    return s


cdef fs_pool avg_shape(input_shape, window, stride, padding, ceil_mode, count_include_pad, divisor_override,
                       str kernel) except *:
    cdef fs_pool s = pool_shape(input_shape, window, stride, padding, (1, 1), ceil_mode, kernel)
    s.include_pad = count_include_pad
    s.divisor = 0 if divisor_override is None else divisor_override
    if divisor_override is not None and s.divisor == 0:
        raise ValueError(f"{kernel}: divisor_override must not be 0")
    return s


cdef fs_pool adaptive_shape(input_shape, output_size, str kernel) except *:
    cdef fs_pool s = image_sizes(input_shape, kernel)
    s.adaptive = 1
    s.out_h, s.out_w = output_size
    if s.h < 1 or s.w < 1 or s.out_h < 0 or s.out_w < 0:
        raise ValueError(f"{kernel}: cannot pool images of shape {input_shape} to {output_size}")
    return s


cdef cnp.ndarray pooled_gradient(object dy, fs_pool *s, int typenum, str kernel):
    """dy as C reads it, its shape checked."""
    cdef cnp.ndarray g = channels_last(dy, "dy", typenum)
    if dy.shape != (s.n, s.c, s.out_h, s.out_w):
        raise ValueError(f"{kernel}: dy must have shape {(s.n, s.c, s.out_h, s.out_w)}, got {dy.shape}")
    return g


def max_pool2d_forward(x, kernel, stride, padding, dilation, ceil_mode):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray image = channels_last(x, "x", typenum)
    cdef fs_pool s = pool_shape(x.shape, kernel, stride, padding, dilation, ceil_mode, "max_pool2d_forward")
    cdef cnp.ndarray y = new_channels_last(s.n, s.c, s.out_h, s.out_w, typenum)
    cdef cnp.ndarray index = new_channels_last(s.n, s.c, s.out_h, s.out_w, cnp.NPY_INT32)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *ip = cnp.PyArray_DATA(index)
    cdef void *xp = cnp.PyArray_DATA(image)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_max_pool2d_forward_f64(yp, ip, xp, &s)
        else:
            status = fs_max_pool2d_forward_f32(yp, ip, xp, &s)
    raise_for(status, "max_pool2d_forward")
    return y, index


def max_pool2d_backward(dy, argmax, input_shape):
    cdef int typenum = floating(dy, "dy"), status
    cdef cnp.ndarray g = channels_last(dy, "dy", typenum)
    if not isinstance(argmax, cnp.ndarray) or cnp.PyArray_TYPE(<cnp.ndarray>argmax) != cnp.NPY_INT32:
        raise TypeError(f"argmax must be an int32 array, got {getattr(argmax, 'dtype', type(argmax).__name__)}")
    cdef cnp.ndarray index = laid_channels_last(<cnp.ndarray>argmax, "argmax")
    cdef fs_pool s = image_sizes(input_shape, "max_pool2d_backward")
    s.out_h, s.out_w = g.shape[2], g.shape[3]
    if dy.shape != argmax.shape or g.shape[0] != s.n or g.shape[1] != s.c:
        raise ValueError(f"max_pool2d_backward: dy {dy.shape}, argmax {argmax.shape} and an input of shape "
                         f"{input_shape} do not fit together")
    cdef cnp.ndarray dx = new_channels_last(s.n, s.c, s.h, s.w, typenum)
    cdef void *dxp = cnp.PyArray_DATA(dx)
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef void *ip = cnp.PyArray_DATA(index)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_max_pool2d_backward_f64(dxp, gp, ip, &s)
        else:
            status = fs_max_pool2d_backward_f32(dxp, gp, ip, &s)
    raise_for(status, "max_pool2d_backward")
    return dx


def max_pool2d_blocks_forward(x, kernel):
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray image = channels_last(x, "x", typenum)
    cdef fs_pool s = pool_shape(x.shape, kernel, kernel, (0, 0), (1, 1), False, "max_pool2d_blocks_forward")
    cdef cnp.ndarray y = new_channels_last(s.n, s.c, s.out_h, s.out_w, typenum)
    cdef cnp.ndarray code = new_channels_last(s.n, s.c, s.out_h, s.out_w, cnp.NPY_UINT8)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef uint8_t *cp = <uint8_t *>cnp.PyArray_DATA(code)
    cdef void *xp = cnp.PyArray_DATA(image)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_max_pool2d_blocks_forward_f64(yp, cp, xp, &s)
        else:
            status = fs_max_pool2d_blocks_forward_f32(yp, cp, xp, &s)
    raise_for(status, "max_pool2d_blocks_forward")
    return y, code


def max_pool2d_blocks_backward(dy, code, input_shape, kernel):
    cdef int typenum = floating(dy, "dy"), status
    cdef fs_pool s = pool_shape(input_shape, kernel, kernel, (0, 0), (1, 1), False, "max_pool2d_blocks_backward")
    cdef cnp.ndarray g = pooled_gradient(dy, &s, typenum, "max_pool2d_blocks_backward")
    if not isinstance(code, cnp.ndarray) or cnp.PyArray_TYPE(<cnp.ndarray>code) != cnp.NPY_UINT8:
        raise TypeError(f"code must be a uint8 array, got {getattr(code, 'dtype', type(code).__name__)}")
    if code.shape != dy.shape:
        raise ValueError(f"max_pool2d_blocks_backward: code must have shape {dy.shape}, got {code.shape}")
    cdef cnp.ndarray taken = laid_channels_last(<cnp.ndarray>code, "code")
    cdef cnp.ndarray dx = new_channels_last(s.n, s.c, s.h, s.w, typenum)
    cdef void *dxp = cnp.PyArray_DATA(dx)
    cdef void *gp = cnp.PyArray_DATA(g)
    cdef uint8_t *cp = <uint8_t *>cnp.PyArray_DATA(taken)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_max_pool2d_blocks_backward_f64(dxp, gp, cp, &s)
        else:
            status = fs_max_pool2d_blocks_backward_f32(dxp, gp, cp, &s)
    raise_for(status, "max_pool2d_blocks_backward")
    return dx


cdef cnp.ndarray averaged(object x, fs_pool *s, str kernel):
    """The forward pass of both averages."""
    cdef int typenum = floating(x, "x"), status
    cdef cnp.ndarray image = channels_last(x, "x", typenum)
    cdef cnp.ndarray y = new_channels_last(s.n, s.c, s.out_h, s.out_w, typenum)
    cdef void *yp = cnp.PyArray_DATA(y)
    cdef void *xp = cnp.PyArray_DATA(image)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_avg_pool2d_forward_f64(yp, xp, s)
        else:
            status = fs_avg_pool2d_forward_f32(yp, xp, s)
    raise_for(status, kernel)
    return y


cdef cnp.ndarray spread_back(object dy, fs_pool *s, str kernel):
    """The gradient of both averages."""
    cdef int typenum = floating(dy, "dy"), status
    cdef cnp.ndarray g = pooled_gradient(dy, s, typenum, kernel)
    cdef cnp.ndarray dx = new_channels_last(s.n, s.c, s.h, s.w, typenum)
    cdef void *dxp = cnp.PyArray_DATA(dx)
    cdef void *gp = cnp.PyArray_DATA(g)
    with nogil:
        if typenum == cnp.NPY_FLOAT64:
            status = fs_avg_pool2d_backward_f64(dxp, gp, s)
        else:
            status = fs_avg_pool2d_backward_f32(dxp, gp, s)
    raise_for(status, kernel)
    return dx


def avg_pool2d_forward(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override):
    floating(x, "x")
    cdef fs_pool s = avg_shape(x.shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override,
                               "avg_pool2d_forward")
    return averaged(x, &s, "avg_pool2d_forward")


def avg_pool2d_backward(dy, input_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override):
    cdef fs_pool s = avg_shape(input_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override,
                               "avg_pool2d_backward")
    return spread_back(dy, &s, "avg_pool2d_backward")


def adaptive_avg_pool2d_forward(x, output_size):
    floating(x, "x")
    cdef fs_pool s = adaptive_shape(x.shape, output_size, "adaptive_avg_pool2d_forward")
    return averaged(x, &s, "adaptive_avg_pool2d_forward")


def adaptive_avg_pool2d_backward(dy, input_shape):
    floating(dy, "dy")
    cdef fs_pool s = adaptive_shape(input_shape, dy.shape[2:], "adaptive_avg_pool2d_backward")
    return spread_back(dy, &s, "adaptive_avg_pool2d_backward")
