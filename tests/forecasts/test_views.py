"""The list and a variant's page, as whole pages and as fragments; and what is said and set there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations, reports
from tests.forecasts.test_queries import MONDAY, NOON, forecast
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.catalog.models import Product
from wholesale.forecasts import screens, slots
from wholesale.forecasts.models import Forecast, Override, Setting
from wholesale.inventory import queries as inventory
from wholesale.inventory import slots as stock_slots
from wholesale.kernel import clock
from wholesale.organizations.models import Organization
from wholesale.platform.db import db

SignIn = Callable[[User], HouseClient]


@pytest.fixture(autouse=True)
def wednesday(house: Flask) -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = reports.product(cast.trader, "Jute bag", lead_time_days=7)
    forecast(catalog.variants_of(made)[0], cast.trader.id)
    db.session.commit()
    return made


def variant_of(product: Product) -> int:
    return catalog.variants_of(product)[0]


def other_seller() -> tuple[User, Organization]:
    user = accounts.user("Farid")
    return user, organizations.business("Farid Traders", kind="seller", members={user: "owner"})


def test_the_list_shows_a_sellers_own(cast: Cast, bag: Product, client_of: SignIn) -> None:
    _user, stranger = other_seller()
    foreign = catalog.product(stranger, "Foreign goods")
    forecast(variant_of(foreign), stranger.id)
    db.session.commit()
    page = client_of(cast.dipu).get("/seller/forecasts")
    assert page.status_code == 200
    assert "Jute bag" in page.text
    assert "Foreign goods" not in page.text
    part = client_of(cast.dipu).get("/seller/forecasts", headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert part.text.lstrip().startswith('<section id="forecasts-forecasts"')


def test_the_list_says_why(cast: Cast, bag: Product, client_of: SignIn) -> None:
    assert "Not ordered in the last twelve weeks." in client_of(cast.dipu).get("/seller/forecasts").text
    reports.sold(cast.amina, {bag: 40}, "2026-11-10T12:00+06:00")
    reports.sold(cast.amina, {bag: 80}, "2026-10-01T12:00+06:00")
    db.session.commit()
    page = client_of(cast.dipu).get("/seller/forecasts").text
    assert "Ordered a week: 10 in the last four, 10 in the eight before." in page


def test_staff_see_everybodys(cast: Cast, bag: Product, client_of: SignIn) -> None:
    admin = client_of(cast.esha)
    assert admin.get("/seller/forecasts").headers["Location"] == "/admin/forecasts"
    assert cast.trader.name in admin.get("/admin/forecasts").text


@pytest.mark.parametrize(("sort", "first"), [("expected", "Large"), ("error", "Wrong"), ("change", "Moved")])
def test_what_stands_first(cast: Cast, client_of: SignIn, sort: str, first: str) -> None:
    for name, more in (
        ("Large", {"mean": Decimal(900)}),
        ("Wrong", {"error": Decimal(2)}),
        ("Moved", {"before": Decimal(1)}),
    ):
        forecast(variant_of(catalog.product(cast.trader, name)), cast.trader.id, **more)  # type: ignore[arg-type]
    db.session.commit()
    page = client_of(cast.dipu).get("/seller/forecasts", query_string={"sort": sort})
    names = [name for name in ("Large", "Wrong", "Moved") if name in page.text]
    assert min(names, key=page.text.index) == first


def test_the_list_is_searched_and_turned(cast: Cast, client_of: SignIn) -> None:
    for number in range(27):
        forecast(variant_of(catalog.product(cast.trader, f"Thing {number:02}")), cast.trader.id, mean=Decimal(number))
    db.session.commit()
    client = client_of(cast.dipu)
    page = client.get("/seller/forecasts")
    assert "Thing 26" in page.text
    assert "Thing 01" not in page.text
    after = page.text.partition("after=")[2].partition('"')[0].replace("&amp;", "&")
    rest = client.get(f"/seller/forecasts?after={after}")
    assert "Thing 01" in rest.text
    assert "Thing 26" not in rest.text
    found = client.get("/seller/forecasts?q=thing 07").text
    assert "Thing 07" in found
    assert "Thing 08" not in found
    assert "Nothing found" in client.get("/seller/forecasts?q=elephant").text
    assert client.get("/seller/forecasts?after=nonsense&sort=nonsense").status_code == 200
    assert client.get("/seller/forecasts?after=1:99999999999999999999").status_code == 200
    assert client.get("/seller/forecasts?after=NaN:1").status_code == 200


def test_nothing_yet_says_so(cast: Cast, client_of: SignIn) -> None:
    assert "No forecasts yet" in client_of(cast.dipu).get("/seller/forecasts").text
    variant = variant_of(catalog.product(cast.trader))
    db.session.commit()
    page = client_of(cast.dipu).get(f"/seller/forecasts/{variant}").text
    assert "No forecast yet" in page


def test_a_variants_page_says_what_and_why(cast: Cast, bag: Product, client_of: SignIn) -> None:
    reports.sold(cast.amina, {bag: 40}, "2026-11-10T12:00+06:00")
    db.session.commit()
    page = client_of(cast.dipu).get(f"/seller/forecasts/{variant_of(bag)}")
    assert page.status_code == 200
    assert "56 expected in the next four weeks." in page.text
    assert "<svg" in page.text
    assert "wrong by 40; expecting the last week again would have been wrong by 60" in page.text
    assert "The middle one of five simple methods" in page.text
    part = client_of(cast.dipu).get(
        f"/seller/forecasts/{variant_of(bag)}", headers={"HX-Request": "true", "HX-Request-Type": "partial"}
    )
    assert part.text.lstrip().startswith('<div id="forecasts-variant"')


def test_what_follows_for_stock_goes_by_supplier_and_what_is_on_its_way(
    cast: Cast, bag: Product, client_of: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = variant_of(bag)
    monkeypatch.setattr(slots._told, "lead_days", lambda _ids: {variant: (3, 28)})
    monkeypatch.setattr(stock_slots._told, "on_order", lambda _ids: {variant: 30})
    found = screens.screen(accounts.actor(cast.dipu), variant)
    assert (found.lead_days, found.lead_known, found.on_order) == (28, True, 30)
    # 14 a week, a week's error 3: four weeks and 1.6449 × 2 × 3; five weeks and 1.6449 × √5 × 3, less what there is.
    assert (found.level, found.safety) == (56 + 10, 10)
    assert found.quantity == 0
    monkeypatch.setattr(inventory, "available", lambda _ids: {variant: 20})
    assert screens.screen(accounts.actor(cast.dipu), variant).quantity == 70 + 12 - 20 - 30
    assert "Until there is more: 28 days" in client_of(cast.dipu).get(f"/seller/forecasts/{variant}").text
    monkeypatch.setattr(slots._told, "lead_days", None)
    monkeypatch.setattr(stock_slots._told, "on_order", None)
    found = screens.screen(accounts.actor(cast.dipu), variant)
    assert (found.lead_days, found.lead_known, found.on_order) == (7, True, None)


def test_strangers_find_nothing(cast: Cast, bag: Product, client_of: SignIn) -> None:
    user, _stranger = other_seller()
    db.session.commit()
    stranger, variant = client_of(user), variant_of(bag)
    assert stranger.get(f"/seller/forecasts/{variant}").status_code == 404
    for where in ("override", "override/end", "setting", "setting/end", "making"):
        answer = stranger.post(
            f"/seller/forecasts/{variant}/{where}",
            data={"weekly": "5", "note": "x", "ends_on": "2026-12-01", "service": "95", "review_days": "7"},
        )
        assert answer.status_code == 404, where
    assert client_of(cast.amina).get("/seller/forecasts").status_code == 403


def test_somebody_knows_better_and_takes_it_back(cast: Cast, bag: Product, client_of: SignIn) -> None:
    client, variant = client_of(cast.dipu), variant_of(bag)
    where = f"/seller/forecasts/{variant}"
    typed = {"weekly": "৫০", "reorder_level": "", "note": "Eid is near", "ends_on": "2026-12-20"}
    assert client.post(f"{where}/override", data=typed).status_code == 303
    page = client.get(where).text
    assert "Set by hand: 50 a week" in page
    assert "Eid is near" in page
    listed = client.get("/seller/forecasts?overridden=yes").text
    assert "set by hand" in listed
    assert "<b>50</b>" in listed
    assert "forecast: 14" in listed
    assert client.post(f"{where}/override", data=typed).status_code == 303  # sent twice
    assert db.session.query(Override).count() == 1
    assert client.post(f"{where}/override/end").status_code == 303
    assert client.post(f"{where}/override/end").status_code == 303
    page = client.get(where).text
    assert "Set by hand: 50" not in page
    assert "Eid is near" in page  # it is remembered
    assert "ended by Dipu" in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weekly": "", "reorder_level": ""}, "Say how many a week"),
        ({"weekly": "-1"}, "whole number"),
        ({"weekly": "1.5"}, "whole number"),
        ({"note": ""}, "Please fill this in"),
        ({"ends_on": ""}, "Please fill this in"),
        ({"ends_on": "2026-11-17"}, "from today on"),
        ({"ends_on": "2029-01-01"}, "from today on"),
        ({"weekly": "99999999999"}, "up to"),
    ],
)
def test_what_is_wrong_stays_as_it_was_typed(
    cast: Cast, bag: Product, client_of: SignIn, change: dict[str, str], said: str
) -> None:
    typed = {"weekly": "50", "reorder_level": "", "note": "Eid is near", "ends_on": "2026-12-20"} | change
    page = client_of(cast.dipu).post(f"/seller/forecasts/{variant_of(bag)}/override", data=typed)
    assert page.status_code == 422
    assert said in page.text
    for value in typed.values():
        assert f'value="{value}"' in page.text
    assert db.session.query(Override).count() == 0


def test_how_well_goods_are_kept(cast: Cast, bag: Product, client_of: SignIn) -> None:
    client, variant = client_of(cast.dipu), variant_of(bag)
    where = f"/seller/forecasts/{variant}"
    assert client.post("/seller/forecasts/setting", data={"service": "80", "review_days": "14"}).status_code == 303
    assert "80 of 100 times." in client.get(where).text
    assert client.post(f"{where}/setting", data={"service": "99", "review_days": "30"}).status_code == 303
    assert "99 of 100 times." in client.get(where).text
    assert "after 37 days" in client.get(where).text
    assert client.post(f"{where}/setting/end").status_code == 303
    assert "80 of 100 times." in client.get(where).text
    assert db.session.query(Setting).count() == 1
    wrong = client.post(f"{where}/setting", data={"service": "95", "review_days": "0"})
    assert wrong.status_code == 422
    assert 'value="0"' in wrong.text
    wrong = client.post("/seller/forecasts/setting", data={"service": "12", "review_days": "100"})
    assert wrong.status_code == 422
    assert 'value="100"' in wrong.text


def test_what_admins_do_is_in_the_sellers_log(cast: Cast, bag: Product, client_of: SignIn) -> None:
    admin, where = client_of(cast.esha), f"/seller/forecasts/{variant_of(bag)}"
    typed = {"weekly": "50", "note": "Asked on the phone", "ends_on": "2026-12-20"}
    assert admin.post(f"{where}/override", data=typed).status_code == 303
    assert admin.post(f"{where}/override/end").status_code == 303
    assert admin.post(f"{where}/setting", data={"service": "99", "review_days": "30"}).status_code == 303
    noted = db.session.scalars(
        sa.select(AuditEntry.action).where(AuditEntry.thing == "variant", AuditEntry.organization_id == cast.trader.id)
    ).all()
    assert sorted(noted) == ["forecast.kept", "forecast.overridden", "forecast.override_ended"]


def test_one_is_made_now(cast: Cast, client_of: SignIn) -> None:
    bag = reports.product(cast.trader, "Jute bag")
    for week in range(1, 15):
        at = (NOON - timedelta(weeks=week)).isoformat()
        reports.sold(cast.amina, {bag: 20}, at)
    db.session.commit()
    where = f"/seller/forecasts/{variant_of(bag)}"
    client = client_of(cast.dipu)
    assert client.post(f"{where}/making").status_code == 303
    assert "80 expected in the next four weeks." in client.get(where).text
    made = db.session.get_one(Forecast, variant_of(bag))
    assert made.starts_on == MONDAY
    assert made.weekly == [20] * 12
    assert made.error == 0
