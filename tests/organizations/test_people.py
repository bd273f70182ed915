"""Roles, removal, leaving and ownership; several businesses of one person."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from wholesale.accounts.models import LoginSession, User
from wholesale.audit.models import AuditEntry
from wholesale.cart import actions as cart
from wholesale.cart.models import CartLine
from wholesale.kernel.errors import DomainError, ForbiddenError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations import actions, queries
from wholesale.organizations.models import Membership, Organization
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage


def roles(of: Organization) -> dict[str, str]:
    rows = db.session.execute(
        sa.select(User.name, Membership.role)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.organization_id == of.id)
    )
    return dict(rows.all())


def letters() -> list[tuple[str, str]]:
    rows = db.session.execute(
        sa.select(OutgoingMessage.recipient, OutgoingMessage.template).order_by(OutgoingMessage.id)
    )
    return [tuple(row) for row in rows]


def noted() -> list[str]:
    return list(db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)))


@pytest.fixture
def full(cast: Cast) -> dict[str, User]:
    """Amina's shop with somebody in every role, two admins and two members among them."""
    people = {name: accounts.user(name) for name in ("Karim", "Laila", "Moni", "Nasir")}
    organizations.join(
        cast.shop,
        {people["Karim"]: "admin", people["Laila"]: "admin", people["Moni"]: "member", people["Nasir"]: "viewer"},
    )
    return people | {"Amina": cast.amina, "Babul": cast.babul}


# --- roles ------------------------------------------------------------------------------------------------

MAY = {
    ("Amina", "Karim"): True,
    ("Amina", "Babul"): True,
    ("Karim", "Laila"): True,
    ("Karim", "Babul"): True,
    ("Karim", "Nasir"): True,
    ("Karim", "Amina"): False,
    ("Babul", "Moni"): False,
    ("Babul", "Nasir"): False,
    ("Nasir", "Babul"): False,
}


@pytest.mark.parametrize(("by", "whom"), MAY)
def test_who_may_change_and_remove_whom(cast: Cast, full: dict[str, User], by: str, whom: str) -> None:
    before = roles(cast.shop)
    actor, other = accounts.actor(full[by]), full[whom].id
    if MAY[by, whom]:
        actions.change_person(actor=actor, user_id=other, role="viewer")
        assert roles(cast.shop) == before | {whom: "viewer"}
        actions.remove_person(actor=actor, user_id=other)
        assert whom not in roles(cast.shop)
        return
    with pytest.raises(ForbiddenError):
        actions.change_person(actor=actor, user_id=other, role="viewer")
    with pytest.raises(ForbiddenError):
        actions.remove_person(actor=actor, user_id=other)
    assert roles(cast.shop) == before


def test_nobody_changes_or_removes_themselves(cast: Cast, full: dict[str, User]) -> None:
    for name in ("Amina", "Karim"):
        who = accounts.actor(full[name])
        with pytest.raises(ForbiddenError):
            actions.change_person(actor=who, user_id=who.acting_user, role="viewer")
        with pytest.raises(ForbiddenError):
            actions.remove_person(actor=who, user_id=who.acting_user)


def test_ownership_is_no_role_to_give(cast: Cast, full: dict[str, User]) -> None:
    for name in ("Amina", "Karim"):
        with pytest.raises(ForbiddenError):
            actions.change_person(actor=accounts.actor(full[name]), user_id=cast.babul.id, role="owner")
    assert roles(cast.shop)["Babul"] == "member"


def test_people_of_another_business_are_not_there(cast: Cast) -> None:
    amina = accounts.actor(cast.amina)
    for action in (
        lambda: actions.change_person(actor=amina, user_id=cast.chandni.id, role="viewer"),
        lambda: actions.remove_person(actor=amina, user_id=cast.chandni.id),
        lambda: actions.hand_over(actor=amina, user_id=cast.chandni.id),
        lambda: queries.person(amina, cast.chandni.id),
    ):
        with pytest.raises(NotFoundError):
            action()
    assert roles(cast.other_shop) == {"Chandni": "owner"}


def test_who_was_demoted_a_moment_ago_decides_nothing(cast: Cast, full: dict[str, User]) -> None:
    """The page was open, and the actor loaded, before the role went."""
    karim = accounts.actor(full["Karim"])
    actions.change_person(actor=accounts.actor(cast.amina), user_id=full["Karim"].id, role="member")
    with pytest.raises(ForbiddenError):
        actions.remove_person(actor=karim, user_id=cast.babul.id)
    with pytest.raises(ForbiddenError):
        actions.invite(actor=karim, email="x@test.example", role="viewer")
    amina = accounts.actor(cast.amina)
    actions.hand_over(actor=amina, user_id=full["Laila"].id)
    with pytest.raises(ForbiddenError):
        actions.hand_over(actor=amina, user_id=cast.babul.id)


def test_only_members_have_a_limit_in_the_currency_of_the_business(cast: Cast, full: dict[str, User]) -> None:
    amina = accounts.actor(cast.amina)
    actions.change_person(actor=amina, user_id=cast.babul.id, role="member", spending_limit=Decimal("50000.50"))
    assert accounts.actor(cast.babul).spending_limit == Money(Decimal("50000.50"), "BDT")
    assert queries.person(amina, cast.babul.id).limit == Money(Decimal("50000.50"), "BDT")
    with pytest.raises(DomainError) as caught:
        actions.change_person(actor=amina, user_id=cast.babul.id, role="member", spending_limit=Decimal("1.005"))
    assert caught.value.field == "spending_limit"
    actions.change_person(actor=amina, user_id=cast.babul.id, role="admin", spending_limit=Decimal(5))
    assert accounts.actor(cast.babul).spending_limit is None
    assert noted()[-2:] == ["membership.role_changed"] * 2


def test_a_change_that_changes_nothing_is_not_noted(cast: Cast) -> None:
    before = noted()
    actions.change_person(actor=accounts.actor(cast.amina), user_id=cast.babul.id, role="member")
    assert noted() == before


# --- removing and leaving ---------------------------------------------------------------------------------


def test_removing_ends_all_rights_and_empties_the_cart(cast: Cast) -> None:
    product = catalog.product(cast.trader)
    babul = accounts.actor(cast.babul)
    for who in (babul, accounts.actor(cast.amina)):
        cart.put(actor=who, variant_id=catalog.variants_of(product)[0], quantity=100)
    actions.act_for(actor=babul, organization_id=cast.shop.id)
    actions.remove_person(actor=accounts.actor(cast.amina), user_id=cast.babul.id)
    outbox.drain()
    assert list(db.session.scalars(sa.select(CartLine.user_id))) == [cast.amina.id]
    assert db.session.get_one(LoginSession, babul.session_id, populate_existing=True).organization_id is None
    assert accounts.actor(cast.babul).organization_id is None
    assert letters() == [("babul@test.example", "membership_removed")]
    entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "membership.removed")).one()
    assert (entry.organization_id, entry.actor_id, entry.thing_id) == (
        cast.shop.id,
        cast.amina.id,
        str(cast.babul.id),
    )
    assert entry.before == {"role": "member", "spending_limit": None}


def test_the_last_owner_cannot_leave(cast: Cast) -> None:
    with pytest.raises(DomainError, match="only owner"):
        actions.leave(actor=accounts.actor(cast.amina))
    actions.hand_over(actor=accounts.actor(cast.amina), user_id=cast.babul.id, share=True)
    actions.leave(actor=accounts.actor(cast.amina))
    assert roles(cast.shop) == {"Babul": "owner"}
    with pytest.raises(DomainError, match="only owner"):
        actions.leave(actor=accounts.actor(cast.babul))


def test_everybody_else_may_leave(cast: Cast, full: dict[str, User]) -> None:
    for name in ("Karim", "Moni", "Nasir"):
        actions.leave(actor=accounts.actor(full[name]))
    assert set(roles(cast.shop)) == {"Amina", "Babul", "Laila"}
    assert noted().count("membership.left") == 3


def test_somebody_who_left_meanwhile_cannot_leave_again(cast: Cast) -> None:
    babul = accounts.actor(cast.babul)
    actions.leave(actor=babul)
    with pytest.raises(ForbiddenError):
        actions.leave(actor=babul)


# --- ownership --------------------------------------------------------------------------------------------


def test_handing_over_makes_the_giver_an_admin_and_tells_both(cast: Cast) -> None:
    organizations.join(cast.shop, {cast.dipu: "viewer"})
    actions.hand_over(actor=accounts.actor(cast.amina), user_id=cast.babul.id)
    assert roles(cast.shop) == {"Amina": "admin", "Babul": "owner", "Dipu": "viewer"}
    assert sorted(letters()) == [
        ("amina@test.example", "ownership_handed_over"),
        ("babul@test.example", "ownership_handed_over"),
    ]
    assert noted()[-1] == "ownership.handed_over"


def test_owners_together_may_remove_each_other_and_one_stays(cast: Cast) -> None:
    actions.hand_over(actor=accounts.actor(cast.amina), user_id=cast.babul.id, share=True)
    assert roles(cast.shop) == {"Amina": "owner", "Babul": "owner"}
    assert noted()[-1] == "ownership.shared"
    actions.remove_person(actor=accounts.actor(cast.babul), user_id=cast.amina.id)
    assert roles(cast.shop) == {"Babul": "owner"}


@pytest.mark.parametrize("role", ["admin", "member", "viewer"])
def test_only_an_owner_hands_over(cast: Cast, role: str) -> None:
    nina = accounts.user("Nina")
    organizations.join(cast.shop, {nina: role})
    with pytest.raises(ForbiddenError):
        actions.hand_over(actor=accounts.actor(nina), user_id=cast.babul.id)
    assert roles(cast.shop)["Babul"] == "member"


# --- several businesses -----------------------------------------------------------------------------------


def test_one_person_in_two_businesses_acts_for_the_one_they_chose(cast: Cast) -> None:
    token = accounts.sign_in(cast.amina)

    def now():
        return queries.load_actor(token, "Asia/Dhaka")

    assert (now().organization_id, now().businesses) == (cast.shop.id, 1)
    organizations.join(cast.trader, {cast.amina: "viewer"})
    assert (now().organization_id, now().role, now().businesses) == (cast.shop.id, "owner", 2)
    actions.act_for(actor=now(), organization_id=cast.trader.id)
    who = now()
    assert (who.organization_id, who.kind, who.role, who.businesses) == (cast.trader.id, "seller", "viewer", 2)
    assert not who.may_sell
    assert accounts.actor(cast.amina).organization_id == cast.shop.id, "another device is not touched"
    own = queries.own_businesses(who)
    assert [(each.name, each.role, each.is_current) for each in own] == [
        ("Amina Store", "owner", False),
        ("Dipu Traders", "viewer", True),
    ]


def test_nobody_acts_for_a_business_that_is_not_theirs(cast: Cast) -> None:
    amina = accounts.actor(cast.amina)
    with pytest.raises(NotFoundError):
        actions.act_for(actor=amina, organization_id=cast.other_shop.id)
    with pytest.raises(ForbiddenError):
        actions.act_for(actor=replace(amina, on_behalf=True), organization_id=cast.shop.id)
    assert db.session.get_one(LoginSession, amina.session_id).organization_id is None


NEW = {
    "kind": "seller",
    "name": "Amina Exports",
    "legal_name": "",
    "phone": "+8801712345678",
    "email": "exports@test.example",
    "trade_licence_no": "TL-777",
    "tax_no": "123456789012",
}


def test_a_second_business_is_founded_once_and_acted_for(cast: Cast) -> None:
    amina = accounts.actor(cast.amina)
    first = actions.found_once(actor=amina, key="k1", **NEW)
    assert actions.found_once(actor=amina, key="k1", **NEW) == first
    assert db.session.get_one(LoginSession, amina.session_id, populate_existing=True).organization_id == first
    assert roles(db.session.get_one(Organization, first)) == {"Amina": "owner"}
    with pytest.raises(DomainError, match="other contents"):
        actions.found_once(actor=amina, key="k1", **(NEW | {"name": "Another"}))
    with pytest.raises(DomainError, match="That is the most"):
        actions.found_once(actor=replace(amina, businesses=20), key="k2", **NEW)


# --- the business itself ----------------------------------------------------------------------------------

CHANGE = {"name": "Amina & Sons", "phone": "+8801712345999", "email": "new@shop.example", "language": "bn"}


def test_the_owner_changes_the_business_and_it_is_noted_masked(cast: Cast) -> None:
    actions.change_business(actor=accounts.actor(cast.amina), **CHANGE)
    db.session.refresh(cast.shop)
    assert (cast.shop.name, cast.shop.language, cast.shop.legal_name) == (
        "Amina & Sons",
        "bn",
        "Amina Store Limited",
    )
    assert organizations.papers(cast.shop).email == "new@shop.example"
    entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "business.changed")).one()
    assert entry.after == {"name": "Amina & Sons", "phone": "…99", "email": "n…@s….example", "language": "bn"}


@pytest.mark.parametrize("role", ["admin", "member", "viewer"])
def test_nobody_else_changes_the_business(cast: Cast, role: str) -> None:
    with pytest.raises(ForbiddenError):
        actions.change_business(actor=replace(accounts.actor(cast.amina), role=role), **CHANGE)


def test_look_alikes_are_found_also_after_a_change_of_name(cast: Cast) -> None:
    assert queries.look_alikes("Aminа Stоre", other_than=None) == [cast.shop]  # Cyrillic а and о
    assert queries.look_alikes("AMINA-STORE", other_than=cast.shop.id) == []
    actions.change_business(actor=accounts.actor(cast.chandni), **(CHANGE | {"name": "Aмina store"}))
    assert queries.look_alikes("Amina Store", other_than=cast.shop.id) == [cast.other_shop]


def test_a_deceiving_name_is_refused_when_founding_and_changing(house: Flask, cast: Cast) -> None:
    with pytest.raises(DomainError) as caught:
        actions.change_business(actor=accounts.actor(cast.amina), **(CHANGE | {"name": "Ami\u200bna"}))
    assert caught.value.field == "business_name"
    with pytest.raises(DomainError) as caught:
        actions.found_once(actor=accounts.actor(cast.amina), key="k", **(NEW | {"name": "\u202enimA"}))
    assert caught.value.field == "business_name"
