"""How far a kernel may be from the truth: every twin carries its error bound.

A bound is a function ``bound(eps, y, *args, **kwargs)``: the unit roundoff of the type the kernel computed in, the
twin's float64 result (an array, or a tuple) and the arguments of the call (in float64). It returns, in the form of
``y``, arrays of allowed absolute errors. Bounds come from error analysis (N. Higham, Accuracy and Stability of Numerical
Algorithms, 2002), never from a tuned tolerance; EXACT means the same bits.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

EXACT = 0.0


def bounded(bound: Callable[..., Any], *, inplace: tuple[int, ...] = ()) -> Callable[[F], F]:
    """Give a twin its error bound, and the positions of the arguments that it changes in place."""

    def mark(twin: F) -> F:
        quiet: Any = np.errstate(all="ignore")(twin)  # NaN and infinities pass as in C, without a word
        quiet.bound = bound
        quiet.inplace = inplace
        return quiet

    return mark


def exact(eps: float, y: Any, *args: Any, **kwargs: Any) -> Any:
    """The same bits."""
    return tuple(EXACT for _ in y) if isinstance(y, tuple) else EXACT


def ulps(count: float) -> Callable[..., Any]:
    """Within so many units in the last place of each result."""

    def bound(eps: float, y: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(y, tuple):
            return tuple(None if part is None else 2 * count * eps * np.abs(part) for part in y)
        return 2 * count * eps * np.abs(y)

    return bound
