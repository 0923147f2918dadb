/* Cross entropy with class labels: labels checked before anything is read by them, rows cut into pieces, totals in order. */
#include "chunks.h"
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

enum { STREAMS = 8 }; /* running sums of the totals */

typedef struct {
    REAL *loss, *lse_out, *dx;
    const REAL *x, *dy, *lse, *weight;
    const int64_t *label;
    ptrdiff_t rows, n, piece, dy_step;
    int64_t ignored;
    REAL spread, chosen, spread_sum;
} job;

static int labels_fit(const int64_t *label, ptrdiff_t rows, ptrdiff_t n, int64_t ignored) {
    int stray = 0;
    for (ptrdiff_t i = 0; i < rows; i++) stray |= (label[i] != ignored) & ((uint64_t)label[i] >= (uint64_t)n);
    return !stray;
}

/* The sum of the losses, and that of the weights of the labels that count: no addition waits for the one before it. */
static void add_up(double *totals, const REAL *loss, const int64_t *label, const REAL *weight, ptrdiff_t rows,
                   int64_t ignored) {
    double sum[STREAMS] = {0}, counted[STREAMS] = {0};
    for (ptrdiff_t i = 0; i < rows; i += STREAMS) {
        const ptrdiff_t left = rows - i, n = left < STREAMS ? left : STREAMS;
        for (ptrdiff_t k = 0; k < n; k++) {
            const int64_t t = label[i + k];
            sum[k] += (double)loss[i + k];
            counted[k] += t == ignored ? 0 : weight ? (double)weight[t] : 1;
        }
    }
    totals[0] = totals[1] = 0;
    for (int k = 0; k < STREAMS; k++) {
        totals[0] += sum[k];
        totals[1] += counted[k];
    }
}

static void run_piece(ptrdiff_t chunk, void *ctx) {
    const job *g = ctx;
    const ptrdiff_t i = chunk * g->piece, at = i * g->n, left = g->rows - i, rows = left < g->piece ? left : g->piece;
    if (g->dx) {
        FS(simd)->cross_entropy_backward(g->dx + at, g->dy + i * g->dy_step, g->dy_step, g->x + at, g->lse + i,
                                         g->label + i, g->weight, rows, g->n, g->ignored, g->spread, g->chosen,
                                         g->spread_sum);
    } else {
        FS(simd)->cross_entropy_forward(g->loss + i, g->lse_out + i, g->x + at, g->label + i, g->weight, rows, g->n,
                                        g->ignored, g->spread, g->chosen);
    }
}

static void run(job *g) {
    if (g->rows == 0 || g->n == 0) return;
    g->piece = g->rows;
    if (g->rows * g->n < SERIAL) {
        run_piece(0, g);
    } else {
        g->piece = PIECE / g->n > 0 ? PIECE / g->n : 1;
        fs_parallel_for((g->rows + g->piece - 1) / g->piece, run_piece, g);
    }
}

int FS(cross_entropy_forward)(REAL *loss, REAL *lse, double *totals, const REAL *x, const int64_t *label,
                              const REAL *weight, ptrdiff_t rows, ptrdiff_t n, int64_t ignored, double smoothing) {
    if (!labels_fit(label, rows, n, ignored)) return FS_EINDEX;
    job g = {.loss = loss, .lse_out = lse, .x = x, .label = label, .weight = weight, .rows = rows, .n = n,
             .ignored = ignored, .spread = (REAL)(n ? smoothing / (double)n : 0), .chosen = (REAL)(1 - smoothing)};
    if (n == 0) {
        for (ptrdiff_t i = 0; i < rows; i++) loss[i] = lse[i] = 0;
    }
    run(&g);
    add_up(totals, loss, label, weight, rows, ignored);
    return FS_OK;
}

int FS(cross_entropy_backward)(REAL *dx, const REAL *dy, ptrdiff_t dy_step, const REAL *x, const REAL *lse,
                               const int64_t *label, const REAL *weight, ptrdiff_t rows, ptrdiff_t n, int64_t ignored,
                               double smoothing) {
    if (!labels_fit(label, rows, n, ignored)) return FS_EINDEX;
    job g = {.dx = dx, .dy = dy, .dy_step = dy_step, .x = x, .lse = lse, .label = label, .weight = weight, .rows = rows,
             .n = n, .ignored = ignored, .spread = (REAL)(n ? smoothing / (double)n : 0), .chosen = (REAL)(1 - smoothing)};
    double sum = weight ? 0 : (double)n;
    for (ptrdiff_t c = 0; weight && c < n; c++) sum += (double)weight[c];
    g.spread_sum = (REAL)(n ? sum * smoothing / (double)n : 0);
    run(&g);
    return FS_OK;
}
