"""Run by alembic: migrates on the connection, and within the transaction, that
`store.schema_upgrade` opened.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
