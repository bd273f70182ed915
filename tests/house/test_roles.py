"""Roles inside a business: a viewer changes nothing of it, a member decides nothing about it (ACC-6).

Unlike test_access, these people belong to the business whose things the routes name.
"""

from __future__ import annotations

import pytest

from tests.conftest import Cast
from tests.factories import accounts, organizations
from tests.house import access_table as table
from tests.house.world import World, routes
from tests.queries_counted import statements
from wholesale.platform.db import db

# One's own account, and the reader's own relation to the business.
OWN = {"organizations.leave", "organizations.act_for", "organizations.new", "organizations.join"}
OWN_BLUEPRINTS = {"accounts", "second_factor", "privacy", "acting"}
# The picture of an invoice is made again for whoever may read it.
# Many lines are priced and checked by a form; only putting them into the cart writes.
# Whoever sees orders takes them along as a table.
READING = {"papers.ask", "papers.try_again", "invoicing.ask", "quick_order.check", "order_history.request_export"}
MEMBERS_TOO = {
    "answers.accept",
    "answers.decline",
    "orders.cancel_pieces",
    "orders.cancel_purchase",
    "orders.deliver",
    "orders.ship",
    "returns.ask",
    "returns.close",
    "returns.withdraw",
    "cart.accept_prices",
    "cart.put",
    "cart.remove",
    "cart.update",
    "checkout.add_address",
    "checkout.ask_approval",
    "checkout.choose_address",
    "checkout.choose_delivery",
    "checkout.choose_payment",
    "checkout.place",
    "order_lists.add",
    "order_lists.create",
    "order_lists.keep_cart",
    "order_lists.mark",
    "order_lists.move_line",
    "order_lists.order",
    "order_lists.remove",
    "order_lists.remove_line",
    "order_lists.rename",
    "order_lists.set_quantities",
    "order_lists.share",
    "orders.keep_as_list",
    "orders.move",
    "orders.order_again",
    "orders.take_again",
    "organizations.address",
    "organizations.new_address",
    "organizations.remove_address",
    "quick_order.put",
}
# Of what members do, by the person and not by the role: only who asked takes a request back.
BY_PERSON = {"approvals.withdraw"}


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_what_a_role_may_not_write(world: World, cast: Cast, role: str) -> None:
    """Every POST route that a business has is refused with 403, and not a row is written."""
    person = accounts.user("Insider")
    organizations.join(cast.shop, {person: role})
    token = accounts.sign_in(person)
    db.session.commit()
    wrong, seen = [], set()
    for rule, method in routes(world.app):
        room = rule.endpoint.partition(".")[0]
        of_a_business = table.WHO[rule.endpoint, method] not in (table.EVERYBODY, table.PLATFORM)
        if method == "GET" or not of_a_business or room in OWN_BLUEPRINTS or rule.endpoint in OWN | READING | BY_PERSON:
            continue
        allowed = role == "member" and rule.endpoint in MEMBERS_TOO
        seen.add(rule.endpoint)
        browser = world.app.test_client().login(token)
        with world.undone(), statements() as sent:
            response = browser.post(world.url(rule), data=world.form(rule) or None)
        wrote = [sql for sql in sent if sql.lstrip().startswith(("INSERT", "UPDATE", "DELETE"))]
        if (response.status_code == 403) == allowed or (wrote and not allowed):
            wrong.append((rule.rule, response.status_code, wrote))
    assert wrong == []
    assert MEMBERS_TOO | {"organizations.remove", "organizations.invite", "verification.status"} <= seen
    assert {rule.endpoint for rule, _ in routes(world.app)} >= BY_PERSON | READING | OWN


def test_a_seller_viewer_moves_no_order(world: World, cast: Cast) -> None:
    person = accounts.user("Insider")
    organizations.join(cast.trader, {person: "viewer"})
    token = accounts.sign_in(person)
    db.session.commit()
    browser = world.app.test_client().login(token)
    assert browser.get(f"/orders/{world.order_number}").status_code == 200
    for to in ("confirmed", "cancelled"):
        moved = browser.post(f"/orders/{world.order_number}/state", data={"to": to, "reason": "No."})
        assert moved.status_code == 403
