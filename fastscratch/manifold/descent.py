"""The descent of t-SNE: gradient steps with momentum, and for every coordinate a gain of its own."""

import shutil
import sys
import time
from typing import Any

import numpy as np

from .. import backend
from ..train.progress import bar, clock
from .affinities import Affinities

Array = np.ndarray[Any, Any]

LEAST_GAIN = 0.01
CHECK_EVERY = 50  # steps between looks at the divergence


def divergence_and_gradient(
    y: Array, near: Affinities, exaggeration: float, wanted: bool, angle: float = 0.0
) -> tuple[float, Array]:
    """KL(e P || Q) of the embedding y, if wanted, for P exaggerated e times, and its gradient in y; exact for angle 0.

    sum p log(p / q), q = w^((f + 1) / 2) / Z, has the gradient 2 (f + 1) / f (sum p w (y_i - y_j) - sum q w (y_i - y_j)).
    """
    freedom = max(1, y.shape[1] - 1)
    pull, loss = backend.tsne_attraction(y, near.start, near.column, near.p, wanted)
    push, whole = backend.tsne_repulsion_tree(y, angle) if angle else backend.tsne_repulsion(y)
    whole = max(whole, float(np.finfo(y.dtype).tiny))
    kl = exaggeration * (near.inner + np.log(exaggeration) + loss + np.log(whole)) if wanted else np.nan
    factor = 2 * (freedom + 1) / freedom
    return kl, (factor * (exaggeration * pull - push / y.dtype.type(whole))).astype(y.dtype)


def descend(
    y: Array,
    near: Affinities,
    steps: range,
    *,
    exaggeration: float,
    momentum: float,
    learning_rate: float,
    patience: int,
    least_gradient: float,
    angle: float,
    progress: "Progress | None",
) -> tuple[Array, float, int]:
    """The embedding, its divergence and the last step, after the steps given or when there is no progress any more."""
    update, gains = np.zeros_like(y), np.ones_like(y)
    best, best_step, step, kl = np.inf, steps.start, steps.start, np.nan
    for step in steps:
        look = (step + 1) % CHECK_EVERY == 0 or step == steps[-1]
        kl, gradient = divergence_and_gradient(y, near, exaggeration, look, angle)
        gains = np.maximum(np.where(update * gradient < 0, gains + 0.2, gains * 0.8), LEAST_GAIN).astype(y.dtype)
        gradient *= gains
        update = y.dtype.type(momentum) * update - y.dtype.type(learning_rate) * gradient
        y = y + update
        if progress:
            progress.step(step + 1, kl)
        if not look:
            continue
        if kl < best:
            best, best_step = kl, step
        elif step - best_step > patience:
            break
        if np.linalg.norm(gradient) <= least_gradient:
            break
    return y, kl, step


class Progress:
    """A bar in one line where there is a terminal, else a line now and then."""

    def __init__(self, total: int) -> None:
        self.total, self.begin, self.drawn = total, time.perf_counter(), 0.0
        self.live = sys.stderr is not None and sys.stderr.isatty()
        self.kl = np.nan  # when it was last looked at

    def step(self, done: int, kl: float) -> None:
        """Tell how far it is, if there is something new to tell."""
        now = time.perf_counter()
        if self.live and (now - self.drawn > 0.1 or done == self.total):
            self.drawn = now
            left = clock((now - self.begin) / done * (self.total - done))
            self.kl = kl if np.isfinite(kl) else self.kl
            text = f"\rt-SNE |{bar(done / self.total, 24)}| {done}/{self.total}  divergence {self.kl:.4f}  {left} left "
            sys.stderr.write(text[: shutil.get_terminal_size().columns])
            sys.stderr.flush()
        elif not self.live and done % CHECK_EVERY == 0:
            print(f"[t-SNE] Iteration {done}: divergence {kl:.7f}, {now - self.begin:.1f} s")

    def end(self) -> None:
        """Leave the line."""
        if self.live:
            sys.stderr.write("\n")
