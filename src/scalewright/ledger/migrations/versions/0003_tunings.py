"""What machines were found to compute fastest with."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    """A table of them."""
    op.create_table(
        "tuning",
        sa.Column("id", sa.String(), primary_key=True),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("about", "way", "tried")),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
    )
