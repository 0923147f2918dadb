"""Reductions and running sums."""

import numpy as np

from .case import normal, positive, same


def _with_zeros(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((5, 4)) * (rng.random((5, 4)) > 0.3)


CASES = [
    same("sum_large", lambda m, x: m.sum(x), normal(200, 201), differences=False, bench=(normal(1024, 1024),)),
    same("sum", lambda m, x: m.sum(x), normal(3, 4)),
    same("sum_dim", lambda m, x: x.sum((0, -1), keepdim=True), normal(3, 4, 2)),
    same("mean", lambda m, x: x.mean(1), normal(3, 4)),
    same("mean_all", lambda m, x: m.mean(x), normal(3, 4)),
    same(
        "var",
        lambda m, x: (m.var(x), x.var(1), x.var((0, 2), keepdim=True), m.var(x, 0, correction=0)),
        normal(3, 4, 2),
    ),
    same("std", lambda m, x: (x.std(), x.std(0, unbiased=False)), normal(3, 4)),
    same("var_mean", lambda m, x: m.var_mean(x, 1), normal(3, 4)),
    same("std_mean", lambda m, x: m.std_mean(x, 1), normal(3, 4)),
    same("prod", lambda m, x: (m.prod(x), x.prod(1), x.prod(0, keepdim=True)), normal(3, 4)),
    same("prod_zeros", lambda m, x: (m.prod(x), x.prod(1), x.prod(0)), _with_zeros),
    same("cumsum", lambda m, x: (m.cumsum(x, 0), x.cumsum(-1)), normal(3, 4)),
    same("cumprod", lambda m, x: (m.cumprod(x, 0), x.cumprod(-1)), normal(3, 4)),
    same("cumprod_zeros", lambda m, x: m.cumprod(x, 0), _with_zeros),
    same(
        "norm_p", lambda m, x: (m.norm(x), x.norm(dim=1), x.norm(1), x.norm(3, dim=(0, 1), keepdim=True)), normal(3, 4)
    ),
    same("norm_ends", lambda m, x: (x.norm(float("inf"), 0), x.norm(float("-inf")), x.norm(0, 1)), normal(3, 4)),
    same("cdist", lambda m, x, y: (m.cdist(x, y), m.cdist(x, y, p=1.0)), normal(2, 3, 4), normal(2, 5, 4)),
    same("quantile", lambda m, x: (m.quantile(x, 0.3), m.quantile(x, 0.5, dim=0, keepdim=True)), normal(4, 5)),
    same("quantiles", lambda m, x: x.quantile(m.tensor([0.2, 1.0], dtype=x.dtype), 1), normal(4, 5)),
    same("dist", lambda m, x, y: m.dist(x, y), normal(3, 4), normal(3, 4)),
    same(
        "all_any",
        lambda m, x: (m.all(x), x.any(0), (x > 0).all(1), m.any(x > 2), m.count_nonzero(x, 0)),
        _with_zeros,
        gradient=False,
    ),
    same("nansum", lambda m, x: (m.nansum(x, 0), m.nanmean(x)), normal(3, 4)),
    same("sum_empty", lambda m, x: (x.sum(0), x.prod(0), m.sum(x)), normal(0, 3)),
    same("reduce_scalar", lambda m, x: x.sum() + x.mean() + x.prod() + x.norm(), positive()),
]
