"""Results on real MNIST, each a grid for ``fastscratch compare``; ``python -m benchmarks.mnist_grids`` runs them."""
