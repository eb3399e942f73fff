"""What the synthetic speaker's picture is made of, drawn once each. Neighbour: `picture`, which puts it together."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 640, 360
HORIZON: Final = 236

_SCALE: Final = 2  # drawn larger, then reduced: soft edges
_TOWER: Final = 136  # how high the town is

Colour = tuple[int, int, int]

_SKY: Final[tuple[Colour, Colour]] = ((176, 205, 226), (247, 231, 209))
_WATER: Final[tuple[Colour, Colour]] = ((132, 168, 190), (74, 113, 142))


def backdrop() -> Image.Image:
    """Sky, hills and water: RGB, `WIDTH` by `HEIGHT`."""
    large = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE))
    pen = ImageDraw.Draw(large)
    horizon = HORIZON * _SCALE
    for y in range(large.height):
        sky = y < horizon
        share = y / horizon if sky else (y - horizon) / (large.height - horizon)
        pen.line((0, y, large.width, y), fill=_mixed(*(_SKY if sky else _WATER), share))
    scaled = partial(_scaled, _SCALE)
    pen.ellipse(scaled(468, 112, 532, 176), fill=(252, 240, 206))
    pen.polygon(_hills(150, 38, 0.9, horizon), fill=(158, 181, 178))
    pen.polygon(_hills(186, 24, 2.7, horizon), fill=(120, 151, 140))
    pen.rectangle(scaled(0, HORIZON - 3, WIDTH, HORIZON), fill=(92, 112, 106))
    return large.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def town() -> Image.Image:
    """A town hall with its tower, and houses beside it, to stand on the horizon."""
    large = Image.new("RGBA", (410 * _SCALE, _TOWER * _SCALE), (104, 76, 72, 0))
    pen = ImageDraw.Draw(large)
    scaled = partial(_scaled, _SCALE)
    wall, roof, pane = (196, 128, 98), (104, 76, 72), (246, 226, 178)
    for x, width, height in ((70, 46, 30), (120, 38, 40), (262, 44, 34), (310, 34, 26), (348, 50, 38)):
        pen.rectangle(scaled(x, _TOWER - height, x + width, _TOWER), fill=(214, 190, 160))
        top = _TOWER - height
        pen.polygon(scaled(x - 3, top, x + width / 2, top - 15, x + width + 3, top), fill=roof)
    pen.rectangle(scaled(164, _TOWER - 54, 252, _TOWER), fill=wall)
    pen.polygon(scaled(160, _TOWER - 54, 208, _TOWER - 76, 256, _TOWER - 54), fill=roof)
    pen.rectangle(scaled(196, _TOWER - 104, 220, _TOWER - 54), fill=wall)
    pen.polygon(scaled(193, _TOWER - 104, 208, _TOWER - 134, 223, _TOWER - 104), fill=roof)
    pen.ellipse(scaled(202, _TOWER - 97, 214, _TOWER - 85), fill=pane)
    for x in range(172, 246, 14):
        for y in (_TOWER - 46, _TOWER - 26):
            pen.rectangle(scaled(x, y, x + 6, y + 11), fill=pane)
    return large.resize((410, _TOWER), Image.Resampling.LANCZOS)


def cloud(width: int) -> Image.Image:
    """A cloud, seen from afar."""
    large = Image.new("RGBA", (width * _SCALE, width * _SCALE // 3), (255, 253, 248, 0))
    pen = ImageDraw.Draw(large)
    for x, y, w, h in ((0.0, 0.5, 0.5, 0.5), (0.2, 0.1, 0.45, 0.85), (0.45, 0.3, 0.55, 0.7)):
        left, top = x * large.width, y * large.height
        pen.ellipse((left, top, left + w * large.width - 1, top + h * large.height - 1), fill=(255, 253, 248, 150))
    return large.resize((width, width // 3), Image.Resampling.LANCZOS)


def boat() -> Image.Image:
    """A sailing boat."""
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
