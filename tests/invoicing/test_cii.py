"""The machine's copy follows the European standard: XSD and rules (schematron), whatever was bought."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import facturx
import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pypdf import PdfReader

from tests.invoicing import placed
from tests.invoicing.placed import Line
from tests.invoicing.standard import broken
from wholesale.invoicing import actions, cii
from wholesale.invoicing.content import _sums
from wholesale.kernel.money import MINOR_DIGITS, Money
from wholesale.orders.models import Order
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.taxes.rules import tax_of

VAT = {"tax_name": "VAT", "tax_percent": "15", "tax_kind": "standard"}
NAMES = {
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
}
LINES = [
    Line(quantity=120, **VAT),
    Line(name="Salt", quantity=7, unit_price="3.3333", tax_included=True, **VAT),
    Line(name="Rice", quantity=3, tax_name="VAT", tax_kind="zero"),
    Line(name="Book", quantity=2, tax_name="VAT", tax_kind="exempt", tax_reason="Books are exempt."),
    Line(name="Tea\N{NO-BREAK SPACE}& <jam> 'x'", quantity=1, unit_price="0.1250"),
]


def said(xml: bytes, path: str) -> list[str]:
    return [node.text for node in etree.fromstring(xml).iterfind(f".//{path}", NAMES)]


@pytest.fixture
def order(house: Flask) -> Order:
    return placed.order(*placed.people(), lines=LINES)


def test_an_invoice_of_every_kind_of_tax_follows_the_standard(order):
    invoice = actions.issue(order.id)
    xml = cii.of(invoice.number, invoice.content)
    assert broken(xml) == []
    assert said(xml, "rsm:ExchangedDocument/ram:TypeCode") == ["380"]
    assert said(xml, "ram:DuePayableAmount") == [f"{order.total:.2f}"]
    assert said(xml, "ram:ExemptionReason") == [
        "Books are exempt. No VAT rate holds for these goods. No VAT is charged on delivery."
    ]
    assert said(xml, "ram:SpecifiedTradeAllowanceCharge/ram:ReasonCode") == ["FC"]
    assert said(xml, "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID") == ["PO 77"]
    assert said(xml, "ram:SpecifiedTaxRegistration/ram:ID") == ["BD1234567890123", "BD1234567890123"]
    # What had tax in it is said without: 23.33 with 3.04 of tax for seven.
    assert said(xml, "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount")[1] == "20.29"
    assert said(xml, "ram:NetPriceProductTradePrice/ram:ChargeAmount")[1] == "2.898571"


@pytest.mark.parametrize("payment", ["bank_transfer", "pay_on_delivery"])
@pytest.mark.parametrize("delivery", ["delivery", "pick_up"])
def test_without_any_tax_it_follows_the_standard_too(house, payment, delivery):
    order = placed.order(
        *placed.people(),
        payment_method=payment,
        delivery_method=delivery,
        delivery_fee="60" if delivery == "delivery" else "0",
    )
    invoice = actions.issue(order.id)
    assert broken(cii.of(invoice.number, invoice.content)) == []


def test_a_business_without_a_tax_number_follows_the_standard(order):
    db.session.execute(db.text("UPDATE business_papers SET tax_no = ''"))
    db.session.expire_all()
    invoice = actions.issue(order.id)
    xml = cii.of(invoice.number, invoice.content)
    assert broken(xml) == []
    assert said(xml, "ram:SpecifiedTaxRegistration/ram:ID") == ["TL-DIPU-TRADERS"]


def test_a_credit_note_follows_the_standard_and_names_its_invoice(order):
    invoice = actions.issue(order.id)
    placed.take_back(order, {0: 7, 1: 2, 3: 1}, reason="Torn\vand wet.")
    placed.take_back(order, amounts={0: "10"}, delivery="60", kind="allowance")
    for note in actions.issue_credit_notes(order.id):
        xml = cii.of(note.number, note.content)
        assert broken(xml) == []
        assert said(xml, "rsm:ExchangedDocument/ram:TypeCode") == ["381"]
        assert said(xml, "ram:InvoiceReferencedDocument/ram:IssuerAssignedID") == [invoice.number]
        assert said(xml, "ram:DuePayableAmount") == [f"{note.total:.2f}"]


def test_the_rules_are_looked_at(order):
    """The standard's rules would notice: an invoice that does not add up, an unknown unit."""
    invoice = actions.issue(order.id)
    xml = cii.of(invoice.number, invoice.content)
    total = f"{order.total:.2f}"
    assert any("BR-CO-15" in rule for rule in broken(xml.replace(total.encode(), b"1.00")))
    assert broken(xml.replace(b'unitCode="XSA"', b'unitCode="SACK"')) != []


def taxed(currency: str, bought: tuple[Decimal, int, Decimal, str, bool]) -> dict:
    price, quantity, percent, kind, included = bought
    goods = Money(price * quantity, currency).rounded()
    percent = percent if kind == "standard" else Decimal(0)
    tax = tax_of(goods, percent, included=included)
    return {
        "sku": "S", "name": "Goods", "name_bn": "", "quantity": quantity, "unit": "kg", "unit_price": str(price),
        "from_quantity": 1, "total": str(goods.amount), "net": str((goods - tax if included else goods).amount),
        "tax": str(tax.amount), "tax_name": "VAT" if kind else "", "tax_percent": f"{percent.normalize():f}",
        "tax_included": included, "tax_kind": kind, "tax_reason": "Because." if kind == "exempt" else "",
    }  # fmt: skip


PARTY = {
    "trade_name": "A", "legal_name": "A Limited", "slug": "a", "email": "a@b.example", "tax_no": "123-456",
    "trade_licence_no": "", "place": {"line": "", "city": "", "country": "UG"},
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(MINOR_DIGITS)),
    st.lists(
        st.tuples(
            st.decimals("0.0001", "10000000", places=4),
            st.integers(1, 100_000),
            st.sampled_from([Decimal(5), Decimal("7.5"), Decimal(15)]),
            st.sampled_from(["standard", "zero", "exempt", ""]),
            st.booleans(),
        ),
        min_size=1,
        max_size=40,
    ),
    st.integers(0, 1_000_000),
)
def test_whatever_was_bought_in_whatever_currency_it_follows_the_standard(currency, lines, fee):
    """Amounts up to 10^12, currencies without small units, up to forty lines that were each rounded."""
    rows = [taxed(currency, line) for line in lines]
    content = {
        "kind": "invoice", "order": "O", "purchase": "P", "reference": "", "issued_on": date(2026, 11, 21).isoformat(),
        "seller": PARTY, "buyer": PARTY, "delivery": {"method": "pick_up"}, "currency": currency,
        "payment": {"code": "bank_transfer", "method": "Bank transfer", "state": "Due.", "is_paid": False},
    } | _sums(rows, Money(Decimal(fee), currency), currency)  # fmt: skip
    xml = cii.of("INV-1", content)
    assert broken(xml) == []
    assert Decimal(said(xml, "ram:DuePayableAmount")[0]) == Decimal(content["total"])


# --- inside the PDF ---------------------------------------------------------------------------------------


def test_the_document_is_for_the_archive_and_holds_the_machine_s_copy(order):
    invoice = actions.issue(order.id)
    actions.make_document(invoice.id)
    data = files.storage().get(invoice.file_key)
    name, xml = facturx.get_facturx_xml_from_pdf(io.BytesIO(data))
    assert (name, broken(xml)) == ("factur-x.xml", [])
    reader = PdfReader(io.BytesIO(data))
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert reader.metadata.title == f"Invoice {invoice.number}"
    (attached,) = root["/AF"]
    assert attached.get_object()["/AFRelationship"] == "/Alternative"
    described = root["/Metadata"].get_object().get_data()
    assert described.count(b"<rdf:RDF") == 1
    etree.fromstring(described)
    for words in (b'pdfaid:part="3"', b'pdfaid:conformance="B"', b"<fx:ConformanceLevel>EN 16931<"):
        assert words in described, words
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():
            holder = font.get_object().get("/DescendantFonts", [font])[0].get_object()["/FontDescriptor"]
            assert {"/FontFile2", "/FontFile3"} & set(holder.get_object()), "a font is not inside"
