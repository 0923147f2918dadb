"""Data sets by name: where they are looked for, in which order, and what is refused."""

import functools
import hashlib
import os
import re
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from fastscratch.data import registry
from fastscratch.data.idx import IDXError, write_idx
from fastscratch.data.mnist import IMAGE_SETS, STEMS
from fastscratch.data.registry import (
    DatasetNotFoundError,
    cache_folder,
    dataset_names,
    load_dataset,
    load_splits,
)
from fastscratch.files import FileFormatError

DRAWN = ["spiral", "moons", "gaussians", "regression", "classification"]
REAL_DATA = os.environ.get("FASTSCRATCH_DATA", "")


def write_set(folder, *, sizes=(6, 4), n_classes=10, suffix=".gz", dotted=False, first_pixel=0):
    """The four files of a small image set."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for (images, labels), size in zip(STEMS.values(), sizes, strict=True):
        pixels = rng.integers(256, size=(size, 28, 28), dtype=np.uint8)
        pixels[0, 0, 0] = first_pixel
        values = np.arange(size, dtype=np.uint8) % n_classes
        for stem, array in ((images, pixels), (labels, values)):
            name = stem.replace("-idx", ".idx") if dotted else stem
            write_idx(folder / (name + suffix), array)
    return folder


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """An empty home and no data; no test asks the network."""
    monkeypatch.delenv("FASTSCRATCH_DATA", raising=False)
    monkeypatch.setattr(registry.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    nowhere = replace(IMAGE_SETS["mnist"], mirrors=("http://127.0.0.1:9/one/", "http://localhost:9/two/"))
    monkeypatch.setitem(IMAGE_SETS, "mnist", nowhere)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "fastscratch" / "data" / "mnist"


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror of a small mnist on this machine; counts what is fetched."""
    folder = write_set(tmp_path / "mirror", first_pixel=77)
    fetched = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            fetched.append(self.path.removeprefix("/"))
            super().do_GET()

        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    url = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setitem(IMAGE_SETS, "mnist", replace(IMAGE_SETS["mnist"], mirrors=(url,), sha256=sums))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fetched
    server.shutdown()
    thread.join()
    server.server_close()


def test_names():
    assert dataset_names() == ("mnist", "fashion_mnist", "digits", *DRAWN)


# The order of the places


def test_data_folder_comes_before_the_cache(tmp_path, monkeypatch, cache, mirror):
    monkeypatch.setenv("FASTSCRATCH_DATA", str(tmp_path / "data"))
    write_set(tmp_path / "data" / "mnist", first_pixel=1)
    write_set(cache, first_pixel=2)
    samples = load_dataset("mnist")
    assert samples.data[0, 0, 0] == 1
    assert samples.source == f"{tmp_path / 'data' / 'mnist'} (FASTSCRATCH_DATA)"
    assert mirror == []


def test_cache_comes_before_a_download(tmp_path, monkeypatch, cache, mirror):
    monkeypatch.setenv("FASTSCRATCH_DATA", str(tmp_path / "nowhere"))
    write_set(cache, first_pixel=2)
    samples = load_dataset("mnist", "test")
    assert samples.data[0, 0, 0] == 2
    assert samples.source == f"{cache} (cache)"
    assert mirror == []


def test_download_goes_to_the_cache_once(cache, mirror):
    seen = []
    samples = load_dataset("mnist", progress=lambda *args: seen.append(args))
    assert samples.data[0, 0, 0] == 77
    assert samples.source == f"{cache} (downloaded)"
    train = [stem + ".gz" for stem in STEMS["train"]]
    assert mirror == train
    assert sorted(file.name for file in cache.iterdir()) == train
    assert {name for name, _, _ in seen} == set(train)
    assert load_dataset("mnist").source == f"{cache} (cache)"
    assert mirror == train


def test_download_fetches_only_what_the_cache_lacks(cache, mirror):
    load_dataset("mnist", "test")
    (cache / "t10k-images-idx3-ubyte.gz").unlink()
    mirror.clear()
    load_dataset("mnist", "test")
    assert mirror == ["t10k-images-idx3-ubyte.gz"]


def test_wrong_file_on_the_mirror_leaves_nothing_in_the_cache(tmp_path, cache, mirror):
    write_set(tmp_path / "mirror", first_pixel=78)
    with pytest.raises(DatasetNotFoundError, match="SHA-256 is"):
        load_dataset("mnist")
    assert list(cache.iterdir()) == []


def test_nowhere_names_every_place_and_mirror(tmp_path, monkeypatch, cache):
    with pytest.raises(DatasetNotFoundError) as caught:
        load_dataset("mnist")
    message = str(caught.value)
    for part in (
        "mnist was not found: FASTSCRATCH_DATA is not set",
        f"not in {cache}",
        "http://127.0.0.1:9/one/train-images-idx3-ubyte.gz: ",
        "http://localhost:9/two/",
    ):
        assert part in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("FASTSCRATCH_DATA", str(tmp_path / "data"))
    with pytest.raises(DatasetNotFoundError, match=re.escape(f"not in {tmp_path / 'data' / 'mnist'}; ")):
        load_dataset("mnist")


def test_downloads_can_be_switched_off(mirror):
    with pytest.raises(DatasetNotFoundError, match="downloads are off"):
        load_dataset("mnist", download=False)
    assert mirror == []


def test_cache_that_cannot_be_written(tmp_path, mirror):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(DatasetNotFoundError, match="cache"):
        load_dataset("mnist")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/fastscratch/data"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/ada/.cache/fastscratch/data"),
        ("darwin", {}, "/home/ada/Library/Caches/fastscratch/data"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/fastscratch/data"),
        ("win32", {"LOCALAPPDATA": ""}, "/home/ada/AppData/Local/fastscratch/data"),
    ],
)
def test_cache_of_each_platform(monkeypatch, platform, variables, expected):
    monkeypatch.setattr(registry.sys, "platform", platform)
    monkeypatch.setattr(registry.Path, "home", lambda: Path("/home/ada"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_no_home_folder(monkeypatch):
    def fail():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(registry.Path, "home", fail)
    with pytest.raises(DatasetNotFoundError, match="no home folder to keep a cache in"):
        load_dataset("mnist")


# Folders


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dotted", [False, True])
def test_folder_of_idx_files(tmp_path, suffix, dotted):
    folder = write_set(tmp_path / "mine", suffix=suffix, dotted=dotted, n_classes=3)
    for given in (folder, str(folder)):
        train, test = load_splits(given)
        assert (train.name, train.split, test.split) == ("mine", "train", "test")
        assert train.data.shape == (6, 28, 28)
        assert train.data.dtype == np.uint8
        assert test.targets.tolist() == [0, 1, 2, 0]
        assert test.targets.dtype == np.int64
        assert train.classes == test.classes == ("0", "1", "2")
        assert train.source == str(folder)


def test_classes_of_a_folder_are_those_of_both_splits(tmp_path):
    folder = write_set(tmp_path / "mine", sizes=(5, 3))
    assert load_dataset(folder, "test").classes == tuple("01234")


def test_folder_with_the_name_of_a_data_set_has_its_classes(tmp_path):
    folder = write_set(tmp_path / "fashion_mnist")
    assert load_dataset(folder).classes[:2] == ("T-shirt/top", "Trouser")


def test_a_name_means_the_data_set_and_a_path_the_folder(tmp_path, monkeypatch, cache):
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "mnist", first_pixel=5)
    write_set(cache, first_pixel=6)
    assert load_dataset("mnist").data[0, 0, 0] == 6
    assert load_dataset("./mnist").data[0, 0, 0] == 5
    assert load_dataset(Path("mnist")).data[0, 0, 0] == 5


def test_missing_file_in_a_folder(tmp_path, monkeypatch):
    folder = write_set(tmp_path / "mnist")
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"mnist has no train-labels-idx1-ubyte, plain or"):
        load_dataset(folder)
    monkeypatch.setenv("FASTSCRATCH_DATA", str(tmp_path))  # the folder is meant: no fallback
    with pytest.raises(FileNotFoundError, match="mnist has no train-labels") as caught:
        load_splits("mnist", fallback="digits")
    assert not isinstance(caught.value, DatasetNotFoundError)


@pytest.mark.parametrize(
    ("stem", "array", "fault"),
    [
        (1, np.zeros(5, np.uint8), "5 labels for 6 images in train-images-idx3-ubyte.gz"),
        (1, np.full(6, 10, np.uint8), "label 10, expected 0 ... 9"),
        (1, np.zeros((6, 1), np.uint8), r"uint8 of shape \(6, 1\), expected uint8 with 1 dim"),
        (1, np.zeros(6, np.int32), r"int32 of shape \(6,\), expected uint8"),
        (0, np.zeros((6, 784), np.uint8), r"shape \(6, 784\), expected uint8 with 3 dimensions"),
        (0, np.zeros((6, 28, 28), np.float32), "float32 of shape"),
        (0, np.zeros((0, 28, 28), np.uint8), r"holds no images, shape \(0, 28, 28\)"),
    ],
)
def test_files_that_do_not_fit(cache, stem, array, fault):
    write_set(cache)
    name = STEMS["train"][stem] + ".gz"
    write_idx(cache / name, array)
    with pytest.raises(FileFormatError, match=f"{name}: .*{fault}"):
        load_dataset("mnist")


def test_damaged_file_is_no_reason_to_fall_back(cache):
    write_set(cache, suffix="")
    file = cache / "t10k-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(IDXError, match="t10k-labels-idx1-ubyte: cut short"):
        load_splits("mnist", fallback="digits")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("minst", "unknown data set 'minst': did you mean 'mnist'[?] known are mnist, fashion"),
        ("Digit", "did you mean 'digits'"),
        ("fashion-mnist", "did you mean 'fashion_mnist'"),
        ("qqq", "unknown data set 'qqq': known are mnist"),
    ],
)
def test_unknown_name(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        load_dataset(name)


def test_paths_that_are_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file is a file; give the folder"):
        load_dataset(tmp_path / "file")
    for path in (tmp_path / "nowhere", str(tmp_path / "nowhere"), "./nowhere", Path("nowhere")):
        with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
            load_dataset(path)


# Data that is drawn


@pytest.mark.parametrize("name", DRAWN)
def test_synthetic_sets(name):
    train, test = load_splits(name)
    assert (len(train), len(test)) == (2000, 500)
    assert train.data.dtype == np.float32
    assert train.source == "drawn by fastscratch, seed 0"
    if name == "regression":
        assert train.classes == ()
        assert train.targets.dtype == np.float32
    else:
        assert sorted(set(train.targets.tolist())) == list(range(len(train.classes)))
        assert set(test.targets.tolist()) == set(train.targets.tolist())
    rows = {row.tobytes() for row in train.data}
    assert not any(row.tobytes() in rows for row in test.data)


@pytest.mark.parametrize("name", ["moons", "digits"])
def test_seed_and_number(name):
    few = load_dataset(name, n_samples=20, seed=3)
    more = load_dataset(name, n_samples=50, seed=3)
    assert len(few) == 20
    np.testing.assert_array_equal(few.data, more.data[:20])
    np.testing.assert_array_equal(few.targets, more.targets[:20])
    assert not np.array_equal(few.data, load_dataset(name, n_samples=20, seed=4).data)
    assert not np.array_equal(few.data, load_dataset(name, "test", n_samples=20, seed=3).data)


def test_digits_are_images_with_labels():
    digits = load_dataset("digits", n_samples=100)
    assert digits.data.shape == (100, 28, 28)
    assert digits.data.dtype == np.uint8
    assert set(digits.targets.tolist()) <= set(range(10))
    assert str(digits) == ("digits, train: 100 of 28x28, 10 classes; drawn by fastscratch, seed 0")


def test_splits_of_neighbouring_seeds_are_different():
    draws = [
        load_dataset("digits", split, n_samples=1, seed=seed).data.tobytes()
        for seed in range(3)
        for split in ("train", "test")
    ]
    assert len(set(draws)) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "validation"}, "split must be 'train' or 'test', got 'validation'"),
        ({"n_samples": 0}, "n_samples must be at least 1, got 0"),
        ({"n_samples": 2001}, "moons, train: 2000 samples, 2001 were asked for"),
        ({"seed": -1}, "seed must not be negative, got -1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_dataset("moons", **arguments)


# The fallback


def test_fallback_says_why():
    train, test = load_splits("mnist", n_train=30, n_test=20, fallback="digits")
    assert (train.name, len(train), test.name, len(test)) == ("digits", 30, "digits", 20)
    reason = "since mnist is not on this machine and could not be downloaded"
    assert train.source == test.source == f"drawn by fastscratch, seed 0, {reason}"


def test_fallback_names_a_folder_without_the_data(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTSCRATCH_DATA", str(tmp_path / "typo"))
    train, _ = load_splits("mnist", n_train=3, n_test=3, download=False, fallback="digits")
    assert f"not on this machine (FASTSCRATCH_DATA is {tmp_path / 'typo'}) and downloads are off" in train.source


def test_fallback_is_for_both_splits_or_none(mirror, tmp_path):
    for stem in STEMS["test"]:
        (tmp_path / "mirror" / (stem + ".gz")).unlink()
    train, test = load_splits("mnist", n_train=3, n_test=3, fallback="digits")
    assert (train.name, test.name) == ("digits", "digits")
    with pytest.raises(DatasetNotFoundError, match="HTTP 404"):
        load_splits("mnist")


@pytest.mark.skipif(not (Path(REAL_DATA) / "mnist").is_dir(), reason="no mnist in FASTSCRATCH_DATA")
def test_real_mnist(monkeypatch):
    monkeypatch.setenv("FASTSCRATCH_DATA", REAL_DATA)
    test = load_dataset("mnist", "test")
    assert test.data.shape == (10_000, 28, 28)
    assert test.targets[:5].tolist() == [7, 2, 1, 0, 4]
    assert len(load_dataset("mnist")) == 60_000
