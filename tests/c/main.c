/* Runs the tests: for every instruction set of this machine, both types, and 1, 2 and 3 threads.
 *
 *     kernels [--isa NAME] [family ...]
 */
#include "check.h"
#include "coverage.h"
#include "fastscratch.h"
#include "guard.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum { MAX_THREADS = 3, STARVED_RUNS = 3 };

/* Ground, without types. */
extern const struct test tests_harness[], tests_dispatch[], tests_threads[], tests_alloc[];
static const struct {
    const char *name;
    const struct test *tests;
} ground[] = {
    {"harness", tests_harness}, {"dispatch", tests_dispatch}, {"threads", tests_threads}, {"alloc", tests_alloc}};

#define FAMILY(name) extern const struct test fs_tests_##name##_f32[], fs_tests_##name##_f64[];
#include "families.def"
#undef FAMILY

static const struct {
    const char *name;
    const struct test *tests[2];
} families[] = {
#define FAMILY(name) {#name, {fs_tests_##name##_f32, fs_tests_##name##_f64}},
#include "families.def"
#undef FAMILY
};
enum { GROUND = sizeof ground / sizeof *ground, FAMILIES = sizeof families / sizeof *families };

static const char *const type_names[] = {"f32", "f64"};
static const char *const isa_names[] = {"baseline", "neon", "avx2", "avx512"}; /* in the order of fastscratch.h */

static int passed, failed, only_isa = -1;

static void count(int ok) {
    passed += ok;
    failed += !ok;
}

/* Every test of a list, with 1 to 3 threads, buffers now against the page after them, now against the one before. The
 * results must have the same bits each time. */
static void run_threads(const struct test *tests, struct setting where) {
    for (const struct test *t = tests; t->name; t++) {
        uint64_t first = 0;
        for (int threads = 1; threads <= MAX_THREADS; threads++) {
            where.threads = threads;
            fs_set_num_threads(threads);
            guard_set_side(threads == 2 ? GUARD_BEGIN : GUARD_END);
            int ok = check_run(t, &where);
            if (threads == 1) first = check_digest();
            if (ok && check_digest() != first) {
                FAIL("not the same bits as with one thread");
                ok = 0;
            }
            count(ok);
        }
    }
}

/* Out of memory: a kernel says so, whichever of its requests fails, and gives back what it had. */
static void run_starved(const struct test *tests, struct setting where) {
    fs_set_num_threads(where.threads = 1);
    for (const struct test *t = tests; t->name; t++) {
        for (int from = 0; from < STARVED_RUNS; from++) {
            check_starve(from);
            count(check_run(t, &where));
        }
    }
    check_starve(-1);
}

static void run_family(int f) {
    for (int isa = 0; isa < FS_ISA_COUNT; isa++) {
        if ((only_isa >= 0 && isa != only_isa) || fs_isa_set(isa) != FS_OK) continue;
        for (int type = 0; type < 2; type++) {
            const struct setting where = {families[f].name, type_names[type], isa_names[isa], 1};
            run_threads(families[f].tests[type], where);
            if (isa == fs_isa_best() || isa == only_isa) run_starved(families[f].tests[type], where);
        }
    }
}

static void run_ground(int g) {
    const struct setting where = {ground[g].name, NULL, NULL, 1};
    guard_set_side(GUARD_END);
    for (const struct test *t = ground[g].tests; t->name; t++) count(check_run(t, &where));
}

static void run_coverage(void) {
    for (int type = 0; type < 2; type++) {
        const struct test *lists[FAMILIES + 1] = {NULL};
        int reached;
        for (int f = 0; f < FAMILIES; f++) lists[f] = families[f].tests[type];
        failed += type ? fs_unreached_f64(lists, &reached) : fs_unreached_f32(lists, &reached);
        passed += reached;
    }
}

static double seconds(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One line for each family. */
static void report(const char *name, void (*run)(int), int argument) {
    const int before[] = {passed, failed};
    const double start = seconds();
    run(argument);
    printf("%-12s %5d passed %5d failed  %5.2f s\n", name, passed - before[0], failed - before[1], seconds() - start);
    fflush(stdout);
}
static void coverage(int unused) {
    (void)unused;
    run_coverage();
}

static int wanted(const char *name, int argc, char **argv) {
    int any = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--isa") == 0) {
            i++;
        } else {
            if (strcmp(argv[i], name) == 0) return 1;
            any = 1;
        }
    }
    return !any;
}

static int read_isa(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--isa") != 0) continue;
        for (int isa = 0; i + 1 < argc && isa < FS_ISA_COUNT; isa++) {
            if (strcmp(argv[i + 1], isa_names[isa]) == 0) only_isa = isa;
        }
        if (only_isa < 0 || !fs_isa_available(only_isa)) {
            fprintf(stderr, "instruction set '%s' is not available here\n", i + 1 < argc ? argv[i + 1] : "");
            return 0;
        }
    }
    return 1;
}

int main(int argc, char **argv) {
    if (!read_isa(argc, argv)) return 2;
    fs_alloc_init();
    fs_threads_init();
    check_catch_signals();
#ifdef _OPENMP
    omp_set_num_threads(MAX_THREADS); /* allows as many, whatever the number of processors */
#endif
    for (int g = 0; g < GROUND; g++) {
        if (wanted(ground[g].name, argc, argv)) report(ground[g].name, run_ground, g);
    }
    for (int f = 0; f < FAMILIES; f++) {
        if (wanted(families[f].name, argc, argv)) report(families[f].name, run_family, f);
    }
    if (wanted("coverage", argc, argv)) report("coverage", coverage, 0);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0 || passed == 0;
}
