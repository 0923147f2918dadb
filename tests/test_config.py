"""What is in force, and why: the same in Python and on the command line, and true."""

import json
import os
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import needs_extension
from test_processes import run_python

import fastscratch as fs
from fastscratch import config
from fastscratch.backend import threads
from fastscratch.cli import main

TOLD = "import fastscratch as fs; fs.show_config()"


def line(text: str, name: str) -> str:
    """What is said beside a name."""
    (found,) = [part for part in text.splitlines() if part.startswith(f"{name} ")]
    return found[len(name) :].strip()


def test_printed_and_returned(capsys: pytest.CaptureFixture[str]) -> None:
    assert fs.show_config() is None
    printed = capsys.readouterr().out
    known = fs.show_config("dicts")
    assert known is not None
    assert line(printed, "fastscratch").startswith(fs.__version__)
    assert line(printed, "backend").startswith(fs.backend.name())
    assert line(printed, "threads").startswith(f"{fs.get_num_threads()}: ")
    assert known["threads"] == fs.get_num_threads()
    assert json.loads(json.dumps(known)) == known
    with pytest.raises(ValueError, match='mode must be "stdout" or "dicts", got \'json\''):
        fs.show_config("json")


def test_the_command_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    def said() -> list[str]:
        return [part for part in capsys.readouterr().out.splitlines() if not part.startswith("allocator")]

    fs.show_config()
    shown = said()
    assert main(["info"]) == 0
    assert said() == shown
    assert main(["info", "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert set(known) == set(fs.show_config("dicts") or {})
    assert known["threads_why"] and known["extras"]


@needs_extension
def test_build_and_instruction_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTSCRATCH_ISA", raising=False)
    fs.backend.use("c")
    known = config.configuration()
    assert Path(known["build"]["extension"]).is_file()
    assert known["build"]["compiler"] == fs.backend.compiler()
    assert set(known["instruction_sets"]) <= set(known["build"]["instruction_sets"])
    assert known["instruction_set_why"] == "the widest that runs here"
    if len(known["instruction_sets"]) > 1:
        fs.backend.use("c", isa="baseline")
        assert config.configuration()["instruction_set_why"] == "chosen by fastscratch.backend.use"
    told = run_python(TOLD, FASTSCRATCH_ISA="baseline", FASTSCRATCH_NO_CACHE="1").stdout
    assert line(told, "in force") == "baseline: FASTSCRATCH_ISA=baseline"
    assert "given back at once" in line(told, "allocator")


@needs_extension
def test_why_so_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def why() -> str:
        return str(config.configuration()["threads_why"])

    fs.set_num_threads(1)
    assert why() == "set_num_threads(1)"
    monkeypatch.setattr(threads, "asked", (2, "cgroup quota of 1.5 processors"))
    assert why() == "no more can be had; 2 by cgroup quota of 1.5 processors"
    monkeypatch.setattr(threads, "_process", os.getpid() + 1)
    assert why() == "a forked child computes alone"
    assert line(run_python(TOLD, OMP_NUM_THREADS="1").stdout, "threads") == "1: OMP_NUM_THREADS=1"


def test_without_the_extension() -> None:
    hide = "import sys, warnings; warnings.simplefilter('ignore'); sys.modules['fastscratch.backend._c'] = None\n"
    done = run_python(hide + TOLD)
    assert line(done.stdout, "extension").startswith("not there: ")
    assert line(done.stdout, "backend") == "numpy (available: numpy)"
    assert line(done.stdout, "threads") == "1: the extension is not there"
    assert line(done.stdout, "allocator").startswith("NumPy's")


def test_extras_are_those_of_the_project_and_are_not_loaded() -> None:
    project = Path(__file__).parent.parent / "pyproject.toml"
    if project.exists():
        extras = tomllib.loads(project.read_text())["project"]["optional-dependencies"]
        assert set(config.EXTRAS) == set(extras) - {"test", "lint"}
        for extra, (_, distribution) in config.EXTRAS.items():
            assert any(needed.startswith(distribution) for needed in extras[extra])
    code = "import sys\n" + TOLD + "\nprint(*[m for m in ('matplotlib', 'PIL', 'tensorboardX') if m in sys.modules])"
    assert run_python(code).stdout.splitlines()[-1] == ""
    assert config._found("a_library_that_nobody_has", "nobody") is None
    assert config._found("fastscratch.config", "nobody") == "nobody"
    assert config._found("numpy", "numpy") == f"numpy {sys.modules['numpy'].__version__}"
