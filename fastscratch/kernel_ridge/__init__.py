"""Kernel ridge regression and classification, under scikit-learn's names, and a path of penalties."""

from .estimators import KernelRidge, KernelRidgeClassifier
from .path import kernel_ridge_path

__all__ = ["KernelRidge", "KernelRidgeClassifier", "kernel_ridge_path"]
