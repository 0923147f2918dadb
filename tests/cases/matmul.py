"""Matrix products and the linear layer."""

import fastscratch as fs
from fastscratch.ops.matmul import linear, linear_activation

from .case import Case, normal, same

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
    *(Case(f"linear_{f}", lambda x, w, b, f=f: linear_activation(x, w, b, f), (normal(6, 5), normal(37, 5), normal(37)),
           bench=(normal(64, 784), normal(128, 784), normal(128))) for f in ("relu", "tanh", "sigmoid")),
    Case("linear_tanh_no_bias", lambda x, w: linear_activation(x, w, None, "tanh"), (normal(2, 3, 5), normal(4, 5))),
    Case("linear_relu_vector", lambda x, w: linear_activation(x, w, None, "relu"), (normal(5), normal(4, 5))),
    Case("linear_sigmoid_large", lambda x, w, b: linear_activation(x, w, b, "sigmoid"),
         (normal(300, 31), normal(129, 31), normal(129)), differences=False),
    Case("linear_tanh_empty", lambda x, w: linear_activation(x, w, None, "tanh"), (normal(0, 5), normal(4, 5)),
         specials=False),
    same("mm_bmm_mv_dot", lambda m, a, b: (m.mm(a, b), m.bmm(a[None], b[None]), m.mv(a, b[:, 0]), m.dot(a[0], b[:, 1])),
         normal(3, 4), normal(4, 2)),
    same("outer", lambda m, a, b: (m.outer(a, b), m.inner(a, a)), normal(3), normal(4)),
    same("inner", lambda m, a, b: m.inner(a, b), normal(2, 3), normal(4, 3)),
    same("addmm", lambda m, c, a, b: (m.addmm(c, a, b), m.addmm(c, a, b, beta=0.5, alpha=2), m.addmv(c, a, b[:, 0])),
         normal(3), normal(3, 4), normal(4, 3)),
    same("baddbmm", lambda m, c, a, b: m.baddbmm(c, a, b, beta=2), normal(3, 5), normal(2, 3, 4), normal(2, 4, 5)),
]  # fmt: skip
