"""What `import fastscratch` costs after `import numpy`: ``python -m benchmarks.import_time``.

Wall-clock time of the two import statements in new interpreters, bytecode cached as after any installation; medians.

With requirements, ``python -m benchmarks.import_time dist/fastscratch-*.whl scikit-learn=sklearn torch``, what it costs to
have each: the sizes of its wheel, of all wheels that come with it and of what they leave on the disk, the time that pip
takes to install them from a folder into an environment where NumPy alone is, and the time of the import there. NumPy, which
all of them are used with, is counted with none. The name after = is the module's, where it is another.
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


def footprint(requirement: str, folder: Path) -> dict[str, str]:
    """One row: what it costs to have a package."""
    wanted, _, module = requirement.partition("=") if "==" not in requirement else (requirement, "", "")
    name = Path(wanted).name.split("-")[0] if wanted.endswith(".whl") else wanted.split("==")[0]
    wheels, environment = folder / "wheels", folder / "environment"
    _run(sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", "-d", str(wheels), wanted, "numpy")
    seconds = []
    for _ in range(INSTALLS):
        _run(sys.executable, "-m", "venv", "--clear", str(environment))
        python = str(environment / "bin/python")
        install = [python, "-m", "pip", "install", "-q", "--no-index", "-f", str(wheels)]
        _run(*install, "numpy")
        (site,) = environment.glob("lib/python3*/site-packages")
        before, start = _bytes(site), time.perf_counter()
        _run(*install, name)
        seconds.append(time.perf_counter() - start)
    import_times(module or name, python)
    times = [import_times(module or name, python)[1] for _ in range(ROUNDS)]
    sizes = {path.name: path.stat().st_size for path in wheels.iterdir() if not path.name.startswith("numpy-")}
    (own,) = [file for file in sizes if file.lower().replace("-", "_").startswith(name.lower().replace("-", "_") + "_")]
    return {
        "package": " ".join(own.split("-")[:2]),
        "wheel": _megabytes(sizes[own]),
        "with all it needs": _megabytes(sum(sizes.values())),
        "on the disk": _megabytes(_bytes(site) - before),
        "install": f"{median(seconds):.1f} s",
        "import after NumPy": f"{median(times):.0f} ms",
    }


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
        print("| package | wheel | with all it needs | on the disk | install | import after NumPy |")
        print("|---|--:|--:|--:|--:|--:|")
        for requirement in sys.argv[1:]:
            with TemporaryDirectory() as folder:
                print("| " + " | ".join(footprint(requirement, Path(folder)).values()) + " |", flush=True)
        known = machine()
        print(f"\n{known['cpus']} cores of {known['processor']}, Python {known['python']}, {known['date']}.")
        return
    import_times()
    numpy, ours = zip(*[import_times() for _ in range(ROUNDS)], strict=True)
    print(f"import numpy        {median(numpy):6.1f} ms")
    print(f"import fastscratch  {median(ours):6.1f} ms more (at most 50 are promised)")


if __name__ == "__main__":
    main()
