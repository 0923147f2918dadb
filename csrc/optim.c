/* Optimizer steps and gradient clipping over a list of arrays in one call.
 *
 * The list is walked as one run of elements, cut into chunks of a fixed size that take no notice of where one array ends
 * and the next begins: a hundred small arrays cost no more than one large one, and no thread is left with a sliver.
 */
#include "fastscratch.h"

#include "real.h"
#include "simd/kernels.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 16384, MIN_PARALLEL = 100000 };

/* `n` elements of one array, from element `from` of it, which lie in one chunk. */
typedef void (*piece_fn)(const void *call, ptrdiff_t array, ptrdiff_t from, ptrdiff_t n, ptrdiff_t chunk);

typedef struct {
    ptrdiff_t count;
    const ptrdiff_t *start;
    piece_fn piece;
    const void *call;
} run;

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t chunks_of(ptrdiff_t total) { return (total + CHUNK - 1) / CHUNK; }

/* The array that holds an element of the run: the last one that starts at or before it. */
static ptrdiff_t array_of(const run *r, ptrdiff_t element) {
    ptrdiff_t low = 0, high = r->count;
    while (high - low > 1) {
        const ptrdiff_t middle = low + (high - low) / 2;
        if (r->start[middle] <= element) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static void walk_chunk(ptrdiff_t chunk, void *ctx) {
    const run *r = ctx;
    ptrdiff_t at = chunk * CHUNK;
    const ptrdiff_t end = min(at + CHUNK, r->start[r->count]);
    for (ptrdiff_t i = array_of(r, at); at < end; i++) {
        const ptrdiff_t stop = min(end, r->start[i + 1]);
        if (stop > at) r->piece(r->call, i, at - r->start[i], stop - at, chunk);
        at = stop;
    }
}

static void walk(ptrdiff_t count, const ptrdiff_t *start, piece_fn piece, const void *call) {
    run r = {count, start, piece, call};
    const ptrdiff_t chunks = chunks_of(start[count]);
    if (start[count] >= MIN_PARALLEL) {
        fs_parallel_for(chunks, walk_chunk, &r);
    } else {
        for (ptrdiff_t i = 0; i < chunks; i++) walk_chunk(i, &r);
    }
}

/* Part of an array of a list that may be left out. */
static REAL *part(REAL *const *list, ptrdiff_t array, ptrdiff_t from) { return list ? list[array] + from : NULL; }

typedef struct {
    REAL *const *param;
    const REAL *const *grad;
    REAL *const *state[3];
    union {
        struct FS(sgd_rule) sgd;
        struct FS(rmsprop_rule) rmsprop;
        struct FS(adam_rule) adam;
    } rule;
} step;

static void sgd_piece(const void *call, ptrdiff_t i, ptrdiff_t from, ptrdiff_t n, ptrdiff_t chunk) {
    const step *s = call;
    (void)chunk;
    FS(simd)->sgd(n, s->param[i] + from, s->grad[i] + from, part(s->state[0], i, from), &s->rule.sgd);
}

int FS(sgd_step)(REAL *const *param, const REAL *const *grad, REAL *const *buffer, ptrdiff_t count,
                 const ptrdiff_t *start, double lr, double momentum, double dampening, double weight_decay, int nesterov,
                 int maximize) {
    const step s = {param, grad, {buffer}, .rule.sgd = {maximize ? (REAL)-0.0 : 0, (REAL)weight_decay, (REAL)momentum,
                                                        (REAL)(1 - dampening), (REAL)lr, nesterov}};
    walk(count, start, sgd_piece, &s);
    return FS_OK;
}

static void rmsprop_piece(const void *call, ptrdiff_t i, ptrdiff_t from, ptrdiff_t n, ptrdiff_t chunk) {
    const step *s = call;
    (void)chunk;
    FS(simd)->rmsprop(n, s->param[i] + from, s->grad[i] + from, s->state[0][i] + from, part(s->state[1], i, from),
                      part(s->state[2], i, from), &s->rule.rmsprop);
}

int FS(rmsprop_step)(REAL *const *param, const REAL *const *grad, REAL *const *square_avg, REAL *const *grad_avg,
                     REAL *const *buffer, ptrdiff_t count, const ptrdiff_t *start, double lr, double alpha, double eps,
                     double weight_decay, double momentum, int maximize) {
    const step s = {param, grad, {square_avg, grad_avg, buffer},
                    .rule.rmsprop = {maximize ? (REAL)-0.0 : 0, (REAL)weight_decay, (REAL)alpha, (REAL)(1 - alpha), (REAL)eps,
                                     (REAL)momentum, (REAL)lr}};
    walk(count, start, rmsprop_piece, &s);
    return FS_OK;
}

static void adam_piece(const void *call, ptrdiff_t i, ptrdiff_t from, ptrdiff_t n, ptrdiff_t chunk) {
    const step *s = call;
    (void)chunk;
    FS(simd)->adam(n, s->param[i] + from, s->grad[i] + from, s->state[0][i] + from, s->state[1][i] + from,
                   part(s->state[2], i, from), &s->rule.adam);
}

int FS(adam_step)(REAL *const *param, const REAL *const *grad, REAL *const *exp_avg, REAL *const *exp_avg_sq,
                  REAL *const *max_exp_avg_sq, ptrdiff_t count, const ptrdiff_t *start, double lr, double beta1,
                  double beta2, double eps, double weight_decay, int decoupled, int maximize, double correction1,
                  double correction2) {
    const step s = {param, grad, {exp_avg, exp_avg_sq, max_exp_avg_sq},
                    .rule.adam = {.flip = maximize ? (REAL)-0.0 : 0,
                                  .decay = decoupled ? 0 : (REAL)weight_decay,
                                  .shrink = decoupled ? (REAL)(1 - lr * weight_decay) : 1,
                                  .beta1 = (REAL)beta1, .intake1 = (REAL)(1 - beta1),
                                  .beta2 = (REAL)beta2, .intake2 = (REAL)(1 - beta2),
                                  /* m / (sqrt(v / c) + eps) is sqrt(c) m / (sqrt(v) + sqrt(c) eps) */
                                  .step_size = (REAL)(lr * sqrt(correction2) / correction1),
                                  .eps = (REAL)(sqrt(correction2) * eps)}};
    walk(count, start, adam_piece, &s);
    return FS_OK;
}

typedef struct {
    const REAL *const *grad;
    double *partial; /* one for each chunk, so that the order of the sum does not depend on who computed it */
} norm;

static void squares_piece(const void *call, ptrdiff_t i, ptrdiff_t from, ptrdiff_t n, ptrdiff_t chunk) {
    const norm *g = call;
    FS(simd)->optim_squares(n, g->grad[i] + from, &g->partial[chunk]);
}

/* The larger of two, NaN above all. */
static double larger(double a, double b) { return b > a || b != b ? b : a; }

static void largest_piece(const void *call, ptrdiff_t i, ptrdiff_t from, ptrdiff_t n, ptrdiff_t chunk) {
    const norm *g = call;
    REAL largest;
    FS(simd)->optim_largest(n, g->grad[i] + from, &largest);
    g->partial[chunk] = larger(g->partial[chunk], (double)largest);
}

int FS(grad_norm)(double *result, const REAL *const *grad, ptrdiff_t count, const ptrdiff_t *start, int infinity) {
    const ptrdiff_t chunks = chunks_of(start[count]);
    double total = 0, *partial = fs_alloc((size_t)(chunks ? chunks : 1) * sizeof(double));
    if (!partial) return FS_ENOMEM;
    for (ptrdiff_t i = 0; i < chunks; i++) partial[i] = 0;
    const norm g = {grad, partial};
    walk(count, start, infinity ? largest_piece : squares_piece, &g);
    for (ptrdiff_t i = 0; i < chunks; i++) total = infinity ? larger(total, partial[i]) : total + partial[i];
    fs_free(partial);
    *result = infinity ? total : sqrt(total);
    return FS_OK;
}

typedef struct {
    REAL *const *array;
    REAL value;
} change;

static void scale_piece(const void *call, ptrdiff_t i, ptrdiff_t from, ptrdiff_t n, ptrdiff_t chunk) {
    const change *c = call;
    (void)chunk;
    FS(simd)->optim_scale(n, c->array[i] + from, c->value);
}

int FS(scale_arrays)(REAL *const *array, ptrdiff_t count, const ptrdiff_t *start, double factor) {
    const change c = {array, (REAL)factor};
    walk(count, start, scale_piece, &c);
    return FS_OK;
}

static void clamp_piece(const void *call, ptrdiff_t i, ptrdiff_t from, ptrdiff_t n, ptrdiff_t chunk) {
    const change *c = call;
    (void)chunk;
    FS(simd)->optim_clamp(n, c->array[i] + from, c->value);
}

int FS(clamp_arrays)(REAL *const *array, ptrdiff_t count, const ptrdiff_t *start, double value) {
    const change c = {array, (REAL)value};
    walk(count, start, clamp_piece, &c);
    return FS_OK;
}

int FS(clip_norm)(double *result, REAL *const *array, ptrdiff_t count, const ptrdiff_t *start, double max_norm,
                  int infinity, int finite_only) {
    const int status = FS(grad_norm)(result, (const REAL *const *)array, count, start, infinity);
    if (status != FS_OK || (finite_only && !isfinite(*result))) return status;
    const double factor = max_norm / (*result + 1e-6);
    return factor >= 1 ? FS_OK : FS(scale_arrays)(array, count, start, factor);
}

static void zero_piece(const void *call, ptrdiff_t i, ptrdiff_t from, ptrdiff_t n, ptrdiff_t chunk) {
    REAL *const *array = call;
    (void)chunk;
    memset(array[i] + from, 0, (size_t)n * sizeof(REAL));
}

int FS(zero_arrays)(REAL *const *array, ptrdiff_t count, const ptrdiff_t *start) {
    walk(count, start, zero_piece, array);
    return FS_OK;
}
