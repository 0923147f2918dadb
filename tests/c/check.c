#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include "check.h"

#include "fastscratch.h"
#include "guard.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_MESSAGES = 5, CRASHED = 3 };

static const struct test *current;
static struct setting setting;
static char case_name[256];
static int failures, quiet;
static uint64_t digest, random_state;

static atomic_int starve_from = -1, requests, starved;

static int refused(void) {
    const int from = atomic_load(&starve_from), refuse = from >= 0 && atomic_fetch_add(&requests, 1) >= from;
    if (refuse) atomic_store(&starved, 1);
    return refuse;
}

/* AddressSanitizer's malloc holds its locks over no fork, so that a child may wait for ever for a thread which it does not
 * have. There it is asked by one thread at a time, and by none while the program forks. */
#ifdef FS_NO_CACHE
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;
static void ask(void) { pthread_mutex_lock(&asking); }
static void asked(void) { pthread_mutex_unlock(&asking); }
void check_malloc_init(void) { pthread_atfork(ask, asked, asked); }
#else
static void ask(void) {}
static void asked(void) {}
void check_malloc_init(void) {}
#endif

/* What csrc/alloc.c is compiled to call in place of malloc and free, and the kernels in place of fs_alloc and fs_free. */
void *check_malloc(size_t bytes) {
    if (refused()) return NULL;
    ask();
    void *p = malloc(bytes);
    asked();
    return p;
}
void check_malloc_free(void *p) {
    ask();
    free(p);
    asked();
}
void *check_alloc(size_t bytes) { return refused() ? NULL : guard_take(bytes); }
void check_free(void *p) { guard_give(p); }

void check_starve(int from) {
    atomic_store(&starve_from, from);
    atomic_store(&starved, 0);
}
int check_starved(void) { return atomic_load(&starved); }

void check_fails_quietly(int q) { quiet = q; }

static void describe(char *text, size_t size) {
    int n = snprintf(text, size, "%s", setting.family);
    if (setting.type) n += snprintf(text + n, size - (size_t)n, " %s", setting.type);
    if (setting.isa) n += snprintf(text + n, size - (size_t)n, " %s, %d thread(s)", setting.isa, setting.threads);
    snprintf(text + n, size - (size_t)n, ", %s%s%s", current ? current->name : "?", *case_name ? ": " : "", case_name);
}

void check_fail(const char *file, int line, const char *format, ...) {
    char where[512], what[512];
    va_list list;
    if (++failures > MAX_MESSAGES || quiet) return;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    describe(where, sizeof where);
    printf("FAILED %s\n       %s (%s:%d)\n", where, what, file, line);
    fflush(stdout);
}

void check_case(const char *format, ...) {
    va_list list;
    guard_release();
    atomic_store(&requests, 0);
    va_start(list, format);
    vsnprintf(case_name, sizeof case_name, format, list);
    va_end(list);
}

int check_status(const char *file, int line, int status, const char *call) {
    const int got_none = atomic_load(&starve_from) >= 0 && atomic_load(&requests) > atomic_load(&starve_from);
    if (status == FS_ENOMEM && got_none) return 0;
    if (got_none && status == FS_OK) check_fail(file, line, "FS_OK although it got no memory: %s", call);
    if (status != FS_OK) check_fail(file, line, "status %d of %s", status, call);
    return status == FS_OK;
}

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static uint64_t next_random(void) { return mix(random_state += 0x9E3779B97F4A7C15u); }
double check_uniform(void) { return (double)(int64_t)(next_random() >> 11) * 0x1p-52 - 1; }
ptrdiff_t check_below(ptrdiff_t n) { return (ptrdiff_t)(next_random() % (uint64_t)n); }

void check_digest_add(const void *value, size_t bytes) {
    uint64_t bits = 0;
    memcpy(&bits, value, bytes < sizeof bits ? bytes : sizeof bits);
    digest = mix(digest + bits + 1);
}
uint64_t check_digest(void) { return digest; }

int check_run(const struct test *t, const struct setting *where) {
    const size_t used = fs_memory_stats().used;
    current = t;
    setting = *where;
    failures = 0;
    digest = random_state = 0;
    *case_name = 0;
    atomic_store(&requests, 0);
    t->run();
    guard_release();
    fs_kept_drop();
    const size_t kept = guard_taken() + fs_memory_stats().used - used;
    if (kept != 0) FAIL("%td bytes not given back", (ptrdiff_t)kept);
    guard_forget();
    return failures == 0;
}

static const char *signal_name(int number) {
    switch (number) {
        case SIGSEGV: return "SIGSEGV";
        case SIGBUS: return "SIGBUS";
        case SIGILL: return "SIGILL";
        case SIGABRT: return "SIGABRT";
        default: return "SIGFPE";
    }
}

/* The program ends here, but not before it has said where. */
static void on_signal(int number, siginfo_t *info, void *context) {
    char where[512], what[256], text[1024];
    (void)context;
    describe(where, sizeof where);
    if (number == SIGABRT) {
        snprintf(what, sizeof what, "the program gave up");
    } else if (!guard_describe(info->si_addr, what, sizeof what)) {
        snprintf(what, sizeof what, "at address %p", info->si_addr);
    }
    const char *format = "FAILED %s\n       %s, %s\nstopped by a signal, 1 failed\n";
    const int n = snprintf(text, sizeof text, format, where, signal_name(number), what);
    if (n > 0 && write(STDOUT_FILENO, text, (size_t)n) != n) _exit(CRASHED + 1);
    _exit(CRASHED);
}

void check_catch_signals(void) {
    const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
}
