/* Cholesky's factor in place, right-looking: column panel after column panel, and what is left of the matrix loses its product
 * with itself after each.
 *
 * A panel is its corner and the rows below. Those are divided by the corner where they lie packed, as the right-hand factor
 * of the product to come, a register's lanes being rows; and packed once more, with the other sign, as its left-hand one.
 * The product makes tiles on or below the diagonal only. Its first chunk is the next corner, which is then factored while
 * the other chunks are at work, so that no thread ever waits for one.
 *
 * A corner is a small matrix, and is factored in the same way by panels of BASE columns, the corners of which are a
 * micro-kernel's.
 */
#include "cholesky.h"
#include "fastscratch.h"
#include "simd/kernels.h"

#include <math.h>

enum {
    BASE = CHOLESKY_BASE,
    LINE = 64 / (int)sizeof(REAL),
    DEPTH = 2048 / (int)sizeof(REAL), /* columns of a panel, at most: a strip stays in the first cache */
    MIN_DEPTH = 96,                   /* where whole tiles allow it */
    PIECE = 128,                      /* rows of a chunk, about */
    PIECE_COLUMNS = 512,              /* its columns: of the panel they fill the second cache */
    MAX_TILE = 14 * 128 / (int)sizeof(REAL),
    MIN_PARALLEL = 200000
};

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
static ptrdiff_t round_up(ptrdiff_t a, ptrdiff_t b) { return ceil_div(a, b) * b; }

typedef struct {
    REAL *a; /* the panel's corner in the matrix */
    ptrdiff_t ld;
    ptrdiff_t depth, rows, next; /* columns of the panel, rows below its corner, columns of the next panel */
    REAL *corner;                /* -L, and 1 / L on the diagonal; rows step apart, as in strips */
    REAL *strips, *panels;       /* the rows below: -L by gemm_mr rows, L^T by gemm_nr columns */
    REAL *inner;                 /* workspace of a corner that is factored by panels of its own */
    ptrdiff_t step, unit, piece, columns;
    ptrdiff_t order; /* of the leading minor of the next corner that is not positive, or 0 */
} panel;

/* Rows that are whole strips and whole panels. */
static ptrdiff_t whole_tiles(void) {
    const ptrdiff_t mr = FS(simd)->gemm_mr, nr = FS(simd)->gemm_nr;
    ptrdiff_t rows = mr;
    while (rows % nr) rows += mr;
    return rows;
}

static ptrdiff_t step_of(ptrdiff_t depth) { return round_up(depth, LINE) + LINE; }
static ptrdiff_t corner_size(ptrdiff_t depth) { return depth * step_of(depth); }
static ptrdiff_t strips_size(ptrdiff_t rows, ptrdiff_t depth) { return rows * step_of(depth); }
static ptrdiff_t panels_size(ptrdiff_t rows, ptrdiff_t depth) { return round_up(rows, FS(simd)->gemm_nr) * depth; }
static ptrdiff_t work_size(ptrdiff_t n, ptrdiff_t depth) {
    return corner_size(depth) + strips_size(n, depth) + round_up(panels_size(n, depth), LINE);
}

static panel with_work(REAL *work, ptrdiff_t ld, ptrdiff_t n, ptrdiff_t depth) {
    REAL *panels = work + corner_size(depth), *strips = panels + round_up(panels_size(n, depth), LINE);
    return (panel){.ld = ld, .corner = work, .panels = panels, .strips = strips, .step = step_of(depth)};
}

static void move_to(panel *g, REAL *a, ptrdiff_t n, ptrdiff_t k, ptrdiff_t depth) {
    g->a = a + k * (g->ld + 1);
    g->depth = min(depth, n - k);
    g->rows = n - k - g->depth;
    g->next = min(depth, g->rows);
}

/* One panel of rows below the corner, X = C^-1 X: what is known is taken from some rows, then those are divided by their
 * own triangle. */
static void divide_panel(const panel *g, REAL *x) {
    const ptrdiff_t mr = FS(simd)->gemm_mr, nr = FS(simd)->gemm_nr;
    for (ptrdiff_t c = 0; c < g->depth; c += mr) {
        const ptrdiff_t height = min(mr, g->depth - c);
        const REAL *row = g->corner + c * g->step;
        if (c > 0) FS(simd)->gemm_tile(height, nr, c, row, g->step, 1, x, nr, x + c * nr, nr, 1, NULL);
        FS(simd)->cholesky_divide(x + c * nr, row + c, g->step, height);
    }
}

/* Rows r0 .. r1 below the corner; r0 is the first row of a strip and of a panel. */
static void divide(const panel *g, ptrdiff_t r0, ptrdiff_t r1) {
    const ptrdiff_t nr = FS(simd)->gemm_nr;
    for (ptrdiff_t r = r0; r < r1; r += nr) {
        REAL *x = g->panels + r * g->depth, *l = g->a + (g->depth + r) * g->ld;
        const ptrdiff_t width = min(nr, r1 - r);
        FS(simd)->gemm_pack(x, l, 1, g->ld, g->depth, width);
        divide_panel(g, x);
        FS(simd)->transpose(l, g->ld, x, nr, g->depth, width);
        for (ptrdiff_t i = r; i < r + width; i++) {
            FS(simd)->cholesky_negate(g->strips + i * g->step, l + (i - r) * g->ld, g->depth);
        }
    }
}

/* A tile that the diagonal goes through: added where it lies on or below. */
static void ragged_tile(const panel *g, ptrdiff_t i, ptrdiff_t height, ptrdiff_t j, ptrdiff_t width, REAL *c) {
    _Alignas(64) REAL tile[MAX_TILE];
    const ptrdiff_t nr = FS(simd)->gemm_nr;
    FS(simd)->gemm_tile(height, width, g->depth, g->strips + i * g->step, g->step, 1, g->panels + j * g->depth, nr, tile,
                        nr, 0, NULL);
    for (ptrdiff_t r = 0; r < height; r++) {
        const ptrdiff_t count = min(width, i + r - j + 1);
        for (ptrdiff_t q = 0; q < count; q++) c[r * g->ld + q] += tile[r * nr + q];
    }
}

/* What comes next lies far away, and is sent for while a tile is computed: a tile of what is left, to be written, ... */
static void send_for_tile(const REAL *c, ptrdiff_t ld, ptrdiff_t rows, ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t j = begin; j < end; j += LINE) FS_PREFETCH(c, r * ld + j);
    }
}

/* ... and of a strip the part from `begin` to `end`, of `all`. */
static void send_for_strip(const REAL *strip, ptrdiff_t size, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t all) {
    for (ptrdiff_t x = size * begin / all; x < size * end / all; x += LINE) FS_FETCH(strip, x);
}

/* What is left, less the product of rows r0 .. r1 and columns c0 .. c1 below the corner, as far as it is on or below the
 * diagonal; both begin with a strip and with a panel, and end there or with the matrix. */
static void update(const panel *g, ptrdiff_t r0, ptrdiff_t r1, ptrdiff_t c0, ptrdiff_t c1) {
    const ptrdiff_t mr = FS(simd)->gemm_mr, nr = FS(simd)->gemm_nr;
    REAL *left = g->a + g->depth * (g->ld + 1);
    for (ptrdiff_t i = r0; i < r1; i += mr) {
        const ptrdiff_t height = min(mr, r1 - i), end = min(c1, i + height), size = mr * g->step;
        const REAL *a = g->strips + i * g->step;
        for (ptrdiff_t j = c0; j < end; j += nr) {
            const ptrdiff_t width = min(nr, c1 - j);
            REAL *c = left + i * g->ld + j;
            if (j + nr < end) send_for_tile(c, g->ld, height, nr, 2 * nr);
            if (i + mr < r1) send_for_strip(a + size, size, j - c0, j - c0 + nr, end - c0);
            if (j + width - 1 > i) {
                ragged_tile(g, i, height, j, width, c);
            } else {
                FS(simd)->gemm_tile(height, width, g->depth, a, g->step, 1, g->panels + j * g->depth, nr, c, g->ld, 1, NULL);
            }
        }
    }
}

static ptrdiff_t factor_small(REAL *a, ptrdiff_t ld, ptrdiff_t n, REAL *work) {
    panel g = with_work(work, ld, n, min(n, BASE));
    for (ptrdiff_t k = 0; k < n; k += BASE) {
        move_to(&g, a, n, k, BASE);
        FS(simd)->cholesky_corner(g.a, ld, g.depth, g.corner, g.step, &g.order);
        if (g.order != 0) return k + g.order;
        divide(&g, 0, g.rows);
        update(&g, 0, g.rows, 0, g.rows);
    }
    return 0;
}

/* The corner of width n at a, and what rows are divided by. */
static void factor_corner(panel *g, REAL *a, ptrdiff_t n) {
    g->order = factor_small(a, g->ld, n, g->inner);
    for (ptrdiff_t i = 0; i < n; i++) {
        REAL *row = g->corner + i * g->step;
        FS(simd)->cholesky_negate(row, a + i * g->ld, i);
        row[i] = 1 / a[i * g->ld + i];
    }
}

static void divide_chunk(ptrdiff_t chunk, void *ctx) {
    const panel *g = ctx;
    divide(g, chunk * g->unit, min((chunk + 1) * g->unit, g->rows));
}

/* Chunk 0 is the next corner; the others are pieces of the rows below it, one column of pieces after the other. */
static void update_chunk(ptrdiff_t chunk, void *ctx) {
    panel *g = ctx;
    if (chunk == 0) {
        update(g, 0, g->next, 0, g->next);
        factor_corner(g, g->a + g->depth * (g->ld + 1), g->next);
        return;
    }
    ptrdiff_t c = 0, y = chunk - 1;
    const ptrdiff_t pieces = ceil_div(g->rows - g->next, g->piece);
    for (;; c += g->columns) {
        const ptrdiff_t first = max(0, c - g->next) / g->piece; /* the first piece that reaches the diagonal */
        if (y < pieces - first) {
            const ptrdiff_t r = g->next + (first + y) * g->piece;
            update(g, r, min(r + g->piece, g->rows), c, min(c + g->columns, g->rows));
            return;
        }
        y -= pieces - first;
    }
}

static ptrdiff_t update_chunks(const panel *g) {
    const ptrdiff_t pieces = ceil_div(g->rows - g->next, g->piece);
    ptrdiff_t chunks = 1;
    for (ptrdiff_t c = 0; c < g->rows; c += g->columns) chunks += max(0, pieces - max(0, c - g->next) / g->piece);
    return chunks;
}

static void run_chunks(ptrdiff_t chunks, fs_chunk_fn fn, void *ctx, double work) {
    if (work >= MIN_PARALLEL) {
        fs_parallel_for(chunks, fn, ctx);
    } else {
        for (ptrdiff_t i = 0; i < chunks; i++) fn(i, ctx);
    }
}

static ptrdiff_t factor_large(REAL *a, ptrdiff_t ld, ptrdiff_t n, ptrdiff_t depth, REAL *work) {
    panel g = with_work(work, ld, n, depth);
    g.inner = work + round_up(work_size(n, depth), LINE);
    g.unit = whole_tiles();
    g.piece = max(1, PIECE / g.unit) * g.unit;
    g.columns = max(1, PIECE_COLUMNS / g.piece) * g.piece;
    factor_corner(&g, a, min(depth, n));
    for (ptrdiff_t k = 0; k < n; k += depth) {
        if (g.order != 0) return k + g.order;
        move_to(&g, a, n, k, depth);
        if (g.rows == 0) break;
        const double work_below = (double)g.rows * (double)g.depth;
        run_chunks(ceil_div(g.rows, g.unit), divide_chunk, &g, work_below * (double)g.depth);
        run_chunks(update_chunks(&g), update_chunk, &g, work_below * (double)g.rows);
    }
    return 0;
}

/* Columns of a panel: whole tiles, few enough that the corners are a small part of the work. */
static ptrdiff_t depth_for(ptrdiff_t n) {
    const ptrdiff_t unit = whole_tiles();
    return max(1, max(MIN_DEPTH, min(DEPTH, n / 8)) / unit) * unit;
}

ptrdiff_t FS(cholesky_factor)(REAL *a, ptrdiff_t ld, ptrdiff_t n) {
    const ptrdiff_t depth = depth_for(n);
    const int small = n <= 2 * depth;
    const ptrdiff_t inner = work_size(small ? n : depth, min(n, BASE));
    REAL *work = fs_alloc((size_t)(inner + (small ? 0 : round_up(work_size(n, depth), LINE))) * sizeof(REAL));
    if (!work) return -1;
    const ptrdiff_t order = small ? factor_small(a, ld, n, work) : factor_large(a, ld, n, depth, work);
    fs_free(work);
    return order;
}
