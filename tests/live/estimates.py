"""What an estimator knows, in Python and in the compiled helper, by the same names."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

from live.bandwidth import Estimator
from live.native import Line


def known_to_python(estimator: Estimator) -> dict[str, float]:
    """By the fields that the helper has."""
    found = dict(_fields(estimator, Line().raw.estimator))
    return found | {"losses_from": estimator.packets.losses_from, "told": estimator.packets.told}


def known_to_the_helper(line: Line) -> dict[str, float]:
    found = dict(_fields(line.raw.estimator, line.raw.estimator))
    return found | {"losses_from": line.raw.losses_from, "told": line.raw.told}


def _fields(known: object, like: ctypes.Structure, where: str = "") -> Iterator[tuple[str, float]]:
    for name, *_ in like._fields_:
        value, part = getattr(known, f"_{name}" if hasattr(known, f"_{name}") else name), getattr(like, name)
        if isinstance(part, ctypes.Structure):
            yield from _fields(value, part, f"{where}{name}.")
        else:
            yield where + name, value
