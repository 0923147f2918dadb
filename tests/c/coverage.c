/* A micro-kernel without a test does not pass unnoticed. Each slot of the table holds a trap with the kernel's own
 * signature. A trap that is called notes its name, puts the kernel in its place and starts the running test again.
 */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include "coverage.h"

#include "check.h"
#include "fastscratch.h"
#include "guard.h"
#include "simd/kernels.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"

enum {
#define FS_KERNEL(name, arguments) AT_##name,
#include "kernels.def"
#undef FS_KERNEL
    KERNELS
};

static const char *const names[] = {
#define FS_KERNEL(name, arguments) #name,
#include "kernels.def"
#undef FS_KERNEL
};

static jmp_buf again;
static const struct FS(kernels) * real;
static struct FS(kernels) trapped;
static char *called; /* shared with the child that runs the tests */

static void note(int at) {
    called[at] = 1;
    longjmp(again, 1);
}

#define FS_KERNEL(name, arguments)      \
    static void trap_##name arguments { \
        trapped.name = real->name;      \
        note(AT_##name);                \
    }
#include "kernels.def"
#undef FS_KERNEL

static void set_traps(void) {
    real = FS(simd);
    trapped = *real;
#define FS_KERNEL(name, arguments) trapped.name = trap_##name;
#include "kernels.def"
#undef FS_KERNEL
    FS(simd) = &trapped;
}

static int all_called(void) {
    for (int i = 0; i < KERNELS; i++) {
        if (!called[i]) return 0;
    }
    return 1;
}

/* Until it comes to its end without falling into a trap. */
static void run_through(const struct test *t) {
    static const struct setting where = {"coverage", "", "", 1};
    static const struct test *running; /* a local would not outlive the jump */
    running = t;
    if (setjmp(again)) guard_forget();
    check_run(running, &where);
}

/* In a process of its own: what a test that was cut short leaves behind does not matter. */
static void run_in_child(const struct test *const *families) {
    fs_set_num_threads(1);
    check_fails_quietly(1);
    set_traps();
    for (; *families; families++) {
        for (const struct test *t = *families; t->name && !all_called(); t++) run_through(t);
    }
    _exit(0);
}

int FS(unreached)(const struct test *const *families, int *reached) {
    int status = 0;
    called = mmap(NULL, KERNELS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
    if (called == MAP_FAILED) exit(2);
    const pid_t child = fork();
    if (child == 0) run_in_child(families);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        printf("FAILED coverage: the tests did not come to their end\n");
    }
    *reached = 0;
    for (int i = 0; i < KERNELS; i++) {
        *reached += called[i];
        if (!called[i]) printf("FAILED coverage: no test reaches the micro-kernel %s of kernels.def\n", names[i]);
    }
    munmap(called, KERNELS);
    return KERNELS - *reached;
}
