"""What operators set and look up: keys, switches, daily allowances, and the audit log, which only grows."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

SUM = sa.Numeric(40, 0).with_variant(sa.Text(), "sqlite")
REFUSED = "the audit log is never changed"
FUNCTION = f"""CREATE FUNCTION audit_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS
 $$ BEGIN RAISE EXCEPTION '{REFUSED}'; END $$"""
TRIGGER = """CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
 FOR EACH STATEMENT EXECUTE FUNCTION audit_log_only_grows()"""


def upgrade() -> None:
    """Make them."""
    _keys()
    _switches()
    _allowances()
    _audit_log()


def downgrade() -> None:
    """Refuse: an audit log that can be dropped is none."""
    raise NotImplementedError("there is no way back to the schema without an audit log")


def _keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )


def _switches() -> None:
    op.create_table(
        "switches",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_switches")),
    )


def _allowances() -> None:
    op.create_table(
        "daily_notional",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("day", sa.BigInteger, nullable=False),
        sa.Column("mint", sa.Text, nullable=False),
        sa.Column("amount", SUM, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "day", "mint", name=op.f("pk_daily_notional")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE daily_notional SET (fillfactor = 50)")


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("prev_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_log")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_audit_log_seq")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION)
        op.execute(TRIGGER)
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"""CREATE TRIGGER audit_log_{verb.lower()} BEFORE {verb} ON audit_log
 BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"""
        )
