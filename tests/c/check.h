/* A test, its cases, and what they expect. Tests of kernels include typed.h instead, which builds on this. */
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>

struct test {
    const char *name; /* NULL ends a list */
    void (*run)(void);
};

struct setting {
    const char *family, *type, *isa;
    int threads;
};

#if defined(__GNUC__) || defined(__clang__)
#define CHECK_PRINTF(at) __attribute__((format(printf, at, at + 1)))
#else
#define CHECK_PRINTF(at)
#endif

/* Runs one test and says whether it passed: nothing it expected failed, and all memory was given back. */
int check_run(const struct test *t, const struct setting *where);
uint64_t check_digest(void); /* of every value that the last test compared */
void check_fails_quietly(int quiet);
void check_catch_signals(void);

/* A child that has not ended after so many seconds never will: a busy or frozen machine may let it wait for a minute. */
enum { CHECK_HANG = 120 };

/* Memory as the sources under test get it: the allocator from the system, the kernels from the allocator. */
void *check_malloc(size_t bytes);
void check_malloc_free(void *p);
void check_malloc_init(void); /* before fs_alloc_init */
void *check_alloc(size_t bytes);
void check_free(void *p);

/* In each case, such requests are refused from this one on (0: the first); -1: none is. */
void check_starve(int from);
int check_starved(void); /* was any, since the last check_starve? */

/* The next case of the running test: its name for messages. Gives back the buffers of the case before. */
void check_case(const char *format, ...) CHECK_PRINTF(1);
#define CASE(...) check_case(__VA_ARGS__)

void check_fail(const char *file, int line, const char *format, ...) CHECK_PRINTF(3);
#define FAIL(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)
#define EXPECT(condition) ((condition) ? (void)0 : FAIL("not so: %s", #condition))

/* Calls a kernel on inputs that cannot be written; leaves the case (returns) if it did not say FS_OK. */
int check_status(const char *file, int line, int status, const char *call);
#define RUN(...)                                                                    \
    do {                                                                            \
        guard_freeze();                                                             \
        if (!check_status(__FILE__, __LINE__, (__VA_ARGS__), #__VA_ARGS__)) return; \
    } while (0)

/* Calls a micro-kernel, likewise. */
#define CALL(...)       \
    do {                \
        guard_freeze(); \
        (__VA_ARGS__);  \
    } while (0)

void check_digest_add(const void *value, size_t bytes);
double check_uniform(void);         /* in [-1, 1); the same sequence each time a test runs */
ptrdiff_t check_below(ptrdiff_t n); /* 0 .. n-1 */

#endif
