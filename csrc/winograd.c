/* Convolution by Winograd's F(4x4, 3x3), and its gradients: 36 multiplications in place of 144.
 *
 * The image is cut into tiles of 4 x 4 outputs. Tiles and filters are transformed to 6 x 6 numbers for each channel
 * (simd/winograd.c); then place (i, j) of all tiles and channels is a matrix, and 36 products of matrices take the place of
 * the convolution. That is done for a block of tiles at a time, small enough for the second-level cache, and for one panel
 * of filters, as wide as the tile of the GEMM kernel, whose operands are laid out as it reads them. A panel's filters are all
 * of one group, and multiply the channels of that group where they lie in the transformed tiles of all channels.
 *
 * The gradient in x is the convolution of dy with the filters turned round. A convolution whose output is larger than its
 * input may have fewer tiles the other way round, as the transpose of the convolution with the turned filters: 4 x 4 inputs
 * give 6 x 6 outputs, which overlap and are added. The gradient in w sums, over tiles, the products of transformed tiles of
 * x and of dy; partial sums are those of fixed ranges of images.
 *
 * With dilation d a filter joins only pixels whose places are equal modulo d: the pixels of a tile are d apart, and d x d tiles
 * lie one in the other.
 *
 * Rounding errors are larger than those of the direct kernel: the bounds are in prototypes.h.
 * A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
 */
#include "conv.h"
#include "simd/kernels.h"

#include <math.h>
#include <stdatomic.h>

enum {
    OUT = FS_WINOGRAD_OUT,
    IN = FS_WINOGRAD_IN,
    PRODUCTS = FS_WINOGRAD_PRODUCTS,
    TAPS = FS_WINOGRAD_TAPS,
    MAX_VL = 16,
    MIN_CHANNELS = 8, /* with fewer the transforms cost more than the products save, */
    MIN_PAIRS = 96,   /* and with fewer pairs of a channel and a filter, */
    MIN_APART = 16,   /* or with dilation, where the direct kernel needs no more time and more tiles are cut off, */
    MIN_SIZE = 3,     /* and so they do for outputs that fill less than half a tile */
    BLOCK = 56,       /* tiles in a block, */
    FEW_TILES = 14,   /* and so few that threads share the panels of filters instead, each of them transformed where it is used */
    SUM_BLOCK = 64,   /* and where they are what is summed over: each block reads and writes the sums once */
    MIN_CHUNKS = 8,
    CHANNELS = 32,    /* whose filters are transformed by one thread */
    PART_TILES = 128, /* tiles that are worth a partial sum of their own */
    MAX_PARTS = 16,
    APART = 16, /* elements between matrices whose size is a power of two, or they would share few sets of the cache */
    MIN_WORK = 200000 /* multiplications worth a second thread */
};

typedef struct fs_conv shape;

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
static ptrdiff_t round_up(ptrdiff_t a, ptrdiff_t b) { return ceil_div(a, b) * b; }

/* Tiles along `size` pixels, 4 of them d apart in each, and where one begins: d tiles fill 4 d pixels, the last are cut off. */
static ptrdiff_t tiles_along(ptrdiff_t size, ptrdiff_t d) { return size / (OUT * d) * d + min(d, size % (OUT * d)); }
static ptrdiff_t tile_begin(ptrdiff_t t, ptrdiff_t d) { return t / d * OUT * d + t % d; }

/* Tiles of 4 x 4 that cover an image. */
typedef struct {
    ptrdiff_t columns, count;
} grid;
static grid grid_of(const shape *s, ptrdiff_t h, ptrdiff_t w) {
    const ptrdiff_t columns = tiles_along(w, s->dilation_w);
    return (grid){columns, tiles_along(h, s->dilation_h) * columns};
}

static grid input_grid(const shape *s) { return grid_of(s, s->h, s->w); }
static grid output_grid(const shape *s) { return grid_of(s, s->out_h, s->out_w); }
/* Is the convolution done the other way round? */
static int scatters(const shape *s) { return input_grid(s).count < output_grid(s).count; }
static grid convolution_grid(const shape *s) { return scatters(s) ? input_grid(s) : output_grid(s); }

static ptrdiff_t lanes(void) { return FS(simd)->gemm_nr / 2; }
static ptrdiff_t group_channels(const shape *s) { return s->c / s->groups; }
static ptrdiff_t group_filters(const shape *s) { return s->k / s->groups; }
static ptrdiff_t panel_width(const shape *s) { return group_filters(s) > lanes() ? 2 * lanes() : lanes(); }
static ptrdiff_t group_panels(const shape *s) { return ceil_div(group_filters(s), panel_width(s)); }
static ptrdiff_t panels(const shape *s) { return s->groups * group_panels(s); }

/* Where panel p begins: its first filter in its group, that filter, and the first channel it sees. */
static ptrdiff_t first_in_group(const shape *s, ptrdiff_t p) { return p % group_panels(s) * panel_width(s); }
static ptrdiff_t first_filter(const shape *s, ptrdiff_t p) {
    return p / group_panels(s) * group_filters(s) + first_in_group(s, p);
}
static ptrdiff_t first_channel(const shape *s, ptrdiff_t p) { return p / group_panels(s) * group_channels(s); }

/* Filters in panel p, and the same in whole registers. */
static ptrdiff_t filters_in(const shape *s, ptrdiff_t p) {
    return min(panel_width(s), group_filters(s) - first_in_group(s, p));
}
static ptrdiff_t width_of(const shape *s, ptrdiff_t p) { return round_up(filters_in(s, p), lanes()); }

/* Steps between the 36 matrices: a panel of filters [c][panel]; a block of tiles of x [tile][c], of y [tile][panel]. */
static ptrdiff_t filter_step(const shape *s) { return group_channels(s) * panel_width(s) + APART; }
static ptrdiff_t channels(const shape *s) { return round_up(s->c, lanes()); }
static ptrdiff_t input_step(const shape *s, ptrdiff_t block) { return block * channels(s) + APART; }
static ptrdiff_t output_step(const shape *s, ptrdiff_t block) { return block * panel_width(s) + APART; }

int FS(winograd_applies)(const shape *s) {
    const int asked = fs_conv_algorithm_get();
    if (sizeof(REAL) != sizeof(float) || asked == FS_DIRECT || asked == FS_IM2COL) return 0;
    if (s->r != TAPS || s->s != TAPS || s->stride_h != 1 || s->stride_w != 1) return 0;
    if (s->pad_h < 0 || s->pad_h > (TAPS - 1) * s->dilation_h) return 0;
    if (s->pad_w < 0 || s->pad_w > (TAPS - 1) * s->dilation_w) return 0;
    if (s->out_h < s->dilation_h || s->out_w < s->dilation_w) return 0;
    if (asked == FS_WINOGRAD) return 1;
    const ptrdiff_t least = max(s->dilation_h, s->dilation_w) > 1 ? MIN_APART : MIN_CHANNELS;
    return min(group_channels(s), group_filters(s)) >= least && group_channels(s) * group_filters(s) >= MIN_PAIRS &&
           min(s->out_h / s->dilation_h, s->out_w / s->dilation_w) >= MIN_SIZE;
}

/* ---- tiles ---- */

/* Tiles t0 .. t0 + count of a batch of images h x w x c: `size` rows and columns from where they begin, less padding. */
static void place(struct fs_tile *tile, const shape *s, grid g, ptrdiff_t t0, ptrdiff_t count, ptrdiff_t h, ptrdiff_t w,
                  ptrdiff_t c, ptrdiff_t pad_h, ptrdiff_t pad_w, ptrdiff_t size) {
    const ptrdiff_t down = s->dilation_h, across = s->dilation_w;
    ptrdiff_t n = t0 / g.count, at = t0 % g.count, row = at / g.columns, column = at % g.columns;
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t i = tile_begin(row, down) - pad_h, j = tile_begin(column, across) - pad_w;
        tile[t] = (struct fs_tile){.first = ((n * h + i) * w + j) * c,
                                   .row = down * w * c,
                                   .pixel = across * c,
                                   .top = max(0, ceil_div(-i, down)),
                                   .bottom = min(size, ceil_div(h - i, down)),
                                   .left = max(0, ceil_div(-j, across)),
                                   .right = min(size, ceil_div(w - j, across))};
        if (++column < g.columns) continue;
        column = 0;
        if (++row < g.count / g.columns) continue;
        row = 0;
        n++;
    }
}

/* 6 x 6 inputs of a tile, 4 x 4 outputs; and, the other way round, 4 x 4 inputs and 6 x 6 outputs. */
static void input_tiles(struct fs_tile *tile, const shape *s, ptrdiff_t t0, ptrdiff_t count) {
    place(tile, s, output_grid(s), t0, count, s->h, s->w, s->c, s->pad_h, s->pad_w, IN);
}
static void output_tiles(struct fs_tile *tile, const shape *s, ptrdiff_t t0, ptrdiff_t count) {
    place(tile, s, output_grid(s), t0, count, s->out_h, s->out_w, s->k, 0, 0, OUT);
}
static void source_tiles(struct fs_tile *tile, const shape *s, ptrdiff_t t0, ptrdiff_t count) {
    place(tile, s, input_grid(s), t0, count, s->h, s->w, s->c, 0, 0, OUT);
}
static void target_tiles(struct fs_tile *tile, const shape *s, ptrdiff_t t0, ptrdiff_t count) {
    const ptrdiff_t pad_h = (TAPS - 1) * s->dilation_h - s->pad_h, pad_w = (TAPS - 1) * s->dilation_w - s->pad_w;
    place(tile, s, input_grid(s), t0, count, s->out_h, s->out_w, s->k, pad_h, pad_w, IN);
}

/* C[m,n] = (accumulate ? C : 0) + A B, tile by tile, of nearly equal and even height: an odd tile is 4 % slower a row. */
static void multiply(REAL *c, ptrdiff_t ldc, const REAL *a, ptrdiff_t a_row, ptrdiff_t a_col, const REAL *b, ptrdiff_t ldb,
                     ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int accumulate) {
    for (ptrdiff_t left = ceil_div(m, FS(simd)->gemm_mr), i = 0; left > 0; left--) {
        const ptrdiff_t height = min(m - i, ceil_div(ceil_div(m - i, 2), left) * 2);
        FS(simd)->gemm_tile(height, n, k, a + i * a_row, a_row, a_col, b, ldb, c + i * ldc, ldc, accumulate, NULL);
        i += height;
    }
}

/* ---- forward ---- */

typedef struct {
    const shape *s;
    REAL *to;
    const REAL *w;
    int turned; /* w is that of the convolution that s transposes */
} filter_job;

/* A chunk is some channels of a panel. */
static ptrdiff_t panel_chunks(const shape *s) { return ceil_div(group_channels(s), CHANNELS); }
static ptrdiff_t filter_chunks(const shape *s) { return panels(s) * panel_chunks(s); }

/* Where the filters of panel p begin: one after the other, unless they are turned. */
static const REAL *panel_of_weights(const filter_job *g, ptrdiff_t p) {
    const shape *s = g->s;
    const ptrdiff_t taps = TAPS * TAPS, k_step = g->turned ? taps : group_channels(s) * taps;
    return g->w + first_channel(s, p) * group_filters(s) * taps + first_in_group(s, p) * k_step;
}

/* Channels first .. end of panel p. */
static void transform_filters(const filter_job *g, ptrdiff_t p, REAL *to, const REAL *from, ptrdiff_t first, ptrdiff_t end) {
    const shape *s = g->s;
    const ptrdiff_t taps = TAPS * TAPS, cg = group_channels(s);
    const ptrdiff_t k_step = g->turned ? taps : cg * taps, c_step = g->turned ? group_filters(s) * taps : taps;
    for (ptrdiff_t c = first; c < end; c++) {
        FS(simd)->winograd_filters(to + c * panel_width(s), filter_step(s), from + c * c_step, k_step,
                                   g->turned != scatters(s), filters_in(s, p));
    }
}

static void filter_chunk(ptrdiff_t chunk, void *ctx) {
    const filter_job *g = ctx;
    const ptrdiff_t p = chunk / panel_chunks(g->s), first = chunk % panel_chunks(g->s) * CHANNELS;
    transform_filters(g, p, g->to + p * PRODUCTS * filter_step(g->s), panel_of_weights(g, p), first,
                      min(first + CHANNELS, group_channels(g->s)));
}

static REAL *new_filters(const shape *s) {
    return fs_alloc((size_t)(panels(s) * PRODUCTS * filter_step(s)) * sizeof(REAL));
}

REAL *FS(winograd_filters)(const REAL *w, const shape *s, int turned) {
    filter_job g = {s, new_filters(s), w, turned};
    if (g.to) fs_parallel_for(filter_chunks(s), filter_chunk, &g);
    return g.to;
}

typedef struct {
    const shape *s;
    REAL *y;
    const REAL *x, *filters, *bias;
    REAL least; /* of y: 0 for ReLU */
    int scattered;
    REAL *workspace;
    filter_job filter; /* that makes the filters */
    ptrdiff_t items, per_chunk, block; /* tiles for which a workspace has room */
    atomic_int status;
} job;

static void transform_input(const job *g, REAL *v, const struct fs_tile *tile, ptrdiff_t count) {
    const shape *s = g->s;
    const ptrdiff_t step = input_step(s, g->block);
    for (ptrdiff_t t = 0; t < count; t++, v += channels(s)) {
        if (g->scattered) {
            FS(simd)->winograd_expand(v, step, g->x, tile + t, s->c);
        } else {
            FS(simd)->winograd_input(v, step, g->x, tile + t, s->c);
        }
    }
}

/* Panel p of the outputs, out of their 36 matrices. */
static void transform_output(const job *g, ptrdiff_t p, const REAL *m, const struct fs_tile *tile, ptrdiff_t count,
                             REAL *spoiled) {
    const ptrdiff_t nr = panel_width(g->s), step = output_step(g->s, g->block), width = filters_in(g->s, p);
    const REAL *bias = g->bias ? g->bias + first_filter(g->s, p) : NULL;
    REAL *y = g->y + first_filter(g->s, p);
    for (ptrdiff_t t = 0; t < count; t++, m += nr) {
        if (g->scattered) {
            FS(simd)->winograd_scatter(y, spoiled, m, step, tile + t, width);
        } else {
            FS(simd)->winograd_output(y, spoiled, m, step, tile + t, bias, g->least, width);
        }
    }
}

/* Tiles t0 .. t0 + count, at most BLOCK, by panels p0 .. p1, whose filters are given. */
static void convolve_block(const job *g, ptrdiff_t t0, ptrdiff_t count, ptrdiff_t p0, ptrdiff_t p1, const REAL *filters,
                           REAL *v, REAL *m, REAL *spoiled) {
    const shape *s = g->s;
    const ptrdiff_t nr = panel_width(s), v_step = input_step(s, g->block), m_step = output_step(s, g->block);
    struct fs_tile from[BLOCK], to[BLOCK];
    (g->scattered ? source_tiles : input_tiles)(from, s, t0, count);
    (g->scattered ? target_tiles : output_tiles)(to, s, t0, count);
    transform_input(g, v, from, count);
    for (ptrdiff_t p = p0; p < p1; p++, filters += PRODUCTS * filter_step(s)) {
        for (ptrdiff_t i = 0; i < PRODUCTS; i++) {
            multiply(m + i * m_step, nr, v + i * v_step + first_channel(s, p), channels(s), 1,
                     filters + i * filter_step(s), nr, count, width_of(s, p), group_channels(s), 0);
        }
        transform_output(g, p, m, to, count, spoiled);
    }
}

static int any_spoiled(const REAL *spoiled) {
    for (int i = 0; i < MAX_VL; i++) {
        if (spoiled[i] != 0) return 1; /* NaN, nothing else */
    }
    return 0;
}

static int convolve_tiles(const job *g, ptrdiff_t t0, ptrdiff_t t1) {
    const ptrdiff_t v_size = PRODUCTS * input_step(g->s, g->block), m_size = PRODUCTS * output_step(g->s, g->block);
    REAL spoiled[MAX_VL] = {0}, *v = fs_alloc((size_t)(v_size + m_size) * sizeof(REAL));
    if (!v) return FS_ENOMEM;
    for (ptrdiff_t t = t0; t < t1; t += g->block) {
        convolve_block(g, t, min(g->block, t1 - t), 0, panels(g->s), g->filters, v, v + v_size, spoiled);
    }
    fs_free(v);
    return any_spoiled(spoiled) ? FS_EDOMAIN : FS_OK;
}

static job start(REAL *y, const REAL *x, const REAL *filters, const REAL *bias, int relu, const shape *s) {
    return (job){.s = s, .y = y, .x = x, .filters = filters, .bias = bias, .least = relu ? 0 : -(REAL)INFINITY,
                 .scattered = scatters(s), .block = BLOCK};
}

/* All tiles of images n0 .. n1, whose sums begin with the bias. */
static int scatter_images(const job *g, ptrdiff_t n0, ptrdiff_t n1) {
    const shape *s = g->s;
    const ptrdiff_t pixels = s->out_h * s->out_w, size = (n1 - n0) * pixels * s->k;
    REAL *y = g->y + n0 * pixels * s->k;
    for (ptrdiff_t i = 0; i < size; i++) y[i] = 0;
    for (ptrdiff_t i = 0; i < size && g->bias; i += s->k) {
        for (ptrdiff_t k = 0; k < s->k; k++) y[i + k] = g->bias[k];
    }
    const int status = convolve_tiles(g, n0 * convolution_grid(s).count, n1 * convolution_grid(s).count);
    if (g->least == 0) FS(simd)->relu_forward(y, y, NULL, size, 0, 0);
    return status;
}

int FS(winograd_images)(REAL *y, const REAL *x, ptrdiff_t n0, ptrdiff_t n1, const REAL *filters, const REAL *bias, int relu,
                        const shape *s) {
    const job g = start(y, x, filters, bias, relu, s);
    if (g.scattered) return scatter_images(&g, n0, n1);
    return convolve_tiles(&g, n0 * output_grid(s).count, n1 * output_grid(s).count);
}

static void note(atomic_int *status, int found) {
    if (found != FS_OK) atomic_store(status, found);
}

/* Some tiles, or all of some images where tiles overlap. */
static void convolve_chunk(ptrdiff_t chunk, void *ctx) {
    job *g = ctx;
    const ptrdiff_t first = chunk * g->per_chunk, end = min(first + g->per_chunk, g->items);
    note(&g->status, g->scattered ? scatter_images(g, first, end) : convolve_tiles(g, first, end));
}

/* How many of `items` make a chunk: at most a block of tiles where an item is that many, an even share for MIN_CHUNKS
 * threads, but enough to be worth a thread's while. */
static ptrdiff_t share(const shape *s, ptrdiff_t items, ptrdiff_t tiles) {
    const ptrdiff_t worth = ceil_div(MIN_WORK, max(1, PRODUCTS * group_channels(s) * s->k * tiles));
    const ptrdiff_t most = max(1, BLOCK / tiles), chunks = round_up(ceil_div(items, most), MIN_CHUNKS);
    return min(most, max(worth, ceil_div(items, chunks)));
}

/* Its own for each panel, so that no core writes what another one has in its cache. */
static ptrdiff_t panel_workspace(const job *g) {
    return PRODUCTS * (input_step(g->s, g->block) + output_step(g->s, g->block));
}

/* A small image's filters, which are mostly those of the image before. For gradients they are others each time. */
static struct fs_kept *filters_of_panel(const filter_job *g, ptrdiff_t p) {
    const shape *s = g->s;
    const ptrdiff_t cg = group_channels(s), weights = g->turned ? 0 : filters_in(s, p) * cg * TAPS * TAPS;
    struct fs_kept *kept = fs_kept_take(panel_of_weights(g, p), (size_t)weights * sizeof(REAL), FS(simd), cg,
                                        (size_t)(PRODUCTS * filter_step(s)) * sizeof(REAL));
    if (kept && !kept->known) transform_filters(g, p, kept->made, kept->from, 0, cg);
    return kept;
}

/* All tiles by one panel of filters, which are transformed by the thread that uses them. */
static void convolve_panel(ptrdiff_t p, void *ctx) {
    job *g = ctx;
    struct fs_kept *kept = filters_of_panel(&g->filter, p);
    if (!kept) {
        note(&g->status, FS_ENOMEM);
        return;
    }
    REAL spoiled[MAX_VL] = {0}, *v = g->workspace + p * panel_workspace(g);
    convolve_block(g, 0, g->items, p, p + 1, kept->made, v, v + PRODUCTS * input_step(g->s, g->block), spoiled);
    fs_kept_give(kept);
    if (any_spoiled(spoiled)) note(&g->status, FS_EDOMAIN);
}

static int convolve_by_panels(job *g) {
    g->block = g->items;
    g->workspace = fs_alloc((size_t)(panels(g->s) * panel_workspace(g)) * sizeof(REAL));
    if (!g->workspace) return FS_ENOMEM;
    fs_parallel_for(panels(g->s), convolve_panel, g);
    fs_free(g->workspace);
    return atomic_load(&g->status);
}

static int convolve_by_tiles(job *g, ptrdiff_t tiles) {
    REAL *filters = g->filter.to = new_filters(g->s);
    if (!filters) return FS_ENOMEM;
    g->filters = filters;
    fs_parallel_for(filter_chunks(g->s), filter_chunk, &g->filter);
    g->per_chunk = share(g->s, g->items, g->scattered ? tiles : 1);
    fs_parallel_for(ceil_div(g->items, g->per_chunk), convolve_chunk, g);
    fs_free(filters);
    return atomic_load(&g->status);
}

int FS(winograd_convolve)(REAL *y, const REAL *x, const REAL *w, const REAL *bias, int relu, int turned, const shape *s) {
    job g = start(y, x, NULL, bias, relu, s);
    const ptrdiff_t tiles = convolution_grid(s).count;
    g.filter = (filter_job){s, NULL, w, turned};
    g.items = g.scattered ? s->n : s->n * tiles;
    atomic_init(&g.status, FS_OK);
    return !g.scattered && g.items <= FEW_TILES ? convolve_by_panels(&g) : convolve_by_tiles(&g, tiles);
}

/* ---- the gradient in w ---- */

/* For each panel the 36 matrices [c][panel], and the panel of db. */
static ptrdiff_t sums_of_panel(const shape *s) { return PRODUCTS * filter_step(s) + panel_width(s); }
ptrdiff_t FS(winograd_sums_size)(const shape *s) { return panels(s) * sums_of_panel(s); }

static void add_block(REAL *sums, const REAL *dy, const REAL *x, ptrdiff_t t0, ptrdiff_t count, REAL *v, REAL *m,
                      int accumulate, const shape *s) {
    static const REAL one = 1;
    enum { TOTAL = 1 * IN + 1 }; /* the place where a transformed tile holds the sum of all its pixels */
    const ptrdiff_t nr = panel_width(s), v_step = input_step(s, SUM_BLOCK), m_step = output_step(s, SUM_BLOCK);
    struct fs_tile of_x[SUM_BLOCK], of_dy[SUM_BLOCK];
    input_tiles(of_x, s, t0, count);
    output_tiles(of_dy, s, t0, count);
    for (ptrdiff_t t = 0; t < count; t++) FS(simd)->winograd_input(v + t * channels(s), v_step, x, of_x + t, s->c);
    for (ptrdiff_t p = 0; p < panels(s); p++, sums += sums_of_panel(s)) {
        for (ptrdiff_t t = 0; t < count; t++) {
            FS(simd)->winograd_expand(m + t * nr, m_step, dy + first_filter(s, p), of_dy + t, filters_in(s, p));
        }
        for (ptrdiff_t i = 0; i < PRODUCTS; i++) {
            multiply(sums + i * filter_step(s), nr, v + i * v_step + first_channel(s, p), 1, channels(s),
                     m + i * m_step, nr, group_channels(s), width_of(s, p), count, accumulate);
        }
        multiply(sums + PRODUCTS * filter_step(s), nr, &one, 0, 0, m + TOTAL * m_step, nr, 1, width_of(s, p), count,
                 accumulate);
    }
}

int FS(winograd_sums)(REAL *sums, const REAL *dy, const REAL *x, ptrdiff_t n0, ptrdiff_t n1, int accumulate,
                      const shape *s) {
    const ptrdiff_t v_size = PRODUCTS * input_step(s, SUM_BLOCK), m_size = PRODUCTS * output_step(s, SUM_BLOCK);
    REAL *v = fs_alloc((size_t)(v_size + m_size) * sizeof(REAL));
    if (!v) return FS_ENOMEM;
    const ptrdiff_t first = n0 * output_grid(s).count, end = n1 * output_grid(s).count;
    for (ptrdiff_t t = first; t < end; t += SUM_BLOCK) {
        add_block(sums, dy, x, t, min(SUM_BLOCK, end - t), v, v + v_size, accumulate || t > first, s);
    }
    fs_free(v);
    return FS_OK;
}

typedef struct {
    const shape *s;
    REAL *dw;
    const REAL *sums;
    ptrdiff_t parts;
    atomic_int status;
} finish_job;

/* The filters' gradient for some channels of a panel. */
static void finish_chunk(ptrdiff_t chunk, void *ctx) {
    finish_job *g = ctx;
    const shape *s = g->s;
    const ptrdiff_t nr = panel_width(s), taps = TAPS * TAPS, cg = group_channels(s);
    const ptrdiff_t p = chunk / panel_chunks(s), first = chunk % panel_chunks(s) * CHANNELS;
    REAL spoiled[MAX_VL] = {0};
    for (ptrdiff_t c = first; c < min(first + CHANNELS, cg); c++) {
        FS(simd)->winograd_taps(g->dw + (first_filter(s, p) * cg + c) * taps, spoiled,
                                g->sums + p * sums_of_panel(s) + c * nr, filter_step(s), g->parts,
                                FS(winograd_sums_size)(s), cg * taps, filters_in(s, p));
    }
    if (any_spoiled(spoiled)) note(&g->status, FS_EDOMAIN);
}

static void finish_bias(REAL *db, const REAL *sums, ptrdiff_t parts, const shape *s) {
    const ptrdiff_t part = FS(winograd_sums_size)(s);
    for (ptrdiff_t p = 0; p < panels(s); p++, sums += sums_of_panel(s)) {
        const REAL *totals = sums + PRODUCTS * filter_step(s);
        REAL *to = db + first_filter(s, p);
        for (ptrdiff_t k = 0; k < filters_in(s, p); k++) {
            to[k] = totals[k];
            for (ptrdiff_t i = 1; i < parts; i++) to[k] += totals[i * part + k];
        }
    }
}

int FS(winograd_finish)(REAL *dw, REAL *db, const REAL *sums, ptrdiff_t parts, const shape *s) {
    finish_job g = {.s = s, .dw = dw, .sums = sums, .parts = parts};
    atomic_init(&g.status, FS_OK);
    fs_parallel_for(filter_chunks(s), finish_chunk, &g);
    if (db) finish_bias(db, sums, parts, s);
    return atomic_load(&g.status);
}

typedef struct {
    const shape *s;
    REAL *sums;
    const REAL *dy, *x;
    ptrdiff_t per_part; /* images */
    atomic_int status;
} gradient_job;

static void sum_part(ptrdiff_t part, void *ctx) {
    gradient_job *g = ctx;
    const ptrdiff_t n0 = part * g->per_part;
    note(&g->status, FS(winograd_sums)(g->sums + part * FS(winograd_sums_size)(g->s), g->dy, g->x, n0,
                                       min(n0 + g->per_part, g->s->n), 0, g->s));
}

int FS(winograd_filter_gradient)(REAL *dw, REAL *db, const REAL *dy, const REAL *x, const shape *s) {
    gradient_job g = {.s = s, .dy = dy, .x = x};
    g.per_part = max(ceil_div(PART_TILES, output_grid(s).count), ceil_div(s->n, MAX_PARTS));
    const ptrdiff_t parts = ceil_div(s->n, g.per_part);
    g.sums = fs_alloc((size_t)(parts * FS(winograd_sums_size)(s)) * sizeof(REAL));
    if (!g.sums) return FS_ENOMEM;
    atomic_init(&g.status, FS_OK);
    fs_parallel_for(parts, sum_part, &g);
    int status = atomic_load(&g.status);
    if (status == FS_OK) status = FS(winograd_finish)(dw, db, g.sums, parts, s);
    fs_free(g.sums);
    return status;
}
