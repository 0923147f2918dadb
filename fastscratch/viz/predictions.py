"""Images with what a network said of them: the worst errors, and some at random."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .axes import RIGHT, WRONG, as_array, at_least_one
from .tiles import Frame, as_images, brightness, tiles


def worst_errors(y_true: Any, probabilities: Any, count: int = 25) -> np.ndarray:
    """The indices of the wrong predictions, the one that gave the true class the least probability first.

    Parameters
    ----------
    y_true : Tensor or ndarray of int, shape (N,)
    probabilities : Tensor or ndarray, shape (N, C)
    count : int
        At most so many.

    Examples
    --------
    >>> worst_errors([0, 0, 1], [[0.4, 0.6], [0.1, 0.9], [0.2, 0.8]])
    array([1, 0])
    """
    true, shares = _checked(y_true, probabilities, count)
    wrong = np.flatnonzero(shares.argmax(1) != true) if len(true) else np.zeros(0, np.int64)
    return wrong[np.argsort(shares[wrong, true[wrong]], kind="stable")[:count]]


def plot_errors(
    images: Any,
    y_true: Any,
    probabilities: Any,
    *,
    count: int = 25,
    classes: Sequence[Any] | None = None,
    columns: int | None = None,
) -> Any:
    """The worst errors: what each image is, what it was taken for, and the probabilities that both were given.

    Parameters
    ----------
    images : Tensor or ndarray, shape (N, H, W), (N, 1, H, W) or (N, 3, H, W)
    y_true : Tensor or ndarray of int, shape (N,)
        The number of each image's class.
    probabilities : Tensor or ndarray, shape (N, C)
        Of the classes, such as the softmax of the logits.
    count : int
        At most so many images.
    classes : sequence, optional
        The names of the classes; their numbers if not given.
    columns : int, optional

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the shapes do not go together, a class is out of range, or the rows of probabilities do not sum to 1.
    """
    pictures, true, shares, names = _together(images, y_true, probabilities, classes, count)
    chosen = worst_errors(true, shares, count)
    said = shares.argmax(1) if len(true) else true
    labels = [
        f"true {names[true[i]]}, {_percent(shares[i, true[i]])}\nsaid {names[said[i]]}, {_percent(shares[i, said[i]])}"
        for i in chosen
    ]
    wrong = int(np.sum(said != true))
    title = f"{len(chosen)} worst of {wrong:,} errors in {len(true):,}" if wrong else f"no errors in {len(true):,}"
    limits = brightness(pictures)
    return tiles(
        pictures[chosen], labels, limits=limits, columns=columns, title=title, empty="every prediction is right"
    )


def plot_predictions(
    images: Any,
    y_true: Any,
    probabilities: Any,
    *,
    count: int = 25,
    classes: Sequence[Any] | None = None,
    columns: int | None = None,
    random_state: int | None = None,
) -> Any:
    """Images drawn at random with their predictions: ✓ in a green frame if right, ✗ in a red, dashed one if wrong.

    Parameters
    ----------
    images, y_true, probabilities, count, classes, columns
        As in :func:`plot_errors`.
    random_state : int, optional
        Of the draw.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        As :func:`plot_errors`.
    """
    pictures, true, shares, names = _together(images, y_true, probabilities, classes, count)
    chosen = np.random.default_rng(random_state).permutation(len(true))[:count]
    said = shares.argmax(1) if len(true) else true
    right = said == true
    labels = [
        f"{'✓' if right[i] else '✗'} {names[said[i]]}, {_percent(shares[i, said[i]])}"
        + ("" if right[i] else f"\ntrue {names[true[i]]}")
        for i in chosen
    ]
    frames = [Frame(RIGHT, "-") if right[i] else Frame(WRONG, "--") for i in chosen]
    title = f"{int(right[chosen].sum())} of {len(chosen)} right"
    return tiles(pictures[chosen], labels, limits=brightness(pictures), columns=columns, frames=frames, title=title)


def _checked(y_true: Any, probabilities: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The classes as integers and the probabilities, known to go together."""
    true, shares = as_array(y_true), as_array(probabilities)
    if true.ndim != 1 or (true.size and true.dtype.kind not in "iu"):
        raise ValueError(f"y_true must be class numbers of shape (N,), got {true.dtype} of shape {true.shape}")
    if shares.ndim != 2 or len(shares) != len(true):
        raise ValueError(f"probabilities must have shape ({len(true)}, classes), got {shares.shape}")
    if true.size and not 0 <= true.min() <= true.max() < shares.shape[1]:
        raise ValueError(f"y_true must be in 0 ... {shares.shape[1] - 1}, got {true.min()} ... {true.max()}")
    if true.size and not (shares.min() >= 0 and np.all(np.abs(shares.sum(1) - 1) < 1e-3)):
        raise ValueError("probabilities must be rows that sum to 1: take the softmax of logits")
    at_least_one(count)
    return true.astype(np.int64), shares


def _together(
    images: Any, y_true: Any, probabilities: Any, classes: Sequence[Any] | None, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    true, shares = _checked(y_true, probabilities, count)
    pictures = as_images(images)
    if len(pictures) != len(true):
        raise ValueError(f"{len(true)} labels need as many images, got {len(pictures)}")
    names = [str(name) for name in (range(shares.shape[1]) if classes is None else classes)]
    if len(names) != shares.shape[1]:
        raise ValueError(f"{shares.shape[1]} columns of probabilities need as many classes, got {len(names)}")
    return pictures, true, shares, names


def _percent(share: float) -> str:
    """Never 100% of what is less, nor 0% of what is more."""
    return "<1%" if 0 < share < 0.01 else ">99%" if 0.99 < share < 1 else f"{100 * share:.0f}%"
