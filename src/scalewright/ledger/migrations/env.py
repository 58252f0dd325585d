"""Where Alembic begins: it works inside the transaction that opened the ledger."""

from alembic import context

from scalewright.ledger.migrate import VERSION_TABLE
from scalewright.ledger.tables import Row

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Row.metadata, version_table=VERSION_TABLE
)
context.run_migrations()
