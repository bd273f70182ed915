"""Pages of goods: every product once in every order, counts as by hand, and no price told by an order or a number."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Cast
from tests.factories import catalog as factory
from tests.factories import organizations
from tests.queries_counted import queries_counted
from wholesale.catalog import actions as catalog
from wholesale.catalog.actions import listings
from wholesale.catalog.models import Listing, ListingWords, Product
from wholesale.inventory import actions as inventory
from wholesale.inventory.errors import ShortageError
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.clock import today
from wholesale.kernel.money import Money
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing
from wholesale.search import actions, jobs, queries
from wholesale.search.queries import counting
from wholesale.search.queries import goods as paging
from wholesale.search.rules.filters import BEST, SORTS, Filters

ALIKE = 52


def rows() -> list[Any]:
    return list(db.session.execute(sa.select(Listing).execution_options(populate_existing=True)).scalars())


def walk(filters: Filters, *, between: Any = None) -> list[int]:
    """The products of all pages, in order."""
    seen, after = [], ""
    for _page in range(40):
        found = queries.page(filters, None, after)
        seen += [card.product_id for card in found.cards]
        if between is not None:
            between()
        if found.next_cursor is None:
            return seen
        after = found.next_cursor
    raise AssertionError("the pages have no end")


@pytest.fixture
def many(cast: Cast) -> list[int]:
    """Goods of which several have the same price, minimum or name, and some no price at all."""
    chance = random.Random(3)
    other = organizations.business("Other Traders", kind="seller")
    garden = catalog.add_category(slug="garden", name="Garden")
    made = []
    for number in range(ALIKE):
        moq = chance.choice([5, 10, 10, 50])
        price = chance.choice(["10", "10", "12.5", "99"])
        product = factory.product(
            chance.choice([cast.trader, other]),
            chance.choice(["Bag", "Blue bag", "Cup", "Jute bag"]),
            sku=f"S{number}",
            tiers=((moq, price),),
            stock=chance.choice([0, 100]),
        )
        product.country = chance.choice(["BD", "CN", None])
        product.attributes = {"1": chance.choice(["red", "blue"]), "2": chance.choice(["x", "y", "z"])}
        if number % 3 == 0:
            product.category_id = garden.id
        made.append(product.id)
    db.session.flush()
    listings.refresh(made)
    for product_id in chance.sample(made, 7):
        listings.set_prices({product_id: None})
    return made


def test_every_product_once_in_every_order(many: list[int]) -> None:
    by_id = {row.product_id: row for row in rows()}
    has_bag = ListingWords.words.op("@@")(sa.cast("'bag'", sa.dialects.postgresql.TSQUERY))
    with_bag = set(db.session.scalars(sa.select(ListingWords.product_id).where(has_bag)))
    for sort, q in [*((sort, "bag") for sort in SORTS), *((sort, "") for sort in SORTS if sort != BEST)]:
        seen = walk(Filters(q=q, sort=sort))
        assert Counter(seen) == Counter(with_bag if q else by_id.keys()), (sort, q)
        ordered = [by_id[product_id] for product_id in seen]
        if sort in {"price", "price-down"}:
            priced = [row.from_price for row in ordered if row.from_price is not None]
            assert priced == sorted(priced, reverse=sort == "price-down")
            assert all(row.from_price is None for row in ordered[len(priced) :])
        elif sort in {"moq", "name"}:
            keys = [row.moq if sort == "moq" else row.sort_name for row in ordered]
            assert keys == sorted(keys)
        elif sort == "newest":
            assert seen == sorted(seen, reverse=True)


def pages_forth_and_back(filters: Filters) -> tuple[list[list[int]], list[list[int]]]:
    """The pages as "Next" leads through them, and as "Previous" does from the last one, turned round again."""
    forth = [queries.page(filters)]
    while forth[-1].next_cursor is not None:
        forth.append(queries.page(filters, None, forth[-1].next_cursor))
    back = [forth[-1]]
    while back[-1].previous_cursor is not None:
        back.append(queries.page(filters, None, before=back[-1].previous_cursor))
    assert forth[0].first
    assert back[-1].first
    assert all(not found.first for found in [*forth[1:], *back[:-1]])
    forth_ids, back_ids = ([[card.product_id for card in found.cards] for found in way] for way in (forth, back))
    return forth_ids, back_ids[::-1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_way_back_leads_through_the_same_pages(many: list[int], data: st.DataObject) -> None:
    sort, q = data.draw(
        st.sampled_from([*((sort, "bag") for sort in SORTS), *((sort, "") for sort in SORTS if sort != BEST)])
    )
    chosen = Filters(q=q, sort=sort, max_moq=data.draw(st.sampled_from([None, 10])))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paging, "PAGE_SIZE", data.draw(st.sampled_from([1, 3, 7, 24])))
        forth, back = pages_forth_and_back(chosen)
    assert forth == back


def test_of_less_than_a_page_before_it_the_first_page_is_shown(
    many: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goods before the place of a shared address are gone: no page of two, and no empty one."""
    monkeypatch.setattr(paging, "PAGE_SIZE", 5)
    first = queries.page(Filters(sort="name"))
    second = queries.page(Filters(sort="name"), None, first.next_cursor or "")
    gone = [card.product_id for card in first.cards[:3]]
    db.session.execute(sa.update(Product).where(Product.id.in_(gone)).values(state="archived"))
    listings.refresh(gone)
    found = queries.page(Filters(sort="name"), before=second.previous_cursor or "")
    assert found.first
    assert found.previous_cursor is None
    assert [card.product_id for card in found.cards] == [
        card.product_id for card in [*first.cards[3:], *second.cards[:3]]
    ]


def test_a_cursor_tells_no_price_and_is_always_the_same(many: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 1)
    for sort in ("price", "price-down"):
        seen: dict[str, int] = {}
        after = ""
        while True:
            found = queries.page(Filters(sort=sort), None, after)
            assert found == queries.page(Filters(sort=sort), None, after)
            if found.next_cursor is None:
                break
            after = found.next_cursor
            head, key, product_id = after.split("~")
            assert (head, int(product_id)) == (sort, found.cards[0].product_id)
            assert key not in seen  # goods of one price have not the same key
            seen[key] = len(key)
            for tampered in (f"{sort}~{key}~{int(product_id) + 1}", f"{sort}~90~1", f"{sort}~~1", f"{sort}~ü~1"):
                assert queries.page(Filters(sort=sort), None, tampered).first
            other = "price" if sort == "price-down" else "price-down"
            assert queries.page(Filters(sort=other), None, after.replace(sort, other, 1)).first
        assert len(seen) > 40
        assert len(set(seen.values())) == 1  # of one length


def test_paging_back_asks_once(many: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 5)
    for sort in SORTS.keys() - {BEST}:
        third = queries.page(Filters(sort=sort), None, queries.page(Filters(sort=sort)).next_cursor or "")
        third = queries.page(Filters(sort=sort), None, third.next_cursor or "")
        with queries_counted() as asked:
            found = queries.page(Filters(sort=sort), before=third.previous_cursor or "")
        assert len(asked) == 1
        assert not found.first


def test_every_country_can_be_chosen_of_very_many_goods(many: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    exact = queries.facets(Filters(), None, None)
    assert (set(exact.countries), exact.other_countries) == ({"BD", "CN"}, ())
    rare = factory.product(organizations.business("Rare Traders", kind="seller"), "Bag", sku="RARE")
    rare.country = "ZW"
    db.session.flush()
    listings.refresh([rare.id])
    monkeypatch.setattr(counting, "MOST_COUNTED", 10)
    for chosen in (Filters(), Filters(countries=("CN",)), Filters(q="bag")):
        counts = queries.facets(chosen, None, queries.page(chosen).wanted)
        assert {*counts.countries, *counts.other_countries} == {"BD", "CN", "ZW"}, chosen
        assert not {*counts.countries} & {*counts.other_countries}
        assert counts.more_sellers
    monkeypatch.setattr(counting, "MOST_COUNTED", 1_000)
    monkeypatch.setattr(counting, "MOST_WITH_WORDS", 10)
    counts = queries.facets(Filters(q="bag"), None, queries.page(Filters(q="bag")).wanted)
    assert {*counts.countries, *counts.other_countries} == {"BD", "CN", "ZW"}


def test_more_sellers_than_the_filter_offers(cast: Cast) -> None:
    made = [
        factory.product(organizations.business(f"Traders {n:02}", kind="seller"), "Bag", sku=f"T{n}").id
        for n in range(13)
    ]
    listings.refresh(made)
    counts = queries.facets(Filters(), None, None)
    assert (len(counts.sellers), counts.more_sellers) == (12, True)
    some = Filters(sellers=tuple(seller for seller, _, _ in counts.sellers[:3]))
    assert len(queries.facets(some, None, None).sellers) == 12
    listings.refresh(made)
    db.session.execute(sa.update(Product).where(Product.id.in_(made[5:])).values(state="archived"))
    listings.refresh(made)
    assert not queries.facets(Filters(), None, None).more_sellers


def test_sellers_by_name_page_after_page(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wholesale.search.queries.all_sellers.SELLERS_PAGE", 2)
    names = ["Alpha 100% jute", "Beta", "beta Two", "Gamma", "Gamma Two"]
    for n, name in enumerate(names):
        factory.product(organizations.business(name, kind="seller"), "Bag", sku=f"T{n}")
    organizations.business("No goods", kind="seller")
    late = organizations.business("Late", kind="seller")
    factory.product(late, "Bag", sku="L")
    late.verified_until = today("UTC").replace(year=2020)
    listings.refresh(db.session.scalars(sa.select(Product.id)).all())

    def walk_names(name: str = "") -> list[str]:
        seen, after = [], None
        while True:
            found = queries.sellers(name, after)
            seen += [each for _, each in found.rows]
            if found.following is None:
                return seen
            after = found.following

    assert sorted(walk_names()) == sorted(names)
    assert {*walk_names("BETA")} == {"Beta", "beta Two"}
    assert walk_names("0%") == ["Alpha 100% jute"]
    assert walk_names("%%") == []
    assert queries.sellers("", 10**17).rows == []


def test_new_products_disturb_no_walk(many: list[int], cast: Cast) -> None:
    before = {row.product_id for row in rows()}
    added = iter(range(100))

    def one_more() -> None:
        product = factory.product(cast.trader, "Bag", sku=f"N{next(added)}", tiers=((10, "10"),), stock=0)
        listings.refresh([product.id])

    for sort in SORTS.keys() - {BEST}:
        seen = walk(Filters(sort=sort), between=one_more)
        assert before <= set(seen)
        assert max(Counter(seen).values()) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_counts_are_those_by_hand(many: list[int], data: st.DataObject) -> None:
    everything = rows()
    sellers = sorted({row.seller_id for row in everything})
    categories = sorted({row.category_id for row in everything})
    chosen = Filters(
        min_price=data.draw(st.sampled_from([None, Decimal(11)])),
        max_price=data.draw(st.sampled_from([None, Decimal(50)])),
        max_moq=data.draw(st.sampled_from([None, 10])),
        sellers=tuple(data.draw(st.lists(st.sampled_from(sellers), max_size=2, unique=True))),
        countries=tuple(data.draw(st.lists(st.sampled_from(["BD", "CN"]), max_size=2, unique=True))),
        in_stock=data.draw(st.booleans()),
        attributes=data.draw(st.sampled_from([(), ((1, ("red",)),), ((1, ("red", "blue")), (2, ("x",)))])),
    )
    category_ids = data.draw(st.sampled_from([None, categories[:1]]))

    def passes(row: Any, other_than: str = "") -> bool:
        tests = {
            "category": category_ids is None or row.category_id in category_ids,
            "min": chosen.min_price is None or (row.from_price is not None and row.from_price >= chosen.min_price),
            "max": chosen.max_price is None or (row.from_price is not None and row.from_price <= chosen.max_price),
            "moq": chosen.max_moq is None or row.moq <= chosen.max_moq,
            "sellers": not chosen.sellers or row.seller_id in chosen.sellers,
            "countries": not chosen.countries or row.country in chosen.countries,
            "in_stock": not chosen.in_stock or row.in_stock,
        }
        for key, answers in chosen.attributes:
            tests[f"a{key}"] = any(f"{key}={answer}" in row.attributes for answer in answers)
        return all(passed for name, passed in tests.items() if name != other_than)

    def by_hand(other_than: str, values: Any) -> dict[Any, int]:
        return dict(Counter(value for row in everything if passes(row, other_than) for value in values(row)))

    found = queries.facets(chosen, category_ids, None)
    assert found.total == sum(map(passes, everything)) == len(set(walk_within(chosen, category_ids)))
    assert not found.at_least
    assert found.categories == by_hand("category", lambda row: [row.category_id])
    of_sellers = dict.fromkeys(chosen.sellers, 0) | by_hand("sellers", lambda row: [row.seller_id])
    assert {seller: number for seller, _, number in found.sellers} == of_sellers
    assert found.countries == by_hand("countries", lambda row: [row.country] if row.country else [])
    assert found.in_stock == sum(row.in_stock for row in everything if passes(row, "in_stock"))
    expected = by_hand("", lambda row: row.attributes)
    for key, _ in chosen.attributes:
        mine = by_hand(f"a{key}", lambda row, key=key: [a for a in row.attributes if a.startswith(f"{key}=")])
        expected = {answer: n for answer, n in expected.items() if not answer.startswith(f"{key}=")} | mine
    assert found.attributes == expected


def walk_within(chosen: Filters, category_ids: list[int] | None) -> list[int]:
    seen, after = [], ""
    while True:
        found = queries.page(chosen, category_ids, after)
        seen += [card.product_id for card in found.cards]
        if found.next_cursor is None:
            return seen
        after = found.next_cursor


def test_a_choice_of_a_facet_shows_as_many_as_it_says(many: list[int]) -> None:
    counts = queries.facets(Filters(), None, None)
    assert list(counts.countries.values()) == sorted(counts.countries.values(), reverse=True)  # and always alike
    for country, number in counts.countries.items():
        assert len(walk(Filters(countries=(country,)))) == number
    for seller, _, number in counts.sellers:
        assert len(walk(Filters(sellers=(seller,)))) == number
    for answer, number in counts.attributes.items():
        key, _, value = answer.partition("=")
        assert len(walk(Filters(attributes=((int(key), (value,)),)))) == number


def test_counting_has_a_bound(many: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_COUNTED", 10)
    counts = queries.facets(Filters(), None, None)
    assert (counts.total, counts.at_least) == (10, True)


@pytest.mark.parametrize("words", ["bag", "red bag", "ba", "bagg", "bag nowhere", "চাল"])
def test_the_goods_that_were_ranked_are_counted_as_if_they_were_looked_for(many: list[int], words: str) -> None:
    chosen = Filters(q=words, sort=BEST)
    found = queries.page(chosen)
    if not found.cards:
        assert found.among is None
        return
    assert found.among is not None
    assert sorted(found.among) == sorted(set(found.among) & set(many))
    exact = queries.facets(chosen, None, found.wanted)
    with queries_counted() as asked:
        assert queries.facets(chosen, None, found.wanted, among=found.among) == exact
    assert not any("listing_words" in statement for statement in asked)
    assert exact.total == len(found.among)
    further = queries.page(chosen, after=found.next_cursor or "")
    assert found.next_cursor is None or sorted(further.among or ()) == sorted(found.among)


def test_under_filters_the_words_are_looked_for_again(many: list[int]) -> None:
    """A filter that is set has goods of its own to count: those that pass all others."""
    chosen = Filters(q="bag", sort=BEST, countries=("CN",))
    found = queries.page(chosen)
    counts = queries.facets(chosen, None, found.wanted, among=found.among)
    assert counts == queries.facets(chosen, None, found.wanted)
    assert set(counts.countries) == {"BD", "CN"}


def test_of_more_goods_than_are_ranked_no_number_is_all_there_is(
    many: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_RANKED", 10)
    monkeypatch.setattr(counting, "MOST_COUNTED", 10)
    chosen = Filters(q="bag", sort=BEST)
    found = queries.page(chosen)
    assert len(found.among or ()) == 10
    counts = queries.facets(chosen, None, found.wanted, among=found.among)
    assert (counts.total, counts.at_least) == (10, True)
    assert {*counts.countries, *counts.other_countries} == {"BD", "CN"}
    assert {"category", "seller", "country", "stock"} <= counts.cut


def test_of_words_in_very_many_goods_some_are_looked_at(many: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """And no number is then said to be all there is."""
    chosen = Filters(q="bag", countries=("CN",), attributes=((1, ("red",)),))
    asked = queries.page(chosen).wanted
    there = len(walk(chosen))
    exact = queries.facets(chosen, None, asked)
    assert (exact.total, exact.at_least, exact.cut) == (there, False, frozenset())
    assert sum(number for _, _, number in exact.sellers) == there
    monkeypatch.setattr(counting, "MOST_WITH_WORDS", 10)
    part = queries.facets(chosen, None, asked)
    assert part.at_least
    assert part.total <= min(there, 11)
    assert part.cut == {"category", "seller", "country", "stock", "a1"}


def test_ranking_has_a_bound(many: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_RANKED", 10)
    assert len(walk(Filters(q="bag", sort=BEST))) == 10


def test_goods_of_the_unverified_are_shown_to_nobody(many: list[int], cast: Cast) -> None:
    cast.trader.verified_until = today("UTC").replace(year=2020)
    db.session.flush()
    shown = set(walk(Filters()))
    assert shown == {row.product_id for row in rows() if row.seller_id != cast.trader.id}
    assert cast.trader.id not in {seller for seller, _, _ in queries.facets(Filters(), None, None).sellers}


def test_a_cursor_that_makes_no_sense_harms_nobody(many: list[int]) -> None:
    for after in ("x", "price~", "price~~", "price~NaN~3", "price~1e99~3", "price~-1~3", "~~", "price~1~0"):
        for sort in SORTS:
            queries.page(Filters(q="bag", sort=sort), None, after.replace("price", sort))


def test_a_code_however_it_is_written_comes_first(cast: Cast) -> None:
    wanted = factory.product(cast.trader, "Plain bag", sku="EX-JUTE-01")
    other = factory.product(cast.trader, "ex jute 01 ex jute 01", sku="OTHER")
    listings.refresh([wanted.id, other.id])
    for q in ("EX-JUTE-01", "ex-jute-01", "exjute01", "EX JUTE 01", "ex_jute/01"):
        assert queries.page(Filters(q=q, sort=BEST)).cards[0].product_id == wanted.id, q
    assert queries.find_sku("ex jute 01") == factory.variants_of(wanted)[0]
    assert queries.find_sku("nothing") is None
    assert queries.find_sku("") is None
    assert queries.find_sku("ex jute 01", seller_id=cast.trader.id + 1) is None


def test_synonyms_find_each_others_goods(cast: Cast) -> None:
    oil = factory.product(cast.trader, "Cooking oil", sku="O1")
    tel = factory.product(cast.trader, "Mustard", sku="O2", name_bn="সরিষার তেল")
    listings.refresh([oil.id, tel.id])
    actions.make_vocabulary()

    def ids(q: str) -> set[int]:
        return {card.product_id for card in queries.page(Filters(q=q, sort=BEST)).cards}

    assert ids("tel") == {tel.id}
    assert ids("cooking oil") == {oil.id}
    group = actions.save_synonym(actor=SYSTEM, terms=["cooking oil", "tel", "তেল"])
    assert ids("tel") == ids("তেল") == ids("cooking oil") == {oil.id, tel.id}
    assert ids("cooking") == {oil.id}
    actions.remove_synonym(actor=SYSTEM, synonym_id=group.id)
    assert ids("cooking oil") == {oil.id}


def test_some_words_are_better_than_none(cast: Cast) -> None:
    bag, cup = factory.product(cast.trader, "Jute bag", sku="J"), factory.product(cast.trader, "Tea cup", sku="T")
    listings.refresh([bag.id, cup.id])
    found = queries.page(Filters(q="jute cup", sort=BEST))
    assert found.some_only
    assert {card.product_id for card in found.cards} == {bag.id, cup.id}
    assert not queries.page(Filters(q="jute cup", sort=BEST, as_typed=True)).cards


def test_rows_stay_right_through_any_sequence_of_changes(cast: Cast) -> None:
    chance = random.Random(11)
    products = [factory.product(cast.trader, f"Bag {n}", sku=f"B{n}", stock=chance.choice([0, 20])) for n in range(4)]
    listings.refresh([product.id for product in products])
    references = iter(range(1000))
    held: list[str] = []
    for _step in range(60):
        product = chance.choice(products)
        variant = factory.variants_of(product)[0]
        match chance.randrange(7):
            case 0:
                factory.receive(product, chance.randint(1, 15))
            case 1:
                reference = f"R{next(references)}"
                try:
                    inventory.allocate(actor=SYSTEM, reference=reference, wanted={variant: chance.randint(1, 12)})
                    held.append(reference)
                except ShortageError:
                    continue
            case 2 if held:
                inventory.release(actor=SYSTEM, reference=held.pop())
            case 3 if held:
                inventory.ship(actor=SYSTEM, reference=held.pop())
            case 4:
                first = chance.randint(50, 90)
                steps = [(product.moq, first), (product.moq * 4, first - chance.randint(1, 40))]
                pricing.set_tiers(product=product, tiers=[(n, Money(Decimal(price), "BDT")) for n, price in steps])
            case 5:
                product.state = chance.choice(["active", "archived", "draft"])
                listings.refresh([product.id])
            case 6:
                product.name = f"Bag {chance.choice(['red', 'blue', 'লাল'])}"
                product.country = chance.choice(["BD", None])
                listings.refresh([product.id])
        kept = snapshot()
        db.session.execute(sa.delete(Listing))
        listings.refresh([each.id for each in products])
        assert snapshot() == kept


def snapshot() -> list[Any]:
    words = sa.cast(ListingWords.words, sa.Text)
    both = sa.select(*Listing.__table__.columns, words).join(
        ListingWords, ListingWords.product_id == Listing.product_id
    )
    return [tuple(row) for row in db.session.execute(both.order_by(Listing.product_id))]


def test_products_that_are_not_active_have_no_row(cast: Cast) -> None:
    bag = factory.product(cast.trader)
    db.session.execute(sa.update(Product).values(state="draft"))
    listings.refresh([bag.id])
    assert rows() == []
    assert queries.page(Filters()).cards == []


@pytest.mark.parametrize("bound", [3, 10, 25])
def test_what_is_chosen_has_the_whole_bound_of_counting_for_itself(
    many: list[int], cast: Cast, monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    """Few goods among very many: their number is theirs, not that among the first that were looked at."""
    monkeypatch.setattr(counting, "MOST_COUNTED", bound)
    for chosen in (
        Filters(countries=("CN",)),
        Filters(in_stock=True),
        Filters(sellers=(cast.trader.id,)),
        Filters(attributes=((2, ("z",)),)),
        Filters(countries=("CN",), attributes=((1, ("red",)), (2, ("z",)))),
        Filters(max_price=Decimal(11), in_stock=True, countries=("BD",)),
    ):
        there = len(walk(chosen))
        counts = queries.facets(chosen, None, None)
        assert (counts.total, counts.at_least) == (min(there, bound), there > bound), chosen
        if not counts.at_least:  # what is not chosen by is counted among all that pass
            assert sum(number for _, _, number in counts.sellers) >= there
    assert queries.facets(Filters(), None, None).cut == {"category", "seller", "country", "stock"}


def test_a_chosen_seller_without_goods_here_can_be_taken_back(many: list[int], cast: Cast) -> None:
    """And no business is named that sells nothing: a buyer, or a seller who may not sell."""
    named = queries.facets(Filters(sellers=(cast.trader.id,), countries=("JP",)), None, None).sellers
    assert named == [(cast.trader.id, cast.trader.name, 0)]
    for other in (cast.shop.id, 10**17):
        assert queries.facets(Filters(sellers=(other,), countries=("JP",)), None, None).sellers == []
    cast.trader.verified_until = today("UTC").replace(year=2020)
    db.session.flush()
    assert queries.facets(Filters(sellers=(cast.trader.id,)), None, None).sellers[0][0] != cast.trader.id


def test_words_that_are_new_are_found_at_once_and_with_errors_when_they_are_counted(cast: Cast) -> None:
    listings.refresh([factory.product(cast.trader, "Cup", sku="C").id])
    actions.make_vocabulary()
    new = factory.product(cast.trader, "Zeppelin", sku="Z9")
    listings.refresh([new.id])

    def look(q: str) -> queries.Found:
        return queries.page(Filters(q=q, sort=BEST))

    assert [card.product_id for q in ("zeppelin", "zepp", "Z9") for card in look(q).cards] == [new.id] * 3
    assert look("zepelin").cards == []
    jobs.count_words()
    assert [card.product_id for card in look("zepelin").cards] == [new.id]
    assert look("zepelin").meant == "zeppelin"


def test_words_that_were_mended_are_told_even_when_only_some_are_found(cast: Cast) -> None:
    listings.refresh([factory.product(cast.trader, name, sku=name).id for name in ("Jute bag", "Teapot")])
    actions.make_vocabulary()
    found = queries.page(Filters(q="juet teapto", sort=BEST))
    assert (len(found.cards), found.some_only, found.meant) == (2, True, "jute teapot")


def test_a_list_that_ends_does_not_go_on_with_other_goods(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last goods went while somebody read the first page: the next one is empty, not full of what has one word."""
    names = [*["Jute mat"] * 3, *["Jute cup"] * 9]
    listings.refresh([factory.product(cast.trader, name, sku=f"J{n}").id for n, name in enumerate(names)])
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)
    first = queries.page(Filters(q="jute mat", sort=BEST))
    [last] = queries.page(Filters(q="jute mat", sort=BEST), None, first.next_cursor or "").cards
    db.session.execute(sa.update(Product).where(Product.id == last.product_id).values(state="archived"))
    listings.refresh([last.product_id])
    after = queries.page(Filters(q="jute mat", sort=BEST), None, first.next_cursor or "")
    assert (after.cards, after.some_only, after.next_cursor) == ([], False, None)


def test_no_sign_in_a_name_stops_the_search(cast: Cast) -> None:
    """Signs that end lines or part words in some places and not in others."""
    rare = [
        "\u2028",
        "\u2029",
        "\x85",
        "\x1c",
        "\x1d",
        "\x1e",
        "\x1f",
        "\u00ad",
        "\u3000",
        "\u00a0",
        "\ufffc",
        "\u202e",
    ]
    made = [factory.product(cast.trader, f"Bag{sign}red{n}", sku=f"U{n}").id for n, sign in enumerate(rare)]
    listings.refresh(made)
    actions.make_vocabulary()
    assert "bags" in queries.vocabulary()
    assert {card.product_id for card in queries.page(Filters(q="u3", sort=BEST)).cards} == {made[3]}
    assert queries.page(Filters(q="bgas", sort=BEST)).meant == "bags"
    queries.suggestions("bag")
