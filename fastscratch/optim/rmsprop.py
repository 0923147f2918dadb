"""RMSprop."""

from collections.abc import Iterable
from typing import Any

from .. import backend
from .optimizer import Group, Optimizer, need_at_least_zero, refuse


class RMSprop(Optimizer):
    r"""Gradients divided by a running root of their mean square.

    .. math::
        d &= g + \lambda p, \qquad s = \alpha s + (1 - \alpha) d^2 \\
        u &= d / (\sqrt{s} + \epsilon), \qquad b = \mu b + u, \qquad p \leftarrow p - \eta\, b

    Centered, :math:`s` less the square of the running mean of :math:`d` takes the place of :math:`s`.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        Learning rate :math:`\eta`.
    alpha : float
        Smoothing constant.
    eps : float
        Added outside the root.
    weight_decay : float
        :math:`\lambda`, an L2 penalty on every parameter.
    momentum : float
        :math:`\mu`.
    centered : bool
    capturable, differentiable : bool
        Must be False.
    foreach : bool, optional
        Accepted for PyTorch's sake: every step is one call for all parameters.
    maximize : bool
        Climb instead of descend.

    Raises
    ------
    ValueError
        For a negative lr, eps, weight_decay, momentum or alpha.

    Notes
    -----
    Centered, PyTorch gives NaN where rounding makes the variance negative; here it is then zero.

    References
    ----------
    T. Tieleman and G. Hinton, Lecture 6.5: RMSProp, 2012; A. Graves, Generating Sequences With Recurrent Neural Networks,
    2013, equations 38-45 (centered).

    Examples
    --------
    >>> import fastscratch as fs
    >>> w = fs.tensor([2.0, 3.0], requires_grad=True)
    >>> optimizer = fs.optim.RMSprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([1., 2.], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        need_at_least_zero(lr=lr, eps=eps, weight_decay=weight_decay, momentum=momentum, alpha=alpha)
        refuse(capturable=capturable, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    _counts = True

    def _names(self, group: Group) -> tuple[str, ...]:
        return ("square_avg", *["grad_avg"] * group["centered"], *["momentum_buffer"] * (group["momentum"] > 0))

    def _update(self, group: Group, age: int | None, params: list[Any], grads: list[Any], *state: list[Any]) -> None:
        kept = dict(zip(self._names(group), state, strict=True))
        backend.rmsprop_step(
            params,
            grads,
            kept["square_avg"],
            kept.get("grad_avg"),
            kept.get("momentum_buffer"),
            group["lr"],
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            group["momentum"],
            group["maximize"],
        )
