"""How long an invoice takes to render and how large it gets: `python -m bench.invoice_pdf [LINES…]`."""

from __future__ import annotations

import sys
import time
from datetime import date
from decimal import Decimal

from jinja2 import Environment, FileSystemLoader

from wholesale.config import ROOT
from wholesale.kernel.money import Money
from wholesale.platform import i18n, pdf

PARTY = {
    "trade_name": "Dipu Traders",
    "legal_name": "Dipu Traders Limited",
    "slug": "dipu-traders",
    "address": ["12 Bazar Road, Mirpur", "Dhaka"],
    "phone": "+8801812345678",
    "email": "dipu@business.example",
    "tax_no": "1234567890123",
    "trade_licence_no": "TL-1",
}
NAMES = (
    ("Sugar, white, 50 kg sack", "চিনি, ৫০ কেজির বস্তা"),
    ("Strawberry jam, carton of 24 jars of 340 g each", "স্ট্রবেরি জ্যাম, কাচের বয়ামে ২৪টির কার্টন"),
    ("Small LED bulb", ""),
)


def document(lines: int) -> tuple[str, str]:
    """HTML and style sheet of an invoice, by the templates of the product."""
    env = Environment(loader=FileSystemLoader(ROOT / "templates"), autoescape=True)
    env.filters |= {name: getattr(i18n, name) for name in ("money", "unit_money", "number", "day")}
    html = env.get_template("invoicing/document.html").render(
        number="INV-2026-27-00001",
        void=False,
        cash=lambda amount: Money(Decimal(amount), "BDT"),
        date=date.fromisoformat,
        site="Paikar",
        order="W-1001",
        purchase="P-1001",
        reference="PO 77",
        placed_on="2026-11-21",
        issued_on="2026-11-21",
        seller=PARTY,
        buyer=PARTY,
        delivery={"method": "delivery", "address": PARTY["address"]},
        payment={"method": "Cash on delivery", "state": "To be paid in cash when the goods are handed over."},
        currency="BDT",
        goods_total="16200",
        delivery_fee="60",
        total="16260",
        in_words="Sixteen thousand two hundred sixty taka only",
        in_bangla_words="ষোলো হাজার দুই শত ষাট টাকা মাত্র",
        lines=[
            {
                "sku": f"SKU-{position}",
                "name": NAMES[position % 3][0],
                "name_bn": NAMES[position % 3][1],
                "quantity": 100 + position,
                "unit": "carton",
                "unit_price": "135.0000",
                "from_quantity": 100,
                "total": "16200.0000",
            }
            for position in range(lines)
        ],
    )
    return html, env.get_template("invoicing/document.css").render()


def main() -> None:
    begin = time.perf_counter()
    pdf.prepare()
    print(f"prepare: {time.perf_counter() - begin:.2f} s, once per worker")
    pdf.render("<p>", "")
    for lines in [int(argument) for argument in sys.argv[1:]] or [1, 12, 60, 200]:
        html, css = document(lines)
        begin, cpu = time.perf_counter(), time.process_time()
        size = len(pdf.render(html, css))
        spent = time.perf_counter() - begin, time.process_time() - cpu
        print(f"{lines:5} lines: {spent[0]:6.2f} s ({spent[1]:.2f} s of processor), {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
