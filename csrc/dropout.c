/* Dropout: which elements stay is a function of their place and the key alone, so any thread may do any part. */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <string.h>

enum { CHUNK = 1 << 15 }; /* a multiple of four: a counter never straddles two chunks */

typedef struct {
    REAL *y;
    const REAL *x;
    ptrdiff_t n;
    uint64_t key, offset;
    uint32_t threshold;
    REAL scale;
} run;

static void drop_chunk(ptrdiff_t chunk, void *ctx) {
    const run *r = ctx;
    const ptrdiff_t first = chunk * CHUNK, n = r->n - first < CHUNK ? r->n - first : CHUNK;
    FS(simd)->dropout_run(r->y + first, r->x + first, n, (uint64_t)first / 4, r->offset, r->key, r->threshold, r->scale);
}

int FS(dropout)(REAL *y, const REAL *x, ptrdiff_t n, double p, uint64_t key, uint64_t offset) {
    const double threshold = p * 4294967296.0 + 0.5;
    if (!(p >= 0 && p <= 1)) return FS_EINVAL;
    if (threshold >= 4294967296.0) { /* p is 1, or so near that no 32-bit word is above */
        if (n > 0) memset(y, 0, (size_t)n * sizeof(REAL));
        return FS_OK;
    }
    run r = {y, x, n, key, offset, (uint32_t)threshold, (REAL)(1 / (1 - p))};
    const ptrdiff_t chunks = (n + CHUNK - 1) / CHUNK;
    if (chunks < 4) {
        for (ptrdiff_t i = 0; i < chunks; i++) drop_chunk(i, &r);
    } else {
        fs_parallel_for(chunks, drop_chunk, &r);
    }
    return FS_OK;
}
