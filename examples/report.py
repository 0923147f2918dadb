"""What an experiment leaves: a table, a picture, and a sentence made of its own figures."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from fastscratch.viz.axes import axes_for


@dataclass(frozen=True)
class Result:
    """A table, what it says in words, and how the picture is drawn."""

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    finding: str
    draw: Callable[[Any], None]  # on a figure
    size: tuple[float, float] = (9.0, 4.0)  # of the figure, in inches

    def table(self) -> str:
        """In Markdown; numbers to the right."""
        cells = [[_text(cell) for cell in row] for row in self.rows]
        widths = [max(len(line[i]) for line in [list(self.header), *cells]) for i in range(len(self.header))]
        numeric = [all(not isinstance(row[i], str) for row in self.rows) for i in range(len(self.header))]

        def line(values: Sequence[str]) -> str:
            padded = (v.rjust(w) if n else v.ljust(w) for v, w, n in zip(values, widths, numeric, strict=True))
            return f"| {' | '.join(padded)} |"

        rule = "|".join("-" * (w + 1) + (":" if n else "-") for w, n in zip(widths, numeric, strict=True))
        return "\n".join([line(list(self.header)), f"|{rule}|", *(line(row) for row in cells)])

    def save_picture(self, path: Path) -> None:
        """Draw, and write a PNG; ImportError with advice without matplotlib."""
        axes = axes_for(size=self.size)
        figure = axes.figure
        axes.remove()
        self.draw(figure)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=90)


def _text(cell: Any) -> str:
    if cell is None:
        return "-"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def section(module: ModuleType, folder: Path, pictures: str, *, quick: bool = False) -> str:
    """Run an experiment, write its picture to folder/pictures, and return its section in Markdown."""
    name = module.__name__.rpartition(".")[2]
    title, _, method = (module.__doc__ or "").strip().partition("\n")
    start = time.perf_counter()
    result = module.run(quick=quick)
    seconds = time.perf_counter() - start
    result.save_picture(folder / pictures / f"{name}.png")
    parts = [
        f"## {title.rstrip('.')}",
        " ".join(method.split()),
        f"`python -m examples {name}` ({seconds:.0f} s)",
        result.table(),
        result.finding,
        f"![{title.rstrip('.')}]({pictures}/{name}.png)",
    ]
    return "\n\n".join(part for part in parts if part)
