"""What `import fastscratch` costs after `import numpy`: ``python -m benchmarks.import_time``.

Wall-clock time of the two import statements in new interpreters, bytecode cached as after any installation; medians.

With requirements, ``python -m benchmarks.import_time dist/fastscratch-*.whl scikit-learn=sklearn torch``, what it costs to
have each: the sizes of its wheel, of all wheels that come with it and of what they leave on the disk, the time that pip
takes to install them from a folder into an environment where NumPy alone is, and the time of the import there. Installs and
imports are made in turns. NumPy, which all of them are used with, is counted with none. The name after = is the module's,
where it is another.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from .timing import machine

ROUNDS = 15
INSTALLS = 3
PROGRAM = """
import sys, time
start = time.perf_counter()
import numpy
middle = time.perf_counter()
__import__(sys.argv[1])
print(middle - start, time.perf_counter() - middle)
"""


def import_times(module: str = "fastscratch", python: str = sys.executable) -> tuple[float, float]:
    """Milliseconds that NumPy takes, and that a module takes on top, in a new interpreter."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [python, "-c", PROGRAM, module]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    numpy, ours = done.stdout.split()
    return 1e3 * float(numpy), 1e3 * float(ours)


class Footprint:
    """What it costs to have a package: its wheels in a folder, and an environment made of them."""

    def __init__(self, requirement: str, folder: Path) -> None:
        wanted, _, module = requirement.partition("=") if "==" not in requirement else (requirement, "", "")
        self.name = Path(wanted).name.split("-")[0] if wanted.endswith(".whl") else wanted.split("==")[0]
        self.module = module or self.name
        self.wheels, self.environment = folder / "wheels", folder / "environment"
        self.python = str(self.environment / "bin/python")
        self.installs: list[float] = []  # seconds
        self.imports: list[float] = []  # milliseconds
        command = [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", "-d", str(self.wheels)]
        _run(*command, wanted, "numpy")

    def install(self) -> None:
        """Once more, from the folder."""
        _run(sys.executable, "-m", "venv", "--clear", str(self.environment))
        command = [self.python, "-m", "pip", "install", "-q", "--no-index", "-f", str(self.wheels)]
        _run(*command, "numpy")
        (site,) = self.environment.glob("lib/python3*/site-packages")
        before, start = _bytes(site), time.perf_counter()
        _run(*command, self.name)
        self.installs.append(time.perf_counter() - start)
        self.on_disk = _bytes(site) - before

    def load(self) -> None:
        """Import it once more."""
        self.imports.append(import_times(self.module, self.python)[1])

    def row(self) -> list[str]:
        """Of the table: sizes, and medians with the minima in brackets; the first import made the bytecode."""
        sizes = {path.name: path.stat().st_size for path in self.wheels.iterdir() if not path.name.startswith("numpy-")}
        prefix = self.name.lower().replace("-", "_") + "_"
        (own,) = [file for file in sizes if file.lower().replace("-", "_").startswith(prefix)]
        times = self.imports[1:]
        return [
            " ".join(own.split("-")[:2]),
            _megabytes(sizes[own]),
            _megabytes(sum(sizes.values())),
            _megabytes(self.on_disk),
            f"{median(self.installs):.1f} s ({min(self.installs):.1f})",
            f"{median(times):.0f} ms ({min(times):.0f})",
        ]


def compare(requirements: list[str], folder: Path) -> list[list[str]]:
    """The rows of several packages, installed and imported in turns."""
    packages = [Footprint(requirement, folder / str(i)) for i, requirement in enumerate(requirements)]
    for _ in range(INSTALLS):
        for package in packages:
            package.install()
    for _ in range(1 + ROUNDS):
        for package in packages:
            package.load()
    return [package.row() for package in packages]


def _run(*command: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def main() -> None:
    """Print both medians; or, of the packages asked for, a table."""
    if len(sys.argv) > 1:
        with TemporaryDirectory() as folder:
            rows = compare(sys.argv[1:], Path(folder))
        print("| package | wheel | with all it needs | on the disk | install | import after NumPy |")
        print("|---|--:|--:|--:|--:|--:|")
        for row in rows:
            print("| " + " | ".join(row) + " |")
        known = machine()
        print("\nMedians, minima in brackets; installed and imported in turns.", end=" ")
        print(f"{known['cpus']} cores of {known['processor']}, Python {known['python']}, {known['date']}.")
        return
    import_times()
    numpy, ours = zip(*[import_times() for _ in range(ROUNDS)], strict=True)
    print(f"import numpy        {median(numpy):6.1f} ms")
    print(f"import fastscratch  {median(ours):6.1f} ms more (at most 50 are promised)")


if __name__ == "__main__":
    main()
