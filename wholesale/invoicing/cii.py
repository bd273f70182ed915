"""The machine's copy of a paper: the European standard's invoice (EN 16931) as UN/CEFACT CII, to be put into the PDF.

It says what the paper says, in the standard's terms: everything without tax per line, the tax per category and rate,
delivery as a charge on the document. Prices that had tax in them are turned into prices without.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

PROFILE = "urn:cen.eu:en16931:2017"
FILE_NAME = "factur-x.xml"
_CENT = Decimal("0.01")
_PRICE = Decimal("0.000001")
_WHOLE = Decimal(100)
# UNTDID 1001, 4461 and 7161.
_TYPES = {"invoice": "380", "credit_note": "381"}
_MEANS = {"pay_on_delivery": "10", "bank_transfer": "42"}
_FREIGHT = "FC"
# VAT categories: standard, zero, exempt.
_CATEGORIES = {"standard": "S", "zero": "Z", "exempt": "E"}
_NO_RATE = "No VAT rate holds for these goods."
_NO_TAX_ON_DELIVERY = "No VAT is charged on delivery."
# Units of sale in UN/ECE Recommendation 20, packages (X…) from 21; what is not here is counted as "one".
_UNITS = {
    "piece": "H87",
    "set": "SET",
    "pack": "XPK",
    "box": "XBX",
    "bundle": "XBE",
    "bag": "XBG",
    "sack": "XSA",
    "carton": "XCT",
    "bottle": "XBO",
    "roll": "XRO",
    "dozen": "DZN",
    "pair": "PR",
    "kg": "KGM",
    "litre": "LTR",
    "metre": "MTR",
}
_ONE = "C62"


def prepare() -> None:
    """Import what builds the copy, before a worker forks."""
    import drafthorse.models.document  # noqa: F401


def of(number: str, content: Mapping[str, Any]) -> bytes:
    """The XML of an invoice or credit note with that frozen content."""
    from drafthorse.models.document import Document

    amounts = _amounts(content)
    document = Document()
    document.context.guideline_parameter.id = PROFILE
    document.header.id = number
    document.header.type_code = _TYPES[content.get("kind", "invoice")]
    document.header.issue_date_time = date.fromisoformat(content["issued_on"])
    for text in _notes(content):
        _add_note(document, text)
    _agreement(document.trade.agreement, content)
    for position, line in enumerate(content["lines"], start=1):
        document.trade.items.add(_item(position, line))
    _delivery(document.trade.delivery, content)
    _settlement(document.trade.settlement, content, amounts)
    xml: bytes = document.serialize(schema=None)
    return xml


# --- amounts ------------------------------------------------------------------------------------------------------


@dataclass
class _Sum:
    """The tax of one category and rate."""

    net: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Amounts:
    net: Decimal
    delivery: Decimal
    by_category: dict[tuple[str, Decimal], _Sum]
    total: Decimal

    @property
    def tax(self) -> Decimal:
        return sum((part.tax for part in self.by_category.values()), Decimal(0))

    @property
    def grand(self) -> Decimal:
        return self.net + self.delivery + self.tax


def _amounts(content: Mapping[str, Any]) -> _Amounts:
    """The document's sums. Tax is what the lines have, unless that is too far from the rate's share of their sum.

    Each line's tax was rounded once; the standard lets the sum differ by less than one. In a currency without small
    units many lines can differ by more: then the rate's share is said, and the difference as rounding of what is due.
    """
    sums: dict[tuple[str, Decimal], _Sum] = {}
    for line in content["lines"]:
        part = sums.setdefault(_category(line), _Sum())
        part.net += Decimal(line.get("net", line["total"]))
        part.tax += Decimal(line.get("tax", 0))
        if _category(line)[0] == "E":
            part.reasons.append(line.get("tax_reason") or _NO_RATE)
    delivery = Decimal(content["delivery_fee"])
    if delivery:
        part = sums.setdefault(("E", Decimal(0)), _Sum())
        part.net += delivery
        part.reasons.append(_NO_TAX_ON_DELIVERY)
    for (_, percent), part in sums.items():
        share = (part.net * percent / _WHOLE).quantize(_CENT, ROUND_HALF_UP)
        if abs(share - part.tax) >= 1:
            part.tax = share
    return _Amounts(
        net=sum((Decimal(line.get("net", line["total"])) for line in content["lines"]), Decimal(0)),
        delivery=delivery,
        by_category=sums,
        total=Decimal(content["total"]),
    )


def _category(line: Mapping[str, Any]) -> tuple[str, Decimal]:
    """A line's category and rate; where none was said, its percentage tells."""
    percent = Decimal(line.get("tax_percent", 0))
    kind = line.get("tax_kind") or ("standard" if percent else "exempt")
    return _CATEGORIES[kind], percent


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)


# --- parts of the document ----------------------------------------------------------------------------------------


def _notes(content: Mapping[str, Any]) -> list[str]:
    why = [f"{content['why']}. {content['reason']}".strip()] if content.get("why") else []
    return [*why, content["in_words"]]


def _add_note(document: Any, text: str) -> None:
    from drafthorse.models.note import IncludedNote

    note = IncludedNote()
    note.content = _clean(text)
    document.header.notes.add(note)


def _agreement(agreement: Any, content: Mapping[str, Any]) -> None:
    _party(agreement.seller, content["seller"], is_seller=True)
    _party(agreement.buyer, content["buyer"], is_seller=False)
    agreement.seller_order.issuer_assigned_id = content["order"]
    if content.get("reference"):
        agreement.buyer_order.issuer_assigned_id = _clean(content["reference"])


def _party(party: Any, said: Mapping[str, Any], *, is_seller: bool) -> None:
    from drafthorse.models.party import TaxRegistration

    party.id = said["slug"]
    party.name = _clean(said["legal_name"])
    if said.get("trade_licence_no"):
        party.legal_organization.id = ("", _clean(said["trade_licence_no"]))
    if said["trade_name"] != said["legal_name"] and is_seller:
        party.legal_organization.trade_name = _clean(said["trade_name"])
    place = said.get("place") or {}
    country = place.get("country", "BD")
    _address(party.address, place)
    if said.get("email"):
        party.electronic_address.uri_ID = ("EM", _clean(said["email"]))
    if said.get("tax_no"):
        # The standard wants the country before the number; the paper has the number as the tax office writes it.
        number = re.sub(r"[^0-9A-Za-z]", "", said["tax_no"])
        registration = TaxRegistration()
        registration.id = ("VA", number if number.startswith(country) else f"{country}{number}")
        party.tax_registrations.add(registration)
    elif is_seller:
        registration = TaxRegistration()
        registration.id = ("FC", _clean(said.get("trade_licence_no") or said["slug"]))
        party.tax_registrations.add(registration)


def _address(address: Any, place: Mapping[str, str]) -> None:
    if place.get("line"):
        address.line_one = _clean(place["line"])
    if place.get("city"):
        address.city_name = _clean(place["city"])
    address.country_id = place.get("country", "BD")


def _item(position: int, line: Mapping[str, Any]) -> Any:
    from drafthorse.models.tradelines import LineItem

    item = LineItem()
    net = Decimal(line.get("net", line["total"]))
    category, percent = _category(line)
    # An allowance takes back money and no pieces: the standard's line is then one, at that price.
    quantity = Decimal(line["quantity"] or 1)
    item.document.line_id = str(position)
    item.product.name = _clean(line["name"])
    if line["sku"]:
        item.product.seller_assigned_id = ("", _clean(line["sku"]))
    item.agreement.net.amount = _net_price(line, net, quantity)
    item.delivery.billed_quantity = (quantity, _UNITS.get(line["unit"], _ONE) if line["quantity"] else _ONE)
    item.settlement.trade_tax.type_code = "VAT"
    item.settlement.trade_tax.category_code = category
    item.settlement.trade_tax.rate_applicable_percent = percent
    item.settlement.monetary_summation.total_amount = _cents(net)
    return item


def _net_price(line: Mapping[str, Any], net: Decimal, quantity: Decimal) -> Decimal:
    """What one costs without tax: the price as it was, where that makes the line; otherwise the line's share."""
    price = Decimal(line["unit_price"])
    if _cents(price * quantity) == _cents(net):
        return price
    return (net / quantity).quantize(_PRICE, ROUND_HALF_UP)


def _delivery(delivery: Any, content: Mapping[str, Any]) -> None:
    """Where the goods change hands: at the buyer's door, or where they are picked up."""
    _address(delivery.ship_to.address, content["delivery"].get("place") or content["seller"].get("place") or {})


def _settlement(settlement: Any, content: Mapping[str, Any], amounts: _Amounts) -> None:
    from drafthorse.models.accounting import ApplicableTradeTax, CategoryTradeTax, TradeAllowanceCharge
    from drafthorse.models.payment import PaymentMeans, PaymentTerms

    settlement.payment_reference = content["purchase"]
    settlement.currency_code = content["currency"]
    payment = content.get("payment") or {}
    if payment:
        means = PaymentMeans()
        means.type_code = _MEANS.get(payment.get("code", ""), "1")
        means.information.add(payment["method"])
        settlement.payment_means.add(means)
    for (category, percent), part in amounts.by_category.items():
        tax = ApplicableTradeTax()
        tax.calculated_amount = _cents(part.tax)
        tax.type_code = "VAT"
        tax.basis_amount = _cents(part.net)
        tax.category_code = category
        tax.rate_applicable_percent = percent
        if part.reasons:
            tax.exemption_reason = _clean(" ".join(dict.fromkeys(part.reasons)))
        settlement.trade_tax.add(tax)
    if amounts.delivery:
        charge = TradeAllowanceCharge()
        charge.indicator = True
        charge.actual_amount = _cents(amounts.delivery)
        charge.reason_code = _FREIGHT
        charge.reason = "Delivery"
        on_charge = CategoryTradeTax()
        on_charge.type_code = "VAT"
        on_charge.category_code = "E"
        on_charge.rate_applicable_percent = Decimal(0)
        charge.trade_tax.add(on_charge)
        settlement.allowance_charge.add(charge)
    terms = PaymentTerms()
    terms.description = _clean(payment.get("state") or "What has been paid of this is given back.")
    settlement.terms.add(terms)
    _sums(settlement.monetary_summation, content, amounts)
    for name in ("invoice", "supplements"):
        if content.get(name):
            referenced = settlement.invoice_referenced_document
            referenced.issuer_assigned_id = content[name]
            referenced.issue_date_time = date.fromisoformat(content[f"{name}_issued_on"])


def _sums(sums: Any, content: Mapping[str, Any], amounts: _Amounts) -> None:
    sums.line_total = _cents(amounts.net)
    sums.charge_total = _cents(amounts.delivery)
    sums.allowance_total = _cents(Decimal(0))
    sums.tax_basis_total = (_cents(amounts.net + amounts.delivery), None)
    sums.tax_total = (_cents(amounts.tax), content["currency"])
    sums.grand_total = (_cents(amounts.grand), None)
    if amounts.total != amounts.grand:
        sums.rounding_amount = _cents(amounts.total - amounts.grand)
    paid = amounts.total if (content.get("payment") or {}).get("is_paid") else Decimal(0)
    if paid:
        sums.prepaid_total = _cents(paid)
    sums.due_amount = _cents(amounts.total - paid)


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(
        sign for sign in text if sign in "\t\n" or unicodedata.category(sign) not in {"Cc", "Cs", "Cn", "Co"}
    )
