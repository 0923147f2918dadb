"""Augmented images per second: ``python -m benchmarks.augmentation [--threads 1,2]``.

Images of 28 x 28, 512 at a time, as floats and as bytes, and training a small network on augmented images: made
between the steps, and made ahead by the loader's thread (num_workers=1), which shares the processor with the steps.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch import nn
from fastscratch.data import DataLoader, TensorDataset
from fastscratch.data.transforms import Compose, ElasticTransform, RandomAffine, Transform
from fastscratch.nn import functional as F

from .timing import in_turns

AFFINE = RandomAffine(15, (0.15, 0.15), (0.85, 1.15), (-10, 10))
ELASTIC = ElasticTransform(68.0, 4.0)
TRANSFORMS: dict[str, Transform] = {"affine": AFFINE, "elastic": ELASTIC, "affine, elastic": Compose([AFFINE, ELASTIC])}
IMAGES, BATCH = 4096, 128


def images(n: int, dtype: Any) -> np.ndarray:
    """Random ones."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, 1, 28, 28), dtype=np.uint8)
    return pixels if dtype == np.uint8 else (pixels / 255).astype(dtype)


def epoch(**options: Any) -> Callable[[], None]:
    """A pass over the images, each moved and then trained on."""
    data = TensorDataset(images(IMAGES, np.float32), np.arange(IMAGES) % 10)
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, **options)
    fs.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * 49, 10)),
    )
    optimizer = fs.optim.SGD(model.parameters(), lr=1e-3)

    def call() -> None:
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    return call


def main() -> None:
    """Print the figures for each number of threads."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.augmentation", description=__doc__)
    parser.add_argument("--threads", default="1", help="numbers of threads, with commas between")
    for threads in map(int, parser.parse_args().threads.split(",")):
        fs.set_num_threads(threads)
        print(f"threads {threads}, instruction set {fs.backend.get_isa()}")
        for name, transform in TRANSFORMS.items():
            for dtype in (np.float32, np.uint8):
                batch = images(512, dtype)
                timing = in_turns({"it": lambda t=transform, x=batch: t(x, seed=1)})  # type: ignore[misc]
                print(f"{name:<16} {np.dtype(dtype).name:<8} {512 / timing.middle('it'):9,.0f} images/s")
        transform = TRANSFORMS["affine, elastic"]
        ways = {
            "plain": epoch(),
            "between": epoch(transform=transform),
            "ahead": epoch(transform=transform, num_workers=1),
        }
        timing = in_turns(ways, rounds=7)
        plain, between, ahead = (IMAGES / timing.middle(name) for name in ways)
        print(f"training: {plain:,.0f} images/s as they are, {between:,.0f} moved, {ahead:,.0f} moved ahead", end=" ")
        print(f"({timing.ratio('between', 'ahead'):.2f} times)")


if __name__ == "__main__":
    main()
