"""The fully connected layer."""

import math
from typing import Any

from ..ops.matmul import linear
from ..tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["Identity", "Linear"]


class Identity(Module):
    """The input as it is; any arguments are accepted and ignored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input."""
        return input


class Linear(Module):
    """y = x W^T + b.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
        Add b.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
        From U(-k, k), k = 1 / sqrt(in_features).
    bias : Parameter, shape (out_features,), or None
        From the same.

    Notes
    -----
    Input (..., in_features), output (..., out_features).

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.nn.Linear(20, 30)(fs.zeros(128, 20)).shape
    (128, 30)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = empty_parameter(out_features, in_features, device=device, dtype=dtype)
        self.register_parameter("bias", empty_parameter(out_features, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        reset_weight_and_bias(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def reset_weight_and_bias(weight: Parameter, bias: Parameter | None) -> None:
    """Both from U(-k, k), k = 1 / sqrt(fan_in): PyTorch's default for linear and convolutional layers."""
    fan_in, _ = init._calculate_fan_in_and_fan_out(weight)
    if fan_in == 0:
        if bias is not None:
            init.zeros_(bias)
        return
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        bound = 1 / math.sqrt(fan_in)
        init.uniform_(bias, -bound, bound)
