"""Checkpoints: model, optimizer, schedule and whatever else is needed to go on, in one safetensors file."""

from typing import Any

from ..files import FileFormatError, StrPath
from ..nn import Module
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler
from ..safetensors import SafetensorsError
from ..serialization import read, write
from ..tensor import Tensor

__all__ = ["CheckpointError", "load_checkpoint", "save_checkpoint"]

_FORMAT = {"format": "fastscratch.checkpoint", "version": "1"}


class CheckpointError(FileFormatError):
    """A checkpoint is damaged, or belongs to something else: names the file and the fault."""


def save_checkpoint(
    path: StrPath,
    *,
    model: Module,
    optimizer: Optimizer | None = None,
    scheduler: LRScheduler | None = None,
    extra: dict[str, Any] | None = None,
) -> None:
    """Write a checkpoint, completely or not at all.

    Parameters
    ----------
    path : str or path-like
        Replaced if it is there.
    model : Module
    optimizer : Optimizer, optional
    scheduler : LRScheduler, optional
    extra : dict, optional
        Anything that :func:`fastscratch.save` takes: epoch and step, the state of a loader, ``fs.get_rng_state()``.

    Raises
    ------
    TypeError
        If something cannot be saved; the message says where it is.
    OSError
        If the file cannot be written; the old one is then untouched.

    Notes
    -----
    The tensors are named ``model.<name>`` and ``optimizer.state.<number>.<name>``, so that any reader of safetensors finds
    the weights.

    Examples
    --------
    >>> import tempfile
    >>> import fastscratch as fs
    >>> model = fs.nn.Linear(2, 1)
    >>> optimizer = fs.optim.Adam(model.parameters())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/last.safetensors"
    ...     save_checkpoint(path, model=model, optimizer=optimizer, extra={"epoch": 3, "random": fs.get_rng_state()})
    ...     load_checkpoint(path, model=model, optimizer=optimizer)["epoch"]
    3
    """
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    tree: dict[str, Any] = {name: None if part is None else part.state_dict() for name, part in parts.items()}
    tree["kinds"] = {name: None if part is None else type(part).__name__ for name, part in parts.items()}
    tree["extra"] = {} if extra is None else extra
    write(tree, path, _FORMAT)


def load_checkpoint(
    path: StrPath,
    *,
    model: Module | None = None,
    optimizer: Optimizer | None = None,
    scheduler: LRScheduler | None = None,
) -> dict[str, Any]:
    """Read a checkpoint into whatever is given, all of it or (after any error) nothing.

    Parameters
    ----------
    path : str or path-like
    model, optimizer, scheduler : optional
        Take over their state; what is not given is passed over.

    Returns
    -------
    dict
        The ``extra`` that was saved.

    Raises
    ------
    CheckpointError
        If the file is damaged or no checkpoint; if it lacks the state of something that is given, or that state does not
        fit: missing and unexpected names, wrong shapes, another kind of optimizer or schedule.
    OSError
        If the file cannot be read.
    """
    tree = _read(path)
    if model is not None:
        _check_model(path, model, tree["model"])
    for name, part in (("optimizer", optimizer), ("scheduler", scheduler)):
        if part is not None:
            _check_part(path, name, part, tree)
    if model is not None:
        model.load_state_dict(tree["model"])
    if optimizer is not None:
        optimizer.load_state_dict(tree["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(tree["scheduler"])
    return tree["extra"]


def _read(path: StrPath) -> dict[str, Any]:
    """The tree of a checkpoint, known to have all its branches."""
    try:
        tree, metadata = read(path)
    except SafetensorsError as error:
        raise CheckpointError(path, error.fault) from None
    if metadata.get("format") != _FORMAT["format"]:
        raise CheckpointError(path, "a safetensors file, but not a checkpoint")
    if metadata.get("version") != _FORMAT["version"]:
        raise CheckpointError(path, f"a checkpoint of version {metadata.get('version')!r}, only '1' is known")
    branches = ("model", "optimizer", "scheduler", "kinds", "extra")
    if not isinstance(tree, dict) or set(tree) != set(branches) or not isinstance(tree["kinds"], dict):
        raise CheckpointError(path, f"a checkpoint has the parts {', '.join(branches)}")
    return tree


def _check_model(path: StrPath, model: Module, saved: dict[str, Any]) -> None:
    """CheckpointError with every name and shape that does not fit."""
    own = model.state_dict()
    if not isinstance(saved, dict) or not all(isinstance(value, Tensor) for value in saved.values()):
        raise CheckpointError(path, "its model is not a dict of tensors")
    faults = []
    for what, names in (
        ("missing", [n for n in own if n not in saved]),
        ("unexpected", [n for n in saved if n not in own]),
    ):
        if names:
            faults.append(f"{what}: {', '.join(names)}")
    shapes = [
        f"{name} {saved[name].shape}, expected {value.shape}"
        for name, value in own.items()
        if name in saved and saved[name].shape != value.shape
    ]
    if shapes:
        faults.append(f"of another shape: {'; '.join(shapes)}")
    if faults:
        raise CheckpointError(path, f"does not fit this {type(model).__name__}: {' | '.join(faults)}")


def _check_part(path: StrPath, name: str, part: Any, tree: dict[str, Any]) -> None:
    """CheckpointError if the state of the optimizer or scheduler is not there, of another kind or does not fit."""
    kind, own = tree["kinds"].get(name), type(part).__name__
    if tree[name] is None:
        raise CheckpointError(path, f"holds no {name}, but a {own} is to be loaded")
    if kind != own:
        raise CheckpointError(path, f"holds the {name} {kind}, but a {own} is to be loaded")
    try:
        part.check_state_dict(tree[name])
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # the last three only from a file made by hand
        raise CheckpointError(path, f"{name}: {error}") from None
