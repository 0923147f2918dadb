/* The caching allocator: alignment, reuse, limits, threads, forks. */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include "check.h"
#include "fastscratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(FS_NO_CACHE)
enum { CACHES = 0 };
#else
enum { CACHES = 1 };
#endif

static void aligned_and_whole(void) {
    for (size_t bytes = 0; bytes < 3000000; bytes = bytes < 1100 ? bytes + 1 : bytes * 5 / 4 + 1) {
        CASE("bytes=%zu", bytes);
        unsigned char *p = fs_alloc(bytes), *q = fs_alloc(bytes);
        EXPECT(p && q && (uintptr_t)p % 64 == 0 && (uintptr_t)q % 64 == 0);
        EXPECT(p + bytes <= q || q + bytes <= p);
        EXPECT(p != q);
        memset(p, 1, bytes);
        memset(q, 2, bytes);
        EXPECT(bytes == 0 || (p[0] == 1 && p[bytes - 1] == 1 && q[0] == 2 && q[bytes - 1] == 2));
        fs_free(p);
        fs_free(q);
    }
    fs_free(NULL);
}

static void slack_is_a_quarter_at_most(void) {
    for (size_t bytes = 257; bytes < 1000000; bytes = bytes * 9 / 8 + 1) {
        CASE("bytes=%zu", bytes);
        const size_t used = fs_memory_stats().used;
        void *p = fs_alloc(bytes);
        const size_t taken = fs_memory_stats().used - used;
        EXPECT(taken >= bytes && taken <= bytes + bytes / 4 + 1);
        fs_free(p);
        EXPECT(fs_memory_stats().used == used);
    }
}

static void reuse(void) {
    void *p = fs_alloc(5000);
    fs_free(p);
    const struct fs_memory before = fs_memory_stats();
    void *q = fs_alloc(4900); /* of the same class */
    const struct fs_memory after = fs_memory_stats();
    if (CACHES) {
        EXPECT(p == q);
        EXPECT(after.hits == before.hits + 1 && after.misses == before.misses);
        EXPECT(after.used - before.used == before.cached - after.cached);
    } else {
        EXPECT(after.hits == before.hits && after.misses == before.misses + 1);
    }
    fs_free(q);
}

static void zeroed(void) {
    for (size_t bytes = 1; bytes < 5000000; bytes = bytes * 7 / 2 + 1) {
        CASE("bytes=%zu", bytes);
        for (int again = 0; again < 2; again++) { /* fresh, then what was used before */
            unsigned char *p = fs_alloc_zeroed(bytes);
            EXPECT(p && (uintptr_t)p % 64 == 0 && fs_alloc_size(p) >= bytes);
            size_t wrong = 0;
            for (size_t i = 0; i < bytes; i++) wrong += p[i] != 0;
            EXPECT(wrong == 0);
            memset(p, 255, fs_alloc_size(p));
            fs_free(p);
        }
        fs_empty_cache();
    }
    EXPECT(fs_alloc_size(NULL) == 0 && fs_alloc_zeroed(SIZE_MAX - 10) == NULL);
}

static void empty_cache(void) {
    void *kept = fs_alloc(1000), *p = fs_alloc(100000);
    memset(kept, 7, 1000);
    fs_free(p);
    const size_t used = fs_memory_stats().used;
    if (CACHES) EXPECT(fs_memory_stats().cached >= 100000);
    fs_empty_cache();
    EXPECT(fs_memory_stats().cached == 0);
    EXPECT(fs_memory_stats().used == used);
    EXPECT(((unsigned char *)kept)[999] == 7);
    const size_t misses = fs_memory_stats().misses;
    p = fs_alloc(100000);
    EXPECT(p && fs_memory_stats().misses == misses + 1);
    fs_free(p);
    fs_free(kept);
}

static void cap(void) {
    const size_t before = fs_memory_stats().cap;
    void *p[8];
    fs_empty_cache();
    fs_set_cache_cap(100000);
    EXPECT(fs_memory_stats().cap == 100000);
    for (int i = 0; i < 8; i++) p[i] = fs_alloc(30000);
    for (int i = 0; i < 8; i++) {
        fs_free(p[i]);
        EXPECT(fs_memory_stats().cached <= 100000);
    }
    if (CACHES) EXPECT(fs_memory_stats().cached >= 60000);
    fs_free(fs_alloc(200000)); /* alone above the cap */
    EXPECT(fs_memory_stats().cached <= 100000);
    fs_set_cache_cap(0);
    fs_empty_cache();
    fs_free(fs_alloc(10));
    EXPECT(fs_memory_stats().cached == 0);
    fs_set_cache_cap(before);
}

static void peak(void) {
    fs_reset_peak();
    const size_t used = fs_memory_stats().used;
    EXPECT(fs_memory_stats().peak == used);
    void *p = fs_alloc(40960), *q = fs_alloc(40960);
    fs_free(p);
    const struct fs_memory s = fs_memory_stats();
    EXPECT(s.peak - used == 2 * (s.used - used));
    fs_free(q);
    EXPECT(fs_memory_stats().peak == s.peak);
    fs_reset_peak();
    EXPECT(fs_memory_stats().peak == used);
}

static void too_much(void) {
    const size_t sizes[] = {SIZE_MAX,         SIZE_MAX - 1, SIZE_MAX - 64, SIZE_MAX - 200,
                            SIZE_MAX / 2 + 1, SIZE_MAX / 2, SIZE_MAX / 3};
    const size_t used = fs_memory_stats().used;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        CASE("bytes=%zu", sizes[i]);
        EXPECT(fs_alloc(sizes[i]) == NULL);
        EXPECT(fs_memory_stats().used == used);
    }
    void *p = fs_alloc(100);
    EXPECT(p != NULL);
    fs_free(p);
}

/* The system refuses: what lies idle is given back first, then the answer is NULL, and nothing is counted. */
static void system_refuses(void) {
    fs_free(fs_alloc(1 << 20));
    const size_t used = fs_memory_stats().used;
    CASE("refused for good");
    check_starve(0);
    void *p = fs_alloc(3 << 20);
    check_starve(-1);
    EXPECT(p == NULL);
    EXPECT(fs_memory_stats().cached == 0);
    EXPECT(fs_memory_stats().used == used);
}

/* Blocks made by one thread and freed by another; each holds its own address all the way. */
enum { THREADS = 4, ROUNDS = 3000, SLOTS = 64 };
static _Atomic(void *) slots[SLOTS];
static atomic_int spoiled;

static void check_and_free(void *p) {
    if (!p) return;
    void **words = p;
    if (words[0] != p || words[15] != p) atomic_fetch_add(&spoiled, 1);
    fs_free(p);
}

static void *exchange(void *argument) {
    unsigned state = (unsigned)(uintptr_t)argument * 2654435761u + 1;
    for (int i = 0; i < ROUNDS; i++) {
        state = state * 1664525u + 1013904223u;
        const size_t bytes = 128 + (state >> 8) % 20000;
        void **p = fs_alloc(bytes);
        if (!p) {
            atomic_fetch_add(&spoiled, 1);
            continue;
        }
        p[0] = p[15] = p;
        check_and_free(atomic_exchange(&slots[(state >> 4) % SLOTS], (void *)p));
        if (i % 500 == 0) fs_empty_cache();
    }
    return NULL;
}

static void many_threads(void) {
    pthread_t workers[THREADS];
    const size_t used = fs_memory_stats().used;
    atomic_store(&spoiled, 0);
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&workers[i], NULL, exchange, (void *)(i + 1))) exit(2);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(workers[i], NULL);
    for (int i = 0; i < SLOTS; i++) check_and_free(atomic_exchange(&slots[i], NULL));
    EXPECT(atomic_load(&spoiled) == 0);
    EXPECT(fs_memory_stats().used == used);
}

static atomic_int stop;
static void *churn(void *unused) {
    (void)unused;
    while (!atomic_load(&stop)) fs_free(fs_alloc(3000));
    return NULL;
}

/* The lock is never inherited half-way; a hang is ended by the child's alarm. */
static void fork_while_allocating(void) {
    pthread_t worker;
    atomic_store(&stop, 0);
    if (pthread_create(&worker, NULL, churn, NULL)) exit(2);
    int status = 0;
    for (int i = 0; i < 40 && status == 0; i++) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(CHECK_HANG);
            void *p = fs_alloc(3000), *q = fs_alloc(100000);
            if (!p || !q) _exit(1);
            fs_free(p);
            fs_free(q);
            fs_empty_cache();
            _exit(fs_memory_stats().cached != 0);
        }
        EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    }
    atomic_store(&stop, 1);
    pthread_join(worker, NULL);
}

const struct test tests_alloc[] = {{"aligned and whole", aligned_and_whole},
                                   {"slack", slack_is_a_quarter_at_most},
                                   {"reuse", reuse},
                                   {"zeroed", zeroed},
                                   {"empty_cache", empty_cache},
                                   {"cap", cap},
                                   {"peak", peak},
                                   {"too much", too_much},
                                   {"system refuses", system_refuses},
                                   {"many threads", many_threads},
                                   {"fork while allocating", fork_while_allocating},
                                   {NULL, NULL}};
