"""What is made once and bound to the application in `create_app`."""

from flask_babel import Babel
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import MetaData
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase

from webapp import databases


class Base(DeclarativeBase):
    """The base of every table. Constraints carry names, so that a migration can find them on both engines."""

    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_index",
            "uq": "%(table_name)s_%(column_0_N_name)s_unique",
            "ck": "%(table_name)s_%(constraint_name)s",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )


db = SQLAlchemy(model_class=Base, session_options={"class_": databases.Session})


def engines() -> list[Engine]:
    """Return the engine of each database of the running application."""
    replica = databases.replica()
    return [db.engine] if replica is None else [db.engine, replica]


login = LoginManager()
csrf = CSRFProtect()
babel = Babel()
