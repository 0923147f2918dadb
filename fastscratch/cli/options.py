"""The options of a training, as argparse has them: made of the fields of Settings."""

from __future__ import annotations

import argparse
from dataclasses import MISSING
from typing import Any

from ..train.recipes import RECIPES
from ..train.settings import FIELDS, SettingsError, kind_of, parsed, read_settings, resolve


def add_options(parser: argparse.ArgumentParser) -> None:
    """An option for each field, in the fields' groups."""
    groups: dict[str, Any] = {}
    for key, option in FIELDS.items():
        title = option.metadata["group"]
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        text = option.metadata["help"] + _default(key)
        if kind_of(key)[0] is bool:
            groups[title].add_argument(flag(key), action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            groups[title].add_argument(flag(key), metavar=_metavar(key), help=text)


def flag(key: str) -> str:
    """The name of an option on the command line."""
    return "--" + key.replace("_", "-")


def given_settings(arguments: argparse.Namespace, config: str | None = None) -> dict[str, Any]:
    """What a configuration file and then the command line say; ValueError for a value that cannot be."""
    given = read_settings(config) if config else {}
    for key in FIELDS:
        value = getattr(arguments, key)
        if value is None:
            continue
        try:
            given[key] = parsed(key, value) if isinstance(value, str) else value
        except SettingsError as error:
            raise ValueError(SettingsError.told(flag(key), error.fault)) from None
    return given


def _default(key: str) -> str:
    default = FIELDS[key].default
    assert default is not MISSING
    if default is None or (kind_of(key)[0] is bool and not default):
        return ""
    shown = "yes" if default is True else default
    by_recipe = any(key in recipe for recipe in RECIPES.values())
    return f" (default: {'goes with the network' if by_recipe else shown})"


def _metavar(key: str) -> str:
    how = FIELDS[key].metadata
    if "choices" in how:
        return "{" + ",".join(how["choices"]) + "}"
    return how.get("metavar", {int: "N", float: "X", str: "TEXT"}[kind_of(key)[0]])


__all__ = ["add_options", "flag", "given_settings", "resolve"]
