/* The machine's limits, for whoever times these calls: arithmetic without memory, and memory without arithmetic. */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

typedef struct {
    double *flops; /* one for each chunk */
    REAL *sum;
    ptrdiff_t rounds;
} arithmetic;

static void compute_share(ptrdiff_t chunk, void *ctx) {
    const arithmetic *a = ctx;
    FS(simd)->roofline_fma(a->flops + chunk, a->sum + chunk, a->rounds, (REAL)0.5, (REAL)0.5);
}

int FS(roofline_fma)(double *flops, ptrdiff_t chunks, ptrdiff_t rounds) {
    double *done = fs_alloc((size_t)chunks * sizeof(double));
    REAL *sum = fs_alloc((size_t)chunks * sizeof(REAL));
    int status = FS_ENOMEM;
    *flops = 0;
    if (done && sum) {
        arithmetic a = {.flops = done, .sum = sum, .rounds = rounds};
        fs_parallel_for(chunks, compute_share, &a);
        for (ptrdiff_t i = 0; i < chunks; i++) *flops += done[i];
        status = FS_OK;
    }
    fs_free(sum);
    fs_free(done);
    return status;
}

typedef struct {
    REAL *y;
    const REAL *x, *z;
    ptrdiff_t n, chunks, rounds;
    int write;
} stream;

/* The rounds of a share follow one another on one thread, so that what fits its cache stays there. */
static void move_share(ptrdiff_t chunk, void *ctx) {
    const stream *s = ctx;
    const ptrdiff_t first = s->n / s->chunks * chunk;
    const ptrdiff_t n = chunk + 1 == s->chunks ? s->n - first : s->n / s->chunks;
    for (ptrdiff_t r = 0; r < s->rounds && n > 0; r++) {
        if (s->write) {
            FS(simd)->roofline_triad(s->y + first, s->x + first, s->z + first, n, (REAL)0.5);
        } else {
            FS(simd)->roofline_dot(s->y + first, s->x + first, s->z + first, n);
        }
    }
}

int FS(roofline_stream)(REAL *y, const REAL *x, const REAL *z, ptrdiff_t n, ptrdiff_t chunks, ptrdiff_t rounds, int write) {
    stream s = {.y = y, .x = x, .z = z, .n = n, .chunks = chunks, .rounds = rounds, .write = write};
    fs_parallel_for(chunks, move_share, &s);
    return FS_OK;
}
