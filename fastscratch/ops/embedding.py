"""Embedding: a table of vectors, looked up by number."""

from .. import backend
from ..tensor import Tensor, record
from .operands import need_tensor

__all__ = ["embedding"]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """weight[input]: for each number in input, that row of weight.

    Parameters
    ----------
    input : Tensor of integers, shape (...)
    weight : Tensor, shape (rows, d)
    padding_idx : int, optional
        This row gets no gradient; negative counts from the end.
    max_norm, norm_type, scale_grad_by_freq, sparse
        Only their defaults are supported.

    Returns
    -------
    Tensor, shape (..., d)

    Raises
    ------
    IndexError
        If a number is not in [0, rows); nothing is read then.
    RuntimeError
        If input is not of integers, weight is not a floating matrix, or padding_idx is not a row.
    NotImplementedError
        For max_norm, scale_grad_by_freq and sparse.

    Notes
    -----
    Gradients of a row used several times are added in the order of input: the same bits for any number of threads.

    Examples
    --------
    >>> import fastscratch as fs
    >>> from fastscratch.ops.embedding import embedding
    >>> embedding(fs.tensor([2, 0]), fs.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    tensor([[4., 5.],
            [0., 1.]])
    """
    for name, asked in (
        ("max_norm", max_norm is not None),
        ("scale_grad_by_freq", scale_grad_by_freq),
        ("sparse", sparse),
    ):
        if asked:
            raise NotImplementedError(f"embedding: {name} is not supported")
    index, table = need_tensor(input, "embedding"), need_tensor(weight, "embedding")
    if index.dtype.kind not in "iu":
        raise RuntimeError(f"embedding: input must be of integers, got {index.dtype}")
    if table.ndim != 2 or table.dtype.kind != "f":
        raise RuntimeError(f"embedding: weight must be a floating matrix, got {table.dtype} of shape {table.shape}")
    rows = table.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise RuntimeError(f"embedding: padding_idx must be in [{-rows}, {rows - 1}], got {padding_idx}")
        padding_idx %= rows
    y = backend.embedding_forward(table.array, index.array)
    return record(y, (table,), _embedding_gradient, index, rows, padding_idx)


def _embedding_gradient(dy, needs, index, rows, padding_idx):
    return (backend.embedding_backward(dy, index, rows, padding_idx),)
