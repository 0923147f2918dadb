"""Softmax and its relatives, as layers."""

from ..tensor import Tensor
from . import functional as F
from .module import Module

__all__ = ["LogSoftmax", "Softmax", "Softmin"]


class Softmax(Module):
    """exp(x) / sum(exp(x)) along dim."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"dim={self.dim}"


class Softmin(Module):
    """softmax(-x) along dim."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.softmin(input, self.dim)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """log(softmax(x)) along dim, without overflow."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"dim={self.dim}"
