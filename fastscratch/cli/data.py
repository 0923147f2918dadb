"""`fastscratch data`: which data sets there are, fetching them, looking at them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..data import mnist
from ..data.registry import SPLITS, Samples, cache_folder, dataset_names, load_dataset, place_of
from ..names import unknown
from .common import Out, UserError, add_json, describe, png_path

_OF_VERBS = {
    "list": """examples:
  fastscratch data list
  fastscratch data list --json
""",
    "download": """examples:
  fastscratch data download mnist
  fastscratch data download mnist fashion_mnist
""",
    "show": """examples:
  fastscratch data show mnist --count 60 -o some.png
  fastscratch data show ~/my-digits --split test
""",
}
_EXAMPLES = f"""examples:
{"".join(text.partition(chr(10))[2] for text in _OF_VERBS.values())}
Files are looked for in $FASTSCRATCH_DATA, which has a folder for each data set, then in the cache, then behind the mirrors.
"""


def add(commands: Any) -> None:
    """The command's parser, with one for each of its three verbs."""
    words = describe("List, download and show data sets.", _EXAMPLES)
    parser = commands.add_parser("data", help="list, download and show data sets", **words)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|download|show")
    add_json(
        verbs.add_parser(
            "list", help="all data sets, and where they are", **describe("All data sets.", _OF_VERBS["list"])
        )
    )
    download = verbs.add_parser(
        "download", help="fetch a data set into the cache", **describe("Fetch a data set.", _OF_VERBS["download"])
    )
    download.add_argument("names", nargs="+", metavar="NAME", help=", ".join(mnist.IMAGE_SETS))
    show = verbs.add_parser(
        "show", help="sizes, classes and a picture", **describe("Show a data set.", _OF_VERBS["show"])
    )
    show.add_argument("name", metavar="NAME|FOLDER")
    show.add_argument("--split", choices=SPLITS, default="train")
    show.add_argument("--count", type=int, default=50, metavar="N", help="images in the picture (default: 50)")
    show.add_argument("-o", "--output", metavar="FILE.png", help="the picture (default: NAME.png)")
    show.add_argument("--no-download", action="store_true", help="never ask the network")
    for verb in (download, show):
        add_json(verb)
    for verb in verbs.choices.values():
        verb.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Do what the verb says."""
    return {"list": _list, "download": _download, "show": _show}[arguments.verb](arguments, Out(arguments.json))


def _list(arguments: argparse.Namespace, out: Out) -> int:
    rows = []
    for name in dataset_names():
        place = place_of(name) if name in mnist.IMAGE_SETS else "drawn on the spot"
        rows.append({"name": name, "place": place})
        out.say(f"{name:<15} {place or 'not here; fastscratch data download ' + name}")
    out.give(rows)
    return 0


def _download(arguments: argparse.Namespace, out: Out) -> int:
    for name in arguments.names:
        if name not in mnist.IMAGE_SETS:
            raise UserError(unknown("data set to download", name, mnist.IMAGE_SETS))
    rows = []
    for name in arguments.names:
        found = place_of(name)
        if found is None:
            folder = cache_folder() / name
            for split in SPLITS:
                mnist.fetch(mnist.IMAGE_SETS[name], folder, split, _progress())
            found = str(folder)
        out.say(f"{name:<15} {found}")
        rows.append({"name": name, "place": found})
    out.give(rows)
    return 0


def _progress() -> Any:
    """What tells a terminal how much of a file is there."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None

    def tell(name: str, done: int, total: int | None) -> None:
        share = f"{done / total:4.0%}" if total else f"{done:,} bytes"
        print(f"\r{name} {share}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return tell


def _show(arguments: argparse.Namespace, out: Out) -> int:
    if arguments.count < 1:
        raise UserError(f"--count must be at least 1, got {arguments.count}")
    chosen = png_path(arguments.output) if arguments.output else None
    samples = load_dataset(arguments.name, arguments.split, download=not arguments.no_download)
    out.say(str(samples))
    known: dict[str, Any] = {"name": samples.name, "split": samples.split, "samples": len(samples)}
    known |= {"shape": list(samples.data.shape[1:]), "source": samples.source}
    if samples.classes:
        counts = np.bincount(samples.targets, minlength=len(samples.classes)).tolist()
        known["classes"] = dict(zip(samples.classes, counts, strict=True))
        for name, count in known["classes"].items():
            out.say(f"  {name:<14} {count:7,}")
    if samples.data.ndim == 3:
        path = chosen or Path(f"{samples.name}.png")
        _draw(path, samples, arguments.count)
        known["picture"] = str(path)
        out.say(f"picture    {path}")
    elif chosen:
        raise UserError(f"{samples.name} has no images to draw: its samples have shape {samples.data.shape[1:]}")
    out.give(known)
    return 0


def _draw(path: Path, samples: Samples, count: int) -> None:
    """A row for each class, its first images in it."""
    from ..viz import image_grid, write_png

    columns = max(1, count // max(1, len(samples.classes)))
    height, width = samples.data.shape[1:]
    picture = np.zeros((len(samples.classes) * columns, height, width))
    for label in range(len(samples.classes)):
        first = np.flatnonzero(samples.targets == label)[:columns]
        picture[label * columns : label * columns + len(first)] = samples.data[first] / 255
    write_png(path, image_grid(picture, columns))
