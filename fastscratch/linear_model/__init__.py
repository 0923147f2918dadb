"""Linear models, under scikit-learn's names: LinearRegression, Ridge."""

from .least_squares import LinearRegression, Ridge

__all__ = ["LinearRegression", "Ridge"]
