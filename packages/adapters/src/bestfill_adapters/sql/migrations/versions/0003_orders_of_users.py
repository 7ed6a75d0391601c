"""How many orders a user has, counted as they are placed: a page's total took longer, the more there were."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the count. On PostgreSQL, that waits for whoever is writing, and nobody writes until all is done."""
    op.add_column("user_streams", sa.Column("orders", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(
        "UPDATE user_streams SET orders = (SELECT count(*) FROM orders AS o WHERE o.user_id = user_streams.user_id)"
    )


def downgrade() -> None:
    """Refuse, as the others do."""
    raise NotImplementedError("there is no way back to the schema without the count")
