"""What estimators raise and warn of: scikit-learn's names, and its classes too where that is loaded."""

import sys
from functools import cache

__all__ = ["ConvergenceWarning", "DataConversionWarning", "NotFittedError"]


class NotFittedError(ValueError, AttributeError):
    """An estimator was asked for something before ``fit``."""


class ConvergenceWarning(UserWarning):
    """An iteration stopped at its limit."""


class DataConversionWarning(UserWarning):
    """Data were given in a form that had to be guessed at."""


def compatible(kind: type) -> type:
    """The class to raise for one of those above: where scikit-learn is loaded, one that is a subclass of its own too.

    Whoever can catch scikit-learn's class has loaded it, so nothing has to be imported here.
    """
    theirs = getattr(sys.modules.get("sklearn.exceptions"), kind.__name__, None)
    return kind if theirs is None else _both(kind, theirs)


@cache
def _both(ours: type, theirs: type) -> type:
    return type(ours.__name__, (ours, theirs), {"__module__": ours.__module__, "__doc__": ours.__doc__})
