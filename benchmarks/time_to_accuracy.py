"""Seconds from process start to 98 % and 99 %: ``python -m benchmarks.time_to_accuracy [--json FILE]``.

The CNN conv32-conv64-FC128 on MNIST's 55,000 training images, Adam, batch 64, the same first weights and the same
order of the data for both libraries; accuracy on the 5,000 images held out, looked at after every 100 steps. Each
training is a process of its own, timed from before it is started: import, reading the data, training, and the looks
at the accuracy. PyTorch in its two image layouts with tuned malloc and the fused optimizer, and as installed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np

from .contest import TUNED_MALLOC
from .library import Library, about
from .timing import save, table
from .works.steps import cnn

CONTESTANTS = ("fastscratch", "torch, nchw", "torch, channels_last", "torch as installed")
GOALS = (0.98, 0.99)
BATCH, LOOK, HELD_OUT, MOST_EPOCHS, LR = 64, 100, 5000, 8, 1e-3


def library(contestant: str, threads: int) -> Library:
    """The one that a contestant computes with."""
    name, _, layout = contestant.partition(", ")
    best = contestant != "torch as installed"
    return Library("torch" if name.startswith("torch") else name, threads, best=best, layout=layout)


def accuracy(lib: Library, net: Any, x: Any, y: Any) -> float:
    """In parts of 1,000 images."""
    with lib.inference():
        right = [int((net(x[i : i + 1000]).argmax(1) == y[i : i + 1000]).sum()) for i in range(0, len(y), 1000)]
    return sum(right) / len(y)


def train(lib: Library, images: np.ndarray, labels: np.ndarray) -> Iterator[tuple[int, float]]:
    """Steps done and accuracy on the images held out, after every LOOK steps."""
    net = lib.network(cnn)
    optimizer = lib.optimizer("Adam", net.parameters(), lr=LR)
    x, y = lib.module.from_numpy(images), lib.module.from_numpy(labels)
    count, rng, step = len(labels) - HELD_OUT, np.random.default_rng(0), 0
    for _ in range(MOST_EPOCHS):
        order = rng.permutation(count)
        for i in range(0, count - BATCH + 1, BATCH):
            chosen = lib.module.from_numpy(order[i : i + BATCH])
            loss = lib.functional.cross_entropy(net(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % LOOK == 0:
                yield step, accuracy(lib, net, x[count:], y[count:])


def child(contestant: str, threads: int, start: float) -> None:
    """Train until the last goal is reached; prints what took how long."""
    lib = library(contestant, threads)
    from fastscratch.data import load_dataset

    samples = load_dataset("mnist", download=False)
    images = samples.data[:, None].astype(np.float32) / 255
    reached: dict[str, Any] = {"ready": time.time() - start}
    for step, right in train(lib, images, samples.targets):
        for goal in GOALS:
            if right >= goal and f"{goal:.0%}" not in reached:
                reached |= {f"{goal:.0%}": time.time() - start, f"steps to {goal:.0%}": step}
        if right >= GOALS[-1]:
            break
    print(json.dumps(reached | {"about": about(contestant.partition(",")[0])}))


def measure(contestant: str, threads: int) -> dict[str, Any]:
    """One training in a process of its own."""
    environment = dict(os.environ)
    if contestant != "torch as installed":
        environment |= TUNED_MALLOC
    command = [sys.executable, "-m", "benchmarks.time_to_accuracy", "--threads", str(threads), "--child", contestant]
    done = subprocess.run([*command, repr(time.time())], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> None:
    """Train in turns and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_to_accuracy", description="Time to an accuracy.")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child[0], arguments.threads, float(arguments.child[1]))
        return
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    for _ in range(arguments.rounds):
        for name in CONTESTANTS:
            runs[name].append(measure(name, arguments.threads))
            print(name, {key: value for key, value in runs[name][-1].items() if key != "about"}, flush=True)
    rows = [summary(name, found, runs["fastscratch"], arguments.threads) for name, found in runs.items()]
    goals = [f"{goal:.0%}" for goal in GOALS]
    columns = {"contestant": "", "threads": "d", "ready, s": ".2f"}
    for goal in goals:
        columns |= {f"{goal}, s": ".2f", f"{goal}, least": ".2f", f"steps to {goal}": "d", f"{goal} / ours": ".2f"}
    print(table(rows, columns))
    if arguments.json:
        save(arguments.json, rows, runs=runs)


def summary(name: str, found: list[dict[str, Any]], ours: list[dict[str, Any]], threads: int) -> dict[str, Any]:
    """Medians, minima and the ratio to ours; infinity where a goal was not reached."""
    row: dict[str, Any] = {"contestant": name, "threads": threads, "ready, s": median(run["ready"] for run in found)}
    for goal in (f"{goal:.0%}" for goal in GOALS):
        seconds, peer = ([run.get(goal, float("inf")) for run in runs] for runs in (found, ours))
        row |= {
            f"{goal}, s": median(seconds),
            f"{goal}, least": min(seconds),
            f"{goal} / ours": median(seconds) / median(peer),
        }
        row[f"steps to {goal}"] = found[0].get(f"steps to {goal}", 0)
    return row


if __name__ == "__main__":
    main()
