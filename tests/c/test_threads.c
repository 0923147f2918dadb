/* fs_parallel_for: every chunk once, never a hang, nobody else's setting changed. */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include "check.h"
#include "fastscratch.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum { MAX_CHUNKS = 300 };

typedef struct {
    atomic_int times[MAX_CHUNKS];
    pthread_t by[MAX_CHUNKS];
} record;

static void note(ptrdiff_t chunk, void *ctx) {
    record *r = ctx;
    atomic_fetch_add(&r->times[chunk], 1);
    r->by[chunk] = pthread_self();
}

static int each_once(const record *r, ptrdiff_t chunks) {
    for (ptrdiff_t i = 0; i < MAX_CHUNKS; i++) {
        if (atomic_load(&r->times[i]) != (i < chunks)) return 0;
    }
    return 1;
}

static int distinct_threads(const record *r, ptrdiff_t chunks) {
    int distinct = 0;
    for (ptrdiff_t i = 0; i < chunks; i++) {
        int seen = 0;
        for (ptrdiff_t j = 0; j < i; j++) seen |= pthread_equal(r->by[i], r->by[j]) != 0;
        distinct += !seen;
    }
    return distinct;
}

static void every_chunk_once(void) {
    const ptrdiff_t sizes[] = {0, 1, 2, 3, 4, 5, 7, 64, 299, 300};
    for (int threads = 1; threads <= 4; threads++) {
        fs_set_num_threads(threads);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            record r = {0};
            CASE("threads=%d chunks=%td", threads, sizes[s]);
            fs_parallel_for(sizes[s], note, &r);
            EXPECT(each_once(&r, sizes[s]));
            EXPECT(distinct_threads(&r, sizes[s]) <= fs_get_num_threads());
        }
    }
}

/* More than the pool counts one by one. */
static void add_up(ptrdiff_t chunk, void *ctx) { atomic_fetch_add((atomic_llong *)ctx, chunk + 1); }

static void very_many_chunks(void) {
    const ptrdiff_t chunks = (1 << 21) + 12345;
    atomic_llong sum = 0;
    fs_set_num_threads(3);
    fs_parallel_for(chunks, add_up, &sum);
    EXPECT(atomic_load(&sum) == (long long)chunks * (chunks + 1) / 2);
}

/* Jobs on jobs: a helper that comes late must find its job gone, not half of the next. */
static void one_after_the_other(void) {
    const ptrdiff_t sizes[] = {2, 7, 3, 40};
    for (int i = 0; i < 20000; i++) {
        record r = {0};
        const ptrdiff_t chunks = sizes[i % 4];
        fs_set_num_threads(2 + i % 3);
        fs_parallel_for(chunks, note, &r);
        if (!each_once(&r, chunks)) FAIL("job %d of %td chunks", i, chunks);
    }
}

/* Holds its thread until a second one has come, for ten seconds at most: a helper is not waited for, so it must have time. */
static void meet(ptrdiff_t chunk, void *ctx) {
    static atomic_int arrived;
    note(chunk, ctx);
    atomic_fetch_add(&arrived, 1);
    for (int i = 0; i < 10000 && atomic_load(&arrived) < 2; i++) usleep(1000);
}

static void a_team_works(void) {
    record r = {0};
    fs_set_num_threads(2);
    fs_parallel_for(2, meet, &r);
    EXPECT(each_once(&r, 2));
    EXPECT(distinct_threads(&r, 2) == 2);
}

/* What a chunk starts runs on the thread that runs the chunk. */
typedef struct {
    record inner[8];
    atomic_int strangers;
} nest;

static void start_inner(ptrdiff_t chunk, void *ctx) {
    nest *n = ctx;
    fs_parallel_for(20, note, &n->inner[chunk]);
    for (int i = 0; i < 20; i++) {
        if (!pthread_equal(n->inner[chunk].by[i], pthread_self())) atomic_fetch_add(&n->strangers, 1);
    }
}

static void nested_is_serial(void) {
    nest n = {0};
    fs_set_num_threads(3);
    fs_parallel_for(8, start_inner, &n);
    for (int i = 0; i < 8; i++) EXPECT(each_once(&n.inner[i], 20));
    EXPECT(atomic_load(&n.strangers) == 0);
}

/* One thread holds the pool until the other has finished its own work, which it can only do alone. */
static atomic_int holding, finished;

static void hold(ptrdiff_t chunk, void *ctx) {
    (void)chunk, (void)ctx;
    atomic_store(&holding, 1);
    while (!atomic_load(&finished)) sched_yield();
}

static void *hold_pool(void *unused) {
    (void)unused;
    fs_parallel_for(2, hold, NULL);
    return NULL;
}

static void busy_pool_means_serial(void) {
    record r = {0};
    pthread_t holder;
    fs_set_num_threads(2);
    atomic_store(&holding, 0);
    atomic_store(&finished, 0);
    if (pthread_create(&holder, NULL, hold_pool, NULL)) exit(2);
    while (!atomic_load(&holding)) sched_yield();
    fs_parallel_for(50, note, &r);
    atomic_store(&finished, 1);
    pthread_join(holder, NULL);
    EXPECT(each_once(&r, 50));
    for (int i = 0; fs_has_openmp() && i < 50; i++) EXPECT(pthread_equal(r.by[i], pthread_self()));
}

static void number_of_threads(void) {
    fs_set_num_threads(0);
    EXPECT(fs_get_num_threads() == 1);
    fs_set_num_threads(-5);
    EXPECT(fs_get_num_threads() == 1);
    fs_set_num_threads(2);
    EXPECT(fs_get_num_threads() == 2);
#ifdef _OPENMP
    const int allowed = omp_get_max_threads();
    fs_set_num_threads(allowed + 5);
    EXPECT(fs_get_num_threads() == allowed);
    record r = {0};
    fs_parallel_for(MAX_CHUNKS, note, &r);
    EXPECT(omp_get_max_threads() == allowed);
    omp_set_num_threads(1); /* somebody else's limit is ours too */
    EXPECT(fs_get_num_threads() == 1);
    omp_set_num_threads(allowed);
#endif
}

#ifdef _OPENMP
static void inside_anothers_region(void) {
    record r[2] = {0};
    atomic_int strangers = 0;
    fs_set_num_threads(2);
#pragma omp parallel num_threads(2)
    {
        record *mine = &r[omp_get_thread_num()];
        fs_parallel_for(20, note, mine);
        for (int i = 0; i < 20; i++) {
            if (!pthread_equal(mine->by[i], pthread_self())) atomic_fetch_add(&strangers, 1);
        }
    }
    EXPECT(each_once(&r[0], 20));
    EXPECT(each_once(&r[1], 20));
    EXPECT(atomic_load(&strangers) == 0);
}
#endif

/* After a team has worked in the parent, the child works alone; a hang is ended by its alarm. */
static void forked_child_is_serial(void) {
    fs_set_num_threads(2);
    int status = 0;
    for (int i = 0; i < 5 && status == 0; i++) {
        record r = {0};
        fs_parallel_for(20, note, &r);
        const pid_t child = fork();
        if (child == 0) {
            record mine = {0};
            alarm(CHECK_HANG);
            fs_parallel_for(20, note, &mine);
            _exit(!(fs_get_num_threads() == 1 && each_once(&mine, 20) && distinct_threads(&mine, 20) == 1));
        }
        EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    }
    EXPECT(fs_get_num_threads() == 2);
}

/* A fork while another thread's region runs: the child must not think the pool busy for ever, nor wait for it. */
static void fork_while_busy(void) {
    pthread_t holder;
    int status = -1;
    fs_set_num_threads(2);
    atomic_store(&holding, 0);
    atomic_store(&finished, 0);
    if (pthread_create(&holder, NULL, hold_pool, NULL)) exit(2);
    while (!atomic_load(&holding)) sched_yield();
    const pid_t child = fork();
    if (child == 0) {
        record mine = {0};
        alarm(CHECK_HANG);
        fs_parallel_for(20, note, &mine);
        _exit(!each_once(&mine, 20));
    }
    EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    atomic_store(&finished, 1);
    pthread_join(holder, NULL);
}

const struct test tests_threads[] = {{"every chunk once", every_chunk_once},
                                     {"very many chunks", very_many_chunks},
                                     {"one after the other", one_after_the_other},
                                     {"a team works", a_team_works},
                                     {"nested is serial", nested_is_serial},
                                     {"busy pool", busy_pool_means_serial},
                                     {"number of threads", number_of_threads},
#ifdef _OPENMP
                                     {"inside another's region", inside_anothers_region},
#endif
                                     {"forked child", forked_child_is_serial},
                                     {"fork while busy", fork_while_busy},
                                     {NULL, NULL}};
