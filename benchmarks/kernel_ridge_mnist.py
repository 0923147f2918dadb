"""Kernel ridge classification on all 60,000 training images of MNIST: ``python -m benchmarks.kernel_ridge_mnist``.

The scale of the images, the width of the Gaussian and the penalty are chosen on a validation split of the training images:
models of `--search` images are judged by the last 10,000, which none of them is fitted to. Then one model is fitted to all
and the test images are read, once. With ``--solver cholesky`` (the default) that is the exact solution:
a matrix of 60,000^2 float32 (14.4 GB) that is factored where it is built. ``cg`` solves the same equations without storing
the matrix, ``nystrom`` fits a model of `--components` landmarks.
"""

import argparse
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch.data import load_dataset
from fastscratch.kernel_ridge import KernelRidgeClassifier

from .timing import save, table

WIDTHS = (8.0, 7.0, 6.0, 5.0, 4.0)  # exp(-|x - z|^2 / (2 width^2)), for pixels in [0, 1]
ALPHAS = (1.0, 1e-1, 1e-2, 1e-3)  # of equal ones the first, the largest, is taken
SCALES = ("pixels", "length")
LENGTH = 10.0  # about that of the images themselves, so that the same widths suit both scales
VALIDATION = 10_000
COLUMNS = {"scale": "", "width": "g", "alpha": "g", "validation": ".2%", "seconds": ".1f"}


def rows_of(samples: Any, scale: str) -> np.ndarray:
    """Images as rows of float32: pixels in [0, 1], or all images of one length."""
    rows = samples.data.reshape(len(samples), -1).astype(np.float32) / 255
    if scale == "length":
        rows *= LENGTH / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows


def model(arguments: argparse.Namespace, width: float, alpha: float) -> KernelRidgeClassifier:
    """A classifier by the solver that was asked for; exact ones in float32, in place or without a matrix."""
    precision = "auto" if arguments.solver == "nystrom" else "float32"
    return KernelRidgeClassifier(
        alpha,
        kernel="rbf",
        gamma=1 / (2 * width**2),
        solver=arguments.solver,
        precision=precision,
        n_components=arguments.components,
        tol=arguments.tol,
        random_state=0,
        verbose=True,
    )


def search(arguments: argparse.Namespace, train: Any) -> list[dict[str, Any]]:
    """The accuracy on the validation images for each scale, width and penalty."""
    held_out, y = min(VALIDATION, len(train) // 5), train.targets
    others = np.random.default_rng(0).permutation(len(train) - held_out)[: arguments.search]
    found = []
    for scale, width, alpha in product(arguments.scales, arguments.widths, arguments.alphas):
        x = rows_of(train, scale)
        start = time.perf_counter()
        accuracy = model(arguments, width, alpha).fit(x[others], y[others]).score(x[-held_out:], y[-held_out:])
        seconds = time.perf_counter() - start
        found.append({"scale": scale, "width": width, "alpha": alpha, "validation": accuracy, "seconds": seconds})
        print(
            f"{scale}, width {width:g}, alpha {alpha:g}: {accuracy:.2%} of {held_out:,} validation images", flush=True
        )
    return found


def peak_memory() -> int:
    """The most bytes that this process has had in memory."""
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Search, fit, and look at the test images."""
    train = load_dataset(arguments.data, "train", n_samples=arguments.train)
    begin = time.perf_counter()
    tried = (
        search(arguments, train) if len(arguments.scales) * len(arguments.widths) * len(arguments.alphas) > 1 else []
    )
    first = {"scale": arguments.scales[0], "width": arguments.widths[0], "alpha": arguments.alphas[0]}
    best = max(tried, key=lambda row: row["validation"]) if tried else first
    x = rows_of(train, best["scale"])
    found = time.perf_counter()
    classifier = model(arguments, best["width"], best["alpha"]).fit(x, train.targets)
    fitted = time.perf_counter()
    test = load_dataset(arguments.data, "test")
    accuracy = classifier.score(rows_of(test, best["scale"]), test.targets)
    done = time.perf_counter()
    return {
        "solver": arguments.solver, "n_train": len(x), "n_test": len(test),
        "scale": best["scale"], "width": best["width"], "alpha": best["alpha"],
        "iterations": classifier.n_iter_, "precision": classifier.precision_,
        "n_components": None if arguments.solver == "cholesky" else min(len(x), arguments.components),
        "test_accuracy": accuracy, "search_seconds": found - begin, "fit_seconds": fitted - found,
        "predict_seconds": done - fitted, "peak_bytes": peak_memory(), "search": tried,
    }  # fmt: skip


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kernel_ridge_mnist",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    numbers = {"type": lambda text: [float(part) for part in text.split(",")]}
    parser.add_argument("--solver", choices=["cholesky", "cg", "nystrom"], default="cholesky")
    parser.add_argument("--data", default="mnist", help="a data set by name, or a folder with its four files")
    parser.add_argument("--train", type=int, help="only so many training images, from the start")
    parser.add_argument("--search", type=int, default=10_000, help="images that the models of the search are fitted to")
    parser.add_argument("--scales", type=lambda text: text.split(","), default=SCALES, help="pixels, length, or both")
    parser.add_argument("--widths", **numbers, default=WIDTHS, help="with commas between; one of each: no search")
    parser.add_argument("--alphas", **numbers, default=ALPHAS, help="with commas between")
    parser.add_argument("--components", type=int, default=4000, help="landmarks of cg and nystrom")
    parser.add_argument("--tol", type=float, default=1e-3, help="of cg: what may be left of the targets, relatively")
    parser.add_argument("--threads", type=int, help="as many as there are cores, if not given")
    parser.add_argument("--output", default="runs/kernel_ridge_mnist", metavar="FOLDER", help="SOLVER.json goes there")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> None:
    """Run, print what came of it, and save it."""
    arguments = _arguments(given)
    if arguments.threads:
        fs.set_num_threads(arguments.threads)
    result = run(arguments)
    if result["search"]:
        print("\n" + table(result["search"], COLUMNS) + "\n")
    times = ", ".join(f"{step} {result[step + '_seconds']:.1f} s" for step in ("search", "fit", "predict"))
    chosen = f"{result['scale']}, width {result['width']:g}, alpha {result['alpha']:g}"
    print(
        f"{result['solver']}, {result['n_train']:,} images, {chosen}: {result['test_accuracy']:.2%} of "
        f"{result['n_test']:,} test images; {times}; {result['peak_bytes'] / 1e9:.2f} GB"
    )
    path = Path(arguments.output) / f"{arguments.solver}.json"
    save(path, [result])
    print(f"saved in {path}")


if __name__ == "__main__":
    main()
