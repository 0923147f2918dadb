/* Lloyd's step: each row is given to the centre nearest to it and added to that centre's sum while it is in the cache.
 *
 * Of |x - c|^2 = |x|^2 - 2 x.c + |c|^2 the first term is the same for all centres, and is left out. Segments of rows have
 * sums of their own, so that threads can share them; they are added in their order.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <string.h>

enum { SCORES = 8192, BLOCK = 16, LEAST = 256, SEGMENTS = 32, MOST = 1 << 26 };

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

typedef struct {
    int32_t *label;
    const REAL *x, *weight, *centre;
    REAL *half;   /* |c_j|^2 / 2 */
    REAL *scores; /* block x k for each segment */
    REAL *sum;    /* k (d + 1) for each segment: sums, then masses; NULL if not wanted */
    ptrdiff_t n, d, k, rows, block; /* rows of a segment, and of a block */
} lloyd;

static int32_t nearest(const REAL *half, const REAL *dot, ptrdiff_t k) {
    REAL least = half[0] - dot[0];
    int32_t label = 0;
    for (ptrdiff_t j = 1; j < k; j++) {
        const REAL score = half[j] - dot[j];
        label = score < least ? (int32_t)j : label;
        least = score < least ? score : least;
    }
    return label;
}

static void assign_segment(ptrdiff_t segment, void *ctx) {
    const lloyd *g = ctx;
    const ptrdiff_t d = g->d, k = g->k, end = min(g->n, (segment + 1) * g->rows);
    REAL *scores = g->scores + segment * g->block * k, *sum = g->sum ? g->sum + segment * k * (d + 1) : NULL;
    for (ptrdiff_t first = segment * g->rows; first < end; first += g->block) {
        const ptrdiff_t count = min(g->block, end - first);
        const REAL *x = g->x + first * d;
        FS(simd)->rows_dots(scores, k, count, k, d, x, d, g->centre, d);
        for (ptrdiff_t i = 0; i < count; i++) {
            const int32_t at = g->label[first + i] = nearest(g->half, scores + i * k, k);
            if (!sum) continue;
            const REAL weight = g->weight ? g->weight[first + i] : 1;
            FS(simd)->add_scaled(sum + at * d, x + i * d, weight, d);
            sum[k * d + at] += weight;
        }
    }
}

/* Sums and masses of all segments, in their order. */
static void gather(REAL *sum, REAL *mass, const lloyd *g, ptrdiff_t segments) {
    const ptrdiff_t size = g->k * g->d, step = size + g->k;
    for (ptrdiff_t s = 1; s < segments; s++) FS(simd)->add_scaled(g->sum, g->sum + s * step, 1, step);
    memcpy(sum, g->sum, (size_t)size * sizeof(REAL));
    memcpy(mass, g->sum + size, (size_t)g->k * sizeof(REAL));
}

static ptrdiff_t count_segments(ptrdiff_t n, ptrdiff_t d, ptrdiff_t k) {
    ptrdiff_t segments = max(1, min(SEGMENTS, n / LEAST));
    while (segments > 1 && (double)segments * (double)k * (double)(d + 1) * sizeof(REAL) > MOST) segments--;
    return segments;
}

int FS(kmeans_assign)(int32_t *label, REAL *sum, REAL *mass, const REAL *x, const REAL *weight, const REAL *centre,
                      ptrdiff_t n, ptrdiff_t d, ptrdiff_t k) {
    const ptrdiff_t segments = count_segments(n, d, k), block = max(4, min(BLOCK, SCORES / k));
    const ptrdiff_t sums = sum ? segments * k * (d + 1) : 0;
    REAL *room = fs_alloc((size_t)(k + segments * block * k + sums) * sizeof(REAL));
    if (!room) return FS_ENOMEM;
    lloyd g = {.label = label, .x = x, .weight = weight, .centre = centre, .half = room, .scores = room + k,
               .sum = sum ? room + k + segments * block * k : NULL, .n = n, .d = d, .k = k,
               .rows = (n + segments - 1) / segments, .block = block};
    if (sum) memset(g.sum, 0, (size_t)sums * sizeof(REAL));
    for (ptrdiff_t j = 0; j < k; j++) {
        FS(simd)->rows_dots(g.half + j, 1, 1, 1, d, centre + j * d, d, centre + j * d, d);
        g.half[j] /= 2;
    }
    if (segments == 1) {
        assign_segment(0, &g);
    } else {
        fs_parallel_for(segments, assign_segment, &g);
    }
    if (sum) gather(sum, mass, &g, segments);
    fs_free(room);
    return FS_OK;
}
