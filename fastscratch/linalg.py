"""Linear algebra, under torch.linalg's names: cholesky, det, inv, norm, slogdet, solve."""

from numpy.linalg import LinAlgError

from .ops.linalg import cholesky, det, inv, norm, slogdet, solve

__all__ = ["LinAlgError", "cholesky", "det", "inv", "norm", "slogdet", "solve"]
