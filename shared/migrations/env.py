"""What Alembic runs for every service: the revisions of the plumbing and the service's own, on one connection.

`shared.migrate` hands the connection over; the `alembic` command line is not used.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
