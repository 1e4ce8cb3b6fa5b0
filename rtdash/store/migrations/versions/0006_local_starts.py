"""The hour on the venue's wall that a reservation was made for, beside its instant. Rows of before,
and those that an older process writes, have none until the server fills them in.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("reservations", sa.Column("local_start", sa.Text(), nullable=True))
    op.add_column("reservations", sa.Column("local_of", sa.BigInteger(), nullable=True))
    op.create_index(
        "reservations_without_local",
        "reservations",
        ["venue"],
        unique=False,
        sqlite_where=sa.text("local_of IS NOT start"),
        postgresql_where=sa.text("local_of IS DISTINCT FROM start"),
    )
