/* Images moved at random: each is a function of its sample's number and the key, so any thread may make any of them.
 *
 * A map and a field of displacements say for every pixel where it comes from; the image is laid into a border of zeros, as
 * numbers, and read there. The Gaussian is a matrix that knows how the border mirrors, so a convolution along an axis is a
 * product by GEMM's tile. Of the matrix only a band about its diagonal is not zero, and only that is kept: for each tile what
 * its lines need, side by side.
 *
 * No function of <math.h> is called that the linker would have to find in a library: so sines are made here.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MOST_CHUNKS = 64, MIN_PIXELS = 8192, LARGEST_SIDE = (1 << 22) - 1, LARGEST_SIGMA = 1000, LARGEST_ANGLE = 1000000 };

/* A Gaussian along an axis, times a number: tile t has the lines from t step on, and of each the numbers from
 * first_of(t) on, at most `width`. Lines are rows of a tile, or its columns, so that GEMM's tile finds them as it wants them. */
typedef struct {
    REAL *at;
    ptrdiff_t n, step, reach, width;
    int columns;
} band;

typedef struct {
    unsigned char *y;
    const unsigned char *x;
    int bytes;
    const int64_t *sample;
    uint64_t key, stage;
    ptrdiff_t n, per_chunk;
    struct fs_bordered size;
    const struct fs_augment *options;
    band across[2], down[2]; /* the Gaussians of the displacements in x and in y: along rows, and along columns times alpha */
    int displaced;
    REAL *work; /* for each chunk: the image in its border, a row, two fields, one field on its way */
    ptrdiff_t work_size;
} run;

static ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

/* ---- maps ---- */

/* The sine and cosine of an angle of at most LARGEST_ANGLE: Taylor's series, of what is left of whole quarters. */
static void turn(double angle, double *sine, double *cosine) {
    /* a quarter of a turn in three parts, of which n times the first two is exact for n < 2^20: W. Cody and W. Waite, 1980 */
    static const double FIRST = 0x1.921fb544p+0, SECOND = 0x1.0b4611a6p-34, THIRD = 0x1.3198a2e037073p-69;
    const int64_t n = (int64_t)(angle * 0.63661977236758134308 + (angle < 0 ? -0.5 : 0.5));
    const double q = (double)n, r = ((angle - q * FIRST) - q * SECOND) - q * THIRD, z = r * r;
    double s = 0, c = 0;
    for (int k = 18; k > 0; k -= 2) { /* 0.8^20 / 20! is less than 2^-66 */
        s = (1 - s) * z / (k * (k + 1));
        c = (1 - c) * z / (k * (k - 1));
    }
    s = r - r * s;
    c = 1 - c;
    *sine = n & 1 ? c : s;
    *cosine = n & 1 ? s : c;
    if (n & 2) *sine = -*sine;
    if ((n + 1) & 2) *cosine = -*cosine;
}

/* The inverse of the map of one sample, six numbers: of pixels to places among the border's. */
static void find_map(REAL map[6], const run *r, uint64_t sample) {
    REAL drawn[FS_MOVES];
    double move[FS_MOVES];
    FS(simd)->random_uniform(drawn, FS_MOVES, r->stage << 32, sample, r->key);
    for (int i = 0; i < FS_MOVES; i++) {
        const double low = r->options->low[i], high = r->options->high[i];
        move[i] = low + (high - low) * (0.5 * drawn[i] + 0.5);
    }
    double sine, cosine, lean_sine, lean_cosine, skew_sine, skew_cosine;
    turn(move[FS_ROTATION], &sine, &cosine);
    turn(move[FS_SHEAR_X], &skew_sine, &skew_cosine);
    turn(move[FS_SHEAR_Y], &lean_sine, &lean_cosine);
    const double lean = lean_sine / lean_cosine, skew = skew_sine / skew_cosine;
    const double a = cosine + sine * lean, b = -a * skew - sine;
    const double c = sine - cosine * lean, d = -c * skew + cosine;
    const double shrink = 1 / move[FS_ZOOM];
    const double cx = 0.5 * (double)(r->size.w - 1), cy = 0.5 * (double)(r->size.h - 1);
    const double x = cx + move[FS_SHIFT_X] * (double)r->size.w, y = cy + move[FS_SHIFT_Y] * (double)r->size.h;
    map[0] = (REAL)(d * shrink);
    map[1] = (REAL)(-b * shrink);
    map[2] = (REAL)(cx + 1 - (d * x - b * y) * shrink);
    map[3] = (REAL)(-c * shrink);
    map[4] = (REAL)(a * shrink);
    map[5] = (REAL)(cy + 1 - (a * y - c * x) * shrink);
}

/* ---- displacements ---- */

static ptrdiff_t reach_of(double sigma) { return ((ptrdiff_t)(8 * sigma + 1)) / 2; }

/* i, mirrored into 0 .. n - 1 without repeating what lies on the border. */
static ptrdiff_t mirrored(ptrdiff_t i, ptrdiff_t n) {
    const ptrdiff_t period = 2 * (n - 1);
    if (period == 0) return 0;
    i = i < 0 ? -i % period : i % period;
    return i < n ? i : period - i;
}

static ptrdiff_t tiles_of(const band *g) { return (g->n + g->step - 1) / g->step; }

/* The numbers that the lines of a tile need: the first, and how many. */
static ptrdiff_t first_of(const band *g, ptrdiff_t tile) { return most(0, tile * g->step - g->reach); }
static ptrdiff_t count_of(const band *g, ptrdiff_t tile) {
    return least(g->n, (tile + 1) * g->step + g->reach) - first_of(g, tile);
}

static band band_of(ptrdiff_t n, ptrdiff_t step, double sigma, int columns) {
    const ptrdiff_t reach = reach_of(sigma);
    return (band){.n = n, .step = step, .reach = reach, .width = least(n, step + 2 * reach), .columns = columns};
}

static ptrdiff_t size_of(const band *g) { return tiles_of(g) * g->step * g->width; }

/* tap[t]: alpha times the weight of a number t places away. */
static void find_taps(REAL *tap, ptrdiff_t reach, double sigma, double alpha) {
    tap[0] = 0; /* sigma may be 0, and reach with it */
    for (ptrdiff_t t = 1; t <= reach; t++) tap[t] = (REAL)(-0.5 * (double)(t * t) / (sigma * sigma));
    FS(simd)->exp_forward(tap, tap, NULL, reach + 1, 0, 0);
    double sum = -(double)tap[0];
    for (ptrdiff_t t = 0; t <= reach; t++) sum += 2 * (double)tap[t];
    for (ptrdiff_t t = 0; t <= reach; t++) tap[t] = (REAL)(alpha * (double)tap[t] / sum);
}

static void fill(const band *g, double sigma, double alpha) {
    REAL tap[4 * LARGEST_SIGMA + 1];
    find_taps(tap, g->reach, sigma, alpha);
    memset(g->at, 0, (size_t)size_of(g) * sizeof(REAL));
    for (ptrdiff_t i = 0; i < g->n; i++) {
        const ptrdiff_t tile = i / g->step, line = i % g->step, first = first_of(g, tile);
        REAL *to = g->at + tile * g->step * g->width + (g->columns ? line : line * g->width);
        for (ptrdiff_t t = -g->reach; t <= g->reach; t++) {
            to[(mirrored(i + t, g->n) - first) * (g->columns ? g->step : 1)] += tap[t < 0 ? -t : t];
        }
    }
}

/* to[h, w] = from[h, w] times the Gaussian along its rows. */
static void convolve_across(REAL *to, const REAL *from, const band *g, ptrdiff_t h) {
    const ptrdiff_t rows = FS(simd)->gemm_mr, w = g->n;
    for (ptrdiff_t tile = 0, j = 0; j < w; tile++, j += g->step) {
        for (ptrdiff_t i = 0; i < h; i += rows) {
            FS(simd)->gemm_tile(least(rows, h - i), least(g->step, w - j), count_of(g, tile),
                                from + i * w + first_of(g, tile), w, 1, g->at + tile * g->step * g->width, g->step,
                                to + i * w + j, w, 0, NULL);
        }
    }
}

/* to[h, w] = the Gaussian along its columns times from[h, w]. */
static void convolve_down(REAL *to, const REAL *from, const band *g, ptrdiff_t w) {
    const ptrdiff_t columns = FS(simd)->gemm_nr, h = g->n;
    for (ptrdiff_t j = 0; j < w; j += columns) {
        for (ptrdiff_t tile = 0, i = 0; i < h; tile++, i += g->step) {
            FS(simd)->gemm_tile(least(g->step, h - i), least(columns, w - j), count_of(g, tile),
                                g->at + tile * g->step * g->width, g->width, 1,
                                from + first_of(g, tile) * w + j, w, to + i * w + j, w, 0, NULL);
        }
    }
}

static void displace(const run *r, uint64_t sample, REAL *field, REAL *between) {
    const ptrdiff_t h = r->size.h, w = r->size.w, area = h * w;
    uint64_t counter = (r->stage << 32) + 2; /* behind the moves */
    for (int axis = 0; axis < 2; axis++, field += area, counter += (uint64_t)(area + 3) / 4) {
        FS(simd)->random_uniform(field, area, counter, sample, r->key);
        convolve_across(between, field, &r->across[axis], h);
        convolve_down(field, between, &r->down[axis], w);
    }
}

/* ---- images ---- */

static void lay_into_border(REAL *to, const run *r, ptrdiff_t image) {
    const ptrdiff_t h = r->size.h, line = r->size.w * r->size.c, c = r->size.c;
    memset(to, 0, (size_t)((h + 3) * (line + 3 * c)) * sizeof(REAL));
    to += line + 4 * c;
    for (ptrdiff_t i = 0; i < h; i++, to += line + 3 * c) {
        const ptrdiff_t at = (image * h + i) * line;
        if (r->bytes) {
            for (ptrdiff_t j = 0; j < line; j++) to[j] = r->x[at + j];
        } else {
            memcpy(to, (const REAL *)(const void *)r->x + at, (size_t)line * sizeof(REAL));
        }
    }
}

static void make_image(const run *r, ptrdiff_t image, REAL *work) {
    const ptrdiff_t h = r->size.h, w = r->size.w, line = w * r->size.c, area = h * w;
    REAL *bordered = work, *row = bordered + (h + 3) * (w + 3) * r->size.c, *field = row + line;
    const uint64_t sample = (uint64_t)r->sample[image];
    REAL map[6];
    find_map(map, r, sample);
    lay_into_border(bordered, r, image);
    if (r->displaced) displace(r, sample, field, field + 2 * area);
    for (ptrdiff_t i = 0; i < h; i++) {
        const ptrdiff_t at = (image * h + i) * line;
        REAL *to = r->bytes ? row : (REAL *)(void *)r->y + at;
        FS(simd)->augment_row(to, w, i, bordered, &r->size, map, r->displaced ? field + i * w : NULL,
                              r->displaced ? field + area + i * w : NULL);
        if (!r->bytes) continue;
        for (ptrdiff_t j = 0; j < line; j++) r->y[at + j] = (unsigned char)(int)(row[j] + (REAL)0.5);
    }
}

static void make_chunk(ptrdiff_t chunk, void *ctx) {
    const run *r = ctx;
    const ptrdiff_t end = least(r->n, (chunk + 1) * r->per_chunk);
    for (ptrdiff_t i = chunk * r->per_chunk; i < end; i++) make_image(r, i, r->work + chunk * r->work_size);
}

static int in_order(const struct fs_augment *options) {
    for (int i = 0; i < FS_MOVES; i++) {
        const double largest = i == FS_ROTATION || i >= FS_SHEAR_X ? LARGEST_ANGLE : DBL_MAX;
        if (!(fabs(options->low[i]) <= largest && fabs(options->high[i]) <= largest)) return 0;
    }
    for (int i = 0; i < 2; i++) {
        if (!isfinite(options->alpha[i]) || !(options->sigma[i] >= 0 && options->sigma[i] <= LARGEST_SIGMA)) return 0;
    }
    return options->low[FS_ZOOM] > 0 && options->high[FS_ZOOM] > 0;
}

/* Lays the bands out from `memory` on, if it is not NULL; returns how much of it they take. */
static ptrdiff_t lay_out_bands(run *r, REAL *memory) {
    ptrdiff_t taken = 0;
    for (int axis = 0; axis < 2; axis++) {
        const double sigma = r->options->sigma[axis];
        band *const all[] = {&r->across[axis], &r->down[axis]};
        r->across[axis] = band_of(r->size.w, FS(simd)->gemm_nr, sigma, 1);
        r->down[axis] = band_of(r->size.h, FS(simd)->gemm_mr, sigma, 0);
        for (int i = 0; i < 2; i++) {
            all[i]->at = memory ? memory + taken : NULL;
            if (memory) fill(all[i], sigma, i ? r->options->alpha[axis] : 1);
            taken += size_of(all[i]);
        }
    }
    return taken;
}

int FS(augment)(void *y, const void *x, int bytes, const int64_t *sample, uint64_t key, uint32_t stage, ptrdiff_t n,
                ptrdiff_t c, ptrdiff_t h, ptrdiff_t w, const struct fs_augment *options) {
    if (!in_order(options) || h > LARGEST_SIDE || w > LARGEST_SIDE) return FS_EINVAL;
    if (n == 0 || c == 0 || h == 0 || w == 0) return FS_OK;
    const int displaced = options->alpha[0] != 0 || options->alpha[1] != 0;
    const ptrdiff_t pixels = h * w * c, area = displaced ? h * w : 0;
    run r = {.y = y, .x = x, .bytes = bytes, .sample = sample, .key = key, .stage = stage, .n = n, .size = {c, h, w},
             .options = options, .displaced = displaced, .work_size = (h + 3) * (w + 3) * c + w * c + 3 * area};
    r.per_chunk = most((n + MOST_CHUNKS - 1) / MOST_CHUNKS, 1 + (MIN_PIXELS - 1) / pixels);
    const ptrdiff_t chunks = (n + r.per_chunk - 1) / r.per_chunk, bands = displaced ? lay_out_bands(&r, NULL) : 0;
    REAL *memory = fs_alloc((size_t)(bands + chunks * r.work_size) * sizeof(REAL));
    if (!memory) return FS_ENOMEM;
    if (displaced) lay_out_bands(&r, memory);
    r.work = memory + bands;
    fs_parallel_for(chunks, make_chunk, &r);
    fs_free(memory);
    return FS_OK;
}
