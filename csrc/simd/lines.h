/* Lines of numbers to be reduced, one whole line at a time or VL lines side by side: written once, for both.
 *
 * Element i of line j is at x[i * inner + j]. With inner = 1 the lines are rows, one after the other, and a register holds
 * consecutive elements of one; otherwise a register holds the same element of neighbouring lines. Either way a line (or a
 * bundle of them) is `steps` registers, `stride` apart, all of `lanes` lanes but the last, which has `last`.
 */
#ifndef FS_LINES_H
#define FS_LINES_H

#include "math.h"

typedef struct {
    ptrdiff_t steps, stride, lanes, last;
    int rows;            /* a register is part of one line: reductions go on across its lanes */
    ptrdiff_t at, index; /* where its first element is, and which line it is */
} fs_line;

FS_INLINE fs_line line_at(ptrdiff_t at, ptrdiff_t index, ptrdiff_t n, ptrdiff_t inner, ptrdiff_t lines) {
    if (inner == 1) {
        const ptrdiff_t steps = (n + VL - 1) / VL;
        const fs_line row = {steps, VL, VL, n - (steps - 1) * VL, 1, at, index};
        return row;
    }
    const ptrdiff_t lanes = FS_MIN(lines - index, VL);
    const fs_line bundle = {n, inner, lanes, lanes, 0, at, index};
    return bundle;
}
FS_INLINE fs_line line_after(fs_line w, ptrdiff_t n, ptrdiff_t inner, ptrdiff_t lines) {
    return w.rows ? line_at(w.at + n, w.index + 1, n, inner, lines)
                  : line_at(w.at + w.lanes, w.index + w.lanes, n, inner, lines);
}

/* All lines, or bundles of them, of a kernel's arguments n, inner and lines. */
#define EACH_LINE(w) \
    for (fs_line w = line_at(0, 0, n, inner, lines); w.index < lines; w = line_after(w, n, inner, lines))

FS_INLINE ptrdiff_t line_lanes(fs_line w, ptrdiff_t k) { return k == w.steps - 1 ? w.last : w.lanes; } /* at step k */

/* x in the lanes that register k of the line fills, `fill` in the others. */
FS_INLINE vec line_inside(fs_line w, ptrdiff_t k, vec x, vec fill) {
    static const REAL order[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const ptrdiff_t lanes = line_lanes(w, k);
    return lanes == VL ? x : v_select(v_lt(v_load(order), v_set1((REAL)lanes)), x, fill);
}

/* Register k of the line; `fill` in the lanes where the line has ended. */
FS_INLINE vec line_get(const REAL *p, fs_line w, ptrdiff_t k, vec fill) {
    const ptrdiff_t lanes = line_lanes(w, k);
    if (lanes == VL) return v_load(p + k * w.stride);
    return line_inside(w, k, v_load_n(p + k * w.stride, lanes), fill);
}
FS_INLINE void line_put(REAL *p, fs_line w, ptrdiff_t k, vec x) {
    const ptrdiff_t lanes = line_lanes(w, k);
    if (lanes == VL) {
        v_store(p + k * w.stride, x);
    } else {
        v_store_n(p + k * w.stride, x, lanes);
    }
}

/* One number for each line: the same in all lanes of a row. */
FS_INLINE vec line_get_one(const REAL *p, fs_line w) { return w.rows ? v_set1(*p) : v_load_n(p, w.lanes); }
FS_INLINE void line_put_one(REAL *p, fs_line w, vec x) { v_store_n(p, x, w.rows ? 1 : w.lanes); }
FS_INLINE vec line_total(fs_line w, vec sum) { return w.rows ? v_set1(v_sum(sum)) : sum; }

/* The largest element. A NaN may be overlooked: it shows in every sum. */
FS_INLINE vec line_max(const REAL *x, fs_line w) {
    const vec lowest = v_neg(v_infinity());
    vec m = lowest;
    for (ptrdiff_t k = 0; k < w.steps; k++) m = v_max(m, line_get(x, w, k, lowest));
    return w.rows ? v_set1(v_hmax(m)) : m;
}

/* The sum of exp(x - m). */
FS_INLINE vec line_sum_exp(const REAL *x, fs_line w, vec m) {
    vec sum = v_zero();
    for (ptrdiff_t k = 0; k < w.steps; k++) {
        sum = v_add(sum, v_exp(v_sub(line_get(x, w, k, v_neg(v_infinity())), m)));
    }
    return line_total(w, sum);
}

#endif
