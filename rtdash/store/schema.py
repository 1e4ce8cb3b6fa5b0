"""The tables. Instants are INTEGER ms, dates ISO text, money minor units, JSON text: plain types
that need no work per value.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from rtdash.store.process_tables import (
    POSTGRES_CONDITION,
    leases,
    metadata,
    processes,
    servers,
)
from rtdash.store.webhook_table import webhooks

__all__ = ["leases", "metadata", "processes", "servers", "webhooks"]

HEAD_REVISION: Final = "0010"
"""The migration that these tables are; alembic is only loaded where a store has another one."""

FOREVER_MS: Final = 2**62
"""`valid_to` of the version that still holds."""

alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

meta = Table(
    "meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False)
)

origin = Table(
    "origin", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False)
)

venues = Table(
    "venues",
    metadata,
    Column("id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("archived_at", BigInteger),
)

# Each index costs a booking a page of random writes: few, and two leave most rows out. A business
# date never goes back while the start goes on, so `reservations_by_date` also orders by start.
IS_VISITED = text("status IN ('CheckedOut', 'Completed')")
_HAS_NIGHTS = text("check_out IS NOT NULL")

# Ids come first in the keys of reservations and versions: a batch looks its rows up by one list of
# ids, whatever its venues.
reservations = Table(
    "reservations",
    metadata,
    Column("id", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("customer_name", Text, nullable=False),
    Column("customer_email", Text),
    Column("customer_phone", Text),
    Column("customer_key", Text, nullable=False),
    Column("guests", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("charged", BigInteger, nullable=False),
    Column("paid", BigInteger, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("business_date", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("room_type", Text),
    Column("check_in", Text),
    Column("check_out", Text),
    Column("duration_minutes", Integer),
    Column("operation_id", Text, nullable=False),
    Column("source_version", BigInteger),
    Column("local_start", Text),
    Column("local_of", BigInteger),  # the `start` that `local_start` stands for
    PrimaryKeyConstraint("id", "venue"),
    Index("reservations_by_date", "venue", "business_date", "start", "id"),
    Index(
        "reservations_by_visit",
        "venue",
        "customer_key",
        "business_date",
        sqlite_where=IS_VISITED,
        info={POSTGRES_CONDITION: IS_VISITED},
    ),
    Index(
        "reservations_by_night",
        "venue",
        "check_out",
        "check_in",
        sqlite_where=_HAS_NIGHTS,
        info={POSTGRES_CONDITION: _HAS_NIGHTS},
    ),
    Index(
        "reservations_without_local",
        "venue",
        sqlite_where=text("local_of IS NOT start"),
        info={POSTGRES_CONDITION: text("local_of IS DISTINCT FROM start")},
    ),
)

versions = Table(
    "versions",
    metadata,
    Column("operation_id", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("reservation", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("business_date", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("guests", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_to", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("operation_id", "venue"),
    Index(
        "versions_by_date",
        "venue",
        "business_date",
        "valid_from",
        "valid_to",
        "status",
        "guests",
        "amount",
        "balance",
    ),
)

charges = Table(
    "charges",
    metadata,
    Column("operation_id", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("reservation", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("business_date", Text, nullable=False),
    PrimaryKeyConstraint("operation_id", "venue"),
    Index("charges_by_date", "venue", "business_date", "category", "reservation", "amount"),
)

room_nights = Table(
    "room_nights",
    metadata,
    Column("night", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("room_type", Text, nullable=False),
    Column("sold", Integer, nullable=False),
    PrimaryKeyConstraint("venue", "night", "room_type"),
    sqlite_with_rowid=False,
)

heads = Table(
    "heads",
    metadata,
    Column("venue", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("venue", "channel"),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("venue", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("appended_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("venue", "channel", "seq"),
    Index("events_by_time", "appended_at", "venue", "channel"),
)

announcements = Table(
    "announcements",
    metadata,
    Column("reservation", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("announced_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("reservation", "venue", "start"),
    sqlite_with_rowid=False,
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sub", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("process", Text, nullable=False),
    Column("subscriptions", Text, nullable=False),
    Column("positions", Text, nullable=False),
    Column("saved_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("asked_at", BigInteger, nullable=False, server_default=text("0")),
)

revocations = Table(
    "revocations",
    metadata,
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("revoked_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "value"),
    Index("revocations_by_time", "revoked_at"),
    sqlite_with_rowid=False,
)

hooks = Table(
    "hooks",
    metadata,
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("problem", Text),
    Column("body", Text),
    PrimaryKeyConstraint("source", "id"),
    Index("hooks_by_time", "received_at"),
)
