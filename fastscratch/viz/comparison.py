"""Trainings side by side: one value of each."""

from collections.abc import Sequence
from typing import Any

from .axes import COLOURS, new_figure


def plot_comparison(
    names: Sequence[str], values: Sequence[float], *, groups: Sequence[str] | None = None, label: str = ""
) -> Any:
    """A dot for each training on a line of its own, the first on top; a colour for each group.

    Parameters
    ----------
    names : sequence of str
    values : sequence of float
        What is not finite is left out.
    groups : sequence of str, optional
    label : str
        What the values are.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is nothing to draw, or the lengths differ.
    """
    if not names or len(values) != len(names) or (groups is not None and len(groups) != len(names)):
        raise ValueError(f"{len(names)} names need as many values and groups, and at least one")
    figure = new_figure((7.0, 1.2 + 0.3 * len(names)))
    ax = figure.subplots()
    kinds = list(dict.fromkeys(groups)) if groups is not None else [""]
    for number, kind in enumerate(kinds):
        rows = [i for i in range(len(names)) if groups is None or groups[i] == kind]
        ax.plot([values[i] for i in rows], rows, "o", color=COLOURS[number % len(COLOURS)], label=kind)
    for row, value in enumerate(values):
        ax.annotate(f"{value:#.4g}", (value, row), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(label)
    ax.margins(x=0.12)
    ax.grid(alpha=0.3)
    if len(kinds) > 1:
        figure.legend(loc="outside lower center", ncols=min(5, len(kinds)), frameon=False)
    return figure
