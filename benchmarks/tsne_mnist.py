"""t-SNE of MNIST as a picture: ``python -m benchmarks.tsne_mnist [--n 10000] [--plot tsne.png]``.

Prints the time, the divergence and how often a point's nearest neighbour in the plane is of its class.
"""

import argparse
import time

import numpy as np

import fastscratch as fs
from fastscratch.manifold import TSNE
from fastscratch.viz import EmbeddingDisplay

from .works.estimators import mnist


def agreement(points: np.ndarray, labels: np.ndarray) -> float:
    """The share of points whose nearest other point has their label."""
    nearest = fs.backend.nearest_neighbours(points, 1)[0][:, 0]
    return float((labels[nearest] == labels).mean())


def main() -> None:
    """Fit, print and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tsne_mnist", description=__doc__)
    parser.add_argument("--n", type=int, default=10_000, help="training images, from the first on")
    parser.add_argument("--perplexity", type=float, default=30.0)
    parser.add_argument("--plot", help="where to write the picture")
    arguments = parser.parse_args()
    images, labels = mnist(arguments.n)()
    start = time.perf_counter()
    model = TSNE(perplexity=arguments.perplexity, verbose=1).fit(images)
    seconds = time.perf_counter() - start
    print(
        f"{arguments.n:,} points in {seconds:.1f} s with {fs.get_num_threads()} threads: divergence"
        f" {model.kl_divergence_:.3f}, nearest neighbour of the same class {agreement(model.embedding_, labels):.1%}"
    )
    if arguments.plot:
        EmbeddingDisplay(model.embedding_, labels=labels).plot().figure_.savefig(arguments.plot)


if __name__ == "__main__":
    main()
