# Instruction sets and threads: settings and their state. These have no twin.

cdef extern from "fastscratch.h" nogil:
    enum: FS_BASELINE, FS_NEON, FS_AVX2, FS_AVX512, FS_ISA_COUNT
    int fs_isa_built(int isa)
    int fs_isa_available(int isa)
    int fs_isa_best()
    int fs_isa_get()
    int fs_isa_set(int isa)
    int fs_conv_algorithm_set(int algorithm)
    void fs_set_num_threads(int n)
    int fs_get_num_threads()
    int fs_has_openmp()
    void fs_threads_init()
    void fs_dispatch_init()

cdef extern from *:
    """
    #if defined(__clang__)
    #define FS_COMPILER "Clang " __clang_version__
    #elif defined(__GNUC__)
    #define FS_COMPILER "GCC " __VERSION__
    #elif defined(_MSC_VER)
    #define FS_COMPILER "MSVC"
    #else
    #define FS_COMPILER "unknown"
    #endif
    """
    const char *FS_COMPILER

_ISA_NAMES = {FS_BASELINE: "baseline", FS_NEON: "neon", FS_AVX2: "avx2", FS_AVX512: "avx512"}

fs_threads_init()
fs_dispatch_init()
fs_isa_set(fs_isa_best())


def isas_built():
    """The instruction sets that this build holds, narrowest first."""
    return [_ISA_NAMES[i] for i in range(FS_ISA_COUNT) if fs_isa_built(i)]


def isas_available():
    """The instruction sets that this build holds and this machine runs, narrowest first."""
    return [_ISA_NAMES[i] for i in range(FS_ISA_COUNT) if fs_isa_available(i)]


def get_isa():
    """The instruction set in force."""
    return _ISA_NAMES[fs_isa_get()]


def set_isa(name):
    """Compute with this instruction set from now on; ValueError if it cannot run here."""
    for index, known in _ISA_NAMES.items():
        if known == name and fs_isa_set(index) == FS_OK:
            return
    raise ValueError(f"instruction set {name!r} is not available here; available: {', '.join(isas_available())}")


def best_isa():
    """The widest instruction set that this machine runs."""
    return _ISA_NAMES[fs_isa_best()]


def compiler():
    """The compiler that built this extension."""
    return FS_COMPILER.decode()


def set_conv_algorithm(int number):
    """Convolve by the algorithm of this number in backend.algorithm.NAMES from now on, where it applies."""
    raise_for(fs_conv_algorithm_set(number), "set_conv_algorithm")


def set_num_threads(int n):
    """Let kernels use up to n threads."""
    if n < 1:
        raise ValueError(f"the number of threads must be at least 1, got {n}")
    fs_set_num_threads(n)


def get_num_threads():
    """How many threads a kernel started now would use at most."""
    return fs_get_num_threads()


def has_openmp():
    """Was the extension built with OpenMP?"""
    return bool(fs_has_openmp())
