"""Points of many dimensions in few, under scikit-learn's names: TSNE."""

from .tsne import TSNE

__all__ = ["TSNE"]
