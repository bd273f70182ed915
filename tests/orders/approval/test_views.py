"""Asking and deciding through HTTP, as pages and fragments, without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, approvals, catalog, orders, organizations
from tests.orders.test_actions import available, taka
from tests.orders.test_views import hidden, walk_to_review
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.inventory import queries as inventory
from wholesale.kernel.errors import DomainError
from wholesale.ledger import jobs as ledger
from wholesale.orders.approval.models import ApprovalLine, ApprovalRequest
from wholesale.orders.models import Order, Purchase
from wholesale.organizations.models import Membership
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing

Browser = Callable[[User], HouseClient]
XHTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = catalog.product(cast.trader, stock=500)
    organizations.address(cast.shop)
    approvals.limit(cast.babul, cast.shop, "5000")
    db.session.commit()
    return made


@pytest.fixture
def babul(client_of: Browser, cast: Cast, bag: Product) -> HouseClient:
    return client_of(cast.babul)


@pytest.fixture
def amina(client_of: Browser, cast: Cast, bag: Product) -> HouseClient:
    return client_of(cast.amina)


def fill(browser: HouseClient, cast: Cast, bag: Product, quantity: int) -> None:
    browser.post("/cart/lines", data={"variant_id": catalog.variants_of(bag)[0], "quantity": quantity})
    walk_to_review(browser, cast)


@pytest.fixture
def path(cast: Cast, bag: Product) -> str:
    """The page of what Babul asks for: 100 bags, ৳13,500.00."""
    made = approvals.asked(accounts.actor(cast.babul), {bag: 100})
    db.session.commit()
    return f"/approvals/{made.id}"


def actions_of(html: str) -> set[str]:
    return {str(form.get("action")) for form in parse(html).iter(f"{XHTML}form") if form.get("method") == "post"}


def seen(html: str) -> str:
    [digest] = [field.get("value") for field in parse(html).iter(f"{XHTML}input") if field.get("name") == "seen"]
    return digest or ""


def test_the_review_says_before_the_tap_who_is_asked(babul: HouseClient, cast: Cast, bag: Product) -> None:
    fill(babul, cast, bag, 46)  # × 145 = 6,670: 1,670 above
    page = babul.get("/checkout/review")
    words = text_of(page.text)
    assert "This is ৳1,670.00 above your limit of ৳5,000.00. Your order goes to Amina for approval." in words
    assert "Ask for approval" in words
    assert "Place the order" not in words
    assert "/checkout/approval" in actions_of(page.text)


def test_within_the_limit_and_without_one_nothing_is_said(
    babul: HouseClient, amina: HouseClient, cast: Cast, bag
) -> None:
    for browser, quantity in ((babul, 34), (amina, 100)):
        fill(browser, cast, bag, quantity)
        words = text_of(browser.get("/checkout/review").text)
        assert "your limit" not in words
        assert "Place the order" in words


def test_from_asking_to_the_order(babul: HouseClient, amina: HouseClient, client_of: Browser, cast: Cast, bag) -> None:
    fill(babul, cast, bag, 100)
    asked = babul.post("/checkout/approval", data=hidden(babul.get("/checkout/review").text))
    assert asked.status_code == 303
    path = asked.headers["Location"]
    words = text_of(babul.get(path).text)
    for word in ("Waits for a decision", "Jute bag", "৳13,500.00", "Take it back", "12 Bazar Road", "PO-7"):
        assert word in words
    assert "Approve and order" not in words
    assert "Jute bag" not in text_of(babul.get("/cart").text)

    assert "1" in text_of(amina.get("/approvals/badge").text)
    assert "Babul" in text_of(amina.get("/approvals").text)
    page = amina.get(path)
    assert "Babul asks for approval" in text_of(page.text)
    assert "Approve and order for ৳13,500.00" in text_of(page.text)
    done = amina.post(f"{path}/approval", data={"seen": seen(page.text), "comment": "For Eid"})
    assert (done.status_code, done.headers["Location"]) == (303, path)
    words = text_of(babul.get(path).text)
    for word in ("Approved and ordered", "For Eid", "Amina"):
        assert word in words
    purchase = db.session.query(Purchase).one()
    assert (purchase.user_id, purchase.approved_by) == (cast.babul.id, cast.amina.id)
    assert purchase.number in words
    assert text_of(amina.get("/approvals/badge").text) == ""

    number = db.session.query(Order.number).scalar()
    assert "Approved by Amina" in text_of(babul.get(f"/orders/{number}").text)
    assert "Approved by Amina" in text_of(client_of(cast.esha).get(f"/orders/{number}").text)
    seller = text_of(client_of(cast.dipu).get(f"/orders/{number}").text)
    assert "Babul, Amina Store" in seller
    assert "Approved by" not in seller
    assert ledger.problems() == []
    assert inventory.proof() == []


def test_a_limit_lowered_since_the_page_was_loaded(babul: HouseClient, cast: Cast, bag: Product) -> None:
    approvals.limit(cast.babul, cast.shop, None)
    db.session.commit()
    fill(babul, cast, bag, 100)
    form = hidden(babul.get("/checkout/review").text)
    approvals.limit(cast.babul, cast.shop, "5000")
    db.session.commit()
    answer = babul.post("/checkout/review", data=form)
    assert answer.status_code == 409
    assert "This is above what you may order alone." in text_of(answer.text)
    assert "/checkout/approval" in actions_of(answer.text)
    assert db.session.query(Purchase).count() == 0


def test_a_limit_raised_meanwhile_needs_nobody(babul: HouseClient, cast: Cast, bag: Product) -> None:
    fill(babul, cast, bag, 100)
    form = hidden(babul.get("/checkout/review").text)
    approvals.limit(cast.babul, cast.shop, "50000")
    db.session.commit()
    answer = babul.post("/checkout/approval", data=form)
    assert answer.status_code == 409
    assert "Place the order" in text_of(answer.text)
    assert db.session.query(ApprovalRequest).count() == 0


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_agreed_price_is_kept_and_todays_is_shown(
    amina: HouseClient, bag: Product, path: str, headers: dict[str, str]
) -> None:
    pricing.set_tiers(product=bag, tiers=[(10, taka("150"))])
    db.session.commit()
    page = amina.get(path)
    assert "৳150.00" in text_of(page.text)
    assert amina.post(f"{path}/approval", data={"seen": seen(page.text)}, headers=headers).status_code in {200, 303}
    assert db.session.query(Purchase).one().total == Decimal(13500)


def test_nobody_else_can_order_the_pieces_that_are_kept(
    amina: HouseClient, cast: Cast, bag: Product, path: str
) -> None:
    agreed = seen(amina.get(path).text)
    with pytest.raises(DomainError, match="Only 400 are available"):
        orders.placed(accounts.actor(cast.chandni), {bag: 450})
    db.session.rollback()
    orders.placed(accounts.actor(cast.chandni), {bag: 400})
    db.session.commit()
    assert amina.post(f"{path}/approval", data={"seen": agreed}).status_code == 303
    assert available(bag.id) == (500, 500)


def test_a_line_is_refused_with_a_comment_and_taken_back(amina, babul, cast: Cast, bag: Product) -> None:
    cup = catalog.product(cast.trader, "Cup", tiers=((10, "60"),))
    made = approvals.asked(accounts.actor(cast.babul), {bag: 100, cup: 20})
    db.session.commit()
    path = f"/approvals/{made.id}"
    line = db.session.query(ApprovalLine).filter_by(name="Cup").one().id
    refusal = f"{path}/lines/{line}/refusal"
    assert refusal in actions_of(amina.get(path).text)
    empty = amina.post(refusal, data={f"line-{line}-comment": ""})
    assert empty.status_code == 422
    assert "Please fill this in." in empty.text
    assert amina.post(refusal, data={f"line-{line}-comment": "We have cups"}).status_code == 303
    for browser in (amina, babul):
        words = text_of(browser.get(path).text)
        assert "Amina: We have cups" in words
        assert "৳13,500.00" in words
    assert amina.post(f"{path}/lines/{line}/return").status_code == 303
    assert "Approve and order for ৳14,700.00" in text_of(amina.get(path).text)


def test_refusing_it_all_needs_a_reason(amina: HouseClient, babul: HouseClient, path: str) -> None:
    refused = amina.post(f"{path}/refusal", data={"reason": ""}, headers=HTMX)
    assert refused.status_code == 422
    assert 'id="orders-approval"' in refused.text
    assert amina.post(f"{path}/refusal", data={"reason": "Not this month"}).status_code == 303
    assert "Not this month" in text_of(babul.get(path).text)
    late = amina.post(f"{path}/approval", data={"seen": "x"})
    assert late.status_code == 409
    assert "Amina has refused this request already." in text_of(late.text)


def test_taking_it_back(amina: HouseClient, babul: HouseClient, path: str) -> None:
    assert babul.post(f"{path}/withdrawal").status_code == 303
    assert "Jute bag" in text_of(babul.get("/cart").text)
    assert "Taken back" in text_of(amina.get("/approvals?state=withdrawn").text)
    late = amina.post(f"{path}/approval", data={"seen": "x"})
    assert (late.status_code, "Babul has taken this request back." in text_of(late.text)) == (409, True)


def test_who_finds_nothing_and_who_is_turned_away(client, client_of: Browser, cast: Cast, path: str) -> None:
    colleague = accounts.user("Selim")
    db.session.add(Membership(organization_id=cast.shop.id, user_id=colleague.id, role="member"))
    db.session.commit()
    assert client.get(path).headers["Location"].startswith("/login?")
    posts = ("approval", "refusal", "lines/1/refusal", "lines/1/return")
    for person, page, decision in (
        (cast.chandni, 404, 404),
        (cast.newcomer, 404, 404),
        (colleague, 404, 403),
        (cast.dipu, 403, 403),
        (cast.esha, 403, 403),
        (cast.babul, 200, 403),
    ):
        browser = client_of(person)
        assert browser.get(path).status_code == page, person.name
        for post in posts:
            data = {"seen": "x", "reason": "x", "line-1-comment": "x"}
            assert browser.post(f"{path}/{post}", data=data).status_code == decision, (person.name, post)
        if page != 200:
            assert browser.post(f"{path}/withdrawal").status_code == page
    assert db.session.query(ApprovalRequest).one().state == "waiting"


def test_lists_by_state_and_as_fragment(
    amina: HouseClient, babul: HouseClient, client_of, cast: Cast, path: str
) -> None:
    for browser in (amina, babul):
        assert path in browser.get("/approvals?state=waiting").text
        assert path not in browser.get("/approvals?state=refused").text
        assert browser.get("/approvals?state=nonsense&before=x").status_code == 200
    fragment = amina.get("/approvals", headers=HTMX)
    assert 'id="orders-approvals"' in fragment.text
    assert "<html" not in fragment.text
    assert "Nothing to approve here" in text_of(client_of(cast.chandni).get("/approvals").text)


def test_the_list_costs_the_same_however_long_it_is(amina: HouseClient, cast: Cast, bag: Product, path: str) -> None:
    from tests.queries_counted import queries_counted

    catalog.receive(bag, 5_000)
    with queries_counted() as one:
        amina.get("/approvals")
    for _ in range(24):
        approvals.asked(accounts.actor(cast.babul), {bag: 100})
    db.session.commit()
    with queries_counted() as many:
        page = amina.get("/approvals")
    assert len(many) == len(one)
    assert "before=" in page.text


def test_the_navigation_leads_there(amina: HouseClient, babul: HouseClient, client_of: Browser, cast: Cast) -> None:
    for browser, there in ((amina, True), (babul, True), (client_of(cast.dipu), False), (client_of(cast.esha), False)):
        assert ('href="/approvals"' in browser.get("/products").text) is there
