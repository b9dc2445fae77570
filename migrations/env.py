"""How Alembic reaches the database: through the running application's engine, in one transaction for each run."""

from alembic import context

from webapp.extensions import db

engine = db.engine
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=engine.dialect.name == "sqlite",
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
