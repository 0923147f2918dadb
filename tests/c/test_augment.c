/* Moved images against the definition, pixel by pixel: one Philox counter, one tap of the Gaussian at a time. */
#include "typed.h"

static uint32_t word_at(uint64_t counter, uint64_t offset, uint64_t key, int word) {
    uint32_t c[] = {(uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)offset, (uint32_t)(offset >> 32)};
    uint32_t k[] = {(uint32_t)key, (uint32_t)(key >> 32)};
    for (int round = 0; round < 10; round++) {
        const uint64_t p = (uint64_t)0xD2511F53u * c[0], q = (uint64_t)0xCD9E8D57u * c[2];
        const uint32_t next[] = {(uint32_t)(q >> 32) ^ c[1] ^ k[0], (uint32_t)q, (uint32_t)(p >> 32) ^ c[3] ^ k[1],
                                 (uint32_t)p};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return c[word];
}

static wide number_at(uint64_t counter, ptrdiff_t i, uint64_t sample, uint64_t key) {
    return (wide)(word_at(counter + (uint64_t)i / 4, sample, key, (int)(i % 4)) >> 8) / 8388608 - 1;
}

/* One step of a walk that turns back at both ends, t times. */
static ptrdiff_t walked(ptrdiff_t i, ptrdiff_t t, ptrdiff_t n) {
    ptrdiff_t step = t < 0 ? -1 : 1;
    for (ptrdiff_t left = t < 0 ? -t : t; left > 0 && n > 1; left--) {
        if (i + step < 0 || i + step >= n) step = -step;
        i += step;
    }
    return i;
}

typedef struct {
    ptrdiff_t n, c, h, w;
    uint64_t key;
    uint32_t stage;
    struct fs_augment options;
} setting;

static wide displacement(const setting *s, int axis, uint64_t sample, ptrdiff_t i, ptrdiff_t j) {
    const ptrdiff_t reach = (ptrdiff_t)(8 * s->options.sigma[axis] + 1) / 2, area = s->h * s->w;
    const uint64_t first = ((uint64_t)s->stage << 32) + 2 + (uint64_t)(axis ? (area + 3) / 4 : 0);
    wide sum = 0, mass = 0;
    for (ptrdiff_t t = -reach; t <= reach; t++) {
        for (ptrdiff_t u = -reach; u <= reach; u++) {
            const wide spread = (wide)s->options.sigma[axis];
            const wide tap = reach ? W(exp)(-(wide)(t * t + u * u) / (2 * spread * spread)) : 1;
            sum += tap * number_at(first, walked(i, t, s->h) * s->w + walked(j, u, s->w), sample, s->key);
            mass += tap;
        }
    }
    return (wide)s->options.alpha[axis] * sum / mass;
}

static wide pixel_at(const setting *s, const void *x, int bytes, ptrdiff_t image, ptrdiff_t k, ptrdiff_t i, ptrdiff_t j) {
    if (i < 0 || i >= s->h || j < 0 || j >= s->w) return 0;
    const ptrdiff_t at = ((image * s->h + i) * s->w + j) * s->c + k;
    return bytes ? (wide)((const uint8_t *)x)[at] : (wide)((const REAL *)x)[at];
}

/* The map is made forward here, as rotation, shear and zoom one by one, and its inverse by Cramer's rule. */
static wide want(const setting *s, const void *x, int bytes, const int64_t *samples, ptrdiff_t image, ptrdiff_t k,
                 ptrdiff_t i, ptrdiff_t j) {
    wide m[FS_MOVES];
    const uint64_t sample = (uint64_t)samples[image];
    for (int t = 0; t < FS_MOVES; t++) {
        const wide part = (number_at((uint64_t)s->stage << 32, t, sample, s->key) + 1) / 2;
        m[t] = (wide)s->options.low[t] + ((wide)s->options.high[t] - (wide)s->options.low[t]) * part;
    }
    const wide r = m[FS_ROTATION], tx = W(tan)(m[FS_SHEAR_X]), ty = W(tan)(m[FS_SHEAR_Y]), z = m[FS_ZOOM];
    /* rotation times [[1, 0], [-ty, 1]] [[1, -tx], [0, 1]], which is the shear, times zoom */
    const wide a = z * (W(cos)(r) + W(sin)(r) * ty), b = z * (-tx * (W(cos)(r) + W(sin)(r) * ty) - W(sin)(r));
    const wide c = z * (W(sin)(r) - W(cos)(r) * ty), d = z * (-tx * (W(sin)(r) - W(cos)(r) * ty) + W(cos)(r));
    const wide cx = (wide)(s->w - 1) / 2, cy = (wide)(s->h - 1) / 2, det = a * d - b * c;
    wide px = (wide)j - cx - m[FS_SHIFT_X] * (wide)s->w, py = (wide)i - cy - m[FS_SHIFT_Y] * (wide)s->h;
    if (s->options.alpha[0] != 0) px += displacement(s, 0, sample, i, j);
    if (s->options.alpha[1] != 0) py += displacement(s, 1, sample, i, j);
    const wide u = cx + (d * px - b * py) / det, v = cy + (a * py - c * px) / det;
    const wide left = W(floor)(u), top = W(floor)(v);
    if (W(fabs)(u) > 1e6 || W(fabs)(v) > 1e6) return 0;
    wide y = 0;
    for (int p = 0; p < 2; p++) {
        for (int q = 0; q < 2; q++) {
            const wide weight = (p ? v - top : 1 - v + top) * (q ? u - left : 1 - u + left);
            y += weight * pixel_at(s, x, bytes, image, k, (ptrdiff_t)top + p, (ptrdiff_t)left + q);
        }
    }
    return y;
}

static void moved(setting s) {
    const ptrdiff_t size = s.n * s.c * s.h * s.w;
    CASE("n=%td c=%td h=%td w=%td alpha=%g sigma=%g", s.n, s.c, s.h, s.w, s.options.alpha[0], s.options.sigma[0]);
    const REAL *x = input("x", size);
    REAL *y = output("y", size);
    uint8_t *bytes = guard_alloc("bytes", (size_t)size, GUARD_INPUT), *z = guard_alloc("z", (size_t)size, GUARD_OUTPUT);
    int64_t *sample = guard_alloc("sample", (size_t)s.n * sizeof *sample, GUARD_INPUT);
    for (ptrdiff_t i = 0; i < size; i++) bytes[i] = (uint8_t)check_below(256);
    for (ptrdiff_t i = 0; i < s.n; i++) sample[i] = i * 0x123456789 - 3;
    RUN(FS(augment)(y, x, 0, sample, s.key, s.stage, s.n, s.c, s.h, s.w, &s.options));
    RUN(FS(augment)(z, bytes, 1, sample, s.key, s.stage, s.n, s.c, s.h, s.w, &s.options));
    const wide pushed = (wide)(fabs(s.options.alpha[0]) + fabs(s.options.alpha[1])) * (wide)(8 * s.options.sigma[0] + 8);
    const wide place = 30 * ((wide)(s.h + s.w + 4) + pushed);
    for (ptrdiff_t at = 0; at < size; at++) {
        const ptrdiff_t k = at % s.c, j = at / s.c % s.w, i = at / s.c / s.w % s.h, image = at / s.c / s.w / s.h;
        expect_near("y", at, y[at], want(&s, x, 0, sample, image, k, i, j), (4 * place + 6) * EPS);
        const wide byte = want(&s, bytes, 1, sample, image, k, i, j);
        if (W(fabs)((wide)z[at] - byte) > (wide)0.5 + 256 * (4 * place + 6) * (wide)0x1p-24) {
            FAIL("z[%td] is %d, should be %g", at, z[at], (double)byte);
        }
    }
}

static const struct fs_augment STILL = {{0, 0, 0, 1, 0, 0}, {0, 0, 0, 1, 0, 0}, {0, 0}, {0, 0}};
static const struct fs_augment WILD = {{-0.5, -0.2, -0.1, 0.7, -0.3, -0.1}, {0.7, 0.2, 0.3, 1.4, 0.2, 0.2}, {0, 0}, {0, 0}};

static struct fs_augment elastic(struct fs_augment options, double alpha_x, double alpha_y, double sigma) {
    options.alpha[0] = alpha_x;
    options.alpha[1] = alpha_y;
    options.sigma[0] = options.sigma[1] = sigma;
    return options;
}

static void affine(void) {
    moved((setting){3, 1, 28, 28, 5, 0, WILD});
    moved((setting){2, 3, 7, 35, UINT64_MAX, 1, WILD});
    moved((setting){2, 17, 4, 3, 5, UINT32_MAX, WILD});
    moved((setting){5, 2, 1, 1, 5, 0, WILD});
    moved((setting){70, 1, 12, 11, 9, 0, WILD}); /* for threads */
    for (ptrdiff_t side = 1; side < 70; side += 1 + side / 3) moved((setting){1, 1, 2, side, 5, 0, WILD});
}

static void displaced(void) {
    moved((setting){2, 1, 13, 10, 5, 0, elastic(STILL, 9, 7, 1.2)});
    moved((setting){1, 2, 9, 33, 5, 3, elastic(WILD, 20, 25, 1.5)});
    moved((setting){2, 1, 3, 1, 5, 0, elastic(STILL, 9, 7, 1)});
    moved((setting){1, 1, 1, 5, 5, 0, elastic(WILD, 3, 0, 1)});
    moved((setting){1, 1, 6, 5, 5, 0, elastic(STILL, 0, 2, 0)});
    moved((setting){1, 1, 4, 5, 5, 0, elastic(STILL, 30, 30, 3)}); /* mirrored more than once */
    moved((setting){1, 1, 40, 70, 5, 0, elastic(STILL, 9, 7, 1.2)}); /* less than the whole is near */
    moved((setting){1, 1, 3, 2, 5, 0, elastic(STILL, 9, 7, 20)});
}

static void still(void) {
    const ptrdiff_t size = 2 * 9 * 40 * 3;
    CASE("nothing moves");
    const REAL *x = input("x", size);
    REAL *y = output("y", size);
    const int64_t sample[] = {7, 8};
    RUN(FS(augment)(y, x, 0, sample, 1, 0, 2, 3, 9, 40, &STILL));
    for (ptrdiff_t i = 0; i < size; i++) expect_equal("y", i, y[i], x[i]);
}

static void far_away(void) {
    struct fs_augment options = STILL;
    CASE("all of it outside");
    options.low[FS_SHIFT_X] = options.high[FS_SHIFT_X] = 1e30;
    options.alpha[1] = -1e300;
    const REAL *x = input("x", 60);
    REAL *y = output("y", 60);
    const int64_t sample = 7;
    RUN(FS(augment)(y, x, 0, &sample, 1, 0, 1, 1, 6, 10, &options));
    for (ptrdiff_t i = 0; i < 60; i++) expect_equal("y", i, y[i], 0);
}

static void refusals(void) {
    REAL x = 1, y = 2;
    const int64_t sample = 0;
    for (int i = 0; i < 9; i++) {
        struct fs_augment options = WILD;
        if (i == 0) options.low[FS_ZOOM] = 0;
        if (i == 1) options.high[FS_ROTATION] = INFINITY;
        if (i == 2) options.alpha[1] = NAN;
        if (i == 3) options.sigma[0] = -1;
        if (i == 4) options.sigma[1] = INFINITY;
        if (i == 7) options.sigma[0] = 1001;
        if (i == 8) options.low[FS_SHEAR_Y] = -1.1e6;
        const ptrdiff_t side = i < 5 || i > 6 ? 1 : (ptrdiff_t)1 << 22;
        EXPECT(FS(augment)(&y, &x, 0, &sample, 0, 0, 1, 1, i == 5 ? side : 1, i == 6 ? side : 1, &options) == FS_EINVAL);
    }
    EXPECT(y == 2);
    EXPECT(FS(augment)(&y, &x, 0, &sample, 0, 0, 1, 0, 3, 3, &WILD) == FS_OK);
    EXPECT(FS(augment)(&y, &x, 0, &sample, 0, 0, 0, 1, 3, 3, &WILD) == FS_OK);
    EXPECT(FS(augment)(&y, &x, 0, &sample, 0, 0, 1, 1, 0, 3, &WILD) == FS_OK);
    EXPECT(y == 2);
}

/* The micro-kernels, with tails, across the carry into the counter's upper half. */
static void random_uniform(void) {
    for (ptrdiff_t n = 0; n < 300; n += 1 + n / 7) {
        CASE("n=%td", n);
        REAL *y = output("y", n);
        CALL(FS(simd)->random_uniform(y, n, 0xfffffff0u, 7, 9));
        for (ptrdiff_t i = 0; i < n; i++) expect_near("y", i, y[i], number_at(0xfffffff0u, i, 7, 9), 0);
    }
}

static void augment_row(void) {
    const struct fs_bordered border = {2, 3, 5};
    const REAL map[] = {2, 0, (REAL)1.25, 0, 1, (REAL)0.5};
    for (ptrdiff_t n = 0; n < 80; n += 1 + n / 5) {
        CASE("n=%td", n);
        const REAL *image = input("image", (3 + 3) * (5 + 3) * 2);
        const REAL *dx = input("dx", n), *dy = input("dy", n);
        REAL *y = output("y", 2 * n);
        CALL(FS(simd)->augment_row(y, n, 1, image, &border, map, dx, dy));
        for (ptrdiff_t i = 0; i < 2 * n; i++) {
            const wide u = 2 * ((wide)(i / 2) + (wide)dx[i / 2]) + (wide)1.25, v = (wide)dy[i / 2] + (wide)1.5;
            const wide right = u < 0 ? 0 : u > 6 ? 6 : u, down = v < 0 ? 0 : v > 4 ? 4 : v;
            const ptrdiff_t column = (ptrdiff_t)right, row = (ptrdiff_t)down;
            wide sum = 0;
            for (int p = 0; p < 2; p++) {
                for (int q = 0; q < 2; q++) {
                    const wide beside = q ? right - (wide)column : 1 - right + (wide)column;
                    sum += (p ? down - (wide)row : 1 - down + (wide)row) * beside * (wide)image[((row + p) * 8 + column + q) * 2 + i % 2];
                }
            }
            expect_near("y", i, y[i], sum, 1000 * EPS);
        }
    }
}

const struct test FS(tests_augment)[] = {{"affine", affine},       {"displaced", displaced},
                                         {"still", still},         {"far away", far_away},
                                         {"refusals", refusals},   {"random_uniform", random_uniform},
                                         {"augment_row", augment_row}, {NULL, NULL}};
