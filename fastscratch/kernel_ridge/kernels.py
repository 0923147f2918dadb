"""Kernels of points, and what a solver needs of their Gram matrix: its triangle, its columns, its product with vectors."""

from typing import Any, NamedTuple

import numpy as np

from .. import backend

Array = np.ndarray[Any, Any]

NAMES = {"rbf": "rbf", "linear": "linear", "poly": "polynomial", "polynomial": "polynomial"}


class Kernel(NamedTuple):
    """exp(-gamma |x - z|^2), x.z or (gamma x.z + coef0)^degree."""

    name: str
    gamma: float
    coef0: float
    degree: float

    def gram(self, x: Array, z: Array | None) -> Array:
        """K(x, z), shape (m, n)."""
        return backend.gram(x, z, *self)

    def product(self, x: Array, z: Array | None, v: Array) -> Array:
        """K(x, z) v, shape (m, r), tile by tile: K is never stored; z None: of x with itself."""
        return backend.gram_matmul(x, z, v, *self)


class Points:
    """The Gram matrix of points, which is computed when it is asked for."""

    def __init__(self, kernel: Kernel, x: Array) -> None:
        self.kernel, self.x = kernel, x
        self._as = {x.dtype: x}

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Array) -> "Points":
        """That of some of the points."""
        return Points(self.kernel, np.ascontiguousarray(self.x[rows]))

    def points(self, dtype: Any) -> Array:
        """The points in a dtype."""
        dtype = np.dtype(dtype)
        if dtype not in self._as:
            self._as[dtype] = self.x.astype(dtype)
        return self._as[dtype]

    def lower(self, dtype: Any) -> Array:
        """Its lower triangle; what is above the diagonal is not defined."""
        out = np.zeros((len(self), len(self)), dtype)  # pages that nothing is written to take no memory
        backend.gram_lower(self.points(dtype), 0.0, *self.kernel, out)
        return out

    def full(self, dtype: Any) -> Array:
        """All of it, in memory of its own."""
        return self.kernel.gram(self.points(dtype), None)

    def columns(self, rows: slice, of: Array) -> Array:
        """The entries of some rows in the columns `of`, in float64."""
        some, landmarks = (np.ascontiguousarray(self.x[part], np.float64) for part in (rows, of))
        return self.kernel.gram(some, landmarks)

    def product(self, v: Array) -> Array:
        """Its product with v (n, r), in v's dtype."""
        return self.kernel.product(self.points(v.dtype), None, v)

    def cost(self) -> float:
        """Floating-point operations of the whole matrix."""
        return 2.0 * len(self) ** 2 * self.x.shape[1]


class Matrix:
    """A Gram matrix that was given."""

    def __init__(self, k: Array) -> None:
        self.k = k

    def __len__(self) -> int:
        return len(self.k)

    def take(self, rows: Array) -> "Matrix":
        return Matrix(np.ascontiguousarray(self.k[np.ix_(rows, rows)]))

    def lower(self, dtype: Any) -> Array:
        return np.array(self.k, dtype)

    full = lower

    def columns(self, rows: slice, of: Array) -> Array:
        return self.k[rows, of].astype(np.float64)

    def product(self, v: Array) -> Array:
        return backend.matmul(self.k.astype(v.dtype, copy=False), v)

    def cost(self) -> float:
        return 0.0


Source = Points | Matrix
