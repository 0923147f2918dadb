/* Everything threaded goes through fs_parallel_for: a pool of helpers that each take a share of the chunks.
 *
 * Shares are runs of neighbouring chunks, the same for every job of a size, so that a thread finds in its cache what it left
 * there; whoever has finished takes from the shares of the others. A helper that the system has not let run in time is not
 * waited for, so a busy machine costs a chunk at most: a team that meets at a barrier (OpenMP's) would wait a time slice, a
 * hundred times as long as the work. Helpers spin for a moment, because the next call is usually near, then sleep.
 *
 * A line of cache takes as long to change hands as a small product of matrices, where cores share no cache. So a job
 * crosses over in one line, its end in another, and what is counted is counted where it is used.
 *
 * OpenMP is asked one thing only: how many threads it would use, so that whoever limits it (OMP_NUM_THREADS, threadpoolctl)
 * limits us. Work that arrives while the pool is busy, or from inside a chunk, runs serially, and so does everything in a
 * forked child, where the helpers do not exist.
 */
#define _POSIX_C_SOURCE 200809L /* signals and yields, which -std=c11 hides */
#include "fastscratch.h"
#include "real.h"

#include <stdatomic.h>

#ifdef _OPENMP
#include <omp.h>
#endif
#if !defined(_WIN32)
#define FS_POOL
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#endif

static atomic_int team_size = 1;
static atomic_int forked = 0;
static atomic_flag busy = ATOMIC_FLAG_INIT;

void fs_set_num_threads(int n) { atomic_store(&team_size, n < 1 ? 1 : n); }

int fs_get_num_threads(void) {
    if (atomic_load(&forked)) return 1;
#ifdef _OPENMP
    const int n = atomic_load(&team_size), allowed = omp_get_max_threads();
    return n < allowed ? n : allowed;
#elif defined(FS_POOL)
    return atomic_load(&team_size);
#else
    return 1;
#endif
}

int fs_has_openmp(void) {
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

#ifdef FS_POOL

enum { MAX_HELPERS = 255, SPINS = 20000, STACK = 1 << 20, COUNT_BITS = 20 };

/* The job on offer; its number is 0 while it changes. Whoever reads it looks at the number before and after. */
static struct {
    _Alignas(128) _Atomic uint64_t number;
    _Atomic fs_chunk_fn fn;
    _Atomic(void *) ctx;
    atomic_ptrdiff_t chunks;
    atomic_int team;
} job;

/* One for each thread of the team, the caller's first. Both words are a job's number and, below it, a count. */
static struct seat {
    _Alignas(128) _Atomic uint64_t taken; /* units of this share, taken by anyone: each by one compare-and-swap */
    _Atomic uint64_t finished;            /* units of any share that this thread has finished */
} seats[MAX_HELPERS + 1];

static atomic_int asleep;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static int started = 0; /* helpers that exist; touched under `busy` alone */

typedef struct {
    uint64_t number;
    fs_chunk_fn fn;
    void *ctx;
    ptrdiff_t chunks;
    int team;
} task;

/* What is taken at a time: one chunk, unless there are more than can be counted. */
static ptrdiff_t grain_of(ptrdiff_t chunks) { return 1 + (chunks >> COUNT_BITS); }
static ptrdiff_t units_of(ptrdiff_t chunks) { return (chunks + grain_of(chunks) - 1) / grain_of(chunks); }

/* The next unit of a share, or -1. A job's number at a later one is a job that is over. */
static ptrdiff_t take(struct seat *seat, uint64_t number, ptrdiff_t share) {
    uint64_t now = atomic_load(&seat->taken);
    for (;;) {
        const uint64_t of = now >> COUNT_BITS, count = of == number ? now - (of << COUNT_BITS) : 0;
        if (of > number || (ptrdiff_t)count >= share) return -1;
        if (atomic_compare_exchange_weak(&seat->taken, &now, (number << COUNT_BITS) + count + 1)) return (ptrdiff_t)count;
    }
}

/* A thread's part in a job: its own share, then what is left of the others'. Returns the units it has finished.
 * A unit that was taken holds the job open, so what fn and ctx point to is there. */
static ptrdiff_t work(int me, const task *t, ptrdiff_t in_hand) {
    const ptrdiff_t grain = grain_of(t->chunks), units = units_of(t->chunks);
    ptrdiff_t finished = 0;
    for (int i = 0; i < t->team; i++) {
        const int owner = (me + i) % t->team;
        const ptrdiff_t first = units * owner / t->team, share = units * (owner + 1) / t->team - first;
        ptrdiff_t unit = i == 0 && in_hand >= 0 ? in_hand : take(&seats[owner], t->number, share);
        for (; unit >= 0; unit = take(&seats[owner], t->number, share)) {
            const ptrdiff_t start = (first + unit) * grain, end = start + grain < t->chunks ? start + grain : t->chunks;
            for (ptrdiff_t chunk = start; chunk < end; chunk++) t->fn(chunk, t->ctx);
            finished++;
        }
    }
    return finished;
}

/* The number of a job other than `last`, once there is one. */
static uint64_t wait_for_job(uint64_t last) {
    for (int i = 0; i < SPINS; i++) {
        const uint64_t now = atomic_load_explicit(&job.number, memory_order_acquire);
        if (now != 0 && now != last) return now;
        FS_PAUSE();
    }
    pthread_mutex_lock(&mutex);
    atomic_fetch_add(&asleep, 1);
    uint64_t now = atomic_load(&job.number);
    while (now == 0 || now == last) {
        pthread_cond_wait(&wake, &mutex);
        now = atomic_load(&job.number);
    }
    atomic_fetch_sub(&asleep, 1);
    pthread_mutex_unlock(&mutex);
    return now;
}

static void *help(void *index) {
    const int me = (int)(intptr_t)index;
    for (uint64_t last = 0;;) {
        task t = {.number = last = wait_for_job(last)};
        t.fn = atomic_load_explicit(&job.fn, memory_order_relaxed);
        t.ctx = atomic_load_explicit(&job.ctx, memory_order_relaxed);
        t.chunks = atomic_load_explicit(&job.chunks, memory_order_relaxed);
        t.team = atomic_load_explicit(&job.team, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&job.number, memory_order_relaxed) != t.number || me >= t.team) continue;
        const ptrdiff_t finished = work(me, &t, -1);
        if (finished > 0) atomic_store(&seats[me].finished, (t.number << COUNT_BITS) + (uint64_t)finished);
    }
    return NULL;
}

/* Have at least n helpers, or as many as the system gives. They take no signals: those are for the caller's threads. */
static void start_helpers(int n) {
    if (n > MAX_HELPERS) n = MAX_HELPERS;
    if (started >= n) return;
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    if (pthread_attr_init(&attributes) != 0) return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    while (started < n && pthread_create(&thread, &attributes, help, (void *)(intptr_t)(started + 1)) == 0) started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

/* The caller takes the first unit of its share beforehand, so that nothing holds it up from starting. */
static void offer(const task *t) {
    atomic_store_explicit(&job.number, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&job.fn, t->fn, memory_order_relaxed);
    atomic_store_explicit(&job.ctx, t->ctx, memory_order_relaxed);
    atomic_store_explicit(&job.chunks, t->chunks, memory_order_relaxed);
    atomic_store_explicit(&job.team, t->team, memory_order_relaxed);
    atomic_store_explicit(&seats[0].taken, (t->number << COUNT_BITS) + 1, memory_order_relaxed);
    atomic_store_explicit(&job.number, t->number, memory_order_release);
    /* Without a fence: a helper that is just lying down may miss this job, which is done without it. */
    if (atomic_load_explicit(&asleep, memory_order_relaxed) > 0) {
        pthread_mutex_lock(&mutex);
        pthread_cond_broadcast(&wake);
        pthread_mutex_unlock(&mutex);
    }
}

static ptrdiff_t finished_by_helpers(const task *t) {
    ptrdiff_t sum = 0;
    for (int i = 1; i < t->team; i++) {
        const uint64_t finished = atomic_load_explicit(&seats[i].finished, memory_order_acquire);
        if (finished >> COUNT_BITS == t->number) sum += (ptrdiff_t)(finished - (t->number << COUNT_BITS));
    }
    return sum;
}

static void run_team(int team, ptrdiff_t chunks, fs_chunk_fn fn, void *ctx) {
    static uint64_t number = 0;
    start_helpers(team - 1);
    const task t = {++number, fn, ctx, chunks, team - 1 < started ? team : started + 1};
    offer(&t);
    const ptrdiff_t missing = units_of(chunks) - work(0, &t, 0);
    for (int i = 0; finished_by_helpers(&t) < missing; i++) {
        if (i < SPINS) {
            FS_PAUSE();
        } else {
            sched_yield();
        }
    }
}

/* The helpers did not survive the fork, and neither did what they held. */
static void child_is_serial(void) {
    atomic_store(&forked, 1);
    atomic_flag_clear(&busy);
}

void fs_threads_init(void) {
    static atomic_flag done = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&done)) pthread_atfork(NULL, NULL, child_is_serial);
}

#else

static void run_team(int team, ptrdiff_t chunks, fs_chunk_fn fn, void *ctx) {
#ifdef _OPENMP
#pragma omp parallel for num_threads(team) schedule(static)
#endif
    for (ptrdiff_t i = 0; i < chunks; i++) fn(i, ctx);
    (void)team;
}

void fs_threads_init(void) {}

#endif

/* Somebody else's threads call us side by side: each alone is the better team. */
static int inside_region(void) {
#ifdef _OPENMP
    return omp_in_parallel();
#else
    return 0;
#endif
}

void fs_parallel_for(ptrdiff_t chunks, fs_chunk_fn fn, void *ctx) {
    int team = chunks > 1 && !inside_region() ? fs_get_num_threads() : 1;
    if (team > chunks) team = (int)chunks;
    if (team > 1 && !atomic_flag_test_and_set(&busy)) {
        run_team(team, chunks, fn, ctx);
        atomic_flag_clear(&busy);
        return;
    }
    for (ptrdiff_t i = 0; i < chunks; i++) fn(i, ctx);
}
