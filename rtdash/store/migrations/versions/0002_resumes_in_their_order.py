"""When the connection that holds a session asked for it; those of before count as asked for long
ago.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "sessions",
        sa.Column("asked_at", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
    )
