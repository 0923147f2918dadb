"""What each kernel has to compute and to move: the formulas, as they are read and as they are evaluated.

Two words side by side are multiplied. The name of an array (an argument of the kernel, or one of its results) stands for
its number of elements in the FLOPs, and for its bytes in the bytes; a list of arrays for the sum, None for 0. Numbers and
flags stand for themselves; given(b) is 0 if b is None, else 1. Letters are explained beside the formula that uses them.

FLOPs are those of the definition: a multiply-add is two, a comparison, a quotient, a root or exp is one; an algorithm
that needs fewer (Winograd's) is credited with all of them. Bytes are the least traffic: every array is read or written
once, and twice if it is changed in place.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from ..backend import _numpy


class Work(NamedTuple):
    """What one call has to do."""

    flops: int
    bytes: int
    dtype: str  # of its arithmetic: "float32" or "float64"
    in_use: int  # bytes of the memory that it walks, which may be less than it moves: some twice


class Formula:
    """The work of one kernel as a function of its arguments and results, in words that are also its program.

    Parameters
    ----------
    flops, bytes : str
        As the module's documentation says.
    results : str
        The names of what the kernel returns, as the formulas use them; "" if it changes its arguments instead.
    letters : str
        How each letter of the formulas follows from arguments and results, in Python.
    """

    def __init__(self, flops: str, bytes: str, results: str = "y", **letters: str) -> None:
        self.flops = flops
        self.bytes = bytes
        self.results = results.split()
        self.letters = letters
        self.kernel = ""  # set by the table

    def __repr__(self) -> str:
        return f"Formula({self})"

    def __str__(self) -> str:
        where = "".join(f"; {letter} = {meaning}" for letter, meaning in self.letters.items())
        return f"{self.flops} FLOP; {self.bytes} bytes{where}"

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        """The kernel's parameters in order, with their defaults."""
        parameters = inspect.signature(getattr(_numpy, self.kernel)).parameters
        return {name: parameter.default for name, parameter in parameters.items()}

    @cached_property
    def _programs(self) -> tuple[CodeType, CodeType, dict[str, CodeType]]:
        def read(text: str) -> CodeType:
            return compile(re.sub(r"(?<=[\w)]) (?=[\w(])", " * ", text), f"<formula of {self.kernel}>", "eval")

        letters = {letter: compile(meaning, f"<{letter}>", "eval") for letter, meaning in self.letters.items()}
        return read(self.flops), read(self.bytes), letters

    def count(self, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> Work:
        """The work of one call."""
        names = dict(self._defaults)
        names.update(zip(names, args, strict=False))
        names.update(kwargs)
        names.update(zip(self.results, result if isinstance(result, tuple) else (result,), strict=False))
        flops, size, letters = self._programs
        terms: dict[str, Any] = {letter: eval(meaning, {}, names) for letter, meaning in letters.items()}
        elements = {name: _elements(names[name]) for name in flops.co_names if name in names}
        nbytes = {name: _bytes(names[name]) for name in size.co_names if name in names}
        moved = int(eval(size, _FUNCTIONS, nbytes | terms))
        arrays = sum(nbytes[name] for name in nbytes if isinstance(names[name], (np.ndarray, list, tuple)))
        return Work(int(eval(flops, _FUNCTIONS, elements | terms)), moved, _dtype(names), min(moved, arrays))


_FUNCTIONS = {"given": lambda value: int(bool(value))}


def _elements(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.size
    if isinstance(value, (list, tuple)):
        return sum(part.size for part in value if isinstance(part, np.ndarray))
    return 0 if value is None else value


def _bytes(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.nbytes
    if isinstance(value, (list, tuple)):
        return sum(part.nbytes for part in value if isinstance(part, np.ndarray))
    return 0 if value is None else value


def _dtype(names: Mapping[str, Any]) -> str:
    """That of the first floating array."""
    for value in names.values():
        for part in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(part, np.ndarray) and part.dtype.kind == "f":
                return part.dtype.name
    return "float32"


def _of_each_element(name: str, saved: str) -> dict[str, Formula]:
    """An activation: one operation forward, whatever the function; f' and the product with it backward."""
    return {
        f"{name}_forward": Formula("y", "x + y"),
        f"{name}_backward": Formula("2 dx", f"dy + {saved} + dx", "dx"),
    }


def _table() -> dict[str, Formula]:
    table = {
        # ---- products ----
        "matmul": Formula("2 y k", "a + b + y", k="a.shape[-1]"),
        "matmul_backward": Formula(
            "2 dy k (need_a + need_b)", "dy + b need_a + a need_b + da + db", "da db", k="a.shape[-1]"
        ),
        "linear_forward": Formula("2 y k + y given(b) + y given(activation)", "x + w + b + y", k="x.shape[-1]"),
        "linear_backward": Formula(
            "2 dy k (need_x + need_w) + dy need_b + 2 dy given(activation)",
            "dy + y + w need_x + x need_w + dx + dw + db",
            "dx dw db",
            k="x.shape[-1]",
        ),
        # ---- convolution: c channels of a group, filters of r x s; blocks of p x q for a pool that follows ----
        "conv2d_forward": Formula("2 y c r s + y given(b) + y relu", "x + w + b + y", **_FILTER),
        "conv2d_backward": Formula(
            "2 dy c r s (need_x + need_w) + dy need_b",
            "dy + w need_x + x need_w + dx + dw + db",
            "dx dw db",
            **_FILTER,
        ),
        "conv2d_relu_backward": Formula(
            "2 dy c r s (need_x + need_w) + dy need_b + dy",
            "dy + y + w need_x + x need_w + dx + dw + db",
            "dx dw db",
            **_FILTER,
        ),
        "conv2d_pool_forward": Formula(
            "y p q (2 c r s + given(b)) + y (p q - 1 + relu)", "x + w + b + y + code", "y code", **_FILTER, **_BLOCK
        ),
        "conv2d_pool_backward": Formula(
            "2 dy p q c r s (need_x + need_w) + dy need_b",
            "dy + code + w need_x + x need_w + dx + dw + db",
            "dx dw db",
            **_FILTER,
            **_BLOCK,
        ),
        # ---- pooling: windows of r x s ----
        "max_pool2d_forward": Formula("y (r s - 1)", "x + y + argmax", "y argmax", **_WINDOW),
        "max_pool2d_backward": Formula("dy", "dy + argmax + dx", "dx"),
        "max_pool2d_blocks_forward": Formula("y (r s - 1)", "x + y + code", "y code", **_WINDOW),
        "max_pool2d_blocks_backward": Formula("0", "dy + code + dx", "dx"),
        "avg_pool2d_forward": Formula("y r s", "x + y", **_WINDOW),
        "avg_pool2d_backward": Formula("dy (r s + 1)", "dy + dx", "dx", **_WINDOW),
        "adaptive_avg_pool2d_forward": Formula("x + y", "x + y"),
        "adaptive_avg_pool2d_backward": Formula("dy + dx", "dy + dx", "dx"),
        # ---- norms: a sum, three for a squared deviation, two to normalise; then weight and bias ----
        "batch_norm_forward": Formula(
            "x (6 + given(weight) + given(bias) + relu) + 3 running_mean + 4 running_var",
            "x + weight + bias + y + mean + var + rstd + 2 running_mean + 2 running_var",
            "y mean var rstd",
        ),
        "batch_norm_inference": Formula(
            "x (2 + given(weight) + given(bias) + relu)", "x + weight + bias + mean + var + y"
        ),
        "batch_norm_backward": Formula(
            "x (5 + 4 training + 3 relu)", "dy + x + weight + bias relu + mean + rstd + dx + dw + db", "dx dw db"
        ),
        "layer_norm_forward": Formula(
            "x (6 + given(weight) + given(bias))", "x + weight + bias + y + mean + rstd", "y mean rstd"
        ),
        "layer_norm_backward": Formula(
            "x (12 + given(weight))", "dy + x + weight + mean + rstd + dx + dw + db", "dx dw db"
        ),
        # ---- softmax and its kin: maximum, difference, exp, sum, and a quotient or difference ----
        "softmax_forward": Formula("5 y", "x + y"),
        "softmax_backward": Formula("4 dx", "dy + y + dx", "dx"),
        "log_softmax_forward": Formula("5 y", "x + y"),
        "log_softmax_backward": Formula("4 dx", "dy + y + dx", "dx"),
        "logsumexp_forward": Formula("4 x + 2 y", "x + y"),
        "logsumexp_backward": Formula("3 dx", "dy + x + y + dx", "dx"),
        "cross_entropy_forward": Formula("4 x", "x + target + weight + loss + lse", "loss lse total count"),
        "cross_entropy_backward": Formula("4 dx", "dy + x + lse + target + weight + dx", "dx"),
        # ---- drawing and fetching; random bits are no floating point operations ----
        "dropout_forward": Formula("y", "x + y + kept", "y kept"),
        "dropout_backward": Formula("dy", "dy + kept + dx", "dx"),
        "augment": Formula(
            "20 y + d (16 taps + 12) y / c",
            "x + y",
            d="elastic[0][0] != 0 or elastic[1][0] != 0",
            taps="elastic[0][1] * 8 + 1",
            c="x.shape[1] or 1",
        ),
        "ordered_copy": Formula("0", "x + y"),
        "embedding_forward": Formula("0", "2 y + index"),
        "embedding_backward": Formula("dy", "dy + index + dw", "dw"),
        # ---- optimizers ----
        "sgd_step": Formula(
            "params (2 + 3 given(buffers) + 2 nesterov + 2 (weight_decay != 0))", "2 params + grads + 2 buffers", ""
        ),
        "rmsprop_step": Formula(
            "params (9 + 5 given(grad_avgs) + 2 given(buffers) + 2 (weight_decay != 0))",
            "2 params + grads + 2 square_avgs + 2 grad_avgs + 2 buffers",
            "",
        ),
        "adam_step": Formula(
            "params (14 + given(max_exp_avg_sqs) + 2 (weight_decay != 0))",
            "2 params + grads + 2 exp_avgs + 2 exp_avg_sqs + 2 max_exp_avg_sqs",
            "",
        ),
        "grad_norm": Formula("2 grads", "grads", "norm"),
        "scale_arrays": Formula("arrays", "2 arrays", ""),
        "clamp_arrays": Formula("2 arrays", "2 arrays", ""),
        "clip_norm": Formula("3 arrays", "3 arrays", "norm"),
        "zero_arrays": Formula("0", "arrays", ""),
        # ---- Cholesky of n x n; kernels of points with d coordinates, half of them where they are symmetric ----
        "cholesky": Formula("y n / 3", "a / 2 + y", n="a.shape[-1]"),
        "cholesky_": Formula("a n / 3", "a", "", n="a.shape[-1]"),
        "cholesky_solve": Formula("2 x n", "factor / 2 + b + x", "x", n="factor.shape[-1]"),
        "cholesky_logdet": Formula("2 y n", "factor / n + y", n="factor.shape[-1]"),
        "cholesky_backward": Formula("7 da n / 3", "dl / 2 + factor / 2 + da", "da", n="factor.shape[-1]"),
        "sum_all": Formula("x", "x + y"),
        "mean_all": Formula("x", "x + y"),
        "logistic_gradient": Formula("4 x k", "x + w + dw", "loss dw db", k="w.shape[0]"),
        "scatter": Formula("n w (w + 1)", "x + y + matrix", "matrix", n="x.shape[0]", w="matrix.shape[0]"),
        "gram": Formula("k (2 d + e) / (2 - given(z))", "x + z + k", "k", **_KERNEL),
        "gram_lower": Formula("out (2 d + e) / 2", "x + out / 2", "", **_KERNEL),
        "gram_matmul": Formula(
            "m n (2 d + e) / (2 - given(z)) + 2 y n", "x + z + v + y", **_KERNEL, m="x.shape[0]", n="v.shape[0]"
        ),
        # ---- t-SNE: f is 2 in three dimensions, else 1; bisection is taken as 20 steps, a similarity as 8 operations ----
        "nearest_neighbours": Formula("2 x n", "x + index + distance", "index distance", n="x.shape[0]"),
        "tsne_affinities": Formula("100 p", "distances + p", "p"),
        "tsne_attraction": Formula("(4 d + 3) p", "y + start + index + p + force", "force loss", d="y.shape[-1]"),
        "tsne_repulsion": Formula("(4 y + 8 n) n", "y + force", "force whole", n="y.shape[0]"),
        # about 30 cells of each of log n levels, in the plane, at the angle of 0.5; fewer or more at another
        "tsne_repulsion_tree": Formula(
            "30 (4 y + 8 n) log", "y + force", "force whole", n="y.shape[0]", log="y.shape[0].bit_length()"
        ),
        "centred": Formula("2 x", "2 x + moved + mean", "moved mean"),
        "squared_distances": Formula("3 y d", "x + z + y", d="x.shape[-1]"),
        "indexed_distances": Formula("3 y d", "x + z + index + y", d="x.shape[-1]"),
        "kmeans_assign": Formula(
            "2 x k + 2 x sums", "x + weight + centres + label + sum + mass", "label sum mass", k="centres.shape[0]"
        ),
    }
    for name in ("add", "sub", "mul", "div"):  # of arrays, or of one and a number
        table[name] = Formula(
            "y", "p + q + y", p="a.nbytes if hasattr(a, 'nbytes') else 0", q="b.nbytes if hasattr(b, 'nbytes') else 0"
        )
    for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
        table[name] = Formula("y", "a + b + y")
    for name in ("erf", "erfc", "gelu", "leaky_relu", "elu", "log", "log1p", "silu", "softplus"):
        table |= _of_each_element(name, "x")
    for name in ("exp", "expm1", "relu", "sigmoid", "sqrt", "tanh"):
        table |= _of_each_element(name, "y")
    for name, formula in table.items():
        formula.kernel = name
    return table


_FILTER = {"c": "w.shape[1]", "r": "w.shape[2]", "s": "w.shape[3]"}
_KERNEL = {"d": "x.shape[-1]", "e": "(kernel == 'rbf') * 6 + (kernel == 'polynomial') * 3"}
_BLOCK = {"p": "window[0]", "q": "window[1]"}
_WINDOW = {"r": "kernel[0]", "s": "kernel[1]"}

FORMULAS: dict[str, Formula] = _table()
