"""Settings: every option of a training, defined once; the command line and TOML files are made of it."""

from __future__ import annotations

import json
import math
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..data.registry import dataset_names
from ..files import open_regular
from ..models import MODELS, builder, check_options
from ..names import unknown
from .recipes import LEARNING_RATES, OPTIMIZERS, RECIPES, SCHEDULES

NONE = "none"  # how an option is unset in a file and on the command line

Check = Callable[[Any], str | None]  # what is wrong with a value


class SettingsError(ValueError):
    """An option has a value that it cannot have; `fault` says what is wrong, `key` of which."""

    def __init__(self, key: str, fault: str) -> None:
        super().__init__(self.told(key, fault))
        self.key, self.fault = key, fault

    @staticmethod
    def told(name: str, fault: str) -> str:
        """The message, for an option that goes by this name where it was given."""
        return f"{name} {fault}" if fault.startswith("must") else f"{name}: {fault}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.key, self.fault)


def _option(default: Any, group: str, help: str, check: Check | None = None, **how: Any) -> Any:
    """A field with what a command line has to know of it: `choices`, `metavar`."""
    return field(default=default, metadata={"group": group, "help": help, "check": check, **how})


def _at_least(least: float) -> Check:
    return lambda value: None if value >= least and math.isfinite(value) else f"must be at least {least:g}"


def _positive(value: float) -> str | None:
    return None if 0 < value < math.inf else "must be positive"


def _fraction(value: float) -> str | None:
    return None if 0 <= value < 1 else "must be in [0, 1)"


def _of(kind: str, known: Iterable[str]) -> Check:
    return lambda value: None if value in known else unknown(kind, value, known)


def _model(value: str) -> str | None:
    try:
        builder(value)
    except ValueError as error:
        return str(error)
    return None


@dataclass(frozen=True)
class Settings:
    """What a training depends on; saved with the run.

    >>> Settings(batch_size=32).batch_size
    32
    """

    model: str = _option("cnn", "network", "the network, or module:Class for one of your own", _model, choices=MODELS)
    dropout: float | None = _option(None, "network", "probability of dropout, in networks that have it", _fraction)
    reconstruct: bool = _option(False, "network", "learn to make the image itself (mean squared error), not its class")

    data: str | None = _option(
        None,
        "data",
        "mnist, fashion_mnist, digits, or a folder with the four IDX files; without it mnist, or drawn digits where that "
        "is not to be had",
        metavar="NAME|FOLDER",
    )
    samples: int | None = _option(None, "data", "use only so many training samples", _at_least(1))
    validation: int = _option(5000, "data", "samples held out of the training set, to choose by", _at_least(1))
    download: bool = _option(True, "data", "whether the network may be asked for data")

    rotate: float = _option(0.0, "augmentation", "turn training images by up to so many degrees", _at_least(0))
    translate: float = _option(0.0, "augmentation", "shift them by up to this share of their side", _fraction)
    zoom: float = _option(0.0, "augmentation", "zoom them by up to this share, in and out", _fraction)
    elastic: float = _option(0.0, "augmentation", "distort them: alpha, in pixels (34 is usual)", _at_least(0))
    elastic_sigma: float = _option(4.0, "augmentation", "how smooth the distortion is, in pixels", _positive)

    epochs: int = _option(8, "training", "passes over the training data", _at_least(1))
    batch_size: int = _option(64, "training", "samples in a batch", _at_least(1))
    optimizer: str = _option(
        "adam", "training", "how parameters are updated", _of("optimizer", OPTIMIZERS), choices=OPTIMIZERS
    )
    lr: float = _option(LEARNING_RATES["adam"], "training", "learning rate, the largest of the schedule", _positive)
    momentum: float = _option(0.9, "training", "momentum of sgd", _fraction)
    weight_decay: float = _option(0.0, "training", "L2 penalty (adamw: decoupled)", _at_least(0))
    schedule: str = _option(
        "cosine",
        "training",
        "how the learning rate changes over the training",
        _of("schedule", SCHEDULES),
        choices=SCHEDULES,
    )
    clip_grad_norm: float | None = _option(None, "training", "clip the norm of all gradients to this", _positive)
    accumulate: int = _option(1, "training", "batches whose gradients are averaged for one step", _at_least(1))
    ema: float | None = _option(
        None, "training", "decay of an exponential mean of the weights, which is then what is evaluated", _fraction
    )
    patience: int | None = _option(None, "training", "stop after so many epochs without improvement", _at_least(1))
    seed: int = _option(0, "training", "of the initial weights, the order of the data, dropout", _at_least(0))
    threads: int | None = _option(None, "training", "threads to use; results do not depend on it", _at_least(1))

    runs: str = _option("runs", "run folder", "where run folders go", metavar="FOLDER")
    save_every: int | None = _option(
        None, "run folder", "keep a checkpoint after every so many epochs, beside best and last", _at_least(1)
    )
    save_steps: int | None = _option(
        None, "run folder", "write the last checkpoint after every so many batches too", _at_least(1)
    )
    tensorboard: bool = _option(False, "run folder", "write event files for TensorBoard too")

    def to_toml(self) -> str:
        """All options, in groups, as a TOML file that gives these settings again."""
        lines: list[str] = []
        group = None
        for option in fields(self):
            if option.metadata["group"] != group:
                group = option.metadata["group"]
                lines.append(f"\n# {group}")
            value = getattr(self, option.name)
            lines.append(f"{option.name} = {to_toml(NONE if value is None else value)}")
        return "\n".join(lines).lstrip() + "\n"


FIELDS = {option.name: option for option in fields(Settings)}
_HINTS = typing.get_type_hints(Settings)
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def kind_of(key: str) -> tuple[type, bool]:
    """The type of an option's value, and whether it may be unset."""
    hint = _HINTS[key]
    if isinstance(hint, types.UnionType):
        return hint.__args__[0], True
    return hint, False


def checked(key: str, value: Any) -> Any:
    """The value of an option, or SettingsError if it is of another type or out of range."""
    kind, optional = kind_of(key)
    if optional and value in (None, NONE):
        return None
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        expected = _KINDS[kind] + (f', or "{NONE}"' if optional else "")
        raise SettingsError(key, f"must be {expected}, got {value!r}")
    check = FIELDS[key].metadata["check"]
    fault = check(value) if check else None
    if fault:
        raise SettingsError(key, f"{fault}, got {value:g}" if kind in (int, float) else fault)
    return value


def parsed(key: str, text: str) -> Any:
    """As `checked`, from the text of a command line."""
    kind, optional = kind_of(key)
    if kind is str or (optional and text == NONE):
        return checked(key, text)
    try:
        value: Any = kind(text)
    except ValueError:
        raise SettingsError(key, f"must be {_KINDS[kind]}, got {text!r}") from None
    return checked(key, value)


def checked_keys(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options from a file: SettingsError for a key that nobody knows, and for a value as `checked`."""
    for key in given:
        if key not in FIELDS:
            raise ValueError(unknown("key", key, FIELDS))
    return {key: checked(key, value) for key, value in given.items()}


def resolve(given: Mapping[str, Any]) -> Settings:
    """Settings from what is given: what is not comes from the model's recipe, then from the defaults.

    The learning rate goes with the optimizer: with another one than the recipe's it is that optimizer's usual one.
    """
    recipe = RECIPES.get(given.get("model", Settings.model), {})
    chosen = {**recipe, **given}
    if "lr" not in given and chosen.get("optimizer") != recipe.get("optimizer"):
        chosen["lr"] = LEARNING_RATES[chosen["optimizer"]]
    settings = Settings(**chosen)
    check_options(settings.model, dropout=settings.dropout)
    return settings


def lasting(data: str) -> str:
    """What data is called in a configuration that may be read in another folder."""
    return data if data in dataset_names() else str(Path(data).resolve())


def read_toml(path: str | Path) -> dict[str, Any]:
    """A TOML file as a dict; ValueError that names the file if it is none."""
    with open_regular(path) as file:
        try:
            return tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not TOML: {error}") from None


def read_settings(path: str | Path) -> dict[str, Any]:
    """The options that a TOML file gives, checked; ValueError that names the file and the key."""
    given = read_toml(path)
    try:
        return checked_keys(given)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def to_toml(value: Any) -> str:
    """A number, truth value or text as TOML has it.

    >>> print(to_toml('a "b"'), to_toml(True), to_toml(1e-3))
    "a \\"b\\"" true 0.001
    """
    if isinstance(value, str):  # JSON's escapes are TOML's, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)
