"""What Alembic runs: always on a connection that the caller gives, never by an address in a file."""

from alembic import context

from runner.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
