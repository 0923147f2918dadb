/* Rows of a table by number, and gradients added back to the rows they came from. */
#include "fastscratch.h"
#include "real.h"

#include <string.h>

enum {
    GATHER = 32768, /* elements of a chunk ... */
    SLAB = 32,      /* ... and its columns, in the gradient */
    MIN_PARALLEL = 100000,
    LINE = 64 / (int)sizeof(REAL),
    AHEAD = 2,                     /* how many rows before it is copied a row is sent for ... */
    FAR = 8192 / (int)sizeof(REAL) /* ... and how much of it: the rest follows by itself */
};

static int all_in_range(const int64_t *index, ptrdiff_t count, ptrdiff_t rows) {
    for (ptrdiff_t i = 0; i < count; i++) {
        if (index[i] < 0 || index[i] >= (int64_t)rows) return 0;
    }
    return 1;
}

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

static void each_chunk(ptrdiff_t chunks, fs_chunk_fn fn, void *ctx, ptrdiff_t work) {
    if (work >= MIN_PARALLEL) {
        fs_parallel_for(chunks, fn, ctx);
    } else {
        for (ptrdiff_t i = 0; i < chunks; i++) fn(i, ctx);
    }
}

typedef struct {
    REAL *out;
    const REAL *in;
    const int64_t *index;
    ptrdiff_t count, rows, d, padding;
} table;

static ptrdiff_t rows_of_chunk(ptrdiff_t d) { return d > 0 && d < GATHER ? GATHER / d : 1; }

/* A row that is copied soon lies anywhere: it is sent for while others are copied. */
static void send_for(const table *t, ptrdiff_t i) {
    const REAL *row = t->in + t->index[i] * t->d;
    for (ptrdiff_t j = 0; j < min(t->d, FAR); j += LINE) FS_FETCH(row, j);
}

static void gather(ptrdiff_t chunk, void *ctx) {
    const table *t = ctx;
    const ptrdiff_t rows = rows_of_chunk(t->d);
    for (ptrdiff_t i = chunk * rows; i < min(t->count, (chunk + 1) * rows); i++) {
        if (i + AHEAD < t->count) send_for(t, i + AHEAD);
        memcpy(t->out + i * t->d, t->in + t->index[i] * t->d, (size_t)t->d * sizeof(REAL));
    }
}

int FS(embedding_forward)(REAL *y, const REAL *weight, const int64_t *index, ptrdiff_t count, ptrdiff_t rows,
                          ptrdiff_t d) {
    if (!all_in_range(index, count, rows)) return FS_EINDEX;
    table t = {y, weight, index, count, rows, d, -1};
    const ptrdiff_t chunk = rows_of_chunk(d);
    each_chunk((count + chunk - 1) / chunk, gather, &t, count * d);
    return FS_OK;
}

/* Columns j0..j1 of the whole table: nobody else writes there, and the additions come in the order of the index. */
static void scatter(ptrdiff_t slab, void *ctx) {
    const table *t = ctx;
    const ptrdiff_t j0 = slab * SLAB, j1 = min(t->d, j0 + SLAB);
    for (ptrdiff_t i = 0; i < t->rows; i++) memset(t->out + i * t->d + j0, 0, (size_t)(j1 - j0) * sizeof(REAL));
    for (ptrdiff_t i = 0; i < t->count; i++) {
        if (t->index[i] == t->padding) continue;
        REAL *to = t->out + t->index[i] * t->d;
        const REAL *from = t->in + i * t->d;
        for (ptrdiff_t j = j0; j < j1; j++) to[j] += from[j];
    }
}

int FS(embedding_backward)(REAL *dw, const REAL *dy, const int64_t *index, ptrdiff_t count, ptrdiff_t rows, ptrdiff_t d,
                           ptrdiff_t padding_idx) {
    if (!all_in_range(index, count, rows)) return FS_EINDEX;
    table t = {dw, dy, index, count, rows, d, padding_idx};
    each_chunk((d + SLAB - 1) / SLAB, scatter, &t, (count + rows) * d);
    return FS_OK;
}
