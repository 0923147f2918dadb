"""`fastscratch evaluate`: a run's best checkpoint on the test set."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..train import runs
from .common import Out, add_json, describe, say_results
from .train import start

_EXAMPLES = """examples:
  fastscratch evaluate runs/20260101-120000-cnn
  fastscratch evaluate runs/20260101-120000-cnn --data fashion_mnist   what it makes of other images
  fastscratch evaluate runs/20260101-120000-cnn --json > results.json
"""


def add(commands: Any) -> None:
    """The command's parser."""
    words = describe("Evaluate a checkpoint of a run on the test set.", _EXAMPLES)
    parser = commands.add_parser("evaluate", help="evaluate a run's best checkpoint on the test set", **words)
    parser.add_argument("folder", metavar="RUN", help="the run's folder")
    parser.add_argument("--data", metavar="NAME|FOLDER", help="another data set's test set instead of the run's own")
    parser.add_argument("--checkpoint", default="best", metavar="NAME", help="best (the default), last, epoch-0005 ...")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Load, test, and say."""
    folder, out = Path(arguments.folder), Out(arguments.json)
    settings = runs.settings_of(folder)
    path = runs.checkpoint(folder, arguments.checkpoint)
    if arguments.data:
        settings = replace(settings, data=arguments.data, samples=None)
    session = start(settings)
    out.say(f"data       {session.data_line()}")
    results = session.test(path)
    say_results(out, results)
    out.give({"run": str(folder), "checkpoint": arguments.checkpoint, "data": session.test_samples.name, **results})
    return 0
