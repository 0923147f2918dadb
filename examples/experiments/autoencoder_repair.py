"""Auto-encoder: taking noise away and filling in what is hidden.

784-256-64-32-64-256-784 on 10,000 images, trained to give the clean image back from a spoilt one, 15 epochs. Noise:
normal, standard deviation 0.5, clipped to [0, 1]. Hidden: a block of 12 by 12 pixels somewhere in the middle part.
2,000 images held out.
"""

from collections.abc import Callable

import numpy as np

import fastscratch as fs

from ..report import Result
from . import autoencoder, data

BLOCK = 12


def noisy(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With noise, clipped."""
    return np.clip(x + rng.normal(0, 0.5, x.shape), 0, 1).astype(np.float32)


def hidden(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With a block of zeros in each image."""
    spoilt = x.reshape(-1, 28, 28).copy()
    corners = rng.integers(4, 28 - 4 - BLOCK + 1, (len(x), 2))
    for image, (i, j) in zip(spoilt, corners, strict=True):
        image[i : i + BLOCK, j : j + BLOCK] = 0
    return spoilt.reshape(x.shape)


SPOIL: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {"noise": noisy, "a hidden block": hidden}


def run(*, quick: bool = False) -> Result:
    """Both kinds of damage, repaired by an auto-encoder trained on it and by one that saw clean images only."""
    images = data.images(500, 100) if quick else data.images(10_000, 2_000)
    epochs = 1 if quick else 15
    fs.manual_seed(0)
    plain = autoencoder.AutoEncoder(32)
    autoencoder.trained(plain, images, epochs)
    clean = images.x_val.numpy()
    rows, pictures = [], {"original": clean}
    for name, spoil in SPOIL.items():
        rng = np.random.default_rng(0)
        x, x_val = fs.tensor(spoil(images.x.numpy(), rng)), fs.tensor(spoil(clean, rng))
        fs.manual_seed(0)
        model = autoencoder.AutoEncoder(32)
        error = autoencoder.trained(model, images, epochs, inputs=(x, x_val))
        before, untrained = (
            float(((a - clean) ** 2).mean()) for a in (x_val.numpy(), autoencoder.through(plain, x_val))
        )
        rows.append((name, before, untrained, error))
        pictures |= {name: x_val.numpy(), f"{name}, repaired": autoencoder.through(model, x_val[:10])}
    found = ", ".join(f"{before / error:.1f} times for {name}" for name, before, _, error in rows)
    return Result(
        (
            "damage",
            "error of the spoilt image",
            "repaired by one trained on clean images",
            "by one trained on the damage",
        ),
        rows,
        f"Trained on the damage, the auto-encoder makes the error smaller: {found}.",
        lambda figure: autoencoder.show_rows(figure.subplots(), pictures),
        (8.0, 4.2),
    )
