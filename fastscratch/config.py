"""What is in force, and why: for a person who asks, beside a result that is kept, and in the report of a fault."""

import importlib.util
import os
import platform
import sys
from typing import Any

import numpy as np

from . import backend
from .backend import threads
from .machine import processor

__all__ = ["show_config"]

EXTRAS = {
    "plot": ("matplotlib", "matplotlib"),
    "image": ("PIL", "pillow"),
    "tensorboard": ("tensorboardX", "tensorboardX"),
}
"""The module and the distribution that each optional extra brings."""


def environment() -> dict[str, Any]:
    """What a result may depend on, to be kept beside it."""
    from . import __version__

    return {
        "fastscratch": __version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "platform": platform.platform(),
        "processor": processor(),
        "backend": backend.name(),
        "instruction_set": backend.get_isa(),
        "threads": backend.get_num_threads(),
        "cpus": os.cpu_count(),
    }


def configuration() -> dict[str, Any]:
    """What show_config() tells, as values for a program."""
    return {
        **environment(),
        "backends": backend.available(),
        "build": backend.build(),
        "instruction_sets": backend.isas(),
        "instruction_set_why": _why_this_isa(),
        "threads_why": _why_so_many_threads(),
        "allocator": {"kind": _allocator(), **backend.memory_stats()},
        "extras": {extra: _found(*brought) for extra, brought in EXTRAS.items()},
    }


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Say what is in force and why: version, build, instruction sets, threads, allocator, optional extras.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        Print it, or return it.

    Returns
    -------
    dict or None
        None where it is printed.

    Raises
    ------
    ValueError
        For any other mode.

    Notes
    -----
    Loads none of the extras. The modes are those of ``numpy.show_config``; ``fastscratch info`` prints the same.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.show_config("dicts")["fastscratch"] == fs.__version__
    True
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f'mode must be "stdout" or "dicts", got {mode!r}')
    known = configuration()
    if mode == "dicts":
        return known
    print(told(known))
    return None


def told(known: dict[str, Any]) -> str:
    """A configuration in lines for a person."""
    build, memory = known["build"], known["allocator"]
    lines = {
        "fastscratch": f"{known['fastscratch']} in {os.path.dirname(__file__)}",
        "python": f"{known['python']}, NumPy {known['numpy']}",
        "platform": known["platform"],
        "processor": f"{known['processor']}, {known['cpus']} processors",
        "backend": f"{known['backend']} (available: {', '.join(known['backends'])})",
        "extension": f"not there: {build['missing']}" if "missing" in build else build["extension"],
    }
    if "missing" not in build:
        lines["built by"] = f"{build['compiler']}, {'with' if build['openmp'] else 'without'} OpenMP"
        built, running = _listed(build["instruction_sets"]), _listed(known["instruction_sets"])
        lines["instruction sets"] = f"{built}; running here: {running}"
        lines["in force"] = f"{known['instruction_set']}: {known['instruction_set_why']}"
    lines["threads"] = f"{known['threads']}: {known['threads_why']}"
    lines["allocator"] = f"{memory['kind']}; {memory['used'] >> 10} KiB in use, {memory['cached'] >> 10} KiB idle"
    lines["extras"] = ", ".join(f"{extra} ({found or 'not installed'})" for extra, found in known["extras"].items())
    return "\n".join(f"{name:<18}{value}" for name, value in lines.items())


def _listed(names: list[str]) -> str:
    return ", ".join(names)


def _why_this_isa() -> str | None:
    isas, isa = backend.isas(), backend.get_isa()
    if isa is None:
        return None
    if os.environ.get("FASTSCRATCH_ISA") == isa:
        return f"FASTSCRATCH_ISA={isa}"
    return "the widest that runs here" if isa == isas[-1] else "chosen by fastscratch.backend.use"


def _why_so_many_threads() -> str:
    return threads.why(backend.get_num_threads()) if "c" in backend.available() else "the extension is not there"


def _allocator() -> str:
    if "c" not in backend.available():
        return "NumPy's"
    cap = backend.memory_stats()["cap"]
    if cap == 0:
        return "blocks aligned to 64 bytes, given back at once (FASTSCRATCH_NO_CACHE)"
    return f"blocks aligned to 64 bytes, kept up to {cap >> 20} MiB"


def _found(module: str, distribution: str) -> str | None:
    """An optional library with its version, without loading it; None if it is not there."""
    from importlib.metadata import PackageNotFoundError, version  # 20 ms, which no import of the package is to wait

    if importlib.util.find_spec(module) is None:
        return None
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return distribution
