"""Event files: what TensorBoard reads is what the training was."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastscratch.cli import main
from fastscratch.train.tensorboard import TensorBoard, confusion_image

QUICK = [
    "--model",
    "mlp",
    "--data",
    "digits",
    "--samples",
    "96",
    "--validation",
    "32",
    "--epochs",
    "2",
    "--tensorboard",
]


def events_of(folder: Path) -> list[Any]:
    """All values of all event files, in order, read by the reader of TFRecords and protocol buffers that comes along."""
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto import event_pb2

    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data = path.read_bytes()
        at = 0
        while at < len(data):  # length, its checksum, the event, its checksum
            length = int.from_bytes(data[at : at + 8], "little")
            found.append(event_pb2.Event.FromString(data[at + 12 : at + 12 + length]))
            at += 16 + length
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_with_event_files(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    assert main(["train", *QUICK, "--runs", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    values = [(event.step, value) for event in events_of(folder / "tensorboard") for value in event.summary.value]
    scalars = {(value.tag, step): value.simple_value for step, value in values if value.HasField("simple_value")}
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        for tag, column in (("loss/training", "loss"), ("accuracy/validation", "val_accuracy"), ("lr", "lr")):
            assert scalars[tag, row["epoch"]] == pytest.approx(row[column], rel=1e-6)
    results = json.loads((folder / "results.json").read_text())
    assert scalars["test/accuracy", results["best_epoch"]] == pytest.approx(results["test"]["accuracy"], rel=1e-6)
    histograms = {(value.tag, step): value.histo for step, value in values if value.HasField("histo")}
    names = ("1.weight", "1.bias", "3.weight", "3.bias")
    assert set(histograms) == {(f"{kind}/{n}", e) for kind in ("weights", "gradients") for n in names for e in (1, 2)}
    assert histograms["weights/1.weight", 1].num == 784 * 128
    assert histograms["gradients/3.bias", 2].max > 0
    images = {value.tag: value.image for _, value in values if value.HasField("image")}
    assert set(images) == {"images", "confusion"}
    assert images["confusion"].encoded_image_string.startswith(b"\x89PNG")
    assert images["confusion"].width == 120


def test_the_confusion_matrix_as_an_image() -> None:
    image = confusion_image([[4, 0], [1, 3]])
    assert image.shape == (24, 24, 3) and image.dtype == np.uint8
    assert image[0, 0].tolist() == [31, 111, 235]
    assert image[0, 12].tolist() == [255, 255, 255]
    assert image[12, 0].tolist() == [236, 164, 135]  # half way to red: a quarter is wrong


def test_without_the_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'fastscratch\[tensorboard\]'"):
        TensorBoard(tmp_path)
    assert main(["train", *QUICK, "--runs", str(tmp_path / "runs")]) == 2
    assert "pip install 'fastscratch[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
