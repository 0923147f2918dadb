"""Wheels as users meet them: ``make matrix``.

From the source distribution alone, a wheel for every CPython to be had, with OpenMP's runtime inside; each is installed
into an empty environment with the oldest and the newest NumPy it can have, and passes the tests in an empty folder where
no compiler is to be found. Then the installs that have no working compiler, or no OpenMP, and the one that developers use.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import wheel
from .pythons import Python, numpys, pythons
from .record import record
from .workshop import Failure, Tested, Workshop

Row = dict[str, Any]
PROBE = """
import warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import fastscratch as fs
print(fs.backend.name(), *(str(warning.message) for warning in said))
"""
WANTED_PYTHONS = ("cp311", "cp312", "cp313", "cp314", "cp314t", "cp315", "cp315t")
BUILT_BY_THE_WORKFLOW = ("manylinux on aarch64", "musllinux", "macOS", "Windows")  # the workflow's
BUILD_LIMIT = 120  # seconds, on two cores that do nothing else
COMPILERS = {  # what is called instead of the compiler
    "a compiler that writes nothing": "exit 0",
    "a compiler that dies": "kill -SEGV $$",
    "a compiler without OpenMP": 'for word; do [ "$word" = -fopenmp ] && exit 1; done\nexec ${FASTSCRATCH_TEST_CC} "$@"',
}


class Matrix:
    """What is done, row by row; ``only`` are the tests that are run, all by default."""

    def __init__(self, shop: Workshop, only: list[str]) -> None:
        self.shop = shop
        self.only = only
        self.tested: dict[str, Tested] = {}  # by what is installed
        self.passed = 0
        self.sizes: list[int] = []
        self.builds: list[float] = []

    def rows(self, found: list[Python], installs: bool) -> Iterator[Row]:
        for python in found:
            yield from self.wheels(python)
        if installs:
            yield from self.installs(found[0])
        missing = [tag for tag in WANTED_PYTHONS if tag not in {python.tag for python in found}]
        for name in (*missing, *BUILT_BY_THE_WORKFLOW):
            yield {"what": name, "ok": "", "result": "not yet run", "seconds": ""}

    def wheels(self, python: Python) -> Iterator[Row]:
        """A wheel for one CPython, and its tests on each NumPy."""
        made: list[tuple[Path, str]] = []
        yield self.row(f"{python.tag}: wheel", lambda: self.build(python, made))
        for path, numpy in made:
            name = f"{python.tag} ({python.version}), NumPy {numpy}"
            yield self.row(name, lambda path=path, numpy=numpy: self.use(python, path, numpy))

    def build(self, python: Python, made: list[tuple[Path, str]]) -> str:
        built, seconds = self.shop.wheel(python.path, python.tag)
        repaired = self.shop.repaired(built)
        wrong = wheel.faults(built, grafted=False) + wheel.faults(repaired, grafted=True)
        if seconds > BUILD_LIMIT:
            wrong.append(f"built in {seconds:.0f} s, more than {BUILD_LIMIT}")
        if wrong:
            raise Failure("; ".join(wrong))
        made += [(repaired, numpy) for numpy in numpys(python.path)]
        self.sizes.append(repaired.stat().st_size)
        self.builds.append(seconds)
        platform = repaired.stem.split("-")[-1].split(".")[0]
        return f"{repaired.stat().st_size / 1e6:.2f} MB, {platform}, built in {seconds:.0f} s"

    def use(self, python: Python, made: Path, numpy: str) -> str:
        venv = self.shop.venv(python.path, f"use-{python.tag}-{numpy}")
        self.shop.install(venv, "--only-binary", ":all:", made, f"numpy=={numpy}", *self.shop.testing, alone=True)
        self.expect(self.shop.probe(venv, PROBE), "c")
        return self.test(venv, FASTSCRATCH_BACKEND="c")

    def installs(self, python: Python) -> Iterator[Row]:
        """From source, where something is missing."""
        yield self.row("no compiler", lambda: self.without(python, alone=True))
        yield self.row("CC=false", lambda: self.without(python, CC="false"))
        yield self.row("FASTSCRATCH_NO_EXT=1", lambda: self.without(python, FASTSCRATCH_NO_EXT="1"))
        for name, script in COMPILERS.items():
            expected = "c" if "OpenMP" in name else "numpy"
            settings = {"CC": str(self.compiler(script)), "FASTSCRATCH_TEST_CC": os.environ.get("CC", "cc")}
            yield self.row(name, lambda s=settings, e=expected: self.without(python, expected=e, **s))
        yield self.row("FASTSCRATCH_REQUIRE_EXT=1, CC=false", lambda: self.refused(python))
        yield self.row("pip install -e", lambda: self.editable(python))

    def without(self, python: Python, *, expected: str = "numpy", alone: bool = False, **settings: str) -> str:
        """Install from source; the package must come up on the backend that is left, with a word of why if it is NumPy."""
        venv = self.shop.venv(python.path, "without")
        self.shop.install(venv, self.shop.sdist, alone=alone, **settings)
        self.shop.install(venv, "--only-binary", ":all:", *self.shop.testing)
        self.expect(self.shop.probe(venv, PROBE), expected)
        return self.test(venv, FASTSCRATCH_BACKEND=expected)

    def refused(self, python: Python) -> str:
        venv = self.shop.venv(python.path, "refused")
        said = self.shop.install(venv, self.shop.sdist, fails=True, CC="false", FASTSCRATCH_REQUIRE_EXT="1")
        if "false" not in said or "error" not in said:
            raise Failure(f"the install failed without saying why:\n{said[-1000:]}")
        return "refused, as it should be"

    def editable(self, python: Python) -> str:
        venv, tree = self.shop.venv(python.path, "editable"), self.shop.unpacked("editable-tree")
        self.shop.install(venv, "-e", tree, *self.shop.testing, FASTSCRATCH_REQUIRE_EXT="1")
        place = self.shop.probe(venv, "import fastscratch as fs; print(fs.backend.name(), fs.__file__)")
        if place != f"c {tree / 'fastscratch/__init__.py'}":
            raise Failure(f"it came up as {place}")
        return self.test(venv, FASTSCRATCH_BACKEND="c")

    def expect(self, found: str, backend: str) -> None:
        """The backend that came up; NumPy's says why it is not the other."""
        name, _, said = found.partition(" ")
        if name != backend or (backend == "numpy") != bool(said):
            raise Failure(f"the package came up as {found!r}, not on the backend {backend}")

    def test(self, venv: Path, **settings: str) -> str:
        """The tests, unless the same files have passed them beside the same packages."""
        key = _fingerprint(venv)
        known = key in self.tested
        if not known:
            self.tested[key] = self.shop.test(venv, self.only, **settings)
        found = self.tested[key]
        if found.failed or not found.passed:
            raise Failure(f"{found}:\n{found.output[-3000:]}")
        self.passed += 0 if known else found.passed
        return f"{found}{', with the same files as above' if known else ''}"

    def compiler(self, script: str) -> Path:
        path = self.shop.folder / f"cc-{hashlib.sha256(script.encode()).hexdigest()[:8]}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def row(self, name: str, do: Callable[[], str]) -> Row:
        """Do one thing; a failure is told at length, and goes into the table in one line."""
        start = time.monotonic()
        try:
            result, ok = do(), True
        except (Failure, OSError, subprocess.SubprocessError) as failure:
            print(failure, file=sys.stderr, flush=True)
            result, ok = f"failed: {str(failure).splitlines()[0][:200]}", False
        row = {"what": name, "ok": ok, "result": result, "seconds": round(time.monotonic() - start)}
        print(f"{'ok  ' if ok else 'FAIL'} {name}: {result} ({row['seconds']} s)", flush=True)
        return row


def _fingerprint(venv: Path) -> str:
    """What is installed: the package's files, none if the install is editable, and the names and versions of the others."""
    (site,) = venv.glob("lib/python3*/site-packages")
    digest = hashlib.sha256("\n".join(sorted(path.name for path in site.glob("*.dist-info"))).encode())
    for path in sorted((site / "fastscratch").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(str(path.relative_to(site)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def main() -> int:
    """Do it all and record it; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m reliability.matrix", description=__doc__.splitlines()[0])
    parser.add_argument("--pythons", nargs="*", metavar="TAG", help="only these, as cp312")
    parser.add_argument(
        "--tests", nargs="*", default=[], metavar="FILE", help="only these tests, as tests/test_files.py"
    )
    parser.add_argument("--wheels-only", action="store_true", help="not the installs from source")
    parser.add_argument("--no-record", action="store_true", help="print only")
    options = parser.parse_args()
    found = [python for python in pythons() if not options.pythons or python.tag in options.pythons]
    start, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="fastscratch-matrix-")).resolve()
    try:
        matrix = Matrix(Workshop(folder), options.tests)
        rows = list(matrix.rows(found, not options.wheels_only))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    failures = sum(row["ok"] is False for row in rows)
    if not options.no_record:
        counts = {
            "CPythons": ", ".join(python.version for python in found),
            "largest wheel, bytes": max(matrix.sizes, default=0),
            "slowest build, seconds": round(max(matrix.builds, default=0)),
            "tests passed, in all": matrix.passed,
            "failures": failures,
        }
        command = " ".join(["python -m reliability.matrix", *sys.argv[1:]])
        seconds = time.monotonic() - start
        record("matrix", {"command": command, "ok": not failures, "seconds": seconds, "counts": counts, "rows": rows})
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
