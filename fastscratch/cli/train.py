"""`fastscratch train`: a network from settings to results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import backend
from ..train import runs
from ..train.claim import claim
from ..train.log import Log
from ..train.session import Session
from ..train.settings import Settings, resolve
from .common import Out, add_json, computing, describe, say_results
from .options import add_options, given_settings

_EXAMPLES = """examples:
  fastscratch train                                  a small CNN on MNIST, or on digits drawn on the spot
  fastscratch train --model cnn-bn --epochs 3        another network, for less long
  fastscratch train --model my_networks:Deep         the class Deep of my_networks.py in this folder
  fastscratch train --optimizer sgd --lr 0.05 --schedule onecycle --weight-decay 5e-4
  fastscratch train settings.toml --seed 1           settings from a file; what the command line says goes first
  fastscratch train runs/FOLDER/config.toml          the training of a run, once more

A settings file has the options' names with underscores: batch_size = 32. Each run folder has one with all of them.
"""


def add(commands: Any) -> None:
    """The command's parser."""
    parser = commands.add_parser(
        "train",
        help="train a network",
        **describe("Train a network, choose its best epoch on a validation split, and test that once.", _EXAMPLES),
    )
    parser.add_argument("config", nargs="?", metavar="CONFIG.toml", help="settings from a file")
    add_options(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, test, and say where everything is."""
    settings = resolve(given_settings(arguments, arguments.config))
    out = Out(arguments.json)
    session = start(settings)
    lines = [
        f"data       {session.data_line()}",
        f"model      {settings.model}, {session.parameter_count():,} parameters",
        f"computing  {computing()}",
    ]
    name = settings.model.rpartition(":")[2]
    folder = runs.start_run(settings.runs, name, session.settings)
    with claim(folder):
        out.log = Log(folder / "log.txt")
        out.say("\n".join(lines))
        return finish(session, folder, out)


def start(settings: Settings, data: Any = None) -> Session:
    """The session of these settings, with their threads."""
    if settings.threads:
        backend.set_num_threads(settings.threads)
    return Session(settings, data)


def finish(session: Session, folder: Path, out: Out) -> int:
    """Train what is left, test, and say so."""
    session.fit(folder)
    if session.trainer.interrupted:
        out.say(f"stopped; go on with: fastscratch resume {folder}")
        return 130
    if session.stopping_reason:
        out.say(f"stopped early: {session.stopping_reason}")
    results = session.report(folder)
    say_results(out, results)
    out.say(f"run        {folder}")
    out.give({"run": str(folder), **results})
    return 0
