"""MNIST and its kin: four IDX files, in a folder or behind mirrors."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..files import FileFormatError
from .idx import read_idx

if TYPE_CHECKING:
    from .download import Progress

STEMS = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


@dataclass(frozen=True)
class ImageSet:
    """A published data set: where its files are, and how to know them.

    Attributes
    ----------
    classes : tuple of str
        What the labels 0, 1, ... stand for.
    mirrors : tuple of str
        Folders, as URLs that end in a slash.
    sha256 : mapping of str to str
        The sum of each published ``.gz`` file, by its name.
    """

    classes: tuple[str, ...]
    mirrors: tuple[str, ...]
    sha256: Mapping[str, str]


IMAGE_SETS = {
    "mnist": ImageSet(
        classes=tuple("0123456789"),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        sha256={
            "train-images-idx3-ubyte.gz": ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            "train-labels-idx1-ubyte.gz": ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            "t10k-images-idx3-ubyte.gz": ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            "t10k-labels-idx1-ubyte.gz": ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        },
    ),
    "fashion_mnist": ImageSet(
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        mirrors=("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",),
        sha256={
            "train-images-idx3-ubyte.gz": ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            "train-labels-idx1-ubyte.gz": ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            "t10k-images-idx3-ubyte.gz": ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            "t10k-labels-idx1-ubyte.gz": ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        },
    ),
}


def find_file(folder: Path, stem: str) -> Path | None:
    """One of the four files, plain or compressed, with a hyphen or a dot before ``idx``."""
    for name in (stem, stem.replace("-idx", ".idx")):
        for suffix in ("", ".gz"):
            if (path := folder / (name + suffix)).is_file():
                return path
    return None


def holds(folder: Path, split: str) -> bool:
    """Whether a folder has both files of a split."""
    return all(find_file(folder, stem) for stem in STEMS[split])


def holds_any(folder: Path) -> bool:
    """Whether a folder has any of the four files."""
    return any(find_file(folder, stem) for pair in STEMS.values() for stem in pair)


def read_split(folder: Path, split: str, n_classes: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Read the images and the labels of a split and hold them against each other.

    Parameters
    ----------
    folder : Path
    split : {"train", "test"}
    n_classes : int or None
        Labels must be below this, if it is known.

    Returns
    -------
    images : (n, height, width) uint8 array
    labels : (n,) int64 array

    Raises
    ------
    FileNotFoundError
        If the folder lacks a file of the split.
    FileFormatError
        If a file is not a valid IDX file of the right shape, the counts differ, there are no
        images, or a label is out of range.
    """
    images_path, labels_path = (_needed(folder, stem) for stem in STEMS[split])
    images, labels = _read(images_path, 3), _read(labels_path, 1)
    if not images.size:
        raise FileFormatError(images_path, f"holds no images, shape {images.shape}")
    if len(images) != len(labels):
        raise FileFormatError(labels_path, f"{len(labels)} labels for {len(images)} images in {images_path.name}")
    if n_classes is not None and labels.max() >= n_classes:
        raise FileFormatError(labels_path, f"label {labels.max()}, expected 0 ... {n_classes - 1}")
    return images, labels.astype(np.int64)


def count_classes(folder: Path) -> int:
    """One more than the largest label in either split."""
    paths = [find_file(folder, labels) for _, labels in STEMS.values()]
    return max(1 + int(_read(path, 1).max(initial=0)) for path in paths if path)


def fetch(image_set: ImageSet, folder: Path, split: str, progress: "Progress | None") -> None:
    """Download the files of a split that a folder lacks.

    Raises
    ------
    OSError
        If no mirror delivers one of them, or it cannot be written.
    """
    from .download import download  # an HTTP client: 25 ms that only this needs

    for stem in STEMS[split]:
        if find_file(folder, stem) is None:
            name = stem + ".gz"
            urls = [mirror + name for mirror in image_set.mirrors]
            download(urls, folder / name, sha256=image_set.sha256[name], progress=progress)


def _needed(folder: Path, stem: str) -> Path:
    path = find_file(folder, stem)
    if path is None:
        raise FileNotFoundError(f"{folder} has no {stem}, plain or .gz")
    return path


def _read(path: Path, ndim: int) -> np.ndarray:
    """Read an array of bytes with a number of dimensions."""
    array = read_idx(path)
    if array.dtype != np.uint8 or array.ndim != ndim:
        raise FileFormatError(path, f"{array.dtype} of shape {array.shape}, expected uint8 with {ndim} dimensions")
    return array
