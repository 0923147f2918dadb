"""Data sets by name, wherever they are.

The files of ``mnist`` and ``fashion_mnist`` are looked for in ``$FASTSCRATCH_DATA``, which has a
folder for each data set, then in the user's cache, then behind the mirrors, from where they go to
the cache. ``digits`` and the synthetic sets are drawn on the spot.
"""

import difflib
import operator
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import StrPath
from . import mnist, synthetic
from .mnist import IMAGE_SETS

if TYPE_CHECKING:
    from .download import Progress

SPLITS = ("train", "test")

_DIGITS_SIZES = {"train": 10_000, "test": 2_000}
_SYNTHETIC_SIZES = {"train": 2_000, "test": 500}

# What is drawn, with the parameters that make a sensible problem of it, and its classes.
_SYNTHETIC: dict[str, tuple[Callable[..., Any], dict[str, Any], int]] = {
    "spiral": (synthetic.make_spiral, {"noise": 0.03}, 3),
    "moons": (synthetic.make_moons, {"noise": 0.15}, 2),
    "gaussians": (synthetic.make_blobs, {"cluster_std": 2.0}, 3),
    "regression": (synthetic.make_regression, {"n_features": 10, "noise": 10.0}, 0),
    "classification": (synthetic.make_classification, {"n_informative": 5, "n_classes": 3}, 3),
}


class DatasetNotFoundError(FileNotFoundError):
    """A data set is nowhere to be had: says where it was looked for."""


@dataclass(frozen=True)
class Samples:
    """One split of a data set.

    Attributes
    ----------
    name : str
        The data set, or the name of the folder.
    split : {"train", "test"}
    data : ndarray
        (n, height, width) uint8 images, or (n, n_features) float32 features.
    targets : ndarray
        (n,) int64 labels, or (n,) float32 values.
    classes : tuple of str
        What the labels stand for; empty for a regression.
    source : str
        Where the samples came from, in one line.
    """

    name: str
    split: str
    data: np.ndarray
    targets: np.ndarray
    classes: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.data)

    def __str__(self) -> str:
        size = "x".join(map(str, self.data.shape[1:]))
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"{self.name}, {self.split}: {len(self):,} of {size}{classes}; {self.source}"


def dataset_names() -> tuple[str, ...]:
    """Every name that :func:`load_dataset` knows."""
    return (*IMAGE_SETS, "digits", *_SYNTHETIC)


def load_dataset(
    name: StrPath,
    split: str = "train",
    *,
    n_samples: int | None = None,
    seed: int = 0,
    download: bool = True,
    progress: "Progress | None" = None,
) -> Samples:
    """Load one split of a data set.

    Parameters
    ----------
    name : str or path-like
        One of :func:`dataset_names`, or a folder with the four IDX files of MNIST, plain or
        compressed. A folder that has the name of a data set is meant by ``./name``.
    split : {"train", "test"}
    n_samples : int, optional
        Only so many, from the start. ``digits`` draws any number; 10,000 and 2,000 unless said.
    seed : int
        For data that is drawn: the same seed gives the same bits. The two splits never overlap.
    download : bool
        Whether the network may be asked.
    progress : callable, optional
        As in :func:`fastscratch.data.download.download`.

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        If the name, the split or the number of samples is not known to be right.
    DatasetNotFoundError
        If the data set is in none of the places and could not be downloaded.
    FileNotFoundError, NotADirectoryError
        If `name` is a path and no such folder, or a file is missing there.
    FileFormatError
        If a file is damaged, or images and labels do not fit together.

    Examples
    --------
    >>> moons = load_dataset("moons", "test", n_samples=100)
    >>> moons.data.shape, moons.classes
    ((100, 2), ('0', '1'))
    >>> print(moons)
    moons, test: 100 of 2, 2 classes; drawn by fastscratch, seed 0
    """
    if split not in SPLITS:
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    if n_samples is not None and operator.index(n_samples) < 1:
        raise ValueError(f"n_samples must be at least 1, got {n_samples}")
    if name == "digits":
        return _draw_digits(split, n_samples, seed)
    if isinstance(name, str) and name in _SYNTHETIC:
        return _first(_draw_synthetic(name, split, seed), n_samples)
    if isinstance(name, str) and name in IMAGE_SETS:
        folder, how = _locate(name, split, download, progress)
        return _first(_read_folder(folder, split, name, f"{folder} ({how})"), n_samples)
    folder = _as_folder(name)
    return _first(_read_folder(folder, split, folder.resolve().name, str(folder)), n_samples)


def load_splits(
    name: StrPath,
    *,
    n_train: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
    download: bool = True,
    progress: "Progress | None" = None,
    fallback: str | None = None,
) -> tuple[Samples, Samples]:
    """Load both splits of a data set, or both of another one where the first is not to be had.

    Parameters
    ----------
    name, seed, download, progress
        As in :func:`load_dataset`.
    n_train, n_test : int, optional
        Only so many.
    fallback : str, optional
        The data set to take instead, ``"digits"`` say; its `source` says so. Data that is there
        and damaged is an error all the same.

    Returns
    -------
    train, test : Samples

    Raises
    ------
    ValueError, OSError
        As :func:`load_dataset`.
    """
    try:
        train = load_dataset(name, "train", n_samples=n_train, seed=seed, download=download, progress=progress)
        test = load_dataset(name, "test", n_samples=n_test, seed=seed, download=download, progress=progress)
    except DatasetNotFoundError:
        if fallback is None:
            raise
        folder = os.environ.get("FASTSCRATCH_DATA")
        place = f"this machine (FASTSCRATCH_DATA is {folder})" if folder else "this machine"
        reason = f"since {name} is not on {place} and {'could not be downloaded' if download else 'downloads are off'}"
        instead = load_splits(fallback, n_train=n_train, n_test=n_test, seed=seed)
        train, test = (replace(part, source=f"{part.source}, {reason}") for part in instead)
    return train, test


def cache_folder() -> Path:
    """Where downloads are kept: the platform's folder for what can be fetched again.

    Raises
    ------
    OSError
        If the user has no home folder.
    """
    try:
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA")
            root = Path(local) if local else Path.home() / "AppData" / "Local"
        elif sys.platform == "darwin":
            root = Path.home() / "Library" / "Caches"
        else:
            xdg = os.environ.get("XDG_CACHE_HOME", "")
            root = Path(xdg) if os.path.isabs(xdg) else Path.home() / ".cache"
    except RuntimeError:
        raise OSError("no home folder to keep a cache in; set FASTSCRATCH_DATA") from None
    return root / "fastscratch" / "data"


def place_of(name: str) -> str | None:
    """Where the files of a data set of images are on this machine, all four; None if they are not."""
    root = os.environ.get("FASTSCRATCH_DATA")
    folders = [Path(root) / name] if root else []
    with suppress(OSError):
        folders.append(cache_folder() / name)
    found = (folder for folder in folders if all(mnist.holds(folder, split) for split in SPLITS))
    return next(map(str, found), None)


def _locate(name: str, split: str, download: bool, progress: "Progress | None") -> tuple[Path, str]:
    """The folder that has an image set's files, and how it was come by."""
    tried = []
    if root := os.environ.get("FASTSCRATCH_DATA"):
        folder = Path(root) / name
        if mnist.holds_any(folder):  # then it is meant, and what it lacks is an error
            return folder, "FASTSCRATCH_DATA"
        tried.append(f"not in {folder}")
    else:
        tried.append("FASTSCRATCH_DATA is not set")
    try:
        cache = cache_folder() / name
        if mnist.holds(cache, split):
            return cache, "cache"
        tried.append(f"not in {cache}")
        if download:
            mnist.fetch(IMAGE_SETS[name], cache, split, progress)
            return cache, "downloaded"
        tried.append("downloads are off")
        cause = None
    except OSError as error:
        tried.append(str(error))
        cause = error
    raise DatasetNotFoundError(f"{name} was not found: {'; '.join(tried)}") from cause


def _as_folder(name: StrPath) -> Path:
    """A folder given by the user; an unknown name is met with the nearest known one."""
    path = Path(name)
    if path.is_dir():
        return path
    if path.exists():
        raise NotADirectoryError(f"{path} is a file; give the folder with the four IDX files")
    if not isinstance(name, str) or len(path.parts) > 1 or name.startswith((".", "~")):
        raise FileNotFoundError(f"there is no folder {path}")
    near = difflib.get_close_matches(name.lower(), dataset_names(), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown data set {name!r}: {hint}known are {', '.join(dataset_names())}, or any folder")


def _read_folder(folder: Path, split: str, name: str, source: str) -> Samples:
    """Read a split from IDX files; the name may tell the classes."""
    known = IMAGE_SETS[name].classes if name in IMAGE_SETS else None
    images, labels = mnist.read_split(folder, split, len(known) if known else None)
    classes = known or tuple(map(str, range(mnist.count_classes(folder))))
    return Samples(name, split, images, labels, classes, source)


def _draw_digits(split: str, n_samples: int | None, seed: int) -> Samples:
    from .digits import make_digits  # prepares its pen: 25 ms that only this needs

    # An even and an odd seed: no two splits of any two seeds are drawn alike.
    own_seed = 2 * _checked_seed(seed) + SPLITS.index(split)
    images, labels = make_digits(n_samples or _DIGITS_SIZES[split], seed=own_seed)
    return Samples("digits", split, images, labels, tuple("0123456789"), _drawn(seed))


def _draw_synthetic(name: str, split: str, seed: int) -> Samples:
    """Draw both splits as one, since centres and weights are drawn too, and take the part."""
    make, parameters, n_classes = _SYNTHETIC[name]
    n_train = _SYNTHETIC_SIZES["train"]
    X, y = make(
        n_samples=n_train + _SYNTHETIC_SIZES["test"],
        random_state=_checked_seed(seed),
        **parameters,
    )
    part = slice(None, n_train) if split == "train" else slice(n_train, None)
    return Samples(name, split, X[part], y[part], tuple(map(str, range(n_classes))), _drawn(seed))


def _first(samples: Samples, n_samples: int | None) -> Samples:
    """The first so many."""
    if n_samples is None:
        return samples
    if n_samples > len(samples):
        raise ValueError(f"{samples.name}, {samples.split}: {len(samples)} samples, {n_samples} were asked for")
    return replace(samples, data=samples.data[:n_samples], targets=samples.targets[:n_samples])


def _checked_seed(seed: int) -> int:
    if operator.index(seed) < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    return seed


def _drawn(seed: int) -> str:
    return f"drawn by fastscratch, seed {seed}"
