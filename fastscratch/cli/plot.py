"""`fastscratch plot`: the curves of one run or of several, and what else its folder has to show."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..files import atomic_write
from ..train import runs
from .common import Out, UserError, add_json, describe

_EXAMPLES = """examples:
  fastscratch plot runs/*                                      loss and accuracy of all runs in one figure
  fastscratch plot runs/A runs/B --columns val_accuracy        one column
  fastscratch plot runs/A --what gradients -o gradients.svg    the norm of each layer's gradient
  fastscratch plot runs/A --what confusions                    the confusion matrix, with what is confused most

PNG, SVG or PDF, as the file is named. It needs matplotlib: pip install 'fastscratch[plot]'
"""


def add(commands: Any) -> None:
    """The command's parser."""
    words = describe("Draw the curves of runs, or what one run's folder has to show.", _EXAMPLES)
    parser = commands.add_parser("plot", help="curves of one run or of several", **words)
    parser.add_argument("folders", nargs="+", metavar="RUN", help="run folders")
    parser.add_argument("--what", choices=_FIGURES, default="curves", help="what to draw (default: curves)")
    parser.add_argument("--columns", metavar="A,B", help="columns of the history (default: loss and accuracy)")
    parser.add_argument("-o", "--output", metavar="FILE", help="the picture (default: WHAT.png)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw, and say where."""
    out = Out(arguments.json)
    folders = [Path(text) for text in arguments.folders]
    for folder in folders:
        runs.settings_of(folder)  # a run's folder, or an error
    columns = arguments.columns.split(",") if arguments.columns else None
    figure = _FIGURES[arguments.what](folders, columns)
    path = Path(arguments.output or f"{arguments.what}.png")
    save_figure(figure, path)
    out.say(f"picture    {path}")
    out.give({"picture": str(path)})
    return 0


def save_figure(figure: Any, path: Path) -> None:
    """A figure of matplotlib's as PNG, SVG or PDF, by the file's name, whole or not at all."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg", "pdf"):
        raise UserError(f"{path} must end in .png, .svg or .pdf")
    with atomic_write(path) as file:
        figure.savefig(file, format=kind, dpi=150)


def curves(folders: list[Path], columns: list[str] | None = None) -> Any:
    """The history of runs; each is named by what it does not share with the others."""
    from ..viz import plot_history

    paths = {name: metrics for name, metrics in zip(_names(folders), map(_metrics, folders), strict=True)}
    return plot_history(next(iter(paths.values())) if len(paths) == 1 else paths, columns=_bases(columns))


def _bases(columns: list[str] | None) -> list[str] | None:
    """Columns without val_, which is drawn with them."""
    return None if columns is None else list(dict.fromkeys(column.removeprefix("val_") for column in columns))


def _metrics(folder: Path) -> Path:
    path = folder / "metrics.jsonl"
    if not path.is_file():
        raise UserError(f"{folder} has no metrics.jsonl: it has not trained yet")
    return path


def _names(folders: list[Path]) -> list[str]:
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _gradients(folders: list[Path], columns: list[str] | None) -> Any:
    from ..viz import plot_gradient_norms

    return plot_gradient_norms(_only(folders))


def _confusions(folders: list[Path], columns: list[str] | None) -> Any:
    from ..viz import plot_confusions

    results = runs.results_of(_only(folders))
    if results is None or "confusion" not in results:
        raise UserError(f"{folders[0]} has no confusion matrix: it is not finished, or does not tell classes")
    return plot_confusions(results["confusion"], classes=results["classes"])


def _only(folders: list[Path]) -> Path:
    if len(folders) > 1:
        raise UserError(f"this picture is of one run, {len(folders)} are given")
    return folders[0]


_FIGURES: dict[str, Callable[[list[Path], list[str] | None], Any]] = {
    "curves": curves,
    "gradients": _gradients,
    "confusions": _confusions,
}
