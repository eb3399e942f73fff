"""Notes as a document that merges whatever is written at the same time, in the format of Yjs (by pycrdt). Pure.

A state is the whole document in bytes; an update is what one page has changed, or what another lacks; a vector says how much
somebody has. Merging is in any order and may be repeated. What was deleted is not in a state any more, and a change whose
beginning has not arrived is left out: whoever sent it sends it again, since it is missing in the answer's vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rooms.errors import Refused

if TYPE_CHECKING:
    from pycrdt import Doc, Text

TEXT: Final = "notes"  # the name of the one text in the document
MOST_CHARACTERS: Final = 12_000  # pages stop at 10,000: who writes at the same time may overshoot a little
MOST_STATE: Final = 512 * 1024  # bytes; an honest page of notes has some thousand

EMPTY: Final = b""


def merge(state: bytes, update: bytes) -> bytes:
    """The state with `update` in it. Raises `Refused` for what is no update, or makes the notes too long."""
    document = _load(state)
    _apply(document, update)
    merged: bytes = document.get_update()
    if len(merged) > MOST_STATE or len(_text(document)) > MOST_CHARACTERS:
        raise Refused("too_large")
    return merged


def missing(state: bytes, vector: bytes) -> bytes:
    """The update that somebody with `vector` lacks; b"" for a vector is nothing at all. Raises `Refused` for no vector."""
    document = _load(state)
    try:
        return document.get_update(vector) if vector else document.get_update()
    except ValueError:
        raise Refused("bad_text") from None


def vector_of(state: bytes) -> bytes:
    """How much a state has."""
    return _load(state).get_state()


def text_of(state: bytes) -> str:
    """The notes as they read."""
    return _text(_load(state))


def _load(state: bytes) -> Doc[Text]:
    from pycrdt import Doc  # late: a server starts sooner, and most never have notes

    document: Doc[Text] = Doc()
    if state:
        document.apply_update(state)
    return document


def _apply(document: Doc[Text], update: bytes) -> None:
    try:
        document.apply_update(update)
    except ValueError:
        raise Refused("bad_text") from None
    except BaseException as error:  # a panic of the library's, which is no `Exception`, would end the whole server
        if type(error).__name__ != "PanicException":
            raise
        raise Refused("bad_text") from None


def _text(document: Doc[Text]) -> str:
    from pycrdt import Text  # late, as above

    return str(document.get(TEXT, type=Text))
