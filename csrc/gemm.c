/* C = A B + bias: cache blocking, packing and the split among threads, around the micro-kernel of simd/gemm.c.
 *
 * A and B are read in place, by strides, where the caches allow it. B is packed into panels as wide as the tile where its
 * columns are not unit-stride or its rows collide: where A is low, each chunk packs the panels of its own columns as it
 * comes to them, and nobody waits for anybody; otherwise all are packed beforehand, for all. A is packed, tile by tile,
 * where its rows collide or its columns lie far apart. One row times a matrix has kernels of its own: all it does is read B.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <string.h>

enum {
    KC = 2048 / (int)sizeof(REAL), /* depth of a block: C is read and written again for each */
    NC = 512,                      /* columns of a block, packed or not, that stay in the second cache */
    MAX_MR = 14,
    MAX_NR = 128 / (int)sizeof(REAL),
    SLACK = 64 / (int)sizeof(REAL), /* what gemm_pack_lines may write beyond its end */
    MAX_OWN_ROWS = 256,      /* rows of A up to which its block stays in the second cache for all panels */
    MAX_ROW_STRIDE = 4096,
    MIN_PARALLEL = 400000,   /* multiplications worth waking a thread for ... */
    MIN_CHUNK_WORK = 100000, /* ... and worth fetching, once it is awake */
    MIN_PARALLEL_ROW = 100000, /* the same for one row, where each multiplication takes a number from memory */
    MIN_CHUNK_ROW = 50000,
    MAX_CHUNKS = 64,
    FEW_CHUNKS = 8 /* columns are cut no further where every piece packs the same rows of A anew */
};

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
static ptrdiff_t round_up(ptrdiff_t a, ptrdiff_t b) { return ceil_div(a, b) * b; }

typedef struct {
    REAL *c;
    const REAL *a, *b, *bias;
    REAL *panels; /* B packed for all, or NULL */
    ptrdiff_t ldc, a_row, a_col, b_row, b_col;
    ptrdiff_t m, n, k;
    ptrdiff_t depth; /* k is cut into equal stretches of this length, at most KC */
    ptrdiff_t block_m, block_n, blocks_n; /* a chunk is one block_m x block_n piece of C */
    int accumulate, pack_a, own_panels;
} product;

/* Rows and columns of C, and the stretch of k, at work. */
typedef struct {
    ptrdiff_t i0, i1, j0, j1, p, kc;
} block;

/* Where the panel of columns j .. j+nr, rows p .. p+kc is: all panels of one stretch of k lie together. */
static REAL *panel_at(const product *g, ptrdiff_t j, ptrdiff_t p, ptrdiff_t kc) {
    return g->panels + p * round_up(g->n, FS(simd)->gemm_nr) + j * kc;
}

/* Columns j .. j+nr of B, all of k, row after row, zeros where B ends. */
static void pack_panel(ptrdiff_t panel, void *ctx) {
    const product *g = ctx;
    const ptrdiff_t nr = FS(simd)->gemm_nr, j = panel * nr;
    for (ptrdiff_t p = 0; p < g->k; p += g->depth) {
        const ptrdiff_t kc = min(g->depth, g->k - p);
        FS(simd)->gemm_pack(panel_at(g, j, p, kc), g->b + p * g->b_row + j * g->b_col, g->b_row, g->b_col, kc,
                            min(nr, g->n - j));
    }
}

/* One tile of C from row i, column j; b is B there, its rows ldb apart. */
static void one_tile(const product *g, const block *at, ptrdiff_t i, ptrdiff_t height, ptrdiff_t j, const REAL *a,
                     ptrdiff_t a_row, ptrdiff_t a_col, const REAL *b, ptrdiff_t ldb) {
    const int first = at->p == 0;
    FS(simd)->gemm_tile(height, min(FS(simd)->gemm_nr, g->n - j), at->kc, a, a_row, a_col, b, ldb, g->c + i * g->ldc + j,
                        g->ldc, !first || g->accumulate, first && g->bias ? g->bias + j : NULL);
}

/* The strip of A's `height` rows from i, across the block's columns. */
static void tile_columns(const product *g, const block *at, ptrdiff_t i, ptrdiff_t height) {
    REAL rows[MAX_MR * KC + SLACK];
    const ptrdiff_t nr = FS(simd)->gemm_nr;
    const REAL *a = g->a + i * g->a_row + at->p * g->a_col;
    ptrdiff_t a_row = g->a_row, a_col = g->a_col;
    if (g->pack_a && g->a_col == 1) {
        for (ptrdiff_t r = 0; r < height; r++) memcpy(rows + r * at->kc, a + r * a_row, (size_t)at->kc * sizeof(REAL));
        a = rows;
        a_row = at->kc;
    } else if (g->pack_a) {
        FS(simd)->gemm_pack_lines(rows, a, a_col, at->kc, height);
        a = rows;
        a_col = height;
    }
    for (ptrdiff_t j = at->j0; j < at->j1; j += nr) {
        const REAL *b = g->panels ? panel_at(g, j, at->p, at->kc) : g->b + at->p * g->b_row + j;
        one_tile(g, at, i, height, j, a, a_row, a_col, b, g->panels ? nr : g->b_row);
    }
}

/* The panel at column j, packed here and now, down the block's rows. */
static void tile_rows(const product *g, const block *at, ptrdiff_t j) {
    _Alignas(64) REAL panel[KC * MAX_NR];
    const ptrdiff_t nr = FS(simd)->gemm_nr, mr = FS(simd)->gemm_mr, rows = at->i1 - at->i0, tiles = ceil_div(rows, mr);
    FS(simd)->gemm_pack(panel, g->b + at->p * g->b_row + j * g->b_col, g->b_row, g->b_col, at->kc, min(nr, g->n - j));
    for (ptrdiff_t t = 0, i = at->i0; t < tiles; t++) {
        const ptrdiff_t height = rows / tiles + (t < rows % tiles);
        one_tile(g, at, i, height, j, g->a + i * g->a_row + at->p * g->a_col, g->a_row, g->a_col, panel, nr);
        i += height;
    }
}

static void compute_block(ptrdiff_t chunk, void *ctx) {
    const product *g = ctx;
    const ptrdiff_t i0 = chunk / g->blocks_n * g->block_m, i1 = min(i0 + g->block_m, g->m);
    const ptrdiff_t j0 = chunk % g->blocks_n * g->block_n, j1 = min(j0 + g->block_n, g->n);
    /* Rows split evenly, so that no tile is a sliver. */
    const ptrdiff_t tiles = ceil_div(i1 - i0, FS(simd)->gemm_mr), rows = (i1 - i0) / tiles, longer = (i1 - i0) % tiles;
    for (ptrdiff_t p = 0; p < g->k; p += g->depth) {
        const block at = {i0, i1, j0, j1, p, min(g->depth, g->k - p)};
        if (g->own_panels) {
            for (ptrdiff_t j = j0; j < j1; j += FS(simd)->gemm_nr) tile_rows(g, &at, j);
            continue;
        }
        for (ptrdiff_t t = 0, i = i0; t < tiles; t++) {
            const ptrdiff_t height = rows + (t < longer);
            tile_columns(g, &at, i, height);
            i += height;
        }
    }
}

/* Rows a multiple of this many bytes apart fall into few sets of the cache and push each other out. */
static int collides(ptrdiff_t stride) { return stride * (ptrdiff_t)sizeof(REAL) % 1024 == 0; }

static int should_pack_a(const product *g) {
    if (g->n < 2 * FS(simd)->gemm_nr) return 0;
    if (g->a_col == 1) return collides(g->a_row) && g->k > KC; /* rows of one block lie side by side in the sets */
    return g->a_row == 1 && g->a_col * (ptrdiff_t)sizeof(REAL) >= 1024; /* a page for each step of k otherwise */
}

static int should_pack_b(const product *g) {
    if (g->b_col != 1 || g->b_row > MAX_ROW_STRIDE) return 1;
    return collides(g->b_row) && g->m >= 4 * FS(simd)->gemm_mr;
}

/* Pieces of C for the threads, by shape alone: halved while they are worth a thread's while. The longer side first; but
 * rows alone, within limits, where each piece packs its rows, and columns alone where it packs its columns. */
static ptrdiff_t split(product *g) {
    const ptrdiff_t mr = FS(simd)->gemm_mr, nr = FS(simd)->gemm_nr;
    const ptrdiff_t least_m = g->own_panels ? g->m : g->panels ? 2 * mr : g->pack_a ? 8 * mr : mr;
    const ptrdiff_t least_n = g->pack_a ? 4 * nr : nr;
    g->block_m = g->m;
    g->block_n = round_up(ceil_div(g->n, ceil_div(g->n, NC)), nr);
    while (g->m * g->n * g->k >= MIN_PARALLEL) {
        const ptrdiff_t chunks = ceil_div(g->m, g->block_m) * ceil_div(g->n, g->block_n);
        if (chunks >= MAX_CHUNKS || g->block_m * g->block_n * g->k < 2 * MIN_CHUNK_WORK) break;
        const int can_m = g->block_m >= 2 * least_m;
        const int can_n = g->block_n > least_n && !(g->pack_a && chunks >= FEW_CHUNKS);
        if (can_m && (g->pack_a || g->block_m > g->block_n || !can_n)) {
            g->block_m = ceil_div(g->block_m, 2);
        } else if (can_n) {
            g->block_n = round_up(g->block_n / 2, nr);
        } else {
            break;
        }
    }
    g->blocks_n = ceil_div(g->n, g->block_n);
    return ceil_div(g->m, g->block_m) * g->blocks_n;
}

static void fill_empty_sum(const product *g) {
    if (g->accumulate) return;
    for (ptrdiff_t i = 0; i < g->m; i++) {
        for (ptrdiff_t j = 0; j < g->n; j++) g->c[i * g->ldc + j] = g->bias ? g->bias[j] : 0;
    }
}

/* Columns of the one row of C: block_n of them. */
static void compute_row(ptrdiff_t chunk, void *ctx) {
    const product *g = ctx;
    const ptrdiff_t j = chunk * g->block_n, n = min(g->block_n, g->n - j);
    const REAL *bias = g->bias ? g->bias + j : NULL;
    if (g->b_col == 1) {
        FS(simd)->gemm_row(g->c + j, n, g->k, g->a, g->a_col, g->b + j, g->b_row, g->accumulate, bias);
    } else {
        FS(simd)->gemm_dots(g->c + j, n, g->k, g->a, g->b + j * g->b_col, g->b_col, g->accumulate, bias);
    }
}

static int is_row(const product *g) { return g->m == 1 && (g->b_col == 1 || (g->b_row == 1 && g->a_col == 1)); }

static void multiply_row(product *g) {
    const ptrdiff_t most = g->n * g->k < MIN_PARALLEL_ROW ? 1 : g->n * g->k / MIN_CHUNK_ROW;
    g->block_n = round_up(ceil_div(g->n, min(most, MAX_CHUNKS)), g->b_col == 1 ? 128 : 8);
    fs_parallel_for(ceil_div(g->n, g->block_n), compute_row, g);
}

/* A product with one column is, turned round, one with one row. */
static void turn_column(product *g) {
    const product t = *g;
    if (g->n != 1 || g->ldc != 1 || g->bias || g->m == 1) return;
    g->a = t.b, g->a_row = t.b_col, g->a_col = t.b_row;
    g->b = t.a, g->b_row = t.a_col, g->b_col = t.a_row;
    g->m = 1, g->n = t.m, g->ldc = t.m;
}

int FS(gemm)(REAL *c, ptrdiff_t ldc, const REAL *a, ptrdiff_t a_row, ptrdiff_t a_col, const REAL *b, ptrdiff_t b_row,
             ptrdiff_t b_col, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int accumulate, const REAL *bias) {
    product g = {.c = c, .a = a, .b = b, .bias = bias, .ldc = ldc, .a_row = a_row, .a_col = a_col,
                 .b_row = b_row, .b_col = b_col, .m = m, .n = n, .k = k, .accumulate = accumulate};
    if (m == 0 || n == 0) return FS_OK;
    if (k == 0) {
        fill_empty_sum(&g);
        return FS_OK;
    }
    turn_column(&g);
    if (is_row(&g)) {
        multiply_row(&g);
        return FS_OK;
    }
    g.depth = ceil_div(g.k, ceil_div(g.k, KC));
    g.pack_a = should_pack_a(&g);
    if (should_pack_b(&g)) {
        const ptrdiff_t nr = FS(simd)->gemm_nr, panels = ceil_div(g.n, nr);
        g.own_panels = !g.pack_a && g.m <= MAX_OWN_ROWS;
        if (!g.own_panels) {
            g.panels = fs_alloc((size_t)(panels * nr * g.k) * sizeof(REAL));
            if (!g.panels) return FS_ENOMEM;
            fs_parallel_for(panels, pack_panel, &g);
        }
    }
    fs_parallel_for(split(&g), compute_block, &g);
    fs_free(g.panels);
    return FS_OK;
}

typedef struct {
    REAL *c;
    const REAL *a, *b;
    const ptrdiff_t *a_offset, *b_offset;
    ptrdiff_t a_row, a_col, b_row, b_col, terms, m, n, k;
    int *status; /* one for each chunk: no two threads write the same */
} batch;

static void compute_matrix(ptrdiff_t i, void *ctx) {
    const batch *g = ctx;
    for (ptrdiff_t t = 0; t < g->terms && g->status[i] == FS_OK; t++) {
        g->status[i] = FS(gemm)(g->c + i * g->m * g->n, g->n, g->a + g->a_offset[i * g->terms + t], g->a_row, g->a_col,
                                g->b + g->b_offset[i * g->terms + t], g->b_row, g->b_col, g->m, g->n, g->k, t > 0, NULL);
    }
}

int FS(gemm_batched)(REAL *c, const REAL *a, const ptrdiff_t *a_offset, ptrdiff_t a_row, ptrdiff_t a_col, const REAL *b,
                     const ptrdiff_t *b_offset, ptrdiff_t b_row, ptrdiff_t b_col, ptrdiff_t batch_size, ptrdiff_t terms,
                     ptrdiff_t m, ptrdiff_t n, ptrdiff_t k) {
    if (batch_size == 0) return FS_OK;
    int *status = fs_alloc((size_t)batch_size * sizeof(int));
    if (!status) return FS_ENOMEM;
    for (ptrdiff_t i = 0; i < batch_size; i++) status[i] = FS_OK;
    batch g = {c, a, b, a_offset, b_offset, a_row, a_col, b_row, b_col, terms, m, n, k, status};
    /* Few large matrices share the threads inside each product; many small ones are handed out whole. */
    if (batch_size >= 4 && m * n * k * terms * batch_size >= MIN_PARALLEL) {
        fs_parallel_for(batch_size, compute_matrix, &g);
    } else {
        for (ptrdiff_t i = 0; i < batch_size; i++) compute_matrix(i, &g);
    }
    int result = FS_OK;
    for (ptrdiff_t i = 0; i < batch_size; i++) {
        if (status[i] != FS_OK) result = status[i];
    }
    fs_free(status);
    return result;
}
