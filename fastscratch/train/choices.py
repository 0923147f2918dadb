"""What Model.compile takes: optimizers, losses and metrics, by name or as objects."""

from collections.abc import Callable, Mapping
from typing import Any

from .. import nn
from ..metrics import accuracy, mean_absolute_error, mean_squared_error
from ..names import unknown
from ..optim import Optimizer
from ..tensor import Tensor
from .recipes import LEARNING_RATES, OPTIMIZERS

Function = Callable[[Any, Any], Any]

_MOMENTUM = 0.9  # of sgd by name

LOSSES: dict[str, type[nn.Module]] = {
    "mse": nn.MSELoss,
    "mae": nn.L1Loss,
    "huber": nn.HuberLoss,
    "smooth_l1": nn.SmoothL1Loss,
    "cross_entropy": nn.CrossEntropyLoss,
    "nll": nn.NLLLoss,
    "bce": nn.BCELoss,
    "bce_with_logits": nn.BCEWithLogitsLoss,
    "kl_div": nn.KLDivLoss,
}

METRICS: dict[str, Function] = {
    "accuracy": accuracy,
    "mse": lambda output, target: mean_squared_error(_as(output, target), output),
    "mae": lambda output, target: mean_absolute_error(_as(output, target), output),
}

OF_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss)  # their targets are labels
OF_VALUES = tuple(kind for kind in LOSSES.values() if kind not in OF_CLASSES)  # theirs look like the output
_THRESHOLDS = {nn.BCELoss: 0.5, nn.BCEWithLogitsLoss: 0.0}  # above which one output says yes


def optimizer_of(wanted: Any, parameters: list[Any], lr: float | None) -> Optimizer:
    """By name, as it is, or made of the parameters."""
    if not parameters:
        raise ValueError("compile: the model has no parameters to train; add layers first")
    if isinstance(wanted, str):
        if wanted not in OPTIMIZERS:
            raise ValueError(unknown("optimizer", wanted, OPTIMIZERS))
        return OPTIMIZERS[wanted](parameters, LEARNING_RATES[wanted] if lr is None else lr, 0.0, _MOMENTUM)
    if lr is not None:
        raise ValueError("compile: lr goes with an optimizer by name; an optimizer of your own has its learning rate")
    made = wanted if isinstance(wanted, Optimizer) or not callable(wanted) else wanted(parameters)
    if not isinstance(made, Optimizer):
        raise TypeError(
            f"compile: optimizer must be a name, an Optimizer, or what makes one of parameters, got {wanted!r}"
        )
    own = set(map(id, parameters))
    if not any(id(p) in own for group in made.param_groups for p in group["params"]):
        raise ValueError("compile: the optimizer has none of the model's parameters")
    return made


def loss_of(wanted: Any) -> Function:
    """By name, or as it is."""
    if isinstance(wanted, str):
        if wanted not in LOSSES:
            raise ValueError(unknown("loss", wanted, LOSSES))
        return LOSSES[wanted]()
    if not callable(wanted) or isinstance(wanted, type):
        raise TypeError(f"compile: loss must be a name or loss(output, target), got {wanted!r}")
    return wanted


def shaped(loss: Any) -> Function:
    """The loss on targets in the shape of the output; a function of your own is given them as they are."""
    if not isinstance(loss, OF_VALUES):
        return loss
    return lambda output, target: loss(output, _as(output, target))


def _as(output: Tensor, target: Tensor) -> Tensor:
    """A target (n,) for an output (n, 1), and the other way round; broadcasting would make a matrix of them."""
    if target.shape == output.shape:
        return target
    if [n for n in target.shape[1:] if n != 1] == [n for n in output.shape[1:] if n != 1]:
        return target.reshape(output.shape)
    raise ValueError(f"the model's output has shape {output.shape} and y has shape {target.shape}")


def metrics_of(wanted: Any, loss: Any) -> dict[str, Function]:
    """By name, as the Trainer takes them."""
    if isinstance(wanted, Mapping):
        given = dict(wanted)
    else:
        several = [wanted] if isinstance(wanted, str) or callable(wanted) else wanted
        given = {one if isinstance(one, str) else getattr(one, "__name__", type(one).__name__): one for one in several}
    return {name: _metric(one, loss) for name, one in given.items()}


def _metric(wanted: Any, loss: Any) -> Function:
    """By name, or as it is; one output under a loss of yes or no is compared with a threshold."""
    if isinstance(wanted, str):
        if wanted not in METRICS:
            raise ValueError(unknown("metric", wanted, METRICS))
        threshold = _THRESHOLDS.get(type(loss))
        if wanted == "accuracy" and threshold is not None:
            return lambda output, target: float(
                ((output > threshold).array == (_as(output, target) > 0.5).array).mean()
            )
        return METRICS[wanted]
    if not callable(wanted):
        raise TypeError(f"compile: a metric must be a name or metric(output, target), got {wanted!r}")
    return wanted
