"""The version that a mirrored reservation has in its source; none for those of before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("reservations", sa.Column("source_version", sa.BigInteger()))
