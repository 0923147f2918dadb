"""Covariance, on second moments of weighted points."""

from .case import Case, labels, normal, positive, same

CASES = [
    same("cov", lambda lib, x: lib.cov(x), normal(5, 9), bench=(normal(256, 4096),)),
    same("cov_of_the_mean_square", lambda lib, x: lib.cov(x, correction=0), normal(3, 4)),
    same("cov_weighted", lambda lib, x, w: lib.cov(x, aweights=w.detach()), normal(4, 6), positive(6), differences=False,
         specials=False),
    same("cov_counted", lambda lib, x, n: lib.cov(x, fweights=n), normal(3, 8), labels(4, 8)),
    same("cov_both", lambda lib, x, n, w: lib.cov(x, fweights=n, aweights=w.detach()),
         normal(3, 8), labels(4, 8), positive(8), differences=False, specials=False),
    same("cov_one_variable", lambda lib, x: lib.cov(x), normal(7)),
    Case("cov_segments", lambda x: x.cov(), (normal(3, 2100),), differences=False),
]  # fmt: skip
