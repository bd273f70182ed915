"""Parts of pages that are rendered once for equal values, and addresses that are worked out once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from flask import Flask, render_template_string
from jinja2 import meta

from wholesale.config import ROOT
from wholesale.kernel.money import Money
from wholesale.platform import i18n
from wholesale.platform.rendered import rendered
from wholesale.pricing.rules import Offer
from wholesale.pricing.rules.ladders import Tier

# What a part may know beside its values: nothing of the request, its reader or their business.
SAFE = {"_", "gettext", "ngettext", "asset", "integrity", "lang", "range", "dict", "url_for"}
CALL = re.compile(r'rendered\("([^"]+)"((?:,\s*\w+=)?[^}]*)\)')


def parts() -> Iterator[tuple[str, set[str]]]:
    """Every part that a template has rendered, and the names of the values that it is given."""
    for path in (ROOT / "templates").rglob("*.html"):
        for call in CALL.finditer(path.read_text(encoding="utf-8")):
            yield call[1], set(re.findall(r"(\w+)=(?!=)", call[2]))


def unknown(app: Flask, template: str) -> set[str]:
    """The names that a template takes from outside, with those of the templates it includes; macros know no context."""
    source = (ROOT / "templates" / template).read_text(encoding="utf-8")
    tree = app.jinja_env.parse(source)
    included = re.findall(r'{%-? include "([^"]+)"', source)
    own = set(re.findall(r"{%-? set (\w+)", source))
    return (meta.find_undeclared_variables(tree) - own).union(*(unknown(app, each) for each in included))


def test_a_part_knows_its_values_alone(app: Flask) -> None:
    found = list(parts())
    assert {name for name, _ in found} == {"pages/_goods.html", "pages/_filters.html"}
    for template, given in found:
        assert unknown(app, template) - {"calculation"} <= given | SAFE, template


OFFER = Offer(
    product_id=1,
    seller_id=2,
    category_id=3,
    slug="rice",
    name="Rice",
    name_bn="চাল",
    unit="bag",
    moq=10,
    multiple=1,
    currency="BDT",
    ladder=(Tier(10, Money(Decimal(100), "BDT")),),
    available=500,
    cost=Money(Decimal(80), "BDT"),
)


class TestOffersAsKeys:
    """A card is rendered again as soon as anything of its offer differs, for whoever it does."""

    @pytest.mark.parametrize(
        "change",
        [
            {"ladder": (Tier(10, Money(Decimal(99), "BDT")),)},
            {"ladder": (Tier(10, Money(Decimal(100), "KES")),)},
            {"available": 9},
            {"name_bn": "ধান"},
            {"moq": 20},
        ],
    )
    def test_another_offer_is_another_key(self, change: dict[str, object]) -> None:
        other = replace(OFFER, **change)  # type: ignore[arg-type]  # one field of each kind
        assert other != OFFER
        assert {OFFER: "one", other: "other"} == {replace(OFFER): "one", replace(other): "other"}


class TestRendered:
    def test_by_value_and_language(self, house: Flask) -> None:
        with house.test_request_context():
            shown = [self.price(OFFER), self.price(replace(OFFER, ladder=(Tier(10, Money(Decimal(7), "BDT")),)))]
            with i18n.speaking("bn"):
                shown.append(self.price(OFFER))
        assert ["৳100.00" in shown[0], "৳7.00" in shown[1], "১০০.০০৳" in shown[2]] == [True, True, True]

    def price(self, offer: Offer) -> str:
        return rendered("pricing/_card_quote.html", offer=offer, calculation=None)


class TestAddresses:
    @pytest.mark.parametrize(
        ("values", "address"),
        [
            ("q='a b'", "/products?q=a+b"),
            ("stock=1", "/products?stock=1"),
            ("stock=true", "/products?stock=True"),
            ("seller=[1, 2]", "/products?seller=1&amp;seller=2"),
            ("q=none", "/products"),
            ("_anchor='x'", "/products#x"),
        ],
    )
    def test_are_those_of_flask(self, house: Flask, values: str, address: str) -> None:
        for _ in range(2):
            with house.test_request_context():
                assert render_template_string(f"{{{{ url_for('pages.listing', {values}) }}}}") == address

    def test_below_another_root(self, house: Flask) -> None:
        template = "{{ url_for('pages.home') }} {{ url_for('pages.home', _external=True) }}"
        with house.test_request_context():
            assert render_template_string(template) == "/ http://localhost/"
        with house.test_request_context(base_url="https://shop.example/wholesale"):
            assert render_template_string(template) == "/wholesale/ https://shop.example/wholesale/"
