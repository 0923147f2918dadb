"""Cholesky's factor and what is computed from it; numpy.linalg's operations, for their gradients."""

import fastscratch as fs

from .case import Case, normal


def _definite(x: fs.Tensor) -> fs.Tensor:
    """Well-conditioned and symmetric, to the last bit."""
    a = x @ x.transpose(-1, -2)
    eye = fs.tensor(2.0 * x.shape[-2], dtype=x.dtype) * _eye(x.shape[-2], x.dtype)
    return (a + a.transpose(-1, -2)) * 0.5 + eye


def _eye(n: int, dtype: object) -> fs.Tensor:
    return fs.tensor([[float(i == j) for j in range(n)] for i in range(n)], dtype=dtype)


def _factor(x: fs.Tensor) -> fs.Tensor:
    return fs.linalg.cholesky(_definite(x))


def _in_place(x: fs.Tensor) -> fs.Tensor:
    a = _definite(x).detach().numpy().copy()
    fs.backend.cholesky_(a)
    return fs.from_numpy(a)


def _regular(x: fs.Tensor) -> fs.Tensor:
    return x + 4.0 * _eye(x.shape[-1], x.dtype)


CASES = [
    Case("cholesky", _factor, (normal(5, 5),), specials=False, bench=(normal(512, 512),)),
    Case("cholesky_upper", lambda x: fs.linalg.cholesky(_definite(x), upper=True), (normal(4, 4),), specials=False),
    Case("cholesky_batched", _factor, (normal(2, 3, 4, 4),), specials=False),
    Case("cholesky_one", _factor, (normal(1, 1),), specials=False),
    Case("cholesky_two_blocks", _factor, (normal(47, 47),), specials=False, differences=False),
    Case("cholesky_panels", _factor, (normal(171, 171),), specials=False, differences=False),
    Case("cholesky_many", _factor, (normal(40, 33, 33),), specials=False, differences=False),
    Case("cholesky_empty", _factor, (normal(2, 0, 0),), specials=False),
    Case("cholesky_in_place", _in_place, (normal(151, 151),), gradient=False, specials=False),
    Case("cholesky_in_place_panels", _in_place, (normal(461, 461),), gradient=False, specials=False),
    Case("cholesky_in_place_empty", _in_place, (normal(0, 0),), gradient=False, specials=False),
    Case("cholesky_solve", lambda b, x: fs.cholesky_solve(b, _factor(x)), (normal(5, 3), normal(5, 5)), specials=False,
         bench=(normal(512, 64), normal(512, 512))),
    Case("cholesky_solve_upper", lambda b, u: fs.cholesky_solve(b, _regular(u), upper=True), (normal(4, 2), normal(4, 4)),
         specials=False),
    Case("cholesky_solve_broadcast", lambda b, x: fs.cholesky_solve(b, _regular(x)), (normal(3, 1, 4, 2), normal(2, 4, 4)),
         specials=False),
    Case("cholesky_solve_slabs", lambda b, x: fs.cholesky_solve(b, _factor(x)), (normal(70, 301), normal(70, 70)),
         specials=False, differences=False),
    Case("cholesky_solve_one", lambda b, x: fs.cholesky_solve(b, _factor(x)), (normal(131, 1), normal(131, 131)),
         specials=False, differences=False),
    Case("cholesky_solve_blocks", lambda b, x: fs.cholesky_solve(b, _factor(x)), (normal(290, 11), normal(290, 290)),
         specials=False, differences=False),
    Case("logdet_definite", lambda x: fs.logdet(_definite(x)), (normal(2, 5, 5),), specials=False),
    Case("logdet", lambda x: fs.logdet(_regular(x)), (normal(3, 3, scale=0.5),), specials=False),
    Case("slogdet", lambda x: fs.slogdet(x).logabsdet, (normal(2, 3, 3),), specials=False),
    Case("det", fs.det, (normal(2, 3, 3),), specials=False),
    Case("inv", lambda x: fs.linalg.inv(_regular(x)), (normal(2, 3, 3, scale=0.5),), specials=False),
    Case("solve", lambda a, b: fs.linalg.solve(_regular(a), b), (normal(3, 3), normal(2, 3, 2)), specials=False),
    Case("solve_vector", lambda a, b: fs.linalg.solve(_regular(a), b), (normal(3, 3), normal(3)), specials=False),
    Case("norm", fs.linalg.norm, (normal(3, 4),)),
    Case("norm_one", lambda x: fs.linalg.norm(x, 1, dim=-1), (normal(3, 4),)),
    Case("norm_three", lambda x: fs.linalg.norm(x, 3, dim=0, keepdim=True), (normal(3, 4),)),
    Case("norm_inf", lambda x: fs.linalg.norm(x, float("inf"), dim=1), (normal(3, 4),)),
]  # fmt: skip
