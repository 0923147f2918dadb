"""``python -m examples [NAME ...] [--output FOLDER] [--quick]``: experiments, gathered in one page with their pictures."""

import argparse
import importlib
import platform
import time
from pathlib import Path

import numpy as np

import fastscratch as fs
from fastscratch.machine import processor
from fastscratch.names import unknown

from . import report
from .experiments import data

FOLDERS = {  # where each experiment is, in the order of the page
    "experiments": (
        *("optimizers", "learning_rate", "regularisation", "boundaries", "heads", "complexity", "initialisation"),
        *("losses", "ablation"),
        *("autoencoder_latent", "autoencoder_variants", "autoencoder_repair", "autoencoder_features"),
    ),
    "explicit": ("digits", "patterns", "motifs"),
}
MODULES = {name: f"examples.{folder}.{name}" for folder, names in FOLDERS.items() for name in names}
ABOUT = """
Made by `python -m examples --output docs`: nothing on this page is written by hand but the descriptions, which are the
programs' own. Seeds are fixed; accuracies and losses are of samples held out of the training set, and no test set is read.
"""


def where() -> str:
    """The machine, the versions and the day."""
    python, day = platform.python_version(), time.strftime("%Y-%m-%d")
    versions = f"Python {python}, NumPy {np.__version__}, fastscratch {fs.__version__}"
    return f"{processor()}, {fs.get_num_threads()} threads, {versions}, {day}."


def main() -> None:
    """Run what was asked for and write experiments.md with its pictures."""
    parser = argparse.ArgumentParser(prog="python -m examples", description="Run experiments and make a page of them.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(MODULES)}; all if not given")
    parser.add_argument("--output", metavar="FOLDER", default="runs/experiments", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: to see that it runs, not what comes out")
    wanted = parser.parse_args()
    for name in wanted.names:
        if name not in MODULES:
            parser.error(unknown("experiment", name, MODULES))
    folder = Path(wanted.output)
    folder.mkdir(parents=True, exist_ok=True)
    parts = ["# Experiments", " ".join(ABOUT.split()), f"{where()} Images: {data.images(1, 1).source}."]
    for name in wanted.names or MODULES:
        parts.append(report.section(importlib.import_module(MODULES[name]), folder, "experiments", quick=wanted.quick))
        print(parts[-1], end="\n\n", flush=True)
    (folder / "experiments.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
