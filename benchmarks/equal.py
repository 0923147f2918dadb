"""Our kernels on a chosen instruction set, and NumPy held to the same.

NumPy and its BLAS choose theirs as they are imported, by what the environment says: so all starts anew in a process that
has been told.
"""

import os
import sys

from .timing import numpy_features

# The processor that OpenBLAS is to take this one for, and what NumPy may use beyond what it always does: the names are
# those of NumPy since 2.4, and before.
KNOWN = {
    "baseline": ("Nehalem", ()),
    "avx2": ("Haswell", ("X86_V3", "SSSE3", "SSE41", "POPCNT", "SSE42", "AVX", "F16C", "FMA3", "AVX2")),
}


def environment(isa: str, equal: bool) -> dict[str, str]:
    """What a process has to be told."""
    told = {"FASTSCRATCH_BACKEND": "c", "FASTSCRATCH_ISA": isa}
    if equal:
        processor, allowed = KNOWN[isa]
        told["OPENBLAS_CORETYPE"] = processor
        told["NPY_DISABLE_CPU_FEATURES"] = " ".join(name for name in numpy_features() if name not in allowed)
    return told


def start_anew(isa: str, equal: bool) -> None:
    """Run this program again as it was called, in that environment; return if it is in force already."""
    told = environment(isa, equal)
    told.pop("NPY_DISABLE_CPU_FEATURES", None)  # which reads otherwise once it is in force
    if any(os.environ.get(name) != value for name, value in told.items()):
        told = environment(isa, equal)
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], {**os.environ, **told})
