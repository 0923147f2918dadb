"""Pictures: SVG charts and PNG images that need nothing but NumPy, and displays of estimators on matplotlib."""

from typing import TYPE_CHECKING, Any

from .charts import confusion_svg, curves_svg
from .png import image_grid, write_png
from .roofline import roofline_svg

if TYPE_CHECKING:
    from .boundary import DecisionBoundaryDisplay
    from .confusion import ConfusionMatrixDisplay
    from .embedding import EmbeddingDisplay
    from .learning import LearningCurveDisplay

__all__ = [
    "ConfusionMatrixDisplay", "DecisionBoundaryDisplay", "EmbeddingDisplay", "LearningCurveDisplay", "confusion_svg",
    "curves_svg", "image_grid", "roofline_svg", "write_png",
]  # fmt: skip

_DISPLAYS = {
    "ConfusionMatrixDisplay": "confusion",
    "DecisionBoundaryDisplay": "boundary",
    "EmbeddingDisplay": "embedding",
    "LearningCurveDisplay": "learning",
}


def __getattr__(name: str) -> Any:
    # A training draws its charts without loading what only the displays need.
    if name in _DISPLAYS:
        from importlib import import_module

        return getattr(import_module(f".{_DISPLAYS[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
