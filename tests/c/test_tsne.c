/* Affinities, attraction and repulsion of t-SNE, pair by pair in a wider type; limits as in prototypes.h. */
#include "typed.h"

static void affinities_case(ptrdiff_t n, ptrdiff_t k, double perplexity) {
    CASE("n=%td k=%td perplexity=%g", n, k, perplexity);
    REAL *distance = input("distance", n * k);
    for (ptrdiff_t i = 0; i < n * k; i++) distance[i] = 5 + distance[i];
    REAL *p = output("p", n * k);
    RUN(FS(tsne_affinities)(p, distance, n, k, perplexity));
    for (ptrdiff_t i = 0; i < n && k > 0; i++) {
        wide sum = 0, entropy = 0;
        for (ptrdiff_t j = 0; j < k; j++) {
            const wide share = p[i * k + j];
            check_digest_add(p + i * k + j, sizeof *p);
            sum += share;
            entropy -= share > 0 ? share * W(log)(share) : 0;
        }
        EXPECT(W(fabs)(sum - 1) <= (wide)(k + 8) * EPS);
        if (perplexity < (double)k) {
            EXPECT(W(fabs)(entropy - W(log)((wide)perplexity)) <= (wide)1e-5 + (wide)(k + 40) * 8 * EPS);
        }
    }
}

static void affinities(void) {
    for (ptrdiff_t k = 2; k <= 40; k++) affinities_case(1 + k % 4, k, 1.5 + (double)k / 4);
    affinities_case(0, 3, 2);
    affinities_case(3, 0, 2);
    affinities_case(2, 5, 50); /* more than there can be */
    CASE("all as far");
    REAL *distance = input("distance", 7), *p = output("p", 7);
    for (int j = 0; j < 7; j++) distance[j] = 3;
    RUN(FS(tsne_affinities)(p, distance, 1, 7, 2));
    for (int j = 0; j < 7; j++) expect_near("p", j, p[j], (wide)1 / 7, 2 * EPS);
}

/* w of two points, their differences, and f. */
static wide closeness(wide *away, const REAL *a, const REAL *b, ptrdiff_t dims) {
    wide square = 0;
    for (ptrdiff_t c = 0; c < dims; c++) {
        away[c] = (wide)a[c] - b[c];
        square += away[c] * away[c];
    }
    return 1 / (1 + square / (wide)(dims > 2 ? dims - 1 : 1));
}

static void attraction_case(ptrdiff_t n, ptrdiff_t dims, ptrdiff_t most, int told) {
    CASE("n=%td dims=%td most=%td told=%d", n, dims, most, told);
    int64_t *start = guard_alloc("start", (size_t)(n + 1) * sizeof *start, GUARD_INPUT);
    start[0] = 0;
    for (ptrdiff_t i = 0; i < n; i++) start[i + 1] = start[i] + (int64_t)check_below(most + 1);
    const ptrdiff_t terms = (ptrdiff_t)start[n];
    int64_t *index = guard_alloc("index", (size_t)terms * sizeof *index, GUARD_INPUT);
    for (ptrdiff_t t = 0; t < terms; t++) index[t] = (int64_t)check_below(n);
    const REAL *y = input("y", n * dims), *p = input("p", terms);
    REAL *force = output("force", n * dims);
    double loss = 0;
    wide whole = 0, size = 0;
    RUN(FS(tsne_attraction)(force, told ? &loss : NULL, y, start, index, p, n, dims));
    for (ptrdiff_t i = 0; i < n; i++) {
        wide sum[3] = {0}, sizes[3] = {0}, away[3];
        for (int64_t t = start[i]; t < start[i + 1]; t++) {
            const wide w = closeness(away, y + i * dims, y + index[t] * dims, dims);
            for (ptrdiff_t c = 0; c < dims; c++) {
                sum[c] += p[t] * w * away[c];
                sizes[c] += W(fabs)(p[t] * w * away[c]);
            }
            const wide term = -p[t] * (dims > 2 ? (wide)1.5 : 1) * W(log)(w);
            whole += term;
            size += W(fabs)(term) + W(fabs)((wide)p[t]);
        }
        for (ptrdiff_t c = 0; c < dims; c++) {
            const wide limit = (wide)(start[i + 1] - start[i] + 4 * dims + 12) * EPS * sizes[c];
            expect_near("force", i * dims + c, force[i * dims + c], sum[c], limit);
        }
    }
    if (told) EXPECT(W(fabs)(loss - whole) <= (wide)(most + 40) * EPS * size);
}

static void attraction_far_away(void) {
    CASE("far from the origin, at one place: lanes beyond the end count nothing");
    const REAL far = (REAL)(EPS < 0x1p-30 ? 1e200 : 1e25);
    const REAL place[] = {far, far, far, far}, half[] = {(REAL)0.5};
    const int64_t begin[] = {0, 1, 1}, other[] = {1};
    REAL pulled[4];
    double lost = 1;
    RUN(FS(tsne_attraction)(pulled, &lost, place, begin, other, half, 2, 2));
    EXPECT(pulled[0] == 0 && pulled[1] == 0 && lost == 0);
}

static void attraction(void) {
    for (ptrdiff_t n = 1; n <= 20; n++) attraction_case(n, 1 + n % 3, n, n % 2);
    attraction_case(0, 2, 1, 1);
    attraction_case(150, 2, 30, 1);
    for (ptrdiff_t dims = 1; dims <= 3; dims++) attraction_case(3, dims, 4000, 1); /* more than a stretch */
    attraction_far_away();
    CASE("an index out of range, and too many dimensions");
    int64_t start[] = {0, 1}, index[] = {1};
    REAL force[4], y[4] = {0}, p[] = {1};
    EXPECT(FS(tsne_attraction)(force, NULL, y, start, index, p, 1, 2) == FS_EINDEX);
    index[0] = 0;
    EXPECT(FS(tsne_attraction)(force, NULL, y, start, index, p, 1, 4) == FS_EINVAL);
}

static void repulsion_case(ptrdiff_t n, ptrdiff_t dims) {
    CASE("n=%td dims=%td", n, dims);
    const REAL *y = input("y", n * dims);
    REAL *force = output("force", n * dims);
    double whole;
    wide total = 0;
    RUN(FS(tsne_repulsion)(force, &whole, y, n, dims));
    for (ptrdiff_t i = 0; i < n; i++) {
        wide sum[3] = {0}, sizes[3] = {0}, away[3];
        for (ptrdiff_t j = 0; j < n; j++) {
            const wide w = closeness(away, y + i * dims, y + j * dims, dims), q = dims > 2 ? w * W(sqrt)(w) : w;
            total += i == j ? 0 : q;
            for (ptrdiff_t c = 0; c < dims; c++) {
                sum[c] += q * w * away[c];
                sizes[c] += W(fabs)(q * w * away[c]);
            }
        }
        for (ptrdiff_t c = 0; c < dims; c++) {
            expect_near("force", i * dims + c, force[i * dims + c], sum[c], (wide)(1100 + 4 * dims) * EPS * sizes[c]);
        }
    }
    EXPECT(W(fabs)(whole - total) <= (wide)(1100 + 4 * dims) * EPS * (total + (wide)n));
}

static void repulsion(void) {
    for (ptrdiff_t n = 0; n <= 40; n++) repulsion_case(n, 1 + n % 3);
    repulsion_case(1100, 2);
    CASE("too many dimensions");
    REAL force[4], y[4] = {0};
    double whole;
    EXPECT(FS(tsne_repulsion)(force, &whole, y, 1, 4) == FS_EINVAL);
}

/* Taylor's remainder for cells of width s < angle r, of whose points the squared distances from their mean average at most
 * dims s^2 / 4; centres of mass are rounded. The exact sum follows from the definition. */
static void tree_case(ptrdiff_t n, ptrdiff_t dims, double angle, REAL scale) {
    CASE("n=%td dims=%td angle=%g scale=%g", n, dims, angle, (double)scale);
    REAL *y = input("y", n * dims);
    const wide far = 1 - (wide)1.8 * (wide)angle;
    const wide share = 20 * (wide)(angle * angle) * (1 + (wide)1.8 * (wide)angle) / (far * far * far * far * far * far * far);
    const wide rounded = (wide)(1100 + 4 * dims) * EPS;
    for (ptrdiff_t i = 0; i < n * dims; i++) y[i] = scale * (i / dims % 4 ? y[i] : (REAL)0.125); /* a quarter at one place */
    REAL *force = output("force", n * dims);
    double whole;
    wide total = 0;
    RUN(FS(tsne_repulsion_tree)(force, &whole, y, n, dims, angle));
    for (ptrdiff_t i = 0; i < n; i++) {
        wide sum[3] = {0}, sizes[3] = {0}, away[3], length = 0, weight = 0;
        for (ptrdiff_t j = 0; j < n; j++) {
            const wide w = closeness(away, y + i * dims, y + j * dims, dims), q = dims > 2 ? w * W(sqrt)(w) : w;
            wide square = 0;
            total += i == j ? 0 : q;
            weight += q * w;
            for (ptrdiff_t c = 0; c < dims; c++) {
                sum[c] += q * w * away[c];
                sizes[c] += q * w * W(fabs)(away[c]);
                square += away[c] * away[c];
            }
            length += q * w * W(sqrt)(square);
        }
        for (ptrdiff_t c = 0; c < dims; c++) {
            const wide limit = share * length + 2 * rounded * (sizes[c] + 8 * (wide)scale * weight);
            expect_near("force", i * dims + c, force[i * dims + c], sum[c], limit);
        }
    }
    EXPECT(W(fabs)(whole - total) <= (share + 2 * rounded * (1 + 8 * (wide)scale)) * total + EPS);
}

static void tree(void) {
    for (ptrdiff_t n = 0; n <= 40; n++) tree_case(n, 1 + n % 3, 0.01, 3);
    for (ptrdiff_t dims = 1; dims <= 3; dims++) {
        tree_case(300, dims, 0.05, 10);
        tree_case(1500, dims, 0.02, 30);
        tree_case(64, dims, 0.05, 0);
    }
    CASE("not finite, and out of range");
    REAL force[4], y[4] = {0, 1, (REAL)INFINITY, 2};
    double whole;
    RUN(FS(tsne_repulsion_tree)(force, &whole, y, 2, 2, 0.5));
    for (int i = 0; i < 4; i++) EXPECT(isnan(force[i]));
    EXPECT(isnan(whole));
    EXPECT(FS(tsne_repulsion_tree)(force, &whole, y, 1, 4, 0.5) == FS_EINVAL);
    EXPECT(FS(tsne_repulsion_tree)(force, &whole, y, 1, 2, -0.1) == FS_EINVAL);
    EXPECT(FS(tsne_repulsion_tree)(force, &whole, y, 1, 2, NAN) == FS_EINVAL);
}

const struct test FS(tests_tsne)[] = {
    {"tsne_affinities", affinities}, {"tsne_attraction", attraction}, {"tsne_repulsion", repulsion},
    {"tsne_repulsion_tree", tree}, {NULL, NULL}};
