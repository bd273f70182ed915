"""What another sharing would have meant: exact in every currency and of every size. Pure."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.kernel.money import Money
from wholesale.merchandising.profit.rules import LEVELS, Sold, gives_way, preview
from wholesale.pricing.rules import Settlement, share

SHARE = Settlement("profit_share", Decimal(15), Decimal(20))
COMMISSION = Settlement("commission", commission_percent=Decimal(8))


def sold(revenue: str, cost: str, got: str, *, seller_id: int = 1, currency: str = "BDT") -> Sold:
    amounts = (Money(Decimal(each), currency) for each in (revenue, cost, got))
    return Sold(1, seller_id, 1, f"Seller {seller_id}", *amounts)


@pytest.mark.parametrize(
    ("kind", "levels"),
    [("product", LEVELS), ("seller", LEVELS[1:]), ("category", ("category", "platform")), ("platform", ("platform",))],
)
def test_a_rule_reaches_what_is_not_more_specific(kind: str, levels: tuple[str, ...]) -> None:
    assert gives_way(kind) == levels


def test_a_currency_without_decimals() -> None:
    """UGX: a commission of 8 % of 12,345 is 987.6, so 988; no part of a shilling appears."""
    (found,) = preview([(sold("12345", "8000", "11111", currency="UGX"), COMMISSION)])
    assert found.platform_after == Money(Decimal(988), "UGX")
    assert found.seller_after == Money(Decimal(11357), "UGX")
    (found,) = preview([(sold("12345", "8000", "11111", currency="UGX"), SHARE)])
    split = share(Money(Decimal(12345), "UGX"), Money(Decimal(8000), "UGX"), SHARE)
    # 15 % of 4,345 is 651.75: 652; 20 % of 3,693 is 738.6: 739.
    assert (split.platform_fee.amount, split.seller_share.amount, split.platform_rest.amount) == (652, 739, 2954)
    assert found.platform_after == Money(Decimal(3606), "UGX")
    assert found.seller_after == Money(Decimal(8739), "UGX")


def test_amounts_of_a_million_millions() -> None:
    (found,) = preview([(sold("999999999999.99", "1", "1"), COMMISSION)] * 3)
    assert found.revenue == Money(Decimal("2999999999999.97"), "BDT")
    assert found.platform_after == Money(Decimal("240000000000.00"), "BDT")
    assert found.seller_after == Money(Decimal("2759999999999.97"), "BDT")


def test_a_loss_is_the_platforms() -> None:
    (found,) = preview([(sold("100", "120", "100"), SHARE)])
    assert found.seller_after == Money(Decimal(120), "BDT")
    assert found.platform_after == Money(Decimal(-20), "BDT")


def test_the_three_sellers_for_whom_most_changes() -> None:
    """The amount counts, not its sign; who keeps the same is not named; each currency by itself."""
    lines = [
        sold("100", "0", "92", seller_id=1),  # 92 as before
        sold("100", "0", "50", seller_id=2),
        sold("1000", "0", "1000", seller_id=3),
        sold("1000", "0", "900", seller_id=4),
        sold("100", "0", "91", seller_id=5),
        sold("100", "0", "0", seller_id=6, currency="KES"),
    ]
    taka, shilling = preview([(line, COMMISSION) for line in lines])
    assert [(each.seller_id, each.seller_change.amount) for each in taka.most_affected] == [(3, -80), (2, 42), (4, 20)]
    assert (taka.lines, shilling.lines) == (5, 1)
    assert [each.seller_id for each in shilling.most_affected] == [6]


cents = st.integers(0, 10**14)
rates = st.decimals(0, 100, places=4)


@given(st.lists(st.tuples(cents, cents, cents), min_size=1, max_size=20), rates, rates, st.sampled_from(("BDT", "UGX")))
def test_the_parts_add_up_whatever_is_set(lines, first, second, currency) -> None:  # type: ignore[no-untyped-def]
    """Then as now platform and sellers together have the revenue; sellers add up to all sellers."""
    digits = 2 if currency == "BDT" else 0
    amounts = [[Decimal(part).scaleb(-digits) for part in line] for line in lines]
    made = [
        (Sold(1, number % 4, 1, "", *(Money(part, currency) for part in parts)), settlement)
        for number, parts in enumerate(amounts)
        for settlement in (Settlement("profit_share", first, second), Settlement("commission", None, None, first))
    ]
    (found,) = preview(made)
    assert found.platform_after + found.seller_after == found.revenue
    assert found.platform_before + found.seller_before == found.revenue
    assert Money.total((each.seller_after for each in found.by_seller.values()), currency) == found.seller_after
    assert found.seller_after == found.seller_after.rounded()
    assert sum(each.lines for each in found.by_seller.values()) == found.lines == len(made)
