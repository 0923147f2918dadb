"""A grid of trainings: every combination of a few settings, each in a folder of its own."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..names import unknown
from . import runs
from .settings import FIELDS, Settings, checked, checked_keys, lasting, read_toml, resolve

FAILED = "failed.txt"  # in the folder of a training whose loss was not finite: why


@dataclass(frozen=True)
class Cell:
    """One training of a grid: the values that make it differ from the others, and all its settings."""

    values: dict[str, Any]
    settings: Settings

    @property
    def name(self) -> str:
        """Its folder."""
        return "_".join(_in_a_name(value) for value in self.values.values())

    def state(self, folder: Path) -> str:
        """What is left of it to do: "done", "failed", "begun" or "waiting".

        Raises
        ------
        ValueError
            If what is in the folder was trained with other settings.
        """
        if not (folder / runs.CONFIG).is_file():
            return "waiting"
        saved = runs.settings_of(folder)
        data = saved.data if self.settings.data is None else lasting(self.settings.data)
        own = replace(self.settings, data=data, threads=saved.threads)  # threads do not change a result
        different = [key for key in FIELDS if getattr(own, key) != getattr(saved, key)]
        if different:
            told = ", ".join(f"{key} {getattr(saved, key)}, now {getattr(own, key)}" for key in different)
            raise ValueError(f"{folder} was trained with other settings ({told}); take another --output, or remove it")
        if runs.results_of(folder) is not None:
            return "done"
        if (folder / FAILED).is_file():
            return "failed"
        return "begun" if (folder / "checkpoints" / "last.safetensors").exists() else "waiting"


def _in_a_name(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return "".join(c if c.isalnum() or c in "-." else "-" for c in text)


def read_grid(path: str | Path) -> list[Cell]:
    """The cells of a grid's TOML file.

    ::

        data = "mnist"                       # settings of every training
        epochs = 8

        [grid]                               # every combination of these
        model = ["cnn", "cnn-bn"]
        optimizer = ["sgd", "adam"]

        [where.optimizer.sgd]                # and settings of those with optimizer = "sgd"
        lr = 0.05

    Raises
    ------
    ValueError
        Naming the file and the key, if there is no grid, or a key or value is wrong.
    """
    given = read_toml(path)
    try:
        return _cells(given)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _cells(given: dict[str, Any]) -> list[Cell]:
    grid, where = given.pop("grid", None), given.pop("where", {})
    for key in given:
        if key not in FIELDS:
            raise ValueError(unknown("key", key, [*FIELDS, "grid", "where"]))
    base = checked_keys(given)
    axes = _axes(grid, base)
    conditions = _conditions(where, axes)
    cells = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        more: dict[str, Any] = {}
        for (key, value), settings in conditions:
            if chosen[key] == value:
                more |= settings
        cells.append(Cell(chosen, resolve({**base, **more, **chosen})))
    return cells


def _axes(grid: Any, base: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The lists of values, each checked."""
    if not isinstance(grid, dict) or not grid:
        raise ValueError('a comparison needs a table [grid] with lists, such as model = ["cnn", "mlp"]')
    for key, values in grid.items():
        if key not in FIELDS:
            raise ValueError(f"grid: {unknown('key', key, FIELDS)}")
        if key in base:
            raise ValueError(f"{key} is given twice: for every training, and in [grid]")
        if not isinstance(values, list) or not values:
            raise ValueError(f"grid.{key} must be a list of values, got {values!r}")
    axes = {key: [checked(key, value) for value in values] for key, values in grid.items()}
    for key, values in axes.items():
        if len(set(values)) < len(values):
            raise ValueError(f"grid.{key} has a value twice: {values!r}")
    return axes


def _conditions(where: Any, axes: Mapping[str, list[Any]]) -> list[tuple[tuple[str, Any], dict[str, Any]]]:
    """((key, value), settings) of each table [where.KEY.VALUE]."""
    found = []
    if not isinstance(where, dict):
        raise ValueError("where must be tables such as [where.optimizer.sgd]")
    for key, tables in where.items():
        if key not in axes:
            raise ValueError(f"where: {unknown('key of the grid', key, axes)}")
        texts = {json.dumps(value) if not isinstance(value, str) else value: value for value in axes[key]}
        if not isinstance(tables, dict):
            raise ValueError(f"where.{key} must be tables such as [where.{key}.{next(iter(texts))}]")
        for text, settings in tables.items():
            if text not in texts:
                raise ValueError(f"where.{key}: {unknown('value of the grid', text, texts)}")
            if not isinstance(settings, dict):
                raise ValueError(f"where.{key}.{text} must be a table of settings, got {settings!r}")
            if both := sorted(set(settings) & set(axes)):
                raise ValueError(f"where.{key}.{text} sets {both[0]}, which the grid goes through")
            found.append(((key, texts[text]), checked_keys(settings)))
    return found
