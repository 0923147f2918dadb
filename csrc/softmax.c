/* Softmax, log-softmax and log-sum-exp along the middle axis of [outer, n, inner], cut into pieces of whole lines. */
#include "chunks.h"
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

enum { BUNDLE = 64 }; /* lines */

typedef void (*unary)(REAL *y, const REAL *x, ptrdiff_t n, ptrdiff_t inner, ptrdiff_t lines);
typedef void (*binary)(REAL *dx, const REAL *dy, const REAL *y, ptrdiff_t n, ptrdiff_t inner, ptrdiff_t lines);

typedef struct {
    ptrdiff_t outer, n, inner;
    ptrdiff_t width, blocks; /* lines in a piece; pieces in an outer block, or 0: lines are rows, pieces cross the blocks */
    unary forward;
    binary backward;
    REAL *out;
    const REAL *dy, *x, *y;
    int reduced; /* logsumexp: the value has one element for each line */
} job;

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

static void run_piece(ptrdiff_t chunk, void *ctx) {
    const job *g = ctx;
    const ptrdiff_t block = g->blocks ? chunk / g->blocks : 0, size = g->blocks ? g->inner : g->outer;
    const ptrdiff_t first = (g->blocks ? chunk % g->blocks : chunk) * g->width, lines = min(g->width, size - first);
    const ptrdiff_t line = block * g->inner + first;
    const ptrdiff_t at = g->blocks ? block * g->n * g->inner + first : first * g->n;
    if (g->forward) {
        g->forward(g->out + (g->reduced ? line : at), g->x + at, g->n, g->inner, lines);
    } else if (g->reduced) {
        FS(simd)->logsumexp_backward(g->out + at, g->dy + line, g->x + at, g->y + line, g->n, g->inner, lines);
    } else {
        g->backward(g->out + at, g->dy + at, g->y + at, g->n, g->inner, lines);
    }
}

static int run(job g) {
    const ptrdiff_t lines = g.outer * g.inner, size = lines * g.n;
    if (lines == 0 || (g.n == 0 && !(g.reduced && g.forward))) return FS_OK; /* nothing to write, however many lines */
    g.width = size < SERIAL ? lines : PIECE / g.n > 0 ? PIECE / g.n : 1;
    if (g.inner > 1) {
        g.width = min(ceil_div(g.width, BUNDLE) * BUNDLE, g.inner);
        g.blocks = ceil_div(g.inner, g.width);
    }
    const ptrdiff_t pieces = g.blocks ? g.outer * g.blocks : ceil_div(g.outer, g.width);
    if (size < SERIAL) {
        for (ptrdiff_t i = 0; i < pieces; i++) run_piece(i, &g);
    } else {
        fs_parallel_for(pieces, run_piece, &g);
    }
    return FS_OK;
}

int FS(softmax_forward)(REAL *y, const REAL *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner) {
    return run((job){.outer = outer, .n = n, .inner = inner, .forward = FS(simd)->softmax_forward, .out = y, .x = x});
}

int FS(softmax_backward)(REAL *dx, const REAL *dy, const REAL *y, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner) {
    const binary f = FS(simd)->softmax_backward;
    return run((job){.outer = outer, .n = n, .inner = inner, .backward = f, .out = dx, .dy = dy, .y = y});
}

int FS(log_softmax_forward)(REAL *y, const REAL *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner) {
    return run((job){.outer = outer, .n = n, .inner = inner, .forward = FS(simd)->log_softmax_forward, .out = y, .x = x});
}

int FS(log_softmax_backward)(REAL *dx, const REAL *dy, const REAL *y, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner) {
    const binary f = FS(simd)->log_softmax_backward;
    return run((job){.outer = outer, .n = n, .inner = inner, .backward = f, .out = dx, .dy = dy, .y = y});
}

int FS(logsumexp_forward)(REAL *y, const REAL *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner) {
    const unary f = FS(simd)->logsumexp_forward;
    return run((job){.outer = outer, .n = n, .inner = inner, .forward = f, .out = y, .x = x, .reduced = 1});
}

int FS(logsumexp_backward)(REAL *dx, const REAL *dy, const REAL *x, const REAL *y, ptrdiff_t outer, ptrdiff_t n,
                           ptrdiff_t inner) {
    return run((job){.outer = outer, .n = n, .inner = inner, .out = dx, .dy = dy, .x = x, .y = y, .reduced = 1});
}
