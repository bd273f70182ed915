"""Several people change the people of one business at the same moment, with real commits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts, organizations
from wholesale.accounts.models import User
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import HouseError
from wholesale.organizations import actions
from wholesale.organizations.models import Invitation, Membership, Organization
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.transaction import run, transaction

pytestmark = pytest.mark.torture

ROUNDS = 6


def at_once(app: Flask, works: list[Callable[[], Any]]) -> list[str]:
    """What became of each, in their order: "done" or the name of the refusal."""
    start = Barrier(len(works))

    def one(work: Callable[[], Any]) -> str:
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    run(work)
            except HouseError as error:
                return type(error).__name__
            return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def a_business(number: int, **people: str) -> tuple[int, dict[str, Actor]]:
    """A business and its people, who are acting for it."""
    users = {name: accounts.user(f"{name}{number}") for name in people}
    made = organizations.business(f"Shop {number}", members={users[name]: role for name, role in people.items()})
    return made.id, {name: accounts.actor(user) for name, user in users.items()}


def roles(organization_id: int) -> list[str]:
    rows = sa.select(Membership.role).where(Membership.organization_id == organization_id)
    return sorted(db.session.scalars(rows))


def test_two_owners_leave_at_once_and_one_stays(committed_app: Flask) -> None:
    for number in range(ROUNDS):
        with committed_app.app_context(), transaction():
            shop, who = a_business(number, ann="owner", bob="owner")
        ends = at_once(committed_app, [lambda a=actor: actions.leave(actor=a) for actor in who.values()])
        assert sorted(ends) == ["DomainError", "done"]
        with committed_app.app_context():
            assert roles(shop) == ["owner"]


def test_owners_remove_each_other_at_once_and_one_stays(committed_app: Flask) -> None:
    for number in range(ROUNDS):
        with committed_app.app_context(), transaction():
            shop, who = a_business(number, ann="owner", bob="owner")
        ann, bob = who["ann"], who["bob"]
        ends = at_once(
            committed_app,
            [
                lambda ann=ann, bob=bob: actions.remove_person(actor=ann, user_id=bob.acting_user),
                lambda ann=ann, bob=bob: actions.remove_person(actor=bob, user_id=ann.acting_user),
            ],
        )
        assert sorted(ends) == ["ForbiddenError", "done"]
        with committed_app.app_context():
            assert roles(shop) == ["owner"]


def test_handing_over_to_somebody_who_is_being_removed(committed_app: Flask) -> None:
    seen = set()
    for number in range(ROUNDS):
        with committed_app.app_context(), transaction():
            shop, who = a_business(number, ann="owner", bob="admin", cid="admin")
        ann, bob, cid = who["ann"], who["bob"], who["cid"]
        ends = at_once(
            committed_app,
            [
                lambda ann=ann, bob=bob: actions.hand_over(actor=ann, user_id=bob.acting_user),
                lambda cid=cid, bob=bob: actions.remove_person(actor=cid, user_id=bob.acting_user),
            ],
        )
        seen.add(tuple(ends))
        with committed_app.app_context():
            assert roles(shop) == (["admin", "admin", "owner"] if ends[0] == "done" else ["admin", "owner"])
    # Whoever is first wins: an owner is not an admin's to remove, and who is gone becomes no owner.
    assert seen <= {("done", "ForbiddenError"), ("NotFoundError", "done")}


def test_handing_over_to_two_at_once_makes_one_owner(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        shop, who = a_business(0, ann="owner", bob="admin", cid="member")
    ann = who["ann"]
    ends = at_once(
        committed_app,
        [lambda to=who[name]: actions.hand_over(actor=ann, user_id=to.acting_user) for name in ("bob", "cid")],
    )
    assert sorted(ends) == ["ForbiddenError", "done"]
    with committed_app.app_context():
        assert roles(shop).count("owner") == 1


def test_one_link_pressed_many_times_is_one_membership(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        shop, who = a_business(0, ann="owner")
        guest = accounts.user("Guest")
        business = db.session.get_one(Organization, shop)
        organizations.invitation(business, db.session.get_one(User, who["ann"].user_id), email=guest.email)
        actor = accounts.actor(guest)
    ends = at_once(committed_app, [lambda: actions.join(actor=actor, token="invited")] * 6)
    assert ends == ["done"] * 6
    with committed_app.app_context():
        assert roles(shop) == ["member", "owner"]
        sent = sa.select(sa.func.count()).select_from(OutgoingMessage)
        assert db.session.scalar(sent.where(OutgoingMessage.template == "membership_added")) == 1


def test_a_newcomer_who_presses_twice_has_one_account(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        shop, who = a_business(0, ann="owner")
        business = db.session.get_one(Organization, shop)
        organizations.invitation(business, db.session.get_one(User, who["ann"].user_id))

    def join() -> None:
        actions.join_as_new(token="invited", name="G", phone="+8801712345678", password="river boat mango seven")

    ends = at_once(committed_app, [join] * 3)
    assert sorted(set(ends)) == ["DomainError", "done"]
    assert ends.count("done") == 1
    with committed_app.app_context():
        assert roles(shop) == ["member", "owner"]


def test_two_invitations_accepted_at_once(committed_app: Flask) -> None:
    """Of two businesses, by one person; and of one business, by two people."""
    with committed_app.app_context(), transaction():
        first, who = a_business(0, ann="owner")
        second, others = a_business(1, eva="owner")
        guest, friend = accounts.user("Guest"), accounts.user("Friend")
        ann = db.session.get_one(User, who["ann"].user_id)
        eva = db.session.get_one(User, others["eva"].user_id)
        shops = [db.session.get_one(Organization, each) for each in (first, second)]
        organizations.invitation(shops[0], ann, email=guest.email, token="one")
        organizations.invitation(shops[1], eva, email=guest.email, token="two")
        organizations.invitation(shops[0], ann, email=friend.email, token="three")
        actors = [accounts.actor(guest), accounts.actor(guest), accounts.actor(friend)]
    works = [
        lambda a=a, t=t: actions.join(actor=a, token=t) for a, t in zip(actors, ("one", "two", "three"), strict=True)
    ]
    assert at_once(committed_app, works) == ["done"] * 3
    with committed_app.app_context():
        assert (roles(first), roles(second)) == (["member", "member", "owner"], ["member", "owner"])


def test_joining_while_the_invitation_is_withdrawn_or_renewed(committed_app: Flask) -> None:
    for number in range(ROUNDS):
        with committed_app.app_context(), transaction():
            shop, who = a_business(number, ann="owner")
            guest = accounts.user(f"Guest{number}")
            business = db.session.get_one(Organization, shop)
            ann = who["ann"]
            open_one = organizations.invitation(
                business, db.session.get_one(User, ann.user_id), email=guest.email, token=f"link{number}"
            ).id
            actor = accounts.actor(guest)
        change = actions.renew if number % 2 else actions.withdraw
        ends = at_once(
            committed_app,
            [
                lambda actor=actor, number=number: actions.join(actor=actor, token=f"link{number}"),
                lambda ann=ann, open_one=open_one, change=change: change(actor=ann, invitation_id=open_one),
            ],
        )
        assert sorted(ends) == ["NotFoundError", "done"]
        with committed_app.app_context():
            assert ("member" in roles(shop)) is (ends[0] == "done")


def test_the_twentieth_letter_of_a_day_is_sent_once(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        _shop, who = a_business(0, ann="owner", bob="admin")
        for number in range(17):
            actions.invite(actor=who["ann"], email=f"p{number}@test.example", role="viewer")
    works = [
        lambda a=actor, n=n: actions.invite(actor=a, email=f"q{n}@test.example", role="viewer")
        for n, actor in enumerate([who["ann"], who["bob"]] * 3)
    ]
    ends = at_once(committed_app, works)
    assert sorted(ends) == ["DomainError"] * 3 + ["done"] * 3
    with committed_app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Invitation)) == 20
