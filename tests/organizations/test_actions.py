"""Founding businesses and adding addresses, on the real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_babel import force_locale

from tests.conftest import Cast
from tests.factories import accounts, organizations
from wholesale.kernel.errors import DomainError, ForbiddenError, NotFoundError
from wholesale.organizations import actions, queries
from wholesale.organizations.forms import AddressForm
from wholesale.organizations.models import Membership, Organization
from wholesale.platform.db import db

ADDRESS = {
    "contact_name": "Amina",
    "phone": "+8801712345678",
    "line": "12 Bazar Road",
    "area": "Mirpur",
    "district": "Dhaka",
}


def found(owner: Any, name: str = "Padma Traders", **more: Any) -> Organization:
    facts = {
        "kind": "seller",
        "phone": "+8801712345678",
        "email": "padma@test.example",
        "trade_licence_no": " trad/০১২৩/26",
        "tax_no": "001234567-0101",
    }
    return actions.found_business(owner=owner, name=name, **(facts | more))


def test_a_business_is_founded_unverified_with_its_owner(house: Flask) -> None:
    owner = accounts.user("Padma")
    made = found(owner, legal_name=" Padma Traders Limited ")
    assert made.verified_until is None
    assert made.currency == "BDT"
    assert made.legal_name == "Padma Traders Limited"
    papers = organizations.papers(made)
    assert (papers.trade_licence_no, papers.tax_no) == ("TRAD/0123/26", "0012345670101")
    assert db.session.get(Membership, (made.id, owner.id)).role == "owner"
    assert not accounts.actor(owner).is_verified


def test_one_name_many_addresses(house: Flask) -> None:
    owner = accounts.user("Padma")
    slugs = [found(owner, name).slug for name in ["Padma Traders"] * 7 + ["পদ্মা"] * 2]
    assert slugs[:5] == ["padma-traders", *(f"padma-traders-{number}" for number in range(2, 6))]
    assert len(set(slugs)) == 9
    assert slugs[7] == "seller"


@pytest.mark.parametrize("wrong", [{"tax_no": "77"}, {"trade_licence_no": "?"}])
def test_wrong_numbers_found_nothing(house: Flask, wrong: dict[str, str]) -> None:
    owner = accounts.user("Padma")
    with pytest.raises(DomainError) as caught:
        found(owner, **wrong)
    assert caught.value.field in wrong
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Organization)) == 0


def test_being_verified_takes_the_papers_numbers(cast: Cast) -> None:
    day = date(2031, 6, 30)
    actions.set_verified_until(
        organization_id=cast.new_shop.id, until=day, trade_licence_no="TL-9", tax_no="123456789012"
    )
    db.session.refresh(cast.new_shop)
    assert cast.new_shop.verified_until == day
    papers = organizations.papers(cast.new_shop)
    assert (papers.trade_licence_no, papers.tax_no) == ("TL-9", "123456789012")
    assert organizations.papers(cast.shop).tax_no != "123456789012"


def test_an_address_belongs_to_the_business(cast: Cast) -> None:
    amina, chandni = accounts.actor(cast.amina), accounts.actor(cast.chandni)
    made = actions.add_address(actor=amina, **ADDRESS)
    assert queries.address(accounts.actor(cast.babul), made.id) is made
    with pytest.raises(NotFoundError):
        queries.address(chandni, made.id)


def test_viewers_only_look_and_districts_are_real(cast: Cast) -> None:
    amina = accounts.actor(cast.amina)
    with pytest.raises(ForbiddenError):
        actions.add_address(actor=replace(amina, role="viewer"), **ADDRESS)
    with pytest.raises(DomainError) as caught:
        actions.add_address(actor=amina, **(ADDRESS | {"district": "Atlantis"}))
    assert caught.value.field == "district"
    assert queries.addresses(amina) == []


def test_the_address_form_lists_districts_under_their_divisions(house: Flask) -> None:
    with house.test_request_context("/", method="POST", data=ADDRESS | {"phone": "01712 345678"}):
        form = AddressForm()
        assert form.validate(), form.errors
        assert form.phone.data == "+8801712345678"
        html = str(form.district())
        assert '<select id="district" name="district"><option value="">' in html
        assert '<optgroup label="Sylhet">' in html
        assert '<option selected value="Dhaka">Dhaka</option>' in html
    with house.test_request_context("/"), force_locale("bn"):
        assert '<optgroup label="সিলেট">' in str(AddressForm().district())


@pytest.mark.parametrize(
    "wrong", [{"district": ""}, {"district": "Atlantis"}, {"phone": "12"}, {"line": ""}, {"area": "x" * 999}]
)
def test_the_address_form_refuses(house: Flask, wrong: dict[str, str]) -> None:
    with house.test_request_context("/", method="POST", data=ADDRESS | wrong):
        form = AddressForm()
        assert not form.validate()
        assert list(form.errors) == list(wrong)
        assert len(form.errors[next(iter(wrong))]) == 1
