"""The tables before schemas had versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("stream", sa.String, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=True, unique=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "answers",
        sa.Column("poll_id", sa.String, primary_key=True),
        sa.Column("voter", sa.String, primary_key=True),
        sa.Column("option", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "votes",
        sa.Column("question_id", sa.String, primary_key=True),
        sa.Column("person_id", sa.String, primary_key=True),
        sa.Column("up", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "survey_answers",
        sa.Column("voter", sa.String, primary_key=True),
        sa.Column("conference", sa.Integer, nullable=True),
        sa.Column("association", sa.Integer, nullable=True),
        sa.Column("comment", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "people",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("email", sa.String, nullable=False, unique=True),
        sa.Column("municipality_code", sa.String, nullable=False),
        sa.Column("municipality", sa.String, nullable=False),
        sa.Column("county", sa.String, nullable=False),
        sa.Column("country", sa.String, nullable=False),
        sa.Column("population", sa.Integer, nullable=True),
        sa.Column("size_band", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("year_appointed", sa.Integer, nullable=True),
        sa.Column("roles", sa.String, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
    )
    op.create_table(
        "links",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
    )
    op.create_table(
        "attendance",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("session_id", sa.String, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("from_at", sa.Float, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
        sa.Column("visible", sa.Boolean, nullable=False),
    )
    op.create_index("attendance_session", "attendance", ["session_id"])
    op.create_index("attendance_person", "attendance", ["person_id"])
