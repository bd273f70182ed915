"""How long invoices take to render, how large they get, how many a second two workers make and with how much memory.

`python -m bench.invoice_pdf [LINES…]`, and `python -m bench.invoice_pdf --many 2000`: two workers that fork for every
few documents, as the product's do; with `--json` for `bench/jobs`, which asks it for its figures.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from types import SimpleNamespace
from typing import Any, cast

import psutil
from flask import Flask

from wholesale.config import ROOT, Settings
from wholesale.invoicing import cii, paper
from wholesale.platform import i18n, pdf

PARTY = {
    "trade_name": "Dipu Traders",
    "legal_name": "Dipu Traders Limited",
    "slug": "dipu-traders",
    "address": ["12 Bazar Road, Mirpur", "Dhaka"],
    "place": {"line": "12 Bazar Road, Mirpur", "city": "Dhaka", "country": "BD"},
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
ADDRESS = "https://paikar.example/documents/aBcDeFgHiJkLmNoPqRsT"
ONE_PAGE = 6  # lines
_AT_ONCE = 20  # documents that a forked process makes, as many as in the seconds that the worker gives it


def content(lines: int) -> dict[str, Any]:
    """What stands on an invoice of so many lines, all with tax."""
    total, tax = 16200 * lines, 2430 * lines
    return {
        "kind": "invoice",
        "site": "Paikar",
        "order": "ORD-2026-001001",
        "purchase": "PUR-2026-001001",
        "reference": "PO 77",
        "placed_on": "2026-11-20",
        "issued_on": "2026-11-21",
        "seller": PARTY,
        "buyer": PARTY,
        "delivery": {"method": "delivery", "address": PARTY["address"], "place": PARTY["place"]},
        "payment": {
            "code": "pay_on_delivery",
            "method": "Cash on delivery",
            "state": "To be paid in cash when the goods are handed over.",
            "is_paid": False,
        },
        "currency": "BDT",
        "goods_total": f"{total}.00",
        "net_total": f"{total}.00",
        "tax_total": f"{tax}.00",
        "tax_on_top": f"{tax}.00",
        "taxes": [{"name": "VAT", "percent": "15", "net": f"{total}.00", "tax": f"{tax}.00"}],
        "delivery_fee": "60.00",
        "total": f"{total + tax + 60}.00",
        "in_words": "Sixteen thousand two hundred sixty taka only",
        "in_bangla_words": "ষোলো হাজার দুই শত ষাট টাকা মাত্র",
        "lines": [
            {
                "sku": f"SKU-{position}",
                "name": NAMES[position % 3][0],
                "name_bn": NAMES[position % 3][1],
                "quantity": 120,
                "unit": "carton",
                "unit_price": "135.0000",
                "from_quantity": 100,
                "total": "16200.00",
                "net": "16200.00",
                "tax": "2430.00",
                "tax_name": "VAT",
                "tax_percent": "15",
                "tax_included": False,
                "tax_kind": "standard",
                "tax_reason": "",
            }
            for position in range(lines)
        ],
    }


def _render(of: dict[str, Any], nth: int = 1) -> bytes:
    return paper.render(f"INV-2026-27-{nth:05d}", of, void=False, address=ADDRESS)


def _megabytes() -> float:
    return psutil.Process().memory_info().rss / 1_000_000


def _each(sizes: list[int]) -> None:
    _render(content(1))
    for lines in sizes:
        of = content(lines)
        begin, cpu = time.perf_counter(), time.process_time()
        size = len(_render(of))
        spent = time.perf_counter() - begin, time.process_time() - cpu
        print(f"{lines:5} lines: {spent[0]:6.2f} s ({spent[1]:.2f} s of processor), {size / 1000:.0f} kB")


def _worker(documents: int, pipe: int) -> None:
    """As the product's: everything is imported, each few documents are made by a process that ends then."""
    of, largest, own = content(ONE_PAGE), 0.0, []
    for begin in range(0, documents, _AT_ONCE):
        reader, writer = os.pipe()
        if os.fork() == 0:
            for nth in range(begin, min(begin + _AT_ONCE, documents)):
                _render(of, nth + 1)
            os.write(writer, str(_megabytes()).encode())
            os._exit(0)
        os.close(writer)
        largest = max(largest, float(os.read(reader, 100)))
        os.close(reader)
        os.wait()
        own.append(_megabytes())
    os.write(pipe, json.dumps([own[0], own[-1], largest]).encode())
    os._exit(0)


def _many(documents: int, workers: int = 2) -> dict[str, Any]:
    """So many invoices of one page by forked workers: how many a second, and their memory."""
    for _ in range(3):
        _render(content(ONE_PAGE))
    pipes = []
    begin, before = time.perf_counter(), os.times()
    for _ in range(workers):
        reader, writer = os.pipe()
        if os.fork() == 0:
            _worker(documents // workers, writer)
        pipes.append(reader)
    told = [json.loads(os.read(reader, 1000)) for reader in pipes]
    for _ in pipes:
        os.wait()
    spent, after = time.perf_counter() - begin, os.times()
    worked = (after.children_user + after.children_system) - (before.children_user + before.children_system)
    for first, last, largest in told:
        print(f"worker: {first:.0f} MB at first, {last:.0f} MB at the end; its forked at most {largest:.0f} MB")
    print(f"{documents} invoices of one page by {workers} workers: {spent:.1f} s, {documents / spent:.1f} a second")
    return {
        "number": documents,
        "a_second": round(documents / spent, 2),
        "cpu_ms": round(worked * 1000 / documents, 1),
        "first_mb": round(max(first for first, _, _ in told), 1),
        "last_mb": round(max(last for _, last, _ in told), 1),
        "gained_mb": round(max(last - first for first, last, _ in told), 1),
        "largest_mb": round(max(largest for _, _, largest in told), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=int, nargs="*", help="of each document")
    parser.add_argument("--many", type=int, metavar="N", help="so many of one page, by two workers")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line, with --many")
    given = parser.parse_args()
    app = Flask("wholesale", template_folder=str(ROOT / "templates"))
    i18n.init_app(app, cast("Settings", SimpleNamespace(time_zone="Asia/Dhaka")))
    begin = time.perf_counter()
    pdf.also_prepare(cii.prepare)
    pdf.prepare()
    print(f"prepare: {time.perf_counter() - begin:.2f} s, once per worker")
    with app.app_context():
        if given.many:
            found = _many(given.many)
            if given.json:
                print(json.dumps(found))
        else:
            _each(given.lines or [1, ONE_PAGE, 12, 60, 200])


if __name__ == "__main__":
    main()
