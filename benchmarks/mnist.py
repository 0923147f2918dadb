"""The README's rows on real MNIST: ``python -m benchmarks.mnist [--models mlp,cnn] [--json FILE]``.

Each row is one process of the command that it names, timed from start to end: import, reading the data, training with a
validation after each epoch, one look at the test set with the best epoch, pictures.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fastscratch.train.settings import resolve

from .timing import save, table


def run(model: str) -> dict[str, Any]:
    """Train one model by the command line, in a process of its own."""
    command = ["fastscratch", "train", "--model", model, "--data", "mnist"]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", *command, "--runs", folder], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        (made,) = Path(folder).iterdir()
        results = json.loads((made / "results.json").read_text())
    test = results["test"]
    shown = f"MSE {test['loss']:.5f}" if resolve({"model": model}).reconstruct else f"{test['accuracy']:.2%}"
    return {
        "command": f"`{' '.join(command)}`",
        "test": shown,
        "epochs": results["epochs"],
        "best epoch": results["best_epoch"],
        "seconds": seconds,
        "seconds per epoch": results["seconds"] / results["epochs"],
    }


def main() -> None:
    """Run every model's row and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mnist", description="The rows on real MNIST.")
    parser.add_argument("--models", default="mlp,cnn,cnn1d,autoencoder", help="with commas between")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    arguments = parser.parse_args()
    rows = [run(model) for model in arguments.models.split(",")]
    columns = {
        "command": "",
        "test": "",
        "epochs": "d",
        "best epoch": "d",
        "seconds": ".1f",
        "seconds per epoch": ".2f",
    }
    print(table(rows, columns))
    if arguments.json:
        save(arguments.json, rows)


if __name__ == "__main__":
    main()
