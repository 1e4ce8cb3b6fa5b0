"""Table of webhooks out: where each goes, how far it has come, which process sends it."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text, text

from rtdash.protocol.channels import CHANNELS
from rtdash.store.process_tables import metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger),
    Column("failure", Text),
    Column("failed_at", BigInteger),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("disabled_at", BigInteger),
    Column("sender", Text),
    Column("sender_until", BigInteger, nullable=False, server_default=text("0")),
    Column("skipped", BigInteger, nullable=False, server_default=text("0")),
    Column("skipped_at", BigInteger),
)

IS_KNOWN = webhooks.c.channel.in_(sorted(CHANNELS))
"""Whether this version of rtdash knows the channel of a webhook: others are left to a newer one."""
