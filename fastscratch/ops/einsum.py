"""Sums of products in Einstein's notation, done by matrix products."""

import math
from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor
from .matmul import matmul
from .operands import axis_of, need_tensor
from .shape import diagonal, permute, reshape

__all__ = ["einsum", "tensordot"]

# The axes that an ellipsis stands for get labels of their own, aligned at the right.
_BATCH = "".join(chr(0x3B1 + i) for i in range(25))


def einsum(equation: str, *operands: Any) -> Tensor:
    """The sum of products that an equation of labels describes.

    Every axis has a letter. Axes with the same letter run together; letters that are not in the output are summed.
    Without "->" the output has the letters that occur once, in alphabetical order. "..." stands for any further axes,
    which broadcast.

    Parameters
    ----------
    equation : str
        For instance "bik,bkj->bij".
    operands : Tensors, or one list of them

    Raises
    ------
    RuntimeError
        If the equation does not fit the operands; the message names it.

    Notes
    -----
    Several operands are contracted in pairs from the left, each pair by one (batched) matrix product.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.einsum("ij,j->i", fs.tensor([[1.0, 2.0], [3.0, 4.0]]), fs.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    inputs, output = _parse(equation, [need_tensor(x, "einsum") for x in operands])
    sizes = _sizes(equation, inputs, operands)
    terms = [_without_repeats(x, labels) for x, labels in zip(operands, inputs, strict=True)]
    while len(terms) > 1:
        later = set(output).union(*(labels for _, labels in terms[2:]))
        terms = [_contract(terms[0], terms[1], later, sizes), *terms[2:]]
    x, labels = _summed(*terms[0], set(output))
    return permute(x, *[labels.index(label) for label in output]) if labels != output else x


def _parse(equation: str, operands: Sequence[Tensor]) -> tuple[list[str], str]:
    """The labels of each operand, one letter for each axis, and those of the output."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(f"einsum({equation!r}): the equation has {len(terms)} operands, {len(operands)} were given")
    inputs = [_spelled_out(equation, term, x.ndim) for term, x in zip(terms, operands, strict=True)]
    batch = max((sum(label in _BATCH for label in labels) for labels in inputs), default=0)
    everything = "".join(inputs)
    if arrow:
        output = _spelled_out(equation, right, len(right.replace("...", "")) + batch * ("..." in right))
    else:
        once = sorted(label for label in set(everything) if everything.count(label) == 1 and label not in _BATCH)
        output = _BATCH[:batch][::-1] + "".join(once)
    for label in output:
        if output.count(label) > 1 or label not in everything:
            fault = "appears twice in the output" if output.count(label) > 1 else "is in the output but in no operand"
            raise RuntimeError(f"einsum({equation!r}): {label!r} {fault}")
    return inputs, output


def _spelled_out(equation: str, term: str, ndim: int) -> str:
    """The term with its ellipsis replaced by labels, the last axis first in _BATCH."""
    named = term.replace("...", "", 1)
    if not all(label.isascii() and label.isalpha() for label in named):
        raise RuntimeError(f"einsum({equation!r}): {term!r} is not made of letters and at most one ellipsis")
    extra = ndim - len(named)
    if extra < 0 or (extra and "..." not in term):
        raise RuntimeError(f"einsum({equation!r}): {term!r} has {len(named)} labels for a tensor with {ndim} axes")
    return term.replace("...", _BATCH[:extra][::-1])


def _sizes(equation: str, inputs: list[str], operands: Sequence[Tensor]) -> dict[str, int]:
    """The size of each label; 1 gives way."""
    sizes: dict[str, int] = {}
    for labels, x in zip(inputs, operands, strict=True):
        for label, size in zip(labels, x.shape, strict=True):
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in (1, known):
                name = "an axis of the ellipsis" if label in _BATCH else repr(label)
                raise RuntimeError(
                    f"einsum({equation!r}): {name} has size {known} in one operand and {size} in another"
                )
    return sizes


def _without_repeats(x: Tensor, labels: str) -> tuple[Tensor, str]:
    """A label that an operand has twice means its diagonal."""
    for label in sorted(set(labels)):
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            x = diagonal(x, 0, i, j)
            labels = labels[:i] + labels[i + 1 : j] + labels[j + 1 :] + label
    return x, labels


def _summed(x: Tensor, labels: str, kept: set[str]) -> tuple[Tensor, str]:
    """Summed over the labels that are not to be kept."""
    gone = [i for i, label in enumerate(labels) if label not in kept]
    return (x.sum(gone), "".join(label for label in labels if label in kept)) if gone else (x, labels)


def _contract(
    a: tuple[Tensor, str], b: tuple[Tensor, str], later: set[str], sizes: dict[str, int]
) -> tuple[Tensor, str]:
    """Two operands to one: labels are shared and kept (batch), shared and summed, or of one operand alone."""
    x, left = _summed(*a, later | set(b[1]))
    y, right = _summed(*b, later | set(left))
    # An axis of size 1 that meets a larger one is not summed along with it: it is dropped, and matmul never sees it.
    x, left = _dropped(x, left, right, sizes)
    y, right = _dropped(y, right, left, sizes)
    batch = [label for label in left if label in right and label in later]
    inner = [label for label in left if label in right and label not in later]
    rows = [label for label in left if label not in right]
    columns = [label for label in right if label not in left]
    product = matmul(_as_matrix(x, left, batch, rows, inner), _as_matrix(y, right, batch, inner, columns))
    return _summed(
        reshape(product, [*_of(x, left, batch), *_of(x, left, rows), *_of(y, right, columns)]),
        "".join(batch + rows + columns),
        later,
    )


def _dropped(x: Tensor, labels: str, others: str, sizes: dict[str, int]) -> tuple[Tensor, str]:
    stay = [i for i, label in enumerate(labels) if label not in others or x.shape[i] == sizes[label]]
    return (x, labels) if len(stay) == len(labels) else (
        reshape(x, [x.shape[i] for i in stay]),
        "".join(labels[i] for i in stay),
    )  # fmt: skip


def _of(x: Tensor, labels: str, wanted: list[str]) -> list[int]:
    return [x.shape[labels.index(label)] for label in wanted]


def _as_matrix(x: Tensor, labels: str, batch: list[str], rows: list[str], columns: list[str]) -> Tensor:
    """The axes in this order, those of the rows made one and those of the columns made one."""
    ordered = permute(x, *[labels.index(label) for label in batch + rows + columns])
    shape = ordered.shape
    b, r = len(batch), len(batch) + len(rows)
    return reshape(ordered, [*shape[:b], math.prod(shape[b:r]), math.prod(shape[r:])])


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The sum of products over pairs of axes: the last of a with the first of b, or two lists of axes.

    Raises
    ------
    RuntimeError
        If the lists differ in length or the axes in size.
    """
    x, y = need_tensor(a, "tensordot"), need_tensor(b, "tensordot")
    if isinstance(dims, int):
        if not 0 <= dims <= min(x.ndim, y.ndim):
            raise RuntimeError(f"tensordot: dims {dims} is too much for shapes {x.shape} and {y.shape}")
        dims = (range(x.ndim - dims, x.ndim), range(dims))
    left = [axis_of(d, x.ndim, "tensordot") for d in dims[0]]
    right = [axis_of(d, y.ndim, "tensordot") for d in dims[1]]
    if [x.shape[i] for i in left] != [y.shape[i] for i in right]:
        raise RuntimeError(f"tensordot: the axes {left} of {x.shape} and {right} of {y.shape} do not match")
    rows = [i for i in range(x.ndim) if i not in left]
    columns = [i for i in range(y.ndim) if i not in right]
    inner = math.prod([x.shape[i] for i in left])
    product = matmul(
        reshape(permute(x, *rows, *left), [math.prod([x.shape[i] for i in rows]), inner]),
        reshape(permute(y, *right, *columns), [inner, math.prod([y.shape[i] for i in columns])]),
    )
    return reshape(product, [*[x.shape[i] for i in rows], *[y.shape[i] for i in columns]])
