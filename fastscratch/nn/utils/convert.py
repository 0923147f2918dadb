"""All parameters as one vector, and back."""

from collections.abc import Iterable

from ...ops.join import cat
from ...ops.shape import reshape
from ...tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, one after the other, as one vector; gradients flow back through it.

    Raises
    ------
    RuntimeError
        If there are no parameters.
    """
    return cat([reshape(p, -1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make the parameters the pieces of a vector, one after the other; they share its memory.

    Raises
    ------
    TypeError
        If vec is not a tensor.
    ValueError
        If vec has another size than the parameters together; nothing is changed then.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: expected a Tensor, got {type(vec).__name__}")
    given = list(parameters)
    total = sum(p.numel() for p in given)
    if vec.shape != (total,):
        raise ValueError(
            f"vector_to_parameters: the parameters need a vector of {total} elements, got shape {vec.shape}"
        )
    start = 0
    for parameter in given:
        stop = start + parameter.numel()
        parameter.data = Tensor(vec.array[start:stop].reshape(parameter.shape))
        start = stop
