/* What is kept between calls: known only while its source is the same to the bit, each entry its taker's own. */
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

enum { BYTES = 1000, MORE_THAN_FIT = 100, THREADS = 4 };

static const char one_way, other_way;

/* What is made here: the sum of the source, as often as it fits. */
static void make(struct fs_kept *e) {
    const unsigned char *from = e->from;
    uint64_t sum = 0;
    for (size_t i = 0; i < e->bytes; i++) sum = sum * 31 + from[i];
    for (size_t i = 0; i < e->size / sizeof sum; i++) memcpy((char *)e->made + i * sizeof sum, &sum, sizeof sum);
}

static int is_made(const struct fs_kept *e, const unsigned char *source) {
    uint64_t sum = 0, found;
    for (size_t i = 0; i < e->bytes; i++) sum = sum * 31 + source[i];
    for (size_t i = 0; i < e->size / sizeof sum; i++) {
        memcpy(&found, (const char *)e->made + i * sizeof sum, sizeof sum);
        if (found != sum) return 0;
    }
    return 1;
}

/* Takes, makes if need be, looks, gives back: was it known? -1 without memory. */
static int use(const unsigned char *source, size_t bytes, const void *by, ptrdiff_t form, size_t size) {
    struct fs_kept *e = fs_kept_take(source, bytes, by, form, size);
    if (!e) return -1;
    const int known = e->known;
    EXPECT((uintptr_t)e->made % 64 == 0);
    EXPECT(bytes == 0 || memcmp(e->from, source, bytes) == 0);
    if (!known) make(e);
    EXPECT(bytes == 0 || is_made(e, source));
    fs_kept_give(e);
    return known;
}

static unsigned char source[BYTES];
static int use_source(void) { return use(source, BYTES, &one_way, 3, 640); }

static void known_while_the_same(void) {
    CASE("never asked for before");
    memset(source, 1, BYTES);
    EXPECT(use_source() == 0);
    EXPECT(use_source() == 1);
    for (size_t i = 0; i < BYTES; i += 37) {
        CASE("byte %zu is another", i);
        source[i] ^= 4;
        EXPECT(use_source() == 0);
        EXPECT(use_source() == 1);
    }
}

static void known_by_all_it_depends_on(void) {
    CASE("one source, used otherwise");
    EXPECT(use_source() >= 0);
    EXPECT(use(source, BYTES - 8, &one_way, 3, 640) == 0);
    EXPECT(use(source, BYTES, &other_way, 3, 640) == 0);
    EXPECT(use(source, BYTES, &one_way, 4, 640) == 0);
    EXPECT(use(source, BYTES, &one_way, 3, 648) == 0);
    EXPECT(use(source + 8, BYTES - 8, &one_way, 3, 640) == 0);
    EXPECT(use_source() == 1);
}

static void taken_by_one_at_a_time(void) {
    CASE("taken twice");
    EXPECT(use_source() >= 0);
    struct fs_kept *first = fs_kept_take(source, BYTES, &one_way, 3, 640);
    struct fs_kept *second = fs_kept_take(source, BYTES, &one_way, 3, 640);
    EXPECT(first && first->known && second && !second->known && first->made != second->made);
    fs_kept_drop(); /* leaves what is held */
    EXPECT(is_made(first, source));
    make(second);
    fs_kept_give(second);
    fs_kept_give(first);
    EXPECT(use_source() == 1);
}

static void large_ones_are_not_kept(void) {
    CASE("too large, or nothing to compare");
    const size_t used = fs_memory_stats().used, large = 1 << 20;
    unsigned char *many = calloc(large, 1);
    if (!many) exit(2);
    for (int i = 0; i < 2; i++) {
        EXPECT(use(many, large, &one_way, 0, 64) == 0);
        EXPECT(use(many, 64, &one_way, 0, large) == 0);
        EXPECT(use(many, 0, &one_way, 0, 64) == 0);
    }
    EXPECT(fs_memory_stats().used == used);
    free(many);
}

static void the_oldest_go_first(void) {
    CASE("more than fit");
    static unsigned char many[MORE_THAN_FIT];
    const size_t used = fs_memory_stats().used;
    for (int i = 0; i < MORE_THAN_FIT; i++) EXPECT(use(many + i, 1, &one_way, 0, 64) == 0);
    EXPECT(use(many + MORE_THAN_FIT - 1, 1, &one_way, 0, 64) == 1);
    EXPECT(use(many, 1, &one_way, 0, 64) == 0);
    EXPECT(fs_memory_stats().used - used < MORE_THAN_FIT * 256);
    fs_empty_cache();
    EXPECT(fs_memory_stats().used == used);
    EXPECT(use(many, 1, &one_way, 0, 64) == 0);
}

static void system_refuses(void) {
    fs_empty_cache();
    const size_t used = fs_memory_stats().used;
    CASE("refused");
    check_starve(0);
    EXPECT(use_source() == -1);
    EXPECT(use(source, 0, &one_way, 0, 64) == -1);
    check_starve(-1);
    EXPECT(fs_memory_stats().used == used);
    EXPECT(use_source() == 0);
}

static unsigned char shared[8][BYTES];
static atomic_int wrong, forked;

static void *use_shared(void *index) {
    for (uintptr_t i = (uintptr_t)index; i < 3000 || !atomic_load(&forked); i++) {
        struct fs_kept *e = fs_kept_take(shared[i % 8], BYTES, &one_way, 0, 640);
        if (!e) continue;
        if (!e->known) make(e);
        if (!is_made(e, shared[i % 8])) atomic_store(&wrong, 1);
        fs_kept_give(e);
        if (i % 500 == 0) fs_kept_drop();
    }
    return NULL;
}

static void many_threads(void) {
    CASE("threads");
    pthread_t workers[THREADS];
    atomic_store(&forked, 0);
    for (int i = 0; i < 8; i++) memset(shared[i], i, BYTES);
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&workers[i], NULL, use_shared, (void *)i)) exit(2);
    }
    for (int i = 0; i < 20; i++) { /* a child may inherit the lock: it does without */
        int status = 0;
        const pid_t child = fork();
        if (child == 0) {
            alarm(CHECK_HANG);
            struct fs_kept *e = fs_kept_take(shared[0], BYTES, &one_way, 0, 640);
            if (e && !e->known) make(e);
            _exit(!e || !is_made(e, shared[0]));
        }
        EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    }
    atomic_store(&forked, 1);
    for (int i = 0; i < THREADS; i++) pthread_join(workers[i], NULL);
    EXPECT(atomic_load(&wrong) == 0);
}

const struct test tests_kept[] = {{"known while the same", known_while_the_same},
                                  {"known by all it depends on", known_by_all_it_depends_on},
                                  {"taken by one at a time", taken_by_one_at_a_time},
                                  {"large ones", large_ones_are_not_kept},
                                  {"the oldest go first", the_oldest_go_first},
                                  {"system refuses", system_refuses},
                                  {"many threads", many_threads},
                                  {NULL, NULL}};
