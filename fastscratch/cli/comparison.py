"""What came of a grid of trainings: rows, a Markdown table, CSV."""

from __future__ import annotations

import csv
import statistics
from pathlib import Path
from typing import Any

from ..files import atomic_write
from ..train import runs
from ..train.grid import FAILED, Cell

Row = dict[str, Any]


def finished_row(cell: Cell, folder: Path) -> Row:
    """A training's values of the grid, and its results."""
    row: Row = {"run": cell.name, **cell.values, "error": ""}
    results = runs.results_of(folder)
    if results is None:
        return row | {"error": (folder / FAILED).read_text(encoding="utf-8").strip()}
    for part in ("validation", "test"):
        row |= {f"{part}_{name}": value for name, value in results[part].items()}
    row |= {key: results[key] for key in ("best_epoch", "seconds")}
    return row | {"trained_epochs": results["epochs"]}


def write_csv(path: Path, rows: list[Row]) -> None:
    """All rows, with every column that one of them has."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with atomic_write(path, "w") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


def markdown(rows: list[Row]) -> str:
    """A table of all trainings, the best on the validation samples in bold; and one of two axes where the grid has two."""
    keys = list(rows[0])
    axes = keys[1 : keys.index("error")]
    kind = "accuracy" if all("test_accuracy" in row for row in rows if not row["error"]) else "loss"
    done = [row for row in rows if not row["error"]]
    sign = -1 if kind == "accuracy" else 1
    best = min(done, key=lambda row: sign * row[f"validation_{kind}"], default=None)
    head = [*axes, f"validation {kind}", f"test {kind}", "best epoch", "epochs", "seconds"]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        cells = [str(row[axis]) for axis in axes]
        if row["error"]:
            cells += ["failed", row["error"].replace("|", "/"), "", "", ""]
        else:
            cells += [_shown(row[f"{part}_{kind}"], kind) for part in ("validation", "test")]
            cells += [str(row["best_epoch"]), str(row["trained_epochs"]), f"{row['seconds']:.1f}"]
        lines.append(_line([f"**{text}**" if row is best and text else text for text in cells]))
    crossed = [axis for axis in axes if axis != "seed"]
    if len(crossed) == 2 and all(len({row[axis] for row in rows}) > 1 for axis in crossed):
        lines += ["", _pivot(done, crossed[0], crossed[1], kind)]
    return "\n".join(lines)


def _pivot(rows: list[Row], down: str, across: str, kind: str) -> str:
    """The test result and the best epoch, first axis down and second across: medians over the seeds."""
    columns = list(dict.fromkeys(row[across] for row in rows))
    seeds = f", medians of {len({row['seed'] for row in rows})} seeds" if rows and "seed" in rows[0] else ""
    lines = [f"Test {kind} (best epoch){seeds}:", ""]
    lines += [_line([f"{down} \\ {across}", *map(str, columns)]), _line(["---"] * (len(columns) + 1))]
    for name in dict.fromkeys(row[down] for row in rows):
        cells = []
        for column in columns:
            here = [row for row in rows if row[down] == name and row[across] == column]
            if here:
                value = statistics.median(row[f"test_{kind}"] for row in here)
                cells.append(f"{_shown(value, kind)} ({statistics.median(row['best_epoch'] for row in here):g})")
            else:
                cells.append("failed")
        lines.append(_line([str(name), *cells]))
    return "\n".join(lines)


def _shown(value: float, kind: str) -> str:
    return f"{value:.2%}".replace("%", " %") if kind == "accuracy" else f"{value:.5f}"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
