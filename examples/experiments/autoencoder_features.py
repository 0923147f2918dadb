"""Auto-encoder: what its code is good for.

A code of 16 numbers learned from 20,000 images without their labels, 15 epochs. On the 10,000 images that were held
out: k-means with ten clusters (purity, adjusted Rand index), and logistic regression taught by the first 1,000 of
them and measured on the others; from the pixels, from 16 principal components, and from the code.
"""

from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch.cluster import KMeans
from fastscratch.decomposition import PCA
from fastscratch.linear_model import LogisticRegression
from fastscratch.manifold import TSNE
from fastscratch.metrics import adjusted_rand_score, purity_score
from fastscratch.preprocessing import StandardScaler

from ..report import Result
from . import autoencoder, data


def run(*, quick: bool = False) -> Result:
    """Three descriptions of the same images, clustered and classified."""
    n_out, n_known, n_drawn = (200, 100, 100) if quick else (10_000, 1_000, 3_000)
    images = data.images(500 if quick else 20_000, n_out)
    fs.manual_seed(0)
    model = autoencoder.AutoEncoder(16)
    autoencoder.trained(model, images, 1 if quick else 15)
    x, y = images.x_val.numpy(), images.y_val.numpy()
    features = {
        "784 pixels": x,
        "16 principal components": PCA(16, random_state=0).fit(images.x.numpy()).transform(x),
        "the code, 16 numbers": autoencoder.codes(model, images.x_val),
    }
    rows = []
    for name, described in features.items():
        clusters = KMeans(10, n_init=5, random_state=0).fit_predict(described)
        scaled = StandardScaler().fit_transform(described)
        classifier = LogisticRegression(max_iter=300).fit(scaled[:n_known], y[:n_known])
        right = classifier.score(scaled[n_known:], y[n_known:])
        rows.append((name, f"{purity_score(y, clusters):.1%}", adjusted_rand_score(y, clusters), f"{right:.1%}"))
    plane = TSNE(random_state=0, max_iter=250 if quick else 1000).fit_transform(
        features["the code, 16 numbers"][:n_drawn]
    )
    return Result(
        ("description", "purity of k-means", "adjusted Rand", f"logistic regression, {n_known:,} labels"),
        rows,
        f"Clusters of the code are {rows[2][1]} pure, those of the pixels {rows[0][1]}; with {n_known:,} labels a linear"
        f" classifier has {rows[2][3]} on the code and {rows[0][3]} on the pixels.",
        lambda figure: _draw(figure, plane, y[:n_drawn]),
        (6.4, 5.8),
    )


def _draw(figure: Any, plane: np.ndarray, labels: np.ndarray) -> None:
    from fastscratch.viz import EmbeddingDisplay

    EmbeddingDisplay(plane, labels=labels).plot(ax=figure.subplots())
    figure.axes[0].set_title(f"t-SNE of the codes of {len(plane):,} held-out images")
