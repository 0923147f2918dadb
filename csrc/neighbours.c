/* The nearest neighbours of every point among the others: inner products tile by tile, of which a heap keeps the best.
 *
 * |x - z|^2 = |x|^2 + |z|^2 - 2 x.z finds the neighbours; their distances are then taken by differences, and sorted.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

enum { ROWS = 128, COLS = 2048 };

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

typedef struct {
    int64_t *index;
    REAL *distance;
    const REAL *x;
    REAL *half;  /* |x_i|^2 / 2 */
    REAL *room;  /* for each chunk of rows: scores of a tile */
    int *status; /* one for each chunk */
    ptrdiff_t n, d, k;
} search;

/* Whether a comes after b: farther, or as far with a larger number. */
static int after(REAL a, int64_t i, REAL b, int64_t j) { return a > b || (a == b && i > j); }

/* A heap of `size` whose root comes last: sink what stands at `at`. */
static void sink(REAL *key, int64_t *index, ptrdiff_t at, ptrdiff_t size) {
    const REAL moved = key[at];
    const int64_t number = index[at];
    for (ptrdiff_t child = 2 * at + 1; child < size; child = 2 * at + 1) {
        if (child + 1 < size && after(key[child + 1], index[child + 1], key[child], index[child])) child++;
        if (!after(key[child], index[child], moved, number)) break;
        key[at] = key[child], index[at] = index[child];
        at = child;
    }
    key[at] = moved, index[at] = number;
}

static void heapify(REAL *key, int64_t *index, ptrdiff_t size) {
    for (ptrdiff_t at = size / 2; at-- > 0;) sink(key, index, at, size);
}

/* Offer the columns j0 .. j1 to row i, of whose k best `*filled` are there. Equal scores: the smaller number. */
static void offer(const search *g, ptrdiff_t i, const REAL *dot, ptrdiff_t j0, ptrdiff_t j1, ptrdiff_t *filled) {
    REAL *key = g->distance + i * g->k;
    int64_t *index = g->index + i * g->k;
    ptrdiff_t j = j0;
    for (; j < j1 && *filled < g->k; j++) {
        if (j == i) continue;
        key[*filled] = g->half[j] - dot[j - j0], index[*filled] = j;
        if (++*filled == g->k) heapify(key, index, g->k);
    }
    for (; j < j1; j++) {
        const REAL score = g->half[j] - dot[j - j0];
        if (score < key[0] && j != i) {
            key[0] = score, index[0] = j;
            sink(key, index, 0, g->k);
        }
    }
}

/* Distances in place of scores, sorted: by the heap, whose root goes to the end. */
static void finish(const search *g, ptrdiff_t i) {
    REAL *key = g->distance + i * g->k;
    int64_t *index = g->index + i * g->k;
    for (ptrdiff_t j = 0; j < g->k; j++) {
        FS(simd)->rows_squares(key + j, 1, 1, 1, g->d, g->x + i * g->d, g->d, g->x + index[j] * g->d, g->d);
    }
    heapify(key, index, g->k);
    for (ptrdiff_t size = g->k - 1; size > 0; size--) {
        const REAL last = key[0];
        const int64_t number = index[0];
        key[0] = key[size], index[0] = index[size];
        key[size] = last, index[size] = number;
        sink(key, index, 0, size);
    }
}

static void search_rows(ptrdiff_t chunk, void *ctx) {
    const search *g = ctx;
    const ptrdiff_t i0 = chunk * ROWS, rows = min(ROWS, g->n - i0);
    ptrdiff_t filled[ROWS] = {0};
    REAL *tile = fs_alloc((size_t)ROWS * COLS * sizeof(REAL));
    int status = tile ? FS_OK : FS_ENOMEM;
    for (ptrdiff_t j0 = 0; j0 < g->n && status == FS_OK; j0 += COLS) {
        const ptrdiff_t columns = min(COLS, g->n - j0);
        status = FS(gemm)(tile, COLS, g->x + i0 * g->d, g->d, 1, g->x + j0 * g->d, 1, g->d, rows, columns, g->d, 0, NULL);
        for (ptrdiff_t i = 0; i < rows && status == FS_OK; i++) {
            offer(g, i0 + i, tile + i * COLS, j0, j0 + columns, filled + i);
        }
    }
    for (ptrdiff_t i = 0; i < rows && status == FS_OK; i++) finish(g, i0 + i);
    fs_free(tile);
    g->status[chunk] = status;
}

int FS(nearest_neighbours)(int64_t *index, REAL *distance, const REAL *x, ptrdiff_t n, ptrdiff_t d, ptrdiff_t k) {
    const ptrdiff_t chunks = (n + ROWS - 1) / ROWS;
    if (n == 0 || k == 0) return FS_OK;
    if (k >= n) return FS_EINVAL;
    search g = {.index = index, .distance = distance, .x = x, .n = n, .d = d, .k = k};
    g.half = fs_alloc((size_t)n * sizeof(REAL));
    g.status = fs_alloc((size_t)chunks * sizeof(int));
    int status = g.half && g.status ? FS_OK : FS_ENOMEM;
    if (status == FS_OK) {
        for (ptrdiff_t i = 0; i < n; i++) {
            FS(simd)->rows_dots(g.half + i, 1, 1, 1, d, x + i * d, d, x + i * d, d);
            g.half[i] /= 2;
        }
        fs_parallel_for(chunks, search_rows, &g);
        for (ptrdiff_t c = 0; c < chunks; c++) status = g.status[c] != FS_OK ? g.status[c] : status;
    }
    fs_free(g.status);
    fs_free(g.half);
    return status;
}
