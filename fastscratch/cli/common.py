"""What the commands share: the parser, what is printed where, run folders."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from .. import backend
from ..names import unknown


class UserError(ValueError):
    """A mistake of the caller's: one line, exit code 2."""


class Parser(argparse.ArgumentParser):
    """Answers a mistake with one line, and not with all the options before it; names the nearest option."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but for options that nobody knows."""
        known, rest = self.parse_known_args(args, namespace)
        if rest:
            command: Parser = self
            for name in (str(known.command), str(getattr(known, "verb", None))):
                command = command._commands().get(name, command)
            option = next((text for text in rest if text.startswith("-")), None)
            if option is None:
                command.error(f"unexpected argument: {rest[0]}")
            names = [name for action in command._actions for name in action.option_strings if name.startswith("--")]
            command.error(unknown("option", option.split("=")[0], names))
        return known

    def _commands(self) -> dict[str, Parser]:
        groups = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        return dict(groups[0].choices) if groups else {}

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            command = isinstance(action, argparse._SubParsersAction)
            told = unknown("command" if command else "value", value, action.choices)
            raise argparse.ArgumentError(None if command else action, told)


def describe(description: str, examples: str) -> dict[str, Any]:
    """Keyword arguments of a parser with examples below its options."""
    return {
        "description": description,
        "epilog": examples,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option --json."""
    parser.add_argument("--json", action="store_true", help="print the results as JSON, and all else to stderr")


class Out:
    """Where a command's words go: to stdout, or to stderr where stdout is for JSON; and to a log, if there is one."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.log: Any = None

    def say(self, text: str) -> None:
        """A line, or several, for a person."""
        print(text, file=sys.stderr if self.as_json else sys.stdout)
        if self.log is not None:
            self.log.write(text)

    def give(self, value: Any) -> None:
        """The results, for a program; nothing without --json."""
        if self.as_json:
            print(json.dumps(value, indent=2))


def png_path(text: str) -> Path:
    """Where a PNG goes; UserError for a name that says that it is something else."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise UserError(f"{path} must end in .png")
    return path


def computing() -> str:
    """What computes, in one line."""
    isa = backend.get_isa() if backend.name() != "numpy" else None
    return f"{backend.name()} backend{f' ({isa})' if isa else ''}, {backend.get_num_threads()} threads"


def confusion_table(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Rows are true classes, columns predicted ones."""
    short = [name[:6] for name in names]
    lines = ["confusion  (rows: true, columns: predicted)"]
    lines.append(" " * 8 + "".join(f"{name:>7}" for name in short))
    for name, row in zip(short, matrix, strict=True):
        lines.append(f"{name:>8}" + "".join(f"{count or '.':>7}" for count in row))
    return "\n".join(lines)


def say_results(out: Out, results: dict[str, Any]) -> None:
    """What the test set said."""
    if "confusion" in results:
        out.say(confusion_table(results["confusion"], results["classes"]))
    values = ", ".join(f"{k} {v:.5f}" for k, v in results["test"].items())
    out.say(f"test       {values} ({results['samples']:,} samples, best epoch {results['best_epoch']})")


def newest_run(root: Path, checkpoint: str = "best") -> Path:
    """The run folder in `root` whose checkpoint was written last."""
    found = list(root.glob(f"*/checkpoints/{checkpoint}.safetensors"))
    if not found:
        raise UserError(f"there is no trained run in {root}; train one (fastscratch train) or name one")
    return max(found, key=lambda path: path.stat().st_mtime).parent.parent
