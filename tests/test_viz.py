"""Pictures: files that other programs read, and drawings of what they say they draw."""

import struct
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fastscratch.viz import confusion_svg, curves_svg, image_grid, write_png
from fastscratch.viz.charts import ticks

SVG = "{http://www.w3.org/2000/svg}"


def read_png(path: Path) -> np.ndarray:
    """The pixels of a PNG whose rows are unfiltered, every checksum verified."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, body, header = 8, b"", ()
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + content)
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", content)
        if kind == b"IDAT":
            body += content
        at += 12 + size
    width, height, depth, colour = header[:4]
    assert depth == 8
    rows = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape((height, width) if colour == 0 else (height, width, 3))


@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (4, 7, 3)])
def test_png_round_trip(tmp_path: Path, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    write_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), image)


@pytest.mark.parametrize("image", [np.zeros((2, 2)), np.zeros(3, np.uint8), np.zeros((2, 2, 4), np.uint8)])
def test_png_refuses(tmp_path: Path, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a PNG needs uint8 of shape"):
        write_png(tmp_path / "a.png", image)
    assert list(tmp_path.iterdir()) == []


def test_image_grid_places_each_image() -> None:
    images = np.stack([np.full((4, 3), i / 4) for i in range(5)])
    grid = image_grid(images, columns=2, scale=1, gap=1)
    assert grid.shape == (3 * 5 + 1, 2 * 4 + 1)
    assert (grid[1:5, 1:4] == 0).all()
    assert (grid[6:10, 5:8] == round(255 * 3 / 4)).all()
    assert (grid[11:15, 5:8] == 96).all()  # the sixth place stays empty


def test_curves_draw_every_epoch() -> None:
    rows = [{"epoch": e, "loss": 1.0 / e, "val_loss": 1.1 / e, "accuracy": 1 - 0.5 / e} for e in range(1, 6)]
    rows[2]["val_loss"] = float("nan")
    root = ElementTree.fromstring(curves_svg(rows, ["loss", "accuracy"]))
    lines = [line.get("points", "").split() for line in root.iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [5, 4, 5]
    heights = [float(point.split(",")[1]) for point in lines[0]]
    assert heights == sorted(heights)  # a falling loss goes down the page
    assert {"loss", "accuracy", "training", "validation", "epoch"} <= {t.text for t in root.iter(f"{SVG}text")}


def shown(svg: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_curves_of_one_epoch_and_of_none() -> None:
    texts = shown(curves_svg([{"epoch": 1, "loss": 0.5}], ["loss"]))
    assert "1" in texts and "2" not in texts and "1.5" not in texts
    with pytest.raises(ValueError, match="no epochs to draw"):
        curves_svg([], ["loss"])


@pytest.mark.parametrize(("low", "high"), [(0.72, 0.99), (0.012, 1200), (0.5, 0.5), (1e-6, 2e-6), (0, 0)])
def test_curves_have_four_ticks_of_as_many_decimals(low: float, high: float) -> None:
    svg = curves_svg([{"epoch": 1, "loss": low}, {"epoch": 2, "loss": high}], ["loss"])
    texts = [t for t in ElementTree.fromstring(svg).iter(f"{SVG}text") if t.get("text-anchor") == "end"]
    labels = [t.text or "" for t in texts if t.text != "training"]
    assert len(set(labels)) == len(labels) >= 4
    if high > 1e-3:
        assert len({len(label.partition(".")[2]) for label in labels}) == 1


def test_the_first_and_the_last_epoch_are_named() -> None:
    rows = [{"epoch": e, "loss": 1.0} for e in range(1, 121)]
    svg = curves_svg(rows, ["loss"])
    assert {"1", "20", "120"} <= set(shown(svg))
    assert "<circle" not in svg and "<circle" in curves_svg(rows[:40], ["loss"])  # so many dots would be a thicker line


def test_long_names_of_classes_are_turned_and_have_room() -> None:
    names = ["T-shirt/top", "Ankle boot"]
    root = ElementTree.fromstring(confusion_svg([[9, 1], [0, 8]], names))
    turned = {t.text for g in root.iter(f"{SVG}g") for t in g if "rotate" in g.get("transform", "")}
    assert set(names) <= turned
    beside = [t for t in root.iter(f"{SVG}text") if t.get("text-anchor") == "end"]
    assert [t.text for t in beside] == names
    assert all(float(t.get("x", "0")) > 7 * len(t.text or "") for t in beside)


def test_confusion_matrix_shows_every_count() -> None:
    matrix = np.array([[50, 3], [0, 47]])
    root = ElementTree.fromstring(confusion_svg(matrix, ["<a>", "b"], "title & more"))
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert {"50", "3", "47", "<a>", "title & more"} <= set(texts)
    assert "0" not in texts
    assert len(list(root.iter(f"{SVG}rect"))) == 1 + 4


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.013, 0.4), (-3, 12), (5, 5), (1e-7, 3e-7), (1, 8)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    if high > low:
        assert 3 <= len(found) <= 8
        assert all(low - 1e-12 <= t <= high + 1e-12 for t in found)
