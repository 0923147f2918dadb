"""``python -m examples.explicit [NAME ...] [--output FOLDER] [--quick]``: NAME.md and NAME.png of each."""

import argparse
import importlib
from pathlib import Path

from . import report

NAMES = ("digits", "patterns", "motifs")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m examples.explicit", description="Networks of nn.explicit at work.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(NAMES)}; all if not given")
    parser.add_argument("--output", metavar="FOLDER", default="runs/explicit", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: to see that it runs, not what comes out")
    wanted = parser.parse_args()
    unknown = [name for name in wanted.names if name not in NAMES]
    if unknown:
        parser.error(f"unknown example {unknown[0]!r}: known are {', '.join(NAMES)}")
    for name in wanted.names or NAMES:
        module = importlib.import_module(f"{__package__}.{name}")
        print(report.written(module, Path(wanted.output), quick=wanted.quick), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
