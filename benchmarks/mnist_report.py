"""The README's section on real MNIST, made of benchmarks/results: ``python -m benchmarks.report`` writes it."""

import json
from pathlib import Path
from statistics import median
from typing import Any

from fastscratch.models import MODELS

from .mnist_grids import GRIDS
from .timing import table

Row = dict[str, Any]


def section(results: Path) -> str:
    """The tables of what is there, each under the command that made it."""
    parts = [_recipes, _grids, _ridge, _race]
    return "\n\n".join(filter(None, (part(results) for part in parts)))


def _read(path: Path) -> Row | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _told(result: Row) -> str:
    """Where and when."""
    machine = result["machine"]
    cores = f"{machine['threads']} threads on {machine['cpus']} cores of {machine['processor']}"
    return f"{cores}, {machine['instruction_set']}, {machine['date']}"


def _recipes(results: Path) -> str:
    """The networks by name, each with its recipe."""
    result = _read(results / "mnist.json")
    if result is None:
        return ""
    rows = []
    for row in result["rows"]:
        name = row["command"].split("--model ")[1].split()[0]
        network = (MODELS[name].__doc__ or "").splitlines()[0].rstrip(".")
        rows.append({"command": row["command"], "network": network, "test": row["test"].replace("%", " %")})
        rows[-1] |= {"epochs": row["epochs"], "seconds": row["seconds"]}
    columns = {"command": "", "network": "", "test": "", "epochs": "d", "seconds": ".1f"}
    return f"`python -m benchmarks.mnist`: {_told(result)}.\n\n{table(rows, columns)}"


def _grids(results: Path) -> str:
    """The grids of examples/mnist, a line each."""
    rows, told = [], ""
    for path in sorted(results.glob("mnist_*.json")):
        result, name = _read(path), path.stem.removeprefix("mnist_")
        assert result is not None
        told = told or _told(result)
        rows.append(
            _grid_row(name, result["rows"]) | {"command": f"[`{result['command']}`](benchmarks/results/{path.stem}.md)"}
        )
    if not rows:
        return ""
    columns = {"command": "", "what": "", "test accuracy": "", "epochs": "d", "longest, s": ".0f"}
    return f"`python -m benchmarks.mnist_grids`: {told}.\n\n{table(rows, columns)}"


def _grid_row(name: str, rows: list[Row]) -> Row:
    """What the grid's file says it is, and the median of its seeds or the best on the validation images."""
    what = (GRIDS / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").rstrip(".")
    done = [row for row in rows if not row["error"]]
    tests = [row["test_accuracy"] for row in done]
    if "seed" in rows[0]:
        shown = f"{median(tests):.2%} (median of {len(tests)} seeds)"
    else:
        best = max(done, key=lambda row: row["validation_accuracy"])
        shown = f"{best['test_accuracy']:.2%} ({best['run'].replace('_', ', ')})"
    longest = max(row["seconds"] for row in done)
    return {
        "what": what,
        "test accuracy": shown.replace("%", " %"),
        "epochs": max(row["trained_epochs"] for row in done),
        "longest, s": longest,
    }


def _ridge(results: Path) -> str:
    """Kernel ridge on all training images, by each solver."""
    rows, told = [], ""
    for path in sorted(results.glob("kernel_ridge_mnist*.json")):
        result = _read(path)
        assert result is not None
        told = told or _told(result)
        row = result["rows"][0]
        landmarks = row["n_components"]
        what = "the exact solution" if row["solver"] == "cholesky" else f"{landmarks:,} landmarks"
        if row["solver"] == "cg":
            what = f"{row['iterations']} iterations, preconditioned by {what}"
        rows.append(
            {"solver": f"[`{row['solver']}`](benchmarks/results/{path.name})", "how": what}
            | {"test": f"{row['test_accuracy']:.2%}".replace("%", " %"), "fit, s": row["fit_seconds"]}
            | {"predict, s": row["predict_seconds"], "GB": row["peak_bytes"] / 1e9}
        )
    if not rows:
        return ""
    columns = {"solver": "", "how": "", "test": "", "fit, s": ".0f", "predict, s": ".1f", "GB": ".1f"}
    head = "`python -m benchmarks.kernel_ridge_mnist`; others with its scale, width and penalty by `--solver`"
    return f"{head}: {told}.\n\n{table(rows, columns)}"


def _race(results: Path) -> str:
    """Seconds to an accuracy, beside PyTorch."""
    result = _read(results / "time_to_accuracy.json")
    if result is None:
        return ""
    columns = {"contestant": "", "threads": "d"}
    columns |= {
        key: ".1f" if key.endswith(", s") else ".2f" for key in result["rows"][0] if key.endswith((", s", "/ ours"))
    }
    return f"`python -m benchmarks.time_to_accuracy`: {_told(result)}.\n\n{table(result['rows'], columns)}"
