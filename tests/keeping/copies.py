"""Other instances than the one of the test: folders with the same keys, on either engine, and what stands in their tables."""

import shutil
from contextlib import contextmanager
from contextvars import Context

import sqlalchemy

from webapp import config, create_app
from webapp.extensions import db
from webapp.jobs import health
from webapp.keeping import backup, restoring, tables


class Copy:
    """An instance of its own: a folder with the key file of another one, and a database of either engine."""

    def __init__(self, folder, keys_of, url=""):
        self.folder = folder
        self.given = {"INSTANCE": str(folder), "SITE_NAME": "Northgate"} | ({"DATABASE_URL": url} if url else {})
        folder.mkdir()
        if keys_of is not None:
            shutil.copy2(keys_of / "secret_key", folder / "secret_key")

    def load(self):
        return config.load(self.given, environ={})

    @contextmanager
    def open(self):
        app = create_app(self.given)
        with app.app_context():
            try:
                yield app
            finally:
                db.session.remove()
                db.engine.dispose()

    def within(self, work):
        """Do something in the application of this instance, with nothing of the test's around it."""

        def run():
            with self.open():
                return work()

        return Context().run(run)

    def restore(self, file, **how):
        return Context().run(restoring.restore, file, self.load, **how)

    def back_up(self, file, **how):
        return self.within(lambda: backup.back_up(file, **how))

    def sums(self):
        return self.within(sums)

    def problems(self):
        return self.within(health.problems)


def sums():
    """What every table amounts to that a backup holds."""
    with db.engine.connect() as connection:
        return {
            table.name: tables.sum_of(connection, table)
            for table in tables.tables(connection)
            if table.name not in tables.left_out()
        }


def rows(url, statement):
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.exec_driver_sql(statement).all()
    finally:
        engine.dispose()
