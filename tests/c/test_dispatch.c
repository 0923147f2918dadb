/* Instruction sets: which there are, and that the one asked for answers. */
#include "check.h"
#include "fastscratch.h"

#include "simd/kernels.h"

#include <pthread.h>
#include <stdatomic.h>

static void availability(void) {
    EXPECT(fs_isa_available(FS_BASELINE));
    EXPECT(!fs_isa_available(-1));
    EXPECT(!fs_isa_available(FS_ISA_COUNT));
    EXPECT(fs_isa_available(fs_isa_best()));
    EXPECT(!fs_isa_built(-1) && !fs_isa_built(FS_ISA_COUNT));
    for (int isa = 0; isa < FS_ISA_COUNT; isa++) EXPECT(fs_isa_built(isa) || !fs_isa_available(isa));
    for (int isa = fs_isa_best() + 1; isa < FS_ISA_COUNT; isa++) EXPECT(!fs_isa_available(isa));
}

static void choice(void) {
    const struct FS(kernels) * seen[FS_ISA_COUNT] = {0};
    const int before = fs_isa_get();
    for (int isa = 0; isa < FS_ISA_COUNT; isa++) {
        if (!fs_isa_available(isa)) continue;
        EXPECT(fs_isa_set(isa) == FS_OK);
        EXPECT(fs_isa_get() == isa);
        seen[isa] = FS(simd);
        for (int other = 0; other < isa; other++) EXPECT(seen[other] != seen[isa]);
    }
    EXPECT(fs_isa_set(before) == FS_OK);
    EXPECT(FS(simd) == seen[before]);
}

static void refusal(void) {
    const int before = fs_isa_get();
    const struct FS(kernels) *table = FS(simd);
    for (int isa = -1; isa <= FS_ISA_COUNT; isa++) {
        if (fs_isa_available(isa)) continue;
        EXPECT(fs_isa_set(isa) == FS_EINVAL);
        EXPECT(fs_isa_get() == before);
        EXPECT(FS(simd) == table);
    }
}

/* A table without holes, whose tile fits the arrays of gemm.c. */
static void tables(void) {
    const int before = fs_isa_get();
    for (int isa = 0; isa < FS_ISA_COUNT; isa++) {
        if (fs_isa_set(isa) != FS_OK) continue;
        EXPECT(FS(simd)->gemm_mr > 0 && FS(simd)->gemm_nr > 0);
#define FS_KERNEL(name, arguments) EXPECT(FS(simd)->name != NULL);
#include "kernels.def"
#undef FS_KERNEL
    }
    fs_isa_set(before);
}

static atomic_int stop, moved;

/* Looks at all that can be changed, twice within one stretch of kernels. */
static void *looks(void *arg) {
    (void)arg;
    while (!atomic_load(&stop)) {
        fs_begin();
        const struct FS(kernels) *table = FS(simd);
        const int isa = fs_isa_get(), algorithm = fs_conv_algorithm_get();
        for (volatile int i = 0; i < 200; i++) continue;
        if (table != FS(simd) || isa != fs_isa_get() || algorithm != fs_conv_algorithm_get()) atomic_store(&moved, 1);
        fs_end();
    }
    return NULL;
}

static void changes_wait_for_kernels(void) {
    const int before = fs_isa_get();
    pthread_t threads[2];
    atomic_store(&stop, 0);
    for (int i = 0; i < 2; i++) EXPECT(pthread_create(&threads[i], NULL, looks, NULL) == 0);
    for (int i = 0; i < 2000; i++) {
        EXPECT(fs_isa_set(i % 2 ? FS_BASELINE : fs_isa_best()) == FS_OK);
        EXPECT(fs_conv_algorithm_set(i % FS_ALGORITHM_COUNT) == FS_OK);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    EXPECT(!atomic_load(&moved));
    EXPECT(fs_isa_set(before) == FS_OK && fs_conv_algorithm_set(FS_AUTO) == FS_OK);
}

const struct test tests_dispatch[] = {{"availability", availability},
                                      {"choice", choice},
                                      {"refusal", refusal},
                                      {"tables", tables},
                                      {"changes wait for kernels", changes_wait_for_kernels},
                                      {NULL, NULL}};
