"""Which views a replica may answer for: the catalogue's, and none that money or goods depend on."""

from __future__ import annotations

from flask import Flask

CATALOGUE = {
    "pages.home",
    "pages.media",
    "pages.listing",
    "pages.product",
    "pages.sellers",
    "pages.all_sellers",
    "pages.compare",
    "search.suggestions",
    "pricing.calculator",
}


def test_only_the_catalogue_is_read_from_a_replica(app: Flask) -> None:
    marked = {name for name, view in app.view_functions.items() if getattr(view, "replica_may_answer", False)}
    assert marked == CATALOGUE


def test_what_a_replica_may_answer_writes_nothing(app: Flask) -> None:
    methods = {rule.endpoint: rule.methods or set() for rule in app.url_map.iter_rules() if rule.endpoint in CATALOGUE}
    assert {name for name, allowed in methods.items() if allowed - {"GET", "HEAD", "OPTIONS"}} == set()
