"""python -m benchmarks [WHAT] [--against PEERS] [--threads 1,2] [--json FILE] [--plot FILE]

kernels    every operation of the test table, C against NumPy; with other peers, single operations and matrix products
steps      whole training steps and predictions
overhead   what one operation on 8 numbers costs
estimators fits and predictions, against scikit-learn; seconds each, so ask for few rounds
scaling    time and memory against batch, width, channels, threads and samples, with the slopes of the log-log lines

Peers: numpy, torch (at its best and as installed), jax, sklearn; avx2 and baseline are fastscratch's own narrower builds.
Each runs in a process of its own, in turns with ours; what is not installed is left out, with a word. A peer whose result
differs from ours is not timed, and its row says so. The file has each row as soon as it is measured.
"""

import argparse
import sys
from importlib.util import find_spec
from typing import Any

from . import equal, report, scaling, twins
from .contest import contest, versions
from .timing import machine

OWN = ("avx2", "baseline")
PEERS = ("numpy", "torch", "jax", "sklearn", *OWN)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what", nargs="?", choices=["kernels", "steps", "overhead", "estimators", "scaling"], default="kernels"
    )
    parser.add_argument("--against", default="", help="peers, with commas between: " + ", ".join(PEERS))
    parser.add_argument("--threads", default="1", help="numbers of threads, with commas between")
    parser.add_argument(
        "--match", default="", help="only rows whose name holds this (kernels against NumPy: one of these, with commas)"
    )
    parser.add_argument("--isa", choices=list(equal.KNOWN), help="the instruction set of our kernels against NumPy")
    parser.add_argument("--equal", action="store_true", help="hold NumPy and its BLAS to --isa as well")
    parser.add_argument("--rounds", type=int, default=15, help="samples of each contestant")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--plot", metavar="FILE", help="draw the ratios there, as SVG or PNG")
    arguments = parser.parse_args()
    arguments.against = [peer for peer in arguments.against.split(",") if peer]
    arguments.threads = [int(n) for n in arguments.threads.split(",")]
    unknown = set(arguments.against) - set(PEERS)
    if unknown:
        parser.error(f"no peer is called {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    if arguments.equal and not arguments.isa:
        parser.error("--equal needs --isa")
    return arguments


def _installed(peers: list[str]) -> list[str]:
    missing = [peer for peer in peers if peer not in OWN and find_spec(peer) is None]
    if missing:
        print(f"not installed, left out: {', '.join(missing)}", file=sys.stderr)
    return [peer for peer in peers if peer not in missing]


def main() -> None:
    """Run the benchmark that was asked for and print its table."""
    arguments = _arguments()
    if arguments.isa:
        equal.start_anew(arguments.isa, arguments.equal)
    against = _installed(arguments.against)
    result: dict[str, Any] = {"benchmark": arguments.what, "machine": machine()}
    if arguments.what == "scaling":
        result["rows"] = scaling.run(arguments.threads, arguments.match)
    elif arguments.what == "kernels" and against in ([], ["numpy"]):
        result["benchmark"] = "twins"
        result["rows"] = [row for n in arguments.threads for row in twins.run(n, arguments.match)]
    else:
        result["contestants"] = versions(against, arguments.threads[0])
        _contests(arguments, against, result)
    _show(arguments, result)


def _contests(arguments: argparse.Namespace, against: list[str], result: dict[str, Any]) -> None:
    """Put the rows into `result`, and into the file as each is finished: what an interruption leaves is not lost."""
    result.update(unfinished=True, rows=[])
    try:
        for threads in arguments.threads:
            for row in contest(arguments.what, against, threads, match=arguments.match, rounds=arguments.rounds):
                result["rows"].append(row)
                if arguments.json:
                    report.save(arguments.json, result)
    except BaseException:
        _show(arguments, result)
        raise
    del result["unfinished"]


def _show(arguments: argparse.Namespace, result: dict[str, Any]) -> None:
    print(report.text(result), flush=True)
    if arguments.json:
        report.save(arguments.json, result)
    if arguments.plot and result["rows"]:
        report.plot(arguments.plot, result)


if __name__ == "__main__":
    main()
