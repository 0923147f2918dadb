"""The command `fastscratch`: train, resume, evaluate, info."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from . import __version__, backend
from .data.registry import DatasetNotFoundError
from .files import FileFormatError
from .train import runs
from .train.recipes import OPTIMIZERS, RECIPES, SCHEDULES, Recipe
from .train.session import Session, Settings
from .train.trainer import NonFiniteLossError

_EXAMPLES = """examples:
  fastscratch train                              a small CNN on MNIST, or on digits drawn on the spot
  fastscratch train --model mlp --epochs 3       another network, for less long
  fastscratch train --data ~/my-digits           a folder with the four IDX files
  fastscratch resume runs/20260101-120000-cnn    go on with a training that was stopped
  fastscratch evaluate runs/20260101-120000-cnn  the best checkpoint of a run on the test set
"""


class UserError(Exception):
    """A mistake of the caller's: one line, exit code 2."""


class _Parser(argparse.ArgumentParser):
    """Answers a mistake with one line, and not with all the options before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code.

    0, 1 if nobody reads the output any longer, 2 for a mistake of the caller's, 130 after Ctrl-C.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        code = arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a full disk or a closed pipe is still answered
        return code
    except BrokenPipeError:  # `fastscratch info | head -1` is no mistake
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("fastscratch: interrupted", file=sys.stderr)
        return 130
    except (UserError, NonFiniteLossError, DatasetNotFoundError, FileFormatError, ValueError, OSError) as error:
        if arguments.debug:
            raise
        print(f"fastscratch: error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="fastscratch",
        description="Train and use small networks on a CPU, fast.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"fastscratch {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    resume = commands.add_parser("resume", help="go on with a training that was stopped, to the same bits")
    resume.add_argument("folder", metavar="RUN", help="the run's folder")
    resume.set_defaults(run=_resume)
    evaluate = commands.add_parser("evaluate", help="evaluate a run's best checkpoint on the test set")
    evaluate.add_argument("folder", metavar="RUN", help="the run's folder")
    evaluate.add_argument("--data", metavar="NAME|FOLDER", help="another data set's test set instead of the run's own")
    evaluate.set_defaults(run=_evaluate)
    info = commands.add_parser("info", help="version, backend, instruction sets, threads")
    info.set_defaults(run=_info)
    for command in (resume, evaluate, info, commands.choices["train"]):
        command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _add_train(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="train a network",
        description="Train a network, choose its best epoch on a validation split, and evaluate that on the test set.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = train.add_argument
    add("--model", choices=sorted(RECIPES), default="cnn", help="the network (default: cnn)")
    add("--data", metavar="NAME|FOLDER", help="mnist, fashion_mnist, digits, or a folder with the four IDX files")
    add("--epochs", type=_positive, help="passes over the training data")
    add("--batch-size", type=_positive, help="samples in a batch")
    add("--lr", type=float, help="learning rate, the largest one of the schedule")
    add("--optimizer", choices=sorted(OPTIMIZERS), help="how parameters are updated")
    add("--schedule", choices=sorted(SCHEDULES), help="how the learning rate changes over the training")
    add("--weight-decay", type=float, help="L2 penalty (adamw: decoupled)")
    add("--validation", type=_positive, default=5000, help="samples held out of the training set (default: 5000)")
    add("--patience", type=_positive, help="stop after so many epochs without improvement")
    add("--samples", type=_positive, help="use only so many training samples")
    add(
        "--seed",
        type=_not_negative,
        default=0,
        help="of the initial weights, the order of the data, dropout (default: 0)",
    )
    add("--threads", type=_positive, help="threads to use; results do not depend on it")
    add("--runs", default="runs", metavar="FOLDER", help="where run folders go (default: runs)")
    add("--no-download", action="store_true", help="never ask the network for data")
    train.set_defaults(run=_train)


def _positive(text: str) -> int:
    return _whole(text, 1)


def _not_negative(text: str) -> int:
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    """A whole number that is large enough."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None
    if value < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}, got {value}")
    return value


def _recipe(arguments: argparse.Namespace) -> Recipe:
    """The model's recipe, with what the command line says in its place."""
    names = ("epochs", "batch_size", "lr", "optimizer", "schedule", "weight_decay")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if not 0 < given.get("lr", 1.0) < math.inf:
        raise UserError(f"--lr must be positive, got {given['lr']:g}")
    return replace(RECIPES[arguments.model], **given)


def _train(arguments: argparse.Namespace) -> int:
    settings = Settings(
        recipe=_recipe(arguments),
        data=arguments.data,
        validation=arguments.validation,
        patience=arguments.patience,
        samples=arguments.samples,
        seed=arguments.seed,
        download=not arguments.no_download,
    )
    if arguments.threads:
        backend.set_num_threads(arguments.threads)
    session = Session(settings)
    print(f"data       {session.data_line()}")
    print(f"model      {settings.recipe.model}, {session.parameter_count():,} parameters")
    print(f"computing  {_computing()}")
    config = {**asdict(settings), "version": __version__, "found": session.train_samples.name}
    folder = runs.start_run(arguments.runs, settings.recipe.model, config)
    return _fit_and_report(session, folder)


def _resume(arguments: argparse.Namespace) -> int:
    folder = _run_folder(arguments.folder)
    last = folder / "checkpoints" / "last.safetensors"
    if not last.exists():
        raise UserError(f"{folder} has no checkpoint to resume from ({last.name})")
    session = _session_of(folder)
    print(f"data       {session.data_line()}")
    session.resume(last, folder)
    print(f"resuming   {folder} after {session.trainer.epoch} epochs and {session.trainer.step} batches")
    return _fit_and_report(session, folder)


def _fit_and_report(session: Session, folder: Path) -> int:
    session.fit(folder)
    if session.trainer.interrupted:
        print(f"stopped; go on with: fastscratch resume {folder}")
        return 130
    if session.stopping_reason:
        print(f"stopped early: {session.stopping_reason}")
    _print_results(session.report(folder))
    print(f"run        {folder}")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    folder = _run_folder(arguments.folder)
    best = folder / "checkpoints" / "best.safetensors"
    if not best.exists():
        raise UserError(f"{folder} has no best checkpoint ({best.name})")
    if arguments.data:
        settings, _ = _settings_of(folder)
        session = Session(replace(settings, data=arguments.data, samples=None))
    else:
        session = _session_of(folder)
    print(f"data       {session.data_line()}")
    _print_results(session.test(best))
    return 0


def _print_results(results: dict[str, Any]) -> None:
    if "confusion" in results:
        print(_confusion_table(results["confusion"], results["classes"]))
    values = ", ".join(f"{k} {v:.5f}" for k, v in results["test"].items())
    print(f"test       {values} ({results['samples']:,} samples, best epoch {results['best_epoch']})")


def _confusion_table(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Rows are true classes, columns predicted ones."""
    short = [name[:6] for name in names]
    lines = ["confusion  (rows: true, columns: predicted)"]
    lines.append(" " * 8 + "".join(f"{name:>7}" for name in short))
    for name, row in zip(short, matrix, strict=True):
        lines.append(f"{name:>8}" + "".join(f"{count or '.':>7}" for count in row))
    return "\n".join(lines)


def _run_folder(text: str) -> Path:
    folder = Path(text)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} is not a run folder: it has no config.json")
    return folder


def _session_of(folder: Path) -> Session:
    """The session of a run, with the data that it was started with."""
    settings, found = _settings_of(folder)
    session = Session(settings)
    if session.train_samples.name != found:
        raise UserError(f"{folder} was trained on {found}, which is not to be had now: {session.data_line()}")
    return session


def _settings_of(folder: Path) -> tuple[Settings, str]:
    """The settings that a run was started with, and the name of the data that it found."""
    path = folder / "config.json"
    try:
        known = json.loads(path.read_text())
        known.pop("version", None)
        found = known.pop("found")
        settings = Settings(**{**known, "recipe": Recipe(**known["recipe"])})
        settings.recipe.check()
        return settings, found
    except KeyError as error:
        raise UserError(f"{path} is not the configuration of a run: it has no {error}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not the configuration of a run: {error}") from None


def _computing() -> str:
    isa = backend.get_isa() if backend.name() != "numpy" else None
    return f"{backend.name()} backend{f' ({isa})' if isa else ''}, {backend.get_num_threads()} threads"


def _info(arguments: argparse.Namespace) -> int:
    for name, value in runs.environment().items():
        print(f"{name:<16} {value}")
    print(f"{'backends':<16} {', '.join(backend.available())}")
    print(f"{'available sets':<16} {', '.join(backend.isas()) or 'none: the extension is not built'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
