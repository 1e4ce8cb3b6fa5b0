"""Events that were stepped over for a webhook, as its receiver refuses them: how many, and when the
last ones were.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column(
        "webhooks",
        sa.Column("skipped", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("webhooks", sa.Column("skipped_at", sa.BigInteger(), nullable=True))
