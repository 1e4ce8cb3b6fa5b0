"""Tables of the processes that share a store: their lease on it, and their users' connections."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    event,
)

POSTGRES_CONDITION: Final = "postgresql_where"
"""Key of a partial index's condition in its `info`. As an argument of `Index` it would load the
dialect of PostgreSQL in every process, which takes a twentieth of a start."""

metadata = MetaData()

servers = Table(
    "servers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("alone", Integer, nullable=False),
    Column("beat_at", BigInteger, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("process", Text, nullable=False),
    Column("sub", Text, nullable=False),
    Column("connections", Integer, nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("process", "sub"),
    sqlite_with_rowid=False,
)

processes = Table(
    "processes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("beat_at", BigInteger, nullable=False),
)


@event.listens_for(metadata, "before_create")
def _set_conditions(_: MetaData, conn: Connection, **__: Any) -> None:
    """Give the indexes of a PostgreSQL store their conditions."""
    if conn.dialect.name == "postgresql":
        for table in metadata.tables.values():
            for index in table.indexes:
                index.dialect_options["postgresql"]["where"] = index.info.get(POSTGRES_CONDITION)
