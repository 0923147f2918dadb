"""``make sanitize``: the whole test suite under AddressSanitizer and UndefinedBehaviorSanitizer, on every instruction set.

    python -m reliability.sanitize [--isa NAME]... [--match TEXT] [--minutes M] [--again]

A part is one file of tests on one instruction set, or the kernels' own tests in C. What passed is kept with the record and
not run again until a source changes, so the command may be stopped at any time, or told to stop, and goes on where it was.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from typing import Any

from fastscratch import backend

from .record import ROOT, load, record

_BUILD = ROOT / "build" / "sanitize"
_LEFT_OUT = ("build", "dist", ".git", ".venv", "runs", "__pycache__", "*.so", "*.o", "*.egg-info", ".*_cache")
_SOURCES = ("csrc", "fastscratch", "tests")
_TIMEOUT = 3600  # seconds for a part
_C_TESTS = "the kernels in C"
_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "OMP_NUM_THREADS": "2",
    "OMP_WAIT_POLICY": "passive",
    "PYTHONDONTWRITEBYTECODE": "1",
}

Part = dict[str, Any]


def main() -> int:
    """Run what is left, part by part; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="reliability.sanitize", description=__doc__)
    parser.add_argument("--isa", action="append", choices=backend.isas(), help="only this one; may be given twice")
    parser.add_argument("--match", default="", help="only parts whose name has this in it")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no part after so many")
    parser.add_argument("--again", action="store_true", help="what passed as well")
    arguments = parser.parse_args()
    start, sources = time.perf_counter(), fingerprint()
    known = load("sanitize") or {}
    parts: dict[str, Part] = known.get("parts", {}) if known.get("sources") == sources else {}
    names = all_parts()
    wanted = [name for name in names if arguments.match in name and _isa(name) in (arguments.isa or [_isa(name)])]
    left = [name for name in wanted if arguments.again or not parts.get(name, {}).get("ok")]
    if left:
        build()
    for name in left:
        if time.perf_counter() - start > 60 * arguments.minutes:
            break
        parts[name] = run(name)
        print(f"{name:<50} {parts[name]['said']}", flush=True)
        save(names, parts, sources)
    failed = [name for name in wanted if name in parts and not parts[name]["ok"]]
    print(f"{sum(name in parts for name in names)} of {len(names)} parts run, {len(failed)} failed")
    return 1 if failed else 0


def fingerprint() -> str:
    """Of everything that a result depends on."""
    found = hashlib.sha256()
    for path in sorted(path for folder in _SOURCES for path in (ROOT / folder).rglob("*")):
        if (
            path.suffix in (".c", ".h", ".def", ".py", ".pyx", ".pxi")
            and path.name != "_c.c"
            and "build" not in path.parts
        ):
            found.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return found.hexdigest()


def all_parts() -> list[str]:
    """Their names: "avx2 test_conv.py", and what is run once for all instruction sets."""
    files = sorted(path.name for path in (ROOT / "tests").glob("test_*.py"))
    return [f"{isa} {name}" for isa in backend.isas() for name in (*files, "doctests")] + [f"all {_C_TESTS}"]


def _isa(name: str) -> str:
    return name.split(" ", 1)[0]


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
    """One part: whether it passed, how many tests there were, and the last line of what it said."""
    isa, what = name.split(" ", 1)
    environment = {**os.environ, **_OPTIONS}
    command = ["make", "-s", "-C", "tests/c", "run-sanitized"]
    if what != _C_TESTS:
        compiler = os.environ.get("CC", "cc").split()
        library = subprocess.run([*compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
        environment |= {"LD_PRELOAD": library.stdout.strip(), "PYTHONPATH": str(_BUILD), "FASTSCRATCH_ISA": isa}
        where = "fastscratch" if what == "doctests" else f"tests/{what}"
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", f"timeout={_TIMEOUT}", where]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=_BUILD, env=environment, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.strip()] or ["nothing said"]
    if done.returncode:
        print("\n".join(lines[-40:]), done.stderr[-6000:], sep="\n", flush=True)
    passed = re.search(r"(\d+) passed", lines[-1])
    skipped = re.search(r"(\d+) skipped", lines[-1])
    return {
        "ok": done.returncode == 0,
        "tests": int(passed[1]) if passed else 0,
        "skipped": int(skipped[1]) if skipped else 0,
        "seconds": round(time.perf_counter() - start, 1),
        "said": re.sub(r"^=+ | =+$", "", lines[-1])[:200],
        "date": time.strftime("%Y-%m-%d"),
    }


def save(names: list[str], parts: dict[str, Part], sources: str) -> None:
    """The record: a row for each instruction set, a part for each file."""
    rows = []
    for isa in dict.fromkeys(_isa(name) for name in names):
        own = [name for name in names if _isa(name) == isa]
        found = [parts[name] for name in own if name in parts]
        rows.append(
            {
                "instruction set": isa if isa != "all" else f"all: {_C_TESTS}",
                "parts passed": f"{sum(part['ok'] for part in found)} of {len(own)}",
                "tests passed": sum(part["tests"] for part in found),
                "skipped": sum(part["skipped"] for part in found),
                "failed parts": ", ".join(n.split(" ", 1)[1] for n in own if n in parts and not parts[n]["ok"])
                or "none",
            }
        )
    seconds = sum(part["seconds"] for part in parts.values())
    counts = {"parts": len(names), "parts run": len(parts), "parts passed": sum(p["ok"] for p in parts.values())}
    ok = counts["parts passed"] == len(names)
    left = f"{len(names) - len(parts)} of {len(names)} parts" if counts["parts passed"] == len(parts) else ""
    result = {"command": "make sanitize", "ok": ok, "left": left, "seconds": seconds, "counts": counts, "rows": rows}
    record("sanitize", {**result, "sources": sources, "parts": parts})


if __name__ == "__main__":
    sys.exit(main())
