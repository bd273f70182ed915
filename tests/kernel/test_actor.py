"""EX-7, the rows that an actor decides by itself; the routes' rows are in tests/house."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from wholesale.kernel.actor import ANONYMOUS, SYSTEM, Actor

TODAY = date(2026, 11, 21)
BUYER = Actor(user_id=1, organization_id=2, kind="buyer", role="owner", verified_until=TODAY, today=TODAY)
SELLER = replace(BUYER, kind="seller", is_partner=True)
UNVERIFIED_BUYER = replace(BUYER, verified_until=None)
ADMIN = Actor(user_id=9, staff_role="admin", today=TODAY)
ACTING = replace(BUYER, user_id=9, role="member", on_behalf=True)


@pytest.mark.parametrize(
    ("who", "sees_prices", "orders", "sells"),
    [
        (ANONYMOUS, False, False, False),
        (Actor(user_id=1), False, False, False),
        (UNVERIFIED_BUYER, False, False, False),
        (BUYER, True, True, False),
        (replace(SELLER, verified_until=None), False, False, False),
        (SELLER, True, False, True),
        (replace(SELLER, is_partner=False), True, False, False),
        (ADMIN, True, False, False),
        (ACTING, True, True, False),
        (replace(ACTING, verified_until=None), False, False, False),
        (SYSTEM, True, False, False),
    ],
    ids=[
        "visitor",
        "without business",
        "unverified buyer",
        "buyer",
        "unverified seller",
        "seller",
        "seller without agreement",
        "admin",
        "admin acting for a buyer",
        "admin acting for a buyer whose licence has ended",
        "system",
    ],
)
def test_permission_matrix(who: Actor, sees_prices, orders, sells) -> None:
    assert (who.may_see_prices, who.may_order, who.may_sell) == (sees_prices, orders, sells)


@pytest.mark.parametrize(("days", "verified"), [(-400, False), (-1, False), (0, True), (1, True)])
def test_verified_up_to_and_including_the_last_day(days, verified) -> None:
    who = replace(BUYER, verified_until=TODAY + timedelta(days=days))
    assert who.is_verified is verified
    assert who.may_see_prices is verified
    assert who.may_order is verified


def test_without_a_date_of_today_nobody_is_verified() -> None:
    assert not replace(BUYER, today=None).is_verified


@pytest.mark.parametrize(("role", "may"), [("owner", True), ("admin", True), ("member", True), ("viewer", False)])
def test_a_viewer_sees_prices_but_neither_orders_nor_sells(role, may) -> None:
    assert replace(BUYER, role=role).may_order is may
    assert replace(SELLER, role=role).may_sell is may
    assert replace(BUYER, role=role).may_see_prices


def test_only_the_admin_is_admin_and_staff_need_no_business() -> None:
    assert ADMIN.is_admin
    assert ADMIN.is_staff
    support = replace(ADMIN, staff_role="support")
    assert support.is_staff
    assert not support.is_admin
    assert not BUYER.is_staff


def test_who_acts_for_a_buyer_has_neither_the_platforms_rights_nor_the_owners() -> None:
    assert not ACTING.is_staff
    assert not ACTING.is_admin
    assert not ACTING.is_business_admin
    assert not ACTING.is_owner


def test_who_has_passed_no_access_rule_acts_for_nobody() -> None:
    with pytest.raises(AssertionError):
        _ = ANONYMOUS.acting_user
    with pytest.raises(AssertionError):
        _ = ADMIN.acting_organization
    assert (BUYER.acting_user, BUYER.acting_organization) == (1, 2)


@pytest.mark.parametrize(
    ("role", "admin", "owner"), [("owner", 1, 1), ("admin", 1, 0), ("member", 0, 0), ("viewer", 0, 0)]
)
def test_who_manages_a_business(role, admin, owner) -> None:
    who = replace(BUYER, role=role)
    assert (who.is_business_admin, who.is_owner) == (bool(admin), bool(owner))


def test_a_proof_of_identity_is_fresh_for_ten_minutes() -> None:
    then = datetime(2026, 11, 21, 12, tzinfo=UTC)
    who = replace(BUYER, authenticated_at=then)
    assert who.is_fresh(then + timedelta(minutes=10))
    assert not who.is_fresh(then + timedelta(minutes=10, seconds=1))
    assert not BUYER.is_fresh(then)
