/* Which instruction sets this build holds and this machine (processor and operating system) runs, and which is in force;
 * and which algorithm convolutions are asked to use.
 *
 * A kernel reads these many times, and tiles are packed for one instruction set: a change amid a kernel would read and write
 * out of bounds. So whoever runs kernels says when, and a change waits for those that have begun, and lets none begin. */
#include "cpu.h"
#include "fastscratch.h"

#include <stdatomic.h>
#if !defined(_WIN32)
#include <pthread.h>
#include <sched.h>
#endif

void fs_select_table_f32(int isa);
void fs_select_table_f64(int isa);

static int current = FS_BASELINE;
static int conv_algorithm = FS_AUTO;
static atomic_int running = 0, changing = 0;

static void wait_a_moment(void) {
#if !defined(_WIN32)
    sched_yield();
#endif
}

void fs_begin(void) {
    for (;;) {
        atomic_fetch_add(&running, 1); /* before the look at `changing`, as who changes looks at both the other way round */
        if (!atomic_load(&changing)) return;
        atomic_fetch_sub(&running, 1);
        while (atomic_load(&changing)) wait_a_moment();
    }
}

void fs_end(void) { atomic_fetch_sub(&running, 1); }

static void begin_change(void) {
    while (atomic_exchange(&changing, 1)) wait_a_moment();
    while (atomic_load(&running)) wait_a_moment();
}

static void end_change(void) { atomic_store(&changing, 0); }

#if !defined(_WIN32)
/* The child has none of the threads that ran kernels. */
static void forget_others(void) {
    atomic_store(&running, 0);
    atomic_store(&changing, 0);
}
#endif

void fs_dispatch_init(void) {
#if !defined(_WIN32)
    static atomic_flag done = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&done)) pthread_atfork(NULL, NULL, forget_others);
#endif
}

int fs_isa_built(int isa) {
    switch (isa) {
        case FS_BASELINE: return 1;
#ifdef FS_HAVE_AVX2
        case FS_AVX2: return 1;
#endif
#ifdef FS_HAVE_AVX512
        case FS_AVX512: return 1;
#endif
#ifdef FS_HAVE_NEON
        case FS_NEON: return 1;
#endif
        default: return 0;
    }
}

int fs_isa_available(int isa) {
    switch (isa) {
        case FS_BASELINE: return 1;
#ifdef FS_HAVE_AVX2
        case FS_AVX2: return runs_avx2();
#endif
#ifdef FS_HAVE_AVX512
        case FS_AVX512: return runs_avx512();
#endif
#ifdef FS_HAVE_NEON
        case FS_NEON: return 1; /* part of AArch64 */
#endif
        default: return 0;
    }
}

int fs_isa_best(void) {
    int best = FS_BASELINE;
    for (int isa = 0; isa < FS_ISA_COUNT; isa++) {
        if (fs_isa_available(isa)) best = isa;
    }
    return best;
}

int fs_isa_get(void) { return current; }

int fs_isa_set(int isa) {
    if (!fs_isa_available(isa)) return FS_EINVAL;
    begin_change();
    fs_select_table_f32(isa);
    fs_select_table_f64(isa);
    current = isa;
    end_change();
    return FS_OK;
}

int fs_conv_algorithm_get(void) { return conv_algorithm; }

int fs_conv_algorithm_set(int algorithm) {
    if (algorithm < 0 || algorithm >= FS_ALGORITHM_COUNT) return FS_EINVAL;
    begin_change();
    conv_algorithm = algorithm;
    end_change();
    return FS_OK;
}
