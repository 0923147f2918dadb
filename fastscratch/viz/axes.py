"""What every picture on matplotlib shares: where it is drawn, colours, and names as they are."""

import sys
from typing import Any

import numpy as np

from ..tensor import Tensor

# Ten colours that stay apart under every kind of colour blindness: M. A. Petroff, Accessible color sequences for data
# visualization, arXiv:2107.02270, 2021.
COLOURS = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# The bluish green and the vermilion of M. Okabe and K. Ito, Color universal design, 2008.
RIGHT, WRONG = "#009e73", "#d55e00"


def axes_for(ax: Any = None, size: tuple[float, float] = (5.0, 4.2)) -> Any:
    """The axes that were given, or new ones in a figure of their own, which is not shown and needs no screen.

    Raises
    ------
    ImportError
        If matplotlib is not installed, saying how to get it.
    """
    pyplot = sys.modules.get("matplotlib.pyplot")
    if ax is None and pyplot is not None:  # whoever has it imported wants to call pyplot.show() afterwards
        return pyplot.subplots(figsize=size, layout="constrained")[1]
    return axes_for_figure(ax, size)


def axes_for_figure(ax: Any, size: tuple[float, float]) -> Any:
    """The axes that were given, or new ones in a figure that pyplot knows nothing of: for what returns the figure."""
    return new_figure(size).subplots() if ax is None else ax


def new_figure(size: tuple[float, float], layout: str | None = "constrained") -> Any:
    """A figure of so many inches that pyplot knows nothing of.

    Raises
    ------
    ImportError
        If matplotlib is not installed, saying how to get it.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("this picture is drawn by matplotlib: pip install 'fastscratch[plot]'") from None
    figure = Figure(figsize=size, layout=layout)  # type: ignore[arg-type]
    FigureCanvasAgg(figure)
    return figure


def colours_of(codes: np.ndarray) -> list[str]:
    """A colour for each class number; beyond ten they begin again."""
    return [COLOURS[code % len(COLOURS)] for code in codes]


def plain(name: Any) -> str:
    """A name as it is: to matplotlib a dollar would begin a formula, and an underscore hide it from the legend.

    >>> plain("_$")
    ' _\\\\$'
    """
    text = str(name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def at_least_one(value: int, name: str = "count") -> int:
    """How many are to be drawn; ValueError for none."""
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value


def as_array(data: Any) -> np.ndarray:
    """What was given, a Tensor or anything NumPy takes, as an array."""
    return np.asarray(data.detach().array if isinstance(data, Tensor) else data)
