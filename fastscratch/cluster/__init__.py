"""Clusters of points, under scikit-learn's names: KMeans."""

from .kmeans import KMeans

__all__ = ["KMeans"]
