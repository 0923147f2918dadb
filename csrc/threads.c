/* Everything threaded goes through fs_parallel_for. OpenMP inside where the compiler has it; otherwise serial.
 *
 * The team is a clause of the region (num_threads), so nobody else's OpenMP settings change. Work that arrives while the
 * pool is busy, or from inside a region, runs serially. A forked child runs with one thread: libgomp's pool did not
 * survive the fork, and entering it would hang.
 */
#include "fastscratch.h"

#include <stdatomic.h>

#ifdef _OPENMP
#include <omp.h>
#endif
#if !defined(_WIN32)
#include <pthread.h>
#endif

static atomic_int team_size = 1;
static atomic_flag busy = ATOMIC_FLAG_INIT;
static atomic_int forked = 0;

#if !defined(_WIN32)
static void child_is_serial(void) {
    atomic_store(&forked, 1);
    atomic_flag_clear(&busy);
}
#endif

void fs_threads_init(void) {
#if !defined(_WIN32)
    static atomic_flag done = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&done)) pthread_atfork(NULL, NULL, child_is_serial);
#endif
}

void fs_set_num_threads(int n) { atomic_store(&team_size, n < 1 ? 1 : n); }

int fs_get_num_threads(void) {
    if (atomic_load(&forked)) return 1;
    int n = atomic_load(&team_size);
#ifdef _OPENMP
    const int allowed = omp_get_max_threads();
    return n < allowed ? n : allowed;
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

static void run_serial(ptrdiff_t chunks, fs_chunk_fn fn, void *ctx) {
    for (ptrdiff_t i = 0; i < chunks; i++) fn(i, ctx);
}

void fs_parallel_for(ptrdiff_t chunks, fs_chunk_fn fn, void *ctx) {
#ifdef _OPENMP
    int team = fs_get_num_threads();
    if (team > chunks) team = (int)chunks;
    if (team > 1 && !omp_in_parallel() && !atomic_flag_test_and_set(&busy)) {
#pragma omp parallel for num_threads(team) schedule(static)
        for (ptrdiff_t i = 0; i < chunks; i++) fn(i, ctx);
        atomic_flag_clear(&busy);
        return;
    }
#endif
    run_serial(chunks, fn, ctx);
}
