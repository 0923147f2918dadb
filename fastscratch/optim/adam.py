"""Adam, and AdamW, which is Adam with decoupled weight decay."""

from collections.abc import Iterable
from typing import Any

from .. import backend
from ..tensor import Tensor
from .optimizer import Group, Optimizer, need_at_least_zero, refuse


class Adam(Optimizer):
    r"""Steps of a running mean of the gradient over a running root of its mean square.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g, \qquad v = \beta_2 v + (1 - \beta_2) g^2 \\
        p &\leftarrow p - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        Learning rate :math:`\eta`.
    betas : (float, float)
        :math:`\beta_1, \beta_2`.
    eps : float
        Added outside the root.
    weight_decay : float
        An L2 penalty on every parameter (added to the gradient), or, with decoupled_weight_decay, the share of lr by which
        every parameter shrinks.
    amsgrad : bool
        Divide by the root of the largest :math:`v` so far.
    foreach, fused : bool, optional
        Accepted for PyTorch's sake: every step is one call for all parameters.
    maximize : bool
        Climb instead of descend.
    capturable, differentiable : bool
        Must be False.
    decoupled_weight_decay : bool

    Raises
    ------
    ValueError
        For a negative lr, eps or weight_decay, or a beta outside [0, 1).

    References
    ----------
    D. Kingma and J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, algorithm 1; S. Reddi, S. Kale and S. Kumar,
    On the Convergence of Adam and Beyond, ICLR 2018 (amsgrad).

    Examples
    --------
    >>> import fastscratch as fs
    >>> w = fs.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = fs.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9, 1.9], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        need_at_least_zero(lr=lr, eps=eps, weight_decay=weight_decay)
        refuse(capturable=capturable, differentiable=differentiable)
        if len(betas) != 2 or not all(0.0 <= beta < 1.0 for beta in betas):
            raise ValueError(f"betas must be two numbers in [0, 1), got {betas}")
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    _counts = True

    def _names(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def _age(self, p: Tensor, group: Group) -> int | None:
        age: int = (self.state.get(p) or {}).get("step", 0)
        return age

    def _update(self, group: Group, age: int | None, params: list[Any], grads: list[Any], *state: list[Any]) -> None:
        assert age is not None
        backend.adam_step(
            params,
            grads,
            state[0],
            state[1],
            state[2] if len(state) > 2 else None,
            age + 1,
            group["lr"],
            *group["betas"],
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )


class AdamW(Adam):
    r"""Adam with weight decay taken from the parameter itself, not through the gradient's averages.

    :math:`p \leftarrow (1 - \eta \lambda) p`, then the step of :class:`Adam`.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize, foreach, capturable, differentiable, fused
        As in :class:`Adam`.
    weight_decay : float
        :math:`\lambda`.

    References
    ----------
    I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019, algorithm 2.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
