/* fastscratch: every public prototype of the kernels.
 *
 * Conventions. Outputs first, const inputs, then sizes (ptrdiff_t), then parameters; row-major (C order) unless a stride
 * says otherwise; outputs never alias inputs unless a comment says they may. T is float for _f32 and double for _f64.
 * Letters: N C H W for images, K output channels, R S filter, m n k and lda for matrices, B T D for sequences.
 * Functions return FS_OK or an error code; no kernel prints or exits, and none keeps state but kept.c. eps below is the type's unit roundoff.
 */
#ifndef FASTSCRATCH_H
#define FASTSCRATCH_H

#include <stddef.h>
#include <stdint.h>

enum { FS_OK = 0, FS_ENOMEM = 1, FS_EINVAL = 2, FS_EINDEX = 3, FS_EDOMAIN = 4 };

/* ---- dispatch.c: instruction sets, in the order of preference ---- */
enum { FS_BASELINE = 0, FS_NEON = 1, FS_AVX2 = 2, FS_AVX512 = 3, FS_ISA_COUNT = 4 };
int fs_isa_built(int isa);     /* compiled in */
int fs_isa_available(int isa); /* and run by this processor and operating system */
int fs_isa_best(void);
int fs_isa_get(void);
int fs_isa_set(int isa); /* FS_EINVAL if not available; waits for the kernels between fs_begin() and fs_end() */
void fs_begin(void); /* Kernels of this thread follow, until fs_end(): no setting changes between the two. */
void fs_end(void);
void fs_dispatch_init(void);

/* ---- threads.c ---- */
typedef void (*fs_chunk_fn)(ptrdiff_t chunk, void *ctx);
/* Calls fn(0..chunks-1, ctx), each once, on up to fs_get_num_threads() threads. Kernels cut their work into chunks by its
 * shape alone, so that a result has the same bits whatever the number of threads. */
void fs_parallel_for(ptrdiff_t chunks, fs_chunk_fn fn, void *ctx);
void fs_set_num_threads(int n);
int fs_get_num_threads(void); /* min(set, omp_get_max_threads()), 1 after a fork */
int fs_has_openmp(void);
void fs_threads_init(void);

/* ---- alloc.c: caching allocator, 64-byte aligned, thread-safe ---- */
struct fs_memory {
    size_t used, cached, peak; /* bytes handed out, bytes idle, the most ever handed out */
    size_t hits, misses;       /* requests served from the cache, and from the system */
    size_t cap;                /* the most that may lie idle */
};
void *fs_alloc(size_t bytes); /* NULL when the system has no more */
void *fs_alloc_zeroed(size_t bytes);
size_t fs_alloc_size(const void *p); /* how many bytes there are, at least as many as were asked for; 0 for NULL */
void fs_free(void *p);
void fs_empty_cache(void);
void fs_set_cache_cap(size_t bytes);
void fs_reset_peak(void);
struct fs_memory fs_memory_stats(void);
void fs_alloc_init(void);

/* ---- kept.c: what was made of an array, for the next time ---- */
struct fs_kept {
    const void *source; /* `size` bytes are made of the `bytes` here, */
    size_t bytes;
    const void *by; /* with what, */
    ptrdiff_t form; /* and in which way */
    size_t size;
    const void *from; /* the source, or a copy that nobody else writes, */
    void *made;       /* and what the caller makes of it, */
    int known;        /* unless it is there already */
    int place;
};
/* NULL when the system has no more memory; else the caller's own until it is given back. With no bytes it is not kept. */
struct fs_kept *fs_kept_take(const void *source, size_t bytes, const void *by, ptrdiff_t form, size_t size);
void fs_kept_give(struct fs_kept *entry);
void fs_kept_drop(void); /* all that nobody holds */

/* ---- linear.c: the function after the layer ---- */
enum { FS_IDENTITY = 0, FS_RELU = 1, FS_TANH = 2, FS_SIGMOID = 3 };

/* ---- conv.c, pool.c: images are [n][h][w][c] in memory ---- */
struct fs_conv {
    ptrdiff_t n, c, h, w;   /* input */
    ptrdiff_t k, r, s;      /* k filters of r x s x c / groups */
    ptrdiff_t out_h, out_w; /* floor((h + 2 pad_h - dilation_h (r - 1) - 1) / stride_h) + 1; w alike */
    ptrdiff_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;
};
struct fs_pool {
    ptrdiff_t n, c, h, w; /* input */
    ptrdiff_t out_h, out_w;
    ptrdiff_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
    ptrdiff_t divisor; /* average: 0 for the size of the window, ... */
    int include_pad;   /* ... of which padding is a part, or is not */
    int adaptive;      /* average: the image in out_h x out_w shares; kernel, stride and pad say nothing, dilation is 1 */
};

/* ---- gram.c: kernels between points x and z ---- */
enum { FS_GRAM_RBF = 0, FS_GRAM_LINEAR = 1, FS_GRAM_POLYNOMIAL = 2 };
struct fs_gram {
    int kernel;                  /* exp(-gamma |x - z|^2), x.z, or (gamma x.z + coef0)^degree with degree >= 0 */
    double gamma, coef0, degree; /* used in the type of the points */
};

/* ---- augment.c: how images are moved, each by numbers of its own between low and high ---- */
enum { FS_ROTATION, FS_SHIFT_X, FS_SHIFT_Y, FS_ZOOM, FS_SHEAR_X, FS_SHEAR_Y, FS_MOVES };
struct fs_augment {
    double low[FS_MOVES], high[FS_MOVES]; /* radians clockwise, parts of the width and height, a factor, radians */
    double alpha[2], sigma[2];            /* of displacements in x and in y, in pixels; none with alpha 0 */
};

/* Which algorithm a convolution is asked to use where it applies; elsewhere, and by FS_AUTO, the shape decides. */
enum { FS_AUTO = 0, FS_DIRECT = 1, FS_WINOGRAD = 2, FS_IM2COL = 3, FS_ALGORITHM_COUNT = 4 };
int fs_conv_algorithm_set(int algorithm); /* FS_EINVAL if it is none of these; waits as fs_isa_set() does */
int fs_conv_algorithm_get(void);

/* The prototypes that exist once for each type. */
#define T float
#define FN(name) fs_##name##_f32
#include "prototypes.h"
#undef T
#undef FN
#define T double
#define FN(name) fs_##name##_f64
#include "prototypes.h"
#undef T
#undef FN

#endif
