"""Threads of Python that predict at once: ``python -m benchmarks.python_threads [--threads 1,2]``.

One network for all of them, with batches of their own; a kernel uses one thread. Samples per second that all make together,
median and best of the rounds, and how many times what one thread makes: kernels run without the GIL, what is between does
not.
"""

import argparse
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch import nn

from .timing import machine, save, table

COLUMNS = {
    "network": "",
    "batch": "d",
    "threads": "d",
    "samples/s": ",.0f",
    "times": ".2f",
    "best": ",.0f",
    "times, best": ".2f",
}


def networks() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """Networks and the shape of one sample."""
    fs.manual_seed(0)
    mlp = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    cnn = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 49, 10)),
    )
    return {"MLP 784-256-128-10": (mlp.eval(), (784,)), "CNN 16-32, 28 x 28": (cnn.eval(), (1, 28, 28))}


def rate(net: nn.Module, batches: list[fs.Tensor], seconds: float) -> float:
    """Samples per second, with one thread for each batch."""
    counts = [0] * len(batches)
    start, stop = threading.Barrier(len(batches) + 1), threading.Event()

    def work(i: int) -> None:
        with fs.no_grad():
            net(batches[i])
            start.wait()
            while not stop.is_set():
                net(batches[i])
                counts[i] += 1

    workers = [threading.Thread(target=work, args=(i,)) for i in range(len(batches))]
    for worker in workers:
        worker.start()
    start.wait()
    begun = time.perf_counter()
    time.sleep(seconds)
    stop.set()
    for worker in workers:
        worker.join()
    return sum(counts) * len(batches[0]) / (time.perf_counter() - begun)


def measured(threads: list[int], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """A row for each network, size of batch and number of threads; the numbers of threads take turns."""
    rows = []
    for name, (net, shape) in networks().items():
        for batch in (1, 64, 1024):
            batches = [fs.randn(batch, *shape) for _ in range(max(threads))]
            samples = np.array([[rate(net, batches[:n], seconds) for n in threads] for _ in range(rounds)])
            middle, best = np.median(samples, axis=0).tolist(), samples.max(axis=0).tolist()
            for i, n in enumerate(threads):
                row = {"network": name, "batch": batch, "threads": n, "samples/s": middle[i], "best": best[i]}
                rows.append(row | {"times": middle[i] / middle[0], "times, best": best[i] / best[0]})
    return rows


def main() -> None:
    """Print the table; write JSON and, beside it, Markdown where --json says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.python_threads", description=__doc__)
    everything = ",".join(map(str, range(1, (os.cpu_count() or 1) + 1)))
    parser.add_argument("--threads", default=everything, help="numbers of threads of Python, with commas between")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each sample")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, and the table beside it")
    arguments = parser.parse_args()
    fs.set_num_threads(1)
    rows = measured([int(n) for n in arguments.threads.split(",")], arguments.rounds, arguments.seconds)
    known = machine()
    where = f"{known['cpus']} cores of {known['processor']}, {known['instruction_set']}, Python {known['python']}"
    text = f"{table(rows, COLUMNS)}\n\nfloat32; {where}, {known['date']}."
    print(text)
    if arguments.json:
        save(arguments.json, rows)
        Path(arguments.json).with_suffix(".md").write_text(text + "\n")


if __name__ == "__main__":
    main()
