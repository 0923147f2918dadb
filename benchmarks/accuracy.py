"""The worst error of the vector functions, in units in the last place (ULP).

``python -m benchmarks.accuracy [--every 64] [--isa avx512,avx2,baseline] [--json FILE]``

float32: every 64th of all bit patterns (--every 1: all of them, some minutes for a function), against float64. float64: as
many random points over the range where the function is neither 0 nor infinite nor its argument, against long double. A
NaN, an infinity or a zero that should not be there counts as an infinite error.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fastscratch as fs

from .timing import machine, save, table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from references import FUNCTIONS, expected, ulps

BLOCK = 1 << 20
COLUMNS = {"function": "", "dtype": "", "instruction set": "", "points": ",d", "ULP": ".3f", "stated": "g", "at": ".9g"}


def _float32(every: int) -> Iterator[np.ndarray]:
    """Bit patterns, `every` apart."""
    for start in range(0, 1 << 32, BLOCK * every):
        yield np.arange(start, min(start + BLOCK * every, 1 << 32), every, dtype=np.uint32).view(np.float32)


def _float64(every: int, low: float, high: float) -> Iterator[np.ndarray]:
    """Random points, half of them even over the range and half of any size within it."""
    rng = np.random.default_rng(0)
    for _ in range(0, 1 << 32, BLOCK * every):
        even = rng.uniform(low, high, BLOCK // 2)
        yield np.concatenate([even, rng.uniform(low, high, BLOCK // 2) * 2.0 ** -rng.integers(0, 60, BLOCK // 2)])


def measure(name: str, dtype: str, isas: list[str], every: int) -> list[dict[str, Any]]:
    """The worst error of a function on each instruction set, and where it is."""
    function = FUNCTIONS[name]
    blocks = _float32(every) if dtype == "float32" else _float64(64 * every, *function.float64)
    worst, points = dict.fromkeys(isas, (0.0, 0.0)), 0
    for x in blocks:
        wide, rounded = expected(name, x)
        points += x.size
        for isa in isas:
            fs.backend.use("c", isa=isa)
            error = ulps(getattr(fs.backend, f"{name}_forward")(x), wide, rounded)
            at = int(np.argmax(error))
            worst[isa] = max(worst[isa], (float(error[at]), float(x[at])))
    return [
        {
            "function": name, "dtype": dtype, "instruction set": isa, "points": points, "ULP": worst[isa][0],
            "stated": function.ulps, "at": worst[isa][1],
        }
        for isa in isas
    ]  # fmt: skip


def text(rows: list[dict[str, Any]]) -> str:
    """The table, below it the machine."""
    about = machine()
    return f"{table(rows, COLUMNS)}\n\n{about['processor']}, {about['compiler']}, {about['platform']}, {about['date']}."


def main() -> None:
    """Measure and print; write JSON and, beside it, Markdown where --json says. Exit status 1 where a bound is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=64, help="of the float32 bit patterns")
    parser.add_argument("--isa", default=",".join(fs.backend.isas()), help="instruction sets, with commas between")
    parser.add_argument("--match", default="", help="only functions whose name holds this")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, and the table beside it")
    arguments = parser.parse_args()
    rows = [
        row
        for name in FUNCTIONS
        if arguments.match in name
        for dtype in ("float32", "float64")
        for row in measure(name, dtype, arguments.isa.split(","), arguments.every)
    ]
    print(text(rows))
    if arguments.json:
        save(arguments.json, rows)
        Path(arguments.json).with_suffix(".md").write_text(text(rows) + "\n")
    sys.exit(any(row["ULP"] > row["stated"] for row in rows))


if __name__ == "__main__":
    main()
