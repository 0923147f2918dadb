/* A convolution, or its gradient in x, prepared once and then run on some images at a time by whichever thread has them in its
 * cache.
 */
#include "conv.h"

static int by_columns(void) { return fs_conv_algorithm_get() == FS_IM2COL; }

int FS(pass_begin)(struct FS(pass) * p, const struct fs_conv *s, const REAL *w, int backward) {
    *p = (struct FS(pass)){.s = backward ? FS(transposed)(s) : *s, .forward = *s, .w = w, .backward = backward};
    p->forward.n = 1;
    if (by_columns() || (backward && !FS(filters_finite)(w, s))) return FS_OK; /* whatever the whole batch would get */
    if (FS(winograd_applies)(&p->s)) {
        p->winograd = FS(winograd_filters)(w, &p->s, backward);
        return p->winograd ? FS_OK : FS_ENOMEM;
    }
    p->direct = 1;
    const int status = backward ? FS(direct_backward)(&p->d, s, w) : FS(direct_forward)(&p->d, s, w);
    p->workspace = status == FS_OK ? p->d.workspace : 0;
    return status;
}

int FS(pass_images)(const struct FS(pass) * p, REAL *to, const REAL *from, ptrdiff_t count, const REAL *bias, int relu,
                    REAL *workspace) {
    const struct fs_conv *s = &p->forward;
    int status = p->winograd ? FS(winograd_images)(to, from, 0, count, p->winograd, bias, relu, &p->s) : FS_EDOMAIN;
    if (status != FS_EDOMAIN) return status;
    if (p->direct) {
        for (ptrdiff_t unit = 0; unit < count * p->d.blocks; unit++) {
            FS(direct_unit)(&p->d, to, from, unit, bias, relu, workspace);
        }
        return FS_OK;
    }
    const ptrdiff_t in = s->h * s->w * s->c, out = s->out_h * s->out_w * s->k;
    status = FS_OK;
    for (ptrdiff_t n = 0; n < count && status == FS_OK; n++) {
        status = p->backward ? FS(conv2d_backward)(to + n * in, NULL, NULL, from + n * out, from, p->w, s)
                             : FS(conv2d_forward)(to + n * out, from + n * in, p->w, bias, s, relu);
    }
    return status;
}

void FS(pass_end)(struct FS(pass) * p) {
    if (p->direct) FS(direct_end)(&p->d);
    fs_free(p->winograd);
}
