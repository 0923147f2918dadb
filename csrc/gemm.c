/* C = A B + bias: cache blocking, packing and the split among threads, around the micro-kernel of simd/gemm.c.
 *
 * C is cut into tiles: strips of A's rows by panels of B's columns. Both are read in place, by strides, where the
 * caches allow it. B is packed into panels where its columns are not unit-stride or its rows collide: where A is low,
 * each chunk packs the panels of its own columns as it comes to them, and nobody waits for anybody; otherwise a stretch
 * of k is packed beforehand, for all. So are the strips of A where its rows collide or its columns lie far apart. One
 * row times a matrix has kernels of its own: all it does is read B. So have few columns, all of C's or those beyond its
 * last whole tile, that would leave lanes of a tile idle.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <string.h>

enum {
    KC = 2048 / (int)sizeof(REAL), /* depth of a block: C is read and written again for each */
    NC = 512,                      /* columns of a block, packed or not, that stay in the second cache */
    LINE = 64 / (int)sizeof(REAL), /* of the cache; what gemm_pack_lines may write beyond its end */
    MAX_NR = 128 / (int)sizeof(REAL),
    MAX_OWN_ROWS = 256,      /* rows of A up to which its block stays in the second cache for all panels */
    MAX_ROW_STRIDE = 4096,
    MAX_SLIM = (512 << 10) / (int)sizeof(REAL), /* elements of a B that is multiplied by inner products */
    MIN_PARALLEL = 400000,   /* multiplications worth waking a thread for ... */
    MIN_CHUNK_WORK = 100000, /* ... and worth fetching, once it is awake */
    MIN_PARALLEL_ROW = 100000, /* the same for one row, where each multiplication takes a number from memory */
    MIN_CHUNK_ROW = 50000,
    MAX_CHUNKS = 64
};

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
static ptrdiff_t round_up(ptrdiff_t a, ptrdiff_t b) { return ceil_div(a, b) * b; }

typedef struct {
    REAL *c;
    const REAL *a, *b, *bias;
    REAL *strips, *panels; /* a stretch of A and of B, packed for all, or NULL */
    ptrdiff_t ldc, a_row, a_col, b_row, b_col;
    ptrdiff_t m, n, k;
    ptrdiff_t depth;            /* k is cut into equal stretches of this length, at most KC */
    ptrdiff_t p0, p1;           /* what of k is at work */
    ptrdiff_t tiles_m, tiles_n; /* down and across C */
    ptrdiff_t parts_m, parts_n; /* and the pieces of tiles that are the chunks */
    ptrdiff_t columns, rows;    /* of a chunk, where C has one row, or few columns */
    int accumulate, own_panels, low;
} product;

/* A strip: rows i .. i+height; a is A there, at the stretch of k at work. */
typedef struct {
    ptrdiff_t i, height;
    const REAL *a;
    ptrdiff_t row, col;
} strip;

/* Where strip s begins. They are of nearly equal height, so that none is a sliver, and even: a tile of an odd number of
 * rows is 4 % slower a row (Zen 4). */
static ptrdiff_t first_row(const product *g, ptrdiff_t s) { return min(ceil_div(g->m, 2) * s / g->tiles_m * 2, g->m); }

/* From row to row of a packed strip that keeps A's order: no power of two, or rows would share a set of the cache. */
static ptrdiff_t row_step(const product *g) { return round_up(g->depth, LINE) + LINE; }
static ptrdiff_t strip_size(const product *g) { return FS(simd)->gemm_mr * row_step(g); }
static ptrdiff_t panel_size(const product *g) { return FS(simd)->gemm_nr * g->depth; }

static strip strip_at(const product *g, ptrdiff_t s, ptrdiff_t p) {
    const ptrdiff_t i = first_row(g, s), height = first_row(g, s + 1) - i;
    if (!g->strips) return (strip){i, height, g->a + i * g->a_row + p * g->a_col, g->a_row, g->a_col};
    const REAL *a = g->strips + s * strip_size(g);
    return g->a_col == 1 ? (strip){i, height, a, row_step(g), 1} : (strip){i, height, a, 1, height};
}

static void pack_strip(const product *g, ptrdiff_t s) {
    const ptrdiff_t i = first_row(g, s), height = first_row(g, s + 1) - i, kc = g->p1 - g->p0;
    const REAL *a = g->a + i * g->a_row + g->p0 * g->a_col;
    REAL *to = g->strips + s * strip_size(g);
    if (g->a_col != 1) {
        FS(simd)->gemm_pack_lines(to, a, g->a_col, kc, height);
        return;
    }
    for (ptrdiff_t r = 0; r < height; r++) memcpy(to + r * row_step(g), a + r * g->a_row, (size_t)kc * sizeof(REAL));
}

/* Columns of panel t of B, stretch p .. p+kc, row after row, zeros where B ends. */
static void pack_panel(const product *g, REAL *to, ptrdiff_t t, ptrdiff_t p, ptrdiff_t kc) {
    const ptrdiff_t nr = FS(simd)->gemm_nr, j = t * nr;
    FS(simd)->gemm_pack(to, g->b + p * g->b_row + j * g->b_col, g->b_row, g->b_col, kc, min(nr, g->n - j));
}

/* What is packed for all: strips, then panels. */
static void pack_one(ptrdiff_t chunk, void *ctx) {
    const product *g = ctx;
    const ptrdiff_t strips = g->strips ? g->tiles_m : 0, t = chunk - strips;
    if (chunk < strips) {
        pack_strip(g, chunk);
    } else {
        pack_panel(g, g->panels + t * panel_size(g), t, g->p0, g->p1 - g->p0);
    }
}

/* The tile of a strip and panel t of B, which is b, its rows ldb apart. */
static void one_tile(const product *g, const strip *s, ptrdiff_t t, const REAL *b, ptrdiff_t ldb, ptrdiff_t p,
                     ptrdiff_t kc) {
    const ptrdiff_t nr = FS(simd)->gemm_nr, j = t * nr;
    FS(simd)->gemm_tile(s->height, min(nr, g->n - j), kc, s->a, s->row, s->col, b, ldb, g->c + s->i * g->ldc + j,
                        g->ldc, p > 0 || g->accumulate, p == 0 && g->bias ? g->bias + j : NULL);
}

/* Where A is low: panel after panel, so that B is read once, however far away it lies. */
static void by_panels(const product *g, ptrdiff_t s0, ptrdiff_t s1, ptrdiff_t t0, ptrdiff_t t1, ptrdiff_t p,
                      ptrdiff_t kc) {
    _Alignas(64) REAL panel[KC * MAX_NR];
    const ptrdiff_t nr = FS(simd)->gemm_nr;
    for (ptrdiff_t t = t0; t < t1; t++) {
        const REAL *b = g->own_panels ? panel : g->b + p * g->b_row + t * nr;
        if (g->own_panels) pack_panel(g, panel, t, p, kc);
        for (ptrdiff_t s = s0; s < s1; s++) {
            const strip at = strip_at(g, s, p);
            one_tile(g, &at, t, b, g->own_panels ? nr : g->b_row, p, kc);
        }
    }
}

/* Send for part t of n of the strip that comes next. */
static void send_for(const REAL *next, ptrdiff_t size, ptrdiff_t t, ptrdiff_t n) {
    for (ptrdiff_t x = size * t / n; x < size * (t + 1) / n; x += LINE) FS_FETCH(next, x);
}

/* Otherwise strip after strip: it stays in the first cache, and the block of B in the second. */
static void by_strips(const product *g, ptrdiff_t s0, ptrdiff_t s1, ptrdiff_t t0, ptrdiff_t t1, ptrdiff_t p,
                      ptrdiff_t kc) {
    const ptrdiff_t nr = FS(simd)->gemm_nr;
    for (ptrdiff_t s = s0; s < s1; s++) {
        const strip at = strip_at(g, s, p);
        for (ptrdiff_t t = t0; t < t1; t++) {
            if (g->strips) send_for(g->strips + (s + 1) % g->tiles_m * strip_size(g), strip_size(g), t - t0, t1 - t0);
            const REAL *b = g->panels ? g->panels + t * panel_size(g) : g->b + p * g->b_row + t * nr;
            one_tile(g, &at, t, b, g->panels ? nr : g->b_row, p, kc);
        }
    }
}

/* One piece of C. Neighbouring chunks share their columns, so that B's block stays in the cache. */
static void compute_piece(ptrdiff_t chunk, void *ctx) {
    const product *g = ctx;
    const ptrdiff_t y = chunk % g->parts_m, x = chunk / g->parts_m;
    const ptrdiff_t s0 = g->tiles_m * y / g->parts_m, s1 = g->tiles_m * (y + 1) / g->parts_m;
    const ptrdiff_t t0 = g->tiles_n * x / g->parts_n, t1 = g->tiles_n * (x + 1) / g->parts_n;
    for (ptrdiff_t p = g->p0; p < g->p1; p += g->depth) {
        (g->low ? by_panels : by_strips)(g, s0, s1, t0, t1, p, min(g->depth, g->p1 - p));
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
 * columns alone where each piece packs its columns, and rows first where strips are packed: a block of B serves all. */
static ptrdiff_t split(product *g) {
    g->parts_m = 1;
    g->parts_n = ceil_div(g->n, NC);
    while (g->m * g->n * g->k >= MIN_PARALLEL) {
        const ptrdiff_t chunks = g->parts_m * g->parts_n;
        if (chunks >= MAX_CHUNKS || g->m * g->n * g->k / chunks < 2 * MIN_CHUNK_WORK) break;
        const int can_m = !g->own_panels && g->tiles_m >= 2 * g->parts_m, can_n = g->tiles_n >= 2 * g->parts_n;
        if (can_m && (g->strips || g->m * g->parts_n > g->n * g->parts_m || !can_n)) {
            g->parts_m *= 2;
        } else if (can_n) {
            g->parts_n *= 2;
        } else {
            break;
        }
    }
    return g->parts_m * g->parts_n;
}

static void fill_empty_sum(const product *g) {
    if (g->accumulate) return;
    for (ptrdiff_t i = 0; i < g->m; i++) {
        for (ptrdiff_t j = 0; j < g->n; j++) g->c[i * g->ldc + j] = g->bias ? g->bias[j] : 0;
    }
}

/* A chunk of the columns of the one row of C. */
static void compute_row(ptrdiff_t chunk, void *ctx) {
    const product *g = ctx;
    const ptrdiff_t j = chunk * g->columns, n = min(g->columns, g->n - j);
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
    g->columns = round_up(ceil_div(g->n, min(most, MAX_CHUNKS)), g->b_col == 1 ? 128 : 8);
    fs_parallel_for(ceil_div(g->n, g->columns), compute_row, g);
}

/* A block of the rows of a C of few columns. */
static void compute_slim(ptrdiff_t chunk, void *ctx) {
    const product *g = ctx;
    const ptrdiff_t i = chunk * g->rows, m = min(g->rows, g->m - i);
    FS(simd)->gemm_slim(g->c + i * g->ldc, g->ldc, m, g->n, g->k, g->a + i * g->a_row, g->a_row, g->b, g->b_col,
                        g->accumulate, g->bias);
}

/* Inner products, of A's rows and B's columns: where a tile's lanes would be idle for want of columns, more of them than it
 * takes to add up the lanes of a sum (about two multiplications for each), and B stays in the second cache. */
static int is_slim(const product *g) {
    const ptrdiff_t lanes = FS(simd)->gemm_nr / 2;
    if (g->a_col != 1 || g->b_row != 1 || g->n > 4 * lanes || g->n * g->k > MAX_SLIM) return 0;
    return g->n * (g->k + 2 * lanes) < round_up(g->n, lanes) * g->k;
}

static void multiply_slim(product *g) {
    const ptrdiff_t work = g->m * g->n * g->k, chunks = work < MIN_PARALLEL ? 1 : min(work / MIN_CHUNK_WORK, MAX_CHUNKS);
    g->rows = round_up(ceil_div(g->m, chunks), 16); /* whole blocks of gemm_slim */
    fs_parallel_for(ceil_div(g->m, g->rows), compute_slim, g);
}

/* A product with one column is, turned round, one with one row. */
static void turn_column(product *g) {
    const product t = *g;
    if (g->n != 1 || g->ldc != 1 || g->bias || g->m == 1) return;
    g->a = t.b, g->a_row = t.b_col, g->a_col = t.b_row;
    g->b = t.a, g->b_row = t.a_col, g->b_col = t.a_row;
    g->m = 1, g->n = t.m, g->ldc = t.m;
}

/* With a stretch of A or B packed for all: stretch after stretch. */
static int multiply_packed(product *g, int pack_a, int pack_b) {
    const ptrdiff_t strips = pack_a ? g->tiles_m : 0, panels = pack_b ? g->tiles_n : 0, at = strips * strip_size(g);
    REAL *workspace = fs_alloc((size_t)(at + panels * panel_size(g)) * sizeof(REAL));
    if (!workspace) return FS_ENOMEM;
    if (pack_a) g->strips = workspace;
    if (pack_b) g->panels = workspace + at;
    const ptrdiff_t chunks = split(g);
    for (; g->p0 < g->k; g->p0 = g->p1) {
        g->p1 = min(g->p0 + g->depth, g->k);
        fs_parallel_for(strips + panels, pack_one, g);
        fs_parallel_for(chunks, compute_piece, g);
    }
    fs_free(workspace);
    return FS_OK;
}

static int multiply(product *g) {
    g->depth = ceil_div(g->k, ceil_div(g->k, KC));
    g->tiles_m = ceil_div(g->m, FS(simd)->gemm_mr);
    g->tiles_n = ceil_div(g->n, FS(simd)->gemm_nr);
    g->low = g->m <= MAX_OWN_ROWS;
    const int pack_a = should_pack_a(g), pack_b = should_pack_b(g);
    g->own_panels = pack_b && g->low;
    if (pack_a || (pack_b && !g->own_panels)) return multiply_packed(g, pack_a, pack_b && !g->own_panels);
    g->p1 = g->k;
    fs_parallel_for(split(g), compute_piece, g);
    return FS_OK;
}

/* Columns beyond the last whole tile that are better taken as a product of their own: few of a register's lanes. */
static ptrdiff_t slim_columns(const product *g) {
    product rest = *g;
    rest.n = g->n % FS(simd)->gemm_nr;
    return rest.n < g->n && 4 * rest.n <= FS(simd)->gemm_nr / 2 && is_slim(&rest) ? rest.n : 0;
}

/* The last n columns by themselves; the others are left to be done. */
static void cut_columns(product *g, ptrdiff_t n) {
    product rest = *g;
    if (n == 0) return;
    g->n -= n;
    rest.n = n;
    rest.c += g->n;
    rest.b += g->n * g->b_col;
    if (rest.bias) rest.bias += g->n;
    multiply_slim(&rest);
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
    if (is_slim(&g)) {
        multiply_slim(&g);
        return FS_OK;
    }
    cut_columns(&g, slim_columns(&g));
    return multiply(&g);
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
