/* Matrices turned over: the copy between images with their channels apart and images with their channels innermost. */
#include "chunks.h"
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

enum { TILE = 16 }; /* columns are cut at multiples of this, no less than a register has lanes */

typedef struct {
    REAL *y;
    const REAL *x;
    ptrdiff_t rows, cols;
    ptrdiff_t band, bands; /* columns of a band, bands of a matrix */
    ptrdiff_t units, share; /* bands in all, bands of a chunk */
} turn;

static void turn_bands(ptrdiff_t chunk, void *ctx) {
    const turn *t = ctx;
    const ptrdiff_t last = (chunk + 1) * t->share < t->units ? (chunk + 1) * t->share : t->units;
    for (ptrdiff_t unit = chunk * t->share; unit < last; unit++) {
        const ptrdiff_t matrix = unit / t->bands * t->rows * t->cols, j = unit % t->bands * t->band;
        const ptrdiff_t width = t->cols - j < t->band ? t->cols - j : t->band;
        FS(simd)->transpose(t->y + matrix + j * t->rows, t->rows, t->x + matrix + j, t->cols, t->rows, width);
    }
}

int FS(transpose)(REAL *y, const REAL *x, ptrdiff_t batch, ptrdiff_t rows, ptrdiff_t cols) {
    if (batch == 0 || rows == 0 || cols == 0) return FS_OK;
    turn t = {.y = y, .x = x, .rows = rows, .cols = cols};
    const ptrdiff_t wide = (PIECE / rows / TILE + 1) * TILE;
    t.band = wide < cols ? wide : cols;
    t.bands = (cols + t.band - 1) / t.band;
    t.units = batch * t.bands;
    t.share = batch * rows * cols < SERIAL ? t.units : PIECE / (rows * t.band) + 1;
    fs_parallel_for((t.units + t.share - 1) / t.share, turn_bands, &t);
    return FS_OK;
}
