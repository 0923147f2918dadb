"""Every picture of fastscratch.viz, from two short trainings: python examples/pictures.py --output pictures."""

import argparse
import time
from pathlib import Path

import numpy as np

import fastscratch as fs
from fastscratch import models, viz
from fastscratch.data import DataLoader, TensorDataset, load_splits, make_moons
from fastscratch.manifold import TSNE
from fastscratch.metrics import accuracy, confusion_matrix
from fastscratch.neural_network import MLPClassifier
from fastscratch.nn import functional as F
from fastscratch.train import GradientNorms, Trainer, find_lr


def as_tensor(images):
    """uint8 (N, 28, 28) as float32 (N, 1, 28, 28) in [0, 1]."""
    return fs.tensor(images[:, None].astype(np.float32) / 255)


def train(name, lr, samples, arguments):
    """Train on four fifths of the samples, validate on the rest; a Trainer, the gradient norms and the range test."""
    model = models.MODELS[name]()
    count = 4 * len(samples) // 5
    images, labels = as_tensor(samples.data), fs.tensor(samples.targets)
    loader = DataLoader(TensorDataset(images[:count], labels[:count]), batch_size=64, shuffle=True)
    held_out = DataLoader(TensorDataset(images[count:], labels[count:]), batch_size=500)
    norms = GradientNorms(arguments.output / f"{name}_gradients.jsonl")
    optimizer = fs.optim.Adam(model.parameters(), lr=lr)
    trainer = Trainer(model, optimizer, F.cross_entropy, metrics={"accuracy": accuracy}, callbacks=[norms])
    found = find_lr(model, optimizer, F.cross_entropy, loader)
    trainer.fit(loader, held_out, arguments.epochs)
    return trainer, norms.rows, found


def pictures(arguments):
    """The name and the figure of each picture, one after the other."""
    samples, test = load_splits(arguments.data, n_train=arguments.samples, n_test=arguments.samples, fallback="digits")
    print(f"{samples.name}: {len(samples):,} to train and validate on, {len(test):,} to test")
    fs.manual_seed(arguments.seed)
    mlp, _, _ = train("mlp", 1e-3, samples, arguments)
    cnn, norms, found = train("cnn", 2e-3, samples, arguments)
    yield "history", viz.plot_history({"mlp": mlp.history, "cnn": cnn.history})
    yield "lr_range", viz.plot_lr_range(found)
    yield "gradient_norms", viz.plot_gradient_norms(norms)
    yield "weights", viz.plot_weights(mlp.model, count=32, columns=8)
    yield "filters", viz.plot_filters(cnn.model, columns=8)
    yield "filters_of_the_second_layer", viz.plot_filters(cnn.model, layer="3", count=8)

    images = as_tensor(test.data)
    shares = F.softmax(cnn.predict(images), 1).numpy()
    yield "errors", viz.plot_errors(images, test.targets, shares, classes=test.classes)
    yield "predictions", viz.plot_predictions(images, test.targets, shares, classes=test.classes, random_state=0)
    counts = confusion_matrix(test.targets, shares.argmax(1), labels=range(len(test.classes)))
    yield "confusions", viz.plot_confusions(counts, classes=test.classes)
    yield "feature_maps", viz.plot_feature_maps(cnn.model, images[:1])

    shown = slice(0, 1000)
    codes = viz.activations(cnn.model, images[shown], layers=["8"])["8"]
    points = TSNE(max_iter=500, random_state=0).fit_transform(codes)
    yield "embedding", viz.EmbeddingDisplay(points, labels=test.targets[shown]).plot().figure_
    X, y = make_moons(300, noise=0.2, random_state=0)
    moons = MLPClassifier((32, 32), learning_rate_init=0.01, random_state=0).fit(X, y)
    yield "boundary", viz.DecisionBoundaryDisplay.from_estimator(moons, X, y).figure_


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("pictures"), help="the folder (default: pictures)")
    parser.add_argument("--data", default="mnist", help="mnist, fashion_mnist, digits or a folder (default: mnist)")
    parser.add_argument("--samples", type=int, default=6000, help="of the training set, and of the test set")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    for name, figure in pictures(arguments):
        figure.savefig(arguments.output / f"{name}.png")
        print(f"{time.perf_counter() - start:5.1f} s  {arguments.output / name}.png")


if __name__ == "__main__":
    main()
