"""The same estimator from both libraries on the same data; scikit-learn's own data sets, and MNIST."""

import time
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from fastscratch.data import load_splits

from ..works.estimators import find

Data = tuple[np.ndarray, np.ndarray]
LIBRARIES = ("fastscratch", "sklearn")


@cache
def load(name: str) -> Data:
    """X in float64, its columns standardised or in [0, 1], and y."""
    from sklearn import datasets

    if name.startswith("MNIST"):
        n = int(name.split()[1].replace(",", ""))
        train, _ = load_splits("mnist", n_train=n, n_test=1, fallback="digits")
        return train.data.reshape(n, -1) / 255, train.targets
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return (X / 16 if name == "digits" else (X - X.mean(0)) / X.std(0)), y


def fitted(library: str, path: str, params: dict[str, Any], X: Any, y: Any) -> tuple[Any, float]:
    """The estimator, fitted without a word, and the seconds that took."""
    model = find(library, path)(**params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        model.fit(X, y)
        return model, time.perf_counter() - start


def in_both(call: Callable[[str], Any]) -> dict[str, Any]:
    """What call(library) gives for each library."""
    return {library: call(library) for library in LIBRARIES}
