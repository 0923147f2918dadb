"""Repulsion in t-SNE by the tree of Barnes and Hut: the decisions of csrc/tsne_tree.c, cell by cell for all who meet it."""

from itertools import pairwise
from typing import Any

import numpy as np

from ..bounds import bounded
from ..order import gives, rows
from .tsne import tsne_repulsion

Array = np.ndarray[Any, Any]

LEAF, GROUP = 8, 32  # points that need no smaller cell, and that walk together
NARROW = 1 / 1024  # times the angle: so wide is a cell whose points are at one place


class _Tree:
    """Points along Morton's curve, of which a cell is a run; what they push one another adds up as a walk goes on."""

    def __init__(self, y: Array, angle: float) -> None:
        self.dims, self.angle = y.shape[1], angle
        self.bits = 21 if self.dims > 2 else 31
        low, high = 0.5 * y.min(axis=0).astype(np.float64), 0.5 * y.max(axis=0).astype(np.float64)
        width = float((high - low).max())
        scale = 2.0**self.bits / width if width > 0 else 0.0
        grid = (0.5 * y.astype(np.float64) - low) * (scale if scale < np.inf else 0.0)
        grid = np.minimum(grid, 2.0**self.bits - 1).astype(np.int64)
        key = np.zeros(len(y), np.int64)
        for bit in range(self.bits):
            for c, column in enumerate(grid.T):
                key |= (column >> bit & 1) << (bit * self.dims + c)
        self.order = np.argsort(key, kind="stable")
        self.y, self.key, self.grid = y[self.order], key[self.order], grid[self.order]
        self.narrow = 2 * width * 2.0**-self.bits < NARROW * angle
        self.groups: list[tuple[int, int]] = []
        self.root = self._grow(0, len(y), False)
        self.first, self.last = np.array(self.groups).T
        self.low = np.minimum.reduceat(self.grid, self.first)
        self.high = np.maximum.reduceat(self.grid, self.first)
        self.force, self.size, self.similar = np.zeros_like(self.y), np.zeros_like(self.y), np.zeros(len(y))
        self.weight = np.zeros(len(y))  # the sum of q w
        self._walk(self.root, np.arange(len(self.groups)))

    def _grow(self, first: int, last: int, grouped: bool) -> tuple[int, int, int, list[Any]]:
        """A cell: its first point and last, its level, and the cells in it, if it is no leaf."""
        different = int(self.key[first] ^ self.key[last - 1])
        level = self.bits + -different.bit_length() // self.dims
        leaf = last - first <= LEAF or not different
        if not grouped and (last - first <= GROUP or leaf):
            self.groups += [(begin, min(begin + GROUP, last)) for begin in range(first, last, GROUP)]
            grouped = True
        if leaf:
            return first, last, level, []
        child = self.key[first:last] >> self.dims * (self.bits - 1 - level)
        ends = [first, *(first + 1 + np.flatnonzero(np.diff(child))).tolist(), last]
        return first, last, level, [self._grow(begin, end, grouped) for begin, end in pairwise(ends)]

    def _walk(self, cell: tuple[int, int, int, list[Any]], group: Array) -> None:
        """What the cell does to these groups."""
        first, last, level, inner = cell
        shared = (first < self.last[group]) & (self.first[group] < last)
        inside = shared & (self.first[group] <= first) & (last <= self.last[group])
        if self.narrow and not inner and last - first > GROUP:
            far = np.ones(len(group), bool)
        else:
            mean = self.grid[first:last].sum(axis=0) // (last - first)
            away = np.maximum(0, np.maximum(self.low[group] - mean, mean - self.high[group]))
            reach = (2.0 ** (self.bits - level) / self.angle) ** 2
            far = (
                ~shared & (np.square(away).sum(axis=1) > int(reach)) if reach < 2.0**63 else np.zeros(len(group), bool)
            )
        near = ~far & (inside | (not inner))
        centre = self.y[first:last].mean(axis=0, dtype=np.float64, keepdims=True).astype(self.y.dtype)
        self._push(group[far], centre, (last - first - shared[far]), None)
        self._push(group[near], self.y[first:last], np.ones(near.sum()), first)
        for part in inner if (~far & ~near).any() else ():
            self._walk(part, group[~far & ~near])

    def _push(self, group: Array, places: Array, mass: Array, number: int | None) -> None:
        """Points at these places, each of that mass for each group, push its points; not itself the one of its number."""
        if not len(group):
            return
        sizes = self.last[group] - self.first[group]
        row = np.repeat(self.first[group] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        away = self.y[row, None] - places
        freedom = max(1, self.dims - 1)
        w = 1 / (1 + np.square(away).sum(axis=2) / self.y.dtype.type(freedom))
        q = w ** self.y.dtype.type((freedom + 1) / 2) * np.repeat(mass, sizes)[:, None].astype(self.y.dtype)
        if number is not None:
            q[row[:, None] == number + np.arange(len(places))] = 0
        self.force[row] += ((q * w)[:, :, None] * away).sum(axis=1)
        self.size[row] += ((q * w)[:, :, None] * np.abs(away)).sum(axis=1)
        self.weight[row] += (q * w).sum(axis=1)
        self.similar[row] += q.sum(axis=1, dtype=np.float64)

    def as_given(self, along: Array) -> Array:
        """Rows in the order of the points, of rows along the curve."""
        back = np.empty_like(along)
        back[self.order] = along
        return back


def _repulsion_tree_bound(eps: float, y: Any, points: Array, angle: float) -> Any:
    """Rounding alone: both sides take the same decisions. A centre of mass is off by a rounding of its coordinates."""
    factor = (1100 + 4 * points.shape[1]) * eps
    if angle == 0:
        return tsne_repulsion.bound(eps, y, points)  # type: ignore[attr-defined]
    if not points.size or not np.isfinite(points).all():
        return np.zeros_like(points), 0.0
    tree, most = _Tree(points, angle), 8 * float(np.abs(points).max())
    return factor * tree.as_given(tree.size + most * tree.weight[:, None]), factor * (1 + most) * abs(y[1])


@bounded(_repulsion_tree_bound)
@gives(rows)
def tsne_repulsion_tree(y: Array, angle: float) -> tuple[Array, float]:
    """As tsne_repulsion; a cell that is narrower than angle times its distance counts as points at its centre of mass."""
    if y.ndim != 2 or not 1 <= y.shape[1] <= 3 or not 0 <= angle <= 1:
        raise ValueError(
            f"tsne_repulsion_tree: expected y (n, 1 to 3) and an angle from 0 to 1, got {y.shape} and {angle}"
        )
    if angle == 0:
        return tsne_repulsion(y)
    if not np.isfinite(y).all():
        return np.full_like(y, np.nan), np.nan
    if not len(y):
        return np.empty_like(y), 0.0
    tree = _Tree(y, angle)
    return tree.as_given(tree.force), float(tree.similar.sum())
