/* Dropout: which elements stay is a function of their place and the key alone, so any thread may do any part. */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <string.h>

enum { CHUNK = 1 << 15 }; /* a multiple of four: a counter never straddles two chunks */

typedef struct {
    REAL *y;       /* or dx */
    const REAL *x; /* or dy */
    uint8_t *new_kept;
    const uint8_t *kept;
    ptrdiff_t n;
    uint64_t key, offset;
    uint32_t threshold;
    REAL scale;
} run;

static void drop_chunk(ptrdiff_t chunk, void *ctx) {
    const run *r = ctx;
    const ptrdiff_t first = chunk * CHUNK, n = r->n - first < CHUNK ? r->n - first : CHUNK;
    FS(simd)->dropout_run(r->y + first, r->new_kept + first, r->x + first, n, (uint64_t)first / 4, r->offset, r->key,
                          r->threshold, r->scale);
}

static void pass_chunk(ptrdiff_t chunk, void *ctx) {
    const run *r = ctx;
    const ptrdiff_t first = chunk * CHUNK, n = r->n - first < CHUNK ? r->n - first : CHUNK;
    FS(simd)->dropout_pass(r->y + first, r->x + first, r->kept + first, n, r->scale);
}

static void each_chunk(run *r, fs_chunk_fn fn) {
    const ptrdiff_t chunks = (r->n + CHUNK - 1) / CHUNK;
    if (chunks < 4) {
        for (ptrdiff_t i = 0; i < chunks; i++) fn(i, r);
    } else {
        fs_parallel_for(chunks, fn, r);
    }
}

static void drop_all(REAL *y, ptrdiff_t n) {
    if (n > 0) memset(y, 0, (size_t)n * sizeof(REAL));
}

int FS(dropout_forward)(REAL *y, uint8_t *kept, const REAL *x, ptrdiff_t n, double p, uint64_t key, uint64_t offset) {
    const double threshold = p * 4294967296.0 + 0.5;
    if (!(p >= 0 && p <= 1)) return FS_EINVAL;
    if (threshold >= 4294967296.0) { /* p is 1, or so near that no 32-bit word is above */
        drop_all(y, n);
        if (n > 0) memset(kept, 0, (size_t)n);
        return FS_OK;
    }
    run r = {.y = y, .x = x, .new_kept = kept, .n = n, .key = key, .offset = offset, .threshold = (uint32_t)threshold,
             .scale = (REAL)(1 / (1 - p))};
    each_chunk(&r, drop_chunk);
    return FS_OK;
}

int FS(dropout_backward)(REAL *dx, const REAL *dy, const uint8_t *kept, ptrdiff_t n, double p) {
    if (!(p >= 0 && p <= 1)) return FS_EINVAL;
    run r = {.y = dx, .x = dy, .kept = kept, .n = n, .scale = p < 1 ? (REAL)(1 / (1 - p)) : 0};
    each_chunk(&r, pass_chunk);
    return FS_OK;
}
