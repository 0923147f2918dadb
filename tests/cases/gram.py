"""Kernels between points: Gaussian, linear, polynomial."""

from typing import Any

import numpy as np

import fastscratch as fs

from .case import Case, normal, uniform


def _lower(x: Any, *rule: Any) -> Any:
    """K + I / 2 below the diagonal; above it, what was there."""
    out = np.full((len(x), len(x)), 7, x.array.dtype)
    fs.backend.gram_lower(x.array, 0.5, *rule, out)
    return fs.from_numpy(out)


def _times(x: Any, z: Any, v: Any, *rule: Any) -> Any:
    return fs.from_numpy(fs.backend.gram_matmul(x.array, None if z is None else z.array, v.array, *rule))


RULES = [("rbf", 0.05, 0.0, 0.0), ("linear", 0.0, 0.0, 0.0), ("polynomial", 0.5, 1.0, 3)]


def _kernel_only() -> list[Case]:
    """What no operation of ours calls."""
    only: dict[str, Any] = {"gradient": False}
    cases = []
    for rule in RULES:
        name = rule[0]
        cases += [
            Case(f"gram_lower_{name}", lambda x, rule=rule: _lower(x, *rule), (normal(6, 3),), **only),
            Case(f"gram_lower_{name}_tiles", lambda x, rule=rule: _lower(x, *rule), (normal(230, 5),), **only),
            Case(f"gram_times_{name}", lambda x, z, v, rule=rule: _times(x, z, v, *rule),
                 (normal(7, 3), normal(9, 3), normal(9, 2)), **only),
            Case(f"gram_times_{name}_tiles", lambda x, z, v, rule=rule: _times(x, z, v, *rule),
                 (normal(230, 3), normal(450, 3), normal(450, 5)), **only),
            Case(f"gram_times_{name}_symmetric", lambda x, v, rule=rule: _times(x, None, v, *rule),
                 (normal(460, 9), normal(460, 3)), **only),
            Case(f"gram_times_{name}_one_column", lambda x, v, rule=rule: _times(x, None, v, *rule),
                 (normal(5, 2), normal(5, 1)), **only),
            Case(f"gram_times_{name}_empty", lambda x, z, v, rule=rule: _times(x, z, v, *rule),
                 (normal(3, 2), normal(0, 2), normal(0, 2)), specials=False, **only),
        ]  # fmt: skip
    return cases


CASES = [
    Case("rbf", lambda x, z: fs.rbf_kernel(x, z, 0.3), (normal(7, 4), normal(5, 4)),
         bench=(normal(1000, 64), normal(1000, 64))),
    Case("rbf_symmetric", lambda x: fs.rbf_kernel(x, gamma=0.3), (normal(6, 3),)),
    Case("rbf_far", lambda x, z: fs.rbf_kernel(x + 30.0, z + 30.0, 0.5), (normal(5, 3), normal(4, 3)), specials=False),
    Case("rbf_tiles", lambda x, z: fs.rbf_kernel(x, z, 0.01), (normal(230, 5), normal(241, 5)), differences=False),
    Case("rbf_symmetric_tiles", lambda x: fs.rbf_kernel(x, gamma=0.05), (normal(233, 7),), differences=False),
    Case("rbf_deep", lambda x: fs.rbf_kernel(x, gamma=0.001), (normal(33, 1700),), differences=False),
    Case("rbf_one", fs.rbf_kernel, (normal(1, 1),)),
    Case("rbf_no_features", fs.rbf_kernel, (normal(3, 0), normal(2, 0)), specials=False),
    Case("rbf_empty", fs.rbf_kernel, (normal(3, 2), normal(0, 2)), specials=False),
    Case("rbf_of_none", fs.rbf_kernel, (normal(0, 2),), specials=False),
    Case("linear_kernel", fs.linear_kernel, (normal(7, 4), normal(5, 4))),
    Case("linear_kernel_symmetric", fs.linear_kernel, (normal(6, 3),)),
    Case("linear_kernel_tiles", fs.linear_kernel, (normal(240, 5),), differences=False),
    Case("polynomial_kernel", fs.polynomial_kernel, (normal(7, 4), normal(5, 4))),
    Case("polynomial_kernel_symmetric", lambda x: fs.polynomial_kernel(x, degree=2, coef0=-1), (normal(6, 3),)),
    Case("polynomial_kernel_tiles", lambda x: fs.polynomial_kernel(x, None, 4, 0.1), (normal(240, 5),), differences=False),
    Case("polynomial_kernel_broken_degree", lambda x, z: fs.polynomial_kernel(x, z, 2.5), (uniform(0, 2, 7, 4),
         uniform(0, 2, 6, 4)), specials=False),
    *_kernel_only(),
]  # fmt: skip
