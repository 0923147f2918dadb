"""Event files: what TensorBoard reads is what the training was."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fastscratch import nn, safetensors, tensor
from fastscratch.cli import main
from fastscratch.train import Callback
from fastscratch.train.runs import start_run
from fastscratch.train.session import Session
from fastscratch.train.settings import resolve
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
    from PIL import Image

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
    drawn = Image.open(io.BytesIO(images["confusion"].encoded_image_string))
    np.testing.assert_array_equal(np.asarray(drawn), confusion_image(results["confusion"]))
    weights, _ = safetensors.load(folder / "checkpoints" / "last.safetensors")
    for name in names:
        histogram, array = histograms[f"weights/{name}", 2], weights[f"model.{name}"]
        for found, expected in (
            (histogram.min, array.min()),
            (histogram.max, array.max()),
            (histogram.sum, array.sum()),
        ):
            assert found == pytest.approx(expected, rel=1e-4, abs=1e-3)
        assert sum(histogram.bucket) == array.size


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", [1, 4])
def test_an_interrupted_run_goes_on_in_its_event_files(batch: int, tmp_path: Path) -> None:
    """In the first epoch, and in the second: every step once, by TensorBoard's own reader where it is installed."""
    pytest.importorskip("tensorboardX")
    settings = resolve(
        {"model": "mlp", "data": "digits", "samples": 192, "validation": 32, "epochs": 3, "tensorboard": True}
    )
    folder = start_run(tmp_path, "mlp", settings)

    class Interrupt(Callback):
        def on_batch_end(self, trainer: Any, logs: Any) -> None:
            trainer.interrupted = trainer.global_step == batch

    first = Session(settings)
    first.fit(folder, [Interrupt()])
    assert first.trainer.global_step == batch
    assert main(["resume", str(folder)]) == 0
    assert main(["resume", str(folder)]) == 0  # nothing is left to do
    steps: dict[str, list[int]] = {}
    for event in events_of(folder / "tensorboard"):
        for value in event.summary.value:
            steps.setdefault(value.tag, []).append(event.step)
    for tag in ("loss/training", "weights/1.weight", "gradients/3.bias"):
        assert steps[tag] == [1, 2, 3]
    assert steps["images"] == [0]
    assert len(steps["confusion"]) == len(steps["test/accuracy"]) == 1


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_itself_reads_them(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert main(["train", *QUICK, "--runs", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    events = reader.EventAccumulator(str(folder / "tensorboard"), {"scalars": 0, "histograms": 0, "images": 0})
    events.Reload()
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    read = [(event.step, event.value) for event in events.Scalars("loss/validation")]
    assert read == [(row["epoch"], pytest.approx(row["val_loss"], rel=1e-6)) for row in rows]
    assert [event.step for event in events.Histograms("gradients/1.weight")] == [1, 2]
    assert {tag: len(events.Images(tag)) for tag in events.Tags()["images"]} == {"images": 1, "confusion": 1}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_histograms_are_of_weights_and_of_gradients(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    layer = nn.Linear(2, 1)
    layer.weight.array[...] = [[3, 5]]
    layer.weight.grad = tensor([[-7.0, 1.0]])
    trainer: Any = SimpleNamespace(epoch=0, global_step=0, model=layer)
    board = TensorBoard(tmp_path)
    board.on_fit_begin(trainer)
    trainer.epoch = 1
    board.on_epoch_end(trainer, {"epoch": 1, "loss": 0.25})
    board.on_fit_end(trainer)
    written = {value.tag: value for event in events_of(tmp_path) for value in event.summary.value}
    assert set(written) == {"loss/training", "weights/weight", "weights/bias", "gradients/weight"}
    for tag, low, high in (("weights/weight", 3, 5), ("gradients/weight", -7, 1)):
        assert (written[tag].histo.min, written[tag].histo.max) == (low, high)


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
