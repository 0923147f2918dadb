"""The README does what it says: its Python runs, its commands parse, the files that it names are there."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from fastscratch import cli

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def blocks(language: str) -> list[str]:
    if not README.exists():
        pytest.skip("not in a checkout")
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


def test_python_blocks_run(capsys: pytest.CaptureFixture[str]) -> None:
    scripts = [block for block in blocks("python") if not block.startswith(">>>")]
    assert scripts
    for script in scripts:
        exec(compile(script, str(README), "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert float(re.findall(r"loss ([\d.]+)", printed)[0]) < 1.5


def test_sessions_print_what_they_show() -> None:
    sessions = [block for block in blocks("python") if block.startswith(">>>")]
    assert sessions
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    for session in sessions:
        runner.run(parser.get_doctest(session, {}, "README", str(README), 0))
    assert runner.summarize(verbose=False).failed == 0


def test_commands_are_understood() -> None:
    text = "\n".join(blocks("")) if README.exists() else ""
    names = "train|resume|evaluate|predict|compare|plot|summary|info|data"
    commands = re.findall(rf"fastscratch ((?:{names})[^\n`&|]*)", README.read_text())
    assert commands and text
    for command in commands:
        cli._parser().parse_args(shlex.split(command.split("#")[0]))


def test_files_named_are_there() -> None:
    if not (ROOT / "csrc").is_dir():
        pytest.skip("not in a checkout")
    named = re.findall(r"`([\w./]+\.(?:md|py|toml|yml|c|h))`", README.read_text())
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
