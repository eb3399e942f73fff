"""The database's tables (SQLAlchemy Core), shared by the journal and its neighbours. Times are Unix seconds in UTC.

Whoever changes one adds a migration (`server/migrations`): databases of earlier releases are out there.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

# Events of a stream are totally ordered without gaps. `cause` is "person/client/id" of the command, so that one sent again
# after a lost connection is acknowledged and not done twice; only a command's first event carries it.
events = Table(
    "events",
    metadata,
    Column("stream", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", String, nullable=False),
    Column("cause", String, nullable=True, unique=True),
    Column("body", LargeBinary, nullable=False),  # msgspec JSON of rooms.messages.Event
    sqlite_with_rowid=False,
)

# Answers: one row a voter. `voter` is a person's id in named polls; in anonymous ones a keyed hash whose key is destroyed
# when the poll closes. No row id and no time: neither order nor clock can link an answer to a person.
answers = Table(
    "answers",
    metadata,
    Column("poll_id", String, primary_key=True),
    Column("voter", String, primary_key=True),
    Column("option", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Votes for questions; a vote taken back stays as `up` false, so that one statement writes both, in order.
votes = Table(
    "votes",
    metadata,
    Column("question_id", String, primary_key=True),
    Column("person_id", String, primary_key=True),
    Column("up", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# The closing survey, anonymous like `answers`. Ratings are 1..5, null for "no opinion" or no answer.
survey_answers = Table(
    "survey_answers",
    metadata,
    Column("voter", String, primary_key=True),
    Column("conference", Integer, nullable=True),
    Column("association", Integer, nullable=True),
    Column("comment", Text, nullable=False, default=""),
    sqlite_with_rowid=False,
)

people = Table(
    "people",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("email", String, nullable=False, unique=True),
    Column("municipality_code", String, nullable=False, default=""),
    Column("municipality", String, nullable=False, default=""),
    Column("county", String, nullable=False, default=""),
    Column("country", String, nullable=False, default=""),  # se, no, dk
    Column("population", Integer, nullable=True),
    Column("size_band", String, nullable=False, default=""),
    Column("title", String, nullable=False, default=""),
    Column("year_appointed", Integer, nullable=True),
    Column("roles", String, nullable=False),  # space-separated
    Column("changed_at", Float, nullable=False, default=0.0),  # a running server notices an import by it
)

# A personal link's token is only kept as a SHA-256 digest. Revoking the link ends every cookie that came from it.
links = Table(
    "links",
    metadata,
    Column("id", String, primary_key=True),
    Column("person_id", String, nullable=False),
    Column("digest", String, nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("revoked", Boolean, nullable=False, default=False),
)

# One row for each stretch of one connection's presence in a session with the tab visible or in the background.
# `seen_at` is moved forward by every heartbeat, so that a killed server neither loses nor invents more than one.
attendance = Table(
    "attendance",
    metadata,
    Column("id", String, primary_key=True),
    Column("session_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("from_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("visible", Boolean, nullable=False),
    Index("attendance_session", "session_id"),
    Index("attendance_person", "person_id"),
)

# Keys of anonymous polls that are open, where several nodes share them (`server/keys.py`), under a pad each; NULL: gone.
# Never copied and never in a backup: destroying them is what makes answers anonymous.
vault = Table(
    "vault",
    metadata,
    Column("name", String, primary_key=True),
    Column("key", LargeBinary, nullable=True),
)

# The number of each writer's last commit, written in that commit itself: when the connection breaks before the answer is
# heard, this says what came of it. Only PostgreSQL needs it; it is nobody's data, and not copied.
commits = Table(
    "commits",
    metadata,
    Column("writer", String, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
)

# Figures that stay when the rows they were made of are deleted by the clock (`server/privacy/retention.py`): "attendance".
kept_figures = Table(
    "kept_figures",
    metadata,
    Column("name", String, primary_key=True),
    Column("at", Float, nullable=False),
    Column("body", LargeBinary, nullable=False),  # msgspec JSON
)

# What one node does for all. "retention": when it was last done. "purge": there is a row as long as something that was
# deleted may still be in the database's files. "redis": when a node last reached it (`server/cluster/alone.py`).
chores = Table(
    "chores",
    metadata,
    Column("name", String, primary_key=True),
    Column("at", Float, nullable=False),
)

# That somebody was erased, or something grew too old: whoever has it in memory forgets it. It says nothing of whom or what.
erasures = Table(
    "erasures",
    metadata,
    Column("id", String, primary_key=True),
    Column("at", Float, nullable=False),
)

# Shared notes of a breakout room: the whole text as a document of Yjs's, without what was deleted from it and
# without who wrote what (`server/notes`).
notes = Table(
    "notes",
    metadata,
    Column("session_id", String, primary_key=True),
    Column("room_id", String, primary_key=True),
    Column("state", LargeBinary, nullable=False),
    Column("changed_at", Float, nullable=False),
)

# What is not the conference's: it stays where it is, whatever is copied or kept.
STAYS = (commits, vault)
