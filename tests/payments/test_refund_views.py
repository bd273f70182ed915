"""The admin's page of refunds, the seller's button and what the buyer reads: as page and fragment, for each role."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.client import BOOSTED, HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts
from tests.payments.placed import Placed, cancel, deliver, purchase, taka
from tests.payments.test_refunds import bring_back
from wholesale.accounts.models import User
from wholesale.kernel.actor import SYSTEM
from wholesale.payments import actions
from wholesale.payments.models import Refund
from wholesale.platform import outbox
from wholesale.platform.db import db

ClientOf = Callable[[User], HouseClient]
PAGE = "/admin/refunds"


@pytest.fixture
def placed(cast: Cast) -> Placed:
    """Paid by transfer, and then one seller's order of ৳500.00 cancelled."""
    made = purchase(cast)
    actions.receive(actor=SYSTEM, purchase_number=made.number, amount=taka("14000"), reference="FT-1")
    cancel(made.soap)
    return made


@pytest.fixture
def by_cash(cast: Cast) -> Placed:
    """100 bags paid at the door, and all of them brought back."""
    made = purchase(cast, "pay_on_delivery")
    deliver(made.bags)
    outbox.drain()
    bring_back(made.bags)
    return made


@pytest.fixture
def admin(cast: Cast, client_of: ClientOf) -> HouseClient:
    return client_of(cast.esha)


def count() -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Refund)) or 0


def url(placed: Placed) -> str:
    return f"{PAGE}/{placed.number}"


def given(html: str) -> dict[str, str]:
    """The form's fields by their ids."""
    return {each.get("id"): each.get("value", "") for each in parse(html).iter() if each.get("id")}


@pytest.mark.parametrize(("headers", "whole"), [({}, "page"), (HTMX, "fragment"), (BOOSTED, "page")])
def test_page_and_fragment(placed: Placed, admin: HouseClient, headers: dict[str, str], whole: str) -> None:
    response = admin.get(PAGE, headers=headers)
    assert response.status_code == 200
    for word in (placed.number, "Amina Store", "Bank transfer", "৳500.00"):
        assert word in text_of(response.text)
    assert ("<html" in response.text) is (whole == "page")
    assert given(response.text)[f"amount-{placed.number}"] == "500.00", "the whole of it is offered"
    assert 'id="payments-refunds"' in response.text


def test_empty(cast: Cast, admin: HouseClient) -> None:
    words = text_of(admin.get(PAGE).text)
    assert "Nothing is left to decide" in words
    assert "No refunds yet" in words


def test_the_payments_page_leads_there(cast: Cast, admin: HouseClient) -> None:
    assert f'href="{PAGE}"' in admin.get("/admin/payments").text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_paying_back(
    placed: Placed, cast: Cast, admin: HouseClient, client_of: ClientOf, headers: dict[str, str]
) -> None:
    data = {"amount": "৫০০", "reference": "rf-1", "key": "k1"}
    for _ in range(2):  # a double click
        response = admin.post(url(placed), data=data, headers=headers, follow_redirects=bool(headers))
        assert response.status_code == (200 if headers else 303)
    assert count() == 1
    words = text_of(admin.get(PAGE).text)
    assert "Nothing is left to decide" in words
    assert "RF-1" in words
    buyer = text_of(client_of(cast.amina).get(f"/orders/{placed.bags.number}/payment").text)
    assert "৳500.00 was paid back on" in buyer
    assert "reference RF-1" in buyer
    seller = text_of(client_of(cast.dipu).get(f"/orders/{placed.bags.number}/payment").text)
    assert "RF-1" not in seller
    assert "500" not in seller


def test_due_first_and_the_reference_later(placed: Placed, cast: Cast, admin: HouseClient, client_of: ClientOf) -> None:
    admin.post(url(placed), data={"amount": "500", "reference": "", "key": "k1"})
    buyer = client_of(cast.amina)
    assert "৳500.00 is being paid back." in text_of(buyer.get(f"/orders/{placed.bags.number}/payment").text)
    refused = admin.post(f"{PAGE}/paid/k1", data={"reference": " "})
    assert refused.status_code == 422
    assert 'id="reference-k1-error"' in refused.text
    assert admin.post(f"{PAGE}/paid/k1", data={"reference": "RF-5"}).status_code == 303
    assert "was paid back on" in text_of(buyer.get(f"/orders/{placed.bags.number}/payment").text)
    assert admin.post(f"{PAGE}/paid/nothing", data={"reference": "RF-6"}).status_code == 404


@pytest.mark.parametrize(
    ("amount", "reference", "field", "sentence"),
    [
        ("500.01", "RF-1", "amount", "At most ৳500.00 is to be paid back."),
        ("0", "RF-1", "amount", "Enter an amount such as 1250.50."),
        ("-1", "RF-1", "amount", "Enter an amount such as 1250.50."),
        ("1.005", "RF-1", "amount", "Enter an amount that can be paid, to the smallest coin."),
        ("99999999999999", "RF-1", "amount", "This amount is too large."),
        ("", "RF-1", "amount", "Enter an amount such as 1250.50."),
        ("500", "x" * 61, "reference", "60 characters"),
    ],
)
def test_refusals_stand_beside_the_field(  # noqa: PLR0917 - one row of a table
    placed: Placed, admin: HouseClient, amount: str, reference: str, field: str, sentence: str
) -> None:
    for headers in ({}, HTMX):
        data = {"amount": amount, "reference": reference, "key": "k1"}
        response = admin.post(url(placed), data=data, headers=headers)
        assert response.status_code == 422
        by_id = {each.get("id"): each for each in parse(response.text).iter() if each.get("id")}
        assert sentence in "".join(by_id[f"{field}-{placed.number}-error"].itertext())
        assert by_id[f"amount-{placed.number}"].get("value") == amount
        assert by_id[f"reference-{placed.number}"].get("value") == reference
        assert by_id[f"key-{placed.number}"].get("value") == "k1"
    assert count() == 0


def test_refused_where_nothing_is_in_excess_any_more(placed: Placed, admin: HouseClient) -> None:
    admin.post(url(placed), data={"amount": "500", "reference": "RF-1", "key": "k1"})
    response = admin.post(url(placed), data={"amount": "500", "reference": "RF-2", "key": "k2"})
    assert response.status_code == 422
    assert "Nothing is to be paid back here any more." in text_of(response.text)
    assert count() == 1


def test_a_reference_that_is_noted(placed: Placed, admin: HouseClient) -> None:
    admin.post(url(placed), data={"amount": "100", "reference": "RF-1", "key": "k1"})
    response = admin.post(url(placed), data={"amount": "100", "reference": "rf-1", "key": "k2"})
    assert response.status_code == 422
    assert "This bank reference is noted already: ৳100.00" in text_of(response.text)


def test_support_may_look_and_not_touch(placed: Placed, client_of: ClientOf) -> None:
    support = client_of(accounts.user("Farid", staff_role="support"))
    page = support.get(PAGE)
    assert page.status_code == 200
    assert "<form" not in page.text.split('id="payments-refunds"')[1].split("</section>")[0]
    assert support.post(url(placed), data={"amount": "1", "reference": "R", "key": "k"}).status_code == 403
    assert support.post(f"{PAGE}/paid/k", data={"reference": "R"}).status_code == 403
    assert count() == 0


@pytest.mark.parametrize("name", ["amina", "dipu", "chandni", "newcomer"])
def test_businesses_are_refused(placed: Placed, cast: Cast, client_of: ClientOf, name: str) -> None:
    person = client_of(getattr(cast, name))
    assert person.get(PAGE).status_code == 403
    assert person.post(url(placed), data={"amount": "1", "reference": "R", "key": "k"}).status_code == 403
    assert count() == 0


def test_unknown_purchase_wrong_method_and_no_token(placed: Placed, admin: HouseClient) -> None:
    data = {"amount": "1", "reference": "R", "key": "k"}
    assert admin.post(f"{PAGE}/PUR-0", data=data).status_code == 404
    assert admin.get(url(placed)).status_code == 405
    assert admin.post(url(placed), data=data, csrf=False).status_code != 303
    assert count() == 0


# --- cash --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_seller_notes_the_cash_they_gave_back(
    by_cash: Placed, cast: Cast, client_of: ClientOf, headers: dict[str, str]
) -> None:
    seller, path = client_of(cast.dipu), f"/orders/{by_cash.bags.number}"
    page = seller.get(f"{path}/payment", headers=headers)
    assert "Give the buyer ৳13,500.00 back in cash." in text_of(page.text)
    assert given(page.text)["amount"] == "13500.00"
    refused = seller.post(f"{path}/cash-back", data={"amount": "13500.01", "key": "k"}, headers=headers)
    assert refused.status_code == 422
    assert "At most ৳13,500.00 is to be paid back." in text_of(refused.text)
    assert 'value="13500.01"' in refused.text
    for _ in range(2):
        done = seller.post(f"{path}/cash-back", data={"amount": "13000", "key": "k"}, headers=headers)
        assert done.status_code == 303
    assert count() == 1
    assert "Give the buyer ৳500.00 back in cash." in text_of(seller.get(f"{path}/payment").text)
    buyer = text_of(client_of(cast.amina).get(f"{path}/payment").text)
    assert "৳500.00 is due back to you." in buyer
    assert "৳13,000.00 was given back in cash on" in buyer


def test_cash_that_is_not_theirs_to_give_back(by_cash: Placed, cast: Cast, client_of: ClientOf) -> None:
    data = {"amount": "1", "key": "k"}
    assert client_of(cast.amina).post(f"/orders/{by_cash.bags.number}/cash-back", data=data).status_code == 403
    assert client_of(cast.dipu).post(f"/orders/{by_cash.soap.number}/cash-back", data=data).status_code == 404
    assert count() == 0


def test_an_admin_may_note_it_for_the_seller(by_cash: Placed, admin: HouseClient) -> None:
    words = text_of(admin.get(PAGE).text)
    assert f"Dipu Traders has the cash of {by_cash.bags.number}" in words
    data = {"amount": "13500", "order": by_cash.bags.number, "key": "k"}
    refused = admin.post(url(by_cash), data=data | {"amount": "13500.01"})
    assert refused.status_code == 422
    assert f'id="amount-{by_cash.bags.number}-error"' in refused.text
    assert admin.post(url(by_cash), data=data).status_code == 303
    assert "in cash" in text_of(admin.get(PAGE).text)
    assert admin.post(url(by_cash), data=data | {"order": "ORD-0", "key": "k2"}).status_code == 404
