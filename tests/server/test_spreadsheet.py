"""CSV in the encodings and dialects that are met in practice."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.spreadsheet import MOST_BYTES, MOST_ROWS, NotReadable, decode, records

CELL = st.text(st.characters(codec="cp1252", exclude_categories=("Cc", "Cs")), max_size=20).filter(
    lambda text: "Ã" not in text  # the byte that Windows-1252 and UTF-8 disagree about
)
ROWS = st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=8)
HEADER = ["namn", "e-post", "tillträdesår"]


def known(cells: list[str]) -> int:
    return sum(cell.strip().lower() in HEADER for cell in cells)


@given(
    ROWS,
    st.sampled_from(";,\t"),
    st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
)
def test_what_a_spreadsheet_writes_is_read_back(
    rows: list[list[str]], delimiter: str, encoding: str, line_end: str, quoting: int, hint: bool
) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows([HEADER, *rows])  # type: ignore[arg-type]
    text = (f"sep={delimiter}\r\n" if hint and line_end != "\r" else "") + file.getvalue()
    read = list(records(decode(text.encode(encoding)), known))
    expected = [(number, row) for number, row in enumerate([HEADER, *rows], 1) if any(cell.strip() for cell in row)]
    assert read == expected


def test_a_file_of_both_encodings_is_refused_by_line_and_not_guessed_at() -> None:
    data = "namn;e-post\nÅsa;a@b.se\n".encode() + "Örjan;o@b.se\n".encode("cp1252")
    with pytest.raises(NotReadable, match="line 3 is not UTF-8"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04rest of an xlsx", "Excel workbook"),
        (b"name\n\x81\x8d", "neither UTF-8 nor Windows-1252"),
        (b"\xff\xfe\x00", "UTF-16"),
        (b"x" * (MOST_BYTES + 1), "larger than 16 MB"),
    ],
    ids=["workbook", "no encoding", "cut off", "huge"],
)
def test_what_is_no_csv_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(NotReadable, match=reason):
        decode(data)


def test_a_missing_quotation_mark_is_found_at_its_row() -> None:
    with pytest.raises(NotReadable, match="quotation mark") as refused:
        list(records('namn;e-post\nAnna;a@b.se\n"Bo;b@b.se\nCia;c@b.se\n', known))
    assert refused.value.row == 3


def test_there_is_an_end_to_the_rows_that_are_read() -> None:
    with pytest.raises(NotReadable, match="more than"):
        list(records("namn;e-post\n" + "a;b\n" * MOST_ROWS, known))


def test_a_field_of_any_size_does_not_stop_the_program() -> None:
    with pytest.raises(NotReadable):
        list(records("namn;e-post\n" + "x" * 1_000_000, known))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        list(records(decode(data), known))
    except NotReadable as refused:
        assert str(refused).isprintable()
