"""Real MNIST by ``fastscratch compare``, a row for each training: ``python -m benchmarks.mnist_grids [NAME ...]``.

The names are those of the grids in examples/mnist/. Every training chooses its best epoch on validation images held out of
the training set, and reads the test set once. The results go to `--results`: for each grid a JSON file with the machine,
and the table with the time that the whole command took, from process start to end.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from fastscratch.files import atomic_write

from .timing import machine, save

ROOT = Path(__file__).resolve().parent.parent
GRIDS = ROOT / "examples" / "mnist"
NAMES = sorted(path.stem for path in GRIDS.glob("*.toml"))


def run(name: str) -> dict[str, Any]:
    """One grid in a process of its own and a new folder: its rows, its table in Markdown, and its seconds."""
    command = ["fastscratch", "compare", f"examples/mnist/{name}.toml"]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        started = [sys.executable, "-m", *command, "--output", folder, "--json"]
        done = subprocess.run(started, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        seconds = time.perf_counter() - start
        table = (Path(folder) / "table.md").read_text(encoding="utf-8")
    return {"command": " ".join(command), "seconds": seconds, "table": table, "rows": json.loads(done.stdout)["runs"]}


def seeds_line(rows: list[dict[str, Any]]) -> str:
    """The median over the seeds, where that is all that the trainings differ in."""
    tests = [row["test_accuracy"] for row in rows if not row["error"]]
    if list(rows[0])[1:3] != ["seed", "error"] or len(tests) < len(rows):
        return ""
    longest = max(row["seconds"] for row in rows)
    return f"Test accuracy, median of {len(tests)} seeds: {median(tests):.2%}; the longest training {longest:.0f} s.\n"


def page(result: dict[str, Any], config: str) -> str:
    """What was run, where, and what came of it."""
    where = machine()
    told = f"{where['cpus']} cores of {where['processor']}, {where['instruction_set']}, {where['threads']} threads"
    return (
        f"`{result['command']}`: {result['seconds']:.0f} s from process start to end; {told}, {where['date']}.\n\n"
        f"{seeds_line(result['rows'])}\n{result['table']}\n```toml\n{config}```\n"
    )


def main() -> None:
    """Run the grids, print their tables, and save both forms."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mnist_grids", description="Grids on real MNIST.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"), metavar="FOLDER")
    arguments = parser.parse_args()
    if wrong := sorted(set(arguments.names) - set(NAMES)):
        parser.error(f"no grid {wrong[0]!r}; there are {', '.join(NAMES)}")
    for name in arguments.names or NAMES:
        result = run(name)
        text = page(result, (GRIDS / f"{name}.toml").read_text(encoding="utf-8"))
        save(arguments.results / f"mnist_{name}.json", result.pop("rows"), **result)
        with atomic_write(arguments.results / f"mnist_{name}.md", "w") as file:
            file.write(text)
        print(text, flush=True)


if __name__ == "__main__":
    main()
