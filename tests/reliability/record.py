"""What the long checks found, kept in docs/: a JSON file for each, and one page made of them all."""

import json
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from fastscratch import backend
from fastscratch.files import atomic_write
from fastscratch.machine import processor

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

CHECKS = {  # name: what it shows
    "matrix": "Wheels install and pass their tests on every CPython to be had, with the oldest and the newest NumPy.",
    "sanitize": "The test suite on every instruction set under AddressSanitizer and UndefinedBehaviorSanitizer.",
    "cross": "The kernels by other compilers, on processors that are not here, under Valgrind and ThreadSanitizer.",
    "fuzz": "Fuzzing of the IDX and safetensors parsers, guided by coverage, and of operations and kernel arguments.",
    "faults": "A training that is killed, a disk that is full, a folder that goes away: what was saved stays whole.",
    "soak": "Training, checkpoints, prediction and estimators in a loop: memory and open files stay flat.",
}
_NOT_YET = "not yet run"
_INTRODUCTION = """# Reliability

The checks that take longer than a test suite may. Each command writes its result here when it ends, and nothing on this
page is written by hand: `python -m reliability.record`, from `tests/`, makes it anew from what is in `docs/reliability/`.
"""

Result = dict[str, Any]


def record(name: str, result: Result, docs: Path = DOCS) -> None:
    """Write a check's result to docs/reliability/NAME.json, with the date and the machine, and make the page anew.

    Parameters
    ----------
    name : str
        One of CHECKS.
    result : dict
        command (str), ok (bool), seconds (float) and counts (dict of label to number or text); if there is more to say,
        rows: a list of dicts of the same keys, which becomes a table; if nothing failed but something is still to be run,
        left (str). What else it holds is kept in the JSON file alone.
    docs : path
        The folder of the page.
    """
    if name not in CHECKS:
        raise ValueError(f"unknown check {name!r}: add it to CHECKS ({', '.join(CHECKS)})")
    missing = [key for key in ("command", "ok", "seconds", "counts") if key not in result]
    if missing:
        raise ValueError(f"the result of {name} lacks {', '.join(missing)}")
    whole = {"date": time.strftime("%Y-%m-%d"), "revision": revision(), "machine": machine(), **result}
    whole["seconds"] = round(whole["seconds"], 1)
    (docs / "reliability").mkdir(parents=True, exist_ok=True)
    with atomic_write(docs / "reliability" / f"{name}.json", "w") as file:
        file.write(json.dumps(whole, indent=1) + "\n")
    write_page(docs)


def load(name: str, docs: Path = DOCS) -> Result | None:
    """What was recorded last; None if nothing was."""
    path = docs / "reliability" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def machine() -> dict[str, str]:
    """What a result may depend on."""
    return {
        "processor": processor(),
        "instruction sets": ", ".join(backend.isas()) or "none: no extension",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "compiler": backend.compiler() or "none",
    }


def revision() -> str:
    """The commit that was checked, with "and changes" if the files are not quite its; "unknown" without git."""
    try:
        commit, changes = _git("rev-parse", "--short=10", "HEAD"), _git("status", "--porcelain", "--", ".", ":!docs")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} and changes" if changes else commit


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def write_page(docs: Path = DOCS) -> None:
    """Make docs/reliability.md of the records that are there."""
    records = {name: load(name, docs) for name in CHECKS}
    parts = [_INTRODUCTION, _table([_summary(name, found) for name, found in records.items()])]
    parts += [_section(name, found) for name, found in records.items() if found is not None]
    with atomic_write(docs / "reliability.md", "w") as file:
        file.write("\n".join(parts))


def _summary(name: str, found: Result | None) -> Result:
    row = {"command": f"`make {name}`", "result": _NOT_YET, "date": "", "seconds": "", "what it shows": CHECKS[name]}
    if found is not None:
        row |= {"result": _verdict(found), "date": found["date"], "seconds": found["seconds"]}
    return row


def _verdict(found: Result) -> str:
    if found["ok"]:
        return "passed"
    return f"not finished; left: {found['left']}" if found.get("left") else "**failed**"


def _section(name: str, found: Result) -> str:
    lines = [f"\n## make {name}\n", f"{CHECKS[name]}\n"]
    lines.append(f"`{found['command']}`: {_verdict(found)} on {found['date']} in {found['seconds']:g} s.\n")
    about = {**found["machine"], "revision": found["revision"]}
    lines.append("; ".join(f"{key}: {value}" for key, value in about.items()) + ".\n")
    lines.append(_table([{"what": key, "count": value} for key, value in found["counts"].items()]))
    if found.get("rows"):
        lines.append("\n" + _table(found["rows"]))
    return "\n".join(lines)


def _table(rows: list[Result]) -> str:
    """A Markdown table; the columns are those of the first row."""
    lines = [_line(rows[0]), _line(["---"] * len(rows[0]))]
    lines += [_line([_shown(row.get(column, "")) for column in rows[0]]) for row in rows]
    return "\n".join(lines) + "\n"


def _line(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    write_page()
