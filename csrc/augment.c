/* Images moved at random: each is a function of its sample's number and the key, so any thread may make any of them.
 *
 * A map and a field of displacements say for every pixel where it comes from; the image is laid into a border of zeros, as
 * numbers, and read there. The Gaussian is a matrix that knows how the border mirrors, so a convolution along an axis is a
 * product by GEMM's tile, of those columns (rows) of the matrix that are not zero.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <math.h>
#include <string.h>

enum { MOST_CHUNKS = 64, MIN_PIXELS = 8192, LARGEST_SIDE = (1 << 22) - 1 };

typedef struct {
    unsigned char *y;
    const unsigned char *x;
    int bytes;
    const int64_t *sample;
    uint64_t key, stage;
    ptrdiff_t n, per_chunk;
    struct fs_bordered size;
    const struct fs_augment *options;
    REAL *across[2], *down[2]; /* the Gaussians of the displacements in x and in y: (w, w), and (h, h) times alpha */
    ptrdiff_t reach[2];
    REAL *work; /* for each chunk: the image in its border, a row, two fields, one field on its way */
    ptrdiff_t work_size;
} run;

static ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

/* The inverse of the map of one sample, six numbers: of pixels to places among the border's. */
static void find_map(REAL map[6], const run *r, uint64_t sample) {
    REAL drawn[FS_MOVES];
    double move[FS_MOVES];
    FS(simd)->random_uniform(drawn, FS_MOVES, r->stage << 32, sample, r->key);
    for (int i = 0; i < FS_MOVES; i++) {
        const double low = r->options->low[i], high = r->options->high[i];
        move[i] = low + (high - low) * (0.5 * drawn[i] + 0.5);
    }
    const double angle = move[FS_ROTATION], skew = tan(move[FS_SHEAR_X]), lean = move[FS_SHEAR_Y];
    const double a = cos(angle - lean) / cos(lean), b = -a * skew - sin(angle);
    const double c = sin(angle - lean) / cos(lean), d = -c * skew + cos(angle);
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

/* to[i step + j]: the part of number j in the i-th of n numbers after the convolution, times alpha. */
static void gaussian(REAL *to, ptrdiff_t n, double sigma, double alpha, int transposed) {
    const ptrdiff_t reach = reach_of(sigma);
    double sum = 0;
    for (ptrdiff_t t = -reach; t <= reach; t++) sum += reach ? exp(-0.5 * (double)(t * t) / (sigma * sigma)) : 1;
    memset(to, 0, (size_t)(n * n) * sizeof(REAL));
    for (ptrdiff_t t = -reach; t <= reach; t++) {
        const REAL tap = (REAL)(alpha * (reach ? exp(-0.5 * (double)(t * t) / (sigma * sigma)) : 1) / sum);
        for (ptrdiff_t i = 0; i < n; i++) {
            const ptrdiff_t j = mirrored(i + t, n);
            to[transposed ? j * n + i : i * n + j] += tap;
        }
    }
}

/* C[m, n] = A[m, k] B[k, n], of which the matrix A (down) or B is zero beyond `reach` places from its diagonal. */
static void convolve(REAL *c, const REAL *a, const REAL *b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int down, ptrdiff_t reach) {
    const ptrdiff_t rows = FS(simd)->gemm_mr, columns = FS(simd)->gemm_nr;
    for (ptrdiff_t j = 0; j < n; j += columns) {
        for (ptrdiff_t i = 0; i < m; i += rows) {
            const ptrdiff_t from = down ? i : j, to = down ? least(i + rows, m) : least(j + columns, n);
            const ptrdiff_t first = most(0, from - reach), last = least(k, to + reach);
            FS(simd)->gemm_tile(least(rows, m - i), least(columns, n - j), last - first, a + i * k + first, k, 1,
                                b + first * n + j, n, c + i * n + j, n, 0, NULL);
        }
    }
}

static void displace(const run *r, uint64_t sample, REAL *field, REAL *between) {
    const ptrdiff_t h = r->size.h, w = r->size.w, area = h * w;
    uint64_t counter = (r->stage << 32) + 2; /* behind the moves */
    for (int axis = 0; axis < 2; axis++, field += area, counter += (uint64_t)(area + 3) / 4) {
        FS(simd)->random_uniform(field, area, counter, sample, r->key);
        convolve(between, field, r->across[axis], h, w, w, 0, r->reach[axis]);
        convolve(field, r->down[axis], between, h, w, h, 1, r->reach[axis]);
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
    if (r->across[0]) displace(r, sample, field, field + 2 * area);
    for (ptrdiff_t i = 0; i < h; i++) {
        const ptrdiff_t at = (image * h + i) * line;
        REAL *to = r->bytes ? row : (REAL *)(void *)r->y + at;
        FS(simd)->augment_row(to, w, i, bordered, &r->size, map, r->across[0] ? field + i * w : NULL,
                              r->across[0] ? field + area + i * w : NULL);
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
        if (!isfinite(options->low[i]) || !isfinite(options->high[i])) return 0;
    }
    for (int i = 0; i < 2; i++) {
        if (!isfinite(options->alpha[i]) || !(options->sigma[i] >= 0 && options->sigma[i] < LARGEST_SIDE)) return 0;
    }
    return options->low[FS_ZOOM] > 0 && options->high[FS_ZOOM] > 0;
}

int FS(augment)(void *y, const void *x, int bytes, const int64_t *sample, uint64_t key, uint32_t stage, ptrdiff_t n,
                ptrdiff_t c, ptrdiff_t h, ptrdiff_t w, const struct fs_augment *options) {
    if (!in_order(options) || h > LARGEST_SIDE || w > LARGEST_SIDE) return FS_EINVAL;
    if (n == 0 || c == 0 || h == 0 || w == 0) return FS_OK;
    const int displaced = options->alpha[0] != 0 || options->alpha[1] != 0;
    const ptrdiff_t pixels = h * w * c, area = displaced ? h * w : 0;
    run r = {.y = y, .x = x, .bytes = bytes, .sample = sample, .key = key, .stage = stage, .n = n, .size = {c, h, w},
             .options = options, .work_size = (h + 3) * (w + 3) * c + w * c + 3 * area};
    r.per_chunk = most((n + MOST_CHUNKS - 1) / MOST_CHUNKS, 1 + (MIN_PIXELS - 1) / pixels);
    const ptrdiff_t chunks = (n + r.per_chunk - 1) / r.per_chunk, matrices = displaced ? 2 * (w * w + h * h) : 0;
    REAL *memory = fs_alloc((size_t)(matrices + chunks * r.work_size) * sizeof(REAL));
    if (!memory) return FS_ENOMEM;
    r.work = memory + matrices;
    for (int axis = 0; displaced && axis < 2; axis++) {
        r.across[axis] = memory + axis * (w * w + h * h);
        r.down[axis] = r.across[axis] + w * w;
        r.reach[axis] = reach_of(options->sigma[axis]);
        gaussian(r.across[axis], w, options->sigma[axis], 1, 1);
        gaussian(r.down[axis], h, options->sigma[axis], options->alpha[axis], 0);
    }
    fs_parallel_for(chunks, make_chunk, &r);
    fs_free(memory);
    return FS_OK;
}
