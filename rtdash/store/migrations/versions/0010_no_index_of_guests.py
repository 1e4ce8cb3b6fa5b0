"""The index of the reservations that name a guest goes: each booking paid for it, and only a server
that anonymises used it.
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.drop_index("reservations_with_guest", "reservations", if_exists=True)
