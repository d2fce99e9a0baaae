"""How Alembic reaches the catalogue: over the connection that `media-service migrate` hands it."""

from alembic import context

from media_service.catalogue.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
