"""Pictures: SVG charts and PNG images that need nothing but NumPy, and displays of estimators on matplotlib."""

from typing import TYPE_CHECKING, Any

from .charts import confusion_svg, curves_svg
from .png import image_grid, write_png
from .roofline import roofline_svg

if TYPE_CHECKING:
    from .boundary import DecisionBoundaryDisplay
    from .confusion import ConfusionMatrixDisplay
    from .confusions import most_confused, plot_confusions
    from .embedding import EmbeddingDisplay
    from .features import activations, plot_feature_maps
    from .gradient_norms import plot_gradient_norms
    from .history import plot_history
    from .learning import LearningCurveDisplay
    from .lr_range import plot_lr_range
    from .predictions import plot_errors, plot_predictions, worst_errors
    from .weights import plot_filters, plot_weights

__all__ = [
    "ConfusionMatrixDisplay", "DecisionBoundaryDisplay", "EmbeddingDisplay", "LearningCurveDisplay", "activations",
    "confusion_svg", "curves_svg", "image_grid", "most_confused", "plot_confusions", "plot_errors", "plot_feature_maps",
    "plot_filters", "plot_gradient_norms", "plot_history", "plot_lr_range", "plot_predictions", "plot_weights",
    "roofline_svg", "worst_errors", "write_png",
]  # fmt: skip

_ON_MATPLOTLIB = {
    "boundary": ("DecisionBoundaryDisplay",),
    "confusion": ("ConfusionMatrixDisplay",),
    "confusions": ("most_confused", "plot_confusions"),
    "embedding": ("EmbeddingDisplay",),
    "features": ("activations", "plot_feature_maps"),
    "gradient_norms": ("plot_gradient_norms",),
    "history": ("plot_history",),
    "learning": ("LearningCurveDisplay",),
    "lr_range": ("plot_lr_range",),
    "predictions": ("plot_errors", "plot_predictions", "worst_errors"),
    "weights": ("plot_filters", "plot_weights"),
}


def __getattr__(name: str) -> Any:
    # A training draws its charts without loading what only these need.
    for module, names in _ON_MATPLOTLIB.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
