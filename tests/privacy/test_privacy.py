"""Downloads, consents and erasure: what goes, what stays, and who may ask (ACC-14)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, approvals, catalog, orders, organizations
from tests.factories import verification as papers
from wholesale.accounts.consent import actions as consent
from wholesale.accounts.models import Consent, LoginSession, User
from wholesale.audit.models import AuditEntry
from wholesale.cart import actions as cart
from wholesale.cart.models import CartLine
from wholesale.invoicing.models import Invoice
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.ledger import jobs as ledger
from wholesale.orders import actions as order_actions
from wholesale.orders.models import Order, Purchase
from wholesale.organizations.models import Address, Invitation, Membership, Organization
from wholesale.payments import actions as payments
from wholesale.platform import files, mail, outbox, sms
from wholesale.platform.db import Base, db
from wholesale.platform.transaction import finish
from wholesale.privacy import actions, queries, rules
from wholesale.privacy.models import DataDownload, Erasure
from wholesale.verification.models import VerificationCase, VerificationDocument

ClientOf = Callable[[User], HouseClient]
# Columns that point at a person and need no holding of their own.
POINTERS_IN_HOLDINGS = {(holding.table, holding.column) for holding in rules.HOLDINGS}
SECRETS = ("hash", "secret", "key", "token", "credential")


def test_everything_that_points_at_a_person_is_a_holding() -> None:
    pointers = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        for reference in column.foreign_keys
        if reference.column.table.name == "app_user"
    }
    assert pointers - POINTERS_IN_HOLDINGS == set(), "say in privacy/rules.py what a download and an erasure do with it"
    assert POINTERS_IN_HOLDINGS - pointers == set()


def test_a_download_shows_columns_that_exist_and_no_secrets() -> None:
    for holding in rules.HOLDINGS:
        columns = Base.metadata.tables[holding.table].columns
        for name in holding.shown:
            assert name in columns, (holding.table, name)
            assert not any(secret in name for secret in SECRETS), (holding.table, name)
        assert holding.erasure == "delete" or holding.why, holding.table


@pytest.fixture
def ordered(house: Flask, cast: Cast) -> Order:
    """Amina has ordered, paid on delivery, and has something in her cart."""
    product = catalog.product(cast.trader)
    amina = accounts.actor(cast.amina)
    [order] = orders.placed(amina, {product: 100})
    cart.put(actor=amina, variant_id=catalog.variants_of(product)[0], quantity=50)
    db.session.commit()
    return order


def archive_of(person: User) -> dict[str, bytes]:
    actions.request_download(actor=accounts.actor(person))
    outbox.drain()
    download = db.session.scalars(sa.select(DataDownload).where(DataDownload.user_id == person.id)).one()
    found = queries.download(accounts.actor(person), download.id)
    with zipfile.ZipFile(io.BytesIO(files.storage().get(str(found.file_key)))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_archive_holds_what_is_known_of_a_person(ordered: Order, cast: Cast) -> None:
    consent.agree(user_id=cast.amina.id)
    held = archive_of(cast.amina)
    [person] = json.loads(held["person.json"])
    assert (person["email"], person["name"]) == ("amina@test.example", "Amina")
    [purchase] = json.loads(held["purchase.json"])
    assert purchase["total"] == "13500.0000"
    [line] = json.loads(held["ordered-lines.json"])
    assert (line["quantity"], line["unit_price"]) == (100, "135.0000")
    assert {row["document"] for row in json.loads(held["consent.json"])} == {"terms", "privacy"}
    everything = b"".join(held.values())
    assert b"password" not in everything
    assert b"80.00" not in everything, "the seller's cost is not the buyer's to know"


def test_the_archive_holds_the_documents_a_person_sent(cast: Cast) -> None:
    papers.submitted(cast.newcomer)
    held = archive_of(cast.newcomer)
    [name] = [name for name in held if name.startswith("documents/")]
    assert name.endswith("-licence.pdf")
    assert held[name].startswith(b"%PDF")


def test_asking_twice_makes_one_archive_and_a_new_one_later(cast: Cast) -> None:
    for _ in range(2):
        actions.request_download(actor=accounts.actor(cast.amina))
    outbox.drain()
    assert db.session.query(DataDownload).count() == 1
    actions.request_download(actor=accounts.actor(cast.amina))
    assert db.session.query(DataDownload).count() == 2


def test_an_archive_is_for_its_person_and_for_a_week(cast: Cast) -> None:
    archive_of(cast.amina)
    download = db.session.scalars(sa.select(DataDownload)).one()
    with pytest.raises(NotFoundError):
        queries.download(accounts.actor(cast.babul), download.id)
    amina = accounts.actor(cast.amina)
    with clock.at(clock.now() + timedelta(days=7, seconds=5)):
        with pytest.raises(NotFoundError):
            queries.download(amina, download.id)
        key = str(download.file_key)
        assert actions.expire_downloads() == 1
    assert files.storage().exists(key), "it is not certain yet"
    finish(keep=True)
    db.session.refresh(download)
    assert download.file_key is None
    assert not files.storage().exists(key)


def erase(person: User) -> tuple[int, int]:
    actions.request_erasure(actor=accounts.actor(person))
    with clock.at(clock.now() + timedelta(days=8)):
        return actions.erase_due()


def test_erasure_takes_the_person_and_leaves_the_books(ordered: Order, cast: Cast) -> None:
    organizations.address(cast.shop)
    db.session.execute(sa.update(Address).values(contact_name="Amina", phone=cast.amina.phone))
    db.session.execute(sa.update(Membership).where(Membership.user_id == cast.babul.id).values(role="owner"))
    outbox.drain()
    before = {"total": ordered.total, "invoices": db.session.query(Invoice).count()}
    assert erase(cast.amina) == (1, 0)
    db.session.expire_all()
    gone = db.session.get_one(User, cast.amina.id)
    assert (gone.email, gone.name, gone.phone) == (f"erased-{gone.id}@erased.invalid", "–", "")
    assert gone.erased_at is not None
    for model in (LoginSession, CartLine, Membership):
        assert db.session.scalar(sa.select(sa.func.count()).where(model.user_id == gone.id)) == 0, model
    order = db.session.get_one(Order, ordered.id)
    assert (order.total, db.session.query(Invoice).count()) == (before["total"], before["invoices"])
    assert db.session.query(Purchase).filter_by(user_id=gone.id).count() == 1
    assert {address.contact_name for address in db.session.query(Address)} == {"–"}
    ledger.prove()  # raises when anything is wrong


TELLING = ("Zarinatun Quddusi", "+8801912340987", "zarinatun.quddusi@telling.example")


def tables_that_hold(words: tuple[str, ...]) -> set[str]:
    """Every column of text or JSON, in every table, in which one of the words stands."""
    columns = db.session.execute(
        sa.text(
            "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
            " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
            " AND data_type IN ('text', 'character varying', 'character', 'json', 'jsonb', 'ARRAY')"
        )
    ).all()
    assert len(columns) > 150
    return {
        f"{table}.{column}"
        for table, column in columns
        if any(
            db.session.scalar(
                sa.text(f'SELECT count(*) FROM "{table}" WHERE "{column}"::text ILIKE :word'), {"word": f"%{word}%"}
            )
            for word in words
        )
    }


def test_nothing_anywhere_tells_of_an_erased_person(cast: Cast) -> None:
    name, phone, email = TELLING
    zarina = accounts.user(name)
    zarina.email, zarina.phone = email, phone
    organizations.join(cast.shop, {zarina: "member"})
    left = organizations.business("Left Store", members={cast.chandni: "owner"})
    for business in (cast.shop, left):
        address = organizations.address(business)
        address.contact_name, address.phone = name, phone
    db.session.flush()
    bag = catalog.product(cast.trader, stock=5000)
    orders.placed(accounts.actor(zarina), {bag: 100})
    db.session.execute(sa.delete(Membership).where(Membership.organization_id == left.id))
    organizations.join(left, {zarina: "member"})
    [order] = orders.placed(actor_in(zarina, left), {bag: 100})
    db.session.execute(sa.delete(Membership).where(Membership.organization_id == left.id))
    organizations.join(cast.shop, {}, spending_limit="1")
    db.session.execute(sa.update(Membership).where(Membership.user_id == zarina.id).values(spending_limit=1))
    approvals.asked(accounts.actor(zarina), {bag: 50})
    for token, business in (("open", cast.other_shop), ("dead", cast.new_shop)):
        organizations.invitation(business, cast.chandni, email=email, token=token)
    db.session.execute(
        sa.update(Invitation).where(Invitation.organization_id == cast.new_shop.id).values(withdrawn_at=clock.now())
    )
    mail.send(key="telling", to=email, template="erased", language="en", name=name)
    sms.send(key="telling", to=phone, text="A code for you")
    outbox.drain()
    db.session.commit()
    before = tables_that_hold(TELLING)
    assert {
        "app_user.name",
        "address.contact_name",
        "sales_order.address",
        "approval_request.address",
        "invitation.email",
        "outgoing_message.recipient",
    } <= before
    assert erase(zarina) == (1, 0)
    db.session.execute(sa.text("UPDATE outbox SET available_at = now()"))  # the outbox goes by the database's clock
    with clock.at(clock.now() + timedelta(days=9)):
        outbox.drain()
        actions.erase_due()
    db.session.commit()
    assert order.id
    # Invoices stay as they were issued: tax law asks for it.
    assert tables_that_hold(TELLING) <= {"invoice.content"}
    assert db.session.query(Invitation).filter_by(withdrawn_at=None).count() == 0


def actor_in(person: User, business: Organization) -> Actor:
    """The person, acting for one of several businesses."""
    own = accounts.actor(person)
    return replace(own, organization_id=business.id, organization_name=business.name, role="member")


def test_each_business_reads_in_its_log_that_somebody_is_gone(cast: Cast) -> None:
    erase(cast.babul)
    [entry] = db.session.query(AuditEntry).filter_by(action="membership.left").all()
    assert (entry.organization_id, entry.thing_id) == (cast.shop.id, str(cast.babul.id))


def test_who_is_owed_money_or_owes_it_stays(cast: Cast) -> None:
    [order] = orders.placed(accounts.actor(cast.chandni), {catalog.product(cast.trader): 100}, payment="bank_transfer")
    for to in ("confirmed", "shipped", "delivered"):
        order_actions.move_order(actor=accounts.actor(cast.dipu), number=order.number, to=to)
    outbox.drain()
    for person in (cast.chandni, cast.dipu):
        with pytest.raises(DomainError, match="still owes money"):
            actions.request_erasure(actor=accounts.actor(person))
    purchase = db.session.query(Purchase).one()
    paid = Money(purchase.total, "BDT")
    payments.record_transfer(
        actor=accounts.actor(cast.esha), purchase_number=purchase.number, amount=paid, bank_reference="TT-1"
    )
    assert erase(cast.chandni) == (1, 0)


def test_nobody_can_log_in_as_an_erased_person(cast: Cast, client: HouseClient) -> None:
    db.session.execute(sa.update(Membership).where(Membership.user_id == cast.babul.id).values(role="owner"))
    erase(cast.amina)
    db.session.commit()
    for email in ("amina@test.example", f"erased-{cast.amina.id}@erased.invalid"):
        assert client.post("/login", data={"email": email, "password": "erased"}).status_code == 422


def test_a_business_of_one_is_closed_and_its_papers_go(cast: Cast) -> None:
    papers.submitted(cast.newcomer)
    [key] = db.session.scalars(sa.select(VerificationDocument.file_key).distinct()).all()
    archive_of(cast.newcomer)
    download = str(db.session.query(DataDownload).one().file_key)
    assert erase(cast.newcomer) == (1, 0)
    finish(keep=True)
    assert not files.storage().exists(key)
    assert not files.storage().exists(download)
    db.session.expire_all()
    assert db.session.query(VerificationDocument).count() == 0
    assert db.session.query(VerificationCase).count() == 1
    shop = db.session.get_one(Organization, cast.new_shop.id)
    assert shop.verified_until is None
    assert organizations.papers(shop).phone == ""


def test_what_hinders_an_erasure_is_said_first(ordered: Order, cast: Cast) -> None:
    with pytest.raises(DomainError, match="only owner"):
        actions.request_erasure(actor=accounts.actor(cast.amina))
    with pytest.raises(DomainError, match="open orders"):
        actions.request_erasure(actor=accounts.actor(cast.dipu))
    with pytest.raises(DomainError, match="work for the platform"):
        actions.request_erasure(actor=accounts.actor(cast.esha))
    assert db.session.query(Erasure).count() == 0


def test_what_hinders_it_later_is_told_once_and_it_is_tried_again(cast: Cast) -> None:
    product = catalog.product(cast.trader)
    actions.request_erasure(actor=accounts.actor(cast.chandni))
    [order] = orders.placed(accounts.actor(cast.chandni), {product: 100})
    with clock.at(clock.now() + timedelta(days=8)):
        assert actions.erase_due() == (0, 1)
        assert actions.erase_due() == (0, 1)
        order_actions.move_order(
            actor=accounts.actor(cast.chandni), number=order.number, to="cancelled", reason="Closing my shop."
        )
        assert actions.erase_due() == (1, 0)
    assert db.session.query(Erasure).one().done_at is not None


def test_an_erasure_can_be_taken_back_within_the_week(cast: Cast) -> None:
    chandni = accounts.actor(cast.chandni)
    for _ in range(2):
        actions.request_erasure(actor=chandni)
    assert db.session.query(Erasure).count() == 1
    actions.withdraw_erasure(actor=chandni)
    with pytest.raises(ConflictError):
        actions.withdraw_erasure(actor=chandni)
    with clock.at(clock.now() + timedelta(days=30)):
        assert actions.erase_due() == (0, 0)
    assert db.session.get_one(User, cast.chandni.id).name == "Chandni"


def test_the_page_from_agreeing_to_taking_back(cast: Cast, client_of: ClientOf) -> None:
    browser = client_of(cast.chandni)
    assert "not agreed yet" in text_of(browser.get("/account/privacy").text)
    assert browser.post("/account/privacy/consents").status_code == 303
    assert "not agreed yet" not in text_of(browser.get("/account/privacy").text)
    assert db.session.query(Consent).count() == 2
    assert browser.post("/account/privacy/downloads").status_code == 303
    assert "being collected" in text_of(browser.get("/account/privacy").text)
    outbox.drain()
    download = db.session.query(DataDownload).one()
    archive = browser.get(f"/account/privacy/downloads/{download.id}")
    assert (archive.status_code, archive.mimetype) == (200, "application/zip")
    assert archive.headers["Content-Disposition"].startswith("attachment")
    assert browser.post("/account/privacy/erasure").status_code == 303
    assert "will be erased on" in text_of(browser.get("/account/privacy").text)
    assert browser.post("/account/privacy/erasure/withdrawal").status_code == 303
    assert "Erase my account" in text_of(browser.get("/account/privacy").text)


def test_the_page_says_what_hinders(cast: Cast, client_of: ClientOf) -> None:
    browser = client_of(cast.amina)
    refused = browser.post("/account/privacy/erasure")
    assert refused.status_code == 422
    assert "Hand it over to a colleague first" in text_of(refused.text)


def test_an_old_login_must_be_proved_again(cast: Cast, client_of: ClientOf) -> None:
    browser = client_of(cast.chandni)
    db.session.execute(sa.update(LoginSession).values(authenticated_at=clock.now() - timedelta(minutes=11)))
    db.session.commit()
    assert browser.post("/account/privacy/erasure").status_code == 401
    assert db.session.query(Erasure).count() == 0


@pytest.mark.parametrize("path", ["/terms", "/privacy"])
def test_the_texts_are_for_everybody(client: HouseClient, path) -> None:
    assert client.get(path).status_code == 200
