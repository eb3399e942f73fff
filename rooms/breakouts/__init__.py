"""Breakout rooms of a session, as one state machine beside that of the session (`rooms/room.py`).

It reads how far the session has come and never writes it. Everybody is in one place at every moment: in one room that is
open, or in the plenary. Neighbours: `view` (what events make of a state, and who sees what of it), `seats` (questions to a
state), and the rules: `planning`, `running`, `moving`, `talking`.
"""

from rooms.breakouts.decide import decide
from rooms.breakouts.seats import end_of, is_kept_apart, is_running, not_to_be_placed, open_rooms, seat_of
from rooms.breakouts.view import apply, redact

__all__ = ["apply", "decide", "end_of", "is_kept_apart", "is_running", "not_to_be_placed", "open_rooms", "redact", "seat_of"]
