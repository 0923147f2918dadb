"""Wheels as users meet them: ``make matrix``.

    python -m reliability.matrix [GROUP...] [--tests FILE...] [--no-record]

From the source distribution alone, a wheel for every CPython to be had, with OpenMP's runtime inside; each is installed
into an empty environment with the oldest and the newest NumPy it can have, and passes the tests in an empty folder where
no compiler is to be found. Then the installs that have no working compiler, or no OpenMP, and the one that developers use.
A group is one CPython, or the installs; each is recorded when it ends, and stays there while the package is the same.
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
from .parts import fingerprint
from .pythons import Python, numpys, pythons
from .record import load, record, revision
from .workshop import Failure, Tested, Workshop

Row = dict[str, Any]
PROBE = """
import warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import fastscratch as fs
print(fs.backend.name(), *(str(warning.message) for warning in said))
"""
INSTALLS = "from source"
GROUPS = ("cp311", "cp312", "cp313", "cp314", "cp314t", "cp315", "cp315t", INSTALLS)
BUILT_BY_THE_WORKFLOW = ("manylinux on aarch64", "musllinux", "macOS", "Windows")
PACKAGE = ("setup.py", "pyproject.toml", "MANIFEST.in", "csrc", "fastscratch")
BUILD_LIMIT = 120  # seconds, on two cores that do nothing else
COMPILERS = {  # what is called instead of the compiler
    "a compiler that writes nothing": "exit 0",
    "a compiler that dies": "kill -SEGV $$",
    "a compiler without OpenMP": 'for word; do [ "$word" = -fopenmp ] && exit 1; done\nexec ${FASTSCRATCH_TEST_CC} "$@"',
}


class Matrix:
    """One group; ``only`` are the tests that are run, all by default."""

    def __init__(self, shop: Workshop, name: str, only: list[str]) -> None:
        self.shop = shop
        self.name = name
        self.only = only
        self.tested: dict[str, Tested] = {}  # by what is installed
        self.size = 0
        self.built = 0.0

    def run(self, python: Python) -> dict[str, Any]:
        """What is recorded of a group."""
        rows = list(self.installs(python) if self.name == INSTALLS else self.wheels(python))
        return {
            "package": fingerprint(PACKAGE),
            "python": python.version,
            "passed": sum(found.passed for found in self.tested.values()),
            "wheel": self.size,
            "build": round(self.built),
            "rows": rows,
        }

    def wheels(self, python: Python) -> Iterator[Row]:
        """A wheel for one CPython, and its tests on each NumPy."""
        made: list[tuple[Path, str]] = []
        yield self.row(f"wheel for {python.version}", lambda: self.build(python, made))
        for path, numpy in made:
            yield self.row(f"NumPy {numpy}", lambda path=path, numpy=numpy: self.use(python, path, numpy))

    def build(self, python: Python, made: list[tuple[Path, str]]) -> str:
        built, seconds = self.shop.wheel(python.path, python.tag)
        repaired = self.shop.repaired(built)
        wrong = wheel.faults(built, grafted=False) + wheel.faults(repaired, grafted=True)
        if seconds > BUILD_LIMIT:
            wrong.append(f"built in {seconds:.0f} s, more than {BUILD_LIMIT}")
        if wrong:
            raise Failure("; ".join(wrong))
        asked = self.shop.venv(python.path, f"numpys-{python.tag}")
        self.shop.install(asked, "--upgrade", "pip")  # older ones count what has no wheel
        made += [(repaired, numpy) for numpy in numpys(str(asked / "bin/python"))]
        self.size, self.built = repaired.stat().st_size, seconds
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
        seconds = round(time.monotonic() - start)
        print(f"{'ok  ' if ok else 'FAIL'} {self.name}, {name}: {result} ({seconds} s)", flush=True)
        about = {"date": time.strftime("%Y-%m-%d"), "revision": revision()}
        return {"group": self.name, "what": name, "ok": ok, "result": result, "seconds": seconds, **about}


def _fingerprint(venv: Path) -> str:
    """What is installed: the package's files, none if the install is editable, and the names and versions of the others."""
    (site,) = venv.glob("lib/python3*/site-packages")
    digest = hashlib.sha256("\n".join(sorted(path.name for path in site.glob("*.dist-info"))).encode())
    for path in sorted((site / "fastscratch").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(str(path.relative_to(site)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def save(groups: dict[str, Any]) -> None:
    """Write the record; it passed if nothing failed and every interpreter that is here was tried."""
    here = {python.tag for python in pythons()} | {INSTALLS}
    left = [name for name in GROUPS if name in here and name not in groups]
    known = [groups[name] for name in GROUPS if name in groups]
    rows = [row for group in known for row in group["rows"]]
    failures = sum(not row["ok"] for row in rows)
    counts = {
        "CPythons": ", ".join(dict.fromkeys(group["python"] for group in known)),
        "largest wheel, bytes": max(group["wheel"] for group in known),
        "slowest build, seconds": max(group["build"] for group in known),
        "tests passed, in all": sum(group["passed"] for group in known),
        "failures": failures,
    }
    for name in (*(name for name in GROUPS if name not in groups), *BUILT_BY_THE_WORKFLOW):
        rows.append({"group": name, "what": "", "ok": "", "result": "not yet run"})
    result = {"command": "make matrix", "ok": not failures and not left, "counts": counts, "rows": rows}
    result["seconds"] = sum(row.get("seconds", 0) for row in rows)
    if not failures:
        result["left"] = ", ".join(left)
    record("matrix", {**result, "groups": groups})


def main() -> int:
    """Do it all, or the groups that are asked for, and record it; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m reliability.matrix", description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"what is left by default: {', '.join(GROUPS)}")
    parser.add_argument("--tests", nargs="*", default=[], metavar="FILE", help="only these; not recorded")
    parser.add_argument("--no-record", action="store_true", help="print only")
    options = parser.parse_args()
    known = (load("matrix") or {}).get("groups", {})
    known = {name: group for name, group in known.items() if group["package"] == fingerprint(PACKAGE)}
    only_printed = options.no_record or options.tests
    here = {python.tag: python for python in pythons()}
    here[INSTALLS] = next(iter(here.values()))
    if unknown := sorted(set(options.groups) - set(here)):
        parser.error(f"no {unknown[0]!r} here, there are {', '.join(here)}")
    passed = {name for name, group in known.items() if all(row["ok"] for row in group["rows"])}
    wanted = [name for name in here if name in options.groups or not (options.groups or name in passed)]
    folder = Path(tempfile.mkdtemp(prefix="fastscratch-matrix-")).resolve()
    try:
        shop = Workshop(folder)
        for name in wanted:
            known[name] = Matrix(shop, name, options.tests).run(here[name])
            if not only_printed:
                save(known)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if all(row["ok"] for name in wanted for row in known[name]["rows"]) else 1


if __name__ == "__main__":
    sys.exit(main())
