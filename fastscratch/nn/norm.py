"""Normalization layers."""

from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..device import need_cpu
from ..ops.create import ones, zeros
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm"]


class _BatchNorm(Module):
    """What the batch norms share: parameters, running statistics, checks."""

    _ndims: tuple[int, ...]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        need_cpu(device)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, empty_parameter(num_features, dtype=dtype) if wanted else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(num_features, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", zeros((), dtype=dtypes.int64) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the batches seen."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and no batches seen."""
        self.reset_running_stats()
        reset_scale_and_shift(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer; in training, update the running statistics."""
        return self._computed(F.batch_norm, input)

    def _computed(self, operation: Callable[..., Tensor], input: Tensor) -> Tensor:
        """The operation, which takes batch_norm's arguments, on the input and what the layer holds."""
        if input.ndim not in self._ndims:
            wanted = " or ".join(map(str, self._ndims))
            raise ValueError(f"{self._get_name()}: expected an input with {wanted} axes, got shape {input.shape}")
        momentum = 0.0 if self.momentum is None else self.momentum
        tracked = self.num_batches_tracked.array if self.training and self.num_batches_tracked is not None else None
        if tracked is not None:
            batches = tracked.item() + 1  # as Python's number: a ufunc takes ten times as long
            if self.momentum is None:  # the mean over all batches so far
                momentum = 1.0 / batches
        own_statistics = self.training or self.running_mean is None
        keep = not self.training or self.track_running_stats
        output = operation(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            own_statistics,
            momentum,
            self.eps,
        )
        if tracked is not None:
            tracked[...] = batches  # here, since a batch that was refused does not count
        return output

    def extra_repr(self) -> str:
        """Size and options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


def reset_scale_and_shift(weight: Parameter | None, bias: Parameter | None) -> None:
    """Those that there are: weight 1, bias 0."""
    if weight is not None:
        init.ones_(weight)
    if bias is not None:
        init.zeros_(bias)


class BatchNorm1d(_BatchNorm):
    """Each channel of (N, C) or (N, C, L) normalized by the mean and variance of the batch; see functional.batch_norm.

    y = (x - mean) / sqrt(var + eps) * weight + bias; in evaluation, mean and variance are the running ones.

    Parameters
    ----------
    num_features : int
        C.
    eps : float
    momentum : float or None
        running = (1 - momentum) running + momentum batch, with the unbiased variance; None: the mean over all batches.
    affine, bias : bool
        Have a weight; have a bias (with affine).
    track_running_stats : bool
        Keep running statistics; without them, evaluation uses the batch's own too.

    Raises
    ------
    ValueError
        If the input has another number of axes, or one value per channel in training.

    References
    ----------
    S. Ioffe and C. Szegedy, Batch Normalization, 2015, algorithm 1.
    """

    _ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Each channel of (N, C, H, W) normalized by the mean and variance of the batch; see BatchNorm1d.

    Examples
    --------
    >>> import fastscratch as fs
    >>> norm = fs.nn.BatchNorm2d(3)
    >>> norm
    BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    >>> norm(fs.zeros(2, 3, 4, 4)).shape, norm.num_batches_tracked.item()
    ((2, 3, 4, 4), 1)
    """

    _ndims = (4,)


class LayerNorm(Module):
    """The last axes normalized by their own mean and variance; see functional.layer_norm.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The sizes of those axes.
    eps : float
    elementwise_affine : bool
        Have weight and bias.
    bias : bool
        Have a bias (with elementwise_affine).

    References
    ----------
    J. L. Ba et al., Layer Normalization, 2016.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.nn.LayerNorm((3, 4))(fs.zeros(2, 3, 4)).shape
    (2, 3, 4)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        need_cpu(device)
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            self.register_parameter(name, empty_parameter(*shape, dtype=dtype) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        reset_scale_and_shift(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Shape and options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """Each group of channels of each sample normalized by its own mean and variance; see functional.group_norm.

    Parameters
    ----------
    num_groups, num_channels : int
        The first divides the second.
    eps : float
    affine, bias : bool
        Have a weight for each channel; have a bias (with affine).

    Raises
    ------
    ValueError
        If num_groups does not divide num_channels.

    References
    ----------
    Y. Wu and K. He, Group Normalization, 2018.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        need_cpu(device)
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_channels={num_channels} must be divisible by num_groups={num_groups}")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, empty_parameter(num_channels, dtype=dtype) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        reset_scale_and_shift(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Sizes and options."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"
