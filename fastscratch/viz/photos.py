"""Photos beside what the network was given of them and what it said, drawn by Pillow (the extra `image`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.photo import pillow
from ..files import atomic_write

_SIDE, _GAP, _BARS = 112, 12, 190  # pixels
_WIDTH, _HEIGHT = 2 * _SIDE + _BARS + 4 * _GAP, _SIDE + 2 * _GAP + 18  # of a card
_BLUE, _DARK, _LIGHT = (31, 111, 235), (51, 51, 51), (222, 222, 222)

Card = tuple[str, Any, Any, Sequence[tuple[str, float]]]


def predictions_png(path: str | Path, cards: Sequence[Card], columns: int = 2) -> None:
    """A PNG with a card for each photo: it, the 28x28 image, and a bar for each of the likeliest classes.

    Parameters
    ----------
    path : str or path-like
    cards : sequence of (name, photo, image, answers)
        `photo` and `image` are gray in [0, 1]; `answers` are (class, probability), the likeliest first.
    columns : int

    Raises
    ------
    ImportError
        If Pillow is not installed.
    """
    image, _ = pillow()
    columns = min(columns, len(cards))
    rows = -(-len(cards) // columns)
    sheet = image.new("RGB", (columns * _WIDTH, rows * _HEIGHT), "white")
    for i, card in enumerate(cards):
        _draw(sheet, i % columns * _WIDTH, i // columns * _HEIGHT, card)
    with atomic_write(path) as file:
        sheet.save(file, format="PNG")


def _draw(sheet: Any, x: int, y: int, card: Card) -> None:
    from PIL import ImageDraw, ImageFont

    name, photo, seen, answers = card
    draw, small, large = ImageDraw.Draw(sheet), ImageFont.load_default(12), ImageFont.load_default(15)
    image, _ = pillow()
    draw.text((x + _GAP, y + 4), _shortened(name), font=small, fill=_DARK)
    top = y + _GAP + 12
    for place, (pixels, filter) in enumerate(((photo, "LANCZOS"), (seen, "NEAREST"))):
        picture = image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))
        scale = _SIDE / max(picture.size)
        size = tuple(max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize(size, image.Resampling[filter])
        left = x + _GAP + place * (_SIDE + _GAP)
        box = (left + (_SIDE - size[0]) // 2, top + (_SIDE - size[1]) // 2)
        sheet.paste(picture, box)
        draw.rectangle((left - 1, top - 1, left + _SIDE, top + _SIDE), outline=_LIGHT)
    left, room = x + 2 * _SIDE + 3 * _GAP, _BARS - 110
    for i, (label, probability) in enumerate(answers[:3]):
        height = top + 8 + i * 34
        draw.text((left, height), label[:8], font=large, fill=_DARK)
        begin = left + (20 if len(label) < 3 else 62)
        draw.rectangle((begin, height + 2, begin + room, height + 15), fill=(240, 240, 240))
        if (length := round(room * probability)) > 0:
            draw.rectangle((begin, height + 2, begin + length, height + 15), fill=_BLUE)
        draw.text((begin + room + 5, height + 1), f"{probability:.1%}", font=small, fill=_DARK)


def _shortened(name: str, length: int = 60) -> str:
    name = "".join(c if c.isprintable() else "?" for c in name)
    return name if len(name) <= length else "..." + name[-length + 3 :]
