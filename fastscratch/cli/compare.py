"""`fastscratch compare`: a grid of trainings, one after the other, and what came of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..train import runs
from ..train.claim import claim
from ..train.grid import FAILED, Cell, read_grid
from ..train.log import Log
from ..train.session import Session, Splits, load
from ..train.trainer import NonFiniteLossError
from .common import Out, add_json, describe
from .comparison import finished_row, markdown, write_csv
from .live import Board, CellWatcher
from .train import start

_EXAMPLES = """examples:
  fastscratch compare grid.toml
  fastscratch compare grid.toml --output results/ablation     and the same again to go on after Ctrl-C
  fastscratch compare grid.toml --json > results.json

grid.toml:
  data = "mnist"                       # settings of every training, as for `fastscratch train`
  epochs = 8

  [grid]                               # every combination of these
  model = ["cnn", "cnn-dropout", "cnn-bn", "cnn-bn-dropout"]
  optimizer = ["sgd", "adam", "rmsprop"]

  [where.optimizer.sgd]                # and settings of those with optimizer = "sgd"
  lr = 0.05

The folder gets a run folder for each training, table.md, results.csv and figures/.
"""


def add(commands: Any) -> None:
    """The command's parser."""
    words = describe("Train a grid of settings, going on where it was interrupted, and compare.", _EXAMPLES)
    parser = commands.add_parser("compare", help="train a grid of settings and compare", **words)
    parser.add_argument("config", metavar="CONFIG.toml", help="what is the same for all, and a table [grid]")
    parser.add_argument("--output", metavar="FOLDER", help="where all goes (default: runs/compare-CONFIG)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train what is not trained yet, and write the tables and figures."""
    cells = read_grid(arguments.config)
    folder = Path(arguments.output or Path("runs") / f"compare-{Path(arguments.config).stem}")
    out = Out(arguments.json)
    board = Board([cell.name for cell in cells])
    states = {cell.name: cell.state(folder / cell.name) for cell in cells}  # all, before any is trained
    data: dict[Any, Splits] = {}
    rows = []
    for cell in cells:
        if states[cell.name] in ("begun", "waiting") and not _train(cell, folder / cell.name, board, data):
            again = f" --output {arguments.output}" if arguments.output else ""
            out.say(f"stopped; go on with: fastscratch compare {arguments.config}{again}")
            return 130
        rows.append(finished_row(cell, folder / cell.name))
        board.set(cell.name, _told(rows[-1]), final=True)
        _write(folder, rows)
    board.close()
    out.say(markdown(rows))
    out.say(f"\nwritten    {folder}/table.md, results.csv")
    _draw(folder, cells, rows, out)
    out.give({"folder": str(folder), "runs": rows})
    return 0


def _train(cell: Cell, folder: Path, board: Board, data: dict[Any, Splits]) -> bool:
    """One training, or what is left of it; False if it was interrupted."""
    board.set(cell.name, "loading")
    key = tuple(getattr(cell.settings, name) for name in ("data", "samples", "validation", "download"))
    if key not in data:
        data.clear()  # one data set at a time: they are large
        data[key] = load(cell.settings)
    session = start(cell.settings, data[key])
    folder.mkdir(parents=True, exist_ok=True)
    with claim(folder):
        return _train_in(folder, cell, session, board)


def _train_in(folder: Path, cell: Cell, session: Session, board: Board) -> bool:
    watchers, state = [CellWatcher(board, cell.name)], cell.state(folder)
    if state in ("done", "failed"):  # meanwhile, by another
        return True
    if state == "begun":
        session.resume(folder, watchers)
    else:
        runs.describe_run(folder, session.settings)
    try:
        session.fit(folder, watchers)
    except NonFiniteLossError as error:  # an answer too: these settings do not train
        Log(folder / "log.txt").write(str(error))
        (folder / FAILED).write_text(f"{error}\n", encoding="utf-8")
        return True
    if session.trainer.interrupted:
        return False
    board.set(cell.name, "testing")
    session.report(folder)
    return True


def _told(row: dict[str, Any]) -> str:
    if row["error"]:
        return "failed: " + row["error"]
    kind = "accuracy" if "test_accuracy" in row else "loss"
    return (
        f"validation {row[f'validation_{kind}']:.4f}   test {row[f'test_{kind}']:.4f}   "
        f"best epoch {row['best_epoch']} of {row['trained_epochs']}   {row['seconds']:.1f} s"
    )


def _write(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Both tables, so that they are there after an interruption too."""
    from ..files import atomic_write

    with atomic_write(folder / "table.md", "w") as file:
        file.write(markdown(rows) + "\n")
    write_csv(folder / "results.csv", rows)


def _draw(folder: Path, cells: list[Cell], rows: list[dict[str, Any]], out: Out) -> None:
    """The curves of all, and their results side by side; without matplotlib a line that says so."""
    from ..viz import plot_history
    from ..viz.comparison import plot_comparison
    from .plot import save_figure

    done = [row for row in rows if not row["error"]]
    if not done:
        return
    kind = "accuracy" if all("test_accuracy" in row for row in done) else "loss"
    axes = list(cells[0].values)
    try:
        curves = plot_history({row["run"]: folder / row["run"] for row in done})
        groups = [str(row[axes[0]]) for row in done]
        dots = plot_comparison(
            [row["run"] for row in done], [row[f"test_{kind}"] for row in done], groups=groups, label=f"test {kind}"
        )
    except ImportError as error:
        out.say(f"no figures: {error}")
        return
    (folder / "figures").mkdir(exist_ok=True)
    save_figure(curves, folder / "figures" / "curves.png")
    save_figure(dots, folder / "figures" / "comparison.png")
    out.say(f"figures    {folder}/figures/curves.png, comparison.png")
