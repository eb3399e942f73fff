"""Refusals: what a user may not or cannot do, each with one code and one sentence.

A `Refused` leaves the connection open; the page says why, in words. Browsers match codes, never prose.
The sentences are gettext message ids: `server/errors.py` translates them and maps codes to HTTP statuses.
"""

from __future__ import annotations

from typing import Any, Final


def _(text: str) -> str:
    """Marks a sentence for the catalogues (extracted by babel); translated where it is shown."""
    return text


REFUSALS: Final[dict[str, str]] = {
    "forbidden": _("You may not do this."),
    "not_signed_in": _("You are not signed in. Open your personal link again."),
    "foreign_origin": _("This came from another website and was not carried out."),
    "not_found": _("That does not exist, or no longer does."),
    "illegal_step": _("That step is not possible now."),
    "room_busy": _("Another session is already under way in this room."),
    "session_not_open": _("The session is not open now."),
    "session_ended": _("The session has ended."),
    "not_live": _("The session is not live."),
    "poll_not_open": _("The poll is not open yet."),
    "poll_closed": _("The poll is closed. What you sent just now was not counted."),
    "poll_locked": _("The poll has been opened and can no longer be changed."),
    "unknown_option": _("That is not one of the options."),
    "bad_text": _("The text is empty, too long or has characters that cannot be shown."),
    "bad_options": _("A poll needs between two and ten different options."),
    "too_many": _("There are too many of these already."),
    "too_fast": _("That was a little too fast. Please wait a moment and try again."),
    "too_large": _("The message is too large."),
    "crowded": _("There are too many connections from your network at once. Please wait a moment and try again."),
    "full_house": _("So many are connected that the server can take no more right now. Please try again in a moment."),
    "too_many_guesses": _("Too many wrong links were tried from your network. A link that is right works all the same."),
    "not_on_stage": _("You are not on stage."),
    "already_recording": _("The session is already being recorded."),
    "not_recording": _("The session is not being recorded."),
    "not_recordable": _("This kind of session is never recorded."),
    "survey_closed": _("The survey is closed."),
    "survey_not_open": _("The survey is not open yet."),
    "not_in_room": _("You are not in this room."),
    "in_a_room": _("You are in a room already. Leave it first."),
    "room_full": _("This room is full."),
    "room_closed": _("This room is closed."),
    "room_not_open": _("This room cannot be chosen."),
    "barred": _("A moderator keeps this person out of the rooms."),
    "rooms_running": _("The rooms are open already."),
    "rooms_not_running": _("No rooms are open now."),
    "bad_rooms": _("The rooms do not work out: somebody is in two of them, or a room holds too many."),
    "bad_list": _("This is not a list of groups: it needs a column for the room, and one for e-mail addresses or names."),
    "nobody_here": _("There is nobody here to go into the rooms."),
    "media_unavailable": _("Sound and picture are not available right now. We keep trying."),
    "hall_full": _("All seats for live sound and picture are taken right now."),
    "bad_offer": _("The media offer could not be understood."),
    "link_unknown": _("This link is not valid."),
    "link_revoked": _("This link has been withdrawn."),
    "try_again": _("The server could not save that. Please try again."),
    "read_only": _("The server cannot save anything right now. Nothing you sent was counted; please try again."),
}


class Refused(Exception):
    """A user may not or cannot do something. `code` is a key of `REFUSALS`; `data` holds details for the page."""

    def __init__(self, code: str, **data: Any) -> None:
        if code not in REFUSALS:
            raise LookupError(f"refusal code {code!r} is not declared in rooms/errors.py")
        super().__init__(code)
        self.code = code
        self.data = data

    @property
    def message(self) -> str:
        """The sentence in English, a gettext message id."""
        return REFUSALS[self.code]
