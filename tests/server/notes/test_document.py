"""Notes that are written in at the same time: what is merged, what is refused, what is gone for good."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc, Text

from rooms.errors import Refused
from server.notes import document
from server.notes.document import EMPTY, TEXT, merge, missing, text_of, vector_of


class Page:
    """What a page has of the notes, and what it has not sent yet."""

    def __init__(self, client_id: int | None = None) -> None:
        self.document: Doc[Text] = Doc(client_id=client_id)
        self.text = self.document.get(TEXT, type=Text)

    def write(self, at: int, words: str) -> None:
        self.text.insert(self._offset(at), words)

    def delete(self, start: int, end: int) -> None:
        del self.text[self._offset(start) : self._offset(end)]

    def _offset(self, at: int) -> int:
        """The library counts octets of UTF-8."""
        return len(str(self.text)[:at].encode())

    def unsent(self, vector: bytes) -> bytes:
        return self.document.get_update(vector) if vector else self.document.get_update()

    def take(self, update: bytes) -> None:
        self.document.apply_update(update)


edits = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20), st.text("abåö 🙂\n", min_size=1, max_size=6)), max_size=20)


@settings(max_examples=60, deadline=None)
@given(edits=edits, seed=st.integers(0, 1000))
def test_whatever_is_written_at_once_reads_the_same_on_the_server_and_on_every_page(
    edits: list[tuple[int, int, str]], seed: int
) -> None:
    """In any order, twice or late."""
    pages, updates = [Page() for _ in range(3)], []
    for who, at, words in edits:
        pages[who].write(at, words)
        updates.append(pages[who].unsent(EMPTY))
    updates += updates[:2]
    random.Random(seed).shuffle(updates)
    state = EMPTY
    for update in updates:
        state = merge(state, update)
    for page in pages:  # nobody's own is lost, whatever came first
        page.take(missing(state, page.document.get_state()))
    assert {str(page.text) for page in pages} == {text_of(state)}
    assert sorted(text_of(state)) == sorted("".join(words for _, _, words in edits))


def test_a_page_sends_and_gets_only_what_the_other_side_lacks() -> None:
    anna, bo = Page(), Page()
    anna.write(0, "Först en lång rad om hur vi gör hemma. " * 20)
    state = merge(EMPTY, anna.unsent(EMPTY))
    bo.take(missing(state, EMPTY))
    bo.write(0, "Hej. ")
    update = bo.unsent(vector_of(state))
    assert len(update) < 40
    state = merge(state, update)
    assert len(missing(state, anna.document.get_state())) < 40


def test_what_was_deleted_is_nowhere_in_the_state() -> None:
    anna = Page()
    anna.write(0, "Karl Karlsson har slutat. Vi bytte system.")
    state = merge(EMPTY, anna.unsent(EMPTY))
    assert b"Karlsson" in state
    anna.delete(0, 26)
    state = merge(state, anna.unsent(vector_of(state)))
    assert text_of(state) == "Vi bytte system."
    assert b"Karlsson" not in state


def test_a_change_whose_beginning_has_not_arrived_is_asked_for_again() -> None:
    anna = Page()
    anna.write(0, "Ett. ")
    first = anna.document.get_state()
    anna.write(5, "Två.")
    state = merge(EMPTY, anna.unsent(first))
    assert text_of(state) == ""
    state = merge(state, anna.unsent(vector_of(state)))
    assert text_of(state) == "Ett. Två."


def test_notes_have_a_length_and_no_more() -> None:
    anna = Page()
    anna.write(0, "å" * document.MOST_CHARACTERS)
    state = merge(EMPTY, anna.unsent(EMPTY))
    anna.write(0, "x")
    with pytest.raises(Refused, match="too_large"):
        merge(state, anna.unsent(vector_of(state)))


def test_hidden_ballast_beside_the_text_is_bounded_too() -> None:
    page = Page()
    page.document.get("hidden", type=Text).insert(0, "x" * document.MOST_STATE)
    with pytest.raises(Refused, match="too_large"):
        merge(EMPTY, page.unsent(EMPTY))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_bytes_that_are_no_update_are_refused_and_harm_nothing(data: st.DataObject) -> None:
    anna = Page(client_id=7)
    anna.write(0, "Vi börjar")
    state = merge(EMPTY, anna.unsent(EMPTY))
    raw = bytearray(state)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        after = merge(state, bytes(raw))
    except Refused as refusal:
        assert refusal.code in ("bad_text", "too_large")
        after = state
    assert isinstance(text_of(after), str)


@pytest.mark.parametrize("vector", [b"\xff" * 20, b"\x01", b"\x05abc"])
def test_bytes_that_are_no_vector_are_refused(vector: bytes) -> None:
    with pytest.raises(Refused, match="bad_text"):
        missing(EMPTY, vector)


def test_a_panic_of_the_library_is_a_refusal_and_nothing_else_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def failing(error: BaseException) -> None:
        def apply_update(self: object, update: bytes) -> None:
            raise error

        monkeypatch.setattr(Doc, "apply_update", apply_update)

    failing(PanicException())
    with pytest.raises(Refused, match="bad_text"):
        merge(EMPTY, b"\x00\x00")
    failing(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        merge(EMPTY, b"\x00\x00")
