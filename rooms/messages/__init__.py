"""Every command, event, snapshot and frame, in one place.

Commands ask, events tell what happened, frames carry both over the WebSocket. All are tagged unions that forbid unknown
fields, so a misspelt or foreign message is refused where it enters. Documented one by one in `docs/protocol.md`;
a test asserts that none is missing. Times are aware datetimes in UTC (RFC 3339 on the wire); ids are short strings.
In the order of reading: `base`, what they are made of; `values`, `commands`, `events`, `frames`; `breakouts`,
`breakout_commands` and `breakout_events`, those of breakout rooms; `harvest`, what these bring home.
"""

from rooms.messages.base import *  # noqa: F403
from rooms.messages.breakout_commands import *  # noqa: F403
from rooms.messages.breakout_events import *  # noqa: F403
from rooms.messages.breakouts import *  # noqa: F403
from rooms.messages.commands import *  # noqa: F403
from rooms.messages.events import *  # noqa: F403
from rooms.messages.frames import *  # noqa: F403
from rooms.messages.harvest import *  # noqa: F403
from rooms.messages.values import *  # noqa: F403
