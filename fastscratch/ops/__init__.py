"""Operations on tensors, one module per family: each op with its gradient beside it. Importing attaches the methods."""

from . import activation, arithmetic, conv, create, dropout, embedding, linalg, matmul, norm, pool, rbf, reduce, shape
