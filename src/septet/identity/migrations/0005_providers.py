"""Nothing: a place that was kept for signing in with others, which came with 0011."""

from __future__ import annotations

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
