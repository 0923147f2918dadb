"""Images moved at random; the seed and the samples' numbers are the same at each call."""

from collections.abc import Callable

import numpy as np

import fastscratch as fs
from fastscratch.data.transforms import Compose, ElasticTransform, RandomAffine, RandomRotation, Transform

from .case import Case, Draw, normal


def _moved(transform: Transform) -> Callable[[fs.Tensor], fs.Tensor]:
    return lambda x: transform(x, seed=2**40 + 3, samples=np.arange(len(x)) * 2**33)


def _bytes(*shape: int) -> Draw:
    return lambda rng: rng.integers(0, 256, shape, dtype=np.uint8)


AFFINE = RandomAffine(30, (0.2, 0.1), (0.7, 1.4), (-20, 10, -5, 15))
BOTH = Compose([RandomAffine(15, (0.15, 0.15), (0.85, 1.15)), ElasticTransform(68.0, 4.0)])


def _case(name: str, transform: Transform, draw: Draw, *bench: Draw) -> Case:
    # a pixel that is not finite spoils those beside it, and rounding says which these are
    return Case(name, _moved(transform), (draw,), gradient=False, specials=False, bench=bench)


CASES = [
    _case("affine", AFFINE, normal(3, 1, 28, 28), normal(512, 1, 28, 28)),
    _case("affine_channels", AFFINE, normal(2, 3, 7, 37)),
    _case("affine_bytes", AFFINE, _bytes(3, 1, 28, 28), _bytes(512, 1, 28, 28)),
    _case("affine_bytes_channels", AFFINE, _bytes(2, 5, 9, 6)),
    _case("affine_one_pixel", AFFINE, normal(4, 2, 1, 1)),
    _case("affine_empty", AFFINE, normal(0, 1, 5, 5)),
    _case("affine_no_pixels", AFFINE, normal(2, 1, 0, 5)),
    _case("affine_no_channels", AFFINE, normal(2, 0, 3, 5)),
    _case("affine_many", AFFINE, normal(150, 1, 12, 9)),
    _case("rotation", RandomRotation((30, 60)), normal(2, 1, 16, 16)),
    _case("elastic", ElasticTransform(50.0, 4.0), normal(3, 1, 28, 28), normal(512, 1, 28, 28)),
    _case("elastic_uneven", ElasticTransform((40.0, 0.0), (3.0, 0.5)), normal(2, 2, 33, 17)),
    _case("elastic_rough", ElasticTransform(3.0, 0.0), normal(2, 1, 5, 40)),
    _case("elastic_small", ElasticTransform(10.0, 5.0), normal(3, 1, 1, 3)),
    _case("elastic_band", ElasticTransform((30.0, 20.0), (1.0, 3.0)), normal(2, 1, 70, 150)),
    _case("elastic_wide", ElasticTransform(90.0, 300.0), normal(2, 1, 9, 20)),
    _case("turns", RandomRotation(36000), normal(8, 1, 9, 9)),
    _case("affine_elastic", BOTH, normal(3, 1, 28, 28), normal(512, 1, 28, 28)),
    _case("elastic_affine", Compose([ElasticTransform(20.0, 2.0), AFFINE]), _bytes(2, 1, 20, 20)),
]
