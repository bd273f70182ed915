"""Stock as its seller and the platform's staff see it: the list, and one variant's figures with their log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, current_app, request, url_for
from flask_babel import gettext as _

from wholesale.inventory import actions, queries, rules, slots
from wholesale.inventory.errors import StaleStockError
from wholesale.inventory.forms import AdjustForm
from wholesale.inventory.shown import may_change, whole_number
from wholesale.kernel.errors import NotFoundError
from wholesale.platform import htmx, i18n
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, STAFF, access, actor
from wholesale.platform.sheets import Cell, csv_lines
from wholesale.platform.transaction import abandon

bp = Blueprint("inventory", __name__)

_MOST = f"int(max={2**63 - 1})"
_CONFLICT = 409
_KEPT = ("q", "seller", "location", "low", "after")


@bp.app_template_global("has_endpoint")
def has_endpoint(name: str) -> bool:
    """Whether a page is there that another room may have."""
    return name in current_app.view_functions


@bp.app_template_filter("stock_kind")
def stock_kind(kind: str) -> str:
    """What kind of change a row of the log is."""
    return i18n.gettext(rules.KINDS[kind])


@bp.app_template_filter("stock_reason")
def stock_reason(reason: str) -> str:
    """Why somebody changed it by hand."""
    return i18n.gettext(rules.NOTED[reason]) if reason in rules.NOTED else reason


# --- the list ---------------------------------------------------------------------------------------------


@bp.get("/seller/stock")
@access(SELLING)
def overview() -> Response:
    """What the seller has; staff have a list of everybody's."""
    if actor().is_staff:
        return htmx.done("inventory.everybodys", **_kept())
    return _list("inventory.overview", "inventory.table_csv")


@bp.get("/admin/stock")
@access(STAFF)
def everybodys() -> Response:
    """What all sellers have."""
    return _list("inventory.everybodys", "inventory.everybodys_csv")


def _kept(*, without: tuple[str, ...] = ()) -> dict[str, str]:
    """What the list is narrowed to, to stand in addresses."""
    named = {
        name: request.args[name].replace("\0", "")[: queries.MAX_QUERY] for name in _KEPT if request.args.get(name)
    }
    return {name: value for name, value in named.items() if name not in without}


def _filters() -> queries.Filters:
    """What is looked for; nonsense, and a place of somebody else, looks for everything."""
    place = whole_number(request.args.get("location"))
    seller_id = whole_number(request.args.get("seller")) if actor().is_staff else None
    if place is not None:
        try:
            found = queries.location(actor(), place)
        except NotFoundError:
            place = None
        else:
            seller_id = found.organization_id if actor().is_staff else None
    return queries.Filters(
        q=request.args.get("q", "").replace("\0", "").strip()[: queries.MAX_QUERY],
        seller_id=seller_id,
        location_id=place,
        low=request.args.get("low") == "yes",
    )


def _list(endpoint: str, csv_endpoint: str) -> Response:
    filters = _filters()
    page = queries.page(actor(), filters, after=request.args.get("after", ""))
    whose = queries.seller_of(actor()) or filters.seller_id
    return htmx.respond(
        "inventory/stock.html",
        "inventory/_stock.html",
        page=page,
        filters=filters,
        places=queries.locations(whose) if whose is not None else [],
        sellers=queries.sellers() if actor().is_staff else [],
        endpoint=endpoint,
        csv_endpoint=csv_endpoint,
        kept=_kept(without=("after",)),
        first=not request.args.get("after"),
    )


@bp.get("/seller/stock.csv")
@access(SELLING)
def table_csv() -> Response:
    """The same as a table, whole."""
    return _table()


@bp.get("/admin/stock.csv")
@access(STAFF)
def everybodys_csv() -> Response:
    """One seller's as a table: everybody's would be endless."""
    if _filters().seller_id is None:
        return htmx.done("inventory.everybodys", _("Choose the seller first: a table holds one seller's stock."))
    return _table()


def _table() -> Response:
    def rows() -> Iterator[list[Cell]]:
        yield [
            _("SKU"), _("Product"), _("Variant"), _("On hand"), _("Promised to orders"), _("Available"),
            _("In transit"), _("On order"), _("Reorder level"),
        ]  # fmt: skip
        for row in queries.everything(actor(), _filters()):
            yield [
                row.sku, row.product.name, row.variant_name, row.on_hand, row.allocated, row.available,
                row.in_transit, row.on_order, row.product.reorder_level,
            ]  # fmt: skip

    return _csv(rows(), "stock.csv")


def _csv(rows: Iterator[list[Cell]], name: str) -> Response:
    response = Response("".join(csv_lines(rows)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# --- one variant ------------------------------------------------------------------------------------------


@bp.get(f"/seller/stock/<{_MOST}:variant_id>")
@access(SELLING)
def variant(variant_id: int) -> Response:
    """Its figures in each location, and what has happened to them."""
    return _variant(variant_id)


@bp.post(f"/seller/stock/<{_MOST}:variant_id>/locations/<{_MOST}:location_id>/adjustments")
@access(MANAGES_PRODUCTS)
def adjust(variant_id: int, location_id: int) -> Response:
    """One figure is another one than the log says."""
    queries.place(actor(), location_id, variant_id)
    form = AdjustForm(prefix=f"p{location_id}-")
    try:
        accepted = form.accept(
            lambda: actions.correct(
                actor=actor(),
                variant_id=variant_id,
                location_id=location_id,
                reason=form.reason.data,
                pieces=form.pieces.data,
                note=form.note.data or "",
                seen=form.seen.data,
            )
        )
    except StaleStockError as stale:
        abandon()
        form.seen.typed, form.seen.data = None, stale.now
        return _variant(variant_id, location_id, form, problem=i18n.sentence(stale))
    if accepted:
        return htmx.done("inventory.variant", _("The stock is changed."), variant_id=variant_id)
    return _variant(variant_id, location_id, form)


def _log_of() -> dict[str, Any]:
    """What of the log is looked for; nonsense looks for everything."""
    kind = request.args.get("kind", "")
    return {
        "kind": kind if kind in rules.KINDS else "",
        "location_id": whole_number(request.args.get("location")),
    }


def _variant(
    variant_id: int, location_id: int | None = None, form: AdjustForm | None = None, *, problem: str = ""
) -> Response:
    found = queries.own_variant(actor(), variant_id)
    shelves = queries.shelves(found)
    forms = {
        each.location.id: AdjustForm(prefix=f"p{each.location.id}-", formdata=None, seen=each.on_hand)
        for each in shelves
        if may_change()
    }
    if form is not None and location_id is not None:
        forms[location_id] = form
    on_order = slots.on_order([variant_id])
    return htmx.respond(
        "inventory/variant.html",
        "inventory/_variant.html",
        _CONFLICT if problem else form.status if form is not None else 200,
        variant=found,
        product=queries.product_of(found),
        shelves=shelves,
        forms=forms,
        refused=location_id,
        problem=problem,
        in_transit=queries.in_transit([variant_id]).get(variant_id, 0),
        on_order=None if on_order is None else on_order.get(variant_id, 0),
        log=queries.log(actor(), found, after=whole_number(request.args.get("after")), **_log_of()),
        looked_for=_log_of(),
        first=not request.args.get("after"),
        kinds=rules.KINDS,
        list_endpoint="inventory.everybodys" if actor().is_staff else "inventory.overview",
    )


@bp.get(f"/seller/stock/<{_MOST}:variant_id>/log.csv")
@access(SELLING)
def log_csv(variant_id: int) -> Response:
    """The log as a table, whole."""
    found = queries.own_variant(actor(), variant_id)

    def rows() -> Iterator[list[Cell]]:
        yield [
            _("Time (UTC)"), _("Kind"), _("Location"), _("Change"), _("Before"), _("After"), _("Reference"),
            _("Reason"), _("Note"), _("Who"),
        ]  # fmt: skip
        for entry in queries.whole_log(actor(), found, **_log_of()):
            yield [
                f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.kind, entry.location, entry.quantity, entry.previous, entry.new,
                entry.reference, stock_reason(entry.reason), entry.note, entry.who,
            ]  # fmt: skip

    return _csv(rows(), f"stock-{found.id}.csv")


@bp.app_template_global("stock_log_url")
def stock_log_url(variant_id: int, **values: Any) -> str:
    """The variant's page with a part of its log."""
    return url_for(
        "inventory.variant", variant_id=variant_id, **{name: value for name, value in values.items() if value}
    )
