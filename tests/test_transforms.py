"""Augmentation: what moves where, how far, and that nothing but seed and number decides it."""

import math
from typing import Any

import numpy as np
import pytest
from conftest import needs_extension, use_threads

import fastscratch as fs
from fastscratch.data import DataLoader, TensorDataset
from fastscratch.data.transforms import Compose, ElasticTransform, RandomAffine, RandomRotation, Transform

MOVED = Compose([RandomAffine(15, (0.15, 0.15), (0.85, 1.15)), ElasticTransform(68.0, 4.0)])
FLAT = [(0.0, 0.0)] * 2


def noise(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, shape, dtype=np.uint8) if dtype == np.uint8 else rng.random(shape).astype(dtype)


def dot(size: int, row: int, column: int) -> np.ndarray:
    image = np.zeros((1, 1, size, size), np.float32)
    image[0, 0, row, column] = 1
    return image


def place(image: np.ndarray) -> tuple[float, float]:
    """Row and column of the centre of mass."""
    rows, columns = np.indices(image.shape[-2:])
    mass = image.sum()
    return float((rows * image).sum() / mass), float((columns * image).sum() / mass)


# Where things go


@pytest.mark.parametrize(
    ("transform", "start", "expected"),
    [
        (RandomAffine((90, 90)), (4, 7), (7, 10)),  # what is above goes to the right: clockwise
        (RandomRotation((90, 90)), (4, 7), (7, 4)),  # and here to the left
        (RandomAffine((180, 180)), (10, 7), (4, 7)),
    ],
)
def test_turns_about_the_middle(transform: Transform, start: tuple[int, int], expected: tuple[int, int]) -> None:
    moved = transform(dot(15, *start), seed=1)
    assert place(moved) == pytest.approx(expected, abs=1e-5)
    assert moved.sum() == pytest.approx(1, abs=1e-5)


def test_shift_is_uniform_in_its_range_and_no_further() -> None:
    images = np.repeat(dot(21, 10, 10), 4000, axis=0)
    moved = RandomAffine(0, translate=(0.2, 0.1))(images, seed=3)
    shifts = np.array([place(image) for image in moved]) - 10
    assert np.abs(shifts).max(axis=0) == pytest.approx([2.1, 4.2], rel=0.01)
    assert np.abs(shifts).max(axis=0)[0] <= 2.1 + 1e-4
    np.testing.assert_allclose(shifts.std(axis=0), np.array([2.1, 4.2]) / math.sqrt(3), rtol=0.05)
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.06


def test_zoom_enlarges() -> None:
    image = np.zeros((1, 1, 41, 41), np.float32)
    image[0, 0, 15:26, 15:26] = 1
    assert RandomAffine(0, scale=(2, 2))(image).sum() == pytest.approx(4 * image.sum(), rel=0.1)
    assert RandomAffine(0, scale=(0.5, 0.5))(image).sum() == pytest.approx(image.sum() / 4, rel=0.2)


def test_shear_keeps_the_area_and_moves_rows_against_one_another() -> None:
    image = np.zeros((1, 1, 41, 41), np.float32)
    image[0, 0, 10:31, 20] = 1
    moved = RandomAffine(0, shear=(45, 45))(image)
    assert moved.sum() == pytest.approx(image.sum(), rel=1e-4)
    top, middle, bottom = (place(moved[0, 0, row : row + 1])[1] for row in (10, 20, 30))
    assert middle == pytest.approx(20, abs=1e-4)
    assert top - middle == pytest.approx(10, abs=1e-3)
    assert bottom - middle == pytest.approx(-10, abs=1e-3)


def test_nothing_moves_nothing_changes() -> None:
    for images in (noise(3, 2, 9, 40), noise(3, 2, 9, 40, dtype=np.uint8)):
        for transform in (RandomAffine(0), ElasticTransform(0.0), Compose([])):
            moved = transform(images)
            np.testing.assert_array_equal(moved, images)
            assert not np.shares_memory(moved, images)


def test_displacements_are_as_large_as_theory_says() -> None:
    """A ramp shows them; their variance is that of the noise, 1/3, times the sum of the squares of the filter's taps."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.float64), (300, 1, 64, 64))
    moved = ElasticTransform((40.0, 0.0), 3.0)(ramp, seed=5)
    pushed = (moved - ramp)[..., 24:40, 24:40]
    taps = np.exp(-0.5 * (np.arange(-12, 13) / 3) ** 2)
    taps /= taps.sum()
    assert pushed.std() == pytest.approx(20 * math.sqrt(1 / 3) * (taps**2).sum(), rel=0.03)
    assert abs(pushed.mean()) < 0.05


def test_compose_reads_through_both() -> None:
    """One pass of both is nearly one after the other: the second reads between pixels of the first."""
    rows, columns = np.indices((40, 40))
    smooth = np.exp(-((rows - 19.5) ** 2 + (columns - 22) ** 2) / 30)[None, None]
    affine, elastic = RandomAffine((20, 20), scale=(1.2, 1.2)), ElasticTransform(60.0, 4.0)
    together = Compose([affine, elastic])
    assert len(together.passes()) == 1
    np.testing.assert_allclose(together(smooth, seed=3), elastic(affine(smooth, seed=3), seed=3), atol=0.02)
    assert np.abs(together(smooth, seed=3) - affine(smooth, seed=3)).max() > 0.05
    assert len(Compose([elastic, affine]).passes()) == 2
    assert len(Compose([affine, Compose([affine, elastic]), elastic]).passes()) == 3


def test_passes_draw_for_themselves() -> None:
    image = dot(61, 30, 30)
    shift = RandomAffine(0, translate=(0.1, 0.0))
    once, twice = place(shift(image, seed=9))[1] - 30, place(Compose([shift, shift])(image, seed=9))[1] - 30
    assert abs(once) > 0.1
    assert abs(twice - 2 * once) > 0.1


@pytest.mark.parametrize(
    "degrees", [36.6e3 - 645.5, -270.0, -181.0, -90.0, -45.0, -1e-3, 0.0, 44.0, 46.0, 89.9, 135.0, 225.0, 316.0]
)
def test_turned_by_any_angle(degrees: float) -> None:
    """A ramp shows where each pixel comes from, to the last digit."""
    rows, columns = np.indices((31, 31)) - 15.0
    angle = math.radians(degrees)
    moved = RandomAffine((degrees, degrees))(columns[None, None] + 40)[0, 0]
    inside = np.hypot(rows, columns) < 14
    expected = 40 + math.cos(angle) * columns + math.sin(angle) * rows
    np.testing.assert_allclose(moved[inside], expected[inside], rtol=1e-14)


@needs_extension
def test_a_wide_gaussian_takes_little_memory() -> None:
    """A band about the diagonal, not a square of 60000 x 60000 numbers."""
    image = noise(1, 1, 1, 60000)
    with fs.backend.use("c"):
        pushed = ElasticTransform((50.0, 0.0), 20.0)(image, seed=1)
    assert np.isfinite(pushed).all()
    assert (pushed != image).any()


def test_the_widest_gaussian_pushes_all_alike() -> None:
    ramp = np.broadcast_to(np.arange(40, dtype=np.float64), (4, 1, 40, 40))
    pushed = (ElasticTransform((40.0, 0.0), 1000.0)(ramp, seed=5) - ramp)[:, 0, :, 10:30]
    assert np.ptp(pushed, axis=(1, 2)).max() < 1e-3
    assert np.abs(pushed).max() > 1e-3


# Who decides it


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_an_image_is_a_function_of_seed_and_number(dtype: Any) -> None:
    images = noise(40, 1, 12, 12, dtype=dtype)
    numbers = np.arange(40) + 100
    whole = MOVED(images, seed=7, samples=numbers)
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_array_equal(MOVED(images[order], seed=7, samples=numbers[order]), whole[order])
    np.testing.assert_array_equal(MOVED(images[5:6], seed=7, samples=[105]), whole[5:6])
    assert whole.dtype == dtype
    assert (MOVED(images, seed=8, samples=numbers) != whole).any(axis=(1, 2, 3)).all()
    same_image = np.repeat(images[:1], 40, axis=0)
    assert len({moved.tobytes() for moved in MOVED(same_image, seed=7)}) == 40


@needs_extension
def test_the_same_bits_for_any_number_of_threads() -> None:
    images = noise(300, 1, 28, 28)
    with fs.backend.use("c"):
        use_threads(1)
        expected = MOVED(images, seed=7)
        for threads in (2, 3, 8):
            use_threads(threads)
            np.testing.assert_array_equal(MOVED(images, seed=7), expected)


def test_the_default_seed_is_the_generators() -> None:
    images = noise(4, 1, 12, 12)
    fs.manual_seed(3)
    first, second = MOVED(images), MOVED(images)
    fs.manual_seed(3)
    np.testing.assert_array_equal(MOVED(images), first)
    assert (first != second).any()


# What goes in and comes out


def test_kinds_and_shapes() -> None:
    image = noise(3, 8, 10)
    tensor = MOVED(fs.from_numpy(image), seed=2)
    assert isinstance(tensor, fs.Tensor)
    assert tensor.shape == (3, 8, 10)
    np.testing.assert_array_equal(tensor.numpy(), MOVED(image, seed=2))
    batch = MOVED(image[None], seed=2)
    np.testing.assert_array_equal(batch[0], MOVED(image, seed=2))
    assert MOVED(noise(0, 1, 5, 5)).shape == (0, 1, 5, 5)
    assert MOVED(noise(2, 0, 5, 5)).shape == (2, 0, 5, 5)
    assert MOVED(noise(2, 1, 0, 5)).shape == (2, 1, 0, 5)


def test_bytes_are_rounded_numbers() -> None:
    images = noise(5, 2, 20, 20, dtype=np.uint8)
    exact = MOVED(images.astype(np.float64), seed=2)
    assert np.abs(MOVED(images, seed=2) - exact).max() <= 0.5 + 1e-3
    full = np.full((50, 1, 20, 20), 255, np.uint8)
    assert MOVED(full, seed=1)[:, :, 8:12, 8:12].min() == 255


def test_reprs() -> None:
    assert repr(RandomAffine(15, (0.1, 0.1), (0.9, 1.1))) == (
        "RandomAffine(degrees=(-15.0, 15.0), translate=(0.1, 0.1), scale=(0.9, 1.1))"
    )
    assert repr(Compose([RandomRotation((0, 5)), ElasticTransform(2, 3)])) == (
        "Compose([RandomRotation(degrees=(0.0, 5.0)), ElasticTransform(alpha=(2.0, 2.0), sigma=(3.0, 3.0))])"
    )


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: RandomAffine(-1), ValueError, "degrees must not be negative"),
        (lambda: RandomAffine("x"), TypeError, "degrees must be a number"),
        (lambda: RandomAffine((5, 1)), ValueError, r"degrees must be \(low, high\)"),
        (lambda: RandomAffine(math.nan), ValueError, "degrees"),
        (lambda: RandomAffine(math.inf), ValueError, "degrees must be finite"),
        (lambda: RandomAffine((1, 2, 3)), ValueError, "degrees must have 2 numbers"),
        (lambda: RandomAffine(36001), ValueError, "degrees must be between -36000 and 36000"),
        (lambda: RandomRotation((-1e300, 0)), ValueError, "degrees must be between"),
        (lambda: RandomAffine(0, translate=(0.1, 2)), ValueError, "translate must be parts"),
        (lambda: RandomAffine(0, translate=(0.1, 0.1, 0.1)), ValueError, "translate must have 1 or 2"),
        (lambda: RandomAffine(0, scale=(0, 1)), ValueError, "scale must be positive"),
        (lambda: RandomAffine(0, scale=(2, 1)), ValueError, "scale must be"),
        (lambda: RandomAffine(0, shear=90), ValueError, "shear must be between"),
        (lambda: RandomAffine(0, shear=(1, 2, 3)), ValueError, "shear must have 2 or 4"),
        (lambda: RandomRotation(None), TypeError, "degrees"),
        (lambda: ElasticTransform(sigma=-1), ValueError, "sigma must be between"),
        (lambda: ElasticTransform(sigma=(3, 1001)), ValueError, "sigma must be between 0 and 1000 pixels"),
        (lambda: ElasticTransform(alpha="a"), TypeError, "alpha"),
        (lambda: ElasticTransform(alpha=math.inf), ValueError, "alpha must be finite"),
        (lambda: Compose([abs]), TypeError, "Compose takes transforms"),
        (lambda: MOVED(noise(4, 4)), ValueError, r"expected images \(N, C, H, W\)"),
        (lambda: MOVED(np.zeros((1, 1, 4, 4), np.int64)), TypeError, "images must be uint8"),
        (lambda: MOVED(noise(2, 1, 4, 4), samples=[1]), ValueError, "samples must be one number per image"),
        (lambda: MOVED(noise(2, 1, 4, 4), samples=[1.0, 2.0]), TypeError, "samples must be integers"),
        (lambda: MOVED(noise(2, 1, 4, 4), seed=-1), ValueError, "seed must be in"),
        (lambda: MOVED(noise(2, 1, 4, 4), seed=2**64), ValueError, "seed must be in"),
        (lambda: MOVED(noise(2, 1, 4, 4), seed=0.5), TypeError, "integer"),
        (lambda: fs.backend.augment(noise(2, 1, 4, 4), np.arange(2), 0, 0, [(0, 0)] * 6, FLAT), ValueError, "augment"),
        (lambda: fs.backend.augment(noise(2, 1, 4, 4), np.arange(3), 0, 0, [(1, 1)] * 6, FLAT), ValueError, "augment"),
        (
            lambda: fs.backend.augment(noise(2, 1, 4, 4), np.arange(2), 0, 0, [(2e6, 1)] * 6, FLAT),
            ValueError,
            "augment",
        ),
        (
            lambda: fs.backend.augment(noise(2, 1, 4, 4), np.arange(2), 0, 0, [(1, 1)] * 6, [(1, 2e3)] * 2),
            ValueError,
            "augment",
        ),
    ],
)
def test_bad_input_is_named(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


# In a loader


def loader(**options: Any) -> DataLoader:
    images, labels = noise(30, 1, 12, 12), np.arange(30)
    options = {"batch_size": 7, "shuffle": True, "transform": MOVED, **options}
    return DataLoader(TensorDataset(images, labels), generator=fs.Generator().manual_seed(5), **options)


def by_label(batches: Any) -> dict[int, bytes]:
    return {
        int(y): x.tobytes() for images, labels in batches for x, y in zip(images.numpy(), labels.numpy(), strict=True)
    }


def test_neither_batches_nor_order_nor_a_thread_change_an_image() -> None:
    expected = by_label(loader())
    assert by_label(loader(batch_size=30)) == expected
    assert by_label(loader(shuffle=False)) == expected
    assert by_label(loader(num_workers=2)) == expected


def test_every_epoch_is_another() -> None:
    data = loader()
    first, second = by_label(data), by_label(data)
    assert all(first[i] != second[i] for i in range(30))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_resumed_epoch_has_the_same_images(workers: int, shuffle: bool) -> None:
    straight = [by_label(data) for data in [loader(shuffle=shuffle)] for _ in range(2)]
    stopped = loader(shuffle=shuffle, num_workers=workers)
    by_label(stopped)
    batches = iter(stopped)
    seen = by_label([next(batches), next(batches)])
    resumed = loader(shuffle=shuffle, num_workers=workers)
    resumed.load_state_dict(stopped.state_dict())
    assert {**seen, **by_label(resumed)} == straight[1]


def test_a_state_goes_with_its_transform() -> None:
    with pytest.raises(ValueError, match="transform"):
        loader(transform=None).load_state_dict(loader().state_dict())
    with pytest.raises(ValueError, match="transform"):
        loader().load_state_dict(loader(transform=None).state_dict())


def test_images_alone_and_what_is_no_image() -> None:
    [batch] = DataLoader(noise(4, 1, 6, 6), batch_size=4, transform=MOVED)
    assert batch.shape == (4, 1, 6, 6)
    with pytest.raises(TypeError, match="transform: expected batches of images"):
        list(DataLoader(["a", "b"], transform=MOVED))
    with pytest.raises(TypeError, match="transform must be callable"):
        loader(transform=3)
