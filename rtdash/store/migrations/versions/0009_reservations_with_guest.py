"""An index of the reservations that name a guest, by their last date: those that name one for too
long are found without reading all.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index(
        "reservations_with_guest",
        "reservations",
        ["check_out", "business_date"],
        unique=False,
        if_not_exists=True,  # made before, CONCURRENTLY, where many reservations are booked
        sqlite_where=sa.text("customer_name <> 'Erased guest'"),
        postgresql_where=sa.text("customer_name <> 'Erased guest'"),
    )
