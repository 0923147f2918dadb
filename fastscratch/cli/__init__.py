"""The command `fastscratch`, one file per command: `add` describes it to argparse, `run` does it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..data.registry import DatasetNotFoundError
from ..files import FileFormatError
from ..train.trainer import NonFiniteLossError
from . import compare, data, evaluate, info, plot, predict, resume, summary, train
from .common import Parser, describe

_COMMANDS = (train, resume, evaluate, predict, compare, plot, summary, data, info)

_EXAMPLES = """examples:
  fastscratch train                              a small CNN on MNIST, or on digits drawn on the spot
  fastscratch train --model mlp --epochs 3       another network, for less long
  fastscratch train --data ~/my-digits           a folder with the four IDX files
  fastscratch resume runs/20260101-120000-cnn    go on with a training that was stopped
  fastscratch evaluate runs/20260101-120000-cnn  the best checkpoint of a run on the test set
  fastscratch predict photo.png                  what the newest network reads in a picture
  fastscratch compare grid.toml                  every combination of a few settings, in a table
  fastscratch plot runs/*                        curves of loss and accuracy

Each command has --help with examples of its own. Exit codes: 0, 2 for a mistake, 130 after Ctrl-C.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code.

    0, 1 if nobody reads the output any longer, 2 for a mistake of the caller's, 130 after Ctrl-C.
    """
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.do(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a full disk or a closed pipe is still answered
        return code
    except BrokenPipeError:  # `fastscratch info | head -1` is no mistake
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("fastscratch: interrupted", file=sys.stderr)
        return 130
    except (NonFiniteLossError, DatasetNotFoundError, FileFormatError, ValueError, OSError, ImportError) as error:
        if arguments.debug:
            raise
        print(f"fastscratch: error: {' '.join(_told(error).split())}", file=sys.stderr)
        return 2


def _told(error: Exception) -> str:
    """What an error says; of a file, without the number that the system has for it."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _parser() -> Parser:
    parser = Parser(prog="fastscratch", **describe("Train and use small networks on a CPU, fast.", _EXAMPLES))
    parser.add_argument("--version", action="version", version=f"fastscratch {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in _COMMANDS:
        module.add(commands)
    for name, command in commands.choices.items():
        command.set_defaults(do=next(module.run for module in _COMMANDS if module.__name__.endswith(f".{name}")))
        command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser
