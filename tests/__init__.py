"""Tests mirror the sources: `tests/rooms/test_polls.py` tests `rooms/polls.py`."""
