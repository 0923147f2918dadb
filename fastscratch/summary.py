"""What a model is made of: a table of its layers with shapes, parameters, operations and memory."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import dtypes, nn
from .nn.undisturbed import undisturbed
from .tape import no_grad
from .tensor import Tensor

__all__ = ["Layer", "Summary", "summary"]


@dataclass
class Layer:
    """One line of the table."""

    name: str  # its path; "" for the model itself
    kind: str  # its class
    output_shape: Any = None  # of the last call; None if it was not called
    parameters: int = 0  # its own, not those of its children; a shared one only where it comes first
    trainable: int = 0
    flops: int = 0  # of all calls
    formula: str = ""
    activation_bytes: int = (
        0  # memory of what it computed, in all calls; 0 for a view and for what its children computed
    )
    calls: int = 0


@dataclass
class Summary:
    """The table that :func:`summary` makes; str() of it is for reading."""

    layers: list[Layer]
    parameter_bytes: int

    @property
    def total_params(self) -> int:
        """All parameters, each once."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable_params(self) -> int:
        """Those that require gradients."""
        return sum(layer.trainable for layer in self.layers)

    @property
    def total_flops(self) -> int:
        """Floating point operations of one forward pass; a multiply-add counts as two."""
        return sum(layer.flops for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Memory of all that the layers computed."""
        return sum(layer.activation_bytes for layer in self.layers)

    def __str__(self) -> str:
        head = ["Layer", "Output shape", "Parameters", "FLOPs", "Activations"]
        table = [head, *(_cells(layer) for layer in self.layers)]
        widths = [max(len(row[i]) for row in table) for i in range(len(head))]
        lines = [_line(row, widths) for row in table]
        rule = "-" * max(map(len, lines))
        fixed = self.total_params - self.trainable_params
        formulas = {layer.kind: layer.formula for layer in self.layers if layer.formula}
        return "\n".join(
            [
                lines[0],
                rule,
                *lines[1:],
                rule,
                f"Parameters   {self.total_params:,} ({self.trainable_params:,} trainable, {fixed:,} not), "
                f"{_bytes(self.parameter_bytes)}",
                f"FLOPs        {self.total_flops:,} (a multiply-add is two; only layers are seen)",
                f"Activations  {_bytes(self.activation_bytes)}",
                *(f"  {kind}: {formula}" for kind, formula in formulas.items()),
            ]
        )

    __repr__ = __str__


def _cells(layer: Layer) -> list[str]:
    depth = layer.name.count(".") + 1 if layer.name else 0
    name = layer.name.rpartition(".")[2]
    again = f" x{layer.calls}" if layer.calls > 1 else ""
    return [
        "  " * depth + (f"{name}: " if name else "") + layer.kind + again,
        "-" if layer.output_shape is None else str(layer.output_shape),
        f"{layer.parameters:,}" if layer.parameters else "-",
        f"{layer.flops:,}" if layer.flops else "-",
        _bytes(layer.activation_bytes) if layer.activation_bytes else "-",
    ]


def _line(cells: list[str], widths: list[int]) -> str:
    left = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    return "  ".join(left + [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]).rstrip()


def _bytes(count: int) -> str:
    size, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def summary(model: nn.Module, input_shape: Sequence[Any], dtype: Any = None) -> Summary:
    """Run a model once on zeros and tell what its layers are, give and cost.

    Parameters
    ----------
    model : Module
        Left as it was: the run is in evaluation mode, without gradients; training flags, buffers, hooks and the random
        state are put back.
    input_shape : sequence of int, or a sequence of such
        The shape of the input, batch axis included, or of each of several inputs.
    dtype : optional
        Of the inputs; the default is that of the model's first floating parameter.

    Returns
    -------
    Summary
        ``print`` it, or read ``layers``, ``total_params``, ``trainable_params``, ``total_flops``, ``activation_bytes``.

    Raises
    ------
    TypeError
        If model is not a Module or input_shape is not a shape.

    Notes
    -----
    The formulas of the FLOPs stand below the table. They are of the forward pass over the whole batch; training costs
    about three times as many.

    Examples
    --------
    >>> import fastscratch as fs
    >>> model = fs.nn.Sequential(fs.nn.Linear(784, 128), fs.nn.Linear(128, 10))
    >>> print(fs.summary(model, (64, 784)))
    Layer        Output shape  Parameters       FLOPs  Activations
    --------------------------------------------------------------
    Sequential   (64, 10)               -           -            -
      0: Linear  (64, 128)        100,480  12,853,248     32.0 KiB
      1: Linear  (64, 10)           1,290     164,480      2.5 KiB
    --------------------------------------------------------------
    Parameters   101,770 (101,770 trainable, 0 not), 397.5 KiB
    FLOPs        13,017,728 (a multiply-add is two; only layers are seen)
    Activations  34.5 KiB
      Linear: 2 in_features per output, and 1 with bias
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"summary: expected a Module, got {type(model).__name__}")
    inputs = [Tensor(np.zeros(shape, _dtype(model, dtype))) for shape in _shapes(input_shape)]
    layers = {id(module): Layer(path, type(module).__name__) for path, module in model.named_modules()}
    _count_parameters(model, layers)
    with undisturbed(model), no_grad():
        model.eval()
        for module in model.modules():
            module.register_forward_hook(_watch(layers[id(module)]), prepend=True)
        model(*inputs)
    return Summary(
        [layer for layer in layers.values() if layer.calls or layer.parameters],
        sum(p.array.nbytes for p in model.parameters()),
    )


def _shapes(input_shape: Any) -> list[tuple[int, ...]]:
    """One shape or several, as a list of shapes."""
    try:
        if all(isinstance(size, (int, np.integer)) for size in input_shape):
            return [tuple(int(size) for size in input_shape)]
        return [tuple(int(size) for size in shape) for shape in input_shape]
    except TypeError:
        raise TypeError(f"summary: expected a shape, or a sequence of shapes, got {input_shape!r}") from None


def _dtype(model: nn.Module, dtype: Any) -> dtypes.DType:
    if dtype is not None:
        return dtypes.as_dtype(dtype)
    floating = (p.dtype for p in model.parameters() if p.is_floating_point())
    return next(floating, dtypes.get_default_dtype())


def _count_parameters(model: nn.Module, layers: dict[int, Layer]) -> None:
    """Each parameter to the first module that has it."""
    seen = set()
    for module in model.modules():
        layer = layers[id(module)]
        for parameter in module.parameters(recurse=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                layer.parameters += parameter.numel()
                layer.trainable += parameter.numel() * parameter.requires_grad


def _watch(layer: Layer) -> Callable[..., None]:
    """A forward hook that writes down what it sees."""

    def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        outputs = list(output) if isinstance(output, (tuple, list)) else [output]
        tensors = [out for out in outputs if isinstance(out, Tensor)]
        shapes = [out.shape for out in tensors]
        layer.output_shape = shapes[0] if len(shapes) == 1 and output is tensors[0] else shapes
        layer.calls += 1
        if next(module.children(), None) is not None:
            return
        given = [arg for arg in args if isinstance(arg, Tensor)]
        fresh = [out for out in tensors if not any(np.may_share_memory(out.array, x.array) for x in given)]
        layer.activation_bytes += sum(out.array.nbytes for out in fresh)
        if given and tensors:
            layer.formula, flops = _flops(module, given[0], tensors[0])
            layer.flops += flops

    return hook


# ---- operations ----


def _flops(module: nn.Module, x: Tensor, y: Tensor) -> tuple[str, int]:
    """The formula for this kind of layer, and its value."""
    for kinds, formula, count in _FORMULAS:
        if isinstance(module, kinds):
            return formula, count(module, x.numel(), y.numel())
    return "", 0


def _linear(m: Any, x: int, y: int) -> int:
    return y * (2 * m.in_features + (m.bias is not None))


def _conv(m: Any, x: int, y: int) -> int:
    return y * (2 * m.weight.numel() // max(m.out_channels, 1) + (m.bias is not None))


def _window(m: Any) -> int:
    axes = 2 if type(m).__name__.endswith("2d") else 1
    size = m.kernel_size
    return math.prod(size) if isinstance(size, (tuple, list)) and len(size) == axes else _only(size) ** axes


def _only(size: Any) -> int:
    return size[0] if isinstance(size, (tuple, list)) else size


def _max_pool(m: Any, x: int, y: int) -> int:
    return y * (_window(m) - 1)


def _avg_pool(m: Any, x: int, y: int) -> int:
    return y * _window(m)


def _batch_norm(m: Any, x: int, y: int) -> int:
    return y * (2 + (m.weight is not None) + (m.bias is not None))


def _layer_norm(m: Any, x: int, y: int) -> int:
    return y * (6 + (m.weight is not None) + (m.bias is not None))


_FORMULAS: list[tuple[Any, str, Callable[[Any, int, int], int]]] = [
    (nn.Linear, "2 in_features per output, and 1 with bias", _linear),
    ((nn.Conv1d, nn.Conv2d), "2 in_channels / groups * kernel per output, and 1 with bias", _conv),
    ((nn.MaxPool1d, nn.MaxPool2d), "kernel - 1 comparisons per output", _max_pool),
    ((nn.AvgPool1d, nn.AvgPool2d), "kernel per output", _avg_pool),
    ((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), "1 per input and 1 per output", lambda m, x, y: x + y),
    ((nn.BatchNorm1d, nn.BatchNorm2d), "2 per output, and 1 each with weight and bias", _batch_norm),
    ((nn.LayerNorm, nn.GroupNorm), "6 per output, and 1 each with weight and bias", _layer_norm),
    (
        (nn.Softmax, nn.Softmin, nn.LogSoftmax),
        "5 per output (maximum, difference, exp, sum, quotient)",
        lambda m, x, y: 5 * y,
    ),
    (nn.Elementwise, "1 per output, whatever the function", lambda m, x, y: y),
]
