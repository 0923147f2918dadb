/* Everything threaded goes through fs_parallel_for: a pool of helpers that take chunks from a counter.
 *
 * The caller takes chunks as well, and when none is left waits only for helpers that are inside one. A helper that the
 * system has not let run in time is not waited for, so a busy machine costs a chunk at most: a team that meets at a barrier
 * (OpenMP's) would wait a time slice, a hundred times as long as the work. Helpers spin for a moment, because the next
 * call is usually near, then sleep.
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
    const int n = atomic_load(&team_size);
#ifdef _OPENMP
    const int allowed = omp_get_max_threads();
    return n < allowed ? n : allowed;
#elif defined(FS_POOL)
    return n;
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

enum { MAX_HELPERS = 255, SPINS = 20000, STACK = 1 << 20 };

/* The one job at a time. Its fields change only while it is closed and nobody is inside. */
static struct {
    fs_chunk_fn fn;
    void *ctx;
    ptrdiff_t chunks;
    int helpers; /* those with a smaller index may join */
} job;

/* Each on a cache line of its own: all are fought over. */
static _Alignas(64) atomic_ptrdiff_t next_chunk;
static _Alignas(64) atomic_uint open_job; /* the number of the job that may be joined; 0 while there is none */
static _Alignas(64) atomic_int inside;    /* helpers that may be in the job */
static _Alignas(64) atomic_int asleep;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static int started = 0; /* helpers that exist; touched under `busy` alone */

static void take_chunks(void) {
    for (;;) {
        const ptrdiff_t chunk = atomic_fetch_add(&next_chunk, 1);
        if (chunk >= job.chunks) return;
        job.fn(chunk, job.ctx);
    }
}

/* The number of a job other than `last`, once there is one. */
static unsigned wait_for_job(unsigned last) {
    for (int i = 0; i < SPINS; i++) {
        const unsigned now = atomic_load_explicit(&open_job, memory_order_acquire);
        if (now != 0 && now != last) return now;
        FS_PAUSE();
    }
    pthread_mutex_lock(&mutex);
    atomic_fetch_add(&asleep, 1); /* before the look: a job opened after it sees a sleeper to wake */
    unsigned now = atomic_load(&open_job);
    while (now == 0 || now == last) {
        pthread_cond_wait(&wake, &mutex);
        now = atomic_load(&open_job);
    }
    atomic_fetch_sub(&asleep, 1);
    pthread_mutex_unlock(&mutex);
    return now;
}

static void *help(void *index) {
    for (unsigned number = 0;;) {
        number = wait_for_job(number);
        atomic_fetch_add(&inside, 1); /* before the look: whoever closes the job after it waits for us */
        if (atomic_load(&open_job) == number && (int)(intptr_t)index < job.helpers) take_chunks();
        atomic_fetch_sub(&inside, 1);
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
    while (started < n && pthread_create(&thread, &attributes, help, (void *)(intptr_t)started) == 0) started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

static void run_team(int team, ptrdiff_t chunks, fs_chunk_fn fn, void *ctx) {
    static unsigned number = 0;
    start_helpers(team - 1);
    job.fn = fn;
    job.ctx = ctx;
    job.chunks = chunks;
    job.helpers = team - 1;
    atomic_store(&next_chunk, 0);
    if (++number == 0) number = 1;
    atomic_store(&open_job, number);
    if (atomic_load(&asleep) > 0) {
        pthread_mutex_lock(&mutex);
        pthread_cond_broadcast(&wake);
        pthread_mutex_unlock(&mutex);
    }
    take_chunks();
    atomic_store(&open_job, 0);
    for (int i = 0; atomic_load(&inside) > 0; i++) {
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
