"""What was found, as tables in Markdown; it needs no scikit-learn."""

from typing import Any

from ..timing import table

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
CONVERGENCE = "What is minimised against the seconds spent:"
COMMAND = "python -m benchmarks.vs_sklearn --json benchmarks/results/vs_sklearn.json --plot benchmarks/results"


def text(result: dict[str, Any]) -> str:
    """The machine and the versions, the tables, and the pictures where they lie beside them."""
    m = result["machine"]
    where = (
        f"{m['cpus']} cores of {m['processor']}, {m['instruction_set']}, {m['compiler']}, Python {m['python']},"
        f" NumPy {m['numpy']} ({m['numpy_blas']}), sklearn {result['sklearn']}; {m['date']}."
    )
    parts = [where, f"`{COMMAND}`", DIFFERENCES]
    parts += [table(result["rows"], AGREEMENT)] if result["rows"] else []
    parts += [SPIRAL, table(result["spiral"], ACCURACIES), "![The spiral](vs_sklearn_spiral.png)"]
    if result["convergence"]:
        parts += [CONVERGENCE, "![Convergence](vs_sklearn_convergence.png)"]
    return "\n\n".join(parts) + "\n"
