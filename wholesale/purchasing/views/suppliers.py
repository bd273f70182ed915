"""Suppliers, and what they sell."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request
from flask_babel import gettext as _

from wholesale.merchandising import queries as merchandising
from wholesale.platform import htmx, i18n
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, STAFF, access, actor
from wholesale.platform.sheets import Cell, csv_lines
from wholesale.purchasing import actions, queries, reading, rules
from wholesale.purchasing.forms import ItemsForm, PriceListForm, SupplierForm
from wholesale.purchasing.views.blueprint import SUPPLIER, asked, bp, may_change, seller_id, sought, whole_number


def _list() -> Response:
    ended = request.args.get("ended") == "yes"
    of = whole_number(request.args.get("seller")) if actor().is_staff else None
    return htmx.respond(
        "purchasing/suppliers.html",
        "purchasing/_suppliers.html",
        page=queries.suppliers(
            actor(), q=sought(), seller_id=of, ended=ended, after=whole_number(request.args.get("after"))
        ),
        q=sought(),
        ended=ended,
        of=of,
        sellers=merchandising.sellers() if actor().is_staff else [],
        endpoint="purchasing.everybodys_suppliers" if actor().is_staff else "purchasing.suppliers",
        may_change=may_change(),
    )


@bp.get("/seller/suppliers")
@access(SELLING)
def suppliers() -> Response:
    """Of whom the seller buys; staff have a list of everybody's."""
    if actor().is_staff:
        return htmx.done("purchasing.everybodys_suppliers", **asked("q", "seller", "ended", "after"))
    return _list()


@bp.get("/admin/suppliers")
@access(STAFF)
def everybodys_suppliers() -> Response:
    """Every seller's suppliers."""
    return _list()


@bp.route("/seller/suppliers/new", methods=["GET", "POST"])
@access(MANAGES_PRODUCTS)
def new_supplier() -> Response:
    """A supplier that is not there yet. An admin says whose."""
    of = seller_id()
    if of is None:
        return htmx.done("purchasing.everybodys_suppliers", _("Choose the seller first: then press “New supplier”."))
    form = SupplierForm(currency=merchandising.seller(of).currency)
    made = None
    if request.method == "POST":
        made = form.submit(lambda: actions.add_supplier(actor=actor(), seller_id=of, facts=form.facts))
    if made is None:
        return htmx.show(
            "purchasing/supplier_new.html", form.status, form=form, seller=of if actor().is_staff else None
        )
    return htmx.done("purchasing.supplier", _("Now say what they sell."), supplier_id=made.id)


@bp.get(f"/seller/suppliers/{SUPPLIER}")
@access(SELLING)
def supplier(supplier_id: int) -> Response:
    return _page(queries.supplier(actor(), supplier_id))


def _page(
    found: queries.AnySupplier,
    *,
    form: SupplierForm | None = None,
    items: ItemsForm | None = None,
    price_list: PriceListForm | None = None,
) -> Response:
    after = whole_number(request.args.get("after"))
    rows, more = queries.items(found, after=after)
    form = form or SupplierForm(formdata=None, **_facts(found))
    items = items or _items_form(rows)
    price_list = price_list or PriceListForm(formdata=None)
    return htmx.respond(
        "purchasing/supplier.html",
        "purchasing/_supplier.html",
        max(form.status, items.status, price_list.status),
        supplier=found,
        form=form,
        items=items,
        price_list=price_list,
        rows=rows,
        names={row.item.id: row.name for row in rows},
        after=after,
        more=more,
        orders=queries.page(actor(), queries.Filters(supplier_id=found.id), limit=5).rows,
        may_change=may_change(),
        added=request.form.get("do", "").startswith("add"),
        endpoint="purchasing.everybodys_suppliers" if actor().is_staff else "purchasing.suppliers",
    )


def _facts(found: queries.AnySupplier) -> dict[str, object]:
    names = (
        "contact", "email", "phone", "address", "district", "country", "currency", "lead_min", "lead_max",
        "payment_terms", "notes",
    )  # fmt: skip
    return {name: getattr(found, name) for name in names} | {"name": found.name if found.is_named else ""}


def _items_form(rows: list[queries.ItemRow]) -> ItemsForm:
    data = []
    for row in rows:
        item, tiers = row.item, dict(row.item.tiers)
        one = tiers.pop(1, None)
        data.append(
            {
                "id": item.id,
                "sku": row.sku,
                "supplier_sku": item.supplier_sku,
                "cost": one,
                "tiers": rules.written_tiers(tiers),
                "moq": item.moq,
                "pack": item.pack,
                "lead_min": item.lead_min,
                "lead_max": item.lead_max,
                "preferred": item.preferred,
            }
        )
    form = ItemsForm(formdata=None, items=data, shown=",".join(str(row.item.id) for row in rows))
    form.items.append_entry()
    return form


@bp.post(f"/seller/suppliers/{SUPPLIER}")
@access(MANAGES_PRODUCTS)
def save_supplier(supplier_id: int) -> Response:
    """Let the supplier be what was typed."""
    found = queries.supplier(actor(), supplier_id)
    form = SupplierForm()
    if form.accept(lambda: actions.change_supplier(actor=actor(), supplier_id=supplier_id, facts=form.facts)):
        return htmx.done("purchasing.supplier", _("It is saved."), supplier_id=supplier_id)
    return _page(found, form=form)


@bp.post(f"/seller/suppliers/{SUPPLIER}/items")
@access(MANAGES_PRODUCTS)
def save_items(supplier_id: int) -> Response:
    """What they sell, as far as the page showed it."""
    found = queries.supplier(actor(), supplier_id)
    form = ItemsForm()
    if form.rearranged(request.form.get("do", "")):
        return _page(found, items=form)
    if form.accept(
        lambda: actions.save_items(actor=actor(), supplier_id=supplier_id, items=form.facts, gone=form.gone)
    ):
        return htmx.done(
            "purchasing.supplier", _("It is saved."), supplier_id=supplier_id, after=request.args.get("after")
        )
    return _page(found, items=form)


@bp.post(f"/seller/suppliers/{SUPPLIER}/price-list")
@access(MANAGES_PRODUCTS)
def take_price_list(supplier_id: int) -> Response:
    """What they sell, as a file says it."""
    found = queries.supplier(actor(), supplier_id)
    form = PriceListForm()
    taken = form.submit(
        lambda: actions.take_price_list(actor=actor(), supplier_id=supplier_id, rows=reading.price_list(form.file.data))
    )
    if taken is None:
        return _page(found, price_list=form)
    return htmx.done(
        "purchasing.supplier",
        _("%(count)s rows of the price list were taken over.", count=i18n.number(taken)),
        supplier_id=supplier_id,
    )


@bp.get(f"/seller/suppliers/{SUPPLIER}/items.csv")
@access(SELLING)
def items_csv(supplier_id: int) -> Response:
    """What they sell as a table, which can be changed and sent back as a price list."""
    found = queries.supplier(actor(), supplier_id)

    def rows() -> Iterator[list[Cell]]:
        yield [names[0] for names in reading.COLUMNS.values()]
        for row in queries.items(found, limit=reading.MOST_ROWS)[0]:
            item, tiers = row.item, dict(row.item.tiers)
            one = tiers.pop(1, None)
            days = [None if each is None else str(each) for each in (item.lead_min, item.lead_max)]
            cost = "" if one is None else rules.written_cost(one)
            yield [
                row.sku, item.supplier_sku, cost, rules.written_tiers(tiers), item.moq, item.pack,
                *(each or "" for each in days),
            ]  # fmt: skip

    response = Response("".join(csv_lines(rows())), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="price-list-{found.id}.csv"'
    return response


@bp.post(f"/seller/suppliers/{SUPPLIER}/ending")
@access(MANAGES_PRODUCTS)
def end_supplier(supplier_id: int) -> Response:
    """Nothing is bought of them any more."""
    actions.end_supplier(actor=actor(), supplier_id=supplier_id)
    return htmx.done("purchasing.supplier", _("Nothing is bought of them any more."), supplier_id=supplier_id)


@bp.post(f"/seller/suppliers/{SUPPLIER}/resumption")
@access(MANAGES_PRODUCTS)
def resume_supplier(supplier_id: int) -> Response:
    """They are bought of again."""
    found = queries.supplier(actor(), supplier_id)
    form = SupplierForm(formdata=None, **_facts(found))
    if (
        form.submit(lambda: actions.resume_supplier(actor=actor(), supplier_id=supplier_id)) is None
        and form.form_errors
    ):
        return _page(found, form=form)
    return htmx.done("purchasing.supplier", _("You buy of them again."), supplier_id=supplier_id)
