"""`fastscratch info`: what is in force, and why."""

from __future__ import annotations

import argparse
from typing import Any

from ..config import configuration, told
from .common import Out, add_json, describe

_EXAMPLES = """examples:
  fastscratch info
  FASTSCRATCH_ISA=avx2 fastscratch info --json
"""


def add(commands: Any) -> None:
    """The command's parser."""
    words = describe("Say which version, build, instruction sets, threads and extras are in force, and why.", _EXAMPLES)
    add_json(commands.add_parser("info", help="version, build, instruction sets, threads", **words))


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    out = Out(arguments.json)
    known = configuration()
    if not out.as_json:
        out.say(told(known))
    out.give(known)
    return 0
