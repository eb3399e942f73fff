"""CSV as spreadsheets and registration services write it, whatever its encoding and dialect. Neighbour: `people_file`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Final

MOST_BYTES: Final = 16 << 20
MOST_ROWS: Final = 50_000

_UTF8_LETTER: Final = re.compile(rb"\xc3[\x80-\xbf]")  # é, å, ä, ö, ø, æ and their neighbours
_SEPARATOR_HINT: Final = re.compile(r'"?sep=(.)"?')


class NotReadable(ValueError):
    """The file cannot be read, or not from `row` on (0: not at all). The message is one sentence."""

    def __init__(self, reason: str, row: int = 0) -> None:
        super().__init__(reason)
        self.row = row


def decode(data: bytes) -> str:
    """The text of a file in UTF-8, UTF-16 with byte-order mark, or Windows-1252. Raises `NotReadable`."""
    if len(data) > MOST_BYTES:
        raise NotReadable(f"the file is larger than {MOST_BYTES >> 20} MB")
    if data.startswith(b"PK\x03\x04"):
        raise NotReadable("this is an Excel workbook; save it as CSV (UTF-8) and import that")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode(data, "utf-16", "is cut off or not UTF-16; save the file as CSV (UTF-8)")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # A Windows-1252 file has no letters in UTF-8. One with both is damaged, and guessing would spoil names.
        if _UTF8_LETTER.search(data):
            return _decode(data, "utf-8-sig", "is not UTF-8, though other lines are; save the file anew as CSV (UTF-8)")
        return _decode(data, "cp1252", "is neither UTF-8 nor Windows-1252; save the file as CSV (UTF-8)")


def records(text: str, count_headings: Callable[[list[str]], int]) -> Iterator[tuple[int, list[str]]]:
    """Every record that is not blank, with its row as a spreadsheet counts. The delimiter is the one of `;`, `,` and tab
    by which `count_headings` knows most cells of the first row. Raises `NotReadable` where it cannot read on."""
    first, _, rest = text.partition("\n")
    if hint := _SEPARATOR_HINT.fullmatch(first.rstrip("\r")):  # Excel writes and obeys it, and never shows it
        text, delimiter = rest, hint.group(1)
    else:
        delimiter = max(";,\t", key=lambda mark: count_headings(_first_record(text, mark)))
    row = 0
    try:
        for row, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1):
            if row > MOST_ROWS:
                raise NotReadable(f"there are more than {MOST_ROWS} rows", row)
            if any(cell.strip() for cell in cells):
                yield row, cells
    except csv.Error as error:
        raise NotReadable(f"cannot be read ({error}); is a quotation mark missing or too many?", row + 1) from None


def _first_record(text: str, delimiter: str) -> list[str]:
    reader = csv.reader(io.StringIO(text[:65_536], newline=""), delimiter=delimiter)
    try:
        return next((cells for cells in reader if any(cell.strip() for cell in cells)), [])
    except csv.Error:
        return []


def _decode(data: bytes, encoding: str, otherwise: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotReadable(f"line {line} {otherwise}") from None
