"""Putting tensors together and taking them apart."""

from .case import normal, same

CASES = [
    same("cat", lambda m, a, b: (m.cat([a, b]), m.concat((a, a, b), 0)), normal(2, 3), normal(4, 3)),
    same("cat_last", lambda m, a, b: m.cat([a, b], -1), normal(2, 3), normal(2, 1)),
    same("cat_promotes", lambda m, a, b: m.cat([a, b.long()]), normal(2), normal(3), gradient=False),
    same(
        "stack", lambda m, a, b: (m.stack([a, b]), m.stack([a, b], 1), m.stack([a, b], -1)), normal(2, 3), normal(2, 3)
    ),
    same("hstack", lambda m, a, b: (m.hstack([a, b]), m.hstack([a[0], b[0]])), normal(2, 3), normal(2, 2)),
    same("vstack", lambda m, a, b: (m.vstack([a, b]), m.column_stack([a.t(), b])), normal(2, 3), normal(3)),
    same("split", lambda m, x: (*x.split(2), *m.split(x, [1, 3], 1)), normal(5, 4)),
    same("chunk", lambda m, x: (*x.chunk(3), *m.chunk(x, 2, 1)), normal(7, 4)),
    same("tensor_split", lambda m, x: (*m.tensor_split(x, 3), *x.tensor_split((1, 3), 1)), normal(7, 4)),
    same(
        "meshgrid",
        lambda m, a, b: (*m.meshgrid(a, b, indexing="ij"), *m.meshgrid(a, b, indexing="xy")),
        normal(3),
        normal(4),
    ),
]
