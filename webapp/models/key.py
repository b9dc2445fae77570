"""Which of the instance's keys the database knows."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment


class KeyGeneration(Base):
    """How many look-up keys after the first lie over the keyed hashes of this database. One row; none is generation 0.

    It changes in the transaction that changes the hashes, so a copy of the database always says which keys it was made with.
    """

    __tablename__ = "key_generation"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    generation: Mapped[int]
    at: Mapped[datetime] = mapped_column(Moment)
