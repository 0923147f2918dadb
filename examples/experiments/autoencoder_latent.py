"""Auto-encoder: how many numbers a digit needs.

784-256-64-k-64-256-784 with ReLU on 20,000 images, Adam, batch 128, 15 epochs, mean squared error of 2,000 held-out
images; beside it the error of as many principal components. Codes of two and three numbers are drawn as they are.
"""

from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch.decomposition import PCA

from ..report import Result
from . import autoencoder, data

SIZES = (1, 2, 3, 8, 16, 32, 64)


def pca_error(images: data.Images, k: int) -> float:
    """The held-out mean squared error of k principal components."""
    pca = PCA(k, svd_solver="full").fit(images.x.numpy())
    x = images.x_val.numpy()
    return float(((pca.inverse_transform(pca.transform(x)) - x) ** 2).mean())


def run(*, quick: bool = False) -> Result:
    """One auto-encoder for each size of the code."""
    images = data.images(500, 100) if quick else data.images(20_000, 2_000)
    rows, models = [], {}
    for k in (2, 3) if quick else SIZES:
        fs.manual_seed(0)
        models[k] = autoencoder.AutoEncoder(k)
        error = autoencoder.trained(models[k], images, 1 if quick else 15)
        linear = pca_error(images, k)
        rows.append((k, error, linear, linear / error))
    best = max(rows, key=lambda row: row[3])
    return Result(
        ("numbers", "auto-encoder's error", "PCA's error", "ratio"),
        rows,
        f"The advantage over principal components is largest with {best[0]} numbers: {best[3]:.2f} times less error.",
        lambda figure: _draw(figure, models, rows, images),
        (12.0, 8.0),
    )


def _draw(figure: Any, models: dict[int, Any], rows: list[tuple[Any, ...]], images: data.Images) -> None:
    flat, line, sheet = figure.add_subplot(2, 2, 1), figure.add_subplot(2, 2, 3), figure.add_subplot(2, 2, 4)
    solid = figure.add_subplot(2, 2, 2, projection="3d")
    labels = images.y_val.numpy()
    for ax, k in ((flat, 2), (solid, 3)):
        z = autoencoder.codes(models[k], images.x_val)
        for digit in np.unique(labels):
            ax.scatter(*z[labels == digit].T, s=4, label=str(digit), color=f"C{digit}")
        ax.set_title(f"codes of {k} numbers")
    flat.legend(fontsize=7, markerscale=3, ncols=2)
    line.loglog([r[0] for r in rows], [r[1] for r in rows], "o-", label="auto-encoder")
    line.loglog([r[0] for r in rows], [r[2] for r in rows], "s--", label="principal components")
    line.set_xticks([r[0] for r in rows], [str(r[0]) for r in rows])
    line.set_xticks([], minor=True)
    line.set(xlabel="numbers", ylabel="held-out mean squared error")
    line.legend(fontsize=8)
    shown = {k: autoencoder.through(m, images.x_val[:10]) for k, m in models.items() if k in (2, 8, 32)}
    autoencoder.show_rows(sheet, {"original": images.x_val.numpy(), **{f"{k} numbers": x for k, x in shown.items()}})
