"""Softmax, its logarithm, log-sum-exp."""

import fastscratch as fs

from .case import Case, normal, uniform

CASES = [
    Case("softmax", lambda x: fs.softmax(x, -1), (normal(5, 37),), bench=(normal(4096, 1000),)),
    Case("softmax_first", lambda x: fs.softmax(x, 0), (normal(5, 37),)),
    Case("softmax_middle", lambda x: fs.softmax(x, 1), (normal(3, 5, 4, 7),)),
    Case("softmax_one", lambda x: fs.softmax(x, 1), (normal(3, 1, 4),)),
    Case("softmax_scalar", lambda x: fs.softmax(x.reshape(()), 0).reshape(1), (normal(1),)),
    Case("softmax_empty", lambda x: fs.softmax(x, 1), (normal(0, 3),), specials=False),
    Case("softmax_empty_axis", lambda x: fs.softmax(x, 1), (normal(3, 0),), specials=False),
    Case("softmax_far_apart", lambda x: fs.softmax(x, 1), (uniform(-300, 300, 7, 19),), gradient=False),
    Case("softmax_many_rows", lambda x: fs.softmax(x, 1), (normal(4001, 10),), gradient=False),
    Case("softmax_many_columns", lambda x: fs.softmax(x, 1), (normal(3, 5, 4001),), gradient=False),
    Case("softmax_long_row", lambda x: fs.softmax(x, 1), (normal(3, 20_003),), gradient=False),
    Case("softmin", lambda x: fs.softmin(x, 1), (normal(3, 5),)),
    Case("log_softmax", lambda x: fs.log_softmax(x, -1), (normal(5, 37),), bench=(normal(4096, 1000),)),
    Case("log_softmax_middle", lambda x: fs.log_softmax(x, 1), (normal(3, 5, 4, 7),)),
    Case("log_softmax_far_apart", lambda x: fs.log_softmax(x, 0), (uniform(-300, 300, 19, 7),), gradient=False),
    Case("logsumexp", lambda x: fs.logsumexp(x, -1), (normal(5, 37),), bench=(normal(4096, 1000),)),
    Case("logsumexp_middle", lambda x: fs.logsumexp(x, 1, keepdim=True), (normal(3, 5, 4, 7),)),
    Case("logsumexp_several", lambda x: fs.logsumexp(x, (0, -1)), (normal(3, 5, 4, 2),)),
    Case("logsumexp_empty_axis", lambda x: fs.logsumexp(x, 1), (normal(3, 0),), specials=False, gradient=False),
    Case("logsumexp_many", lambda x: fs.logsumexp(x, 1), (normal(300, 7, 40),), gradient=False),
]  # fmt: skip
