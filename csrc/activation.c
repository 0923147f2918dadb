/* Functions of one element, over arrays of any size: cut into pieces by size alone, which micro-kernels map. */
#include "chunks.h"
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

typedef void (*function)(REAL *out, const REAL *x, const REAL *dy, ptrdiff_t n, REAL p, REAL q);

typedef struct {
    function f;
    REAL *out;
    const REAL *x, *dy; /* dy is NULL on the way forward */
    ptrdiff_t n;
    REAL p, q;
} mapping;

static void map_piece(ptrdiff_t chunk, void *ctx) {
    const mapping *m = ctx;
    const ptrdiff_t i = chunk * PIECE, rest = m->n - i;
    m->f(m->out + i, m->x + i, m->dy ? m->dy + i : NULL, rest < PIECE ? rest : PIECE, m->p, m->q);
}

static int map(function f, REAL *out, const REAL *x, const REAL *dy, ptrdiff_t n, double p, double q) {
    mapping m = {f, out, x, dy, n, (REAL)p, (REAL)q};
    if (n < SERIAL) {
        f(out, x, dy, n, m.p, m.q);
    } else {
        fs_parallel_for((n + PIECE - 1) / PIECE, map_piece, &m);
    }
    return FS_OK;
}

#define FS_ACTIVATION(name)                                                                                    \
    int FS(name##_forward)(REAL *y, const REAL *x, ptrdiff_t n, double p, double q) {                          \
        return map(FS(simd)->name##_forward, y, x, NULL, n, p, q);                                             \
    }                                                                                                          \
    int FS(name##_backward)(REAL *dx, const REAL *dy, const REAL *x, ptrdiff_t n, double p, double q) {        \
        return map(FS(simd)->name##_backward, dx, x, dy, n, p, q);                                             \
    }
#include "activations.def"
#undef FS_ACTIVATION
