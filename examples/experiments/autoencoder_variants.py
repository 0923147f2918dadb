"""Auto-encoder: depth, activation, loss, tied weights.

A code of 16 numbers, 10,000 images, Adam, batch 128, 15 epochs; whatever the loss, the mean squared error of 2,000
held-out images. One thing is changed at a time.
"""

from typing import Any

import fastscratch as fs
from fastscratch import nn
from fastscratch.nn import functional as F

from ..report import Result
from . import autoencoder, data

VARIANTS: dict[str, tuple[dict[str, Any], Any]] = {  # options of AutoEncoder, and the loss
    "256-64, ReLU, squared error": ({}, F.mse_loss),
    "no hidden layer": ({"hidden": ()}, F.mse_loss),
    "one hidden layer, 256": ({"hidden": (256,)}, F.mse_loss),
    "three hidden layers, 256-128-64": ({"hidden": (256, 128, 64)}, F.mse_loss),
    "tanh": ({"activation": nn.Tanh}, F.mse_loss),
    "sigmoid": ({"activation": nn.Sigmoid}, F.mse_loss),
    "binary cross entropy": ({}, F.binary_cross_entropy),
    "tied weights": ({"tied": True}, F.mse_loss),
}


def run(*, quick: bool = False) -> Result:
    """Every variant."""
    images = data.images(500, 100) if quick else data.images(10_000, 2_000)
    rows, pictures = [], {}
    for name, (options, loss) in VARIANTS.items():
        fs.manual_seed(0)
        model = autoencoder.AutoEncoder(16, **options)
        error = autoencoder.trained(model, images, 1 if quick else 15, loss=loss)
        rows.append((name, f"{sum(p.numel() for p in model.parameters()):,}", error))
        pictures[name] = autoencoder.through(model, images.x_val[:10])
    best = min(rows, key=lambda row: row[2])
    tied = next(row for row in rows if row[0] == "tied weights")
    return Result(
        ("auto-encoder", "parameters", "held-out error"),
        rows,
        f"The least error is that of {best[0]!r}, {best[2]:.4f}; tied weights have {tied[2]:.4f} with {tied[1]} parameters"
        f" instead of {rows[0][1]}.",
        lambda figure: autoencoder.show_rows(figure.subplots(), {"original": images.x_val.numpy(), **pictures}),
        (8.0, 6.4),
    )
