"""``python -m benchmarks.vs_sklearn [--match TEXT] [--json FILE] [--plot FOLDER]``: agreement, convergence, the spiral."""

import argparse
from pathlib import Path

import sklearn

from ..timing import machine, save
from . import agreement, convergence, shown, spiral


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
    found = {} if arguments.match else convergence.curves()
    learnt = {"sklearn": sklearn.__version__, "spiral": spirals, "convergence": found}
    text = shown.text({"machine": machine(), "rows": rows, **learnt})
    print(text)
    if arguments.json:
        save(arguments.json, rows, **learnt)
        Path(arguments.json).with_suffix(".md").write_text(text, encoding="utf-8")
    if arguments.plot:
        folder = Path(arguments.plot)
        folder.mkdir(parents=True, exist_ok=True)
        spiral.draw(models, data, folder / "vs_sklearn_spiral.png")
        if found:
            convergence.draw(found, folder / "vs_sklearn_convergence.png")


if __name__ == "__main__":
    main()
