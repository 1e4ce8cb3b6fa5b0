"""Tables of the processes that share a store: their lease on it, and their users' connections."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, PrimaryKeyConstraint, Table, Text

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
