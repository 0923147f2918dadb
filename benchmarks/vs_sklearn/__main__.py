"""``python -m benchmarks.vs_sklearn [--match TEXT] [--json FILE] [--plot FOLDER]``: agreement, convergence, the spiral."""

import argparse
from pathlib import Path

import sklearn

from ..timing import save, table
from . import agreement, convergence, spiral

AGREEMENT = {
    "estimator": "", "data": "", "quantity": "", "difference": ".1e", "tolerance": ".0e", "agrees": "", "ours, ms": ",.1f",
    "sklearn, ms": ",.1f",
}  # fmt: skip
ACCURACIES = {"model": "", "fastscratch": "", "sklearn": ""}
DIFFERENCES = (
    "Same parameters, same data; the largest difference over the largest value. Times are single fits in one process, a"
    " hint: `python -m benchmarks estimators` compares speed."
)
SPIRAL = "Three classes of 500 points on the arms of a spiral; accuracy on 500 points that were held out."


def main() -> None:
    """Run what was asked for, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vs_sklearn", description=__doc__)
    parser.add_argument("--match", default="", help="only comparisons whose estimator or data has this in its name")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--plot", metavar="FOLDER", help="convergence and the spiral as vs_sklearn_*.png there")
    arguments = parser.parse_args()
    wanted = [c for c in agreement.comparisons() if arguments.match in f"{c.path} {c.data}"]
    rows = []
    for comparison in wanted:
        rows.append(comparison.run())
        print(
            f"{comparison.path}, {comparison.data}: {rows[-1]['difference']:.1e} of {comparison.tolerance:.0e}",
            flush=True,
        )
    spirals, models, data = spiral.spiral()
    text = f"{DIFFERENCES}\n\n{table(rows, AGREEMENT)}\n\n{SPIRAL}\n\n{table(spirals, ACCURACIES)}\n"
    print(text)
    found = {} if arguments.match else convergence.curves()
    if arguments.json:
        save(arguments.json, rows, sklearn=sklearn.__version__, spiral=spirals, convergence=found)
        Path(arguments.json).with_suffix(".md").write_text(text)
    if arguments.plot:
        folder = Path(arguments.plot)
        folder.mkdir(parents=True, exist_ok=True)
        spiral.draw(models, data, folder / "vs_sklearn_spiral.png")
        if found:
            convergence.draw(found, folder / "vs_sklearn_convergence.png")


if __name__ == "__main__":
    main()
