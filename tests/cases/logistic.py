"""The objective of logistic regression, reached through `fs.linear_model` and here by itself."""

from typing import Any

import fastscratch as fs

from .case import Case, labels, normal, positive


def _objective(*arguments: fs.Tensor) -> Any:
    x, w, b, label, *weight = (t.detach().numpy() for t in arguments)
    loss, dw, db = fs.backend.logistic_gradient(x, w, b, label, weight[0] if weight else None)
    return fs.tensor(loss, dtype=fs.float64), fs.from_numpy(dw), fs.from_numpy(db)


def _row(name: str, n: int, d: int, k: int, *, weighted: bool = False) -> Case:
    weight = (positive(n),) if weighted else ()
    return Case(name, _objective, (normal(n, d), normal(k, d), normal(k), labels(k, n), *weight), gradient=False)


CASES = [
    _row("logistic", 7, 5, 3),
    _row("logistic_weighted", 40, 9, 2, weighted=True),
    _row("logistic_many_classes", 33, 6, 35),
    _row("logistic_segments", 1300, 70, 11, weighted=True),
    _row("logistic_one_class", 4, 2, 1),
    _row("logistic_no_features", 4, 0, 3),
    _row("logistic_nothing", 0, 3, 2),
]
