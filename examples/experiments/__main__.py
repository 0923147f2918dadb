"""``python -m examples.experiments [--only NAMES] [--output FOLDER] [--quick]``: all of them, as one page."""

import importlib
import platform
import time
from pathlib import Path

import numpy as np

import fastscratch as fs
from fastscratch.train.runs import processor

from . import data, report

NAMES = (
    "optimizers",
    "learning_rate",
    "regularisation",
    "boundaries",
    "heads",
    "complexity",
    "initialisation",
    "losses",
    "ablation",
    "autoencoder_latent",
    "autoencoder_variants",
    "autoencoder_repair",
    "autoencoder_features",
)


def main() -> None:
    """Run what was asked for and write experiments.md with its pictures."""
    wanted = report.arguments(NAMES)
    folder = Path(wanted.output)
    folder.mkdir(parents=True, exist_ok=True)
    source = data.images(1, 1).source
    machine = (
        f"{processor()}, {fs.get_num_threads()} threads, Python {platform.python_version()}, NumPy {np.__version__}"
    )
    parts = [
        "# Experiments",
        "Made by `python -m examples.experiments --output docs`: nothing on this page is written by hand but the"
        " descriptions, which are the programs' own. Seeds are fixed; accuracies and losses are of samples held out of the"
        " training set, and no test set is read.",
        f"{machine}, fastscratch {fs.__version__}, {time.strftime('%Y-%m-%d')}. Images: {source}.",
    ]
    for name in wanted.only:
        module = importlib.import_module(f"{__package__}.{name}")
        parts.append(report.section(module, folder, "experiments", quick=wanted.quick))
        print(parts[-1], end="\n\n", flush=True)
    (folder / "experiments.md").write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
