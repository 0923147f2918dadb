"""Every operation of the table in tests/cases, on its benchmark inputs: C kernels against their NumPy twins."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import fastscratch as fs

from .timing import in_turns, spread

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from cases import CASES, Case

FAMILIES, GOAL = ("conv", "pool", "softmax"), 2.0


def _forward_backward(case: Case, arrays: list[np.ndarray]) -> Any:
    """A call of the operation, and of its gradient where it has one.

    The gradient it starts from lies ready in the memory order of the result, as the next operation would hand it over.
    """
    directions: dict[Any, Any] = {}
    tensors = [fs.from_numpy(a.copy()) for a in arrays]
    for tensor in tensors:
        tensor.requires_grad = case.gradient and tensor.is_floating_point()

    def call() -> None:
        result = case.call(*tensors)
        if case.gradient:
            output = result[0] if isinstance(result, (tuple, list)) else result
            if output.stride() not in directions:
                directions[output.stride()] = fs.from_numpy(np.ones_like(output.array))
            output.backward(directions[output.stride()])
            for tensor in tensors:
                tensor.grad = None

    return call


def _backend(name: str) -> Any:
    """The backend of that name, C on the instruction set that the environment asks for."""
    return fs.backend.use(name, isa=os.environ.get("FASTSCRATCH_ISA"))


def _goal(name: str, ratio: float) -> dict[str, Any]:
    """What the narrowest kernels are to reach on convolutions, pools and softmax, and whether they do."""
    if os.environ.get("FASTSCRATCH_ISA") != "baseline" or not any(word in name for word in FAMILIES):
        return {}
    return {"target": GOAL, "reached": ratio >= GOAL}


def run(threads: int, match: str = "") -> list[dict[str, Any]]:
    """One row for each operation that has benchmark inputs and whose name holds a word of `match` (with commas between)."""
    fs.set_num_threads(threads)
    rows = []
    for case in CASES:
        if not case.bench or not any(word in case.name for word in match.split(",")):
            continue
        rng = np.random.default_rng(0)
        arrays = [draw(rng) for draw in case.bench]
        arrays = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in arrays]
        call = _forward_backward(case, arrays)
        timing = in_turns({"c": call, "numpy": call}, around=_backend)
        rows.append(
            {
                "operation": case.name,
                "inputs": " ".join("x".join(map(str, a.shape)) for a in arrays[:3]),
                "threads": threads,
                "c (us)": 1e6 * timing.middle("c"),
                "numpy (us)": 1e6 * timing.middle("numpy"),
                "c min": 1e6 * timing.best("c"),
                "numpy min": 1e6 * timing.best("numpy"),
                **{f"{name} spread": spread(samples) for name, samples in timing.samples.items()},
                "ratio": timing.ratio("numpy", "c"),
            }
        )
        rows[-1] |= _goal(case.name, rows[-1]["ratio"])
        print(f"{case.name}: {rows[-1]['ratio']:.1f}x", file=sys.stderr)
    return rows
