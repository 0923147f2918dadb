"""What an example leaves: a table, a sentence made of its own figures, and a picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from fastscratch.viz.axes import axes_for


@dataclass(frozen=True)
class Result:
    """A table, what it says in words, and how the picture is drawn on a figure of this size in inches."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    finding: str
    draw: Callable[[Any], None]
    size: tuple[float, float]

    def table(self) -> str:
        """In Markdown."""
        lines = [list(self.header), *map(list, self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        lines.insert(1, ["-" * width for width in widths])
        padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
        return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)

    def save_picture(self, path: Path) -> None:
        """Draw, and write a PNG; ImportError with advice without matplotlib."""
        axes = axes_for(size=self.size)
        figure = axes.figure
        axes.remove()
        self.draw(figure)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=90)


def written(module: ModuleType, folder: Path, *, quick: bool = False) -> str:
    """Run an example, write folder/NAME.md and NAME.png, and return the text."""
    name = module.__name__.rpartition(".")[2]
    title, _, method = (module.__doc__ or "").strip().partition("\n")
    result = module.run(quick=quick)
    result.save_picture(folder / f"{name}.png")
    text = "\n\n".join([f"## {title.rstrip('.')}", " ".join(method.split()), result.table(), result.finding])
    (folder / f"{name}.md").write_text(f"{text}\n\n![{title.rstrip('.')}]({name}.png)\n", encoding="utf-8")
    return text
