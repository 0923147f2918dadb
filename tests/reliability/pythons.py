"""The CPythons on this machine that the package supports, and the NumPys that each of them can have."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_QUESTION = """
import json, sys, sysconfig
free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print(json.dumps([sys.implementation.name, sys.version_info[:3], free]))
"""
OLDEST = (3, 11)


@dataclass(frozen=True)
class Python:
    """An interpreter: cp312, cp314t."""

    path: str
    tag: str
    version: str


def pythons() -> list[Python]:
    """One interpreter of each version, in order."""
    found: dict[str, Python] = {}
    for path in _paths():
        python = _ask(path)
        if python:
            found.setdefault(python.tag, python)
    return sorted(found.values(), key=lambda python: (len(python.tag), python.tag))


def numpys(python: str) -> list[str]:
    """The oldest and the newest NumPy from 2.0 on that has a wheel for an interpreter; one, if they are the same."""
    command = [python, "-m", "pip", "index", "versions", "--only-binary", ":all:", "numpy"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Available versions: (.*)", done.stdout)
    versions = [version for version in found[1].split(", ") if int(version.split(".")[0]) >= 2] if found else []
    if not versions:
        raise OSError(f"no NumPy from 2.0 on for {python}: {done.stdout.strip() or done.stderr.strip()}")
    return list(dict.fromkeys([versions[-1], versions[0]]))


def _paths() -> Iterator[str]:
    """Where interpreters are looked for: FASTSCRATCH_PYTHONS, pyenv, uv, the path, and the one that runs this."""
    yield from filter(None, os.environ.get("FASTSCRATCH_PYTHONS", "").split(os.pathsep))
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(map(str, pyenv.glob("versions/*/bin/python")))
    if shutil.which("uv"):
        command = ["uv", "python", "list", "--only-installed", "--output-format", "json"]
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        yield from (one["path"] for one in json.loads(listed or "[]"))
    names = [f"python3.{minor}{free}" for minor in range(OLDEST[1], 30) for free in ("", "t")]
    yield from filter(None, map(shutil.which, names))
    yield sys.executable


def _ask(path: str) -> Python | None:
    """What an interpreter is; None if it is not one, or too old."""
    try:
        done = subprocess.run([path, "-c", _QUESTION], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    name, version, free = json.loads(done.stdout)
    if name != "cpython" or tuple(version) < OLDEST:
        return None
    return Python(path, f"cp{version[0]}{version[1]}{'t' if free else ''}", ".".join(map(str, version)))
