"""What else a run reached beside its loss, and what it told on its way."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    """A column of runs and a table of steps; the version is Alembic's from now on."""
    op.add_column("run", sa.Column("metrics", sa.JSON(), nullable=False, server_default="{}"))
    op.create_table(
        "metric",
        sa.Column("run", sa.String(), primary_key=True),
        sa.Column("step", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("value", sa.Double(), nullable=False),
    )
    if sa.inspect(op.get_bind()).has_table("ledger_version"):
        op.drop_table("ledger_version")
