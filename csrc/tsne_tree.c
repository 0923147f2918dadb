/* Repulsion in t-SNE by the tree of Barnes and Hut: a cell far away is taken for as many points at its centre of mass.
 *
 * Points are sorted along Morton's curve, so that a cell of the tree, and a leaf with it, is a run of them. Cells lie in the
 * order of a walk through the tree, each with the number of the cell after its last descendant, and only where the tree
 * branches. Points near one another walk together, as a group: what none of them has to open is listed once, then summed in
 * registers for each. What is opened is decided in whole numbers, a grid over the square that holds all points: so every
 * type, instruction set and backend takes the same decisions.
 *
 * J. Barnes and P. Hut, A hierarchical O(N log N) force-calculation algorithm, Nature 324, 1986; L. van der Maaten,
 * Accelerating t-SNE using tree-based algorithms, JMLR 15, 2014.
 */
#include "fastscratch.h"
#include "real.h"
#include "simd/kernels.h"

#include <math.h>
#include <string.h>

enum { MOST_DIMS = 3, LEAF = 8, GROUP = 32, LIST = 1024, DIGIT = 11, GROUPS = 4 };

static const double NARROW = 1.0 / 1024; /* times the angle: so wide is a cell whose points are at one place */

typedef struct {
    uint64_t limit;        /* it is opened by points whose squared distance is not greater */
    ptrdiff_t first, last; /* its points, along the curve */
    ptrdiff_t next;        /* the cell after its last descendant */
    int32_t mean[MOST_DIMS];
    int16_t leaf, merged; /* without descendants; and of more points at one place than can walk together */
} cell;

typedef struct {
    uint64_t key;
    int64_t index;
} place;

typedef struct {
    REAL *force, *y, *centre; /* lines of points along the curve, and of centres of mass, one for each dimension */
    double *part;             /* of each group: the sum of similarities */
    place *places, *curve; /* the memory, and the part of it that is sorted */
    int32_t *grid; /* lines of places of the points along the curve, in whole numbers */
    cell *cells;
    ptrdiff_t *groups; /* where the groups begin along the curve, and end */
    ptrdiff_t n, count, group_count;
    uint64_t limits[33]; /* of cells of each level */
    int dims, bits, narrow;
} tree;

static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

/* ---- the curve ---- */

/* Half of the least corner, and of the width of the square that holds all points; 0 if they are not finite. */
static int bounds(double low[MOST_DIMS], double *width, const REAL *y, ptrdiff_t n, ptrdiff_t dims) {
    double nothing = 0;
    *width = 0;
    for (ptrdiff_t c = 0; c < dims; c++) {
        REAL least = y[c], most = y[c];
        for (ptrdiff_t i = 0; i < n; i++) {
            const REAL x = y[i * dims + c];
            least = x < least ? x : least;
            most = x > most ? x : most;
            nothing += 0 * (double)x; /* NaN, if x is not finite */
        }
        low[c] = 0.5 * (double)least;
        const double side = 0.5 * (double)most - low[c];
        *width = side > *width ? side : *width;
    }
    return nothing == 0;
}

/* The bits of x, each with dims - 1 zeros after it. */
static uint64_t spread(uint64_t x, int dims) {
    if (dims == 2) {
        x = (x | x << 16) & 0x0000FFFF0000FFFFu;
        x = (x | x << 8) & 0x00FF00FF00FF00FFu;
        x = (x | x << 4) & 0x0F0F0F0F0F0F0F0Fu;
        x = (x | x << 2) & 0x3333333333333333u;
        x = (x | x << 1) & 0x5555555555555555u;
    } else if (dims == 3) {
        x = (x | x << 32) & 0x001F00000000FFFFu;
        x = (x | x << 16) & 0x001F0000FF0000FFu;
        x = (x | x << 8) & 0x100F00F00F00F00Fu;
        x = (x | x << 4) & 0x10C30C30C30C30C3u;
        x = (x | x << 2) & 0x1249249249249249u;
    }
    return x;
}

/* x's place along one side of the grid. */
static int32_t on_grid(REAL x, double low, double scale, int bits) {
    const double place = (0.5 * (double)x - low) * scale, last = ldexp(1, bits) - 1;
    return (int32_t)(place < last ? place : last);
}

/* Sorts the curve by the keys, digit by digit from the lowest; returns where the result is. */
static place *sort(place *curve, place *spare, ptrdiff_t n, int key_bits) {
    for (int shift = 0; shift < key_bits; shift += DIGIT) {
        ptrdiff_t begin[1 << DIGIT] = {0}, sum = 0;
        for (ptrdiff_t i = 0; i < n; i++) begin[curve[i].key >> shift & ((1 << DIGIT) - 1)]++;
        if (begin[curve[0].key >> shift & ((1 << DIGIT) - 1)] == n) continue;
        for (int d = 0; d < 1 << DIGIT; d++) {
            const ptrdiff_t some = begin[d];
            begin[d] = sum;
            sum += some;
        }
        for (ptrdiff_t i = 0; i < n; i++) spare[begin[curve[i].key >> shift & ((1 << DIGIT) - 1)]++] = curve[i];
        place *const sorted = spare;
        spare = curve;
        curve = sorted;
    }
    return curve;
}

static void lay_out(tree *t, const REAL *y, const double low[MOST_DIMS], double width) {
    const double grid = ldexp(1, t->bits) / width, scale = width > 0 && grid < INFINITY ? grid : 0;
    for (ptrdiff_t i = 0; i < t->n; i++) {
        uint64_t key = 0;
        for (int c = 0; c < t->dims; c++) {
            key |= spread((uint64_t)on_grid(y[i * t->dims + c], low[c], scale, t->bits), t->dims) << c;
        }
        t->curve[i] = (place){key, (int64_t)i};
    }
    t->curve = sort(t->curve, t->places + t->n, t->n, t->bits * t->dims);
    for (ptrdiff_t i = 0; i < t->n; i++) {
        const REAL *point = y + t->curve[i].index * t->dims;
        for (int c = 0; c < t->dims; c++) {
            t->y[c * t->n + i] = point[c];
            t->grid[c * t->n + i] = on_grid(point[c], low[c], scale, t->bits);
        }
    }
}

/* ---- the tree ---- */

typedef struct {
    double y[MOST_DIMS];
    int64_t grid[MOST_DIMS];
} sums;

static void add_points(sums *s, const tree *t, ptrdiff_t first, ptrdiff_t last) {
    for (int c = 0; c < t->dims; c++) {
        for (ptrdiff_t i = first; i < last; i++) {
            s->y[c] += (double)t->y[c * t->n + i];
            s->grid[c] += t->grid[c * t->n + i];
        }
    }
}

/* The first point from `first` on whose key is not less. */
static ptrdiff_t find(const place *curve, ptrdiff_t first, ptrdiff_t last, uint64_t key) {
    while (first < last) {
        const ptrdiff_t middle = first + (last - first) / 2;
        if (curve[middle].key < key) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    return first;
}

static void add_groups(tree *t, ptrdiff_t first, ptrdiff_t last) {
    for (; first < last; first += GROUP) {
        t->groups[2 * t->group_count] = first;
        t->groups[2 * t->group_count++ + 1] = min(first + GROUP, last);
    }
}

/* The smallest cell around some points, of this level or below, and its descendants; adds up the points. */
static void grow(tree *t, ptrdiff_t first, ptrdiff_t last, int level, int grouped, sums *all) {
    const uint64_t key = t->curve[first].key, different = key ^ t->curve[last - 1].key;
    const ptrdiff_t number = t->count++, size = last - first;
    cell *const own = t->cells + number;
    sums s = {{0}, {0}};
    while (level < t->bits && !(different >> t->dims * (t->bits - 1 - level))) level++;
    const int leaf = size <= LEAF || !different;
    if (!grouped && (size <= GROUP || leaf)) {
        add_groups(t, first, last);
        grouped = 1;
    }
    if (leaf) {
        add_points(&s, t, first, last);
    } else {
        const int shift = t->dims * (t->bits - 1 - level);
        const uint64_t corner = key >> shift >> t->dims << t->dims;
        for (uint64_t child = 1; first < last; child++) {
            const ptrdiff_t end = child >> t->dims ? last : find(t->curve, first, last, (corner + child) << shift);
            if (first < end) grow(t, first, end, level + 1, grouped, &s);
            first = end;
        }
    }
    *own = (cell){.limit = t->limits[level], .first = last - size, .last = last, .next = t->count, .leaf = (int16_t)leaf,
                  .merged = (int16_t)(leaf && size > GROUP && t->narrow)};
    for (int c = 0; c < t->dims; c++) {
        own->mean[c] = (int32_t)(s.grid[c] / (int64_t)size);
        t->centre[c * 2 * t->n + number] = (REAL)(s.y[c] / (double)size);
        all->grid[c] += s.grid[c];
        all->y[c] += s.y[c];
    }
}

static void build(tree *t, const REAL *y, const double low[MOST_DIMS], double width, double angle) {
    sums all = {{0}, {0}};
    for (int level = 0; level <= t->bits; level++) {
        const double reach = ldexp(1, t->bits - level) / angle, square = reach * reach;
        t->limits[level] = square < 0x1p63 ? (uint64_t)square : UINT64_MAX;
    }
    t->narrow = ldexp(2 * width, -t->bits) < NARROW * angle;
    lay_out(t, y, low, width);
    grow(t, 0, t->n, 0, 0, &all);
}

/* ---- the walk ---- */

typedef struct {
    REAL list[(MOST_DIMS + 1) * LIST]; /* lines of places, and one of masses */
    double sum[GROUP][MOST_DIMS + 1];
    int64_t low[MOST_DIMS], high[MOST_DIMS]; /* of the group, on the grid */
    ptrdiff_t first, last, count;
    ptrdiff_t own; /* where in the list the group's own points are, or -1 */
} walk;

/* What is listed pushes each point of the group; a point's own mass is no part of that. */
static void push(const tree *t, walk *w) {
    for (ptrdiff_t i = 0; i < w->last - w->first; i++) {
        REAL *const mass = w->own < 0 ? NULL : w->list + t->dims * LIST + w->own + i;
        if (mass) *mass = 0;
        FS(simd)->tsne_repel_masses(w->sum[i], w->list, LIST, t->y + w->first + i, t->n, w->count, t->dims);
        if (mass) *mass = 1;
    }
    w->count = 0;
    w->own = -1;
}

static void list_points(const tree *t, walk *w, ptrdiff_t first, ptrdiff_t last) {
    while (first < last) {
        if (w->count == LIST) push(t, w);
        const ptrdiff_t some = min(last - first, LIST - w->count);
        for (int c = 0; c < t->dims; c++) {
            memcpy(w->list + c * LIST + w->count, t->y + c * t->n + first, (size_t)some * sizeof(REAL));
        }
        for (ptrdiff_t i = 0; i < some; i++) w->list[t->dims * LIST + w->count + i] = 1;
        w->count += some;
        first += some;
    }
}

static void list_own(const tree *t, walk *w) {
    if (LIST - w->count < w->last - w->first) push(t, w);
    w->own = w->count;
    list_points(t, w, w->first, w->last);
}

static void list_cell(const tree *t, walk *w, ptrdiff_t at, ptrdiff_t mass) {
    if (w->count == LIST) push(t, w);
    for (int c = 0; c < t->dims; c++) w->list[c * LIST + w->count] = t->centre[c * 2 * t->n + at];
    w->list[t->dims * LIST + w->count++] = (REAL)mass;
}

/* The square of the distance from the box around the group to the mean of a cell. */
static uint64_t apart(const walk *w, const cell *there, int dims) {
    uint64_t square = 0;
    for (int c = 0; c < dims; c++) {
        const int64_t below = w->low[c] - there->mean[c], above = there->mean[c] - w->high[c];
        const int64_t most = below > above ? below : above;
        square += most > 0 ? (uint64_t)most * (uint64_t)most : 0;
    }
    return square;
}

static void begin_walk(const tree *t, walk *w, ptrdiff_t group) {
    w->first = t->groups[2 * group];
    w->last = t->groups[2 * group + 1];
    w->count = 0;
    w->own = -1;
    memset(w->sum, 0, sizeof w->sum);
    for (int c = 0; c < t->dims; c++) {
        const int32_t *grid = t->grid + c * t->n;
        w->low[c] = w->high[c] = grid[w->first];
        for (ptrdiff_t i = w->first + 1; i < w->last; i++) {
            w->low[c] = grid[i] < w->low[c] ? grid[i] : w->low[c];
            w->high[c] = grid[i] > w->high[c] ? grid[i] : w->high[c];
        }
    }
}

static void walk_tree(const tree *t, walk *w) {
    for (ptrdiff_t at = 0; at < t->count;) {
        const cell *there = t->cells + at;
        const int shared = there->first < w->last && w->first < there->last;
        const int inside = shared && w->first <= there->first && there->last <= w->last;
        if (there->merged || (!shared && apart(w, there, t->dims) > there->limit)) {
            list_cell(t, w, at, there->last - there->first - shared);
        } else if (there->leaf || inside) {
            if (shared && w->own < 0) list_own(t, w);
            list_points(t, w, there->first, shared ? min(w->first, there->last) : there->last);
            if (shared) list_points(t, w, w->last, there->last);
        } else {
            at++;
            continue;
        }
        at = there->next;
    }
    push(t, w);
}

static void repel_groups(ptrdiff_t chunk, void *ctx) {
    const tree *t = ctx;
    walk w;
    for (ptrdiff_t group = chunk * GROUPS; group < min(t->group_count, (chunk + 1) * GROUPS); group++) {
        double whole = 0;
        begin_walk(t, &w, group);
        walk_tree(t, &w);
        for (ptrdiff_t i = w.first; i < w.last; i++) {
            const double *sum = w.sum[i - w.first];
            for (int c = 0; c < t->dims; c++) t->force[t->curve[i].index * t->dims + c] = (REAL)sum[c];
            whole += sum[t->dims];
        }
        t->part[group] = whole;
    }
}

/* ---- the door ---- */

static int allocate(tree *t) {
    const size_t n = (size_t)t->n, lines = n * (size_t)t->dims;
    t->y = fs_alloc(lines * sizeof(REAL));
    t->centre = fs_alloc(2 * lines * sizeof(REAL));
    t->part = fs_alloc(n * sizeof(double));
    t->curve = t->places = fs_alloc(2 * n * sizeof(place));
    t->grid = fs_alloc(lines * sizeof(int32_t));
    t->cells = fs_alloc(2 * n * sizeof(cell));
    t->groups = fs_alloc(2 * n * sizeof(ptrdiff_t));
    return t->y && t->centre && t->part && t->curve && t->grid && t->cells && t->groups;
}

static void repel(tree *t, double *whole, const REAL *y, const double low[MOST_DIMS], double width, double angle) {
    build(t, y, low, width, angle);
    fs_parallel_for((t->group_count + GROUPS - 1) / GROUPS, repel_groups, t);
    for (ptrdiff_t g = 0; g < t->group_count; g++) *whole += t->part[g];
}

int FS(tsne_repulsion_tree)(REAL *force, double *whole, const REAL *y, ptrdiff_t n, ptrdiff_t dims, double angle) {
    tree t = {.force = force, .n = n, .dims = (int)dims, .bits = dims > 2 ? 21 : 31};
    double low[MOST_DIMS], width;
    int status = FS_OK;
    if (dims < 1 || dims > MOST_DIMS || !(angle >= 0 && angle <= 1)) return FS_EINVAL;
    if (angle == 0) return FS(tsne_repulsion)(force, whole, y, n, dims);
    *whole = 0;
    if (n == 0) return FS_OK;
    if (!bounds(low, &width, y, n, dims)) {
        for (ptrdiff_t i = 0; i < n * dims; i++) force[i] = (REAL)NAN;
        *whole = NAN;
        return FS_OK;
    }
    if (allocate(&t)) {
        repel(&t, whole, y, low, width, angle);
    } else {
        status = FS_ENOMEM;
    }
    void *const taken[] = {t.y, t.centre, t.part, t.places, t.grid, t.cells, t.groups};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) fs_free(taken[i]);
    return status;
}
