"""python -m benchmarks [kernels] [--threads 1,2] [--json FILE] [--match TEXT]"""

import argparse

from . import kernels
from .timing import save, table


def main() -> None:
    """Run the benchmarks that were asked for and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Kernels against their NumPy twins.")
    parser.add_argument("what", nargs="?", choices=["kernels"], default="kernels")
    parser.add_argument("--threads", default="1", help="numbers of threads, with commas between")
    parser.add_argument("--match", default="", help="only operations whose name holds this")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    arguments = parser.parse_args()
    rows = []
    for threads in arguments.threads.split(","):
        rows += kernels.run(int(threads), arguments.match)
    print("Forward and, where there is one, backward, float32; microseconds, medians and minima; ratio = NumPy / C\n")
    columns = {"operation": "", "inputs": "", "threads": "d", "c (us)": ".1f", "numpy (us)": ".1f"}
    print(table(rows, {**columns, "c min": ".1f", "numpy min": ".1f", "ratio": ".2f"}))
    if arguments.json:
        save(arguments.json, rows)


if __name__ == "__main__":
    main()
