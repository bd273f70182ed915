"""The listing, suggestions, synonyms and misses through HTTP: nothing leaks, nothing breaks, nothing typed is lost."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts
from tests.factories import catalog as factory
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.kernel import clock
from wholesale.platform.db import db
from wholesale.platform.jobs import quick_redis
from wholesale.search import actions, counters, jobs, queries
from wholesale.search.models import SearchDay, SearchMiss, Synonym
from wholesale.search.queries import counting

Browser = Callable[[User], HouseClient]


@pytest.fixture(autouse=True)
def own_counts(house: Flask) -> Iterator[None]:
    """Nobody else's searches, and none left behind."""
    redis = counters._redis()  # a test may put another in its place
    house.extensions.pop("search_redis_spared", None)
    redis.delete(*(counters._key(name) for name in _NAMES))
    yield
    redis.delete(*(counters._key(name) for name in _NAMES))


_NAMES = ("searches", "misses", "searches:taken", "misses:taken")


@pytest.fixture
def goods(cast: Cast) -> None:
    for number, (name, price) in enumerate((("Jute bag", "90"), ("Cotton bag", "15"), ("Tea cup", "300"))):
        factory.product(cast.trader, name, sku=f"P{number}", tiers=((10, price), (50, str(int(price) - 5))))
    factory.product(cast.trader, "Miniket rice", sku="R1", name_bn="মিনিকেট চাল", tiers=((4, "1780"),), stock=0)
    actions.make_vocabulary()
    db.session.commit()


FORGED = (
    "sort=price",
    "sort=price-down",
    "min_price=100",
    "max_price=100",
    "min_price=100&max_price=200",
    "sort=price&after=price~90.0000~1",
    "q=bag&sort=price",
    "q=bag&min_price=50",
)


@pytest.mark.parametrize("who", ["visitor", "newcomer"])
def test_no_order_and_no_number_tells_a_price(
    goods: None, cast: Cast, client: HouseClient, client_of: Browser, who: str
) -> None:
    browser = client if who == "visitor" else client_of(cast.newcomer)
    for forged in FORGED:
        honest = "q=bag" if "q=bag" in forged else ""
        answers = [browser.get(f"/products?{query}", headers=HTMX).text for query in (forged, honest)]
        # The link to the login leads back to the very address.
        with_it, without = (re.sub(r"next=[^\"]*", "", answer) for answer in answers)
        assert with_it == without, forged
    page = browser.get("/products").text
    for figure in ("90.00", "85.00", "1,780", "৳", "min_price", "price-down"):
        assert figure not in page, figure
    assert "verif" in text_of(page)


def test_sellers_learn_no_stock_of_others(goods: None, cast: Cast, client_of: Browser) -> None:
    seller = client_of(cast.dipu)
    assert seller.get("/products?stock=1", headers=HTMX).text == seller.get("/products", headers=HTMX).text
    words = text_of(client_of(cast.amina).get("/products?stock=1", headers=HTMX).text)
    assert "Miniket rice" not in words
    assert "Jute bag" in words


def test_filters_and_orders_of_who_sees_prices(goods: None, cast: Cast, client_of: Browser) -> None:
    browser = client_of(cast.amina)
    words = text_of(browser.get("/products?sort=price").text)
    assert words.index("Cotton bag") < words.index("Jute bag") < words.index("Tea cup") < words.index("Miniket rice")
    words = text_of(browser.get("/products?min_price=20&max_price=৩০০").text)
    assert "2 products" in words
    assert "Cotton bag" not in words
    answer = browser.get("/products?min_price=abc&moq=5")
    assert answer.status_code == 200
    assert 'value="abc"' in answer.text
    assert "Enter a number such as 250." in answer.text
    words = text_of(browser.get("/products?moq=1&q=bag").text)
    assert "No product passes all filters" in words


def test_what_was_meant_is_said_and_can_be_taken_back(goods: None, client: HouseClient) -> None:
    page = client.get("/products?q=rcie")
    words = text_of(page.text)
    assert "Showing results for rice. Search instead for rcie" in words
    assert "Miniket rice" in words
    assert "exact=1" in page.text
    assert "Nothing found" in text_of(client.get("/products?q=rcie&exact=1").text)
    assert "Miniket rice" in text_of(client.get("/products?q=chaal").text)
    assert "Miniket rice" in text_of(client.get("/products?q=চাল").text)


@pytest.mark.parametrize(
    "query",
    [
        "q=" + "a" * 100_000,
        "q=" + "চাল+" * 5_000,
        "q=%00",
        "q='|&!:*<->()",
        "q=\\\\'",
        "q=%F0%9F%8D%8E",
        "q=%ff",
        "&".join(f"seller={number}" for number in range(10_000)),
        "&".join(f"a{number}=x" for number in range(1, 10_001)),
        "seller=-1&seller=99999999999999999999999&country=%00&moq=-5",
        "min_price=9999999999999999999999&max_price=NaN&moq=1e9",
        "sort=%00&after=%00&stock=%00",
        "a99=%00&a99='",
        "after=newest~~99999999999999999999",
        "after=price~" + "9" * 79 + "~1&sort=price",
        "after=moq~99999999999~1&sort=moq",
        "after=name~x%00~1&sort=name",
        "after=match~0.5~1&q=bag",
        "q=bag&q=cup&sort=name&sort=price",
    ],
)
def test_absurd_addresses_are_answered(goods: None, cast: Cast, client_of: Browser, query: str) -> None:
    for browser in (client_of(cast.amina),):
        assert browser.get(f"/products?{query}").status_code == 200
        assert browser.get(f"/search/suggestions?{query}").status_code == 200


def test_the_heading_goes_with_the_goods(goods: None, client: HouseClient) -> None:
    """Another category chosen without a new page: the heading and the way there are of what is shown."""
    fragment = text_of(client.get("/products?category=bags", headers=HTMX).text)
    assert fragment.startswith("All products Bags Bags"), fragment[:80]
    assert client.get("/products?category=bags").text.count("<h1>") == 1


def test_what_best_match_does_not_show_is_said(
    goods: None, client: HouseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "Filters and other orders show the rest."
    assert said not in text_of(client.get("/products?q=bag").text)
    monkeypatch.setattr(queries, "MOST_RANKED", 1)
    monkeypatch.setattr(counting, "MOST_COUNTED", 2)
    assert f"4+ products. 1 of them are in this list. {said}" in text_of(client.get("/products?q=bag").text)
    assert said not in text_of(client.get("/products?q=bag&sort=name").text)


def test_a_category_that_is_not_there(goods: None, client: HouseClient) -> None:
    assert client.get("/products?category=nowhere").status_code == 404
    assert client.get("/products?category=%00").status_code == 200  # nothing was named


def test_chips_lead_to_the_listing_without_them(goods: None, cast: Cast, client: HouseClient) -> None:
    page = client.page(f"/products?seller={cast.trader.id}&moq=10&q=bag")
    links = [link.get("href") for link in page.iter("{http://www.w3.org/1999/xhtml}a")]
    assert "/products?q=bag&moq=10" in links
    assert f"/products?q=bag&seller={cast.trader.id}" in links


def test_the_fragment_is_small_and_names_its_query(goods: None, client: HouseClient) -> None:
    answer = client.get("/search/suggestions?q=mini", headers=HTMX)
    assert 'id="search-suggestions"' in answer.text
    assert 'data-q="mini"' in answer.text
    assert "Miniket rice" in answer.text
    assert "<html" not in answer.text
    assert len(gzip.compress(answer.data)) < 1_500
    assert "<html" in client.get("/search/suggestions?q=mini").text


def test_suggestions_are_the_same_for_everybody(
    goods: None, cast: Cast, client: HouseClient, client_of: Browser
) -> None:
    for q in ("ba", "bag", "jute b", "চা", "rcie", "P0", "b", "", "zzz"):
        answers = {
            browser.get(f"/search/suggestions?q={q}", headers=HTMX).text
            for browser in (client, client_of(cast.amina), client_of(cast.dipu))
        }
        assert len(answers) == 1, q
        assert "৳" not in answers.pop()


def test_suggestions_offer_words_categories_and_goods(goods: None, client: HouseClient) -> None:
    found = queries.suggestions("ba")
    assert "bag" in found.words
    assert [node.name for node in found.categories] == ["Bags"]
    assert {row.name for row in found.goods} >= {"Jute bag", "Cotton bag"}
    assert set(queries.suggestions("jute b").words) == {"jute bag", "jute bags"}
    assert [row.name for row in queries.suggestions("jute b").goods] == ["Jute bag"]
    assert queries.suggestions("b").is_empty


def test_suggestions_cost_few_queries(goods: None, client: HouseClient) -> None:
    client.get("/search/suggestions?q=bag")
    with queries_counted() as counted:
        client.get("/search/suggestions?q=bag")
    assert len(counted) <= 4, counted


_TELEPHONES = ("+880 (1712) 345.678", "০১৭১২ ৩৪৫ ৬৭৮", "01712/345/678", "amina\uff20shop")


def test_what_is_not_found_is_kept_without_a_person(
    goods: None, cast: Cast, client: HouseClient, client_of: Browser
) -> None:
    for q in ("Zeppelin", "zeppelin ", "ZEPPELIN", "amina@shop.example", "01712 345678", "bag", "!!!", *_TELEPHONES):
        client.get("/products", query_string={"q": q})
    # A further page is no search, nor are the same words narrowed or in another order.
    for more in ({"after": "match~0.1~1"}, {"sort": "name"}, {"country": "JP"}, {"moq": "1"}, {"exact": "1"}):
        client.get("/products", query_string={"q": "zeppelin", **more})
    client.get("/products", query_string={"q": "bag", "country": "JP"})
    assert counters.pending().searches == {"en": 11}
    admin = client_of(cast.esha)
    for written in (False, True):
        if written:
            assert jobs.write_counts() == "11 searches"
            assert jobs.write_counts() == "0 searches"
        words = text_of(admin.get("/admin/search/misses").text)
        assert "zeppelin 3" in words
        assert "11 searches" in words
        assert "amina" not in words.lower().replace("amina store", "")
        assert "01712" not in words
    [miss] = db.session.scalars(sa.select(SearchMiss))
    assert (miss.text, miss.language, miss.count) == ("zeppelin", "en", 3)
    [day] = db.session.scalars(sa.select(SearchDay))
    assert (day.searches, day.misses) == (11, 9)
    assert "/admin/search/synonyms/new?term=zeppelin" in admin.get("/admin/search/misses").text


def test_old_misses_are_forgotten(cast: Cast) -> None:
    for text, days in (("old", 200), ("new", 1)):
        last = clock.now() - timedelta(days=days)
        db.session.add(SearchMiss(language="en", text=text, count=1, last_at=last))
    db.session.commit()
    assert jobs.sweep() == "1 forgotten"
    assert list(db.session.scalars(sa.select(SearchMiss.text))) == ["new"]


def test_without_redis_nothing_is_counted_and_all_is_found(
    house: Flask, goods: None, client: HouseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client.application.extensions, "search_redis", quick_redis("redis://127.0.0.1:1"))
    assert "Jute bag" in client.get("/products?q=jute").text
    assert counters.pending() == counters.Counted()
    asked: list[str] = []
    monkeypatch.setattr(counters, "_redis", lambda: asked.append("again"))
    client.get("/products?q=jute")
    assert asked == []  # what has not answered is left alone for a while
    house.extensions.pop("search_redis_spared")


def test_admins_make_change_and_remove_synonyms(goods: None, cast: Cast, client_of: Browser) -> None:
    admin = client_of(cast.esha)
    assert "zeppelin" in admin.get("/admin/search/synonyms/new?term=zeppelin").text
    refused = admin.post("/admin/search/synonyms/new", data={"terms": "zeppelin"})
    assert refused.status_code == 422
    assert "zeppelin</textarea>" in refused.text
    assert admin.post("/admin/search/synonyms/new", data={"terms": "zeppelin\n\n ZEPPELIN "}).status_code == 422
    assert admin.post("/admin/search/synonyms/new", data={"terms": "zeppelin\nbag"}).status_code == 303
    [group] = db.session.scalars(sa.select(Synonym))
    assert group.terms == ["zeppelin", "bag"]
    assert "Jute bag" in admin.get("/products?q=zeppelin").text
    assert "zeppelin = bag" in admin.get("/admin/search/synonyms").text
    here = f"/admin/search/synonyms/{group.id}"
    assert "zeppelin" in admin.get(here).text
    assert admin.post(here, data={"terms": "zeppelin\ncup"}).status_code == 303
    assert "Tea cup" in admin.get("/products?q=zeppelin").text
    assert admin.post(f"{here}/removal").status_code == 303
    assert admin.post(f"{here}/removal").status_code == 404
    assert admin.get(here).status_code == 404
    noted = list(db.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.thing == "synonym")))
    assert sorted(noted) == ["synonym.removed", "synonym.saved", "synonym.saved"]


@pytest.mark.parametrize(
    "terms", ["a\n" + "b" * 61, "a\none two three four five", "\n".join("abcdefghijklmnopqrstuvwxyz")]
)
def test_synonyms_have_bounds(cast: Cast, client_of: Browser, terms: str) -> None:
    answer = client_of(cast.esha).post("/admin/search/synonyms/new", data={"terms": terms}, headers=HTMX)
    assert answer.status_code == 422
    assert 'id="search-synonym"' in answer.text


def test_only_the_platforms_people_see_misses_and_synonyms(cast: Cast, client_of: Browser) -> None:
    for path in ("/admin/search/misses", "/admin/search/synonyms"):
        assert client_of(cast.amina).get(path).status_code == 403
        assert client_of(cast.esha).get(path).status_code == 200
    assert accounts.actor(cast.amina).is_staff is False


def test_the_vocabulary_is_written_only_when_it_is_another(goods: None) -> None:
    before = queries.vocabulary()
    assert "jute" in before
    number = actions.make_vocabulary()
    assert number > 5
    assert "bags" in queries.vocabulary()  # the category's name
    assert jobs.count_words() == f"{number} words"
