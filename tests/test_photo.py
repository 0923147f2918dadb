"""Photos: whatever the size, colour, place and light of a digit, the network is given what MNIST would have made of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastscratch.cli import main
from fastscratch.data.digits import make_digits
from fastscratch.data.photo import find_photos, frame, ink_of, photo
from fastscratch.files import FileFormatError

Image = pytest.importorskip("PIL.Image")

DIGITS, LABELS = make_digits(20, seed=3)


def strokes(digit: Any, scale: int = 6, size: tuple[int, int] = (260, 320), at: tuple[int, int] = (70, 20)) -> Any:
    """A digit, enlarged, somewhere in a picture: how much ink is where."""
    side = 28 * scale
    large = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)) / 255
    picture = np.zeros(size)
    picture[at[0] : at[0] + side, at[1] : at[1] + side] = large
    return picture


def likeness(a: Any, b: Any) -> float:
    """The cosine of two images, at best a pixel apart: each was rounded to whole pixels."""
    shifted = (np.roll(a, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1))
    return float(max((c * b).sum() for c in shifted) / np.sqrt((a * a).sum() * (b * b).sum()))


def dark_on_light(ink: Any, rng: Any) -> Any:
    return 1 - ink


def light_on_dark(ink: Any, rng: Any) -> Any:
    return ink


def pencil(ink: Any, rng: Any) -> Any:
    return 0.8 - 0.15 * ink + rng.normal(0, 0.01, ink.shape)


def blue_on_paper_in_a_shadow(ink: Any, rng: Any) -> Any:
    height, width = ink.shape
    shade = np.linspace(0.9, 0.45, width) * np.linspace(1, 0.8, height)[:, None]
    paper, pen = np.array([1.0, 0.97, 0.85]) * shade[..., None], np.array([0.1, 0.15, 0.5])
    return paper * (1 - ink[..., None]) + pen * ink[..., None] + rng.normal(0, 0.02, (height, width, 3))


def chalk(ink: Any, rng: Any) -> Any:
    board = np.linspace(0.15, 0.4, len(ink))[:, None, None] * np.array([0.8, 1.1, 0.9])
    return board * (1 - ink[..., None]) + 0.85 * ink[..., None] + rng.normal(0, 0.03, (*ink.shape, 3))


@pytest.mark.parametrize("look", [dark_on_light, light_on_dark, pencil, blue_on_paper_in_a_shadow, chalk])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_any_look(look: Any, suffix: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    found = []
    for i, digit in enumerate(DIGITS[:10]):
        picture = look(strokes(digit), rng)
        path = tmp_path / f"{i}{suffix}"
        Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8)).save(path)
        found.append(likeness(photo(path), digit / 255))
    assert min(found) > 0.8, found  # a fine pen is made wider
    assert np.mean(found) > 0.93


def test_a_digit_of_mnists_own_size_stays_as_it_is(tmp_path: Path) -> None:
    for digit in DIGITS:
        Image.fromarray(digit).save(tmp_path / "digit.png")
        assert likeness(photo(tmp_path / "digit.png"), digit / 255) > 0.97


def test_it_is_centred_by_mass_in_a_box_of_20() -> None:
    for digit in DIGITS:
        image = frame(ink_of(strokes(digit).astype(np.float32)))
        assert image.shape == (28, 28) and image.dtype == np.float32
        assert image.min() >= 0 and image.max() == 1
        rows, columns = (np.flatnonzero(image.max(axis)) for axis in (1, 0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
        for axis in (0, 1):
            centre = (image.sum(1 - axis) * np.arange(28)).sum() / image.sum()
            assert abs(centre - 14) <= 0.5 + 1e-6


def test_cut_out_tightly(tmp_path: Path) -> None:
    """Half of the rim is ink."""
    digit = DIGITS[LABELS.tolist().index(2)]
    rows, columns = (np.flatnonzero((digit > 60).any(axis)) for axis in (1, 0))
    cut = 255 - digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    Image.fromarray(cut).resize((cut.shape[1] * 7, cut.shape[0] * 7)).save(tmp_path / "cut.png")
    assert likeness(photo(tmp_path / "cut.png"), digit / 255) > 0.9


def test_a_fine_pen_is_made_as_wide_as_mnists() -> None:
    picture = np.zeros((400, 300), np.float32)
    picture[40:360, 150:153] = 1  # one pixel in a hundred
    image = frame(ink_of(picture))
    assert (image > 0.5).any(0).sum() in (2, 3)


def test_specks_are_not_the_digit(tmp_path: Path) -> None:
    ink = strokes(DIGITS[0])
    clean = frame(ink_of(ink.astype(np.float32)))
    for y, x in ((5, 5), (250, 310), (6, 300)):
        ink[y : y + 4, x : x + 4] = 0.9
    np.testing.assert_allclose(frame(ink_of(ink.astype(np.float32))), clean, atol=0.02)


@pytest.mark.parametrize("colour", [0, 255])
def test_transparent_paper(colour: int, tmp_path: Path) -> None:
    """Ink of any colour on nothing."""
    alpha = (strokes(DIGITS[1]) * 255).astype(np.uint8)
    pixels = np.dstack([np.full((*alpha.shape, 3), colour, np.uint8), alpha])
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert likeness(photo(tmp_path / "a.png"), DIGITS[1] / 255) > 0.9


def test_sixteen_bits_palette_and_turned_by_exif(tmp_path: Path) -> None:
    ink = strokes(DIGITS[4])
    Image.fromarray((ink * 65535).astype(np.uint16)).save(tmp_path / "16.png")
    gray = Image.fromarray((255 - ink * 255).astype(np.uint8))
    gray.convert("P").save(tmp_path / "palette.png")
    gray.convert("1").save(tmp_path / "bits.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    gray.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif)
    for name in ("16.png", "palette.png", "bits.png", "turned.jpg"):
        assert likeness(photo(tmp_path / name), DIGITS[4] / 255) > 0.9, name


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 2), (3, 600), (300, 300)])
@pytest.mark.parametrize("level", [0, 200, 255])
def test_a_blank_picture_has_no_digit(size: tuple[int, int], level: int, tmp_path: Path) -> None:
    Image.new("L", size, level).save(tmp_path / "blank.png")
    with pytest.raises(FileFormatError, match="of one colour: no digit to be seen"):
        photo(tmp_path / "blank.png")


def test_files_that_are_no_images(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(FileFormatError, match=r"text\.png: is not a PNG or JPEG image"):
        photo(tmp_path / "text.png")
    Image.fromarray(DIGITS[0]).save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(FileFormatError, match=r"cut\.png: cannot be read as an image"):
        photo(tmp_path / "cut.png")
    (tmp_path / "none.png").write_bytes(b"")
    with pytest.raises(FileFormatError, match=r"none\.png: is not a PNG or JPEG image"):
        photo(tmp_path / "none.png")
    with pytest.raises(FileFormatError, match="not a regular file"):
        photo(tmp_path)
    with pytest.raises(FileNotFoundError):
        photo(tmp_path / "nowhere.png")


def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.fromarray(DIGITS[0]).save(tmp_path / "bomb.png")
    with pytest.raises(FileFormatError, match=r"cannot be read as an image: .*decompression bomb"):
        photo(tmp_path / "bomb.png")


def test_find_photos(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    names = [path.name for path in find_photos([str(tmp_path), str(tmp_path / "notes.txt")])]
    assert names == ["a.JPG", "b.png", "notes.txt"]
    with pytest.raises(FileNotFoundError, match="has no image in it"):
        find_photos([str(tmp_path / "empty")])
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        find_photos([str(tmp_path / "nowhere")])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs with one network that knows the embedded digits a little."""
    runs = tmp_path_factory.mktemp("runs")
    options = ["--data", "digits", "--samples", "3000", "--validation", "100", "--epochs", "3", "--runs", str(runs)]
    assert main(["train", "--model", "mlp", *options]) == 0
    return runs


def test_predict(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i, digit in enumerate(DIGITS):
        picture = 255 - (strokes(digit, 4, (150, 150), (10, 30)) * 255).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{i:02d}.png")
    capsys.readouterr()
    picture = tmp_path / "seen.png"
    assert main(["predict", str(tmp_path), "--runs", str(trained), "--json", "--picture", str(picture)]) == 0
    printed = capsys.readouterr()
    answers = json.loads(printed.out)
    (run,) = trained.iterdir()
    assert answers["run"] == str(run) and answers["errors"] == []
    first = [row["top"][0]["class"] for row in answers["predictions"]]
    assert np.mean([name == str(label) for name, label in zip(first, LABELS, strict=True)]) >= 0.8
    for row in answers["predictions"]:
        shares = [answer["probability"] for answer in row["top"]]
        assert (
            len(shares) == 3 and shares == sorted(shares, reverse=True) and shares[2] >= 0 and sum(shares) <= 1 + 1e-6
        )
    with Image.open(picture) as drawn:
        assert drawn.mode == "RGB" and len(drawn.getcolors(1 << 24)) > 20
    lines = [line for line in printed.err.splitlines() if line.startswith(str(tmp_path))]
    assert len(lines) == len(DIGITS)
    assert lines[0].split()[1] == first[0] and lines[0].count("%") == 3


def test_mistakes_of_predict(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = trained.iterdir()
    Image.fromarray(DIGITS[0]).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("no image")
    (tmp_path / "empty").mkdir()
    good, bad = str(tmp_path / "good.png"), str(tmp_path / "bad.png")

    def mistake(*arguments: str) -> str:
        capsys.readouterr()
        assert main(["predict", *arguments]) == 2
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1 and error.startswith("fastscratch: error: ")
        return error

    assert "bad.png: is not a PNG or JPEG image" in mistake(bad, "--run", str(run))
    assert "has no image in it" in mistake(str(tmp_path / "empty"), "--run", str(run))
    assert "there is no file or folder" in mistake(str(tmp_path / "nowhere"), "--run", str(run))
    assert "is not a run folder" in mistake(good, "--run", str(tmp_path))
    assert "there is no trained run in" in mistake(good, "--runs", str(tmp_path))
    assert "has no last2 checkpoint" in mistake(good, "--run", str(run), "--checkpoint", "last2")
    assert "--top must be at least 1" in mistake(good, "--top", "0")
    # The others are answered all the same.
    assert main(["predict", good, bad, "--run", str(run)]) == 2
    printed = capsys.readouterr()
    assert "good.png" in printed.out and "bad.png" in printed.err


def test_a_checkpoint_of_another_architecture(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data", "digits", "--samples", "32", "--validation", "32", "--epochs", "1", "--runs", str(tmp_path)]
    assert main(["train", "--model", "lenet", *options]) == 0
    (run,), (other,) = trained.iterdir(), tmp_path.iterdir()
    (other / "checkpoints" / "best.safetensors").write_bytes((run / "checkpoints" / "best.safetensors").read_bytes())
    Image.fromarray(DIGITS[0]).save(tmp_path / "good.png")
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "good.png"), "--run", str(other)]) == 2
    error = capsys.readouterr().err
    assert "best.safetensors: does not fit this Sequential: missing: " in error
    assert len(error.splitlines()) == 1


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'fastscratch\[image\]'"):
        photo(tmp_path / "a.png")
