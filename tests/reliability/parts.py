"""A check in parts, each kept with the record when it ends: the check may be stopped at any time, and goes on where it was.

A part is named "GROUP WHAT"; the record has a row for each group. Two processes may work at different parts; should both
end one in the same moment, one of the two is run again.
"""

import argparse
import functools
import hashlib
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .record import ROOT, load, machine, record

_SOURCES = (".c", ".h", ".def", ".py", ".pyx", ".pxi", ".txt", ".toml", ".in", "")
_PASSED = re.compile(r"(\d+) (?:passed|kernel files)")

Part = dict[str, Any]
Sources = dict[str, tuple[str, ...]]


class Parts:
    """The parts of one check.

    Parameters
    ----------
    check : str
        Its name in the Makefile and in the record.
    group : str
        What groups are, for the head of the table.
    sources : dict of str to tuple of str
        By a part's name, the files and folders that its result depends on; it is run again when one has changed.
    run : function
        Runs the part of a name, as `finished` does.
    """

    def __init__(self, check: str, group: str, sources: dict[str, tuple[str, ...]], run: Callable[[str], Part]) -> None:
        self.check, self.group, self.run = check, group, run
        self.sources = {name: fingerprint(where) for name, where in sources.items()}
        self.known = self._kept()

    def _kept(self) -> dict[str, Part]:
        """What the record has of the sources as they are."""
        known = (load(self.check) or {}).get("parts", {})
        return {name: part for name, part in known.items() if part["sources"] == self.sources.get(name)}

    def main(self, description: str, prepare: Callable[[], None] = lambda: None) -> int:
        """Run what is left, part by part; 1 if one failed."""
        parser = argparse.ArgumentParser(prog=f"reliability.{self.check}", description=description)
        parser.add_argument("--match", nargs="*", default=[""], metavar="TEXT", help="only parts named so")
        parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no part after so many")
        parser.add_argument("--again", action="store_true", help="what passed as well")
        arguments = parser.parse_args()
        start = time.monotonic()
        wanted = [name for name in self.sources if any(text in name for text in arguments.match)]
        left = [name for name in wanted if arguments.again or not self.known.get(name, {}).get("ok")]
        if left:
            prepare()
        for name in left:
            if time.monotonic() - start > 60 * arguments.minutes:
                break
            part = self.run(name) | {"sources": self.sources[name]}
            self.known = self._kept() | {name: part}
            print(f"{name:<50} {part['said']} ({part['seconds']:g} s)", flush=True)
            self.save()
        failed = [name for name in wanted if name in self.known and not self.known[name]["ok"]]
        print(f"{len(self.known)} of {len(self.sources)} parts run, {len(failed)} of those asked for failed")
        return 1 if failed else 0

    def save(self) -> None:
        """Write the record."""
        names = list(self.sources)
        passed = sum(part["ok"] for part in self.known.values())
        counts = {"parts": len(names), "parts run": len(self.known), "parts passed": passed}
        result: dict[str, Any] = {"command": f"make {self.check}", "ok": passed == len(names), "counts": counts}
        if passed == len(self.known):
            result["left"] = f"{len(names) - passed} of {len(names)} parts"
        result["seconds"] = sum(part["seconds"] for part in self.known.values())
        groups = dict.fromkeys(map(group_of, names))
        rows = [self._row(group, [name for name in names if group_of(name) == group]) for group in groups]
        record(self.check, result | {"rows": rows, "parts": self.known})

    def _row(self, group: str, names: list[str]) -> dict[str, Any]:
        run = {name: self.known[name] for name in names if name in self.known}
        left = [what_of(name) for name in names if name not in run]
        return {
            self.group: group,
            "parts passed": f"{sum(part['ok'] for part in run.values())} of {len(names)}",
            "passed": sum(part["tests"] for part in run.values()),
            "skipped": sum(part["skipped"] for part in run.values()),
            "failed parts": ", ".join(what_of(name) for name, part in run.items() if not part["ok"]) or "none",
            "not yet run": "all" if not run else ", ".join(left) or "none",
        }


def group_of(name: str) -> str:
    return name.split(" ", 1)[0]


def what_of(name: str) -> str:
    return name.split(" ", 1)[1]


@functools.cache
def fingerprint(where: tuple[str, ...]) -> str:
    """Of every source in these files and folders, and of what compiles and runs it."""
    found = hashlib.sha256("".join(machine()[key] for key in ("compiler", "python", "numpy")).encode())
    for path in sorted({path for name in where for path in _below(ROOT / name)}):
        if path.is_file() and path.suffix in _SOURCES and path.name != "_c.c" and "build" not in path.parts:
            found.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return found.hexdigest()


def _below(path: Path) -> list[Path]:
    return [path] if path.is_file() else list(path.rglob("*"))


def finished(command: list[str], cwd: Path, env: dict[str, str]) -> Part:
    """Run a command: whether it succeeded, how many passed, its last line; what a failure said is printed."""
    start = time.monotonic()
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.strip()] or ["nothing said"]
    if done.returncode:
        print("\n".join(lines[-40:]), done.stderr[-6000:], sep="\n", flush=True)
    passed, skipped = _PASSED.search(lines[-1]), re.search(r"(\d+) skipped", lines[-1])
    return {
        "ok": done.returncode == 0,
        "tests": int(passed[1]) if passed else 0,
        "skipped": int(skipped[1]) if skipped else 0,
        "seconds": round(time.monotonic() - start, 1),
        "said": re.sub(r"^=+ | =+$", "", lines[-1])[:200],
        "date": time.strftime("%Y-%m-%d"),
    }
