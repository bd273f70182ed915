"""What the platform knows of words, and what people looked for."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Base, Id


class Vocabulary(Base):
    """The catalogue's words, in one row: a line each with the word, in how many products it is, and its sound key.

    Every process keeps them in memory and reads them anew when `version` is another.
    """

    __tablename__ = "search_vocabulary"
    __table_args__ = (sa.CheckConstraint("id = 1", name="one"),)

    version: Mapped[str]
    words: Mapped[str]
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False, default=1)
    made_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class Synonym(Base):
    """Words and phrases that mean the same: whoever looks for one of them finds them all."""

    __tablename__ = "synonym"
    __table_args__ = (sa.CheckConstraint("cardinality(terms) >= 2", name="terms"),)

    id: Mapped[Id] = mapped_column(init=False)
    terms: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    changed_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class SearchMiss(Base):
    """A search that found nothing: the words as they are compared, how often, last when. Nobody's name."""

    __tablename__ = "search_miss"
    __table_args__ = (sa.Index("ix_search_miss_count", "count"),)

    language: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)


class SearchDay(Base):
    """How many searches there were on a day, and how many of them found nothing."""

    __tablename__ = "search_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    searches: Mapped[int]
    misses: Mapped[int]
