"""What one operation on a small tensor costs beyond the arithmetic: nanoseconds per call, against NumPy and PyTorch.

python -m benchmarks.overhead
"""

import time
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

import fastscratch as fs

SIZE = 8
REPEATS, CALLS = 9, 20_000

# What is timed: a name, the expression on tensors (x needs a gradient, y does not) and the same on arrays.
ROWS: list[tuple[str, str, str | None]] = [
    ("y * y, nothing recorded", "y * y", "y * y"),
    ("x * y", "x * y", "x * y"),
    ("x + y", "x + y", "x + y"),
    ("x * 2.0", "x * 2.0", "x * 2.0"),
    ("x ** 2", "x ** 2", "x ** 2"),
    ("x.sin()", "x.sin()", "m.sin(x)"),
    ("x.relu()", "x.relu()", "m.maximum(x, 0)"),
    ("x.sum()", "x.sum()", "x.sum()"),
    ("x.reshape(2, 4)", "x.reshape(2, 4)", "x.reshape(2, 4)"),
    ("x[1:3]", "x[1:3]", "x[1:3]"),
    ("y.add_(y)", "z.add_(y)", "m.add(z, y, z)"),
    ("(x * y).sum().backward()", "(x * y).sum().backward()", None),
]


def nanoseconds(expression: str, names: dict[str, Any]) -> float:
    """The fastest of several runs, per call, in time of this process."""
    runs = timeit.repeat(expression, timer=time.process_time, globals=names, number=CALLS, repeat=REPEATS)
    return min(runs) / CALLS * 1e9


def names_of(module: Any, tensor: Callable[[Any], Any]) -> dict[str, Any]:
    """x, y and z as this library's tensors."""
    x, y, z = (tensor(np.full(SIZE, value, np.float32)) for value in (0.5, 2.0, 0.0))
    if module is not np:
        x.requires_grad_()
    return {"m": module, "x": x, "y": y, "z": z}


def main() -> None:
    """Print the table."""
    ours, numpy = names_of(fs, fs.tensor), names_of(np, np.array)
    try:
        import torch
    except ImportError:
        theirs = None
    else:
        torch.set_num_threads(1)
        theirs = names_of(torch, torch.tensor)
    print(f"{'ns per call, 8 float32':32}{'fastscratch':>12}{'numpy':>10}{'torch':>10}")
    for name, expression, on_arrays in ROWS:
        figures = [nanoseconds(expression, ours)]
        figures.append(nanoseconds(on_arrays, numpy) if on_arrays else float("nan"))
        figures.append(nanoseconds(expression, theirs) if theirs else float("nan"))
        print(f"{name:32}{figures[0]:12.0f}{figures[1]:10.0f}{figures[2]:10.0f}")


if __name__ == "__main__":
    main()
