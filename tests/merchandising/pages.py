"""What the tests of the product screens send: a form as its page has it, with what a person would type."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from tests.client import XHTML, HouseClient, parse
from wholesale.catalog.models import Category

TYPED = {
    "name": "Golden tea",
    "name_bn": "সোনালি চা",
    "description": "Strong, from Sylhet, packed in tins.",
    "brand": "Surma",
    "country": "Bangladesh",
    "unit": "kg",
    "specifications-0-name": "Weight",
    "specifications-0-value": "500 g",
    "cost": "80",
    "moq": "10",
    "order_multiple": "5",
    "tiers-0-min_qty": "10",
    "tiers-0-unit_price": "145",
    "tiers-1-min_qty": "50",
    "tiers-1-unit_price": "135.5",
    "variants-0-sku": "TEA-1",
    "variants-0-name": "",
    "variants-0-barcode": "4006381333931",
    "variants-0-stock": "120",
    "variants-0-surcharge": "",
    "lead_time_days": "7",
    "reorder_level": "20",
    "reorder_quantity": "100",
}


def typed(category: Category, **changed: str) -> dict[str, str]:
    """What a person types for a new product; `tiers__1__unit_price` stands for tiers-1-unit_price."""
    return {**TYPED, "category_id": str(category.id)} | {
        name.replace("__", "-"): text for name, text in changed.items()
    }


def form_on(page: str, action: str) -> dict[str, str]:
    """The fields of the form of that action, with what they hold."""
    for form in parse(page).iter(f"{XHTML}form"):
        if form.get("action", "").partition("?")[0] == action:
            return fields(form)
    raise AssertionError(f"no form for {action}")


def fields(form: ET.Element) -> dict[str, str]:
    held: dict[str, str] = {}
    for each in form.iter():
        tag, name = each.tag.removeprefix(XHTML), each.get("name")
        if not name or name in {"csrf_token", "do"}:
            continue
        if tag == "textarea":
            held[name] = (each.text or "").removeprefix("\n")
        elif tag == "select":
            options = list(each.iter(f"{XHTML}option"))
            chosen = next((option for option in options if option.get("selected") is not None), options[0])
            held[name] = chosen.get("value", "")
        elif tag == "input" and each.get("type") not in {"checkbox", "radio", "submit"}:
            held[name] = each.get("value", "")
    return held


def edit(client: HouseClient, product_id: int) -> dict[str, str]:
    """The form of a product's page, as somebody who opens it gets it."""
    path = f"/seller/products/{product_id}"
    response = client.get(path)
    assert response.status_code == 200, response.text[:2000]
    return form_on(response.text, path)


def errors(page: str) -> dict[str, str]:
    """Each field's error, by the field's id."""
    return {
        each.get("id", "").removesuffix("-error"): " ".join("".join(each.itertext()).split())
        for each in parse(page).iter(f"{XHTML}p")
        if each.get("id", "").endswith("-error")
    }


def ticked(ids: list[int], **data: Any) -> dict[str, Any]:
    return {"product": [str(each) for each in ids], **data}
