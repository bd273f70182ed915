"""Goods that could not be put on a list are still in the form that says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.client import HouseClient, parse
from tests.conftest import Cast
from tests.factories import catalog
from wholesale.accounts.models import User
from wholesale.order_lists.models import OrderList
from wholesale.platform.db import db

XHTML = "{http://www.w3.org/1999/xhtml}"
Browser = Callable[[User], HouseClient]


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "Eid", "quantity": "many"}, {"name": "x" * 81}])
def test_what_was_typed_stays_with_the_goods_and_can_be_sent_again(
    client_of: Browser, cast: Cast, wrong: dict[str, str]
) -> None:
    bag = catalog.product(cast.trader, "Jute bag", sku="JB-100")
    db.session.commit()
    amina = client_of(cast.amina)
    assert amina.post("/lists", data={"name": "Every Monday"}).status_code == 303
    typed = {"variant_id": str(catalog.variants_of(bag)[0]), "quantity": "৫০", "list_id": ""} | wrong
    answer = amina.post("/lists/lines", data=typed)
    assert answer.status_code == 422
    form = next(each for each in parse(answer.text).iter(f"{XHTML}form") if each.get("action") == "/lists/lines")
    kept = {str(each.get("name")): each.get("value", "") for each in form.iter(f"{XHTML}input")}
    assert {name: kept[name] for name in ("variant_id", "quantity", "name")} == {
        name: typed[name] for name in ("variant_id", "quantity", "name")
    }
    assert [each.get("value") for each in form.iter(f"{XHTML}option") if each.get("selected") is not None] == [""]
    assert amina.post("/lists/lines", data=typed | {"name": "Eid", "quantity": "৫০"}).status_code == 303
    assert {each.name for each in db.session.query(OrderList)} == {"Every Monday", "Eid"}
