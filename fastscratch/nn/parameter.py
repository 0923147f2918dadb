"""Parameter: a tensor that a Module counts as its own."""

from typing import Any

import numpy as np

from .. import dtypes
from ..device import need_cpu
from ..quiet import quiet
from ..tensor import Tensor

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A tensor that becomes a parameter of the module it is assigned to.

    Parameters
    ----------
    data : Tensor or anything that makes one, optional
        Its memory is shared, not copied. Left out: an empty tensor.
    requires_grad : bool

    Raises
    ------
    RuntimeError
        If requires_grad is True and data is not floating.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.nn.Parameter(fs.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any = (), requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad=requires_grad)
        if isinstance(data, Tensor):
            self._changed = data._changed

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


def empty_parameter(*shape: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter whose values are still to be set: what layers begin with."""
    need_cpu(device)
    wanted = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return Parameter(quiet.call(np.empty, shape, wanted))
