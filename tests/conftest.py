"""What every test shares: the backend and the thread count are left as they were found."""

import ctypes
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import fastscratch as fs

collect_ignore = ["reliability"]  # commands, some with libraries of their own


def loaded_openmp() -> Any:
    """The OpenMP runtime that the extension is linked to, for ctypes; None where there is none to be found."""
    if "c" not in fs.backend.available() or not fs.backend._c.has_openmp():
        return None
    library = ctypes.CDLL(fs.backend._c.__file__)
    return library if hasattr(library, "omp_set_num_threads") else None


OPENMP = loaded_openmp()


@pytest.fixture(autouse=True)
def _settings_restored() -> Iterator[None]:
    backend, isa, threads = fs.backend.name(), fs.backend.get_isa(), fs.get_num_threads()
    allowed = OPENMP.omp_get_max_threads() if OPENMP else None
    yield
    fs.backend.use(backend, isa=isa)
    if OPENMP:
        OPENMP.omp_set_num_threads(allowed)
    fs.set_num_threads(threads)


def use_threads(n: int) -> None:
    """Compute with n threads, also where OpenMP would allow fewer: on one processor, or as OMP_NUM_THREADS says."""
    if OPENMP:
        OPENMP.omp_set_num_threads(n)
    fs.set_num_threads(n)
    assert fs.get_num_threads() == n or sys.platform == "win32"


needs_extension = pytest.mark.skipif("c" not in fs.backend.available(), reason="the C extension is not built")
# Under AddressSanitizer its malloc serves every request of ours.
_sanitized = "libasan" in os.environ.get("LD_PRELOAD", "")
needs_malloc = pytest.mark.skipif(
    _sanitized, reason="AddressSanitizer keeps what is freed, and in a forked child the locks of other threads"
)
needs_cache = pytest.mark.skipif(_sanitized, reason="a sanitized build keeps no memory for the next step")
# What concerns the kernels alone is tested once, not for each backend.
on_kernels = pytest.mark.skipif(fs.backend.name() != "c", reason="tested on the c backend")
# Asked for NumPy alone when it was imported, the package leaves NumPy its own memory.
needs_our_memory = pytest.mark.skipif(fs.backend.name() == "numpy", reason="started on the NumPy backend")
