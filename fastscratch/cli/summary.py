"""`fastscratch summary`: what a network is made of."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import models
from ..summary import summary
from ..train import runs
from .common import Out, UserError, add_json, describe

_EXAMPLES = """examples:
  fastscratch summary cnn-bn
  fastscratch summary my_networks:Deep --shape 1,32,32
  fastscratch summary runs/20260101-120000-cnn
"""


def add(commands: Any) -> None:
    """The command's parser."""
    words = describe("A table of a network's layers: shapes, parameters, operations, memory.", _EXAMPLES)
    parser = commands.add_parser("summary", help="the layers of a network or of a run's", **words)
    parser.add_argument("model", metavar="MODEL|RUN", help=f"{', '.join(models.MODELS)}, module:Class, or a run folder")
    parser.add_argument("--shape", default="1,28,28", help="of one input, with commas between (default: 1,28,28)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Build the network, run it once, and print the table."""
    out = Out(arguments.json)
    name, dropout = arguments.model, None
    if Path(name).is_dir():
        settings = runs.settings_of(Path(name))
        name, dropout = settings.model, settings.dropout
    try:
        shape = [int(side) for side in arguments.shape.split(",")]
    except ValueError:
        raise UserError(f"--shape must be whole numbers with commas between, got {arguments.shape!r}") from None
    if min(shape) < 1:
        raise UserError(f"--shape must be of sides of at least 1, got {arguments.shape!r}")
    model = models.build(name, dropout=dropout)
    try:
        table = summary(model, (1, *shape))
    except (RuntimeError, IndexError, ValueError) as error:
        raise UserError(f"{name} does not take an input of shape {tuple(shape)}: {error}") from error
    if not out.as_json:
        out.say(f"{name}, one input of {tuple(shape)}\n{table}")
    totals = {"parameters": table.total_params, "flops": table.total_flops}
    out.give({"model": name, **totals, "layers": [asdict(layer) for layer in table.layers]})
    return 0
