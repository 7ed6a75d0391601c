"""Which orders a day's sum is made of: a number alone can't tell whether an order is in it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make room for them. An order that was counted before is counted once more when it is signed: the safe side."""
    op.create_table(
        "reservations",
        sa.Column("order_id", sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("day", sa.BigInteger, nullable=False),
        sa.Column("mint", sa.Text, nullable=False),
        sa.Column("amount", sa.Numeric(20, 0).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_reservations")),
    )


def downgrade() -> None:
    """Refuse, as the others do."""
    raise NotImplementedError("there is no way back to sums of unknown orders")
