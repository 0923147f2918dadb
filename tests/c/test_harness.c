/* The tests can fail: each fault, made on purpose in a process of its own, is caught and named. */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include "check.h"
#include "coverage.h"
#include "fastscratch.h"
#include "guard.h"
#include "typed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A kernel with one fault of choice: y[i] = 2 x[i], i < n. */
enum fault {
    NO_FAULT,
    READS_PAST,
    READS_BEFORE,
    WRITES_PAST,
    WRITES_BEFORE,
    WRITES_INPUT,
    OVERRUNS_WORKSPACE,
    USES_UNWRITTEN,
    LEAKS,
    WRONG_VALUE,
    SKIPS_ONE
};
static enum fault fault;

static int double_all(volatile float *y, volatile float *x, ptrdiff_t n) {
    volatile float *room = check_alloc((size_t)n * sizeof(float));
    if (!room) return FS_ENOMEM;
    for (ptrdiff_t i = 0; i < n; i++) {
        if (fault != USES_UNWRITTEN || i != n / 2) room[i] = 2 * x[i];
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        if (fault != SKIPS_ONE || i != n / 2) y[i] = room[i];
    }
    if (fault == READS_PAST) y[0] = 2 * x[0] + 0 * x[n];
    if (fault == READS_BEFORE) y[0] = 2 * x[0] + 0 * x[-1];
    if (fault == WRITES_PAST) y[n] = 0;
    if (fault == WRITES_BEFORE) y[-1] = 0;
    if (fault == WRITES_INPUT) x[n / 2] = 0;
    if (fault == OVERRUNS_WORKSPACE) room[n] = 0;
    if (fault == WRONG_VALUE) y[n / 2] *= 1 + 4 * (float)EPS;
    if (fault != LEAKS) check_free((void *)room);
    return FS_OK;
}

static void double_all_once(void) {
    const ptrdiff_t n = 38; /* even: workspace is aligned to two floats */
    CASE("n=%td", n);
    float *x = input("x", n), *y = output("y", n);
    RUN(double_all(y, x, n));
    for (ptrdiff_t i = 0; i < n; i++) expect_near("y", i, y[i], 2 * (wide)x[i], 2 * EPS * W(fabs)((wide)x[i]));
}

/* Runs a test in a child; what it printed in `text`. */
static int run_in_child(const struct test *t, char *text, size_t size) {
    const struct setting where = {"harness", "f32", "none", 1};
    int ends[2], status = -1;
    size_t n = 0;
    fflush(stdout);
    if (pipe(ends)) exit(2);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        const int ok = check_run(t, &where);
        fflush(stdout);
        _exit(!ok);
    }
    close(ends[1]);
    for (ssize_t got; n + 1 < size && (got = read(ends[0], text + n, size - 1 - n)) > 0;) n += (size_t)got;
    text[n] = 0;
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child) exit(2);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void expect_caught(enum fault f, enum guard_side side, int status, const char *words) {
    const struct test t = {"double_all", double_all_once};
    char text[2048];
    fault = f;
    guard_set_side(side);
    const int got = run_in_child(&t, text, sizeof text);
    guard_set_side(GUARD_END);
    if (got != status || !strstr(text, words)) FAIL("fault %d: status %d, printed: %s", (int)f, got, text);
    if (f != NO_FAULT && !strstr(text, "harness f32 none, 1 thread(s), double_all")) FAIL("no name in: %s", text);
}

static void faults(void) {
    expect_caught(NO_FAULT, GUARD_END, 0, "");
    expect_caught(READS_PAST, GUARD_END, 3, "double_all: n=38\n       SIGSEGV, 0 bytes past the end of \"x\"");
    expect_caught(READS_BEFORE, GUARD_BEGIN, 3, "SIGSEGV, 4 bytes before the start of \"x\"");
    expect_caught(WRITES_PAST, GUARD_END, 3, "SIGSEGV, 0 bytes past the end of \"y\"");
    expect_caught(WRITES_PAST, GUARD_BEGIN, 1, "written past the end of \"y\"");
    expect_caught(WRITES_BEFORE, GUARD_BEGIN, 3, "SIGSEGV, 4 bytes before the start of \"y\"");
    expect_caught(WRITES_BEFORE, GUARD_END, 1, "written before the start of \"y\"");
    expect_caught(WRITES_INPUT, GUARD_END, 3, "SIGSEGV, written to \"x\", an input");
    expect_caught(OVERRUNS_WORKSPACE, GUARD_END, 3, "SIGSEGV, 0 bytes past the end of \"workspace\"");
    expect_caught(OVERRUNS_WORKSPACE, GUARD_BEGIN, 1, "written past the end of \"workspace\"");
    expect_caught(USES_UNWRITTEN, GUARD_END, 1, "y[19] is ");
    expect_caught(WRONG_VALUE, GUARD_END, 1, "y[19] is ");
    expect_caught(SKIPS_ONE, GUARD_END, 1, "y[19] was not written");
    expect_caught(LEAKS, GUARD_END, 1, "bytes not given back");
}

/* Tests that call nothing leave every micro-kernel unreached. */
static void no_tests(void) {
    const struct test none[] = {{NULL, NULL}};
    const struct test *const families[] = {none, NULL};
    int reached = -1;
    fflush(stdout);
    const int silent = dup(STDOUT_FILENO);
    if (silent < 0 || !freopen("/dev/null", "w", stdout)) exit(2);
    const int unreached = fs_unreached_f32(families, &reached);
    fflush(stdout);
    dup2(silent, STDOUT_FILENO);
    close(silent);
    EXPECT(unreached > 0 && reached == 0);
}

const struct test tests_harness[] = {{"faults", faults}, {"no tests, no coverage", no_tests}, {NULL, NULL}};
