"""Choosing among models: the split into a part to train on and a part to test on, under scikit-learn's name.

scikit-learn's own searches (``GridSearchCV``, ``cross_val_score``) work on every estimator here.
"""

from .data.split import train_test_split

__all__ = ["train_test_split"]
