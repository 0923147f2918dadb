"""Perceptrons of several layers as estimators, under scikit-learn's names: MLPClassifier, MLPRegressor."""

from .estimators import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
