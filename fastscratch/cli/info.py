"""`fastscratch info`: what is in force."""

from __future__ import annotations

import argparse
from typing import Any

from .. import backend
from ..train import runs
from .common import Out, add_json, describe

_EXAMPLES = """examples:
  fastscratch info
  FASTSCRATCH_ISA=avx2 fastscratch info --json
"""


def add(commands: Any) -> None:
    """The command's parser."""
    words = describe("Say which version, backend, instruction sets and threads are in force.", _EXAMPLES)
    add_json(commands.add_parser("info", help="version, backend, instruction sets, threads", **words))


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    out = Out(arguments.json)
    known = {**runs.environment(), "backends": list(backend.available()), "available sets": list(backend.isas())}
    if not out.as_json:
        for name, value in known.items():
            shown = ", ".join(value) if isinstance(value, list) else value
            out.say(f"{name:<16} {shown or 'none: the extension is not built'}")
    out.give(known)
    return 0
