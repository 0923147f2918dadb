/* C = A B + bias: cache blocking, packing and the split among threads, around the micro-kernel of simd/gemm.c.
 *
 * A and B are read in place, by strides, where the caches allow it. B is packed, once, into panels as wide as the tile
 * where its columns are not unit-stride or its rows collide; A, tile by tile, where its rows collide or lie pages apart.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

enum { KC = 256, NC = 512, MAX_MR = 14, MAX_ROW_STRIDE = 4096, MIN_CHUNK_WORK = 200000, MAX_CHUNKS = 64 };

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
static ptrdiff_t round_up(ptrdiff_t a, ptrdiff_t b) { return ceil_div(a, b) * b; }

typedef struct {
    REAL *c;
    const REAL *a, *b, *bias;
    REAL *panels; /* B packed, or NULL when it is read in place */
    ptrdiff_t ldc, a_row, a_col, b_row, b_col;
    ptrdiff_t m, n, k;
    ptrdiff_t block_m, block_n, blocks_n; /* a chunk is one block_m x block_n piece of C */
    int accumulate, pack_a;
} product;

/* One panel: columns j0 .. j0+nr of B, all of k, row after row, zeros where B ends. */
static void pack_panel(ptrdiff_t panel, void *ctx) {
    const product *g = ctx;
    const ptrdiff_t nr = FS(simd)->gemm_nr, j0 = panel * nr;
    FS(simd)->gemm_pack(g->panels + j0 * g->k, g->b + j0 * g->b_col, g->b_row, g->b_col, g->k, min(nr, g->n - j0));
}

/* `height` rows of A, kc deep, as one run of memory: in rows if they lie in rows, else in columns. */
static void pack_rows_of_a(REAL *to, const product *g, const REAL *a, ptrdiff_t height, ptrdiff_t kc) {
    const int by_row = g->a_col == 1;
    const ptrdiff_t outer = by_row ? height : kc, inner = by_row ? kc : height;
    const ptrdiff_t step = by_row ? g->a_row : g->a_col;
    for (ptrdiff_t i = 0; i < outer; i++) {
        for (ptrdiff_t p = 0; p < inner; p++) to[i * inner + p] = a[i * step + p];
    }
}

/* All tiles of `height` rows from i, columns j0..j1, over p..p+kc. */
static void tile_columns(const product *g, ptrdiff_t i, ptrdiff_t height, ptrdiff_t j0, ptrdiff_t j1, ptrdiff_t p,
                         ptrdiff_t kc) {
    REAL rows[MAX_MR * KC];
    const ptrdiff_t nr = FS(simd)->gemm_nr;
    const REAL *a = g->a + i * g->a_row + p * g->a_col;
    ptrdiff_t a_row = g->a_row, a_col = g->a_col;
    if (g->pack_a) {
        pack_rows_of_a(rows, g, a, height, kc);
        a = rows;
        a_row = g->a_col == 1 ? kc : 1;
        a_col = g->a_col == 1 ? 1 : height;
    }
    const int first = p == 0;
    for (ptrdiff_t j = j0; j < j1; j += nr) {
        const REAL *b = g->panels ? g->panels + j * g->k + p * nr : g->b + p * g->b_row + j;
        FS(simd)->gemm_tile(height, min(nr, g->n - j), kc, a, a_row, a_col, b, g->panels ? nr : g->b_row,
                            g->c + i * g->ldc + j, g->ldc, !first || g->accumulate,
                            first && g->bias ? g->bias + j : NULL);
    }
}

static void compute_block(ptrdiff_t chunk, void *ctx) {
    const product *g = ctx;
    const ptrdiff_t i0 = chunk / g->blocks_n * g->block_m, i1 = min(i0 + g->block_m, g->m);
    const ptrdiff_t j0 = chunk % g->blocks_n * g->block_n, j1 = min(j0 + g->block_n, g->n);
    const ptrdiff_t depth = ceil_div(g->k, ceil_div(g->k, KC)); /* k in equal blocks of at most KC */
    /* Rows split evenly, so that no tile is a sliver. */
    const ptrdiff_t tiles = ceil_div(i1 - i0, FS(simd)->gemm_mr), rows = (i1 - i0) / tiles, longer = (i1 - i0) % tiles;
    for (ptrdiff_t p = 0; p < g->k; p += depth) {
        for (ptrdiff_t t = 0, i = i0; t < tiles; t++) {
            const ptrdiff_t height = rows + (t < longer);
            tile_columns(g, i, height, j0, j1, p, min(depth, g->k - p));
            i += height;
        }
    }
}

/* Rows a multiple of this many bytes apart fall into few sets of the cache and push each other out. */
static int collides(ptrdiff_t stride) { return stride * (ptrdiff_t)sizeof(REAL) % 1024 == 0; }

static int should_pack_a(const product *g) {
    if (g->n < 2 * FS(simd)->gemm_nr) return 0;
    if (g->a_col == 1) return collides(g->a_row);
    return g->a_row == 1 && g->a_col * (ptrdiff_t)sizeof(REAL) >= 1024; /* a page for each step of k otherwise */
}

static int should_pack_b(const product *g) {
    if (g->b_col != 1 || g->b_row > MAX_ROW_STRIDE) return 1;
    return collides(g->b_row) && g->m >= 4 * FS(simd)->gemm_mr;
}

/* Pieces of C for the threads, by shape alone: halved, the longer side first, while they are worth a thread's while. */
static ptrdiff_t split(product *g) {
    const ptrdiff_t mr = FS(simd)->gemm_mr, nr = FS(simd)->gemm_nr;
    g->block_m = g->m;
    g->block_n = min(round_up(g->n, nr), NC);
    for (;;) {
        const ptrdiff_t chunks = ceil_div(g->m, g->block_m) * ceil_div(g->n, g->block_n);
        if (chunks >= MAX_CHUNKS || g->block_m * g->block_n * g->k < 2 * MIN_CHUNK_WORK) break;
        if (g->block_n > nr && g->block_n >= g->block_m) {
            g->block_n = round_up(g->block_n / 2, nr);
        } else if (g->block_m > mr) {
            g->block_m = ceil_div(g->block_m, 2);
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

int FS(gemm)(REAL *c, ptrdiff_t ldc, const REAL *a, ptrdiff_t a_row, ptrdiff_t a_col, const REAL *b, ptrdiff_t b_row,
             ptrdiff_t b_col, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int accumulate, const REAL *bias) {
    product g = {.c = c, .a = a, .b = b, .bias = bias, .ldc = ldc, .a_row = a_row, .a_col = a_col,
                 .b_row = b_row, .b_col = b_col, .m = m, .n = n, .k = k, .accumulate = accumulate};
    if (m == 0 || n == 0) return FS_OK;
    if (k == 0) {
        fill_empty_sum(&g);
        return FS_OK;
    }
    g.pack_a = should_pack_a(&g);
    if (should_pack_b(&g)) {
        const ptrdiff_t nr = FS(simd)->gemm_nr, panels = ceil_div(n, nr);
        g.panels = fs_alloc((size_t)(panels * nr * k) * sizeof(REAL));
        if (!g.panels) return FS_ENOMEM;
        if (n * k < MIN_CHUNK_WORK) {
            for (ptrdiff_t i = 0; i < panels; i++) pack_panel(i, &g);
        } else {
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
    if (batch_size >= 4 && m * n * k * terms * batch_size >= 2 * MIN_CHUNK_WORK) {
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
