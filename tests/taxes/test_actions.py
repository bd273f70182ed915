"""Rates on the real database: which one wins, when it holds, who may set it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, taxes
from tests.factories.prices import ZONE, day
from wholesale.audit.models import AuditEntry
from wholesale.catalog import actions as catalogue
from wholesale.catalog.models import Category
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.organizations import actions as business
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction
from wholesale.pricing import queries as pricing
from wholesale.taxes import actions, queries
from wholesale.taxes.models import TaxRate


@pytest.fixture
def tree(house: Flask) -> list[int]:
    """Food, below it tea, below that green tea; and beside them bags."""
    made: list[int] = []
    for slug, above in (("food", None), ("tea", 0), ("green-tea", 1), ("sacks", None)):
        parent = None if above is None else made[above]
        made.append(catalogue.add_category(slug=slug, name=slug.title(), parent_id=parent).id)
    return made


def percents(tree: list[int], country: str = "BD", offset: int = 0) -> list[int | None]:
    found = queries.rates(tree, country, day(offset))
    return [int(found[each].percent) if each in found else None for each in tree]


def test_the_nearest_category_wins(tree: list[int]) -> None:
    assert percents(tree) == [None] * 4
    taxes.rate("15", country="BD")
    assert percents(tree) == [15, 15, 15, 15]
    taxes.rate("5", country="BD", category_id=tree[0])
    assert percents(tree) == [5, 5, 5, 15]
    taxes.rate("0", country="BD", category_id=tree[1])
    assert percents(tree) == [5, 0, 0, 15]
    assert percents(tree, "KE") == [None] * 4
    assert percents(tree, "x' OR '1") == [None] * 4


def test_the_next_rate_ends_the_one_before(tree: list[int]) -> None:
    taxes.rate("15", country="BD")
    taxes.rate("18", country="BD", valid_from=day(7))
    assert [percents(tree, offset=offset)[0] for offset in (-1, 0, 6, 7, 400)] == [None, 15, 15, 18, 18]
    [newer, older] = queries.entries()
    assert (older.until, newer.until) == (day(6), None)
    assert (older.state(day()), newer.state(day()), older.state(day(7))) == ("holds", "coming", "over")


def test_an_ended_rate_leaves_the_field_to_the_more_general_one_and_not_to_the_one_before(tree: list[int]) -> None:
    taxes.rate("15", country="BD")
    taxes.rate("5", country="BD", category_id=tree[0])
    newer = taxes.rate("7", country="BD", category_id=tree[0], valid_from=day(3))
    actions.end_rate(actor=SYSTEM, rate_id=newer, last_day=day(5))
    assert [percents(tree, offset=offset)[0] for offset in (0, 3, 5, 6)] == [5, 7, 7, 15]


def test_what_was_taken_back_never_was(tree: list[int]) -> None:
    taxes.rate("15", country="BD")
    newer = taxes.rate("18", country="BD", valid_from=day(3))
    with pytest.raises(DomainError, match="Another rate begins on that day"):
        taxes.rate("19", country="BD", valid_from=day(3))
    actions.withdraw_rate(actor=SYSTEM, rate_id=newer)
    actions.withdraw_rate(actor=SYSTEM, rate_id=newer)  # a double click
    assert percents(tree, offset=3)[0] == 15
    taxes.rate("19", country="BD", valid_from=day(3))
    assert percents(tree, offset=3)[0] == 19
    with pytest.raises(ConflictError):
        actions.end_rate(actor=SYSTEM, rate_id=newer, last_day=day(9))
    assert [each.state(day()) for each in queries.entries()] == ["coming", "withdrawn", "holds"]


def test_what_has_held_is_only_ended(tree: list[int]) -> None:
    with clock.at(clock.now() - timedelta(days=9)):
        old = taxes.rate("15", country="BD")
    with pytest.raises(ConflictError, match="held already"):
        actions.withdraw_rate(actor=SYSTEM, rate_id=old)
    with pytest.raises(DomainError) as refused:
        actions.end_rate(actor=SYSTEM, rate_id=old, last_day=day(-1))
    assert refused.value.field == "last_day"
    actions.end_rate(actor=SYSTEM, rate_id=old, last_day=day())
    actions.end_rate(actor=SYSTEM, rate_id=old, last_day=day())
    assert (percents(tree)[0], percents(tree, offset=1)[0]) == (15, None)
    with clock.at(clock.now() + timedelta(days=3)), pytest.raises(ConflictError, match="over already"):
        actions.end_rate(actor=SYSTEM, rate_id=old, last_day=day(5))


def test_a_coming_rate_does_not_end_before_it_begins(house: Flask) -> None:
    coming = taxes.rate("15", valid_from=day(5))
    with pytest.raises(DomainError):
        actions.end_rate(actor=SYSTEM, rate_id=coming, last_day=day(4))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"country": "ZZ"}, "country"),
        ({"category_id": 10**15}, "category_id"),
        ({"percent": "101"}, "percent"),
        ({"kind": "exempt", "percent": "0"}, "reason"),
    ],
)
def test_what_cannot_be_set(house: Flask, given: dict[str, str], field: str) -> None:
    with pytest.raises(DomainError) as refused:
        taxes.rate(**given)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_nothing_holds_from_a_day_that_is_over(house: Flask) -> None:
    with pytest.raises(DomainError) as refused:
        taxes.rate(valid_from=day(-1))
    assert refused.value.field == "valid_from"


def test_only_admins_set_rates_and_all_of_it_is_in_the_log(cast: Cast) -> None:
    esha, dipu = accounts.actor(cast.esha), accounts.actor(cast.dipu)
    facts = {
        "country": "BD", "category_id": None, "name": "VAT", "kind": "standard", "percent": Decimal(15),
        "included": False, "valid_from": day(),
    }  # fmt: skip
    with pytest.raises(ForbiddenError):
        actions.add_rate(actor=dipu, **facts)  # type: ignore[arg-type]
    made = actions.add_rate(actor=esha, **facts)  # type: ignore[arg-type]
    for forbidden in (actions.withdraw_rate, lambda **k: actions.end_rate(**k, last_day=day(1))):
        with pytest.raises(ForbiddenError):
            forbidden(actor=dipu, rate_id=made)
    actions.end_rate(actor=esha, rate_id=made, last_day=day(2))
    actions.withdraw_rate(actor=esha, rate_id=made)
    noted = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.thing == "tax_rate").order_by(AuditEntry.id))
    assert [(each.action, each.actor_id) for each in noted] == [
        (f"tax_rate.{word}", cast.esha.id) for word in ("added", "ended", "withdrawn")
    ]
    with pytest.raises(NotFoundError):
        actions.withdraw_rate(actor=esha, rate_id=10**15)


def test_postgresql_keeps_the_kinds_apart(house: Flask) -> None:
    made = taxes.rate("15")
    for change in ({"percent": 0}, {"kind": "exempt"}, {"valid_until": day(-1)}, {"percent": 101}):
        with pytest.raises(sa.exc.IntegrityError), db.session.begin_nested():
            db.session.execute(sa.update(TaxRate).where(TaxRate.id == made).values(**change))


def test_a_category_with_a_rate_stays(tree: list[int]) -> None:
    taxes.rate("5", country="BD", category_id=tree[3])
    with pytest.raises(DomainError, match="Other things name it"):
        catalogue.remove_category(actor=SYSTEM, category_id=tree[3])


def test_an_offer_has_the_rate_of_its_sellers_country(cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    taxes.rate("18", country="UG")
    db.session.flush()
    assert pricing.offer(bag.slug).tax is None
    taxes.rate("5", country="BD", category_id=bag.category_id, included=True)
    found = pricing.offer(bag.slug).tax
    assert found is not None
    assert (found.percent, found.included, found.name) == (5, True, "VAT")
    db.session.execute(sa.update(Organization).where(Organization.id == cast.trader.id).values(country="UG"))
    moved = pricing.offer(bag.slug).tax
    assert moved is not None
    assert moved.percent == 18


def test_a_category_that_moves_takes_the_rate_of_its_new_place(cast: Cast, tree: list[int]) -> None:
    bag = catalog.product(cast.trader)
    taxes.rate("5", country="BD", category_id=tree[0])
    assert pricing.offer(bag.slug).tax is None
    db.session.execute(sa.update(Category).where(Category.id == bag.category_id).values(parent_id=tree[2]))
    found = pricing.offer(bag.slug).tax
    assert found is not None
    assert found.percent == 5


def test_the_platforms_day_counts(cast: Cast) -> None:
    """A rate of the 1st holds from midnight in Dhaka, which is 18:00 of the day before in UTC."""
    bag = catalog.product(cast.trader)
    first = day(10)
    taxes.rate("15", country="BD", valid_from=first)
    midnight = clock.now().replace(hour=18, minute=0, second=0, microsecond=0)
    midnight += first - timedelta(days=1) - midnight.date()
    with clock.at(midnight - timedelta(seconds=1)):
        assert clock.today(ZONE) == first - timedelta(days=1)
        assert pricing.offer(bag.slug).tax is None
    with clock.at(midnight):
        assert pricing.offer(bag.slug).tax is not None


def test_a_business_is_where_its_oldest_address_is(cast: Cast) -> None:
    dipu = accounts.actor(cast.dipu)
    facts = {"contact_name": "Dipu", "phone": "+8801712345678", "line": "1 Road", "area": "Town"}
    kampala = business.add_address(actor=dipu, **facts, district="Central", country="UG")
    dhaka = business.add_address(actor=dipu, **facts, district="Dhaka")
    country = sa.select(Organization.country).where(Organization.id == cast.trader.id)
    assert db.session.scalar(country) == "UG"
    business.change_address(actor=dipu, address_id=kampala.id, **facts, district="Nairobi", country="KE")
    assert db.session.scalar(country) == "KE"
    business.remove_address(actor=dipu, address_id=kampala.id)
    assert db.session.scalar(country) == "BD"
    business.remove_address(actor=dipu, address_id=dhaka.id)
    assert db.session.scalar(country) == "BD"


def test_two_admins_at_once_set_one_rate(committed_app: Flask) -> None:
    answers: list[object] = []
    gate = Barrier(2)

    def add(percent: str) -> None:
        with committed_app.app_context():
            gate.wait()
            try:
                with transaction():
                    answers.append(taxes.rate(percent))
            except DomainError as refused:
                answers.append(refused.field)

    threads = [Thread(target=add, args=(percent,)) for percent in ("15", "18")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(map(type, answers), key=str) == [int, str]
    assert "valid_from" in answers
