"""Curves of loss and accuracy over the epochs, of one training or of several."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..train.runs import read_rows
from .axes import COLOURS, MARKERS, new_figure, plain

Rows = Sequence[Mapping[str, float]]


def plot_history(runs: Any, *, columns: Sequence[str] | None = None) -> Any:
    """A panel for each column of the history: training dashed, validation in full, a colour and a marker for each run.

    Parameters
    ----------
    runs : History, sequence of rows, path, or a mapping from names to such
        A path is of a run's folder or of its ``metrics.jsonl``. A row has ``epoch`` and the columns.
    columns : sequence of str, optional
        Such as ``["loss"]``; with each the one with ``val_`` in front. Loss and accuracy, where they are there, if not
        given.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If no run has an epoch, none has such a column, or a file is not of such rows.
    OSError
        If a file cannot be read.
    """
    named = runs if isinstance(runs, Mapping) else {"": runs}
    read = {str(name): rows_of(run, "metrics.jsonl") for name, run in named.items()}
    known = list(dict.fromkeys(column for rows in read.values() for row in rows for column in row))
    if not known:
        raise ValueError("no epochs to draw")
    if columns is None:
        columns = [c for c in ("loss", "accuracy") if c in known or f"val_{c}" in known]
    for column in columns:
        if column not in known and f"val_{column}" not in known:
            raise ValueError(f"no run has the column {column!r}; there are: {', '.join(known)}")
    if not columns:
        raise ValueError(f"no column to draw; there are: {', '.join(known)}")
    figure = new_figure((4.6 * len(columns), 3.6 + 0.22 * math.ceil(len(read) / 3)))
    for ax, column in zip(figure.subplots(1, len(columns), squeeze=False)[0], columns, strict=True):
        _panel(ax, read, column)
    _legend(figure, read, known)
    return figure


def rows_of(run: Any, file: str) -> Rows:
    """The rows of a run, which are given or lie in a file of its folder."""
    if isinstance(run, (str, Path)):
        path = Path(run)
        rows = read_rows(path / file if path.is_dir() else path)
    elif isinstance(run, Iterable):
        rows = list(run)
    else:
        raise TypeError(f"expected rows or a path, got {type(run).__name__}")
    if not all(isinstance(row, Mapping) and "epoch" in row for row in rows):
        raise ValueError(
            f"expected rows with an 'epoch' in each, got {run if isinstance(run, (str, Path)) else rows[:1]}"
        )
    return rows


def _panel(ax: Any, runs: Mapping[str, Rows], column: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for i, rows in enumerate(runs.values()):
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        for name, style in ((column, "--"), (f"val_{column}", "-")):
            epochs = [row["epoch"] for row in rows if name in row]
            values = [row[name] for row in rows if name in row]
            if values:
                filled = colour if style == "-" else "white"
                ax.plot(
                    epochs, values, style, color=colour, marker=marker, markersize=4.5, markerfacecolor=filled, lw=1.5
                )
    ax.set(xlabel="epoch", ylabel=plain(column))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)


def _legend(figure: Any, runs: Mapping[str, Rows], known: Sequence[str]) -> None:
    """Under the panels: what dashed and full lines are, and the runs if they have names."""
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], color="#333333", linestyle="--", label="training")]
    if any(column.startswith("val_") for column in known):
        entries.append(Line2D([], [], color="#333333", linestyle="-", label="validation"))
    for i, (name, rows) in enumerate(runs.items()):
        if name:
            colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
            label = plain(name) if rows else f"{plain(name)} (no epochs)"
            entries.append(Line2D([], [], color=colour, marker=marker, markersize=4.5, label=label))
    figure.legend(handles=entries, loc="outside lower center", ncols=min(4, len(entries)), fontsize=8, frameon=False)
