/* Runs the tests: for every instruction set of this machine, both types, and 1, 2 and 3 threads.
 *
 *     kernels [--isa NAME] [--type f32|f64] [--threads MOST] [family ...]
 */
#include "check.h"
#include "coverage.h"
#include "fastscratch.h"
#include "guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum { MAX_NAMES = 64, MAX_THREADS = 3, ALLOWED_THREADS = 8, STARVED_RUNS = 8 };

/* Ground, without types. */
extern const struct test tests_harness[], tests_dispatch[], tests_threads[], tests_alloc[], tests_kept[];
static const struct {
    const char *name;
    const struct test *tests;
} ground[] = {
    {"harness", tests_harness}, {"dispatch", tests_dispatch}, {"threads", tests_threads}, {"alloc", tests_alloc},
    {"kept", tests_kept}};

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

/* What was asked for; -1: all. No names: all families. */
static int only_isa = -1, only_type = -1, most_threads = MAX_THREADS, names_count;
static const char *names[MAX_NAMES];

static int passed, failed;

static void count(int ok) {
    passed += ok;
    failed += !ok;
}

/* Every test of a list, with 1 to 3 threads, buffers now against the page after them, now against the one before. The
 * results must have the same bits each time. */
static void run_threads(const struct test *tests, struct setting where) {
    for (const struct test *t = tests; t->name; t++) {
        uint64_t first = 0;
        for (int threads = 1; threads <= most_threads; threads++) {
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
        for (int from = 0, starved = 1; starved && from < STARVED_RUNS; from++) {
            check_starve(from);
            count(check_run(t, &where));
            starved = check_starved(); /* else there are no more requests that could be refused */
        }
    }
    check_starve(-1);
}

static void run_family(int f) {
    for (int isa = 0; isa < FS_ISA_COUNT; isa++) {
        if ((only_isa >= 0 && isa != only_isa) || fs_isa_set(isa) != FS_OK) continue;
        for (int type = 0; type < 2; type++) {
            if (only_type >= 0 && type != only_type) continue;
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

static void run_coverage(int unused) {
    (void)unused;
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

static int wanted(const char *name) {
    for (int i = 0; i < names_count; i++) {
        if (strcmp(names[i], name) == 0) return 1;
    }
    return names_count == 0;
}

static int is_family(const char *name) {
    for (int g = 0; g < GROUND; g++) {
        if (strcmp(ground[g].name, name) == 0) return 1;
    }
    for (int f = 0; f < FAMILIES; f++) {
        if (strcmp(families[f].name, name) == 0) return 1;
    }
    return strcmp(name, "coverage") == 0;
}

/* The place of a name in a list, or -1. */
static int place(const char *name, const char *const *list, int length) {
    for (int i = 0; i < length; i++) {
        if (strcmp(list[i], name) == 0) return i;
    }
    return -1;
}

/* 0, having said why, if there is no such thing. */
static int read_option(const char *option, const char *value) {
    if (strcmp(option, "--isa") == 0) {
        only_isa = place(value, isa_names, FS_ISA_COUNT);
        if (only_isa >= 0 && fs_isa_available(only_isa)) return 1;
    } else if (strcmp(option, "--type") == 0) {
        only_type = place(value, type_names, 2);
        if (only_type >= 0) return 1;
    } else if (strcmp(option, "--threads") == 0) {
        most_threads = atoi(value);
        if (most_threads >= 1 && most_threads <= MAX_THREADS) return 1;
    }
    fprintf(stderr, "%s %s is not available here\n", option, value);
    return 0;
}

static int read_arguments(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            if (!read_option(argv[i], i + 1 < argc ? argv[i + 1] : "")) return 0;
            i++;
        } else if (!is_family(argv[i]) || names_count == MAX_NAMES) {
            fprintf(stderr, "there is no family %s\n", argv[i]);
            return 0;
        } else {
            names[names_count++] = argv[i];
        }
    }
    return 1;
}

int main(int argc, char **argv) {
    if (!read_arguments(argc, argv)) return 2;
    check_malloc_init();
    fs_alloc_init();
    fs_threads_init();
    check_catch_signals();
#ifdef _OPENMP
    omp_set_num_threads(ALLOWED_THREADS); /* allows as many, whatever the number of processors */
#endif
    for (int g = 0; g < GROUND; g++) {
        if (wanted(ground[g].name)) report(ground[g].name, run_ground, g);
    }
    for (int f = 0; f < FAMILIES; f++) {
        if (wanted(families[f].name)) report(families[f].name, run_family, f);
    }
    if (wanted("coverage")) report("coverage", run_coverage, 0);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0 || passed == 0;
}
