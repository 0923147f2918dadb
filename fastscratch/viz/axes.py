"""What every picture on matplotlib shares: where it is drawn, and colours for classes."""

import sys
from typing import Any

import numpy as np

COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")


def axes_for(ax: Any = None, size: tuple[float, float] = (5.0, 4.2)) -> Any:
    """The axes that were given, or new ones in a figure of their own, which is not shown and needs no screen.

    Raises
    ------
    ImportError
        If matplotlib is not installed, saying how to get it.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("this picture is drawn by matplotlib: pip install 'fastscratch[plot]'") from None
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:  # whoever has it imported wants to call pyplot.show() afterwards
        return pyplot.subplots(figsize=size, layout="constrained")[1]
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots()


def colours_of(codes: np.ndarray) -> list[str]:
    """A colour for each class number; beyond ten they begin again."""
    return [COLOURS[code % len(COLOURS)] for code in codes]
