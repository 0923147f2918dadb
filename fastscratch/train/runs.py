"""Run folders: where a training leaves everything it made.

::

    config.toml          the settings, all of them: `fastscratch train config.toml` does it again
    environment.json     versions, processor, threads
    log.txt              what was said, with the time
    metrics.jsonl        a line per epoch;  gradients.jsonl: the norms of the gradients
    checkpoints/         best, last, and those of every n-th epoch
    figures/             curves, confusion matrix
    tensorboard/         event files, if they were asked for
    results.json         the best epoch on the test set, once the training is over
"""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import environment
from ..files import atomic_write
from .settings import Settings, read_settings, resolve

CONFIG = "config.toml"


def start_run(root: str | Path, name: str, settings: Settings) -> Path:
    """A new run folder root/<date>-<time>-<name> with its configuration; none if that cannot be written."""
    folder = new_run(root, name)
    try:
        describe_run(folder, settings)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def describe_run(folder: Path, settings: Settings) -> None:
    """Write a run's config.toml and environment.json."""
    write_json(folder / "environment.json", environment())
    with atomic_write(folder / CONFIG, "w") as file:
        file.write(f"# fastscratch {__version__}\n\n{settings.to_toml()}")


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


def settings_of(folder: Path) -> Settings:
    """The settings that a run was started with.

    Raises
    ------
    ValueError
        If the folder is not a run's, or its configuration not one of this version.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise ValueError(f"{folder} is not a run folder: it has no {CONFIG}")
    try:
        return resolve(read_settings(path))
    except ValueError as error:
        raise ValueError(f"{path} is not the configuration of a run: {str(error).removeprefix(f'{path}: ')}") from None


def checkpoint(folder: Path, name: str) -> Path:
    """The path of a run's checkpoint, "best" or "last"; FileNotFoundError if it has none."""
    path = folder / "checkpoints" / f"{name}.safetensors"
    if not path.exists():
        raise FileNotFoundError(f"{folder} has no {name} checkpoint ({path.name})")
    return path


def results_of(folder: Path) -> dict[str, Any] | None:
    """What the test set said of a run; None if the run is not finished. ValueError that names the file if it is damaged."""
    path = folder / "results.json"
    if not path.is_file():
        return None
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(results, dict) or "test" not in results:
        raise ValueError(f"{path} is not the results of a run")
    return results


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file; ValueError that names it if a line is none."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise ValueError(f"{path} is not JSON Lines: {error}") from None
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path} is not JSON Lines: each line is to be an object")
    return rows


def write_json(path: Path, value: Any) -> None:
    """A JSON file, whole or not at all."""
    with atomic_write(path) as file:
        file.write((json.dumps(value, indent=2) + "\n").encode())
