"""`fastscratch resume`: go on with a training that was stopped."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..train import runs
from ..train.claim import claim
from ..train.log import Log
from ..train.settings import Settings
from .common import Out, add_json, describe, say_results
from .train import finish, start

_EXAMPLES = """examples:
  fastscratch resume runs/20260101-120000-cnn

The last checkpoint is of the batch at which Ctrl-C came, or of the end of an epoch; the result is that of a training that
was never stopped, to the same bits.
"""


def add(commands: Any) -> None:
    """The command's parser."""
    words = describe("Go on with a training that was stopped, to the same bits.", _EXAMPLES)
    parser = commands.add_parser("resume", help="go on with a training that was stopped", **words)
    parser.add_argument("folder", metavar="RUN", help="the run's folder")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Resume, and finish as `train` does."""
    folder, out = Path(arguments.folder), Out(arguments.json)
    settings = runs.settings_of(folder)
    with claim(folder):
        return _resume(folder, settings, out)


def _resume(folder: Path, settings: Settings, out: Out) -> int:
    runs.checkpoint(folder, "last")  # before data is read in vain
    session = start(settings)
    session.resume(folder)
    results = runs.results_of(folder)
    if results is not None and session.over:  # the test set has been read, and is read once
        out.say(f"finished   {folder}: nothing is left to train")
        say_results(out, results)
        out.give({"run": str(folder), **results})
        return 0
    out.log = Log(folder / "log.txt")
    out.say(f"data       {session.data_line()}")
    out.say(f"resuming   {folder} after {session.trainer.epoch} epochs and {session.trainer.step} batches")
    return finish(session, folder, out)
