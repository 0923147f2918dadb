/* Cholesky's factor of a stack of matrices; substitution with many right-hand sides; log-determinant; gradient.
 *
 * Of substitution, all but the triangular corners is FS(gemm), whose accumulation adds: what is to be subtracted is copied
 * with the other sign first, and transposed where that lays it out as GEMM likes it.
 */
#include "cholesky.h"
#include "fastscratch.h"
#include "simd/kernels.h"

#include <string.h>

enum { BASE = CHOLESKY_BASE, SLAB = 128, BLOCK = 128, MIN_PARALLEL = 200000 };

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

static void run_chunks(ptrdiff_t chunks, fs_chunk_fn fn, void *ctx, double work) {
    if (work >= MIN_PARALLEL) {
        fs_parallel_for(chunks, fn, ctx);
    } else {
        for (ptrdiff_t i = 0; i < chunks; i++) fn(i, ctx);
    }
}

/* ---- the factor ---- */

typedef struct {
    REAL *l;
    const REAL *a;
    ptrdiff_t n;
    ptrdiff_t *order; /* one for each matrix: no two threads write the same */
} factors;

static void factor_matrix(ptrdiff_t i, void *ctx) {
    const factors *g = ctx;
    const ptrdiff_t n = g->n;
    REAL *l = g->l + i * n * n;
    for (ptrdiff_t r = 0; r < n; r++) {
        memcpy(l + r * n, g->a + (i * n + r) * n, (size_t)(r + 1) * sizeof(REAL));
        memset(l + r * n + r + 1, 0, (size_t)(n - r - 1) * sizeof(REAL));
    }
    g->order[i] = FS(cholesky_factor)(l, n, n);
}

int FS(cholesky)(REAL *l, ptrdiff_t *failed, const REAL *a, ptrdiff_t batch, ptrdiff_t n) {
    if (batch == 0 || n == 0) return FS_OK;
    ptrdiff_t *order = fs_alloc((size_t)batch * sizeof(ptrdiff_t));
    if (!order) return FS_ENOMEM;
    factors g = {l, a, n, order};
    /* Few large matrices share the threads inside each product; many small ones are handed out whole. */
    run_chunks(batch, factor_matrix, &g, batch < 4 ? 0 : (double)batch * (double)n * (double)n * (double)n / 3);
    int status = FS_OK;
    for (ptrdiff_t i = 0; i < batch && status == FS_OK; i++) {
        if (order[i] != 0) {
            status = order[i] < 0 ? FS_ENOMEM : FS_EDOMAIN;
            failed[0] = i;
            failed[1] = order[i];
        }
    }
    fs_free(order);
    return status;
}

int FS(cholesky_inplace)(REAL *a, ptrdiff_t *failed, ptrdiff_t n) {
    *failed = n == 0 ? 0 : FS(cholesky_factor)(a, n, n);
    return *failed == 0 ? FS_OK : *failed < 0 ? FS_ENOMEM : FS_EDOMAIN;
}

/* ---- substitution ---- */

typedef struct {
    REAL *x; /* in: the right-hand sides; out: the solutions */
    const REAL *l;
    ptrdiff_t n, r, slabs;
    int forward, backward; /* divide by L, then by its transpose */
    int *status;           /* one for each chunk */
} system_;

/* X = T^-1 X for X [n, columns], with T = L, or its transpose from the last row up; L's rows are ld apart, work is [BASE, n]. */
static int divide(REAL *x, ptrdiff_t columns, const REAL *l, ptrdiff_t ld, ptrdiff_t n, int transposed, REAL *work) {
    REAL t[BASE * BASE];
    const ptrdiff_t row = transposed ? 1 : ld, column = transposed ? ld : 1, blocks = (n + BASE - 1) / BASE;
    for (ptrdiff_t b = 0; b < blocks; b++) {
        const ptrdiff_t i0 = (transposed ? blocks - 1 - b : b) * BASE, w = min(BASE, n - i0);
        const ptrdiff_t k0 = transposed ? i0 + w : 0, k = transposed ? n - k0 : i0; /* the rows that are known */
        for (ptrdiff_t i = 0; i < w; i++) {
            for (ptrdiff_t p = 0; p < k; p++) work[i * k + p] = -l[(i0 + i) * row + (k0 + p) * column];
        }
        if (k > 0 && FS(gemm)(x + i0 * columns, columns, work, k, 1, x + k0 * columns, columns, 1, w, columns, k, 1, NULL)) {
            return FS_ENOMEM;
        }
        const ptrdiff_t first = transposed ? i0 + w - 1 : i0, step = transposed ? -1 : 1;
        for (ptrdiff_t i = 0; i < w; i++) { /* in the order of substitution, the corner is always lower triangular */
            for (ptrdiff_t j = 0; j <= i; j++) t[i * BASE + j] = l[(first + i * step) * row + (first + j * step) * column];
        }
        FS(simd)->cholesky_substitute(x + first * columns, step * columns, t, w, columns);
    }
    return FS_OK;
}

/* Columns of X as rows of xt, n apart, blocks of BLOCK rows of L at a time, so that L is read once and along its rows, however
 * few the columns are. What is known stays in xt with the other sign: what it changes is a product that is added. */
typedef struct {
    REAL *xt, *block, *work; /* [columns, n]; [BLOCK, columns], a block of X; and what divide needs */
    const REAL *l;
    ptrdiff_t n, columns;
} slab;

static void take_block(const slab *g, ptrdiff_t i, ptrdiff_t w) {
    FS(simd)->transpose(g->block, g->columns, g->xt + i, g->n, g->columns, w);
}

/* Divides the block that was taken by its corner, and puts it back. */
static int divide_block(const slab *g, ptrdiff_t i, ptrdiff_t w, int transposed) {
    const int status = divide(g->block, g->columns, g->l + i * (g->n + 1), g->n, w, transposed, g->work);
    FS(simd)->cholesky_negate(g->block, g->block, w * g->columns);
    FS(simd)->transpose(g->xt + i, g->n, g->block, g->columns, w, g->columns);
    return status;
}

/* xt = -xt L^-T: a block loses its products with all that is known, then is divided by its corner. */
static int divide_forward(const slab *g) {
    int status = FS_OK;
    for (ptrdiff_t i = 0; i < g->n && status == FS_OK; i += BLOCK) {
        const ptrdiff_t w = min(BLOCK, g->n - i), r = g->columns;
        take_block(g, i, w);
        if (i > 0) status = FS(gemm)(g->block, r, g->l + i * g->n, g->n, 1, g->xt, 1, g->n, w, r, i, 1, NULL);
        if (status == FS_OK) status = divide_block(g, i, w, 0);
    }
    return status;
}

/* xt = -xt L^-1: a block is divided by its corner, then all before it lose their products with it. */
static int divide_backward(const slab *g) {
    int status = FS_OK;
    for (ptrdiff_t i = (g->n - 1) / BLOCK * BLOCK; i >= 0 && status == FS_OK; i -= BLOCK) {
        const ptrdiff_t w = min(BLOCK, g->n - i);
        take_block(g, i, w);
        status = divide_block(g, i, w, 1);
        if (i > 0 && status == FS_OK) {
            status = FS(gemm)(g->xt, g->n, g->xt + i, g->n, 1, g->l + i * g->n, g->n, 1, g->columns, i, w, 1, NULL);
        }
    }
    return status;
}

static void solve_slab(ptrdiff_t chunk, void *ctx) {
    const system_ *g = ctx;
    const ptrdiff_t matrix = chunk / g->slabs, c0 = chunk % g->slabs * SLAB, columns = min(SLAB, g->r - c0), n = g->n;
    REAL *x = g->x + matrix * n * g->r + c0, *work = fs_alloc((size_t)((n + BLOCK) * columns + BASE * BLOCK) * sizeof(REAL));
    g->status[chunk] = FS_ENOMEM;
    if (!work) return;
    const slab s = {work, work + n * columns, work + (n + BLOCK) * columns, g->l + matrix * n * n, n, columns};
    FS(simd)->transpose(s.xt, n, x, g->r, n, columns);
    if (!g->forward || !g->backward) FS(simd)->cholesky_negate(s.xt, s.xt, n * columns);
    int status = g->forward ? divide_forward(&s) : FS_OK;
    if (status == FS_OK && g->backward) status = divide_backward(&s);
    FS(simd)->transpose(x, g->r, s.xt, n, columns, n);
    fs_free(work);
    g->status[chunk] = status;
}

/* Each slab of right-hand sides is a chunk; a single one leaves the threads to its products. */
static int solve(REAL *x, const REAL *l, ptrdiff_t batch, ptrdiff_t n, ptrdiff_t r, int forward, int backward) {
    if (batch == 0 || n == 0 || r == 0) return FS_OK;
    const ptrdiff_t slabs = (r + SLAB - 1) / SLAB, chunks = batch * slabs;
    int *status = fs_alloc((size_t)chunks * sizeof(int)), result = FS_OK;
    if (!status) return FS_ENOMEM;
    system_ g = {x, l, n, r, slabs, forward, backward, status};
    run_chunks(chunks, solve_slab, &g, (double)batch * (double)n * (double)n * (double)r);
    for (ptrdiff_t i = 0; i < chunks; i++) {
        if (status[i] != FS_OK) result = status[i];
    }
    fs_free(status);
    return result;
}

int FS(cholesky_solve)(REAL *x, const REAL *l, const REAL *b, ptrdiff_t batch, ptrdiff_t n, ptrdiff_t r) {
    memcpy(x, b, (size_t)(batch * n * r) * sizeof(REAL));
    return solve(x, l, batch, n, r, 1, 1);
}

/* ---- log-determinant ---- */

int FS(cholesky_logdet)(REAL *y, const REAL *l, ptrdiff_t batch, ptrdiff_t n) {
    REAL *diagonal = fs_alloc((size_t)(n > 0 ? n : 1) * sizeof(REAL));
    if (!diagonal) return FS_ENOMEM;
    for (ptrdiff_t i = 0; i < batch; i++) {
        double sum = 0;
        for (ptrdiff_t j = 0; j < n; j++) diagonal[j] = l[i * n * n + j * (n + 1)];
        FS(simd)->log_forward(diagonal, diagonal, NULL, n, 0, 0);
        for (ptrdiff_t j = 0; j < n; j++) sum += diagonal[j];
        y[i] = (REAL)(2 * sum);
    }
    fs_free(diagonal);
    return FS_OK;
}

/* ---- the factor's gradient ---- */

static void transpose(REAL *x, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 0; j < i; j++) {
            const REAL swapped = x[i * n + j];
            x[i * n + j] = x[j * n + i];
            x[j * n + i] = swapped;
        }
    }
}

/* da = L^-T S L^-1 for S the symmetric part of the lower half of L^T dL: as S is symmetric, L^-T (L^-T S)^T. */
static int gradient(REAL *da, const REAL *dl, const REAL *l, ptrdiff_t n, REAL *lower) {
    for (ptrdiff_t i = 0; i < n; i++) {
        memcpy(lower + i * n, dl + i * n, (size_t)(i + 1) * sizeof(REAL));
        memset(lower + i * n + i + 1, 0, (size_t)(n - i - 1) * sizeof(REAL));
    }
    int status = FS(gemm)(da, n, l, 1, n, lower, n, 1, n, n, n, 0, NULL);
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 0; j <= i; j++) da[i * n + j] = da[j * n + i] = da[i * n + j] / 2;
    }
    for (int pass = 0; pass < 2 && status == FS_OK; pass++) {
        if (pass) transpose(da, n);
        status = solve(da, l, 1, n, n, 0, 1);
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 0; j < i; j++) da[i * n + j] = da[j * n + i] = (da[i * n + j] + da[j * n + i]) / 2;
    }
    return status;
}

int FS(cholesky_backward)(REAL *da, const REAL *dl, const REAL *l, ptrdiff_t batch, ptrdiff_t n) {
    if (n == 0) return FS_OK;
    REAL *lower = fs_alloc((size_t)(n * n) * sizeof(REAL));
    int status = lower ? FS_OK : FS_ENOMEM;
    for (ptrdiff_t i = 0; i < batch && status == FS_OK; i++) {
        status = gradient(da + i * n * n, dl + i * n * n, l + i * n * n, n, lower);
    }
    fs_free(lower);
    return status;
}
