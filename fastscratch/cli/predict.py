"""`fastscratch predict`: what a trained network reads in pictures from outside."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .. import models
from ..data.mnist import IMAGE_SETS
from ..data.photo import find_photos, frame, ink_of, read_photo
from ..files import FileFormatError
from ..nn import functional as F
from ..tensor import Tensor
from ..train import runs
from ..train.checkpoint import load_checkpoint
from ..train.settings import Settings
from ..train.trainer import Trainer
from .common import Out, UserError, add_json, describe, newest_run, png_path

_EXAMPLES = """examples:
  fastscratch predict photo.png                        by the newest run in runs/
  fastscratch predict photos/ more/*.jpg               many files, and all images of a folder
  fastscratch predict photo.jpg --run runs/FOLDER --picture seen.png
  fastscratch predict photos/ --json > answers.json

PNG and JPEG, any size and colours, dark on light or light on dark, one digit anywhere in the picture. It needs Pillow:
pip install 'fastscratch[image]'
"""

Found = tuple[Path, Any, Any]  # a file, its gray levels, the image that the network is given


def add(commands: Any) -> None:
    """The command's parser."""
    words = describe("Say which digit is on a picture: the likeliest classes with their probabilities.", _EXAMPLES)
    parser = commands.add_parser("predict", help="what is on a picture", **words)
    parser.add_argument("paths", nargs="+", metavar="FILE|FOLDER", help="PNG or JPEG images, or folders with them")
    parser.add_argument("--run", metavar="RUN", help="a run's folder (default: the newest that is trained in --runs)")
    parser.add_argument("--runs", default="runs", metavar="FOLDER", help="where run folders are (default: runs)")
    parser.add_argument("--checkpoint", default="best", metavar="NAME", help="best (the default), last, epoch-0005 ...")
    parser.add_argument("--top", type=int, default=3, metavar="N", help="classes to name (default: 3)")
    parser.add_argument("--picture", metavar="FILE.png", help="draw each photo, what was seen of it, and the answers")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read all pictures, then answer; one that is no image is told of, and does not keep the others from an answer."""
    if arguments.top < 1:
        raise UserError(f"--top must be at least 1, got {arguments.top}")
    picture = png_path(arguments.picture) if arguments.picture else None
    out = Out(arguments.json)
    paths = find_photos(arguments.paths)
    folder = Path(arguments.run) if arguments.run else newest_run(Path(arguments.runs), arguments.checkpoint)
    settings, trainer = _trained(folder, arguments.checkpoint)
    found, faults = _read(paths)
    answers = []
    if found:
        out.say(f"by         {folder} ({settings.model})")
        answers = _answers(trainer, settings, np.stack([image for _, _, image in found]), arguments.top)
    width = max((len(str(path)) for path, _, _ in found), default=0)
    for (path, _, _), top in zip(found, answers, strict=True):
        out.say(f"{path!s:<{width}}  " + "   ".join(f"{name} {share:6.1%}" for name, share in top))
    if picture and found:
        from ..viz.photos import predictions_png

        cards = [(str(path), gray, image, top) for (path, gray, image), top in zip(found, answers, strict=True)]
        predictions_png(picture, cards)
        out.say(f"picture    {picture}")
    rows = [
        {"file": str(path), "top": [{"class": name, "probability": share} for name, share in top]}
        for (path, _, _), top in zip(found, answers, strict=True)
    ]
    out.give({"run": str(folder), "predictions": rows, "errors": faults})
    for fault in faults:
        print(f"fastscratch: error: {fault}", file=sys.stderr)
    return 2 if faults else 0


def _trained(folder: Path, checkpoint: str) -> tuple[Settings, Trainer]:
    """A run's settings, and its network as a checkpoint has it."""
    settings = runs.settings_of(folder)
    if settings.reconstruct:
        raise UserError(f"{folder} was trained to make images, not to tell what is on them")
    model = models.build(settings.model, dropout=settings.dropout)
    load_checkpoint(runs.checkpoint(folder, checkpoint), model=model)
    return settings, Trainer(model)


def _read(paths: list[Path]) -> tuple[list[Found], list[str]]:
    """What is on the pictures, and what is wrong with those that are none."""
    found: list[Found] = []
    faults = []
    for path in paths:
        try:
            gray = read_photo(path)
            found.append((path, gray, frame(ink_of(gray))))
        except FileFormatError as error:
            faults.append(str(error))
        except ValueError as error:
            faults.append(f"{path}: {error}")
    return found, faults


def _answers(trainer: Trainer, settings: Settings, images: Any, top: int) -> list[list[tuple[str, float]]]:
    """For each image the likeliest classes, with their probabilities."""
    try:
        output = trainer.predict(Tensor(images[:, None]))
        shares = F.softmax(output, 1).array
    except (RuntimeError, IndexError) as error:
        raise UserError(f"{settings.model} does not take a 28x28 image: {error}") from error
    known = IMAGE_SETS.get(settings.data or "")
    names = known.classes if known else tuple(map(str, range(shares.shape[1])))
    order = np.argsort(-shares, axis=1, kind="stable")[:, :top]
    return [[(names[k], float(row[k])) for k in best] for row, best in zip(shares, order, strict=True)]
