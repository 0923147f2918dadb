"""What the explicit networks of the experiments learn, at small sizes, and the images that they learn from."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import fastscratch as fs
from fastscratch.data.digits import make_digits
from fastscratch.nn.explicit import Linear, Sequentiel

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "examples").is_dir():
    pytest.skip("the examples are not part of a wheel", allow_module_level=True)
sys.path.insert(0, str(ROOT))
drawings, digits, patterns, motifs = (
    importlib.import_module(f"examples.explicit.{name}") for name in ("drawings", "digits", "patterns", "motifs")
)

needs_kernels = pytest.mark.skipif(fs.backend.name() != "c", reason="takes a minute without the kernels")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    fs.manual_seed(0)


def test_resampling_is_the_mean_of_the_area() -> None:
    images = np.random.default_rng(0).random((3, 28, 21))
    fine = images.repeat(16, axis=1).repeat(16, axis=2)  # 448 x 336: sixteenths of pixels fit into both sizes
    expected = fine.reshape(3, 16, 28, 16, 21).mean(axis=(2, 4))
    np.testing.assert_allclose(digits.resampled(images, 16), expected, rtol=1e-12)
    square = images[:, :21]
    np.testing.assert_allclose(digits.resampled(square, 21), square, rtol=1e-12)


def test_digits_become_4064_features() -> None:
    images, _ = make_digits(2)
    shapes = [value.shape for value in digits.convolutional().activations(digits.signals(images))]
    assert shapes == [(2, 256, 1), (2, 254, 32), (2, 127, 32), (2, 4064), (2, 100), (2, 100), (2, 10)]


@needs_kernels
def test_the_network_for_digits_learns() -> None:
    """MNIST where it is on this machine, else drawn digits: after four epochs on 6,000 images, on 1,000 others."""
    train, held_out, source = digits.samples(6000, 1000)
    net = digits.convolutional()
    assert digits.accuracy(net, *held_out) < 0.3
    assert digits.curve(net, train, held_out, 4, 0.1)[-1] >= {"mnist": 0.87, "digits": 0.8}[source]


@pytest.mark.parametrize("name", drawings.PATTERNS)
def test_patterns_are_what_they_are_called(name: str) -> None:
    pattern = drawings.PATTERNS[name](5)
    light = {"horizontal": 5, "vertical": 5, "diagonal": 5, "plus": 9, "cross": 9}[name]
    assert pattern.shape == (5, 5) and pattern.sum() == light
    assert (pattern[2] == 1).all() == (name in ("horizontal", "plus"))
    assert (pattern[:, 2] == 1).all() == (name in ("vertical", "plus"))
    assert (np.diag(pattern) == 1).all() == (name in ("diagonal", "cross"))


def test_the_light_of_motifs_tells_nothing() -> None:
    images, labels = drawings.two_motifs(200, 12, 0.0, 0)
    assert (images.sum(axis=(1, 2)) == 12).all() and set(labels) == {0, 1, 2, 3}
    windows = (sliding_window_view(turned, 5, 2) for turned in (images, images.swapaxes(1, 2)))
    runs = [window.min(-1).any((1, 2)) for window in windows]
    for bit, found in zip((1, 2), runs, strict=True):
        assert found[labels & bit > 0].all() and found[labels & bit == 0].mean() < 0.02
    np.testing.assert_array_equal(images, drawings.two_motifs(200, 12, 0.0, 0)[0])


def test_filters_find_patterns_anywhere() -> None:
    net = patterns.NETWORKS["Conv2D(5, 1, 8)"]()
    train, held_out = patterns.samples(500, 0.1, 0), patterns.samples(500, 0.1, 1)
    assert digits.curve(net, train, held_out, 12, 0.1)[-1] >= 0.9


@needs_kernels
def test_two_directions_see_what_one_does_not() -> None:
    train, held_out = drawings.two_motifs(1000, 12, 0.1, 0), drawings.two_motifs(500, 12, 0.1, 1)
    found = {}
    for name, (make, features) in motifs.NETWORKS.items():
        fs.manual_seed(0)
        found[name] = digits.curve(Sequentiel(make(), Linear(features, 4)), train, held_out, 8, 0.1)[-1]
    assert found["side by side"] >= 0.9
    assert max(found["along the rows"], found["along the columns"]) <= 0.65


def test_the_same_seed_gives_the_same_table() -> None:
    assert patterns.run(quick=True).rows == patterns.run(quick=True).rows
