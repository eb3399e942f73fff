"""What a viewer got, from the diary that its page kept and from what the engine knew of it meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

FLOWING: Final = 8  # pictures in a second: it moves again
CALM: Final = 0.05  # of the sound concealed in `LISTEN`: it is there again
LISTEN: Final = 0.6  # seconds
LAYERS: Final = ("", "l", "m", "h")  # from none to the best
BEFORE: Final = 2.5  # seconds before the event: nothing had happened yet


@dataclass(frozen=True)
class Notes:
    """Of one viewer. Times are ms since 1970. `shown`: of each picture when it was shown, and how high it was; `diary`: what
    the browser counted, several times a second; `layers`: when which layer flowed ("" none), and the estimate in bit/s."""

    began: float
    shown: Sequence[tuple[float, int]]
    diary: Sequence[dict[str, float]]
    layers: Sequence[tuple[float, str, int]]
    encoded: float  # pictures that the publisher made meanwhile, a second
    transport: str = "udp"


@dataclass(frozen=True)
class Viewing:
    """Seconds and shares, None where there is nothing to say. `pictures`: decoded, of those made since the first was seen;
    `concealed`: of the sound, what the browser made up; `layers`: share of the time; `*_back`: after the event."""

    first_picture: float | None
    pictures: float
    freezes: int
    frozen: float
    longest_gap: float
    concealed: float
    picture_wait: float
    sound_wait: float
    key_frames: int
    repaired: int
    lost: int
    layers: dict[str, float]
    estimate: int
    transport: str
    picture_back: float | None = None
    sound_back: float | None = None
    layer_back: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(self).items()}


def sum_up(notes: Notes, event: float | None) -> Viewing:
    """`event`: the moment from which recovery is counted."""
    shown, last = notes.shown, notes.diary[-1]
    times = [when for when, _ in shown]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    watched = (last["at"] - times[0]) / 1000 if times else 0.0
    spent = Counter(layer for when, layer, _ in notes.layers)
    return Viewing(
        first_picture=(times[0] - notes.began) / 1000 if times else None,
        pictures=min(1.0, last["decoded"] / max(1.0, watched * notes.encoded)),
        freezes=int(last["freezes"]),
        frozen=last["frozen"],
        longest_gap=max(gaps, default=0.0) / 1000,
        concealed=last["concealed"] / max(1, last["heard"]),
        picture_wait=last["waitedPicture"] / max(1, last["emittedPicture"]),
        sound_wait=last["waited"] / max(1, last["emitted"]),
        key_frames=int(last["keys"]),
        repaired=int(last["repaired"]),
        lost=int(last["lost"]),
        layers={layer: round(spent[layer] / spent.total(), 2) for layer in sorted(spent)},
        estimate=notes.layers[-1][2] if notes.layers else 0,
        transport=notes.transport,
        picture_back=picture_back(times, event) if event else None,
        sound_back=sound_back(notes.diary, event) if event else None,
        layer_back=layer_back(notes.layers, event) if event else None,
    )


def picture_back(times: Sequence[float], event: float) -> float | None:
    """Until the first picture after the event that others follow."""
    for index, when in enumerate(times):
        following = times[index + FLOWING : index + FLOWING + 1]
        if when >= event and following and following[0] - when < 1000:
            return (when - event) / 1000
    return None


def sound_back(diary: Sequence[dict[str, float]], event: float) -> float | None:
    """Until nearly nothing of the sound has to be made up."""
    for index, entry in enumerate(diary):
        later = next((each for each in diary[index:] if each["at"] - entry["at"] >= 1000 * LISTEN), None)
        if entry["at"] < event or later is None:
            continue
        if later["concealed"] - entry["concealed"] < CALM * (later["heard"] - entry["heard"]):
            return (entry["at"] - event) / 1000
    return None


def layer_back(layers: Sequence[tuple[float, str, int]], event: float) -> float | None:
    """Until a layer flows that is as good as what flowed at `BEFORE`."""
    before = [LAYERS.index(layer) for when, layer, _ in layers if when < event - 1000 * BEFORE]
    least = before[-1] if before else 0
    return next(((when - event) / 1000 for when, layer, _ in layers if when >= event and LAYERS.index(layer) >= least), None)
