"""The admin's list and the state on an order's page: as page and as fragment, for each kind of person."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.client import BOOSTED, HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts
from tests.payments.placed import Placed, cancel, purchase
from wholesale.accounts.models import User
from wholesale.payments import queries
from wholesale.payments.models import Receipt
from wholesale.platform.db import db

ClientOf = Callable[[User], HouseClient]
LIST = "/admin/payments"


@pytest.fixture
def placed(cast: Cast) -> Placed:
    return purchase(cast)


@pytest.fixture
def admin(cast: Cast, client_of: ClientOf) -> HouseClient:
    return client_of(cast.esha)


@pytest.fixture
def support(cast: Cast, client_of: ClientOf) -> HouseClient:
    return client_of(accounts.user("Farid", staff_role="support"))


def receipts_url(placed: Placed) -> str:
    return f"{LIST}/{placed.number}/receipts"


def payment_url(placed: Placed) -> str:
    return f"/orders/{placed.bags.number}/payment"


def count() -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Receipt)) or 0


# --- the list ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("headers", "whole"), [({}, "page"), (HTMX, "fragment"), (BOOSTED, "page")])
def test_list_as_page_and_fragment(placed: Placed, admin: HouseClient, headers: dict[str, str], whole: str) -> None:
    response = admin.get(LIST, headers=headers)
    assert response.status_code == 200
    words = text_of(response.text)
    for word in (placed.number, "Amina Store", "৳14,000.00", "Note the transfer"):
        assert word in words
    assert ("<html" in response.text) is (whole == "page")
    assert 'id="payments-awaiting"' in response.text
    assert "HX-Request" in response.headers["Vary"]


def test_amount_is_prefilled_with_what_is_owed(placed: Placed, admin: HouseClient) -> None:
    page = parse(admin.get(LIST).text)
    [amount] = [element for element in page.iter() if element.get("name") == "amount"]
    assert amount.get("value") == "14000.00"


def test_a_transfer_is_found_by_what_the_statement_says(placed: Placed, admin: HouseClient) -> None:
    number = admin.get("/admin/payments").text.split("PUR-")[1][:11]
    for sought, found in ((f"pur-{number}", True), ("amina", True), ("PUR-1999-9", False), ("%", False), ("\0", True)):
        answer = admin.get("/admin/payments", query_string={"q": sought})
        assert answer.status_code == 200
        assert (f"PUR-{number}" in answer.text) is found, sought
    assert "No awaited transfer matches" in admin.get("/admin/payments?q=nobody").text


def test_empty_list(cast: Cast, admin: HouseClient) -> None:
    assert "No transfer is awaited" in admin.get(LIST).text
    assert "There are no more." in admin.get(f"{LIST}?after=999999").text


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 40, "١٢", "%00"])
def test_nonsense_begins_at_the_oldest(placed: Placed, admin: HouseClient, after: str) -> None:
    assert placed.number in admin.get(f"{LIST}?after={after}").text


def test_second_page(placed: Placed, admin: HouseClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = queries.awaiting()
    monkeypatch.setattr(
        queries,
        "awaiting",
        lambda *, after=None, **_: first if after else queries.Page(first.rows, 7, is_first=True),
    )
    assert "after=7" in admin.get(LIST).text


def test_list_costs_the_same_however_long(placed: Placed, admin: HouseClient) -> None:
    asked: list[str] = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *call: asked.append(str(call[2])))
    admin.get(LIST)
    assert len([statement for statement in asked if "FROM purchase" in statement]) == 1


def test_support_may_look_and_not_touch(placed: Placed, support: HouseClient) -> None:
    page = support.get(LIST)
    assert page.status_code == 200
    assert "Note the transfer" not in page.text
    refused = support.post(receipts_url(placed), data={"amount": "14000", "reference": "FT-1"})
    assert refused.status_code == 403
    assert count() == 0


@pytest.mark.parametrize("name", ["amina", "dipu", "chandni", "newcomer"])
def test_businesses_are_refused(placed: Placed, cast: Cast, client_of: ClientOf, name: str) -> None:
    person = client_of(getattr(cast, name))
    assert person.get(LIST).status_code == 403
    assert person.post(receipts_url(placed), data={"amount": "1", "reference": "FT"}).status_code == 403
    assert count() == 0


def test_the_signed_out_are_asked_to_log_in(placed: Placed, client: HouseClient) -> None:
    assert client.get(LIST).status_code in {302, 303, 401}
    assert client.post(receipts_url(placed), data={"amount": "1", "reference": "F"}).status_code in {302, 303, 401}
    assert client.get(payment_url(placed)).status_code in {302, 303, 401}
    assert count() == 0


# --- noting a transfer ------------------------------------------------------------------------------------


def test_noting_a_transfer_without_script(placed: Placed, admin: HouseClient) -> None:
    response = admin.post(receipts_url(placed), data={"amount": "৪,০০০.৫০", "reference": "ft-1"})
    assert response.status_code == 303
    page = admin.get(response.location)
    words = text_of(page.text)
    assert f"The transfer for {placed.number} is noted." in words
    assert "৳4,000.50" in words
    assert "৳9,999.50" in words


def test_noting_a_transfer_with_htmx(placed: Placed, admin: HouseClient) -> None:
    response = admin.post(
        receipts_url(placed), data={"amount": "14000", "reference": "FT-1"}, headers=HTMX, follow_redirects=True
    )
    assert response.status_code == 200
    assert "<html" not in response.text
    assert "No transfer is awaited" in response.text
    assert f"The transfer for {placed.number} is noted." in response.text


def test_pressing_twice_notes_once(placed: Placed, admin: HouseClient) -> None:
    for _ in range(2):
        assert admin.post(receipts_url(placed), data={"amount": "14000", "reference": "FT-1"}).status_code == 303
    assert count() == 1


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        (("14000.01", "FT-1"), "amount", "Only ৳14,000.00 is still owed on this purchase."),
        (("0", "FT-1"), "amount", "Enter an amount such as 1250.50."),
        (("1.005", "FT-1"), "amount", "Enter an amount that can be paid, to the smallest coin."),
        (("much", "FT-1"), "amount", "Enter an amount such as 1250.50."),
        (("", "FT-1"), "amount", "Enter an amount such as 1250.50."),
        (("14000", " "), "reference", "Please fill this in."),
        (("14000", "x" * 61), "reference", "60 characters"),
    ],
)
def test_refusals_stand_beside_the_field_with_what_was_typed(
    placed: Placed, admin: HouseClient, typed: tuple[str, str], field: str, sentence: str
) -> None:
    amount, reference = typed
    for headers in ({}, HTMX):
        response = admin.post(receipts_url(placed), data={"amount": amount, "reference": reference}, headers=headers)
        assert response.status_code == 422
        by_id = {element.get("id"): element for element in parse(response.text).iter() if element.get("id")}
        assert sentence in "".join(by_id[f"{field}-{placed.number}-error"].itertext())
        assert by_id[f"amount-{placed.number}"].get("value") == amount
        assert by_id[f"reference-{placed.number}"].get("value", "").strip() == reference.strip()
    assert count() == 0


def test_reference_noted_already(placed: Placed, admin: HouseClient) -> None:
    admin.post(receipts_url(placed), data={"amount": "4000", "reference": "FT-1"})
    response = admin.post(receipts_url(placed), data={"amount": "5000", "reference": "ft-1"})
    assert response.status_code == 422
    assert f"This bank reference is noted already: ৳4,000.00 for purchase {placed.number}." in text_of(response.text)
    assert count() == 1


def test_refused_purchase_is_shown_though_nothing_is_owed_any_more(placed: Placed, admin: HouseClient) -> None:
    admin.post(receipts_url(placed), data={"amount": "14000", "reference": "FT-1"})
    response = admin.post(receipts_url(placed), data={"amount": "14000", "reference": "FT-2"})
    assert response.status_code == 422
    assert "Nothing is owed on this purchase any more." in response.text
    assert placed.number in text_of(response.text)


def test_purchase_paid_on_delivery_is_refused_on_top(cast: Cast, admin: HouseClient) -> None:
    placed = purchase(cast, "pay_on_delivery")
    response = admin.post(receipts_url(placed), data={"amount": "1", "reference": "FT-1"})
    assert response.status_code == 422
    assert "This purchase is paid on delivery, not by bank transfer." in text_of(response.text)


def test_unknown_purchase_wrong_method_and_no_token(placed: Placed, admin: HouseClient) -> None:
    data = {"amount": "1", "reference": "FT-1"}
    assert admin.post(f"{LIST}/PUR-0/receipts", data=data).status_code == 404
    assert admin.get(receipts_url(placed)).status_code == 405
    assert admin.post(receipts_url(placed), data=data, csrf=False).status_code != 303
    assert count() == 0


def test_page_of_the_list_is_kept(placed: Placed, admin: HouseClient) -> None:
    response = admin.post(receipts_url(placed) + "?after=3", data={"amount": "1", "reference": "FT-1"})
    assert response.location.endswith("/admin/payments?after=3")


# --- the state on the order's page ------------------------------------------------------------------------


@pytest.mark.parametrize(("headers", "whole"), [({}, "page"), (HTMX, "fragment"), (BOOSTED, "page")])
def test_state_for_the_buyer(
    placed: Placed, cast: Cast, client_of: ClientOf, headers: dict[str, str], whole: str
) -> None:
    response = client_of(cast.babul).get(payment_url(placed), headers=headers)
    words = text_of(response.text)
    assert f"Waiting for your bank transfer of ৳14,000.00 with reference {placed.number}" in words
    assert "Account" in words
    assert ("<html" in response.text) is (whole == "page")
    assert f'id="payments-state-{placed.bags.number}"' in response.text


def test_state_for_the_seller_tells_no_amount_of_the_purchase(
    placed: Placed, cast: Cast, client_of: ClientOf, admin: HouseClient
) -> None:
    seller = client_of(cast.dipu)
    fragment = seller.get(payment_url(placed), headers=HTMX)
    assert "has not arrived yet" in fragment.text
    for secret in ("14,000", "500.00", placed.number):
        assert secret not in fragment.text
    admin.post(receipts_url(placed), data={"amount": "14000", "reference": "FT-1"})
    assert "Paid" in text_of(seller.get(payment_url(placed), headers=HTMX).text)


def test_state_for_staff(placed: Placed, support: HouseClient) -> None:
    assert "Waiting for the buyer's transfer of ৳14,000.00" in text_of(support.get(payment_url(placed)).text)


@pytest.mark.parametrize("name", ["chandni", "newcomer"])
def test_strangers_find_no_payment(placed: Placed, cast: Cast, client_of: ClientOf, name: str) -> None:
    assert client_of(getattr(cast, name)).get(payment_url(placed)).status_code == 404


def test_a_seller_does_not_see_the_other_sellers_order(placed: Placed, cast: Cast, client_of: ClientOf) -> None:
    assert client_of(cast.dipu).get(f"/orders/{placed.soap.number}/payment").status_code == 404


def test_state_after_cancelling_everything(placed: Placed, cast: Cast, client_of: ClientOf) -> None:
    cancel(placed.bags)
    cancel(placed.soap)
    assert "nothing is to be paid" in client_of(cast.amina).get(payment_url(placed)).text


def test_state_in_bangla(placed: Placed, cast: Cast, client_of: ClientOf) -> None:
    buyer = client_of(cast.amina)
    buyer.set_cookie("language", "bn")
    assert "১৪,০০০.০০৳" in buyer.get(payment_url(placed)).text


def test_slot_is_a_link_until_it_is_loaded(placed: Placed, cast: Cast, client_of: ClientOf) -> None:
    page = parse(client_of(cast.amina).get(f"/orders/{placed.bags.number}").text)
    [slot] = [element for element in page.iter() if element.get("id") == f"payments-state-{placed.bags.number}"]
    assert slot.get("hx-get") == payment_url(placed)
    assert [element.get("href") for element in slot.iter() if element.get("href")] == [payment_url(placed)]
