"""Splitting arrays and data sets into a part to train on and a part to test on."""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..random import Generator, current_generator
from .dataset import Subset

_DEFAULT_TEST_SIZE = 0.25

Size = float | int | None


def train_test_split(
    *arrays: Any,
    test_size: Size = None,
    train_size: Size = None,
    random_state: int | np.random.Generator | None = None,
    shuffle: bool = True,
    stratify: ArrayLike | None = None,
) -> list[Any]:
    """Split arrays of one length into a training and a test part, all in the same way.

    Parameters
    ----------
    *arrays : ndarray, Tensor or sequence
        What takes an index array is indexed by one; other sequences become lists.
    test_size, train_size : float or int, optional
        A fraction in (0, 1), rounded up for the test and down for the training part, or a number
        of samples. One that is missing is the complement of the other; with neither, a quarter is
        for testing.
    random_state : int, Generator or None
        The same integer gives the same split.
    shuffle : bool
        If not, the first samples train and the last ones test.
    stratify : (n,) array-like, optional
        Class labels whose proportions both parts keep. Needs `shuffle`.

    Returns
    -------
    list
        ``[train_0, test_0, train_1, test_1, ...]``

    Raises
    ------
    ValueError
        If there are no arrays, their lengths differ, a size is out of range or leaves a part
        empty, or a class has too few samples to stratify.

    Notes
    -----
    As ``sklearn.model_selection.train_test_split``, with other random numbers.

    Examples
    --------
    >>> X_train, X_test = train_test_split(np.arange(5), test_size=2, shuffle=False)
    >>> X_train, X_test
    (array([0, 1, 2]), array([3, 4]))
    """
    n_samples = _common_length(arrays)
    n_train, n_test = _part_sizes(n_samples, test_size, train_size)
    if not shuffle:
        if stratify is not None:
            raise ValueError("stratify needs shuffle=True")
        order = np.arange(n_train + n_test)
        train, test = order[:n_train], order[n_train:]
    else:
        rng = np.random.default_rng(random_state)
        if stratify is None:
            order = rng.permutation(n_samples)
            train, test = order[n_test : n_test + n_train], order[:n_test]
        else:
            train, test = _stratified(np.asarray(stratify), n_samples, n_train, n_test, rng)
    return [_rows(array, part) for array in arrays for part in (train, test)]


def random_split(dataset: Any, lengths: Sequence[Any], generator: Generator | None = None) -> list[Subset[Any]]:
    """Split a data set at random into parts that do not overlap.

    Parameters
    ----------
    dataset : Dataset
    lengths : sequence of int or of float
        The number of samples in each part; or fractions that sum to 1, rounded down, where what is left over goes to
        the parts in turn.
    generator : Generator, optional
        Default: the one that ``manual_seed`` seeds.

    Raises
    ------
    ValueError
        If the lengths do not sum to the length of the data set, or to 1, or one is negative.

    Examples
    --------
    >>> train, valid = random_split(list("abcdefghij"), [0.75, 0.25])
    >>> len(train), len(valid)
    (8, 2)
    """
    n = len(dataset)
    if any(not length >= 0 for length in lengths):
        raise ValueError(f"lengths must not be negative, got {list(lengths)}")
    if math.isclose(sum(lengths), 1):
        sizes = [math.floor(n * fraction) for fraction in lengths]
        for part in range(n - sum(sizes)):
            sizes[part % len(sizes)] += 1
    elif sum(lengths) == n:
        sizes = [operator.index(length) for length in lengths]
    else:
        raise ValueError(f"lengths {list(lengths)} sum to {sum(lengths)}, expected {n} (or 1, for fractions)")
    order = (current_generator() if generator is None else generator).numpy.permutation(n)
    ends = np.cumsum(sizes)
    return [Subset(dataset, order[end - size : end].tolist()) for end, size in zip(ends, sizes, strict=True)]


def _common_length(arrays: Sequence[Any]) -> int:
    if not arrays:
        raise ValueError("at least one array is needed")
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(f"arrays must have one length, got {lengths}")
    return lengths[0]


def _part_sizes(n_samples: int, test_size: Size, train_size: Size) -> tuple[int, int]:
    """The number of training and of test samples."""
    if test_size is None and train_size is None:
        test_size = _DEFAULT_TEST_SIZE
    n_test = _size("test_size", test_size, n_samples, math.ceil)
    n_train = _size("train_size", train_size, n_samples, math.floor)
    if n_test is None:
        assert n_train is not None
        n_test = n_samples - n_train
    elif n_train is None:
        n_train = n_samples - n_test
    if n_train + n_test > n_samples:
        raise ValueError(
            f"train_size={train_size} and test_size={test_size} ask for {n_train + n_test} of {n_samples} samples"
        )
    if n_train < 1 or n_test < 1:
        raise ValueError(
            f"train_size={train_size} and test_size={test_size} leave {n_train} training and "
            f"{n_test} test samples of {n_samples}; each part needs one"
        )
    return n_train, n_test


def _size(name: str, size: Size, n_samples: int, rounded: Any) -> int | None:
    """A fraction or a number as a number."""
    if size is None:
        return None
    if isinstance(size, float | np.floating):
        if not 0 < size < 1:
            raise ValueError(f"{name} as a fraction must be in (0, 1), got {size}")
        return int(rounded(size * n_samples))
    try:
        count = operator.index(size)
    except TypeError:
        raise ValueError(f"{name} must be a float or an int, got {size!r}") from None
    if not 0 < count < n_samples:
        raise ValueError(f"{name} as a number must be in 1 ... {n_samples - 1}, got {count}")
    return count


def _stratified(
    labels: np.ndarray, n_samples: int, n_train: int, n_test: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw both parts class by class."""
    if labels.shape != (n_samples,):
        raise ValueError(f"stratify must have shape ({n_samples},), got {labels.shape}")
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        rare = classes[counts.argmin()]
        raise ValueError(f"class {rare} has one sample, stratify needs two of each")
    for name, size in (("train", n_train), ("test", n_test)):
        if size < len(classes):
            raise ValueError(f"{size} {name} samples are too few for {len(classes)} classes")
    train_counts = _proportional(counts, n_train, rng)
    test_counts = _proportional(counts - train_counts, n_test, rng)
    train, test = [], []
    for code in range(len(classes)):
        members = rng.permutation(np.flatnonzero(codes == code))
        train.append(members[: train_counts[code]])
        test.append(members[train_counts[code] :][: test_counts[code]])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


def _proportional(counts: np.ndarray, total: int, rng: np.random.Generator) -> np.ndarray:
    """Share `total` in proportion to `counts`: largest remainders first, ties at random."""
    exact = counts * (total / counts.sum())
    shares = np.floor(exact).astype(np.int64)
    ties = rng.permutation(len(counts))
    by_remainder = ties[np.argsort((shares - exact)[ties], kind="stable")]
    shares[by_remainder[: total - shares.sum()]] += 1
    return shares


def _rows(array: Any, indices: np.ndarray) -> Any:
    if hasattr(array, "shape"):  # ndarray or Tensor
        return array[indices]
    return [array[i] for i in indices.tolist()]
