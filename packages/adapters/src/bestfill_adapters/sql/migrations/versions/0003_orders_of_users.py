"""How many orders a user has, counted as they are placed: a page's total took longer, the more there were."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table anew, with the count: SQLite has no other way to add a column without a default."""
    op.execute("CREATE TABLE user_streams_before AS SELECT user_id, user_seq FROM user_streams")
    op.drop_table("user_streams")
    op.create_table(
        "user_streams",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("user_seq", sa.BigInteger, nullable=False),
        sa.Column("orders", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_streams")),
        postgresql_with={"fillfactor": 50},
    )
    op.execute(
        "INSERT INTO user_streams (user_id, user_seq, orders)"
        " SELECT user_id, user_seq, (SELECT count(*) FROM orders AS o WHERE o.user_id = s.user_id)"
        " FROM user_streams_before AS s"
    )
    op.drop_table("user_streams_before")


def downgrade() -> None:
    """Refuse, as the others do."""
    raise NotImplementedError("there is no way back to the schema without the count")
