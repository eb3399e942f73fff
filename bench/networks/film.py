"""What Chromium's camera shows: a film that costs about as much to send as a person before a bookshelf. Its own test picture
is so plain that the best layer takes a third of what it may, and no bottleneck would be one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

WIDTH, HEIGHT, FRAMES_A_SECOND = 640, 360, 25
STEP: Final = 1  # pixels that the background moves between two pictures
CHANGE: Final = 0.25  # of the person in front: more, and encoders take each picture for a new scene


def write(path: Path, frames: int = 50, seed: int = 1) -> None:
    """Writes the film, which is shown over and over, as YUV4MPEG2."""
    chance = np.random.default_rng(seed)
    shelf = np.kron(chance.integers(40, 200, (HEIGHT // 8, WIDTH // 8)), np.ones((8, 8)))
    colour = bytes([128]) * (WIDTH * HEIGHT // 2)
    top, left = HEIGHT // 4, WIDTH // 2 - HEIGHT // 4
    person = chance.normal(0, 20, (HEIGHT // 4, HEIGHT // 4))
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_A_SECOND}:1 Ip A1:1 C420\n".encode())
        for number in range(frames):
            picture = np.roll(shelf, STEP * min(number, frames - number), axis=1)
            person = CHANGE * chance.normal(0, 20, person.shape) + (1 - CHANGE**2) ** 0.5 * person
            picture[top : top + HEIGHT // 2, left : left + HEIGHT // 2] = 128 + np.kron(person, np.ones((2, 2)))
            film.write(b"FRAME\n" + picture.clip(16, 235).astype(np.uint8).tobytes() + colour)
