"""The embedded digits: their format, their determinism, and that they are handwriting."""

import gzip
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from fastscratch.data import digits as module
from fastscratch.data.digits import make_digits


@pytest.fixture(scope="module")
def sample():
    """2,000 digits that no test changes."""
    images, labels = make_digits(2000, seed=3)
    images.flags.writeable = labels.flags.writeable = False
    return images, labels


def nearest_neighbour(images, labels, queries):
    """Labels of the nearest images, by Euclidean distance."""
    x = images.reshape(len(images), -1).astype(np.float32) / 255
    q = queries.reshape(len(queries), -1).astype(np.float32) / 255
    distance = (x * x).sum(axis=1) - 2 * (q @ x.T)  # the queries' own norm shifts a row only
    return labels[distance.argmin(axis=1)]


# --- format -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 9, 250, 251, 600])
def test_shapes_and_dtypes_at_any_size(n):
    images, labels = make_digits(n)
    assert images.shape == (n, 28, 28) and images.dtype == np.uint8
    assert labels.shape == (n,) and labels.dtype == np.int64


def test_white_ink_on_black_with_grey_rims(sample):
    images, _ = sample
    assert (images.max(axis=(1, 2)) > 200).all()
    ink = images > 0
    assert 0.05 < ink.mean() < 0.40  # MNIST: 0.19
    assert 0.2 < (images[ink] < 255).mean() < 0.8
    assert len(np.unique(images)) > 200


def test_ink_is_fitted_into_the_box_of_20_by_20(sample):
    images, _ = sample
    extents = []
    for axis in (1, 2):
        lines = (images > 0).any(axis=axis)
        extents.append(28 - lines.argmax(axis=1) - lines[:, ::-1].argmax(axis=1))
    longest = np.maximum(*extents)
    assert longest.max() <= 20
    assert longest.min() >= 19


def test_centre_of_mass_is_the_middle_pixel(sample):
    images, _ = sample
    mass = images.sum(axis=(1, 2), dtype=np.int64)
    for axis in (1, 2):
        centre = images.sum(axis=axis, dtype=np.int64) @ np.arange(28) / mass
        assert (np.abs(centre - 14) <= 0.5).mean() > 0.995
        assert np.abs(centre - 14).max() < 2


def test_a_lopsided_box_stays_inside_the_frame():
    ink = np.zeros((20, 20, 2), dtype=np.float32)
    ink[0, 0, 0] = ink[19, 19, 1] = 1
    images = module._frame(ink)
    assert images.sum(dtype=np.int64) == 2 * 255
    assert images[0, 8, 8] == images[1, 19, 19] == 255


# --- determinism and balance --------------------------------------------------------------------


def test_same_seed_same_bits():
    first, again = make_digits(300, seed=7), make_digits(300, seed=7)
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1].tobytes() == again[1].tobytes()


def test_other_seeds_and_other_chunks_give_other_digits():
    images, labels = make_digits(500, seed=0)
    others, other_labels = make_digits(500, seed=1)
    assert not np.array_equal(labels, other_labels)
    assert not np.array_equal(labels[:250], labels[250:])
    distinct = {image.tobytes() for image in (*images, *others)}
    assert len(distinct) == 1000


def test_the_global_random_state_is_neither_read_nor_moved():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_digits(10)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("k", [1, 37, 250, 333])
def test_prefix_does_not_depend_on_the_size(k):
    images, labels = make_digits(520, seed=5)
    few, few_labels = make_digits(k, seed=5)
    assert np.array_equal(images[:k], few)
    assert np.array_equal(labels[:k], few_labels)


def test_every_prefix_is_balanced_and_shuffled(sample):
    _, labels = sample
    assert (np.bincount(labels) == 200).all()
    for k in (5, 104, 1999):
        counts = np.bincount(labels[:k], minlength=10)
        assert counts.max() - counts.min() <= 1
    tens = {tuple(ten) for ten in labels.reshape(-1, 10).tolist()}
    assert len(tens) > 190


def test_defaults_and_numpy_integers():
    assert len(make_digits()[0]) == 1000
    assert np.array_equal(make_digits(np.int32(4), seed=np.uint8(2))[0], make_digits(4, seed=2)[0])


# --- handwriting --------------------------------------------------------------------------------


def test_every_style_is_a_continuous_path_inside_the_plane():
    skeletons = module._skeletons()
    paths = skeletons.basis @ skeletons.control
    assert np.allclose(skeletons.basis.sum(axis=2), 1)  # a moved control polygon moves the path
    assert np.abs(paths).max() < 0.62
    steps = np.linalg.norm(np.diff(paths, axis=1), axis=2)
    lifts = [path.count("/") for digit in range(10) for _, path in module._STYLES[digit]]
    assert ((steps > 0.06).sum(axis=1) <= lifts).all()


def test_spline_passes_through_its_points_and_is_smooth():
    points = np.array([0.0, 2.0, -1.0, 3.0, 0.5])
    knots = np.arange(5.0)
    assert np.allclose(module._spline_weights(knots, 5) @ points, points)
    t = np.linspace(0, 4, 4001)
    slope = np.diff(module._spline_weights(t, 5) @ points) / np.diff(t)
    assert np.abs(np.diff(slope)).max() < 0.02  # a corner would jump by about 2
    assert np.allclose(module._spline_weights(np.array([0.25]), 2), [[0.75, 0.25]])


@pytest.mark.parametrize("digit", range(10))
def test_a_class_is_not_a_font(sample, digit):
    images, labels = sample
    mine = images[labels == digit].astype(np.float32) / 255
    ink = mine.mean(axis=(1, 2))
    assert ink.std() > 0.15 * ink.mean()  # pens differ
    spread = ((mine - mine.mean(axis=0)) ** 2).sum(axis=(1, 2)).mean()
    energy = (mine**2).sum(axis=(1, 2)).mean()
    assert spread > 0.30 * energy  # shapes differ; 0 for a font


def test_classes_can_be_told_apart(sample):
    images, labels = sample
    queries, truth = make_digits(500, seed=4)
    correct = nearest_neighbour(images, labels, queries) == truth
    assert correct.mean() > 0.75  # measured: 0.84
    assert all(correct[truth == digit].mean() > 0.5 for digit in range(10))


def test_they_are_read_like_real_handwriting():
    """1-nearest-neighbour on these digits alone reads real MNIST, where a copy is at hand."""
    folder = Path(os.environ.get("FASTSCRATCH_DATA", "")) / "mnist"
    files = [folder / f"train-{name}-ubyte.gz" for name in ("images-idx3", "labels-idx1")]
    if not all(file.is_file() for file in files):
        pytest.skip("needs $FASTSCRATCH_DATA/mnist")
    with gzip.open(files[0]) as file:
        queries = np.frombuffer(file.read(16 + 1000 * 784)[16:], np.uint8).reshape(-1, 28, 28)
    with gzip.open(files[1]) as file:
        truth = np.frombuffer(file.read(8 + 1000)[8:], np.uint8)
    images, labels = make_digits(5000, seed=0)
    correct = nearest_neighbour(images, labels, queries) == truth
    assert correct.mean() > 0.80  # measured: 0.88; chance is 0.1


def test_memory_beside_the_result_is_bounded():
    def peak_beside_result(n):
        tracemalloc.start()
        images, labels = make_digits(n)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - images.nbytes - labels.nbytes

    make_digits(1)
    assert peak_beside_result(2000) < 1.2 * peak_beside_result(250)


# --- bad arguments ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["n_samples", "seed"])
@pytest.mark.parametrize("bad", [1.0, "10", None, np.float32(3)])
def test_an_argument_that_is_no_integer_raises(name, bad):
    with pytest.raises(TypeError, match=f"{name} must be an int, got {type(bad).__name__}"):
        make_digits(**{name: bad})


@pytest.mark.parametrize("name", ["n_samples", "seed"])
def test_a_negative_argument_raises(name):
    with pytest.raises(ValueError, match=f"{name} must not be negative, got -3"):
        make_digits(**{name: -3})
