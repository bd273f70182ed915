"""What categories ask of their products: inheritance, answers, and the rules that keep both in order."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import catalog as factory
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.catalog import actions, queries
from wholesale.catalog.models import Category, CategoryAttribute, Product
from wholesale.catalog.rules.attributes import (
    KINDS,
    Attribute,
    attribute_problems,
    check_attributes,
    check_options,
    inherited,
    read_attribute,
)
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow

MATERIAL = Attribute(1, 1, "Material", None, "choice", ("Jute", "Cotton", "পাট"))
WEIGHT = Attribute(2, 1, "Weight", None, "number", unit="g")
NOTE = Attribute(3, 1, "Note", None, "text")


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "typed", "kept"),
    [
        (MATERIAL, "Jute", "Jute"),
        (MATERIAL, "  jute ", "Jute"),
        (MATERIAL, "COTTON", "Cotton"),
        (MATERIAL, "পাট", "পাট"),
        (MATERIAL, "", ""),
        (WEIGHT, "12", "12"),
        (WEIGHT, "১২.৫০", "12.5"),
        (WEIGHT, "1,250 g", "1250"),
        (WEIGHT, "12.5g", "12.5"),
        (WEIGHT, "100", "100"),
        (WEIGHT, "-0", "0"),
        (WEIGHT, "-4.0", "-4"),
        (WEIGHT, "1e2", "100"),
        (WEIGHT, "0.000001", "0.000001"),
        (NOTE, " two\n lines ", "two lines"),
        (NOTE, "চা <b>", "চা <b>"),
        (NOTE, " ", ""),
    ],
)
def test_answers_are_kept_in_one_way_of_writing(attribute, typed, kept) -> None:
    assert read_attribute(attribute, typed) == kept


@pytest.mark.parametrize(
    ("attribute", "typed"),
    [
        (MATERIAL, "Wool"),
        (MATERIAL, "Jute, Cotton"),
        (WEIGHT, "heavy"),
        (WEIGHT, "NaN"),
        (WEIGHT, "-Infinity"),
        (WEIGHT, "1e309"),
        (WEIGHT, "1" + "0" * 12),
        (WEIGHT, "0.0000001"),
        (WEIGHT, "9" * 60),
        (WEIGHT, "12 kg"),
        (WEIGHT, "g"),
        (NOTE, "x" * 201),
        (NOTE, "nul\0"),
        (NOTE, "\ud800"),
    ],
)
def test_answers_that_make_no_sense_are_refused_on_their_field(attribute, typed) -> None:
    with pytest.raises(DomainError) as refused:
        check_attributes([attribute], {attribute.id: typed})
    assert refused.value.field == attribute.field == f"attribute_{attribute.id}"


def test_all_mistakes_are_found_at_once() -> None:
    given_answers = {1: "Wool", 2: "heavy", 3: "fine", 99: "not asked"}
    problems = attribute_problems([MATERIAL, WEIGHT, NOTE], given_answers)
    assert [each.field for each in problems] == ["attribute_1", "attribute_2"]
    assert check_attributes([NOTE], given_answers) == {"3": "fine"}
    assert check_attributes([MATERIAL, WEIGHT], {}) == {}


@given(st.text(max_size=60), st.sampled_from([MATERIAL, WEIGHT, NOTE]))
def test_whatever_is_typed_is_kept_stably_or_refused(typed: str, attribute: Attribute) -> None:
    problems = attribute_problems([attribute], {attribute.id: typed})
    if problems:
        assert [each.field for each in problems] == [attribute.field]
        return
    kept = read_attribute(attribute, typed)
    assert read_attribute(attribute, kept) == kept
    if attribute.kind == "choice":
        assert kept in {"", *attribute.options}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**11), max_value=10**11))
def test_every_number_survives_in_either_digits(value: Decimal) -> None:
    bangla = f"{value:f}".translate(str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯"))
    for typed in (f"{value:f}", f"{value:,f}", bangla, f"{value:f} g"):
        kept = read_attribute(WEIGHT, typed)
        assert Decimal(kept) == value
        assert "E" not in kept
        assert not kept.endswith(".")


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (["Jute", " Cotton ", "", "jute"], ["Jute", "Cotton"]),
        (["ছোট", "বড়"], ["ছোট", "বড়"]),
        (["a  b", "c"], ["a b", "c"]),
    ],
)
def test_options_are_trimmed_and_stand_once(lines, kept) -> None:
    assert check_options("choice", lines) == [unicodedata.normalize("NFC", each) for each in kept]
    assert check_options("text", lines) == []


@pytest.mark.parametrize("lines", [[], ["one"], ["one", "ONE"], ["x" * 81, "y"], [str(n) for n in range(101)]])
def test_options_that_are_no_choice(lines) -> None:
    with pytest.raises(DomainError) as refused:
        check_options("choice", lines)
    assert refused.value.field == "options"


# --- inheritance -----------------------------------------------------------------------------------------------------


@given(st.integers(1, 12), st.data())
def test_a_category_inherits_from_its_line_alone(size: int, data: st.DataObject) -> None:
    parents = {n: data.draw(st.sampled_from([None, *range(1, n)]), label=f"parent of {n}") for n in range(1, size + 1)}
    own = {n: [Attribute(n, n, f"a{n}", None, "text")] for n in parents}
    for category_id in parents:
        line, at = [], category_id
        while at is not None:
            line.insert(0, at)
            at = parents[at]  # type: ignore[assignment]
        assert [each.category_id for each in inherited(parents, own, category_id)] == line


def test_a_ring_ends() -> None:
    assert inherited({1: 2, 2: 1}, {1: [NOTE]}, 1) == [NOTE]


def grown(depth: int = 3) -> list[Category]:
    """A line of categories, each below the one before, with an attribute each."""
    line: list[Category] = []
    for number in range(depth):
        parent_id = line[-1].id if line else None
        category = actions.create_category(actor=SYSTEM, name=f"Level {number}", parent_id=parent_id)
        actions.add_attribute(actor=SYSTEM, category_id=category.id, name=f"Of level {number}", kind="text")
        line.append(category)
    return line


def test_the_database_inherits_as_the_rule_does(cast: Cast) -> None:
    line = grown(4)
    actions.add_attribute(actor=SYSTEM, category_id=line[0].id, name="Second of the root", kind="number", unit="g")
    every = queries.attributes_by_category()
    for depth, category in enumerate(line):
        names = [each.name for each in queries.attributes_for(category.id)]
        assert names == ["Of level 0", "Second of the root", *(f"Of level {n}" for n in range(1, depth + 1))]
        assert [each.name for each in every[category.id]] == names
    assert queries.attributes_for(0) == []


# --- changing them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1, 2])
def test_nobody_is_asked_the_same_twice(cast: Cast, place) -> None:
    line = grown(3)
    with pytest.raises(DomainError) as refused:
        actions.add_attribute(actor=SYSTEM, category_id=line[place].id, name="of LEVEL 1", kind="text")
    assert refused.value.field == "name"
    aside = actions.create_category(actor=SYSTEM, name="Aside")
    actions.add_attribute(actor=SYSTEM, category_id=aside.id, name="Of level 1", kind="text")
    with pytest.raises(DomainError) as refused:
        actions.change_category(actor=SYSTEM, category_id=aside.id, name="Aside", parent_id=line[2].id)
    assert refused.value.field == "parent_id"


def answered(cast: Cast, options: tuple[str, ...] = ("Jute", "Cotton")) -> tuple[CategoryAttribute, list[int]]:
    """Three products: two say Jute, one says nothing."""
    products = [factory.product(cast.trader, f"Bag {n}") for n in range(3)]
    attribute = factory.attribute(products[0].category_id, options=options)
    for product in products[:2]:
        product.attributes = {str(attribute.id): "Jute", "999": "kept"}
    db.session.commit()
    return attribute, [product.id for product in products]


def changed(attribute: CategoryAttribute, **more: object) -> None:
    facts = {"name": attribute.name, "kind": attribute.kind, "options": attribute.options} | more
    actions.change_attribute(
        actor=SYSTEM,
        category_id=attribute.category_id,
        attribute_id=attribute.id,
        **facts,  # type: ignore[arg-type]
    )


def test_what_products_answered_stays_an_answer(cast: Cast) -> None:
    attribute, _ = answered(cast)
    with pytest.raises(DomainError, match=r"answered it \(2\)") as refused:
        changed(attribute, kind="text")
    assert refused.value.field == "kind"
    with pytest.raises(DomainError, match="Jute") as refused:
        changed(attribute, options=["Cotton", "Silk"])
    assert refused.value.field == "options"
    changed(attribute, options=["Jute", "Silk"], name="Made of")
    assert attribute.options == ["Jute", "Silk"]
    assert db.session.query(OutboxRow).filter_by(event="CategoryChanged").count() == 1


def test_an_unanswered_one_may_become_another_kind(cast: Cast) -> None:
    attribute = factory.attribute(factory.category().id)
    changed(attribute, kind="number", unit="cm")
    assert (attribute.kind, attribute.options, attribute.unit) == ("number", [], "cm")


def test_removing_one_takes_the_answers_and_says_how_many(cast: Cast) -> None:
    attribute, products = answered(cast)
    known = {"actor": SYSTEM, "category_id": attribute.category_id, "attribute_id": attribute.id}
    for seen in (0, 1):
        with pytest.raises(ConflictError, match=r"by now \(2\)"):
            actions.remove_attribute(**known, seen=seen)  # type: ignore[arg-type]
    assert actions.remove_attribute(**known, seen=2) == 2  # type: ignore[arg-type]
    db.session.commit()
    assert [db.session.get_one(Product, each).attributes for each in products] == [
        {"999": "kept"},
        {"999": "kept"},
        {},
    ]
    entry = db.session.query(AuditEntry).filter_by(action="attribute.removed").one()
    assert entry.before is not None
    assert entry.before["products"] == 2
    with pytest.raises(NotFoundError):
        actions.remove_attribute(**known)  # type: ignore[arg-type]


def test_very_many_answers_are_taken_some_at_a_time(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wholesale.catalog.actions.attributes.AT_ONCE", 1)
    attribute, products = answered(cast)
    actions.remove_attribute(actor=SYSTEM, category_id=attribute.category_id, attribute_id=attribute.id, seen=2)
    db.session.commit()
    key = str(attribute.id)
    assert sum(key in db.session.get_one(Product, each).attributes for each in products) == 1
    outbox.drain()
    db.session.expire_all()
    assert sum(key in db.session.get_one(Product, each).attributes for each in products) == 0


def test_they_change_places(cast: Cast) -> None:
    category = factory.category()
    one, two, three = (factory.attribute(category.id, name) for name in ("One", "Two", "Three"))
    for moved, way, wanted in (
        (three, "up", "One Three Two"),
        (one, "up", "One Three Two"),
        (one, "down", "Three One Two"),
    ):
        actions.move_attribute(actor=SYSTEM, category_id=category.id, attribute_id=moved.id, way=way)  # type: ignore[arg-type]
        assert " ".join(each.name for each in queries.attributes_for(category.id)) == wanted
    assert two.position == 2


# --- the screens -----------------------------------------------------------------------------------------------------


@pytest.fixture
def esha(client_of: Callable[[User], HouseClient], cast: Cast) -> HouseClient:
    return client_of(cast.esha)


def test_an_attribute_from_beginning_to_end(esha: HouseClient) -> None:
    category = factory.category()
    db.session.commit()
    new = f"/admin/categories/{category.id}/attributes/new"
    assert all(word in text_of(esha.get(new).text) for word in KINDS.values())
    sent = {"name": "Material", "name_bn": "উপাদান", "kind": "choice", "options": "Jute\r\nCotton\r\n"}
    response = esha.post(new, data=sent)
    assert response.status_code == 303
    assert "Jute, Cotton" in text_of(esha.get(response.location).text)
    attribute = db.session.query(CategoryAttribute).one()
    page = f"/admin/categories/{category.id}/attributes/{attribute.id}"
    assert "Jute\nCotton" in esha.get(page).text.replace("&#10;", "\n").replace("\r", "")
    assert esha.post(page, data={**sent, "options": "Jute\nCotton\nSilk"}).status_code == 303
    db.session.refresh(attribute)
    assert attribute.options == ["Jute", "Cotton", "Silk"]
    assert esha.post(page).status_code in {303, 422}  # an empty form, as no browser sends it
    assert esha.post(f"{page}/removal").status_code == 303
    assert db.session.query(CategoryAttribute).count() == 0
    assert esha.get(page).status_code == 404


def test_what_was_typed_is_kept_when_it_is_refused(esha: HouseClient) -> None:
    category = factory.category()
    db.session.commit()
    response = esha.post(
        f"/admin/categories/{category.id}/attributes/new",
        data={"name": "Material", "kind": "choice", "options": "Jute only"},
    )
    assert response.status_code == 422
    assert "Jute only" in response.text
    assert "at least two options" in response.text


def test_the_page_says_how_many_answers_are_lost(cast: Cast, esha: HouseClient) -> None:
    attribute, _ = answered(cast)
    page = f"/admin/categories/{attribute.category_id}/attributes/{attribute.id}"
    assert "The answers of 2 products are lost." in text_of(esha.get(page).text)
    assert esha.post(f"{page}/removal", data={"seen": "0"}).status_code == 409
    assert esha.post(f"{page}/removal", data={"seen": "2"}).status_code == 303


def test_order_by_buttons(esha: HouseClient) -> None:
    category = factory.category()
    one, two = factory.attribute(category.id, "One"), factory.attribute(category.id, "Two")
    db.session.commit()
    where = f"/admin/categories/{category.id}/attributes"
    assert esha.post(f"{where}/order", data={"up": two.id}).status_code == 303
    assert [each.name for each in queries.attributes_for(category.id)] == ["Two", "One"]
    fragment = esha.post(f"{where}/order", data={"down": two.id}, headers=HTMX, follow_redirects=True).text
    assert fragment.lstrip().startswith('<section id="catalog-attributes"')
    assert one.id == queries.attributes_for(category.id)[0].id
    assert esha.get(where).status_code == 200
    for odd in ({}, {"up": "x"}, {"down": "9" * 40}, {"up": "0"}):
        assert esha.post(f"{where}/order", data=odd).status_code == 404


def test_one_of_another_category_is_not_found(esha: HouseClient) -> None:
    attribute = factory.attribute(factory.category().id)
    other = factory.category("tea", "Tea")
    db.session.commit()
    where = f"/admin/categories/{other.id}/attributes/{attribute.id}"
    assert esha.get(where).status_code == 404
    assert esha.post(where, data={"name": "x", "kind": "text"}).status_code == 404
    assert esha.post(f"{where}/removal").status_code == 404


# --- options in Bangla ------------------------------------------------------------------------------------


def test_an_option_may_have_a_name_in_bangla(cast: Cast, client_of: Callable[[User], HouseClient]) -> None:
    bags = factory.category()
    admin = client_of(cast.esha)
    made = admin.post(
        f"/admin/categories/{bags.id}/attributes/new",
        data={"name": "Colour", "name_bn": "রং", "kind": "choice", "options": "Red = লাল\nBlue\n Green=সবুজ "},
    )
    assert made.status_code == 303
    colour = db.session.query(CategoryAttribute).one()
    assert (colour.options, colour.options_bn) == (["Red", "Blue", "Green"], ["লাল", "", "সবুজ"])
    place = f"/admin/categories/{bags.id}/attributes/{colour.id}"
    assert "Red = লাল\nBlue\nGreen = সবুজ" in admin.get(place).text, "as it can be sent again"
    product = factory.product(cast.trader)
    product.attributes = {str(colour.id): "Red"}
    db.session.commit()
    buyer = client_of(cast.amina)
    seller = client_of(cast.dipu)
    for language, name, other in (("en", "Red", "লাল"), ("bn", "লাল", "Red")):
        for client in (buyer, seller):
            client.set_cookie("language", language)
        page = text_of(buyer.get(f"/products/{product.slug}", headers={"Accept-Language": language}).text)
        form = seller.get(f"/seller/products/{product.id}", headers={"Accept-Language": language}).text
        assert name in page, language
        assert other not in page, language
        assert 'value="Red"' in form, "the option itself is kept"
        assert f">{name}</option>" in form, language


def test_an_option_is_understood_in_bangla() -> None:
    colour = Attribute(1, 1, "Colour", None, "choice", ("Red", "Blue"), "", ("লাল", ""))
    assert read_attribute(colour, "লাল") == "Red"
    assert read_attribute(colour, "blue") == "Blue"
    with pytest.raises(DomainError):
        read_attribute(colour, "সবুজ")


@pytest.mark.parametrize("lines", [["= লাল", "Red", "Blue"], ["Red = " + "ল" * 81, "Blue"]])
def test_names_without_an_option_and_long_ones_are_refused(lines: list[str]) -> None:
    with pytest.raises(DomainError):
        check_options("choice", lines)
