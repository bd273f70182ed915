"""The category tree as admins edit it: places, names, pictures, removal; and that no ring can arise."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from werkzeug.datastructures import FileStorage

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts
from tests.factories import catalog as factory
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.catalog import actions, queries
from wholesale.catalog.models import Category, CategoryAttribute, Listing, ListingWords, Product
from wholesale.catalog.rules.categories import check_slug, find, is_below
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.platform import files, outbox, transaction
from wholesale.platform.db import db
from wholesale.platform.files import storage
from wholesale.pricing import actions as pricing


def grow(*names: str, below: int | None = None) -> list[Category]:
    return [actions.create_category(actor=SYSTEM, name=name, parent_id=below) for name in names]


def drawn() -> str:
    """The tree in a line: Grocery(Fruit Tea) Bags."""

    def line(branches: list[queries.Branch]) -> str:
        return " ".join(each.category.name + (f"({line(each.children)})" if each.children else "") for each in branches)

    db.session.flush()
    return line(queries.category_tree())


def png(size: tuple[int, int] = (300, 200)) -> FileStorage:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, "PNG")
    out.seek(0)
    return FileStorage(out, filename="picture.png")


def change(category: Category, **more: object) -> Category:
    facts = {"name": category.name, "slug": category.slug, "parent_id": category.parent_id} | more
    return actions.change_category(actor=SYSTEM, category_id=category.id, **facts)  # type: ignore[arg-type]


# --- rules -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 15), st.data())
def test_below_is_what_the_line_says(size: int, data: st.DataObject) -> None:
    parents = {n: data.draw(st.sampled_from([None, *range(1, n)])) for n in range(1, size + 1)}
    for each in parents:
        line, at = set(), each
        while at is not None:
            line.add(at)
            at = parents[at]  # type: ignore[assignment]
        assert {other for other in parents if is_below(parents, each, other)} == line


def test_a_ring_is_no_endless_walk() -> None:
    assert not is_below({1: 2, 2: 1}, 1, 3)


@pytest.mark.parametrize(("typed", "slug"), [("kitchen-tools", "kitchen-tools"), (" Tea2 ", "tea2")])
def test_addresses(typed, slug) -> None:
    assert check_slug(typed) == slug


@pytest.mark.parametrize("typed", ["চা", "a b", "-a", "a--b", "a/b", "../etc", "x" * 81, "é"])
def test_addresses_that_are_none(typed) -> None:
    with pytest.raises(DomainError) as refused:
        check_slug(typed)
    assert refused.value.field == "slug"


# --- the tree --------------------------------------------------------------------------------------------------------


def test_categories_of_any_depth(cast: Cast) -> None:
    below = None
    for depth in range(12):
        [category] = grow(f"Level {depth}", below=below)
        below = category.id
    assert drawn().count("(") == 11
    assert [name for _, name in queries.category_names()][-1].count("›") == 11
    assert len(queries.category_file(below or 0).path) == 12


def test_addresses_are_made_and_stay_unique(cast: Cast) -> None:
    first, second = grow("Tea & Coffee")[0], None
    second = grow("Tea & Coffee", below=first.id)[0]
    assert (first.slug, second.slug, grow("চা")[0].slug) == ("tea-coffee", "tea-coffee-2", "category")
    with pytest.raises(DomainError) as refused:
        actions.create_category(actor=SYSTEM, name="Else", slug="tea-coffee")
    assert refused.value.field == "slug"
    change(first, slug="tea-coffee", name_bn="চা ও কফি")
    assert first.name_bn == "চা ও কফি"


def test_sisters_have_different_names(cast: Cast) -> None:
    tea, bags = grow("Tea", "Bags")
    with pytest.raises(DomainError) as refused:
        grow("TEA")
    assert refused.value.field == "name"
    with pytest.raises(DomainError):
        change(bags, name="tea")
    grow("Tea", below=tea.id)
    change(tea, name="TEA")


def test_moved_below_another_with_all_that_is_below_it(cast: Cast) -> None:
    grocery, bags = grow("Grocery", "Bags")
    fruit, tea = grow("Fruit", "Tea", below=grocery.id)
    grow("Apples", below=fruit.id)
    change(fruit, parent_id=bags.id)
    assert drawn() == "Grocery(Tea) Bags(Fruit(Apples))"
    change(fruit, parent_id=None)
    assert drawn() == "Grocery(Tea) Bags Fruit(Apples)"
    assert tea.parent_id == grocery.id


@pytest.mark.parametrize("target", ["itself", "child", "grandchild"])
def test_no_category_stands_below_itself(cast: Cast, target) -> None:
    [top] = grow("Top")
    [child] = grow("Child", below=top.id)
    [grandchild] = grow("Grandchild", below=child.id)
    below = {"itself": top, "child": child, "grandchild": grandchild}[target]
    with pytest.raises(DomainError) as refused:
        change(top, parent_id=below.id)
    assert refused.value.field == "parent_id"
    with pytest.raises(DomainError):
        change(top, parent_id=10**9)


def test_the_order_of_sisters(cast: Cast) -> None:
    one, _two, three = grow("One", "Two", "Three")
    grow("Inner", below=one.id)
    for moved, way, wanted in (
        (three, "up", "One(Inner) Three Two"),
        (one, "up", "One(Inner) Three Two"),
        (one, "down", "Three One(Inner) Two"),
        (three, "down", "One(Inner) Three Two"),
    ):
        actions.move_category(actor=SYSTEM, category_id=moved.id, way=way)  # type: ignore[arg-type]
        assert drawn() == wanted
    roots = [node.name for node in queries.categories()]
    assert roots == ["One", "Three", "Two"]


def test_two_admins_at_once_make_no_ring(committed_app: Flask) -> None:
    """One moves A below B while the other moves B below A."""
    with committed_app.app_context(), transaction.transaction():
        a, b = (category.id for category in grow("A", "B"))
    start, outcomes = threading.Barrier(2), []

    def move(moved: int, name: str, below: int) -> None:
        with committed_app.app_context():
            start.wait()
            try:
                with transaction.transaction():
                    actions.change_category(actor=SYSTEM, category_id=moved, name=name, parent_id=below)
                outcomes.append("moved")
            except DomainError as error:
                outcomes.append(str(error.field))

    threads = [threading.Thread(target=move, args=each) for each in ((a, "A", b), (b, "B", a))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["moved", "parent_id"]


# --- what hangs on a category ----------------------------------------------------------------------------------------


def test_only_an_empty_one_is_removed(cast: Cast) -> None:
    [top] = grow("Top")
    [child] = grow("Child", below=top.id)
    factory.attribute(child.id)
    with pytest.raises(DomainError, match="Categories below it: 1"):
        actions.remove_category(actor=SYSTEM, category_id=top.id)
    actions.remove_category(actor=SYSTEM, category_id=child.id)
    actions.remove_category(actor=SYSTEM, category_id=top.id)
    assert db.session.query(CategoryAttribute).count() == 0
    assert drawn() == ""
    with pytest.raises(NotFoundError):
        actions.remove_category(actor=SYSTEM, category_id=top.id)


def test_a_category_that_percentages_are_set_for_stays(cast: Cast, esha: HouseClient) -> None:
    """Their history is kept; before it said so, it ended in an error."""
    [tea] = grow("Tea")
    pricing.set_settlement(actor=SYSTEM, settlement=factory.COMMISSION, category_id=tea.id)
    db.session.commit()
    response = esha.post(f"/admin/categories/{tea.id}/removal")
    assert response.status_code == 422
    assert "Rename it or move it instead." in text_of(response.text)
    assert drawn() == "Tea"


def test_products_hinder_a_removal_until_they_are_moved(cast: Cast) -> None:
    products = [factory.product(cast.trader, f"Bag {number}") for number in range(3)]
    bags = db.session.get_one(Category, products[0].category_id)
    [tea] = grow("Tea")
    products[2].state = "archived"
    db.session.commit()
    with pytest.raises(DomainError, match="Products in it: 3"):
        actions.remove_category(actor=SYSTEM, category_id=bags.id)
    for wrong in (bags.id, 10**9):
        with pytest.raises(DomainError) as refused:
            actions.move_products(actor=SYSTEM, category_id=bags.id, to_id=wrong)
        assert refused.value.field == "to_id"
    assert actions.move_products(actor=SYSTEM, category_id=bags.id, to_id=tea.id) == 3
    actions.remove_category(actor=SYSTEM, category_id=bags.id)
    db.session.commit()
    assert {row.category_id for row in db.session.query(Listing)} <= {tea.id}
    assert {row.version for row in db.session.query(Product)} == {2}


def test_a_new_name_reaches_the_lists(cast: Cast) -> None:
    product = factory.product(cast.trader)
    bags = db.session.get_one(Category, product.category_id)
    change(bags, name="Satchels")
    db.session.commit()
    outbox.drain()
    words = db.session.scalars(db.select(ListingWords.words).where(ListingWords.product_id == product.id)).one()
    assert "satchel" in words


def test_very_many_products_are_moved_some_at_a_time(cast: Cast, esha: HouseClient, monkeypatch) -> None:
    """And a new name reaches all of them: whoever saves one of them waits for some rows, never for all."""
    monkeypatch.setattr("wholesale.catalog.actions.categories.AT_ONCE", 2)
    monkeypatch.setattr("wholesale.catalog.views.categories.AT_ONCE", 2)
    products = [factory.product(cast.trader, f"Bag {number}") for number in range(5)]
    bags, [tea] = products[0].category_id, grow("Tea")
    db.session.commit()
    said = esha.post(f"/admin/categories/{bags}/products", data={"to_id": str(tea.id)})
    assert "5 products are on their way" in text_of(esha.get(said.location).text)

    def there() -> list[int]:
        assert [row.category_id for row in db.session.query(Product).order_by(Product.id)] == [
            row.category_id for row in db.session.query(Listing).order_by(Listing.product_id)
        ]
        return [row.category_id for row in db.session.query(Product).order_by(Product.id)]

    assert there() == [tea.id] * 2 + [bags] * 3
    outbox.drain(limit=1)
    assert there() == [tea.id] * 4 + [bags]
    outbox.drain()
    assert there() == [tea.id] * 5
    change(tea, name="Satchels")
    db.session.commit()
    assert outbox.drain() == 3
    assert all("satchel" in words for words in db.session.scalars(db.select(ListingWords.words)))


def test_what_is_on_its_way_to_a_category_that_is_gone_stays(cast: Cast) -> None:
    product = factory.product(cast.trader)
    actions.move_some_products(category_id=product.category_id, to_id=10**9)
    assert db.session.query(Product).filter_by(category_id=product.category_id).count() == 1


def test_what_is_done_is_noted(cast: Cast) -> None:
    esha = accounts.actor(cast.esha)
    tea = actions.create_category(actor=esha, name="Tea")
    actions.create_category(actor=esha, name="Bags")
    actions.change_category(actor=esha, category_id=tea.id, name="Teas", slug="tea")
    actions.change_category(actor=esha, category_id=tea.id, name="Teas", slug="tea")  # the same again: no change
    actions.move_category(actor=esha, category_id=tea.id, way="down")
    actions.remove_category(actor=esha, category_id=tea.id)
    noted = [entry.action for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]
    assert noted == [
        "category.added",
        "category.added",
        "category.changed",
        "category.changed",
        "category.removed",
    ]


# --- pictures --------------------------------------------------------------------------------------------------------


def test_a_category_has_a_small_picture(cast: Cast, client: HouseClient) -> None:
    tea = actions.create_category(actor=SYSTEM, name="Tea", picture=png())
    db.session.commit()
    first = tea.picture_key
    assert first is not None
    with Image.open(io.BytesIO(storage().get(first))) as made:
        assert (made.format, made.size) == ("WEBP", (192, 192))
    assert client.get(f"/media/{first}", headers={"Accept": "image/webp"}).mimetype == "image/webp"
    assert client.get(f"/media/{first}").mimetype == "image/jpeg"
    node = find(queries.categories(), "tea")
    assert node is not None
    assert node.picture_key == first
    change(tea)
    assert tea.picture_key == first
    change(tea, picture=png((50, 90)))
    assert tea.picture_key not in {None, first}
    change(tea, drop_picture=True)
    assert (tea.picture_key, tea.picture_jpeg_key) == (None, None)


def test_what_is_no_picture_is_refused_beside_the_field(cast: Cast) -> None:
    with pytest.raises(DomainError) as refused:
        actions.create_category(actor=SYSTEM, name="Tea", picture=FileStorage(io.BytesIO(b"GIF89a"), filename="a.gif"))
    assert (refused.value.field, refused.value.message) == ("picture", files.REASONS["photo"])


# --- the screens -----------------------------------------------------------------------------------------------------


@pytest.fixture
def esha(client_of: Callable[[User], HouseClient], cast: Cast) -> HouseClient:
    return client_of(cast.esha)


def test_the_tree_on_the_page(cast: Cast, esha: HouseClient) -> None:
    assert "No category yet" in esha.get("/admin/categories").text
    factory.product(cast.trader)
    [tea] = grow("Tea")
    grow("Green", below=tea.id)
    db.session.commit()
    text = text_of(esha.get("/admin/categories").text)
    assert "Bags 1 product" in text
    assert "Tea 0 products" in text
    fragment = esha.post("/admin/categories/order", data={"up": tea.id}, headers=HTMX, follow_redirects=True).text
    assert fragment.lstrip().startswith('<div id="catalog-categories"')
    assert fragment.index("Tea") < fragment.index("Bags")
    for odd in ({}, {"up": "x"}, {"down": "9" * 40}):
        assert esha.post("/admin/categories/order", data=odd).status_code == 404


def test_a_category_from_beginning_to_end(esha: HouseClient) -> None:
    assert esha.get("/admin/categories/new").status_code == 200
    response = esha.post(
        "/admin/categories/new", data={"name": "Tea", "name_bn": "চা", "parent_id": "", "picture": png()}
    )
    assert response.status_code == 303
    tea = db.session.query(Category).one()
    assert tea.picture_key is not None
    assert (
        f'value="{tea.id}" selected'
        in " ".join(esha.get(f"/admin/categories/new?below={tea.id}").text.replace("selected value", "value").split())
        or f'selected value="{tea.id}"' in esha.get(f"/admin/categories/new?below={tea.id}").text
    )
    esha.post("/admin/categories/new", data={"name": "Green", "parent_id": str(tea.id)})
    green = db.session.query(Category).filter_by(name="Green").one()
    page = f"/admin/categories/{green.id}"
    assert "Tea" in text_of(esha.get(page).text)
    response = esha.post(page, data={"name": "Green tea", "slug": "green", "parent_id": ""})
    assert response.status_code == 303
    db.session.refresh(green)
    assert (green.name, green.slug, green.parent_id) == ("Green tea", "green", None)
    assert esha.post(f"{page}/removal").status_code == 303
    assert esha.get(page).status_code == 404
    assert (
        esha.post(f"/admin/categories/{tea.id}", data={"name": "Tea", "parent_id": "", "drop_picture": "y"}).status_code
        == 303
    )
    db.session.refresh(tea)
    assert tea.picture_key is None


def test_what_was_typed_is_kept_when_it_is_refused(esha: HouseClient) -> None:
    tea, _bags = grow("Tea", "Bags")
    db.session.commit()
    for page in ("/admin/categories/new", f"/admin/categories/{tea.id}"):
        response = esha.post(page, data={"name": "Bags", "slug": "Not a slug!", "parent_id": ""})
        assert response.status_code == 422
        assert 'value="Not a slug!"' in response.text
    response = esha.post("/admin/categories/new", data={"name": "Cups", "parent_id": str(10**9)})
    assert response.status_code == 422


def test_a_full_category_says_so_and_offers_a_way(cast: Cast, esha: HouseClient) -> None:
    product = factory.product(cast.trader)
    [tea] = grow("Tea")
    db.session.commit()
    page = f"/admin/categories/{product.category_id}"
    assert "Move the products" in text_of(esha.get(page).text)
    assert "Remove the category" not in text_of(esha.get(page).text)
    refused = esha.post(f"{page}/removal")
    assert refused.status_code == 422
    assert "Products in it: 1." in refused.text
    assert esha.post(f"{page}/products", data={"to_id": str(product.category_id)}).status_code == 422
    assert esha.post(f"{page}/products", data={}).status_code == 422
    response = esha.post(f"{page}/products", data={"to_id": str(tea.id)})
    assert response.status_code == 303
    assert "1 product is moved." in text_of(esha.get(response.location).text)
    assert esha.post(f"{page}/removal").status_code == 303


@pytest.mark.parametrize("who", ["dipu", "amina"])
def test_the_tree_is_the_platforms(client_of: Callable[[User], HouseClient], cast: Cast, who) -> None:
    browser = client_of(getattr(cast, who))
    tea = factory.category()
    db.session.commit()
    for path in ("", "/new", f"/{tea.id}", f"/{tea.id}/attributes", f"/{tea.id}/attributes/new"):
        assert browser.get(f"/admin/categories{path}").status_code == 403
    assert browser.post("/admin/categories/order", data={"up": tea.id}).status_code == 403
