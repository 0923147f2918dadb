/* Between conv.c, its algorithms, and conv_pool.c: what the one asks of the other. */
#ifndef FS_CONV_H
#define FS_CONV_H

#include "fastscratch.h"
#include "real.h"
#include "simd/segments.h"

/* ---- conv.c ---- */

/* The convolution that makes dx out of dy, for stride 1. */
struct fs_conv FS(transposed)(const struct fs_conv *s);
int FS(filters_finite)(const REAL *w, const struct fs_conv *s);
/* dw and db (either may be NULL) from `parts` sums of direct_sums, `size` elements each: dw, ..., and db at the end. */
void FS(direct_finish)(REAL *dw, REAL *db, REAL *sums, ptrdiff_t parts, ptrdiff_t size, const struct fs_conv *s);

/* ---- conv_columns.c: any shape, written out; on all threads ---- */

int FS(columns_forward)(REAL *y, const REAL *x, const REAL *w, const REAL *b, const struct fs_conv *s, int relu);
int FS(columns_input_gradient)(REAL *dx, const REAL *dy, const REAL *w, const struct fs_conv *s);
int FS(columns_filter_gradient)(REAL *dw, REAL *db, const REAL *dy, const REAL *x, const struct fs_conv *s);

/* ---- conv_direct.c: any shape, read where it lies; by one thread ---- */

struct fs_tap {
    ptrdiff_t element, row, col; /* r * S + s of the filter; where it lies, from the source pixel of the output pixel */
};
struct fs_phase {
    ptrdiff_t h, w, rows, cols;      /* its first output pixel, and how many it has */
    ptrdiff_t first, count, per_row; /* its taps, and how many of them lie in one row */
    ptrdiff_t *segments;             /* where they lie in the padded image */
    ptrdiff_t weights;               /* where its filters begin */
};
enum { FS_TILE, FS_DOTS, FS_ROWS, FS_DEPTHWISE };
struct FS(direct) { /* one sweep, prepared: read by all threads */
    ptrdiff_t c, h_in, w_in, k, out_h, out_w, groups, cg, kg; /* source and output; cg, kg: channels of each in a group */
    ptrdiff_t step_h, step_w, jump_h, jump_w; /* from a pixel of a phase to the next: in the source, and in the output */
    int kind, backward, joined, copied; /* joined: taps of a row are one segment */
    int skips, edges;                   /* taps outside may be left out: whole rows of them, or all */
    ptrdiff_t taps_beside;              /* depthwise: the length of rows of taps that lie side by side, if there is a kernel */
    ptrdiff_t top, left, bottom, right, line, corner; /* the part of the padded source that is read */
    ptrdiff_t window, used, phases, panels, parts; /* parts: a panel, a group or all of the channels, in a turn */
    ptrdiff_t rows, unit_rows, blocks, unit_work; /* of a phase; in a unit; units in an image; multiplications in one */
    ptrdiff_t copy, workspace; /* elements: of the padded copy, and all that a unit needs */
    struct fs_phase *phase; /* with taps, at and row_at in the same block */
    struct fs_tap *taps;
    ptrdiff_t *at, *row_at;
    REAL *w; /* the filters, packed */
};

/* Prepares y = x convolved with w, or, backward, dx from dy; w NULL: for direct_sums alone. */
int FS(direct_forward)(struct FS(direct) *d, const struct fs_conv *s, const REAL *w);
int FS(direct_backward)(struct FS(direct) *d, const struct fs_conv *s, const REAL *w);
void FS(direct_end)(struct FS(direct) *d);

/* Rows i0 .. i1 (of a phase: times jump_h) of one image, at most unit_rows of them; y is where row i0 goes. */
void FS(direct_rows)(const struct FS(direct) *d, REAL *y, const REAL *image, ptrdiff_t i0, ptrdiff_t i1, const REAL *bias,
                     int relu, REAL *workspace);
/* Unit `unit` (of blocks in each image): y from x, or dx from dy. bias may be NULL. */
void FS(direct_unit)(const struct FS(direct) *d, REAL *y, const REAL *x, ptrdiff_t unit, const REAL *bias, int relu,
                     REAL *workspace);
/* What rows i0 .. i0 + rows of one image, or a unit, give to dw [group][r][s][c][k / groups] (depthwise: [r][s][k]) and
 * db [k] (either may be NULL), set or added. dy is where row i0 is. */
void FS(direct_sums)(const struct FS(direct) *d, REAL *dw, REAL *db, const REAL *dy, const REAL *image, ptrdiff_t i0,
                     ptrdiff_t rows, int accumulate, REAL *workspace);
void FS(direct_unit_sums)(const struct FS(direct) *d, REAL *dw, REAL *db, const REAL *dy, const REAL *x, ptrdiff_t unit,
                          int accumulate, REAL *workspace);
ptrdiff_t FS(direct_sums_workspace)(const struct FS(direct) *d);

/* ---- conv_depthwise.c: its rows, where each channel sees only itself ---- */

/* 3 or 5, for filters of rows that long, side by side in the source; else 0. */
ptrdiff_t FS(depthwise_beside)(const struct FS(direct) * d);
/* A row of pixels of a phase; the taps in `all` meet the rows of the image, `skipped` before them do not. y and a are where the
 * row begins; list has room for two numbers for each tap. */
void FS(depthwise_row)(const struct FS(direct) * d, const struct fs_phase *p, const struct fs_segments *all,
                       ptrdiff_t skipped, REAL *y, const REAL *a, ptrdiff_t base, const REAL *bias, int relu,
                       ptrdiff_t *list);
/* What rows i0 .. i0 + rows give to dw [tap][k]; for 3 x 3 taps side by side. */
void FS(depthwise_sums)(const struct FS(direct) * d, REAL *dw, const REAL *dy, const REAL *image, ptrdiff_t i0,
                        ptrdiff_t rows, int accumulate);

/* ---- conv_pass.c: whole images, some at a time; by one thread ---- */

struct FS(pass) {
    struct fs_conv s, forward; /* what is run: the convolution or the transposed one; and the convolution, of one image */
    const REAL *w;
    REAL *winograd;
    struct FS(direct) d;
    int backward, direct;
    ptrdiff_t workspace; /* elements */
};

int FS(pass_begin)(struct FS(pass) * p, const struct fs_conv *s, const REAL *w, int backward);
int FS(pass_images)(const struct FS(pass) * p, REAL *to, const REAL *from, ptrdiff_t count, const REAL *bias, int relu,
                    REAL *workspace);
void FS(pass_end)(struct FS(pass) * p); /* after a failure to begin, too */

/* ---- winograd.c: F(4x4, 3x3), for 3 x 3 filters, stride 1, padding up to twice the dilation ----
 * A status of FS_EDOMAIN says that something was not finite: one infinity spoils a whole tile, so the result is of no use
 * and the direct kernel has to make it. */

/* Is it used here? By shape, type and fs_conv_algorithm_get() alone; in double never. */
int FS(winograd_applies)(const struct fs_conv *s);

/* y = x convolved, on all threads; arguments as of winograd_filters and winograd_images. */
int FS(winograd_convolve)(REAL *y, const REAL *x, const REAL *w, const REAL *bias, int relu, int turned,
                          const struct fs_conv *s);
/* The gradients in w and in b (db may be NULL), on all threads. */
int FS(winograd_filter_gradient)(REAL *dw, REAL *db, const REAL *dy, const REAL *x, const struct fs_conv *s);

/* What these are made of; but for winograd_filters and winograd_finish it runs on the caller's thread alone. */

/* The filters w [k][c / groups][3][3] transformed, for winograd_images; fs_free them. With `turned`, s is the shape of the
 * convolution that makes dx out of dy (its c is the k of w), and w is as ever. NULL: no memory. */
REAL *FS(winograd_filters)(const REAL *w, const struct fs_conv *s, int turned);

/* Images n0 .. n1 of x convolved, plus bias (may be NULL), negatives set to 0 if relu. y and x are where image 0 is, or
 * would be. */
int FS(winograd_images)(REAL *y, const REAL *x, ptrdiff_t n0, ptrdiff_t n1, const REAL *filters, const REAL *bias,
                        int relu, const struct fs_conv *s);

/* The sums over images n0 .. n1 that the gradients in w and b are made of: winograd_sums_size elements, which are set or,
 * with `accumulate`, added to. */
ptrdiff_t FS(winograd_sums_size)(const struct fs_conv *s);
int FS(winograd_sums)(REAL *sums, const REAL *dy, const REAL *x, ptrdiff_t n0, ptrdiff_t n1, int accumulate,
                      const struct fs_conv *s);
/* dw and db (may be NULL) from `parts` such sums, one after the other in memory, added in their order. */
int FS(winograd_finish)(REAL *dw, REAL *db, const REAL *sums, ptrdiff_t parts, const struct fs_conv *s);

#endif
