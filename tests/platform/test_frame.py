"""The frame of every page: what stands under an admin's thumb, and what the style hides."""

from __future__ import annotations

from typing import Any

import lxml.html
import pytest

from tests.conftest import Cast
from wholesale.config import ROOT

STYLE = (ROOT / "static" / "css" / "site.css").read_text()


def words(part: Any) -> str:
    return " ".join(part.text_content().split())


def test_an_admins_bar_has_room_for_each_tab(client_of, cast: Cast) -> None:  # type: ignore[no-untyped-def]
    """At 360 px five tabs are 72 px wide each; the others stand in the account menu."""
    page = lxml.html.document_fromstring(client_of(cast.esha).get("/admin/ledger").text)
    bar = page.xpath("//nav[@class='tabs']//li")
    always = [words(tab) for tab in bar if tab.get("class") is None]
    assert always == ["Verify", "Goods", "Payments", "Ledger", "Reports"]
    roomy = [words(tab) for tab in bar if tab.get("class") == "roomy"]
    assert roomy == ["Products", "Stock", "Audit", "Jobs"]
    assert set(roomy) <= {words(link) for link in page.xpath("//details[@class='me']//a")}
    # On a wide screen all of them stand in the bar: what is roomy is left out only where the first tab is not.
    assert "li:first-child:not(.roomy):nth-last-child(n + 6) ~ .roomy" in STYLE


@pytest.mark.parametrize("who", ["amina", "dipu"])
def test_others_keep_theirs(client_of, cast: Cast, who: str) -> None:  # type: ignore[no-untyped-def]
    page = lxml.html.document_fromstring(client_of(getattr(cast, who)).get("/").text)
    first = page.xpath("//nav[@class='tabs']//li")[0]
    assert (words(first), first.get("class")) == ("Products", None)
    assert "Jobs" not in words(page.xpath("//header")[0])


def test_only_tables_of_tiers_lose_their_heads() -> None:
    """A list that is set in small letters (`cards compact`) keeps its head on a wide screen."""
    assert ".tiers.compact thead" in STYLE
    assert STYLE.count(".compact thead") == 1
