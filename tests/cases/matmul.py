"""Matrix products and the linear layer."""

import fastscratch as fs
from fastscratch.ops.matmul import linear

from .case import Case, normal

CASES = [
    Case("matmul", fs.matmul, (normal(7, 5), normal(5, 3)), bench=(normal(256, 256), normal(256, 256))),
    Case("matmul_tails", fs.matmul, (normal(31, 300), normal(300, 37)), gradient=False),
    Case("matmul_batched", fs.matmul, (normal(2, 3, 4, 5), normal(2, 3, 5, 6))),
    Case("matmul_broadcast", fs.matmul, (normal(2, 1, 4, 5), normal(3, 5, 2))),
    Case("matmul_vectors", fs.matmul, (normal(5), normal(5))),
    Case("matmul_matrix_vector", fs.matmul, (normal(4, 5), normal(5))),
    Case("matmul_transposed", lambda a, b: a.t() @ b.t(), (normal(5, 4), normal(3, 5))),
    Case("matmul_empty", fs.matmul, (normal(0, 5), normal(5, 3)), specials=False),
    Case("matmul_empty_sum", fs.matmul, (normal(2, 0), normal(0, 3)), specials=False),
    Case("linear", linear, (normal(6, 5), normal(4, 5), normal(4)),
         bench=(normal(64, 784), normal(128, 784), normal(128))),
    Case("linear_no_bias", linear, (normal(2, 3, 5), normal(4, 5))),
]  # fmt: skip
