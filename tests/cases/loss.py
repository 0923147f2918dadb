"""Losses."""

import numpy as np

import fastscratch as fs
from fastscratch.ops import loss

from .case import Case, Draw, labels, normal, positive, uniform


def _some_ignored(classes: int, *shape: int) -> Draw:
    """Labels, among them -100."""
    return lambda rng: np.where(rng.random(shape) < 0.3, -100, rng.integers(0, classes, shape))


def _distributions(rows: int, classes: int) -> Draw:
    return lambda rng: rng.dirichlet(np.ones(classes), rows)


def _smoothed(x: fs.Tensor, t: fs.Tensor) -> fs.Tensor:
    weight = fs.from_numpy(np.linspace(0.5, 2, x.shape[1]).astype(x.dtype))
    return loss.cross_entropy(x, t, weight, label_smoothing=0.1)


CASES = [
    Case("cross_entropy", loss.cross_entropy, (normal(7, 10, scale=3), labels(10, 7)),
         bench=(normal(4096, 1000), labels(1000, 4096))),
    Case("cross_entropy_none", lambda x, t: loss.cross_entropy(x, t, reduction="none"), (normal(6, 37), labels(37, 6))),
    Case("cross_entropy_ignored", loss.cross_entropy, (normal(9, 5), _some_ignored(5, 9))),
    Case("cross_entropy_image", loss.cross_entropy, (normal(2, 5, 3, 4), _some_ignored(5, 2, 3, 4))),
    Case("cross_entropy_one", lambda x, t: loss.cross_entropy(x, t.reshape(())), (normal(5), labels(5, 1))),
    Case("cross_entropy_smoothed", _smoothed, (normal(7, 19), labels(19, 7))),
    Case("cross_entropy_large", loss.cross_entropy, (normal(4001, 11), labels(11, 4001)), gradient=False),
    Case("cross_entropy_wide", loss.cross_entropy, (normal(3, 20_001), labels(20_001, 3)), gradient=False),
    Case("cross_entropy_probabilities", loss.cross_entropy, (normal(4, 6), _distributions(4, 6))),
    Case("nll_loss", loss.nll_loss, (normal(7, 5), _some_ignored(5, 7))),
    Case("nll_loss_image", lambda x, t: loss.nll_loss(x, t, reduction="none"), (normal(2, 5, 3), labels(5, 2, 3))),
    Case("mse_loss", loss.mse_loss, (normal(4, 5), normal(4, 5))),
    Case("l1_loss", loss.l1_loss, (normal(4, 5), normal(4, 5))),
    Case("huber_loss", lambda x, t: loss.huber_loss(x, t, delta=0.7), (normal(4, 5), normal(4, 5))),
    Case("smooth_l1_loss", lambda x, t: loss.smooth_l1_loss(x, t, beta=0.7), (normal(4, 5), normal(4, 5))),
    Case("binary_cross_entropy", loss.binary_cross_entropy, (uniform(0.1, 0.9, 4, 5), uniform(0.1, 0.9, 4, 5)),
         specials=False),
    Case("binary_cross_entropy_with_logits",
         lambda x, t, w: loss.binary_cross_entropy_with_logits(x, t, pos_weight=w),
         (normal(4, 5, scale=3), uniform(0, 1, 4, 5), positive(5))),
    Case("kl_div", lambda x, t: loss.kl_div(x, t, reduction="batchmean"), (normal(4, 5), positive(4, 5))),
    Case("kl_div_log", lambda x, t: loss.kl_div(x, t, log_target=True), (normal(4, 5), normal(4, 5))),
]  # fmt: skip
