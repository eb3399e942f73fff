"""Shared notes of breakout rooms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("session_id", sa.String, primary_key=True),
        sa.Column("room_id", sa.String, primary_key=True),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
    )
