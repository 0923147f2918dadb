/* Moving images: random numbers, and one row of pixels read between those of another image.
 *
 * Places are computed a block at a time, in lanes; the four loads that each pixel then needs are loads one by one, since a
 * gather of the processor takes no less. A place is pushed back to the border, which is zero, so no load needs a question:
 * outside and beside the image it reads zeros.
 */
#include "kernels.h"
#include "philox.h"
#include "vec.h"

enum { BLOCK = 32 };

void FS_SIMD(random_uniform)(REAL *FS_RESTRICT y, ptrdiff_t n, uint64_t counter, uint64_t offset, uint64_t key) {
    uint32_t word[4 * COUNTERS];
    for (ptrdiff_t i = 0; i < n; i += 4 * COUNTERS, counter += COUNTERS) {
        const ptrdiff_t count = FS_MIN(n - i, 4 * COUNTERS);
        philox(word, counter, offset, key, (count + 3) / 4);
        for (ptrdiff_t j = 0; j < count; j++) y[i + j] = (REAL)(int32_t)(word[j] >> 8) * (REAL)0x1p-23 - 1;
    }
}

/* Where pixels lie: whole and part of their places among the border's rows and columns. */
typedef struct {
    int32_t row[BLOCK], column[BLOCK];
    REAL down[BLOCK], right[BLOCK];
} places;

/* NaN becomes 0. */
FS_INLINE REAL within(REAL x, REAL most) {
    x = x > 0 ? x : 0;
    return x < most ? x : most;
}

FS_INLINE void place(places *at, const int displaced, ptrdiff_t count, REAL x, REAL y, const struct fs_bordered *border,
                     const REAL *map, const REAL *dx, const REAL *dy) {
    const REAL lowest = (REAL)(border->h + 1), last = (REAL)(border->w + 1);
    const REAL a = map[0], b = map[1], c = map[2], d = map[3], e = map[4], f = map[5];
    for (int j = 0; j < (int)count; j++) {
        const REAL px = x + (REAL)j + (displaced ? dx[j] : 0), py = y + (displaced ? dy[j] : 0);
        const REAL u = within(a * px + b * py + c, last), v = within(d * px + e * py + f, lowest);
        at->column[j] = (int32_t)u;
        at->row[j] = (int32_t)v;
        at->right[j] = u - (REAL)(int32_t)u;
        at->down[j] = v - (REAL)(int32_t)v;
    }
}

FS_INLINE void pixels(REAL *FS_RESTRICT y, const places *at, ptrdiff_t count, const REAL *FS_RESTRICT image,
                      ptrdiff_t line, const ptrdiff_t c) {
    for (ptrdiff_t j = 0; j < count; j++, y += c) {
        const REAL *p = image + at->row[j] * line + at->column[j] * c, *q = p + line;
        const REAL right = at->right[j], down = at->down[j];
        for (ptrdiff_t k = 0; k < c; k++) {
            const REAL above = p[k] + right * (p[c + k] - p[k]), below = q[k] + right * (q[c + k] - q[k]);
            y[k] = above + down * (below - above);
        }
    }
}

void FS_SIMD(augment_row)(REAL *y, ptrdiff_t n, ptrdiff_t row, const REAL *image, const struct fs_bordered *border,
                          const REAL *map, const REAL *dx, const REAL *dy) {
    const ptrdiff_t c = border->c, line = (border->w + 3) * c;
    places at;
    for (ptrdiff_t j = 0; j < n; j += BLOCK) {
        const ptrdiff_t count = FS_MIN(n - j, BLOCK);
        if (dx) {
            place(&at, 1, count, (REAL)j, (REAL)row, border, map, dx + j, dy + j);
        } else {
            place(&at, 0, count, (REAL)j, (REAL)row, border, map, NULL, NULL);
        }
        if (c == 1) {
            pixels(y + j, &at, count, image, line, 1);
        } else {
            pixels(y + j * c, &at, count, image, line, c);
        }
    }
}
