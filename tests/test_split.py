"""train_test_split: sizes, pairing, stratification."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastscratch.data.split import train_test_split


@pytest.mark.parametrize(
    ("n", "sizes", "expected"),
    [
        (100, {}, (75, 25)),
        (10, {}, (7, 3)),  # the test part is rounded up
        (10, {"test_size": 0.25}, (7, 3)),
        (10, {"train_size": 0.25}, (2, 8)),  # the training part is rounded down
        (10, {"test_size": 0.15, "train_size": 0.35}, (3, 2)),
        (10, {"test_size": 4}, (6, 4)),
        (10, {"train_size": 4}, (4, 6)),
        (10, {"test_size": 1, "train_size": 0.5}, (5, 1)),
        (2, {"test_size": np.int64(1)}, (1, 1)),
    ],
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_sizes(n, sizes, expected, shuffle):
    train, test = train_test_split(np.arange(n), shuffle=shuffle, random_state=0, **sizes)
    assert (len(train), len(test)) == expected
    assert len(np.unique(np.concatenate([train, test]))) == sum(expected)


def test_arrays_and_lists_are_split_alike():
    X, y, names = np.arange(20).reshape(10, 2), np.arange(10), list("abcdefghij")
    parts = train_test_split(X, y, names, test_size=3, random_state=0)
    assert [type(part) for part in parts] == [np.ndarray] * 4 + [list] * 2
    for X_part, y_part, names_part in (parts[0::2], parts[1::2]):
        np.testing.assert_array_equal(X_part[:, 0], 2 * y_part)
        assert names_part == [names[i] for i in y_part]


def test_seed_decides():
    def split(seed):
        return train_test_split(np.arange(50), random_state=seed)[1].tolist()

    assert split(1) == split(1) != split(2)
    assert split(np.random.default_rng(1)) == split(1)


def test_unshuffled_keeps_the_order():
    train, test = train_test_split(np.arange(6), test_size=2, train_size=3, shuffle=False)
    assert (train.tolist(), test.tolist()) == ([0, 1, 2], [3, 4])


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(2, 30), min_size=1, max_size=5),
    fraction=st.floats(0.2, 0.8),
    seed=st.integers(0, 100),
)
def test_stratified_parts_keep_the_proportions(counts, fraction, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    n_test = int(np.ceil(fraction * len(labels)))
    if min(n_test, len(labels) - n_test) < len(counts):
        return
    indices = np.arange(len(labels))
    train, test = train_test_split(indices, test_size=fraction, stratify=labels, random_state=seed)
    assert len(test) == n_test
    assert sorted(np.concatenate([train, test]).tolist()) == indices.tolist()
    exact = np.array(counts) * n_test / len(labels)
    found = np.bincount(labels[test], minlength=len(counts))
    assert (np.abs(found - exact) < 1).all()


def test_stratify_takes_any_labels():
    labels = ["yes"] * 8 + ["no"] * 4
    _, test = train_test_split(labels, test_size=3, stratify=labels, random_state=0)
    assert sorted(test) == ["no", "yes", "yes"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test_size": 0.0}, r"test_size as a fraction must be in \(0, 1\), got 0.0"),
        ({"test_size": 1.0}, "as a fraction must be in"),
        ({"train_size": float("nan")}, "as a fraction must be in"),
        ({"test_size": 0}, "test_size as a number must be in 1 ... 9, got 0"),
        ({"test_size": 10}, "must be in 1 ... 9, got 10"),
        ({"test_size": "3"}, "test_size must be a float or an int, got '3'"),
        ({"test_size": 6, "train_size": 5}, "ask for 11 of 10 samples"),
        ({"test_size": 0.95}, "leave 0 training and 10 test samples of 10"),
        ({"stratify": [0] * 10, "shuffle": False}, "stratify needs shuffle=True"),
        ({"stratify": [0] * 9}, r"stratify must have shape \(10,\), got \(9,\)"),
        ({"stratify": [0] * 9 + [1]}, "class 1 has one sample, stratify needs two of each"),
        ({"stratify": [0, 1] * 5, "test_size": 1}, "1 test samples are too few for 2 classes"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        train_test_split(np.arange(10), **arguments)


def test_bad_arrays():
    with pytest.raises(ValueError, match="at least one array is needed"):
        train_test_split()
    with pytest.raises(ValueError, match=r"arrays must have one length, got \[3, 4\]"):
        train_test_split([1, 2, 3], np.arange(4))
    with pytest.raises(ValueError, match="leave 0 training and 1 test samples of 1"):
        train_test_split([1])
