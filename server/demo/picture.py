"""The synthetic speaker's picture: a calm town by the water, a name sign, and the wall clock to the millisecond, so that
anybody can see how far behind a screen is.

What stands still is drawn once; a frame is one copy, a few pasted pieces and twelve digits. Neighbour: `tracks`.
"""

from __future__ import annotations

import math
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

import web

WIDTH, HEIGHT = 640, 360
CLOCK_AT: Final = (176, 22)  # the left upper corner of its first cell
CELL: Final = (30, 48)  # of a digit
NARROW_CELL: Final = 14  # the width of a colon or point
CLOCK_LENGTH: Final = 12  # HH:MM:SS.mmm

_HORIZON: Final = 236
_SCALE: Final = 2  # drawn larger, then reduced: soft edges
_FONT: Final = "@fontsource-variable/atkinson-hyperlegible-next/files/atkinson-hyperlegible-next-latin-wght-normal.woff2"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Colour = tuple[int, int, int]

_SKY: Final[tuple[Colour, Colour]] = ((176, 205, 226), (247, 231, 209))
_WATER: Final[tuple[Colour, Colour]] = ((132, 168, 190), (74, 113, 142))
_PANEL: Final = (22, 38, 56, 205)
_INK: Final = (250, 248, 242)


class Picture:
    """Draws frames for one speaker."""

    def __init__(self, name: str) -> None:
        self._backdrop = _backdrop()
        _sign(self._backdrop, name)
        _panel(
            self._backdrop, (CLOCK_AT[0] - 16, CLOCK_AT[1] - 6, CLOCK_AT[0] + clock_width() + 16, CLOCK_AT[1] + CELL[1] + 6)
        )
        self._clouds = (_cloud(150), _cloud(104), _cloud(190))
        self._boat = _boat()
        self.glyphs = glyphs()

    def draw(self, now: datetime) -> Image.Image:
        """The frame of a moment, RGB."""
        seconds = now.timestamp() % 86_400
        frame = self._backdrop.copy()
        for number, (cloud, speed) in enumerate(zip(self._clouds, (4.0, 7.0, 2.5), strict=True)):
            span = WIDTH + cloud.width
            x = (seconds * speed + number * 260) % span - cloud.width
            frame.paste(cloud, (int(x), 86 + 22 * number), cloud)
        self._draw_water(frame, seconds)
        for glyph, x in zip(f"{now:%H:%M:%S}.{now.microsecond // 1000:03d}", clock_cells(), strict=True):
            frame.paste(self.glyphs[glyph], (x, CLOCK_AT[1]), self.glyphs[glyph])
        return frame

    def _draw_water(self, frame: Image.Image, seconds: float) -> None:
        pen = ImageDraw.Draw(frame)
        for row in range(5):
            y = _HORIZON + 10 + row * 15
            for number in range(7):
                x = (number * 104 + row * 37 + seconds * (6 + 3 * row)) % (WIDTH + 60) - 60
                length = 18 + 7 * row + 5 * math.sin(seconds / 2 + number)
                pen.line((x, y, x + length, y), fill=(190, 212, 222), width=1 + row // 3)
        x = (seconds * 11) % (WIDTH + self._boat.width) - self._boat.width
        frame.paste(self._boat, (int(x), int(_HORIZON - 20 + 2 * math.sin(seconds))), self._boat)


def clock_cells() -> list[int]:
    """The left edge of each character of the clock."""
    cells, x = [], CLOCK_AT[0]
    for index in range(CLOCK_LENGTH):
        cells.append(x)
        x += NARROW_CELL if index in (2, 5, 8) else CELL[0]
    return cells


def clock_width() -> int:
    return 9 * CELL[0] + 3 * NARROW_CELL


def glyphs() -> dict[str, Image.Image]:
    """The clock's characters, each in a cell of its own."""
    font = _font(46, 700)
    return {one: _glyph(one, font, NARROW_CELL if one in ":." else CELL[0]) for one in "0123456789:."}


def _glyph(character: str, font: Font, width: int) -> Image.Image:
    cell = Image.new("RGBA", (width, CELL[1]), (*_INK, 0))
    left = (width - font.getlength(character)) / 2
    ImageDraw.Draw(cell).text((left, CELL[1] / 2), character, font=font, fill=_INK, anchor="lm")
    return cell


def _font(size: int, weight: int) -> Font:
    """The pages' own typeface; Pillow's where the browser libraries are not installed, or it cannot read them."""
    try:
        font = ImageFont.truetype(str(Path(web.__file__).parent / "node_modules" / _FONT), size)
        font.set_variation_by_axes([weight])
    except OSError:
        return ImageFont.load_default(size)
    return font


def _backdrop() -> Image.Image:
    large = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE))
    pen = ImageDraw.Draw(large)
    horizon = _HORIZON * _SCALE
    for y in range(large.height):
        sky = y < horizon
        share = y / horizon if sky else (y - horizon) / (large.height - horizon)
        pen.line((0, y, large.width, y), fill=_mixed(*(_SKY if sky else _WATER), share))
    scaled = partial(_scaled, _SCALE)
    pen.ellipse(scaled(468, 112, 532, 176), fill=(252, 240, 206))
    pen.polygon(_hills(150, 38, 0.9, horizon), fill=(158, 181, 178))
    pen.polygon(_hills(186, 24, 2.7, horizon), fill=(120, 151, 140))
    _town(pen)
    pen.rectangle(scaled(0, _HORIZON - 3, WIDTH, _HORIZON), fill=(92, 112, 106))
    return large.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _town(pen: ImageDraw.ImageDraw) -> None:
    """A town hall with its tower, and houses beside it."""
    scaled = partial(_scaled, _SCALE)
    wall, roof, pane = (196, 128, 98), (104, 76, 72), (246, 226, 178)
    for x, width, height in ((70, 46, 30), (120, 38, 40), (262, 44, 34), (310, 34, 26), (348, 50, 38)):
        pen.rectangle(scaled(x, _HORIZON - height, x + width, _HORIZON), fill=(214, 190, 160))
        top = _HORIZON - height
        pen.polygon(scaled(x - 3, top, x + width / 2, top - 15, x + width + 3, top), fill=roof)
    pen.rectangle(scaled(164, _HORIZON - 54, 252, _HORIZON), fill=wall)
    pen.polygon(scaled(160, _HORIZON - 54, 208, _HORIZON - 76, 256, _HORIZON - 54), fill=roof)
    pen.rectangle(scaled(196, _HORIZON - 104, 220, _HORIZON - 54), fill=wall)
    pen.polygon(scaled(193, _HORIZON - 104, 208, _HORIZON - 134, 223, _HORIZON - 104), fill=roof)
    pen.ellipse(scaled(202, _HORIZON - 97, 214, _HORIZON - 85), fill=pane)
    for x in range(172, 246, 14):
        for y in (_HORIZON - 46, _HORIZON - 26):
            pen.rectangle(scaled(x, y, x + 6, y + 11), fill=pane)


def _sign(image: Image.Image, name: str) -> None:
    """The name sign: who speaks."""
    label, big = _font(14, 500), _font(24, 700)
    width = max(150.0, big.getlength(name))
    _panel(image, (24, HEIGHT - 72, int(24 + width + 36), HEIGHT - 18))
    pen = ImageDraw.Draw(image)
    pen.text((42, HEIGHT - 65), "Föreläsare", font=label, fill=(206, 220, 232))
    pen.text((42, HEIGHT - 50), name, font=big, fill=_INK)


def _panel(image: Image.Image, box: tuple[int, int, int, int]) -> None:
    panel = Image.new("RGBA", (box[2] - box[0], box[3] - box[1]), (0, 0, 0, 0))
    ImageDraw.Draw(panel).rounded_rectangle((0, 0, panel.width - 1, panel.height - 1), 10, fill=_PANEL)
    image.paste(panel, box[:2], panel)


def _cloud(width: int) -> Image.Image:
    large = Image.new("RGBA", (width * _SCALE, width * _SCALE // 3), (255, 253, 248, 0))
    pen = ImageDraw.Draw(large)
    for x, y, w, h in ((0.0, 0.5, 0.5, 0.5), (0.2, 0.1, 0.45, 0.85), (0.45, 0.3, 0.55, 0.7)):
        left, top = x * large.width, y * large.height
        pen.ellipse((left, top, left + w * large.width - 1, top + h * large.height - 1), fill=(255, 253, 248, 150))
    return large.resize((width, width // 3), Image.Resampling.LANCZOS)


def _boat() -> Image.Image:
    large = Image.new("RGBA", (56 * _SCALE, 44 * _SCALE), (255, 255, 255, 0))
    pen = ImageDraw.Draw(large)
    scaled = partial(_scaled, _SCALE)
    pen.polygon(scaled(26, 2, 26, 30, 6, 30), fill=(250, 246, 236, 255))
    pen.polygon(scaled(30, 8, 30, 30, 46, 30), fill=(232, 216, 190, 255))
    pen.polygon(scaled(4, 33, 52, 33, 44, 42, 12, 42), fill=(58, 78, 98, 255))
    return large.resize((56, 44), Image.Resampling.LANCZOS)


def _hills(top: int, rise: int, phase: float, horizon: int) -> list[tuple[float, float]]:
    points = [
        (x * _SCALE, (top + rise * math.sin(x / 95 + phase) + rise / 2 * math.sin(x / 41 + 2 * phase)) * _SCALE)
        for x in range(0, WIDTH + 8, 8)
    ]
    return [*points, (WIDTH * _SCALE, horizon), (0, horizon)]


def _scaled(scale: int, *numbers: float) -> list[float]:
    return [scale * number for number in numbers]


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
