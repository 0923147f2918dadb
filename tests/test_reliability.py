"""The page of the long checks, and what is quick of them."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import needs_extension, on_kernels
from reliability import parsers, parts, soak
from reliability.record import CHECKS, DOCS, load, record, write_page
from test_processes import run_python

RESULT: dict[str, Any] = {
    "command": "make fuzz",
    "ok": True,
    "seconds": 12.345,
    "counts": {"executions": 1_000_000, "lines": "99 of 100"},
    "rows": [{"target": "a|b", "share": 0.5}],
}


def test_a_record_goes_into_its_file_and_onto_the_page(tmp_path: Path) -> None:
    record("fuzz", RESULT, tmp_path)
    stored = json.loads((tmp_path / "reliability" / "fuzz.json").read_text())
    assert stored["counts"] == RESULT["counts"]
    assert stored["seconds"] == 12.3
    assert {"processor", "instruction sets", "python", "numpy", "compiler"} <= stored["machine"].keys()
    page = (tmp_path / "reliability.md").read_text()
    assert "| `make fuzz` | passed |" in page
    assert "| executions | 1,000,000 |" in page
    assert "| a\\|b | 0.5 |" in page
    assert page.count("not yet run") == len(CHECKS) - 1
    record("fuzz", {**RESULT, "ok": False}, tmp_path)
    assert "| `make fuzz` | **failed** |" in (tmp_path / "reliability.md").read_text()
    record("fuzz", {**RESULT, "ok": False, "left": "the kernels"}, tmp_path)
    assert "| `make fuzz` | not finished; left: the kernels |" in (tmp_path / "reliability.md").read_text()


def test_a_record_that_says_too_little_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown check 'fuz': add it to CHECKS"):
        record("fuz", RESULT, tmp_path)
    with pytest.raises(ValueError, match="the result of fuzz lacks ok, seconds"):
        record("fuzz", {"command": "make fuzz", "counts": {}}, tmp_path)
    assert not (tmp_path / "reliability.md").exists()


def test_the_page_is_that_of_its_records(tmp_path: Path) -> None:
    if not DOCS.is_dir():
        pytest.skip("the page comes with the repository alone")
    (tmp_path / "reliability").mkdir()
    for name in CHECKS:
        if load(name) is not None:
            (tmp_path / "reliability" / f"{name}.json").write_text(json.dumps(load(name)))
    write_page(tmp_path)
    assert (tmp_path / "reliability.md").read_text() == (DOCS / "reliability.md").read_text()


def test_a_check_in_parts_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: dict[str, Any] = {}
    monkeypatch.setattr(parts, "ROOT", tmp_path)
    monkeypatch.setattr(parts, "load", stored.get)
    monkeypatch.setattr(parts, "record", stored.__setitem__)
    monkeypatch.setattr(sys, "argv", ["parts"])
    (tmp_path / "one.c").write_text("1")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "two.py").write_text("2")
    results = {"a one": True, "b one": True, "b two": False}

    def main() -> tuple[int, list[str]]:
        """The exit code, and which parts were run."""
        ran: list[str] = []

        def run(name: str) -> parts.Part:
            ran.append(name)
            return {"ok": results[name], "tests": 3, "skipped": 1, "seconds": 0.5, "said": "3 passed", "date": ""}

        parts.fingerprint.cache_clear()
        sources = {"a one": ("one.c",), "b one": ("one.c", "two"), "b two": ("two",)}
        return parts.Parts("fuzz", "on", sources, run).main(""), ran

    assert main() == (1, ["a one", "b one", "b two"])
    assert not stored["fuzz"]["ok"] and "left" not in stored["fuzz"]
    assert stored["fuzz"]["rows"][1] == {
        "on": "b", "parts passed": "1 of 2", "passed": 6, "skipped": 2, "failed parts": "two", "not yet run": "none"
    }  # fmt: skip
    results["b two"] = True
    assert main() == (0, ["b two"])
    assert stored["fuzz"]["ok"]
    (tmp_path / "two" / "two.py").write_text("3")
    monkeypatch.setattr(sys, "argv", ["parts", "--match", "b one"])
    assert main() == (0, ["b one"])
    assert not stored["fuzz"]["ok"] and stored["fuzz"]["left"] == "1 of 3 parts"
    monkeypatch.setattr(sys, "argv", ["parts"])
    assert main() == (0, ["b two"])


def test_a_part_says_how_many_passed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('== 12 passed, 3 skipped in 1 s ==')"]
    part = parts.finished(command, tmp_path, dict(os.environ))
    assert (part["ok"], part["tests"], part["skipped"], part["said"]) == (True, 12, 3, "12 passed, 3 skipped in 1 s")
    assert not parts.finished([sys.executable, "-c", "raise SystemExit(3)"], tmp_path, dict(os.environ))["ok"]


# ---- slices ----

needs_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="files in memory, forbidden pages and forks are Linux's"
)


@needs_linux
@on_kernels
@pytest.mark.parametrize("parser", parsers.PARSERS)
def test_the_corpus_reaches_nearly_every_line_of_a_parser(parser: str) -> None:
    inputs = parsers.corpus(parser)
    assert sum(map(len, inputs)) < 16_000
    _, reached = parsers.covering(parser, inputs)
    lines = parsers.lines_of(parser)
    assert len(reached) >= 0.95 * len(lines), sorted(lines - reached)


@needs_linux
@on_kernels
@pytest.mark.parametrize("parser", parsers.PARSERS)
def test_some_mutations_of_the_corpus(parser: str) -> None:
    """By chance alone, where `make fuzz` is guided by what it reaches."""
    rng, memory, inputs = random.Random(0), parsers.Memory(), parsers.corpus(parser)

    def blindly(data: bytes, size: int) -> bytes:
        changed = bytearray(data or b"x")
        changed[rng.randrange(len(changed))] = rng.randrange(256)
        return bytes(changed[:size])

    for seed in range(1000):
        content = parsers.MUTATIONS[parser](rng.choice(inputs), 4096, seed, blindly)
        parsers.CHECKS[parser](memory.hold(content), content)


@needs_linux
@on_kernels
@needs_extension
def test_some_arguments_of_kernels() -> None:
    """In a process of its own, which may end in a signal, and has no room for absurd arrays."""
    code = """
        import os, random, resource
        from reliability import arguments
        arguments.prepare()
        if "libasan" not in os.environ.get("LD_PRELOAD", ""):  # which takes all addresses there are
            taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 30),) * 2)
        rng = random.Random(0)
        for _ in range(500):
            arguments.check(rng.randbytes(96))
        print("done")
        """
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = run_python(code, timeout=200, PYTHONPATH=path)
    assert done.stdout.split() == ["done"], (done.returncode, done.stderr)


@needs_linux
@on_kernels
def test_a_training_that_is_killed_a_few_times() -> None:
    command = [sys.executable, "-m", "reliability.faults", "--quick", "--kills", "10", "--inside", "6"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^kills +10$", done.stdout, re.MULTILINE)


def test_what_grows_is_noticed() -> None:
    flat = [{"resident": 10 << 20, "in use": 1000, "files": 5, "threads": 1, "objects": 10_000} for _ in range(20)]
    assert soak.judged(flat)["ok"]
    for name, step in (("resident", 1 << 20), ("in use", 64), ("files", 1), ("threads", 1), ("objects", 50)):
        growing = [{**seen, name: seen[name] + step * i} for i, seen in enumerate(flat)]
        assert not soak.judged(growing)["ok"], name
    assert not soak.judged(flat[:5])["ok"]
