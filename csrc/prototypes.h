/* Included by fastscratch.h once for float and once for double: T is the type, FN(name) is fs_name_f32 or fs_name_f64. */

/* ---- activation.c ---- */

/* For each name of activations.def, where the formulas are: y[i] = f(x[i]), and dx[i] = dy[i] f'(x[i]), i < n. Outputs may be
 * inputs. p and q are the parameters of the few that have any. Errors: see simd/math.h and the bounds of the twins. */
#define FS_ACTIVATION(name)                                                                \
    int FN(name##_forward)(T *y, const T *x, ptrdiff_t n, double p, double q);             \
    int FN(name##_backward)(T *dx, const T *dy, const T *x, ptrdiff_t n, double p, double q);
#include "activations.def"
#undef FS_ACTIVATION

/* ---- arithmetic.c ---- */

/* For each name of binaries.def: y[i] = a[i a_step] op b[i b_step], i < n, rounded once. With step 1 an operand has n elements,
 * with step 0 it is one number for all. y may be a or b where those have step 1. */
#define FS_BINARY(name) \
    int FN(name)(T *y, const T *a, ptrdiff_t a_step, const T *b, ptrdiff_t b_step, ptrdiff_t n);
#include "binaries.def"
#undef FS_BINARY

/* For each name of comparisons.def: y[i] = 1 if a[i] op b[i], else 0; i < n. Exact; NaN equals nothing and is in no order. */
#define FS_COMPARISON(name, operator) int FN(name)(uint8_t *y, const T *a, const T *b, ptrdiff_t n);
#include "comparisons.def"
#undef FS_COMPARISON

/* *y = the sum of x[0..n): blocks of registers, the blocks' sums in double; n = 0 gives 0. |error| <= 26 eps sum |x|, in double
 * an eps more for every 64 elements. */
int FN(sum_all)(T *y, const T *x, ptrdiff_t n);

/* *y = the sum of x[0..n), n > 0, over n; divided in double. |error| <= that of the sum over n, and eps |*y|. */
int FN(mean_all)(T *y, const T *x, ptrdiff_t n);

/* ---- gemm.c ---- */

/* C[m,n] = (accumulate ? C : 0) + A[m,k] B[k,n] + bias[n].
 * A and B by row and column strides (any transposition; B is packed where its columns are not unit), C by ldc >= n.
 * bias may be NULL, and must be NULL when accumulating. |error| <= (k + 2) eps |A||B|, element by element.
 * K. Goto and R. van de Geijn, Anatomy of High-Performance Matrix Multiplication, ACM TOMS 34(3), 2008. */
int FN(gemm)(T *c, ptrdiff_t ldc, const T *a, ptrdiff_t a_row, ptrdiff_t a_col, const T *b, ptrdiff_t b_row,
             ptrdiff_t b_col, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int accumulate, const T *bias);

/* C[i] = sum over t < terms of A[i,t] B[i,t], i < batch: C[i] at c + i m n, A[i,t] at a + a_offset[i terms + t] (elements),
 * B likewise. terms > 1 is the gradient of an operand that was broadcast; the sum runs in the order of t. */
int FN(gemm_batched)(T *c, const T *a, const ptrdiff_t *a_offset, ptrdiff_t a_row, ptrdiff_t a_col, const T *b,
                     const ptrdiff_t *b_offset, ptrdiff_t b_row, ptrdiff_t b_col, ptrdiff_t batch, ptrdiff_t terms,
                     ptrdiff_t m, ptrdiff_t n, ptrdiff_t k);

/* ---- linear.c ---- */

/* y[rows, n] = f(x[rows, k] w^T + b[n]), w[n, k] by its strides; b may be NULL; activation: FS_IDENTITY, FS_RELU, FS_TANH,
 * FS_SIGMOID. |error| <= (k + 3) eps (|x||w|^T + |b|), for no f is steeper than 1, and that of f itself. */
int FN(linear_forward)(T *y, const T *x, const T *w, ptrdiff_t w_row, ptrdiff_t w_col, const T *b, ptrdiff_t rows,
                       ptrdiff_t n, ptrdiff_t k, int activation);

/* With dz = dy f'(z), found from y = f(z) (not looked at for FS_IDENTITY): dx = dz w, dw[n, k] = dz^T x, db = the sum of
 * dz's rows; each may be NULL: not wanted. |error| <= (terms of the sum + 7) eps times the same sum of sizes, that of dz
 * being |dy| (1 + y^2) for tanh. */
int FN(linear_backward)(T *dx, T *dw, T *db, const T *dy, const T *y, const T *x, const T *w, ptrdiff_t w_row,
                        ptrdiff_t w_col, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t k, int activation);

/* ---- conv.c, winograd.c ---- */

/* y[n,i,j,k] = b[k] + sum over r, s, c of w[k,c,r,s] x[n, i stride - pad + r dilation, j stride - pad + s dilation, c],
 * x being zero outside; with groups, filter k sees the channels of its group only. x [n][h][w][c],
 * y [n][out_h][out_w][k], w [k][c / groups][r][s]; b may be NULL. |error| <= (r s c / groups + 3) eps (|b| + sum |w||x|).
 * relu: y = max(0, that), NaN staying NaN.
 * K. Chellapilla, S. Puri and P. Simard, High Performance Convolutional Neural Networks for Document Processing, 2006. */
int FN(conv2d_forward)(T *y, const T *x, const T *w, const T *b, const struct fs_conv *shape, int relu);

/* The gradients of sum(dy y) in x, w and b, in their layouts; dx, dw and db may each be NULL: not wanted.
 * |error| <= (terms of the sum + 2) eps times the same sum of absolute values. Sums over images are cut by shape alone. */
int FN(conv2d_backward)(T *dx, T *dw, T *db, const T *dy, const T *x, const T *w, const struct fs_conv *shape);
/* The same for y = relu(...): dy counts where y > 0 (or y is NaN). */
int FN(conv2d_relu_backward)(T *dx, T *dw, T *db, const T *dy, const T *y, const T *x, const T *w,
                             const struct fs_conv *shape);

/* ---- conv_pool.c ---- */

/* The largest of each window_h x window_w block of the convolution (then relu, if asked for), without the convolution ever
 * lying in memory: y, code [n][out_h / window_h][out_w / window_w][k]. code says where in the block, row by row, the largest
 * lies (the first of equals, the last NaN), or 255 where relu has cut it off. window_h window_w <= 255. Errors as above. */
int FN(conv2d_pool_forward)(T *y, uint8_t *code, const T *x, const T *w, const T *b, const struct fs_conv *shape,
                            ptrdiff_t window_h, ptrdiff_t window_w, int relu);
/* Its gradients: those of the convolution for dy put at the places that code says, 0 elsewhere. */
int FN(conv2d_pool_backward)(T *dx, T *dw, T *db, const T *dy, const uint8_t *code, const T *x, const T *w,
                             const struct fs_conv *shape, ptrdiff_t window_h, ptrdiff_t window_w);

/* Winograd's algorithm, where it is used (fs_conv_algorithm_set), has other bounds. With u the unit roundoff and A, B, G the
 * matrices of simd/winograd.c, and c and k the channels and filters of a group, the error of a tile of y is at most
 *   (c + 24) u (|A^T| (sum over channels of (|G||w||G^T|) . (|B^T||x||B|)) |A| + |b|),
 * element by element (with dilation, the pixels of a tile are as far apart as those of a filter); with A, A^T in place of B^T, B and B, B^T in place of A^T, A where the output has more tiles than the
 * input, w turned round; that of dx the same with dy, the filters turned and k in place of c; and that of dw
 *   (tiles + 19) u |G^T| (sum over tiles of (|A||dy||A^T|) . (|B^T||x||B|)) |G|.
 * An error is small beside the largest |w||x| of its tile, not beside its own: by at most 48^2 (c + 24) u c max |w| max |x|.
 * Each transform's error passes through the transforms after it: A. Lavin and S. Gray, Fast Algorithms for Convolutional
 * Neural Networks, CVPR 2016; B. Barabasz et al., Error Analysis and Improving the Accuracy of Winograd Convolution for Deep
 * Neural Networks, ACM TOMS 46(4), 2020. If anything is not finite, the direct kernel makes the result. */

/* ---- dropout.c ---- */

/* kept[i] = w[i] >= round(p 2^32) and y[i] = kept[i] ? x[i] / (1 - p) : 0, for w[i] word i % 4 of Philox4x32-10 at the counter (i / 4, offset),
 * low word first, under the key. 0 <= p <= 1, else FS_EINVAL. The quotient is x times the rounded 1 / (1 - p): two
 * roundings. A dropped element is 0 even where x is NaN or infinite.
 * J. Salmon, M. Moraes, R. Dror and D. Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011. */
int FN(dropout_forward)(T *y, uint8_t *kept, const T *x, ptrdiff_t n, double p, uint64_t key, uint64_t offset);
/* dx[i] = kept[i] ? dy[i] / (1 - p) : 0, rounded as on the way forward. */
int FN(dropout_backward)(T *dx, const T *dy, const uint8_t *kept, ptrdiff_t n, double p);

/* ---- augment.c ---- */

/* y[n, h, w, c]: each image of x moved, as numbers say that depend on its sample[i], key and stage alone; both of T, or both of
 * bytes. Pixel p of y is x at A^-1 (p + d(p)), between the four pixels around, and 0 outside. A, about the middle, is a shift of
 * a rotation of a shear of a zoom, each uniform in its range; d is a field of uniform numbers in [-1, 1), convolved with
 * a Gaussian that ends at 4 sigma and is mirrored at the border, times alpha. Number i is word i of Philox4x32-10 at the
 * counter (i / 4, stage, sample), the moves first, then from word 8 the field of x, and from the next counter that of y.
 * FS_EINVAL for a zoom that is not positive, a sigma < 0 or > 1000, an angle beyond 1e6, a side beyond 2^22 - 1, or what is
 * not finite. Workspace: the images being made, 64 at most, with displacements four times; and 2 (w + h) lines of at most
 * 64 + 8 sigma numbers. With E the error of a place in pixels, about (h + w + (2 r + 1) |alpha|) eps for a filter of 2 r + 1
 * taps, and about (h + w) 2^-50 times the largest angle, y is within 4 E + 6 eps of the largest |x| of its channel, and bytes
 * are within 1. About 20 operations for a pixel, and 4 (2 r + 1) more with displacements.
 * P. Simard, D. Steinkraus and J. Platt, Best Practices for Convolutional Neural Networks Applied to Visual Document
 * Analysis, ICDAR 2003. */
int FN(augment)(void *y, const void *x, int bytes, const int64_t *sample, uint64_t key, uint32_t stage, ptrdiff_t n,
                ptrdiff_t c, ptrdiff_t h, ptrdiff_t w, const struct fs_augment *options);

/* ---- optim.c ----
 * Lists of arrays: array i of each list has the elements start[i] .. start[i+1] - 1 of the run of all elements
 * (start[0] = 0, count + 1 numbers), in one dense block and one order of memory for all lists. The arrays of a list do not
 * overlap one another, nor those of another list. Errors: a few roundings of each result, see the bounds of the twins. */

/* d = g + weight_decay p; with momentum: b = momentum b + (1 - dampening) d, then d = nesterov ? d + momentum b : b;
 * p -= lr d. buffer is NULL without momentum. maximize: g is taken with the other sign. */
int FN(sgd_step)(T *const *param, const T *const *grad, T *const *buffer, ptrdiff_t count, const ptrdiff_t *start,
                 double lr, double momentum, double dampening, double weight_decay, int nesterov, int maximize);

/* d = g + weight_decay p; s = alpha s + (1 - alpha) d^2; centered (grad_avg m not NULL): m likewise of d, and s - m^2 in
 * place of s; u = d / (sqrt(s) + eps); with momentum (buffer not NULL): u = b = momentum b + u; p -= lr u.
 * T. Tieleman and G. Hinton, Lecture 6.5: RMSProp, 2012. */
int FN(rmsprop_step)(T *const *param, const T *const *grad, T *const *square_avg, T *const *grad_avg, T *const *buffer,
                     ptrdiff_t count, const ptrdiff_t *start, double lr, double alpha, double eps, double weight_decay,
                     double momentum, int maximize);

/* m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; p -= lr (m / correction1) / (sqrt(v / correction2) + eps),
 * with correction = 1 - beta^step. max_exp_avg_sq, if not NULL, keeps the largest v, which then takes the place of v.
 * Weight decay is added to g, or, decoupled, p is multiplied by 1 - lr weight_decay first.
 * D. Kingma and J. Ba, Adam: A Method for Stochastic Optimization, 2015, algorithm 1; I. Loshchilov and F. Hutter,
 * Decoupled Weight Decay Regularization, 2019, algorithm 2. */
int FN(adam_step)(T *const *param, const T *const *grad, T *const *exp_avg, T *const *exp_avg_sq,
                  T *const *max_exp_avg_sq, ptrdiff_t count, const ptrdiff_t *start, double lr, double beta1,
                  double beta2, double eps, double weight_decay, int decoupled, int maximize, double correction1,
                  double correction2);

/* The 2-norm of all elements (summed in double), or the largest magnitude; NaN if any element is. */
int FN(grad_norm)(double *result, const T *const *grad, ptrdiff_t count, const ptrdiff_t *start, int infinity);

/* grad_norm, and then, in place, each element times max_norm / (norm + 1e-6) where that is not at least 1 (a norm that is
 * NaN makes everything NaN); with finite_only, a norm that is not finite changes nothing. */
int FN(clip_norm)(double *result, T *const *array, ptrdiff_t count, const ptrdiff_t *start, double max_norm, int infinity,
                  int finite_only);

/* Each element times factor; each element brought into [-value, value], NaN left alone; each element made 0. */
int FN(scale_arrays)(T *const *array, ptrdiff_t count, const ptrdiff_t *start, double factor);
int FN(clamp_arrays)(T *const *array, ptrdiff_t count, const ptrdiff_t *start, double value);
int FN(zero_arrays)(T *const *array, ptrdiff_t count, const ptrdiff_t *start);


/* ---- norm.c ---- */

/* Batch norm of x[rows, c], the channel innermost: y = (x - mean) rstd weight + bias with mean, biased var and
 * rstd = 1 / sqrt(var + eps) of each channel; with relu, max(y, 0). weight and bias may be NULL. rows >= 1, else FS_EINVAL.
 * At last running_mean, if not NULL, becomes (1 - momentum) running_mean + momentum mean, and then running_var likewise with
 * the unbiased variance, var rows / (rows - 1) (rows >= 2, else FS_EINVAL), each within its batch's error and 4 eps of the
 * sizes of both terms. They are read and written only then, so they may overlap each other or an input.
 * With t = min(rows, 128) + 16, D the mean of |x - mean| and X that of |x|: |error of mean| <= eps |mean| + t eps D, and
 * |error of var| <= t eps var + (t eps X)^2, to first order: the mean may be large beside the deviations.
 * S. Ioffe and C. Szegedy, Batch Normalization, ICML 2015; T. Chan, G. Golub and R. LeVeque, The American Statistician
 * 37(3), 1983. */
int FN(batch_norm_forward)(T *y, T *mean, T *var, T *rstd, T *running_mean, T *running_var, const T *x, const T *weight,
                           const T *bias, ptrdiff_t rows, ptrdiff_t c, double momentum, double eps, int relu);
/* The same with mean and var given. |error| <= 6 eps (|x - mean| rstd |weight| + |bias|). */
int FN(batch_norm_inference)(T *y, const T *x, const T *weight, const T *bias, const T *mean, const T *var,
                             ptrdiff_t rows, ptrdiff_t c, double eps, int relu);
/* Gradients: with h = (x - mean) rstd, db = sum dy, dw = sum dy h, and dx = rstd weight (dy - (db + h dw) / rows) in
 * training, where mean and rstd depend on x; dx = rstd weight dy otherwise. Sums within t eps of the sum of sizes. With relu,
 * dy counts as 0 where h weight + bias <= 0, computed from the same mean and rstd as on the way forward; bias is read for
 * that alone. */
int FN(batch_norm_backward)(T *dx, T *dw, T *db, const T *dy, const T *x, const T *weight, const T *bias, const T *mean,
                            const T *rstd, ptrdiff_t rows, ptrdiff_t c, int training, int relu);

/* Layer norm of each row of x[rows, d]: y = (x - mean) rstd weight + bias; weight, bias of length d, or NULL.
 * With t = d / 2 + 16, |error of mean| <= eps |mean| + t eps (D + sqrt(var)), and |error of var| <= 3 t eps var + (t eps X)^2.
 * J. Ba, J. Kiros and G. Hinton, Layer Normalization, 2016. */
int FN(layer_norm_forward)(T *y, T *mean, T *rstd, const T *x, const T *weight, const T *bias, ptrdiff_t rows,
                           ptrdiff_t d, double eps);
/* Gradients: with h = (x - mean) rstd and g = dy weight, dx = rstd (g - mean(g) - h mean(g h)), dw = sum over rows of
 * dy h, db = sum of dy. |error of dx| <= eps rstd (6 |g| + (d / 2 + 28) (mean |g| + |h| mean |g h|)); dw and db are within
 * (min(rows, 128) + 16) eps of the sum of sizes. */
int FN(layer_norm_backward)(T *dx, T *dw, T *db, const T *dy, const T *x, const T *weight, const T *mean, const T *rstd,
                            ptrdiff_t rows, ptrdiff_t d);

/* ---- layout.c ---- */

/* y[b][j][i] = x[b][i][j], b < batch, i < rows, j < cols; y and x apart. Exact, to the bit. */
int FN(transpose)(T *y, const T *x, ptrdiff_t batch, ptrdiff_t rows, ptrdiff_t cols);

/* ---- embedding.c ---- */

/* y[i] = weight[index[i]], rows of length d. Exact. FS_EINDEX, before anything is read, unless 0 <= index[i] < rows. */
int FN(embedding_forward)(T *y, const T *weight, const int64_t *index, ptrdiff_t count, ptrdiff_t rows, ptrdiff_t d);
/* dw[r] = sum of dy[i] over index[i] == r, in the order of i; 0 for r == padding_idx (-1: none).
 * |error| <= (uses of r) eps sum |dy|. */
int FN(embedding_backward)(T *dw, const T *dy, const int64_t *index, ptrdiff_t count, ptrdiff_t rows, ptrdiff_t d,
                           ptrdiff_t padding_idx);

/* ---- pool.c: x [n][h][w][c], y [n][out_h][out_w][c], windows cut off at the border of the image ---- */

/* y = the largest of each window, index = where it lies in its plane of the input: the first of equals, the last NaN if
 * there is one; -inf and -1 where a dilated window holds nothing of the image. Exact. */
int FN(max_pool2d_forward)(T *y, int32_t *index, const T *x, const struct fs_pool *shape);
/* dx[index] += dy, in the order of dy. FS_EINDEX for an index that is neither -1 nor in the image.
 * |error| <= (terms - 1) eps sum |dy|. */
int FN(max_pool2d_backward)(T *dx, const T *dy, const int32_t *index, const struct fs_pool *shape);
/* The same for blocks side by side (stride = kernel, no padding, no dilation, out = floor(in / kernel)) of at most 255 taps:
 * code = the number of the tap taken, row by row. Else FS_EINVAL. Exact both ways; a code beyond the taps gives no gradient. */
int FN(max_pool2d_blocks_forward)(T *y, uint8_t *code, const T *x, const struct fs_pool *shape);
int FN(max_pool2d_blocks_backward)(T *dx, const T *dy, const uint8_t *code, const struct fs_pool *shape);
/* y = the sum of each window / its divisor; |error| <= (taps + 1) eps sum |x| / divisor. Every window holds something. */
int FN(avg_pool2d_forward)(T *y, const T *x, const struct fs_pool *shape);
/* dx = the sum of dy / divisor over the windows that x is in; |error| <= (taps + 1) eps sum |dy| / divisor. */
int FN(avg_pool2d_backward)(T *dx, const T *dy, const struct fs_pool *shape);

/* ---- cholesky.c: square matrices n x n in C order, one after the other ---- */

/* L L^T = A, L lower triangular and exactly 0 above; only A's lower triangle is read. FS_EDOMAIN if a matrix is not
 * positive definite (or holds a NaN there): failed[0] is its number, failed[1] the order of its first leading minor that
 * is not positive. |A - L L^T| <= (n + 2) eps |L||L^T|: N. Higham, Accuracy and Stability, 2002, theorem 10.3. */
int FN(cholesky)(T *l, ptrdiff_t *failed, const T *a, ptrdiff_t batch, ptrdiff_t n);
/* The same factor of one matrix, in A's lower triangle; what lies above the diagonal is neither read nor written. FS_EDOMAIN
 * with the order in *failed leaves the triangle half done. Workspace: O(n). */
int FN(cholesky_inplace)(T *a, ptrdiff_t *failed, ptrdiff_t n);
/* X[n, r] = (L L^T)^-1 B[n, r]; only L's lower triangle is read. Each of the two substitutions is exact for a matrix
 * within (n + 2) eps |L| of L: the same, section 8.1. */
int FN(cholesky_solve)(T *x, const T *l, const T *b, ptrdiff_t batch, ptrdiff_t n, ptrdiff_t r);
/* y[i] = log det(L L^T) = 2 sum log L[j, j]. |error| <= 2 (n + 8) eps sum |log L[j, j]|. */
int FN(cholesky_logdet)(T *y, const T *l, ptrdiff_t batch, ptrdiff_t n);
/* dA, symmetric, from dL (its lower triangle): L^-T S L^-1, S the symmetric part of the lower half of L^T dL with half
 * its diagonal. M. Giles, Collected Matrix Derivative Results, 2008; I. Murray, arXiv:1602.07527, 2016. */
int FN(cholesky_backward)(T *da, const T *dl, const T *l, ptrdiff_t batch, ptrdiff_t n);

/* ---- roofline.c: nothing that anyone needs is computed; the time it takes is the result ---- */

/* Each of `chunks` >= 1 chunks does `rounds` rounds of multiply-adds in registers; *flops were done, a multiply-add being two. */
int FN(roofline_fma)(double *flops, ptrdiff_t chunks, ptrdiff_t rounds);

/* Each of `chunks` >= 1 shares of the arrays of n elements, `rounds` times: y = x + z / 2 (write), exact but for one
 * rounding, or else the first y of the share = x . z, |error| <= (n + 2) eps |x|.|z|, with the other y left alone.
 * J. McCalpin, Memory Bandwidth and Machine Balance in Current High Performance Computers, IEEE TCCA Newsletter, 1995;
 * S. Williams, A. Waterman and D. Patterson, Roofline, Communications of the ACM 52(4), 2009. */
int FN(roofline_stream)(T *y, const T *x, const T *z, ptrdiff_t n, ptrdiff_t chunks, ptrdiff_t rounds, int write);

/* ---- softmax.c ---- */

/* Along the middle axis of arrays [outer, n, inner]; logsumexp's y, and backward its dy, are [outer, inner]. Outputs may be
 * the arrays of their shape. A line of -inf alone gives NaN (softmax) and -inf (logsumexp). In eps, with p the softmax, m the
 * largest element of the line, a = |x - m|, A = sum p a and D = 2 log n, errors are at most
 *   softmax p (a + A + n + 8), log_softmax a + A + n + 8 + D + |y|, logsumexp A + n + 4 + D + |y|; backward:
 *   softmax y (3 |dy| + (n + 4) sum |dy y|), log_softmax 2 |dy| + (n + 6) p sum |dy|, logsumexp |dx| (6 + |x - y|).
 * P. Blanchard, D. Higham and N. Higham, Accurately computing the log-sum-exp and softmax functions, IMA J. Numer. Anal.
 * 41(4), 2021. */
int FN(softmax_forward)(T *y, const T *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner);
int FN(softmax_backward)(T *dx, const T *dy, const T *y, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner);
int FN(log_softmax_forward)(T *y, const T *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner);
int FN(log_softmax_backward)(T *dx, const T *dy, const T *y, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner);
int FN(logsumexp_forward)(T *y, const T *x, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner);
int FN(logsumexp_backward)(T *dx, const T *dy, const T *x, const T *y, ptrdiff_t outer, ptrdiff_t n, ptrdiff_t inner);

/* ---- scatter.c ---- */

/* matrix[w, w] = sum_i w_i (z_i - s)(z_i - s)^T, symmetric to the bit, and total[w] = sum_i w_i (z_i - s), for the rows z of
 * x[n, d] beside those of y[n, outputs] (NULL with outputs = 0), w = d + outputs, weight[n] (NULL: 1 each) and shift[w]
 * (NULL: 0). |error| <= (min(n, 768) + 8) eps times the sums of absolute values, and a few eps of double times n.
 * n w (w + 1) operations. Outputs overlap no input. */
int FN(scatter)(T *matrix, T *total, const T *x, const T *y, const T *weight, const T *shift, ptrdiff_t n, ptrdiff_t d,
                ptrdiff_t outputs);

/* ---- gram.c ---- */

/* k[m, n] = the kernel (struct fs_gram) between the rows of x[m, d] and z[n, d]. z NULL: z = x and n = m; then k is symmetric
 * to the bit, and 1 on its diagonal if the kernel is Gaussian. Inner products are within (d + 2) eps |x|.|z|. With
 * s = |x_i - c|^2 + |z_j - c|^2 for the mean c of z, a squared distance is within (2 d + 16) eps s, and the Gaussian within
 * that times gamma, relative, and a few eps (1 + gamma |x_i - z_j|^2). The polynomial b^degree adds to what becomes of the
 * error of b 2 degree eps for a whole degree, else 4 eps (1 + degree |log b|), relative.
 * D. Broomhead and D. Lowe, Multivariable Functional Interpolation and Adaptive Networks, Complex Systems 2, 1988. */
int FN(gram)(T *k, const T *x, const T *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, const struct fs_gram *rule);

/* The lower triangle of K + alpha I for the rows of x[n, d], in rows ldk apart; what is above the diagonal of k is not
 * touched, and no other matrix of n x n is made. */
int FN(gram_lower)(T *k, ptrdiff_t ldk, const T *x, double alpha, ptrdiff_t n, ptrdiff_t d, const struct fs_gram *rule);

/* y[m, r] = K v[n, r] for the K of gram, tile by tile: K is never stored. z NULL: each tile serves both of its places, half
 * the work. Sums are of 224 terms in the type and of those in double, in an order that the shape decides:
 * |error| <= (226 + n / 224) eps |K||v|, beside what is K's own. Memory: about (m + 2 n) d and 16 m r numbers. */
int FN(gram_matmul)(T *y, const T *x, const T *z, const T *v, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d, ptrdiff_t r,
                    const struct fs_gram *rule);

/* ---- distances.c ---- */

/* y[m, n] = |x_i - z_j|^2 for the rows of x[m, d] and z[n, d], by differences: exactly 0 for equal rows, and
 * |error| <= (d + 2) eps y. 3 m n d operations. */
int FN(squared_distances)(T *y, const T *x, const T *z, ptrdiff_t m, ptrdiff_t n, ptrdiff_t d);
/* y[m, k] = |x_i - z_index[i, j]|^2, likewise. FS_EINDEX, before anything is read, unless 0 <= index < n. */
int FN(indexed_distances)(T *y, const T *x, const T *z, const int64_t *index, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                          ptrdiff_t d);
/* moved[m, d] = x_i - mean, mean[d] being that of the rows, rounded: |error| <= (m / 128 + 130) eps times the mean of |x|. */
int FN(centred)(T *moved, T *mean, const T *x, ptrdiff_t m, ptrdiff_t d);

/* ---- kmeans.c ---- */

/* For the rows of x[n, d] with weights (NULL: 1 each): label[i], the centre c_j of the k >= 1 for which |c_j|^2 / 2 - x_i . c_j
 * is least, the first of equals; sum[k, d] = the sum of w_i x_i over the rows of each label, and mass[k] that of w_i. Scores
 * are within (d + 2) eps (|c_j|^2 + |x_i| |c_j|), sums within (n + 2) eps times those of absolute values. sum and mass may
 * both be NULL. 2 n k d operations, and 2 n d for the sums. Rows are read once.
 * S. Lloyd, Least squares quantization in PCM, IEEE Trans. Information Theory 28(2), 1982. */
int FN(kmeans_assign)(int32_t *label, T *sum, T *mass, const T *x, const T *weight, const T *centre, ptrdiff_t n,
                      ptrdiff_t d, ptrdiff_t k);

/* ---- logistic.c ---- */

/* loss = sum_i weight_i (log sum exp(z_i) - z_i[label_i]) for the scores z_i = w x_i + b of the rows of x[n, d], and its
 * gradients dw[k, d], db[k]; weight[n] may be NULL: 1 each. FS_EINDEX if a label is not in 0 .. k - 1. The scores are within
 * (d + 4) eps (|w| |x_i| + |b|); sums over rows add (min(n, 1024) + 8) eps of the sums of absolute values. 4 n d k operations.
 * Outputs overlap no input. */
int FN(logistic_gradient)(double *loss, T *dw, T *db, const T *x, const T *w, const T *b, const int64_t *label,
                          const T *weight, ptrdiff_t n, ptrdiff_t d, ptrdiff_t k);

/* ---- neighbours.c ---- */

/* index[n, k]: the k < n (else FS_EINVAL) nearest of the other rows of x[n, d], nearest first, and distance[n, k], the squares
 * of their distances, by differences: within (d + 2) eps of themselves. Rows are chosen by inner products: one whose distance
 * is within (2 d + 16) eps (|x_i| + max |x_j|)^2 of the k-th may stand for another. n^2 d multiply-adds. */
int FN(nearest_neighbours)(int64_t *index, T *distance, const T *x, ptrdiff_t n, ptrdiff_t d, ptrdiff_t k);

/* ---- tsne.c ---- */

/* p[n, k] = exp(-beta_i distance[i, j]) / their sum over j, beta_i such that the entropy is log perplexity within 1e-5, where
 * bisection finds it in 200 steps. L. van der Maaten and G. Hinton, Visualizing Data using t-SNE, JMLR 9, 2008. */
int FN(tsne_affinities)(T *p, const T *distance, ptrdiff_t n, ptrdiff_t k, double perplexity);
/* force[n, dims] = sum over start[i] <= t < start[i + 1] of p[t] w (y_i - y_j), j = index[t] < n (else FS_EINDEX), with
 * w = 1 / (1 + |y_i - y_j|^2 / f), f = max(1, dims - 1); start ascends from 0. loss, if not NULL: the sum of
 * p (f + 1) / 2 log(1 / w). dims 1 to 3, else FS_EINVAL. |error| <= (terms + 4 dims + 12) eps times the sum of sizes. */
int FN(tsne_attraction)(T *force, double *loss, const T *y, const int64_t *start, const int64_t *index, const T *p,
                        ptrdiff_t n, ptrdiff_t dims);
/* force[n, dims] = sum_j q w (y_i - y_j) over all j, with q = w^((f + 1) / 2), and whole = the sum of q over i != j: each pair
 * is computed, both ways. |error| <= (1100 + 4 dims) eps times the sum of sizes (for whole, n more). */
int FN(tsne_repulsion)(T *force, double *whole, const T *y, ptrdiff_t n, ptrdiff_t dims);
/* The same, where a cell of the tree whose width is less than angle (0 to 1, else FS_EINVAL) times its distance counts as
 * points at its centre of mass; angle 0 is tsne_repulsion. Rounding: |error| <= (1100 + 4 dims) eps times the sum of q w
 * (|y_i - y_j| + 8 max |y|); for whole, of q (1 + 8 max |y|). All NaN where a point is not finite. About n log n.
 * L. van der Maaten, Accelerating t-SNE using tree-based algorithms, JMLR 15, 2014. */
int FN(tsne_repulsion_tree)(T *force, double *whole, const T *y, ptrdiff_t n, ptrdiff_t dims, double angle);

/* ---- loss.c ---- */

/* Cross entropy of rows x[rows, n] with labels: with q_c = weight_c (smoothing / n + (1 - smoothing) [c = label]),
 * lse = log sum exp(x), loss = sum_c q_c (lse - x_c); both 0 where the label is `ignored`. totals: the sum of the losses, and
 * that of the weights of the labels that count. weight may be NULL: all 1. FS_EINDEX, before anything is computed, for a
 * label that is neither ignored nor in [0, n). In eps, with m and A as of softmax and E = A + n + 6 + 2 log n, errors are at
 * most E + |lse|, and sum |q| E + sum |q| ((n + 8) |lse - x| + |x - m|) for the loss; totals are summed in double.
 * C. Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, section 7 (smoothing). */
int FN(cross_entropy_forward)(T *loss, T *lse, double *totals, const T *x, const int64_t *label, const T *weight,
                              ptrdiff_t rows, ptrdiff_t n, int64_t ignored, double smoothing);
/* dx = dy (sum(q) exp(x - lse) - q), row by row; 0 where the label is ignored. dy_step 0: one dy for all rows. dx may be x.
 * In eps, |error| <= |dy| (sum |q| p (|x - lse| + n + 10) + 6 |q|), p = exp(x - lse). */
int FN(cross_entropy_backward)(T *dx, const T *dy, ptrdiff_t dy_step, const T *x, const T *lse, const int64_t *label,
                               const T *weight, ptrdiff_t rows, ptrdiff_t n, int64_t ignored, double smoothing);
