"""fastscratch data: list, download, show."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastscratch.cli import main
from fastscratch.data import write_idx
from fastscratch.data.digits import make_digits


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data set on this machine, and no network."""
    monkeypatch.setenv("FASTSCRATCH_DATA", str(tmp_path / "data"))
    for variable in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(tmp_path)


def put_mnist(folder: Path, n: int = 60) -> None:
    images, labels = make_digits(n, seed=0)
    folder.mkdir(parents=True)
    for split in ("train", "t10k"):
        write_idx(folder / f"{split}-images-idx3-ubyte", images)
        write_idx(folder / f"{split}-labels-idx1-ubyte", labels.astype(np.uint8))


def test_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_mnist(tmp_path / "data" / "mnist")
    assert main(["data", "list", "--json"]) == 0
    printed = capsys.readouterr()
    places = {row["name"]: row["place"] for row in json.loads(printed.out)}
    assert places["mnist"] == str(tmp_path / "data" / "mnist")
    assert places["fashion_mnist"] is None and places["digits"] == places["moons"] == "drawn on the spot"
    assert main(["data", "list"]) == 0
    assert "fastscratch data download fashion_mnist" in capsys.readouterr().out


def test_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = []

    def fetch(image_set: Any, folder: Path, split: str, progress: Any) -> None:
        asked.append((folder.name, split))

    monkeypatch.setattr("fastscratch.data.mnist.fetch", fetch)
    put_mnist(tmp_path / "data" / "mnist")
    assert main(["data", "download", "mnist", "fashion_mnist"]) == 0
    assert asked == [("fashion_mnist", "train"), ("fashion_mnist", "test")]  # what is there is not fetched
    assert str(tmp_path / "data" / "mnist") in capsys.readouterr().out


def test_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_mnist(tmp_path / "mine")
    assert main(["data", "show", str(tmp_path / "mine"), "--split", "test", "--json", "--count", "20"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert known["samples"] == 60 and known["shape"] == [28, 28] and known["picture"] == "mine.png"
    assert known["classes"] == {str(digit): 6 for digit in range(10)}
    assert Path("mine.png").read_bytes().startswith(b"\x89PNG")
    assert main(["data", "show", "moons"]) == 0
    assert "2 classes" in capsys.readouterr().out
    assert main(["data", "show", "regression", "--json"]) == 0
    assert "classes" not in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "mnist"], "unexpected argument: mnist"),
        (["lst"], "unknown command 'lst': did you mean 'list'?"),
        (["download", "mnits"], "unknown data set to download 'mnits': did you mean 'mnist'?"),
        (["download", "digits"], "unknown data set to download 'digits'"),
        (["show", "mnits"], "did you mean 'mnist'"),
        (["show", "mnist", "--no-download"], "mnist was not found"),
        (["show", "moons", "-o", "moons.png"], "moons has no images to draw"),
        (["show", "digits", "--count", "0"], "--count must be at least 1, got 0"),
        (["show", "./nowhere"], "there is no folder nowhere"),
        ([], "the following arguments are required: list|download|show"),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: Any = main(["data", *arguments])
    except SystemExit as stop:
        code = stop.code
    error = capsys.readouterr().err
    assert code == 2 and message in error and len(error.splitlines()) == 1
