"""Where arrays are computed: the C kernels, their NumPy twins, or both against each other.

A kernel is a function of this module (``backend.matmul(a, b)``) that takes and returns NumPy arrays. Which
implementation answers is chosen once, by ``FASTSCRATCH_BACKEND`` (``c``, ``numpy`` or ``check``), and can be changed with
:func:`use`. Unset, it is ``c`` where the extension is there, else ``numpy`` with one warning.
"""

import os
import warnings
from collections.abc import Callable
from types import ModuleType, TracebackType
from typing import Any

from . import _numpy, algorithm, check, threads
from .parity import BackendMismatch

__all__ = [
    "BackendMismatch",
    "available",
    "get_conv_algorithm",
    "get_isa",
    "get_num_threads",
    "isas",
    "name",
    "set_conv_algorithm",
    "set_num_threads",
    "use",
]

_c: ModuleType | None
try:
    from . import _c  # type: ignore[attr-defined,no-redef]
except ImportError as error:
    _c = None
    _missing = error

Kernel = Callable[..., Any]

_NAMES = ("c", "numpy", "check")
_current = ""
_kernels: dict[str, Kernel] = {}  # of the backend in force, as they are
_wrap: Callable[[str, Kernel], Kernel] | None = None


class _Restore:
    """What use() returns: leaving it as a context manager puts back what was in force before."""

    def __init__(self, backend: str, isa: str | None) -> None:
        self._previous = (backend, isa)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        use(self._previous[0], isa=self._previous[1])


def _extension() -> ModuleType:
    if _c is None:
        raise ImportError(
            f"the C extension of fastscratch is not there ({_missing}); reinstall with a C compiler, "
            "or choose FASTSCRATCH_BACKEND=numpy"
        )
    missing = [kernel for kernel in _numpy.__all__ if not hasattr(_c, kernel)]
    if missing:
        raise ImportError(f"the C extension is older than the package: it has no {', '.join(missing)}; build it again")
    return _c


def use(backend: str, *, isa: str | None = None) -> _Restore:
    """Compute with this backend from now on, or inside a ``with``.

    Parameters
    ----------
    backend : {"c", "numpy", "check"}
        ``check`` runs kernel and twin side by side and raises :class:`BackendMismatch` at the first result that differs
        by more than the kernel's error bound.
    isa : {"baseline", "neon", "avx2", "avx512"}, optional
        The instruction set of the C kernels; the widest that this machine runs if not given.

    Raises
    ------
    ValueError
        For a name that is not one of these, or an instruction set that cannot run here.
    ImportError
        For ``c`` and ``check`` when the extension was not built.

    Examples
    --------
    >>> import fastscratch as fs
    >>> with fs.backend.use("numpy"):
    ...     fs.backend.name()
    'numpy'
    """
    global _current, _kernels  # noqa: PLW0603
    if backend not in _NAMES:
        raise ValueError(f"backend must be one of {', '.join(_NAMES)}, got {backend!r}")
    restore = _Restore(_current or backend, get_isa() if _c is not None else None)
    if backend == "numpy":
        _kernels = {kernel: getattr(_numpy, kernel) for kernel in _numpy.__all__}
    else:
        c = _extension()
        c.set_isa(isa or c.best_isa())
        _kernels = check.kernels(c, _numpy) if backend == "check" else {k: getattr(c, k) for k in _numpy.__all__}
    _bind()
    _current = backend
    return restore


def wrap_kernels(wrap: Callable[[str, Kernel], Kernel] | None) -> None:
    """Call each kernel as wrap(name, kernel) from now on, whatever backend is chosen; None: as it is, at no cost.

    The profiler's way in.
    """
    global _wrap  # noqa: PLW0603
    _wrap = wrap
    _bind()


def _bind() -> None:
    """Make the kernels functions of this module."""
    globals().update(_kernels if _wrap is None else {name: _wrap(name, kernel) for name, kernel in _kernels.items()})


def name() -> str:
    """The backend in force: "c", "numpy" or "check"."""
    return _current


def available() -> list[str]:
    """The backends that can be used here."""
    return ["numpy"] if _c is None else list(_NAMES)


def isas() -> list[str]:
    """The instruction sets that the extension holds and this machine runs, narrowest first."""
    return [] if _c is None else _c.isas_available()


def get_isa() -> str | None:
    """The instruction set in force; None without the extension."""
    return None if _c is None else _c.get_isa()


def compiler() -> str | None:
    """The compiler that built the extension; None without it."""
    return None if _c is None else _c.compiler()


def build() -> dict[str, Any]:
    """How the extension was built: ``extension`` (its file), ``compiler``, ``openmp``, ``instruction_sets`` that it holds,
    whether this machine runs them or not. Without it, ``missing`` says why it is not there.
    """
    if _c is None:
        return {"missing": str(_missing)}
    return {
        "extension": _c.__file__,
        "compiler": compiler(),
        "openmp": _c.has_openmp(),
        "instruction_sets": _c.isas_built(),
    }


def set_num_threads(n: int) -> None:
    """Let kernels use up to n threads. Results do not depend on n."""
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"the number of threads must be an int, got {type(n).__name__}")
    if n < 1:
        raise ValueError(f"the number of threads must be at least 1, got {n}")
    _ask_for_threads(n, f"set_num_threads({n})")


def _ask_for_threads(n: int, reason: str) -> None:
    if _c is not None:
        threads.asked = n, reason
        _c.set_num_threads(min(n, threads.MOST))


def get_num_threads() -> int:
    """How many threads a kernel would use at most; 1 without the extension and in a forked child."""
    return 1 if _c is None else _c.get_num_threads()


def set_conv_algorithm(name: str) -> None:
    """Convolve by this algorithm from now on.

    Parameters
    ----------
    name : {"auto", "direct", "winograd", "im2col"}
        ``im2col`` writes out the inputs of each output pixel and multiplies matrices; ``direct`` leaves the image where it
        is, and is im2col where a row of the filter holds few numbers, with dilation or with groups. ``winograd`` is
        F(4x4, 3x3), for float32, 3 x 3 filters, stride 1, any dilation, padding up to twice that, and any groups, forward
        and for both gradients; elsewhere, and for input that is not finite, it is direct. ``auto`` chooses by the shape
        alone, never by the number of threads.

    Raises
    ------
    ValueError
        For any other name.

    Notes
    -----
    Winograd's algorithm needs a quarter of the multiplications (36 where there were 144), and its rounding errors are
    larger: of an output, (C + 24) u times what the transforms make of |w| |x| around it, at most 256 times the sum
    over the window of the largest |w| |x|, where u is the unit roundoff, 6e-8. The NumPy backend has one algorithm and
    only remembers the name.

    References
    ----------
    A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.backend.set_conv_algorithm("direct")
    >>> fs.backend.get_conv_algorithm()
    'direct'
    >>> fs.backend.set_conv_algorithm("auto")
    """
    if name not in algorithm.NAMES:
        raise ValueError(f"the algorithm of convolutions must be one of {', '.join(algorithm.NAMES)}, got {name!r}")
    if _c is not None:
        _c.set_conv_algorithm(algorithm.NAMES.index(name))
    algorithm.asked = name


def get_conv_algorithm() -> str:
    """What set_conv_algorithm was last told; "auto" at first."""
    return algorithm.asked


def memory_stats() -> dict[str, int]:
    """State of the allocator behind the C kernels: bytes ``used``, ``cached`` (idle) and at the ``peak``; requests served
    from the cache (``hits``) or not (``misses``); ``cap`` on idle bytes, 0 with ``FASTSCRATCH_NO_CACHE=1``. All zeros
    without the extension.
    """
    names = ("used", "cached", "peak", "hits", "misses", "cap")
    return dict.fromkeys(names, 0) if _c is None else _c.memory_stats()


def empty_cache() -> None:
    """Give memory that lies idle in the allocator back to the system."""
    if _c is not None:
        _c.empty_cache()


def reset_peak_memory_stats() -> None:
    """Start the allocator's peak anew from what is in use now."""
    if _c is not None:
        _c.reset_peak_memory()


def take_memory_for_numpy() -> None:
    """Let NumPy take memory from the allocator in the context that this is called in, unless NumPy alone was asked for."""
    if _c is not None and _current != "numpy":
        _c.take_memory_for_numpy()


def tape_functions(*classes: Any) -> Any:
    """What tensor.py has in Python and the extension too; None without the extension or where NumPy was asked for."""
    return None if _c is None or _current == "numpy" else _c.tape_functions(*classes)


def parameter_functions() -> Any:
    """What gradients.py and optim/batch.py have in Python and the extension too; None as in tape_functions()."""
    return None if _c is None or _current == "numpy" else _c.parameter_functions()


def _start() -> None:
    """The backend that the environment asks for."""
    wanted = os.environ.get("FASTSCRATCH_BACKEND", "")
    if _c is not None:
        _ask_for_threads(*threads.default_threads())
        if os.environ.get("FASTSCRATCH_NO_CACHE", "0") not in ("", "0"):
            _c.set_cache_cap(0)
    if not wanted and _c is None:
        warnings.warn(
            f"fastscratch runs on NumPy alone, many times slower: its C extension is not there ({_missing})",
            RuntimeWarning,
            stacklevel=4,
        )
        wanted = "numpy"
    use(wanted or "c", isa=os.environ.get("FASTSCRATCH_ISA") or None)


def __getattr__(attribute: str) -> Any:
    # Only reached for a name that is not there; it tells type checkers that kernels are.
    raise AttributeError(f"fastscratch.backend has no kernel {attribute!r}")


_start()
