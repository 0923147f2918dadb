"""Stochastic gradient descent."""

from collections.abc import Iterable
from typing import Any

from .. import backend
from ..tensor import Tensor
from .optimizer import Group, Optimizer, need_at_least_zero, refuse


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum if wanted.

    .. math::
        d &= g + \lambda p, \qquad b = \mu b + (1 - \tau) d \quad \text{(the first } b \text{ is } d \text{ itself)} \\
        p &\leftarrow p - \eta\, b \qquad \text{(Nesterov: } d + \mu b \text{; without momentum: } d)

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        Learning rate :math:`\eta`.
    momentum : float
        :math:`\mu`.
    dampening : float
        :math:`\tau`.
    weight_decay : float
        :math:`\lambda`, an L2 penalty on every parameter.
    nesterov : bool
    maximize : bool
        Climb instead of descend.
    foreach, fused : bool, optional
        Accepted for PyTorch's sake: every step is one call for all parameters.
    differentiable : bool
        Must be False.

    Raises
    ------
    ValueError
        For a negative lr, momentum or weight_decay; for Nesterov without momentum or with dampening.

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl and G. Hinton, On the importance of initialization and momentum in deep learning,
    ICML 2013 (with the learning rate outside the buffer, as in PyTorch).

    Examples
    --------
    >>> import fastscratch as fs
    >>> w = fs.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = fs.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8, 1.6], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        need_at_least_zero(lr=lr, momentum=momentum, weight_decay=weight_decay)
        refuse(differentiable=differentiable)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(f"nesterov needs momentum > 0 and dampening = 0, got {momentum} and {dampening}")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _names(self, group: Group) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def _age(self, p: Tensor, group: Group) -> int | None:
        """Dampening does not apply to the first gradient of a parameter, which becomes its buffer as it is."""
        if group["momentum"] == 0 or group["dampening"] == 0:
            return None
        return 0 if (self.state.get(p) or {}).get("momentum_buffer") is None else None

    def _update(self, group: Group, age: int | None, params: list[Any], grads: list[Any], *state: list[Any]) -> None:
        backend.sgd_step(
            params,
            grads,
            state[0] if state else None,
            group["lr"],
            group["momentum"],
            group["dampening"] if age is None else 0.0,
            group["weight_decay"],
            group["nesterov"],
            group["maximize"],
        )
