/* The Gram matrix of the Gaussian kernel: inner products tile by tile, each turned into kernel values while it is hot.
 *
 * |x - z|^2 = |x|^2 + |z|^2 - 2 x.z loses what the points have in common, so the mean of x is taken off both first.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

enum { TILE = 128, MIN_PARALLEL = 200000 };

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

typedef struct {
    REAL *k;
    const REAL *x, *z, *x_norm, *z_norm; /* centred points, and the squares of their lengths */
    ptrdiff_t m, n, d, tiles_n;
    REAL gamma;
    int symmetric;
    int *status; /* one for each tile */
} gram;

/* The mean of each column in double; 0 for a column with a NaN or an infinity, lest it spread to every point. */
static void column_means(double *mean, const REAL *x, ptrdiff_t m, ptrdiff_t d) {
    for (ptrdiff_t j = 0; j < d; j++) mean[j] = 0;
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < d; j++) mean[j] += x[i * d + j];
    }
    for (ptrdiff_t j = 0; j < d; j++) {
        mean[j] /= (double)m;
        if (mean[j] - mean[j] != 0) mean[j] = 0;
    }
}

/* to = x - mean, and the squares of its rows' lengths. */
static void centre(REAL *to, REAL *norm, const REAL *x, const double *mean, ptrdiff_t m, ptrdiff_t d) {
    for (ptrdiff_t i = 0; i < m; i++) {
        double square = 0;
        for (ptrdiff_t j = 0; j < d; j++) {
            const REAL moved = (REAL)(x[i * d + j] - mean[j]);
            to[i * d + j] = moved;
            square += (double)moved * moved;
        }
        norm[i] = (REAL)square;
    }
}

/* Copy the tile's lower half, or all of it off the diagonal, to the other side of the diagonal. */
static void mirror(const gram *g, ptrdiff_t i0, ptrdiff_t i1, ptrdiff_t j0, ptrdiff_t j1) {
    for (ptrdiff_t i = i0; i < i1; i++) {
        for (ptrdiff_t j = j0; j < min(j1, i); j++) g->k[j * g->n + i] = g->k[i * g->n + j];
    }
    if (i0 != j0) return;
    for (ptrdiff_t i = i0; i < i1; i++) {
        const REAL nothing = g->x_norm[i] - g->x_norm[i]; /* 0, or NaN where the point is not finite */
        g->k[i * (g->n + 1)] = 1 + nothing;
    }
}

static void compute_tile(ptrdiff_t tile, void *ctx) {
    const gram *g = ctx;
    const ptrdiff_t i0 = tile / g->tiles_n * TILE, j0 = tile % g->tiles_n * TILE;
    const ptrdiff_t i1 = min(g->m, i0 + TILE), j1 = min(g->n, j0 + TILE);
    if (g->symmetric && j0 > i0) return;
    g->status[tile] = FS(gemm)(g->k + i0 * g->n + j0, g->n, g->x + i0 * g->d, g->d, 1, g->z + j0 * g->d, 1, g->d, i1 - i0,
                               j1 - j0, g->d, 0, NULL);
    for (ptrdiff_t i = i0; i < i1; i++) {
        FS(simd)->rbf_row(g->k + i * g->n + j0, g->z_norm + j0, j1 - j0, g->x_norm[i], g->gamma);
    }
    if (g->symmetric) mirror(g, i0, i1, j0, j1);
}

static int compute(gram *g) {
    const ptrdiff_t tiles = (g->m + TILE - 1) / TILE * g->tiles_n;
    int result = FS_OK, *status = fs_alloc((size_t)tiles * sizeof(int));
    if (!status) return FS_ENOMEM;
    for (ptrdiff_t i = 0; i < tiles; i++) status[i] = FS_OK;
    g->status = status;
    if ((double)g->m * (double)g->n * (double)(g->d + 8) >= MIN_PARALLEL) {
        fs_parallel_for(tiles, compute_tile, g);
    } else {
        for (ptrdiff_t i = 0; i < tiles; i++) compute_tile(i, g);
    }
    for (ptrdiff_t i = 0; i < tiles; i++) {
        if (status[i] != FS_OK) result = status[i];
    }
    fs_free(status);
    return result;
}

int FS(rbf_gram)(REAL *k, const REAL *x, const REAL *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, double gamma) {
    const ptrdiff_t others = z ? n : 0;
    if (m == 0 || n == 0) return FS_OK;
    double *mean = fs_alloc((size_t)d * sizeof(double));
    REAL *room = fs_alloc((size_t)((m + others) * (d + 1)) * sizeof(REAL));
    int status = FS_ENOMEM;
    if (mean && room) {
        REAL *x_norm = room + (m + others) * d, *z_moved = room + m * d, *z_norm = x_norm + m;
        column_means(mean, x, m, d);
        centre(room, x_norm, x, mean, m, d);
        if (z) centre(z_moved, z_norm, z, mean, n, d);
        gram g = {.k = k, .x = room, .z = z ? z_moved : room, .x_norm = x_norm, .z_norm = z ? z_norm : x_norm, .m = m,
                  .n = n, .d = d, .tiles_n = (n + TILE - 1) / TILE, .gamma = (REAL)gamma, .symmetric = !z};
        status = compute(&g);
    }
    fs_free(room);
    fs_free(mean);
    return status;
}
