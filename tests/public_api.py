"""What a user may rely on, listed line by line: ``python tests/public_api.py`` writes it to tests/public_api.txt.

The names of the public modules with the parameters and defaults of functions, the members that a class has of its own, and
the commands with their options. Annotations are left out: they read differently from one version of Python to the next.
"""

import argparse
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

LIST = Path(__file__).with_suffix(".txt")
MODULES = [
    "fastscratch",
    "fastscratch.autograd",
    "fastscratch.backend",
    "fastscratch.base",
    "fastscratch.cluster",
    "fastscratch.cuda",
    "fastscratch.data",
    "fastscratch.data.transforms",
    "fastscratch.decomposition",
    "fastscratch.exceptions",
    "fastscratch.kernel_ridge",
    "fastscratch.linalg",
    "fastscratch.linear_model",
    "fastscratch.manifold",
    "fastscratch.metrics",
    "fastscratch.model_selection",
    "fastscratch.models",
    "fastscratch.neural_network",
    "fastscratch.nn",
    "fastscratch.nn.explicit",
    "fastscratch.nn.functional",
    "fastscratch.nn.init",
    "fastscratch.nn.utils",
    "fastscratch.optim",
    "fastscratch.optim.lr_scheduler",
    "fastscratch.optim.swa_utils",
    "fastscratch.preprocessing",
    "fastscratch.profiler",
    "fastscratch.random",
    "fastscratch.safetensors",
    "fastscratch.train",
    "fastscratch.viz",
]


def lines() -> Iterator[str]:
    """The whole list."""
    seen: dict[int, str] = {}
    for name in MODULES:
        module = importlib.import_module(name)
        for public in names_of(module):
            yield from described(f"{name}.{public}", getattr(module, public), seen)
    yield from commands()


def names_of(module: ModuleType) -> list[str]:
    """What a module offers: its __all__, or else everything of ours that it can be asked for."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(name for name, value in vars(module).items() if not name.startswith("_") and ours(value, module))


def ours(value: Any, module: ModuleType) -> bool:
    if isinstance(value, ModuleType):
        return False  # those that are public are listed as modules
    if module.__name__ == "fastscratch":
        return not isinstance(value, bool)  # TYPE_CHECKING
    home = getattr(value, "__module__", "") if callable(value) else ""
    return home.startswith("fastscratch") if hasattr(module, "__path__") else home == module.__name__


def described(path: str, value: Any, seen: dict[int, str]) -> Iterator[str]:
    """The lines of one name; of something already listed under another name, only that."""
    if id(value) in seen and (inspect.isclass(value) or inspect.isfunction(value)):
        yield f"{path} = {seen[id(value)]}"
        return
    seen[id(value)] = path
    if inspect.isclass(value):
        bases = [base.__name__ for base in value.__bases__ if base is not object]
        yield f"class {path}{parameters(value)}" + (f" < {', '.join(bases)}" if bases else "")
        if value.__module__.startswith("fastscratch"):
            yield from (f"    {name}{member}" for name, member in members(value))
    elif isinstance(value, ModuleType):
        yield f"{path}: module"
    else:
        yield f"{path}{parameters(value)}" if callable(value) else f"{path}: {kind(value)}"


def kind(value: Any) -> str:
    return f"dtype {value}" if isinstance(value, np.dtype) else type(value).__name__


def members(cls: type) -> Iterator[tuple[str, str]]:
    """Public members of a class's own; what it inherits is listed with the class it comes from."""
    for name, member in sorted(vars(cls).items()):
        if name.startswith("_"):
            continue
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        yield name, parameters(function) if inspect.isfunction(function) else ""


def parameters(function: Any) -> str:
    """``(a, b=1, *, c)``; nothing for what has no signature of ours."""
    if inspect.isclass(function):
        own = next(cls for cls in function.__mro__ if "__init__" in vars(cls))
        if not own.__module__.startswith("fastscratch"):
            return ""
        return without_first(parameters(vars(own)["__init__"]))
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return "(...)"
    shown = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    shown = [p if p.default is p.empty else p.replace(default=Shown(p.default)) for p in shown]
    return str(signature.replace(parameters=shown, return_annotation=signature.empty))


def without_first(signature: str) -> str:
    """Without self."""
    return "(" + signature.removeprefix("(self").removeprefix(", ")


class Shown:
    """A default value, as it is written: the same in every run and on every version of Python."""

    def __init__(self, value: Any) -> None:
        plain = value is None or isinstance(value, bool | int | float | str | tuple)
        self.text = repr(value) if plain else getattr(value, "__name__", type(value).__name__)

    def __repr__(self) -> str:
        return self.text


def commands() -> Iterator[str]:
    """The command line: each command with what can be given to it."""
    from fastscratch.cli import _parser

    parser = _parser()
    subparsers = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for name, command in sorted(subparsers.choices.items()):
        yield from arguments(f"fastscratch {name}", command)


def arguments(path: str, command: argparse.ArgumentParser) -> Iterator[str]:
    taken = [action for action in command._actions if not isinstance(action, argparse._HelpAction)]
    plain = [action for action in taken if not isinstance(action, argparse._SubParsersAction)]
    words = [", ".join(action.option_strings) or str(action.metavar or action.dest).upper() for action in plain]
    yield f"$ {path}"
    yield from (f"    {word}" for word in sorted(words))
    for action in taken:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in sorted(action.choices.items()):
                yield from arguments(f"{path} {name}", inner)


if __name__ == "__main__":
    LIST.write_text("\n".join(lines()) + "\n", encoding="utf-8")
