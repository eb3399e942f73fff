"""The synthetic speaker's picture: a calm town by the water, a name sign, and the wall clock to the millisecond, so that
anybody can see how far behind a screen is.

What stands still is drawn once; a frame is one copy, a few pasted pieces and twelve digits. Neighbours: `scenery`, `tracks`.
"""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

import web
from server.demo.scenery import HEIGHT, HORIZON, WIDTH, backdrop, boat, cloud, town

CLOCK_AT: Final = (176, 22)  # the left upper corner of its first cell
CELL: Final = (30, 48)  # of a digit
NARROW_CELL: Final = 14  # the width of a colon or point
CLOCK_LENGTH: Final = 12  # HH:MM:SS.mmm

_FONT: Final = "@fontsource-variable/atkinson-hyperlegible-next/files/atkinson-hyperlegible-next-latin-wght-normal.woff2"
_PANEL: Final = (22, 38, 56, 232)
_INK: Final = (250, 248, 242)
_SIGN_HEIGHT: Final = 54

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Picture:
    """Draws frames for one speaker."""

    def __init__(self, name: str) -> None:
        self._backdrop = backdrop()
        self._clouds = (cloud(150), cloud(104), cloud(190))
        self._town = town()
        self._boat = boat()
        self._sign = _sign(name)
        self._panel = _panel(clock_width() + 32, CELL[1] + 12)
        self.glyphs = glyphs()

    def draw(self, now: datetime) -> Image.Image:
        """The frame of a moment, RGB."""
        seconds = now.timestamp() % 86_400
        frame = self._backdrop.copy()
        for number, (one, speed) in enumerate(zip(self._clouds, (4.0, 7.0, 2.5), strict=True)):
            x = (seconds * speed + number * 260) % (WIDTH + one.width) - one.width
            frame.paste(one, (int(x), 70 + 22 * number), one)
        frame.paste(self._town, (0, HORIZON - self._town.height), self._town)
        self._draw_water(frame, seconds)
        # on the right: the page writes names at the left lower corner
        frame.paste(self._sign, (WIDTH - self._sign.width - 20, HEIGHT - _SIGN_HEIGHT - 16), self._sign)
        frame.paste(self._panel, (CLOCK_AT[0] - 16, CLOCK_AT[1] - 6), self._panel)
        for glyph, x in zip(f"{now:%H:%M:%S}.{now.microsecond // 1000:03d}", clock_cells(), strict=True):
            frame.paste(self.glyphs[glyph], (x, CLOCK_AT[1]), self.glyphs[glyph])
        return frame

    def _draw_water(self, frame: Image.Image, seconds: float) -> None:
        pen = ImageDraw.Draw(frame)
        for row in range(5):
            y = HORIZON + 10 + row * 15
            for number in range(7):
                x = (number * 104 + row * 37 + seconds * (6 + 3 * row)) % (WIDTH + 60) - 60
                length = 18 + 7 * row + 5 * math.sin(seconds / 2 + number)
                pen.line((x, y, x + length, y), fill=(168, 194, 208), width=1 + row // 3)
        x = (seconds * 11) % (WIDTH + self._boat.width) - self._boat.width
        frame.paste(self._boat, (int(x), int(HORIZON - 20 + 2 * math.sin(seconds))), self._boat)


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


def _sign(name: str) -> Image.Image:
    """The name sign: who speaks."""
    label, big = _font(14, 500), _font(24, 700)
    sign = _panel(int(max(150.0, big.getlength(name)) + 36), _SIGN_HEIGHT)
    pen = ImageDraw.Draw(sign)
    pen.text((18, 7), "Föreläsare", font=label, fill=(206, 220, 232))
    pen.text((18, 22), name, font=big, fill=_INK)
    return sign


def _panel(width: int, height: int) -> Image.Image:
    panel = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    ImageDraw.Draw(panel).rounded_rectangle((0, 0, width - 1, height - 1), 10, fill=_PANEL)
    return panel
