"""Run folders: where a training leaves everything it made."""

import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__, backend
from ..files import atomic_write
from ..machine import processor


def start_run(root: str | Path, name: str, config: dict[str, Any]) -> Path:
    """A new run folder with its config.json and environment.json; none if they cannot be written."""
    folder = new_run(root, name)
    try:
        write_json(folder / "config.json", config)
        write_json(folder / "environment.json", environment())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def new_run(root: str | Path, name: str) -> Path:
    """Make a new folder root/<date>-<time>-<name>, with a number behind it if that is taken."""
    root = Path(root)
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    for attempt in range(1, 1000):
        folder = root / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
    raise FileExistsError(f"no free name for a run in {root}")


def write_json(path: Path, value: Any) -> None:
    """A JSON file, whole or not at all."""
    with atomic_write(path) as file:
        file.write((json.dumps(value, indent=2) + "\n").encode())


def environment() -> dict[str, Any]:
    """What a result may depend on, to be kept beside it."""
    return {
        "fastscratch": __version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "platform": platform.platform(),
        "processor": processor(),
        "backend": backend.name(),
        "instruction_set": backend.get_isa(),
        "threads": backend.get_num_threads(),
        "cpus": os.cpu_count(),
    }
