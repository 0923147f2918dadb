/* Gram matrices: inner products of points tile by tile, each turned into the kernel's values while it is hot.
 *
 * |x - z|^2 = |x|^2 + |z|^2 - 2 x.z loses what the points have in common, so the mean of z is taken off both first. Points
 * are moved, and laid out as GEMM's tile reads them, once for all tiles. A tile of values lies in memory of its own before
 * it goes where it is wanted: into K, turned over into the other half of K, or, times v, into a product that needs no K.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <string.h>

enum {
    TILE = 224, /* rows and columns: whole strips and panels of every gemm_tile but for the last strip */
    KC = 6400 / (int)sizeof(REAL), /* depth of a stretch: 784 in one, for either type */
    LINE = 64 / (int)sizeof(REAL),
    STEP = TILE + LINE,  /* from row to row of a tile: no power of two */
    CORNER = 32,         /* of a tile on the diagonal: turned over one by one */
    MEAN_ROWS = 512,  /* whose sum is a chunk's ... */
    MEAN_BLOCK = 64,  /* ... and of this many, in the type of the points */
    SEGMENTS = 16,       /* of the tiles of a product with v; each has sums of its own */
    MOST_SUMS = 1 << 25, /* of a product that uses each tile twice */
    MIN_PARALLEL = 200000
};

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

static void run_chunks(ptrdiff_t chunks, fs_chunk_fn fn, void *ctx, double work) {
    if (work >= MIN_PARALLEL) {
        fs_parallel_for(chunks, fn, ctx);
    } else {
        for (ptrdiff_t i = 0; i < chunks; i++) fn(i, ctx);
    }
}

/* ---- points, as tiles want them ---- */

typedef struct {
    const REAL *x;
    ptrdiff_t count, d;
    const REAL *centre; /* NULL: the points stay where they are, and have no norms */
    ptrdiff_t step;       /* from row to row: an odd number of lines, or rows would share a set of the cache */
    REAL *panels;         /* [count / gemm_nr][d][gemm_nr], the columns of products; NULL if not wanted */
    REAL *rows, *norms;   /* moved; the squares of their lengths */
} points;

typedef struct {
    const REAL *x;
    ptrdiff_t count, d;
    double *sums; /* of the columns, for each chunk of rows ... */
    REAL *block;  /* ... and for the block of rows at work */
} columns;

static void sum_columns(ptrdiff_t chunk, void *ctx) {
    const columns *g = ctx;
    const ptrdiff_t d = g->d, end = min(g->count, (chunk + 1) * MEAN_ROWS);
    double *sum = g->sums + chunk * d;
    REAL *block = g->block + chunk * d;
    for (ptrdiff_t j = 0; j < d; j++) sum[j] = 0;
    for (ptrdiff_t i = chunk * MEAN_ROWS; i < end; i += MEAN_BLOCK) {
        memset(block, 0, (size_t)d * sizeof(REAL));
        FS(simd)->conv_sums(block, g->x + i * d, d, d, min(MEAN_BLOCK, end - i));
        for (ptrdiff_t j = 0; j < d; j++) sum[j] += block[j];
    }
}

/* The mean of each column, or near it: any point that all are moved by will do. 0 for a column with a NaN or an infinity,
 * lest it spread to every point. NULL without memory. */
static REAL *column_means(const REAL *x, ptrdiff_t count, ptrdiff_t d) {
    const ptrdiff_t chunks = ceil_div(count, MEAN_ROWS);
    columns g = {x, count, d, fs_alloc((size_t)(chunks * d) * sizeof(double)), fs_alloc((size_t)(chunks * d) * sizeof(REAL))};
    if (g.sums && g.block) {
        run_chunks(chunks, sum_columns, &g, (double)count * (double)d);
        for (ptrdiff_t j = 0; j < d; j++) {
            double sum = 0;
            for (ptrdiff_t chunk = 0; chunk < chunks; chunk++) sum += g.sums[chunk * d + j];
            const REAL mean = (REAL)(sum / (double)count);
            g.block[j] = mean - mean == 0 ? mean : 0;
        }
    } else {
        fs_free(g.block);
        g.block = NULL;
    }
    fs_free(g.sums);
    return g.block;
}

/* The points of one panel. */
static void place_panel(ptrdiff_t chunk, void *ctx) {
    const points *p = ctx;
    const ptrdiff_t nr = FS(simd)->gemm_nr, i0 = chunk * nr, i1 = min(p->count, i0 + nr), d = p->d;
    for (ptrdiff_t i = i0; i < i1; i++) {
        REAL *to = p->rows + i * p->step;
        if (!p->centre) {
            memcpy(to, p->x + i * d, (size_t)d * sizeof(REAL));
            continue;
        }
        for (ptrdiff_t j = 0; j < d; j++) to[j] = p->x[i * d + j] - p->centre[j];
        double square = 0;
        FS(simd)->optim_squares(d, to, &square);
        p->norms[i] = (REAL)square;
    }
    if (p->panels) FS(simd)->gemm_pack(p->panels + i0 * d, p->rows + i0 * p->step, 1, p->step, d, i1 - i0);
}

/* Lays the points out in memory of their own, which p->panels or else p->rows begins. */
static int place(points *p, int panels) {
    const ptrdiff_t nr = FS(simd)->gemm_nr, chunks = ceil_div(p->count, nr), lines = ceil_div(p->d, LINE) | 1;
    const ptrdiff_t packed = panels ? ceil_div(chunks * nr * p->d, LINE) * LINE : 0;
    p->step = lines * LINE;
    REAL *room = fs_alloc((size_t)(packed + p->count * (p->step + 1)) * sizeof(REAL));
    if (!room) return FS_ENOMEM;
    p->panels = panels ? room : NULL;
    p->rows = room + packed;
    p->norms = p->rows + p->count * p->step;
    run_chunks(chunks, place_panel, p, 2.0 * (double)p->count * (double)p->d);
    return FS_OK;
}

static void forget(const points *p) { fs_free(p->panels ? p->panels : p->rows); }

/* ---- tiles of values ---- */

typedef struct {
    const struct fs_gram *rule;
    points x, z;
    int same; /* z is x, whose points are laid out once */
    int half; /* and no tiles are made above the diagonal */
    ptrdiff_t tiles_m, tiles_n;
    REAL *k; /* where the values go, and the distance of its rows */
    ptrdiff_t ldk;
    REAL alpha;
    int *status; /* one for each chunk: no two threads write the same */
} gram;

typedef struct {
    ptrdiff_t i0, i1, j0, j1;
} area;

static ptrdiff_t count_tiles(const gram *g) {
    return g->half ? g->tiles_m * (g->tiles_m + 1) / 2 : g->tiles_m * g->tiles_n;
}

/* Tiles are counted along the rows of K, or of its lower half. */
static area tile_at(const gram *g, ptrdiff_t tile) {
    ptrdiff_t i = 0;
    if (g->half) {
        while (tile > i) tile -= ++i;
    } else {
        i = tile / g->tiles_n;
        tile %= g->tiles_n;
    }
    return (area){i * TILE, min(g->x.count, (i + 1) * TILE), tile * TILE, min(g->z.count, (tile + 1) * TILE)};
}

static int on_diagonal(const gram *g, const area *a) { return g->same && a->i0 == a->j0; }

/* How many columns of rows below `end` are wanted: on the diagonal, those to its left. */
static ptrdiff_t width_at(const gram *g, const area *a, ptrdiff_t end) {
    return (on_diagonal(g, a) ? end : a->j1) - a->j0;
}

/* Strips of nearly equal height, all but the last even: a tile of an odd number of rows is slower. */
static void multiply(const gram *g, const area *a, REAL *to) {
    const ptrdiff_t mr = FS(simd)->gemm_mr, nr = FS(simd)->gemm_nr, d = g->x.d, height = a->i1 - a->i0;
    const ptrdiff_t strips = ceil_div(height, mr), depth = d > KC ? ceil_div(d, ceil_div(d, KC)) : d;
    ptrdiff_t p = 0;
    do {
        const ptrdiff_t kc = min(depth, d - p);
        for (ptrdiff_t s = 0; s < strips; s++) {
            const ptrdiff_t first = ceil_div(height, 2) * s / strips * 2;
            const ptrdiff_t end = min(height, ceil_div(height, 2) * (s + 1) / strips * 2);
            const ptrdiff_t width = width_at(g, a, a->i0 + end);
            const REAL *rows = g->x.rows + (a->i0 + first) * g->x.step + p;
            for (ptrdiff_t j = 0; j < width; j += nr) {
                FS(simd)->gemm_tile(end - first, min(nr, a->j1 - a->j0 - j), kc, rows, g->x.step, 1,
                                    g->z.panels + (a->j0 + j) * d + p * nr, nr, to + first * STEP + j, STEP, p > 0, NULL);
            }
        }
        p += depth;
    } while (p < d);
}

/* What is above the diagonal of a tile, from what is below. */
static void turn_over(REAL *tile, ptrdiff_t n) {
    for (ptrdiff_t b = 0; b < n; b += CORNER) {
        const ptrdiff_t end = min(n, b + CORNER);
        for (ptrdiff_t i = b; i < end; i++) {
            for (ptrdiff_t j = b; j < i; j++) tile[j * STEP + i] = tile[i * STEP + j];
        }
        FS(simd)->transpose(tile + b * STEP + end, STEP, tile + end * STEP + b, STEP, n - end, end - b);
    }
}

/* The values of K there; on the diagonal, those of the lower triangle. */
static void fill(const gram *g, const area *a, REAL *to) {
    const struct fs_gram *rule = g->rule;
    multiply(g, a, to);
    for (ptrdiff_t i = a->i0; i < a->i1 && rule->kernel != FS_GRAM_LINEAR; i++) {
        REAL *row = to + (i - a->i0) * STEP;
        const ptrdiff_t n = width_at(g, a, i + 1);
        if (rule->kernel == FS_GRAM_POLYNOMIAL) {
            FS(simd)->gram_polynomial(row, n, (REAL)rule->gamma, (REAL)rule->coef0, (REAL)rule->degree);
            continue;
        }
        FS(simd)->gram_rbf(row, g->z.norms + a->j0, n, g->x.norms[i], (REAL)rule->gamma);
        if (!on_diagonal(g, a)) continue;
        const REAL nothing = g->x.norms[i] - g->x.norms[i]; /* 0, or NaN where the point is not finite */
        row[i - a->j0] = 1 + nothing;
    }
}

static REAL *tile_room(void) { return fs_alloc((size_t)(TILE * STEP) * sizeof(REAL)); }

/* Lays out the points of x, and those of z unless it is NULL. */
static int start(gram *g, const struct fs_gram *rule, const REAL *x, const REAL *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d) {
    const REAL *others = z ? z : x;
    REAL *centre = rule->kernel == FS_GRAM_RBF ? column_means(others, n, d) : NULL;
    int status = rule->kernel == FS_GRAM_RBF && !centre ? FS_ENOMEM : FS_OK;
    *g = (gram){.rule = rule, .same = !z, .half = !z, .tiles_m = ceil_div(m, TILE), .tiles_n = ceil_div(n, TILE)};
    g->x = (points){.x = x, .count = m, .d = d, .centre = centre};
    g->z = (points){.x = z, .count = n, .d = d, .centre = centre};
    if (status == FS_OK) status = place(&g->x, !z);
    if (status == FS_OK && z && (status = place(&g->z, 1)) != FS_OK) forget(&g->x);
    fs_free(centre);
    if (!z) g->z = g->x;
    return status;
}

static void finish(const gram *g) {
    forget(&g->x);
    if (!g->same) forget(&g->z);
}

static double work_of(const gram *g) {
    const double all = (double)g->x.count * (double)g->z.count * (double)(g->x.d + 8);
    return g->half ? all / 2 : all;
}

/* Runs fn on chunks that each set their status. */
static int run(gram *g, ptrdiff_t chunks, fs_chunk_fn fn, void *ctx) {
    int result = FS_OK;
    g->status = fs_alloc((size_t)chunks * sizeof(int));
    if (!g->status) return FS_ENOMEM;
    run_chunks(chunks, fn, ctx, work_of(g));
    for (ptrdiff_t i = 0; i < chunks; i++) {
        if (g->status[i] != FS_OK) result = g->status[i];
    }
    fs_free(g->status);
    return result;
}

/* ---- K itself ---- */

static void fill_k(ptrdiff_t chunk, void *ctx) {
    const gram *g = ctx;
    const area a = tile_at(g, chunk);
    REAL *tile = tile_room();
    g->status[chunk] = tile ? FS_OK : FS_ENOMEM;
    if (!tile) return;
    const ptrdiff_t height = a.i1 - a.i0, width = a.j1 - a.j0;
    fill(g, &a, tile);
    if (on_diagonal(g, &a)) turn_over(tile, height);
    for (ptrdiff_t i = 0; i < height; i++) {
        memcpy(g->k + (a.i0 + i) * g->ldk + a.j0, tile + i * STEP, (size_t)width * sizeof(REAL));
    }
    if (g->half && a.i0 != a.j0) {
        FS(simd)->transpose(g->k + a.j0 * g->ldk + a.i0, g->ldk, tile, STEP, height, width);
    }
    fs_free(tile);
}

int FS(gram)(REAL *k, const REAL *x, const REAL *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, const struct fs_gram *rule) {
    gram g;
    if (m == 0 || n == 0) return FS_OK;
    int status = start(&g, rule, x, z, m, n, d);
    if (status != FS_OK) return status;
    g.k = k;
    g.ldk = n;
    status = run(&g, count_tiles(&g), fill_k, &g);
    finish(&g);
    return status;
}

static void fill_lower(ptrdiff_t chunk, void *ctx) {
    const gram *g = ctx;
    const area a = tile_at(g, chunk);
    REAL *tile = tile_room();
    g->status[chunk] = tile ? FS_OK : FS_ENOMEM;
    if (!tile) return;
    fill(g, &a, tile);
    for (ptrdiff_t i = a.i0; i < a.i1; i++) {
        REAL *row = tile + (i - a.i0) * STEP;
        if (on_diagonal(g, &a)) row[i - a.j0] += g->alpha;
        memcpy(g->k + i * g->ldk + a.j0, row, (size_t)width_at(g, &a, i + 1) * sizeof(REAL));
    }
    fs_free(tile);
}

int FS(gram_lower)(REAL *k, ptrdiff_t ldk, const REAL *x, double alpha, ptrdiff_t n, ptrdiff_t d, const struct fs_gram *rule) {
    gram g;
    if (n == 0) return FS_OK;
    int status = start(&g, rule, x, NULL, n, n, d);
    if (status != FS_OK) return status;
    g.k = k;
    g.ldk = ldk;
    g.alpha = (REAL)alpha;
    status = run(&g, count_tiles(&g), fill_lower, &g);
    finish(&g);
    return status;
}

/* ---- K v ---- */

typedef struct {
    gram g;
    const REAL *v;
    ptrdiff_t r, segments;
    ptrdiff_t first[SEGMENTS], end[SEGMENTS]; /* the rows of y that a segment of the tiles adds to ... */
    double *sums[SEGMENTS];                   /* ... and what it adds */
} product;

/* sums[m] += (the tile, or it turned over) v[n]. */
static int add_product(double *sums, REAL *part, const REAL *tile, ptrdiff_t row, ptrdiff_t col, const REAL *v, ptrdiff_t m,
                       ptrdiff_t n, ptrdiff_t r) {
    const int status = FS(gemm)(part, r, tile, row, col, v, r, 1, m, r, n, 0, NULL);
    for (ptrdiff_t i = 0; i < m * r && status == FS_OK; i++) sums[i] += part[i];
    return status;
}

static int multiply_tile(const product *p, ptrdiff_t segment, const area *a, REAL *tile, REAL *part) {
    const ptrdiff_t m = a->i1 - a->i0, n = a->j1 - a->j0, r = p->r;
    const int diagonal = on_diagonal(&p->g, a);
    const ptrdiff_t first = p->first[segment];
    double *sums = p->sums[segment];
    fill(&p->g, a, tile);
    if (diagonal) turn_over(tile, m);
    const int status = add_product(sums + (a->i0 - first) * r, part, tile, STEP, 1, p->v + a->j0 * r, m, n, r);
    if (status != FS_OK || !p->g.half || diagonal) return status;
    return add_product(sums + (a->j0 - first) * r, part, tile, 1, STEP, p->v + a->i0 * r, n, m, r);
}

static ptrdiff_t first_tile(const product *p, ptrdiff_t segment) { return count_tiles(&p->g) * segment / p->segments; }

static void multiply_segment(ptrdiff_t segment, void *ctx) {
    const product *p = ctx;
    REAL *tile = tile_room(), *part = fs_alloc((size_t)(TILE * p->r) * sizeof(REAL));
    int status = tile && part ? FS_OK : FS_ENOMEM;
    memset(p->sums[segment], 0, (size_t)((p->end[segment] - p->first[segment]) * p->r) * sizeof(double));
    for (ptrdiff_t t = first_tile(p, segment); t < first_tile(p, segment + 1) && status == FS_OK; t++) {
        const area a = tile_at(&p->g, t);
        status = multiply_tile(p, segment, &a, tile, part);
    }
    fs_free(part);
    fs_free(tile);
    p->g.status[segment] = status;
}

/* Cuts the tiles into segments; returns how many rows their sums have. */
static ptrdiff_t cut(product *p) {
    ptrdiff_t rows = 0;
    p->segments = min(SEGMENTS, count_tiles(&p->g));
    for (ptrdiff_t s = 0; s < p->segments; s++) {
        p->first[s] = p->g.half ? 0 : tile_at(&p->g, first_tile(p, s)).i0;
        p->end[s] = tile_at(&p->g, first_tile(p, s + 1) - 1).i1;
        rows += p->end[s] - p->first[s];
    }
    return rows;
}

static void add_up(REAL *y, const product *p) {
    const ptrdiff_t r = p->r;
    for (ptrdiff_t i = 0; i < p->g.x.count; i++) {
        for (ptrdiff_t c = 0; c < r; c++) {
            double sum = 0;
            for (ptrdiff_t s = 0; s < p->segments; s++) {
                if (i >= p->first[s] && i < p->end[s]) sum += p->sums[s][(i - p->first[s]) * r + c];
            }
            y[i * r + c] = (REAL)sum;
        }
    }
}

static int multiply_by_segments(REAL *y, product *p) {
    double *room = fs_alloc((size_t)(cut(p) * p->r) * sizeof(double));
    if (!room) return FS_ENOMEM;
    p->sums[0] = room;
    for (ptrdiff_t s = 1; s < p->segments; s++) p->sums[s] = p->sums[s - 1] + (p->end[s - 1] - p->first[s - 1]) * p->r;
    const int status = run(&p->g, p->segments, multiply_segment, p);
    if (status == FS_OK) add_up(y, p);
    fs_free(room);
    return status;
}

int FS(gram_matmul)(REAL *y, const REAL *x, const REAL *z, const REAL *v, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, ptrdiff_t r,
                    const struct fs_gram *rule) {
    product p = {.v = v, .r = r};
    if (m == 0 || r == 0) return FS_OK;
    if (n == 0) {
        memset(y, 0, (size_t)(m * r) * sizeof(REAL));
        return FS_OK;
    }
    int status = start(&p.g, rule, x, z, m, n, d);
    if (status != FS_OK) return status;
    if ((double)m * (double)r > MOST_SUMS / SEGMENTS) p.g.half = 0;
    status = multiply_by_segments(y, &p);
    finish(&p.g);
    return status;
}
