"""``make soak``: twenty minutes of training, checkpoints, prediction and estimators in one process; nothing may grow.

    python -m reliability.soak [MINUTES]

Memory and open files are looked at after each round. The first fifth of the rounds is a warm-up; of the others, the last
third is held against the first.
"""

import argparse
import gc
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch.train import Trainer, load_checkpoint, save_checkpoint

from . import training
from .record import record

_MAY_GROW = 2 << 20  # bytes of resident memory in the whole time: Python's and the system's own rounding
_LEAST_ROUNDS = 10


def one_round(folder: Path, data: Any, number: int) -> None:
    """A training with its checkpoints, resumed once; predictions; every estimator; files of every kind."""
    run = folder / "run"
    run.mkdir()
    training.train(run, data)
    training.train(run, data)  # over already: a resume that finds nothing to do
    network = fs.nn.Sequential(fs.nn.Linear(20, 50), fs.nn.ReLU(), fs.nn.Dropout(0.2), fs.nn.Linear(50, 3))
    _predict(network, run / "network.safetensors")
    _fit_estimators(np.random.default_rng(number))
    fs.data.write_idx(run / "labels.gz", np.arange(100, dtype=np.uint8))
    fs.data.read_idx(run / "labels.gz")
    _fail_on_purpose(run)
    shutil.rmtree(run)


def _predict(network: Any, path: Path) -> None:
    """Save, load and ask a network, from several threads at once too."""
    optimizer = fs.optim.AdamW(network.parameters())
    save_checkpoint(path, model=network, optimizer=optimizer)
    load_checkpoint(path, model=network, optimizer=optimizer)
    inputs = fs.randn(400, 20)
    threads = [threading.Thread(target=lambda: Trainer(network).predict(inputs, batch_size=64)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _fit_estimators(rng: np.random.Generator) -> None:
    x = rng.standard_normal((120, 8))
    labels, y = (x[:, 0] > 0).astype(int), x @ rng.standard_normal(8)
    fs.linear_model.LinearRegression().fit(x, y).predict(x)
    fs.linear_model.Ridge().fit(x, y).predict(x)
    fs.linear_model.LogisticRegression().fit(x, labels).predict(x)
    fs.kernel_ridge.KernelRidge(kernel="rbf").fit(x, y).predict(x)
    fs.kernel_ridge.KernelRidgeClassifier().fit(x, labels).predict(x)
    fs.cluster.KMeans(3, n_init=1, random_state=0).fit(x).predict(x)
    fs.decomposition.PCA(3).fit(x).transform(x)
    network = fs.neural_network.MLPClassifier((10,), max_iter=5, random_state=0, tol=0, n_iter_no_change=100)
    network.fit(x, labels).predict(x)
    fs.manifold.TSNE(perplexity=5, max_iter=250, random_state=0).fit_transform(x[:60])
    fs.preprocessing.StandardScaler().fit_transform(x)


def _fail_on_purpose(folder: Path) -> None:
    """Errors must let go of what they held."""
    (folder / "damaged").write_bytes(b"\0" * 30)
    for attempt in (
        lambda: fs.data.read_idx(folder / "damaged"),
        lambda: fs.load(folder / "damaged"),
        lambda: fs.ones(2, 3) @ fs.ones(2, 3),
        lambda: save_checkpoint(folder / "none" / "x", model=fs.nn.Linear(2, 2)),
        lambda: fs.nn.functional.cross_entropy(fs.zeros(2, 3), fs.tensor([0, 7])),
    ):
        try:
            attempt()
        except (ValueError, RuntimeError, IndexError, OSError):
            continue
        raise AssertionError("what should have failed did not")


def state() -> dict[str, int]:
    """What must not grow."""
    gc.collect()
    return {
        "resident": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        "in use": fs.backend.memory_stats()["used"],
        "files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "objects": len(gc.get_objects()),
    }


def judged(seen: list[dict[str, int]]) -> dict[str, Any]:
    """First and last third after the warm-up: the counts of the record, and whether nothing grew."""
    steady = seen[len(seen) // 5 :]
    third = max(1, len(steady) // 3)
    growth = {
        name: statistics.median(s[name] for s in steady[-third:]) - statistics.median(s[name] for s in steady[:third])
        for name in seen[0]
    }
    ok = growth["resident"] <= _MAY_GROW and growth["in use"] <= 0 and growth["files"] <= 0 and growth["threads"] <= 0
    ok = ok and growth["objects"] <= 0.001 * seen[-1]["objects"] and len(seen) >= _LEAST_ROUNDS
    counts: dict[str, Any] = {"rounds": len(seen)}
    for name, unit in (("resident", "kB"), ("in use", "kB"), ("files", ""), ("threads", ""), ("objects", "")):
        size = 1024 if unit else 1
        told = {"resident": "resident memory", "in use": "the allocator's memory in use", "files": "open files"}.get(
            name, name
        )
        counts[f"{told} at the end{', ' + unit if unit else ''}"] = seen[-1][name] // size
        counts[f"{told}, growth{', ' + unit if unit else ''}"] = round(growth[name] / size, 1)
    return {"ok": ok, "counts": counts}


def main() -> int:
    """Go on for so many minutes, say how it is every minute, and record it."""
    parser = argparse.ArgumentParser(prog="reliability.soak", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=20)
    arguments = parser.parse_args()
    data, seen = training.load_data(), []
    start = told = time.perf_counter()
    warnings.simplefilter("ignore")  # few iterations do not converge
    with tempfile.TemporaryDirectory(prefix="fastscratch-soak-") as folder:
        while time.perf_counter() - start < 60 * arguments.minutes or len(seen) < _LEAST_ROUNDS:
            one_round(Path(folder), data, len(seen))
            seen.append(state())
            if time.perf_counter() - told > 60:
                told = time.perf_counter()
                print(f"{told - start:6.0f} s, {len(seen)} rounds: {seen[-1]}", flush=True)
    command, seconds = f"make soak MINUTES={arguments.minutes:g}", time.perf_counter() - start
    result = {"command": command, "seconds": seconds, **judged(seen)}
    for name, count in result["counts"].items():
        print(f"{name:<50} {count:>12}")
    record("soak", result)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
