"""``make fuzz``: coverage-guided fuzzing (atheris, on libFuzzer) of the parsers and of kernel arguments.

    python -m reliability.fuzz [TARGET...] [--executions N] [--minutes M] [--keep]

Each target runs in a process of its own, so that a crash is a finding and not the end. An input that breaks something is
left in build/fuzz/TARGET/; ``--keep`` puts the inputs that reach lines of their own into the committed corpus. Targets that
are not run keep their row of the record.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from . import parsers
from .record import ROOT, load, record

TARGETS = ("idx", "safetensors", "kernels")
_BUILD = ROOT / "build" / "fuzz"
_WANTED = 1_000_000  # executions of each
_STINT = 100_000  # executions of a process: the fuzzer itself grows by kilobytes with each
_LEAST_SHARE = 0.95  # of a parser's lines


def main() -> int:
    """Run the targets, print and record what was found; 1 if anything was, or too little was run."""
    parser = argparse.ArgumentParser(prog="reliability.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--executions", type=int, default=_WANTED)
    parser.add_argument("--minutes", type=float, default=0, help="of each target, at most")
    parser.add_argument("--keep", action="store_true", help="put new inputs into the committed corpus")
    arguments = parser.parse_args()
    targets = arguments.targets or list(TARGETS)
    if unknown := sorted(set(targets) - set(TARGETS)):
        parser.error(f"unknown target {unknown[0]!r}, known are {', '.join(TARGETS)}")
    rows = {row["target"]: row for row in (load("fuzz") or {"rows": []})["rows"]}
    for target in targets:
        rows[target] = run(target, arguments.executions, int(60 * arguments.minutes), arguments.keep)
    ordered = [rows[target] for target in TARGETS if target in rows]
    ok = len(ordered) == len(TARGETS) and all(row["ok"] for row in ordered)
    short = [target for target in TARGETS if rows.get(target, {"executions": 0})["executions"] < _WANTED]
    counts = {key: sum(row[key] for row in ordered) for key in ("executions", "findings")}
    seconds = sum(row["seconds"] for row in ordered)
    left = f"{_WANTED:,} executions of {', '.join(short)}" if short and not counts["findings"] else ""
    result = {"command": "make fuzz", "ok": ok, "left": left, "seconds": seconds, "counts": counts, "rows": ordered}
    record("fuzz", result)
    return 0 if ok else 1


def run(target: str, executions: int, seconds: int, keep: bool) -> dict[str, Any]:
    """Fuzz one target in a process of its own; a row of the record."""
    folder = _BUILD / target
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "inputs").mkdir(parents=True)
    start, done, status, seed = time.perf_counter(), 0, 0, 0
    while status == 0 and done < executions and not 0 < seconds < time.perf_counter() - start:
        seed += 1
        status, said = _stint(target, min(_STINT, executions - done), seconds, folder, seed)
        done += sum(map(int, re.findall(r"Done (\d+) runs", said)))
    row = {
        "target": target,
        "executions": done,
        "seconds": round(time.perf_counter() - start, 1),
        "findings": sum(len([*folder.glob(f"{kind}-*")]) for kind in ("crash", "timeout", "oom")) or int(status != 0),
        "lines of the parser": "",
        "date": time.strftime("%Y-%m-%d"),
    }
    share = 1.0 if target == "kernels" else _measure_lines(target, keep, row)
    row["ok"] = row["findings"] == 0 and row["executions"] >= _WANTED and share >= _LEAST_SHARE
    print(", ".join(f"{key}: {value}" for key, value in row.items()), flush=True)
    if row["findings"]:
        print(said[-4000:])
    return row


def _stint(target: str, executions: int, seconds: int, folder: Path, seed: int) -> tuple[int, str]:
    """Go on from the inputs that were found so far; the exit code, and what was said."""
    numbers = map(str, (executions, seconds, seed))
    command = [sys.executable, "-m", "reliability.fuzz_one", target, str(folder), *numbers]
    with open(folder / "log.txt", "w") as log:
        status = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    return status, (folder / "log.txt").read_text(errors="replace")


def _measure_lines(target: str, keep: bool, row: dict[str, Any]) -> float:
    """The share of the parser's lines that the inputs reached, into the row too; the missed ones are printed."""
    chosen, reached = parsers.covering(target, parsers.corpus("inputs", _BUILD / target) + parsers.corpus(target))
    lines = parsers.lines_of(target)
    for path, line in sorted(lines - reached):
        print(f"not reached: {Path(path).name}:{line}")
    row["lines of the parser"] = f"{len(reached)} of {len(lines)}"
    if keep:
        shutil.rmtree(parsers.CORPUS / target)
        (parsers.CORPUS / target).mkdir()
        for content in chosen:
            (parsers.CORPUS / target / hashlib.sha1(content).hexdigest()[:12]).write_bytes(content)
    return len(reached) / len(lines)


if __name__ == "__main__":
    sys.exit(main())
