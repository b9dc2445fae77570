"""How Alembic reaches the database: through the connection that `webapp.schema` gives it, whose transaction is the caller's.

Where none is given (as for `alembic revision`), through one of the running application's engine, in one transaction for each run.
"""

from contextlib import nullcontext

from alembic import context

from webapp.extensions import db

given = context.config.attributes.get("connection")
with nullcontext(given) if given is not None else db.engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
