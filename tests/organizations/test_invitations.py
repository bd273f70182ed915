"""Inviting, looking at the link, joining."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, organizations
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError, ForbiddenError, NotFoundError
from wholesale.organizations import actions, queries
from wholesale.organizations.models import Invitation, Membership
from wholesale.platform import vault
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage

FARID = "farid@test.example"
ACCOUNT = {
    "agreed": "y",
    "name": "Farid Hasan",
    "phone": "01712 345678",
    "password": "river boat mango seven",
}


def letter(to: str, template: str) -> OutgoingMessage:
    """The last of this kind that somebody got."""
    return db.session.scalars(
        sa.select(OutgoingMessage)
        .where(OutgoingMessage.recipient == to, OutgoingMessage.template == template)
        .order_by(OutgoingMessage.id.desc())
        .limit(1)
    ).one()


def token_in(to: str) -> str:
    found = re.search(r"/invitations/([\w-]+)", letter_body(letter(to, "invitation")))
    assert found is not None
    return found[1]


def letter_body(row: OutgoingMessage) -> str:
    assert row.body is not None
    return vault.unseal(row.body, place=f"outgoing_message|body|mail:{row.key}").decode()


def invited(cast: Cast, email: str = FARID, role: str = "member", limit: Decimal | None = None) -> str:
    """Amina invites that address; the token of the link in the letter."""
    actions.invite(actor=accounts.actor(cast.amina), email=email, role=role, spending_limit=limit)
    db.session.commit()
    return token_in(email.lower())


def members(cast: Cast) -> dict[int, str]:
    rows = db.session.execute(
        sa.select(Membership.user_id, Membership.role).where(Membership.organization_id == cast.shop.id)
    )
    return dict(rows.all())


def noted() -> list[str]:
    return list(db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)))


# --- inviting ---------------------------------------------------------------------------------------------


def test_a_letter_with_a_link_good_for_a_week_in_the_language_of_the_business(cast: Cast) -> None:
    cast.shop.language = "bn"
    token = invited(cast, "Farid@Test.example", limit=Decimal(5000))
    sent = letter(FARID, "invitation")
    assert sent.language == "bn"
    row = db.session.scalars(sa.select(Invitation)).one()
    assert (row.email, row.role, row.spending_limit, row.invited_by) == (FARID, "member", 5000, cast.amina.id)
    assert timedelta(days=6, hours=23) < row.expires_at - clock.now() <= timedelta(days=7)
    assert token.encode() not in row.token_hash
    assert noted() == ["invitation.sent"]
    entry = db.session.scalars(sa.select(AuditEntry)).one()
    assert FARID not in str(entry.after)


def test_a_name_that_breaks_lines_breaks_no_header(cast: Cast) -> None:
    cast.shop.name = "Amina\r\nBcc: everybody@evil.example\n\nhttps://evil.example"
    invited(cast)
    sent = letter(FARID, "invitation")
    assert "\n" not in sent.subject
    assert "\r" not in sent.subject
    assert not re.search(r"^Bcc:", letter_body(sent), re.MULTILINE)


def test_inviting_again_renews_and_kills_the_old_link(cast: Cast) -> None:
    first = invited(cast)
    second = invited(cast, role="viewer")
    assert first != second
    assert queries.invitation(first).state == "withdrawn"
    found = queries.invitation(second)
    assert (found.state, found.role, found.business, found.inviter) == ("open", "viewer", "Amina Store", "Amina")
    [waiting] = queries.waiting_invitations(accounts.actor(cast.babul))
    actions.renew(actor=accounts.actor(cast.amina), invitation_id=waiting.id)
    assert queries.invitation(second).state == "withdrawn"
    assert queries.invitation(token_in(FARID)).role == "viewer"


def test_twenty_letters_a_day(cast: Cast) -> None:
    amina = accounts.actor(cast.amina)
    for number in range(20):
        actions.invite(actor=amina, email=f"person{number % 15}@test.example", role="viewer")
    with pytest.raises(DomainError) as caught:
        actions.invite(actor=amina, email="one.more@test.example", role="viewer")
    assert caught.value.field == "email"
    with clock.at(clock.now() + timedelta(days=1, minutes=1)):
        actions.invite(actor=amina, email="one.more@test.example", role="viewer")
    actions.invite(actor=accounts.actor(cast.chandni), email="one.more@test.example", role="viewer")


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_members_and_viewers_invite_nobody(cast: Cast, role: str) -> None:
    nina = accounts.user("Nina")
    organizations.join(cast.shop, {nina: role})
    waiting = organizations.invitation(cast.shop, cast.amina)
    for action in (
        lambda who: actions.invite(actor=who, email=FARID, role="viewer"),
        lambda who: actions.renew(actor=who, invitation_id=waiting.id),
        lambda who: actions.withdraw(actor=who, invitation_id=waiting.id),
    ):
        with pytest.raises(ForbiddenError):
            action(accounts.actor(nina))
    assert noted() == []


def test_nobody_is_invited_as_owner(cast: Cast) -> None:
    with pytest.raises(ForbiddenError):
        actions.invite(actor=accounts.actor(cast.amina), email=FARID, role="owner")


@pytest.mark.parametrize("email", ["babul@test.example", "BABUL@TEST.EXAMPLE", "fаrid@test.example", "farid"])
def test_addresses_that_are_not_invited(cast: Cast, email: str) -> None:
    with pytest.raises(DomainError) as caught:
        actions.invite(actor=accounts.actor(cast.amina), email=email, role="viewer")
    assert caught.value.field == "email"


def test_an_invitation_of_another_business_is_not_there(cast: Cast) -> None:
    waiting = organizations.invitation(cast.other_shop, cast.chandni)
    for action in (actions.renew, actions.withdraw):
        with pytest.raises(NotFoundError):
            action(actor=accounts.actor(cast.amina), invitation_id=waiting.id)
    assert queries.invitation("invited").state == "open"


# --- joining ----------------------------------------------------------------------------------------------


def test_joining_with_an_account(cast: Cast) -> None:
    token = invited(cast, "chandni@test.example", limit=Decimal(900))
    chandni = accounts.actor(cast.chandni)
    assert actions.join(actor=chandni, token=token) == cast.shop.id
    assert actions.join(actor=chandni, token=token) == cast.shop.id, "pressed twice"
    assert members(cast)[cast.chandni.id] == "member"
    row = db.session.get_one(Membership, (cast.shop.id, cast.chandni.id))
    assert row.spending_limit == 900
    assert noted() == ["invitation.sent", "invitation.accepted", "membership.added"]
    assert letter("amina@test.example", "membership_added").state == "queued"
    assert queries.invitation(token).state == "accepted"


def test_who_was_removed_does_not_come_back_by_the_old_link(cast: Cast) -> None:
    token = invited(cast, "chandni@test.example")
    actions.join(actor=accounts.actor(cast.chandni), token=token)
    actions.remove_person(actor=accounts.actor(cast.amina), user_id=cast.chandni.id)
    with pytest.raises(NotFoundError):
        actions.join(actor=accounts.actor(cast.chandni), token=token)
    assert cast.chandni.id not in members(cast)


def test_it_is_for_one_address_only(cast: Cast) -> None:
    token = invited(cast)
    with pytest.raises(ForbiddenError):
        actions.join(actor=accounts.actor(cast.chandni), token=token)
    assert queries.invitation(token).state == "open"
    assert cast.chandni.id not in members(cast)


def test_who_belongs_to_it_already_keeps_their_role(cast: Cast) -> None:
    token = invited(cast, "chandni@test.example", role="viewer")
    organizations.join(cast.shop, {cast.chandni: "admin"})
    actions.join(actor=accounts.actor(cast.chandni), token=token)
    assert members(cast)[cast.chandni.id] == "admin"
    assert noted()[-1] == "invitation.accepted"


def test_nobody_joins_a_business_that_has_nobody_left(cast: Cast) -> None:
    token = invited(cast, "chandni@test.example")
    db.session.execute(sa.delete(Membership).where(Membership.organization_id == cast.shop.id))
    with pytest.raises(NotFoundError):
        actions.join(actor=accounts.actor(cast.chandni), token=token)
    assert members(cast) == {}


@pytest.mark.parametrize("what", ["unknown", "expired", "withdrawn"])
def test_links_that_are_good_no_more(cast: Cast, what: str) -> None:
    token = "nobody-was-ever-sent-this" if what == "unknown" else invited(cast, "chandni@test.example")
    if what == "withdrawn":
        [waiting] = queries.waiting_invitations(accounts.actor(cast.amina))
        actions.withdraw(actor=accounts.actor(cast.amina), invitation_id=waiting.id)
        assert noted()[-1] == "invitation.withdrawn"
    later = clock.now() + timedelta(days=8 if what == "expired" else 0)
    with clock.at(later):
        who = accounts.actor(cast.chandni)
        with pytest.raises(NotFoundError):
            actions.join(actor=who, token=token)
        with pytest.raises(NotFoundError):
            actions.join_as_new(token=token, name="X", phone="+8801712345678", password="river boat mango seven")
    assert cast.chandni.id not in members(cast)


# --- as people see it -------------------------------------------------------------------------------------


def test_a_newcomer_joins_and_is_signed_in(client: HouseClient, cast: Cast) -> None:
    token = invited(cast)
    page = client.get(f"/invitations/{token}")
    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert "no-store" in page.headers["Cache-Control"]
    assert "Amina invites farid@test.example to Amina Store." in text_of(page.text)
    assert client.get(f"/invitations/{token}").status_code == 200, "looking uses nothing up"
    wrong = client.post(f"/invitations/{token}/account", data=ACCOUNT | {"password": "short"})
    assert wrong.status_code == 422
    assert 'value="Farid Hasan"' in wrong.text
    assert client.post(f"/invitations/{token}/account", data=ACCOUNT | {"agreed": ""}).status_code == 422
    joined = client.post(f"/invitations/{token}/account", data=ACCOUNT)
    assert (joined.status_code, joined.location) == (303, "/business")
    farid = db.session.scalars(sa.select(User).where(User.email == FARID)).one()
    assert farid.email_confirmed_at is not None
    assert members(cast)[farid.id] == "member"
    page = client.page("/business")
    assert client.get("/account").status_code == 200
    again = client.post(f"/invitations/{token}/account", data=ACCOUNT)
    assert (again.status_code, again.location) == (303, f"/invitations/{token}")
    assert "You belong to Amina Store already." in text_of(client.get(f"/invitations/{token}").text)
    assert db.session.scalar(sa.select(sa.func.count()).where(User.email == FARID)) == 1


def test_with_an_account_one_logs_in_first_and_then_joins(
    client: HouseClient, cast: Cast, client_of: Callable[[User], HouseClient]
) -> None:
    token = invited(cast, "chandni@test.example")
    page = client.get(f"/invitations/{token}")
    assert f'href="/login?next=/invitations/{token}"' in page.text
    assert 'name="password"' not in page.text
    refused = client.post(f"/invitations/{token}/account", data=ACCOUNT)
    assert refused.status_code == 422
    assert "There is an account with this address." in text_of(refused.text)
    assert client.post(f"/invitations/{token}").status_code == 401
    browser = client_of(cast.chandni)
    assert "Join" in text_of(browser.get(f"/invitations/{token}").text)
    joined = browser.post(f"/invitations/{token}")
    assert (joined.status_code, joined.location) == (303, "/business")
    overview = browser.get("/business")
    assert "Amina Store" in overview.text
    assert "Switch business" in overview.text
    assert browser.post(f"/invitations/{token}").status_code == 303, "pressed twice"


def test_with_another_account_it_says_so(client_of: Callable[[User], HouseClient], cast: Cast) -> None:
    token = invited(cast)
    browser = client_of(cast.chandni)
    page = browser.get(f"/invitations/{token}")
    assert "You are logged in as chandni@test.example." in text_of(page.text)
    assert 'action="/logout"' in page.text
    assert f'action="/invitations/{token}"' not in page.text
    refused = browser.post(f"/invitations/{token}")
    assert refused.status_code == 403
    assert "cannot be passed on" in refused.text
    assert cast.chandni.id not in members(cast)


@pytest.mark.parametrize("what", ["unknown", "expired", "used", "withdrawn", "replaced"])
def test_one_page_for_every_link_that_is_good_no_more(
    client: HouseClient, client_of: Callable[[User], HouseClient], cast: Cast, what: str
) -> None:
    token = invited(cast, "chandni@test.example")
    if what == "unknown":
        token = "x" * len(token)
    elif what == "used":
        actions.join(actor=accounts.actor(cast.chandni), token=token)
    elif what == "withdrawn":
        [waiting] = queries.waiting_invitations(accounts.actor(cast.amina))
        actions.withdraw(actor=accounts.actor(cast.amina), invitation_id=waiting.id)
    elif what == "replaced":
        invited(cast, "chandni@test.example")
    db.session.commit()
    later = clock.now() + timedelta(days=8 if what == "expired" else 0)
    with clock.at(later):
        for browser in (client, client_of(cast.dipu)):
            shown = browser.get(f"/invitations/{token}")
            assert shown.status_code == 404
            assert shown.headers["Referrer-Policy"] == "strict-origin"
            assert "Ask whoever invited you for a new one." in text_of(shown.text)
            assert "Amina" not in shown.text
        assert client.post(f"/invitations/{token}/account", data=ACCOUNT).status_code == 404
        assert client_of(cast.dipu).post(f"/invitations/{token}").status_code == 404


def test_the_log_holds_no_token(client: HouseClient, cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    token = invited(cast)
    with caplog.at_level("INFO"):
        client.get(f"/invitations/{token}")
        client.post(f"/invitations/{token}/account", data=ACCOUNT | {"password": "short"})
    assert caplog.records
    assert token not in str([(record.getMessage(), record.__dict__) for record in caplog.records])


def test_an_admin_invites_renews_and_withdraws_on_the_page(
    client_of: Callable[[User], HouseClient], cast: Cast, house: Flask
) -> None:
    browser = client_of(cast.amina)
    wrong = browser.post("/business/people/invite", data={"email": "farid", "role": "boss", "spending_limit": "-1"})
    assert wrong.status_code == 422
    assert 'value="farid"' in wrong.text
    form = {"email": FARID, "role": "member", "spending_limit": "৳ ৫,০০০"}
    sent = browser.post("/business/people/invite", data=form)
    assert (sent.status_code, sent.location) == (303, "/business/people")
    row = db.session.scalars(sa.select(Invitation)).one()
    assert row.spending_limit == 5000
    page = browser.get("/business/people")
    assert FARID in page.text
    fragment = browser.post(f"/business/people/invitations/{row.id}/renewal", headers=HTMX, follow_redirects=True)
    assert fragment.text.lstrip().startswith('<div id="organizations-people"')
    assert 'id="toasts"' in fragment.text
    newest = db.session.scalars(sa.select(Invitation).order_by(Invitation.id.desc()).limit(1)).one()
    assert newest.id != row.id
    gone = browser.post(f"/business/people/invitations/{row.id}/removal")
    assert gone.status_code == 404
    assert browser.post(f"/business/people/invitations/{newest.id}/removal").status_code == 303
    assert FARID not in browser.get("/business/people").text
    with clock.at(clock.now() + timedelta(days=8)):
        organizations.invitation(cast.shop, cast.amina, email="old@test.example")
    db.session.commit()
    assert "old@test.example" not in client_of(cast.babul).get("/business/people").text


def test_an_expired_invitation_is_listed_as_such(client_of: Callable[[User], HouseClient], cast: Cast) -> None:
    organizations.invitation(cast.shop, cast.amina).expires_at = clock.now() - timedelta(minutes=1)
    db.session.commit()
    assert "It is over" in client_of(cast.amina).get("/business/people").text


def test_an_admin_acting_for_the_business_decides_nothing(cast: Cast) -> None:
    esha = replace(
        accounts.actor(cast.esha), on_behalf=True, staff_role=None, organization_id=cast.shop.id, role="member"
    )
    with pytest.raises(ForbiddenError):
        actions.invite(actor=esha, email=FARID, role="viewer")
    with pytest.raises(ForbiddenError):
        actions.leave(actor=esha)
