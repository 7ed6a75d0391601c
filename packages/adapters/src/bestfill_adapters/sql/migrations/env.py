"""What Alembic runs for each command: the connection and its transaction are the caller's, see `migrate`."""

from alembic import context

from bestfill_adapters.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
