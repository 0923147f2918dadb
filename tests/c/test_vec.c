/* Register operations of the instruction set in force: vec_ops.c, compiled for each. */
#include "typed.h"

void FS_PASTE(FS(test_vec), _baseline)(void);
void FS_PASTE(FS(test_vec), _neon)(void);
void FS_PASTE(FS(test_vec), _avx2)(void);
void FS_PASTE(FS(test_vec), _avx512)(void);

static void operations(void) {
    switch (fs_isa_get()) {
#ifdef FS_HAVE_NEON
        case FS_NEON: FS_PASTE(FS(test_vec), _neon)(); break;
#endif
#ifdef FS_HAVE_AVX2
        case FS_AVX2: FS_PASTE(FS(test_vec), _avx2)(); break;
#endif
#ifdef FS_HAVE_AVX512
        case FS_AVX512: FS_PASTE(FS(test_vec), _avx512)(); break;
#endif
        default: FS_PASTE(FS(test_vec), _baseline)(); break;
    }
}

const struct test FS(tests_vec)[] = {{"operations", operations}, {NULL, NULL}};
