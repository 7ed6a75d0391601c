"""What PostgreSQL needs to write fast, and SQLite has no word for; and how far the mock ledger was looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

UNCOMPRESSED = ("order_executions", "order_events")
ROOMY = ("user_streams", "order_counts", "mock_tip")


def upgrade() -> None:
    """Make the one row; tell PostgreSQL how to keep rows, and not to look up the order of each."""
    op.create_table(
        "mock_tip",
        sa.Column("id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("slot", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mock_tip")),
        sa.CheckConstraint("id = 1", name=op.f("ck_mock_tip_one")),
    )
    op.execute("INSERT INTO mock_tip (id, slot) VALUES (1, 0)")
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in UNCOMPRESSED:
        op.drop_constraint(f"fk_{table}_order_id", table, type_="foreignkey")
        op.execute(f"ALTER TABLE {table} SET (toast_tuple_target = 8160)")
    for table in ROOMY:
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 50)")


def downgrade() -> None:
    """Refuse: what no foreign key guarded may not be what one would allow, and the mock chain would forget its dead."""
    raise NotImplementedError("there is no way back to the schema before PostgreSQL's")
