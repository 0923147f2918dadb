"""Embedding."""

from fastscratch.ops.embedding import embedding

from .case import Case, labels, normal

CASES = [
    Case("embedding", embedding, (labels(7, 3, 4), normal(7, 5)), bench=(labels(1000, 64, 50), normal(1000, 64))),
    Case(
        "embedding_padding",
        lambda i, w: embedding(i, w, padding_idx=-2),
        (labels(4, 20), normal(4, 3)),
        differences=False,
    ),
    Case("embedding_scalar_rows", embedding, (labels(5, 2, 1, 3), normal(5, 1))),
    Case("embedding_threads", embedding, (labels(30, 1100), normal(30, 131)), differences=False),
    Case("embedding_empty", embedding, (labels(4, 0), normal(4, 3)), specials=False),
]
