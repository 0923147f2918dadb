"""``make sanitize``: the whole test suite under AddressSanitizer and UndefinedBehaviorSanitizer, on every instruction set.

    python -m reliability.sanitize [--match TEXT...] [--minutes M] [--again]

A part is one file of tests on one instruction set, as "avx2 test_conv.py", or the kernels' own tests in C.
"""

import os
import re
import shutil
import subprocess
import sys

from fastscratch import backend

from .parts import Part, Parts, Sources, finished, group_of, what_of
from .record import ROOT

_BUILD = ROOT / "build" / "sanitize"
_LEFT_OUT = ("build", "dist", ".git", ".venv", "runs", "__pycache__", "*.so", "*.o", "*.egg-info", ".*_cache")
_TIMEOUT = 3600  # seconds for a test
_C_TESTS = "all the kernels in C"
_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "OMP_NUM_THREADS": "2",
    "OMP_WAIT_POLICY": "passive",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def sources() -> Sources:
    """By part, what its result depends on: of the tests, the file itself, those it imports, and what all of them share."""
    files = sorted((ROOT / "tests").glob("test_*.py"))
    shared = [f"tests/{path.name}" for path in (ROOT / "tests").glob("*.py") if path not in files]
    package = ("setup.py", "csrc", "fastscratch", "tests/cases", "tests/reliability", *sorted(shared))
    depends = {"doctests": package}
    for path in files:
        imported = re.findall(r"^ *from (test_\w+) import", path.read_text(encoding="utf-8"), re.MULTILINE)
        depends[path.name] = (*package, f"tests/{path.name}", *(f"tests/{name}.py" for name in imported))
    parts = {f"{isa} {name}": where for isa in backend.isas() for name, where in depends.items()}
    return parts | {_C_TESTS: ("csrc", "tests/c")}


def build() -> None:
    """A copy of everything, and the extension with both sanitizers in it; only what changed is compiled."""
    compiled = _BUILD.parent / "sanitize-objects"
    if (_BUILD / "build").is_dir():
        shutil.rmtree(compiled, ignore_errors=True)
        shutil.move(_BUILD / "build", compiled)
    shutil.rmtree(_BUILD, ignore_errors=True)
    shutil.copytree(ROOT, _BUILD, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
    if compiled.is_dir():
        shutil.move(compiled, _BUILD / "build")
    environment = {**os.environ, "FASTSCRATCH_SANITIZE": "1", "FASTSCRATCH_REQUIRE_EXT": "1"}
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, cwd=_BUILD, env=environment, check=True)


def run(name: str) -> Part:
    """One part."""
    environment = {**os.environ, **_OPTIONS}
    if name == _C_TESTS:
        return finished(["make", "-s", "-C", "tests/c", "run-sanitized"], _BUILD, environment)
    environment |= {"LD_PRELOAD": _preloaded(), "PYTHONPATH": str(_BUILD), "FASTSCRATCH_ISA": group_of(name)}
    where = "fastscratch" if what_of(name) == "doctests" else f"tests/{what_of(name)}"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "auto",
        "-p",
        "no:cacheprovider",
        "-o",
        f"timeout={_TIMEOUT}",
        where,
    ]
    return finished(command, _BUILD, environment)


def _preloaded() -> str:
    """The sanitizer's library, and C++'s, whose exceptions it must know before matplotlib throws one."""
    compiler = os.environ.get("CC", "cc").split()
    libraries = [[*compiler, f"-print-file-name={name}"] for name in ("libasan.so", "libstdc++.so.6")]
    return " ".join(subprocess.run(c, capture_output=True, text=True, check=True).stdout.strip() for c in libraries)


if __name__ == "__main__":
    sys.exit(Parts("sanitize", "instruction set", sources(), run).main(__doc__ or "", build))
