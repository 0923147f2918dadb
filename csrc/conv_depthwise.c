/* Depthwise convolution, row by row: where the taps of a row lie side by side each pixel of the source is loaded once for
 * all of them; any other filter is a list of taps. Borders are cut: nothing is copied, unless a filter is not finite.
 */
#include "conv.h"
#include "simd/kernels.h"

typedef struct FS(direct) sweep;
typedef struct fs_phase phase;
typedef struct fs_tap tap;

ptrdiff_t FS(depthwise_beside)(const sweep *d) {
    const phase *p = d->phase;
    if (d->phases != 1 || d->step_w != 1 || p->count == 0 || (p->per_row != 3 && p->per_row != 5)) return 0;
    const ptrdiff_t first = d->taps[p->first].col, last = d->taps[p->first + p->per_row - 1].col, size = p->per_row;
    if (last - first != size - 1) return 0;
    return -first < size && p->cols + last - d->w_in < size ? size : 0;
}

/* The row of the source and the column of the image that the first tap of the first pixel sees. */
static struct fs_window window_of(const sweep *d, ptrdiff_t rows) {
    const tap *t = d->taps + d->phase->first;
    struct fs_window w = {.rows = rows, .size = d->taps_beside, .pixel = d->c, .lo = -t->col, .hi = d->w_in - t->col};
    if (d->phase->count > w.size) w.row = (t[w.size].row - t->row) * d->line * d->c;
    return w;
}

static void beside_row(const sweep *d, const struct fs_segments *all, ptrdiff_t skipped, REAL *y, const REAL *a,
                       ptrdiff_t base, const REAL *bias, int relu) {
    struct fs_window window = window_of(d, all->count / d->taps_beside);
    if (d->copied) { /* all columns are there */
        window.lo = 0;
        window.hi = window.size + d->line;
    }
    const ptrdiff_t at = (all->count ? all->at[0] : 0) + (d->edges ? base * d->w_in * d->c : 0);
    FS(simd)->conv_depthwise_row(y, d->jump_w * d->k, &window, a + at, d->w + d->phase->weights + skipped * d->k, bias, relu,
                                 d->k, d->phase->cols);
}

/* Which taps of a row, lo .. hi, meet the image at pixel j. */
static void meeting_columns(ptrdiff_t *lo, ptrdiff_t *hi, const sweep *d, const phase *p, ptrdiff_t j) {
    const tap *t = d->taps + p->first;
    const ptrdiff_t at = j * d->step_w;
    *lo = 0, *hi = p->per_row;
    while (d->edges && *lo < *hi && at + t[*lo].col < 0) ++*lo;
    while (d->edges && *hi > *lo && at + t[*hi - 1].col >= d->w_in) --*hi;
}

/* In runs of pixels that see the same taps. */
void FS(depthwise_row)(const sweep *d, const phase *p, const struct fs_segments *all, ptrdiff_t skipped, REAL *y,
                       const REAL *a, ptrdiff_t base, const REAL *bias, int relu, ptrdiff_t *list) {
    if (d->taps_beside) {
        beside_row(d, all, skipped, y, a, base, bias, relu);
        return;
    }
    const ptrdiff_t x_step = d->step_w * d->c, y_step = d->jump_w * d->k;
    for (ptrdiff_t j = 0, end; j < p->cols; j = end) {
        ptrdiff_t lo, hi, next_lo, next_hi, used = 0, *weights = list + d->used;
        meeting_columns(&lo, &hi, d, p, j);
        for (end = j + 1; end < p->cols; end++) {
            meeting_columns(&next_lo, &next_hi, d, p, end);
            if (next_lo != lo || next_hi != hi) break;
        }
        for (ptrdiff_t first = 0; first < all->count; first += p->per_row) {
            for (ptrdiff_t t = first + lo; t < first + hi; t++) {
                list[used] = all->at[t] + (d->edges ? base * d->w_in * d->c : 0) + j * x_step;
                weights[used++] = (skipped + t) * d->k;
            }
        }
        const struct fs_segments taps = {used, 1, list};
        FS(simd)->conv_depthwise(y + j * y_step, y_step, &taps, a, x_step, d->w + p->weights, weights, bias, relu, d->k,
                                 end - j);
    }
}

void FS(depthwise_sums)(const sweep *d, REAL *dw, const REAL *dy, const REAL *image, ptrdiff_t i0, ptrdiff_t rows,
                        int accumulate) {
    const tap *t = d->taps + d->phase->first;
    const struct fs_window window = window_of(d, 3);
    for (ptrdiff_t i = i0; i < i0 + rows; i++, dy += d->out_w * d->k) {
        const REAL *line[3];
        for (int r = 0; r < 3; r++) {
            const ptrdiff_t row = i * d->step_h + t[r * 3].row;
            line[r] = row < 0 || row >= d->h_in ? NULL : image + (row * d->w_in + t->col) * d->c;
        }
        FS(simd)->conv_depthwise_row_sums(dw, line, &window, dy, d->k, d->out_w, accumulate || i > i0);
    }
}
