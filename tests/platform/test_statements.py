"""Which statements keep their plan, and statements that are put together once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from wholesale.catalog.models import Category
from wholesale.platform.db import db
from wholesale.platform.statements import Kept, keep_plans, kept
from wholesale.platform.transaction import transaction

OFTEN = 8  # more than the driver, and PostgreSQL, ask for
PREPARED = sa.text("SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE :like")


@pytest.fixture
def connected(committed_app: Flask) -> Iterator[None]:
    with committed_app.app_context():
        yield
        db.session.rollback()


@kept
def named() -> sa.Select[tuple[int, str]]:
    return sa.select(Category.id, Category.name).where(
        Category.slug == sa.any_(sa.bindparam("slugs", type_=sa.ARRAY(sa.Text))), Category.position >= 0
    )


@kept
def by_id() -> sa.Select[tuple[int]]:
    return sa.select(Category.id).where(Category.id == sa.bindparam("id"))


def add(slug: str, name: str) -> Category:
    category = Category(slug=slug, name=name, position=0)
    db.session.add(category)
    return category


@pytest.mark.usefixtures("connected")
class TestPlans:
    def test_a_statement_is_planned_each_time(self) -> None:
        for number in range(OFTEN):
            db.session.execute(sa.select(Category.id).where(Category.id == number)).all()
        assert db.session.scalars(PREPARED, {"like": "SELECT category%"}).all() == []

    def test_unless_it_is_kept(self) -> None:
        for number in range(OFTEN):
            by_id().rows(id=number)
        (generic,) = db.session.scalars(PREPARED, {"like": "SELECT category%"})
        assert generic > 0

    def test_or_its_transaction_keeps_all(self) -> None:
        with transaction():
            keep_plans()
            for number in range(OFTEN):
                db.session.execute(sa.select(Category.id).where(Category.id == number)).all()
            (generic,) = db.session.scalars(PREPARED, {"like": "SELECT category%"})
            assert generic > 0
        for number in range(OFTEN):
            db.session.execute(sa.select(Category.slug).where(Category.id == number)).all()
        assert len(db.session.scalars(PREPARED, {"like": "SELECT category%"}).all()) == 1


@pytest.mark.usefixtures("house")
class TestKept:
    def test_its_values_are_given_each_time(self) -> None:
        screws, bags = add("screws", "Screws"), add("bags", "100% bags")
        db.session.flush()
        assert named().rows(slugs=["screws"]) == [(screws.id, "Screws")]
        assert named().rows(slugs=["bags", "none"]) == [(bags.id, "100% bags")]
        assert named().row(slugs=[]) is None

    def test_it_is_put_together_once(self) -> None:
        assert named() is named()

    def test_what_waits_in_the_session_is_written_before(self) -> None:
        add("screws", "Screws")
        assert [row.name for row in named().rows(slugs=["screws"])] == ["Screws"]
        with db.session.no_autoflush:
            add("bags", "Bags")
            assert named().row(slugs=["bags"]) is None

    def test_its_constants_are_part_of_its_text(self) -> None:
        """An index for "state = 'active'" alone serves no statement in which the state is a parameter."""
        tricky = Kept(sa.select(sa.literal("it's 100%(a)s").label("said"), sa.bindparam("a", type_=sa.Integer)))
        assert tricky.rows(a=7) == [("it's 100%(a)s", 7)]

    def test_a_value_that_is_missing_is_an_error(self) -> None:
        with pytest.raises(sa.exc.SQLAlchemyError), db.session.begin_nested():
            named().rows()
