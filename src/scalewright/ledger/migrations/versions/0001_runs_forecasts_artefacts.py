"""Runs, forecasts and artefacts."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    """Makes the three tables."""
    text, whole = sa.String(), sa.BigInteger()
    number: sa.Double[float] = sa.Double()
    op.create_table(
        "run",
        sa.Column("id", text, primary_key=True),
        *(sa.Column(name, text, nullable=False) for name in ("study", "role")),
        sa.Column("configuration", sa.JSON(), nullable=False),
        sa.Column("data_hash", text, nullable=False),
        sa.Column("tokenizer_hash", text),
        sa.Column("task", text, nullable=False),
        sa.Column("context", whole),
        *(
            sa.Column(name, whole, nullable=False)
            for name in ("recipe_version", "seed", "params", "params_total", "tokens", "unique_tokens")
        ),
        sa.Column("flops", number, nullable=False),
        *(sa.Column(name, text, nullable=False) for name in ("precision", "layout")),
        sa.Column("loss", number, nullable=False),
        sa.Column("test_loss", number),
        sa.Column("curve", sa.JSON(), nullable=False),
        *(sa.Column(name, number, nullable=False) for name in ("seconds", "tokens_per_second")),
        sa.Column("peak_memory_bytes", whole, nullable=False),
        sa.Column("commit", text),
        sa.Column("created_at", text, nullable=False),
        sa.Column("folder", text),
    )
    op.create_index("ix_run_study", "run", ["study"])
    op.create_index("ix_run_data_hash", "run", ["data_hash"])
    op.create_table(
        "forecast",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        *(sa.Column(name, text, nullable=False) for name in ("quantity", "unit")),
        *(sa.Column(name, number, nullable=False) for name in ("value", "low", "high", "level", "extrapolation")),
        *(sa.Column(name, text, nullable=False) for name in ("law_hash", "plan_hash", "made_at")),
        sa.Column("measured", number),
        sa.Column("scored_at", text),
        sa.UniqueConstraint("plan_hash", "quantity"),
    )
    op.create_table(
        "artefact",
        sa.Column("id", text, primary_key=True),
        *(sa.Column(name, text, nullable=False) for name in ("kind", "path", "content_hash")),
        sa.Column("made_from", sa.JSON(), nullable=False),
        sa.Column("created_at", text, nullable=False),
    )
