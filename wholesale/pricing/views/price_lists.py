"""A seller's price lists."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from wholesale.kernel import clock
from wholesale.platform import htmx
from wholesale.platform.access import SELLS, access, actor
from wholesale.platform.htmx import done, show
from wholesale.pricing.actions import price_lists as actions
from wholesale.pricing.forms import BuyerForm, PriceListForm, TiersForm
from wholesale.pricing.queries import price_lists as queries
from wholesale.pricing.queries.offers import zone
from wholesale.pricing.views.blueprint import bp


@bp.get("/seller/price-lists")
@access(SELLS)
def price_lists() -> Response:
    return show("pricing/price_lists.html", rows=queries.rows(actor()))


@bp.route("/seller/price-lists/new", methods=["GET", "POST"])
@access(SELLS)
def new_price_list() -> Response:
    form = PriceListForm(valid_from=clock.today(zone()), version=1, is_active=True)
    if request.method == "POST":
        made = form.submit(lambda: actions.create(actor=actor(), terms=_terms(form)))
        if made is not None:
            return done("pricing.price_list", _("The list is made. Now choose who buys at it."), list_id=made.id)
    return show("pricing/price_list_new.html", form.status, form=form)


@bp.get("/seller/price-lists/<int:list_id>")
@access(SELLS)
def price_list(list_id: int) -> Response:
    """One list: what it says, who is on it, which products have own tiers; buyers and products found by words."""
    if htmx.current().is_fragment:  # while a product is being typed
        queries.details(actor(), list_id)
        return htmx.respond("pricing/price_list.html", "pricing/_found.html", list_id=list_id, **_found())
    return _page(list_id)


@bp.post("/seller/price-lists/<int:list_id>")
@access(SELLS)
def change_price_list(list_id: int) -> Response:
    form = PriceListForm()
    if form.accept(
        lambda: actions.update(actor=actor(), list_id=list_id, terms=_terms(form), version=form.version.data)
    ):
        return done("pricing.price_list", _("The list is saved."), list_id=list_id)
    return _page(list_id, form)


@bp.post("/seller/price-lists/<int:list_id>/buyers")
@access(SELLS)
def add_list_buyer(list_id: int) -> Response:
    form = BuyerForm()
    if form.accept(
        lambda: actions.add_buyer(
            actor=actor(), list_id=list_id, organization_id=form.organization_id.data, words=form.words.data or ""
        )
    ):
        return done("pricing.price_list", _("The buyer is on the list."), list_id=list_id)
    return _page(list_id, buyer_form=form)


@bp.post("/seller/price-lists/<int:list_id>/buyers/<int:organization_id>/removal")
@access(SELLS)
def remove_list_buyer(list_id: int, organization_id: int) -> Response:
    actions.remove_buyer(actor=actor(), list_id=list_id, organization_id=organization_id)
    return done("pricing.price_list", _("The buyer is off the list."), list_id=list_id)


@bp.route("/seller/price-lists/<int:list_id>/products/<int:product_id>", methods=["GET", "POST"])
@access(SELLS)
def list_tiers(list_id: int, product_id: int) -> Response:
    """The list's own tiers of one product; a button adds a row or takes one out, and then nothing is saved yet."""
    found = queries.product(actor(), list_id, product_id)
    kept = [{"min_qty": quantity, "unit_price": price.amount} for quantity, price in found.tiers]
    form = TiersForm(tiers=kept or [{"min_qty": found.moq}])
    do = request.form.get("do", "")
    if form.rearranged(do):
        return show("pricing/list_tiers.html", form=form, product=found, list_id=list_id, added=do == "add")
    if request.method == "POST" and form.accept(
        lambda: actions.set_tiers(actor=actor(), list_id=list_id, product_id=product_id, tiers=form.steps())
    ):
        return done("pricing.price_list", _("The prices are on the list."), list_id=list_id)
    return show("pricing/list_tiers.html", form.status, form=form, product=found, list_id=list_id, added=False)


def _terms(form: PriceListForm) -> actions.Terms:
    return actions.Terms(
        name=form.name.data or "",
        valid_from=form.valid_from.data,
        valid_until=form.valid_until.data,
        off_percent=form.off_percent.data,
        is_active=form.is_active.data,
    )


def _page(list_id: int, form: PriceListForm | None = None, buyer_form: BuyerForm | None = None) -> Response:
    found = queries.details(actor(), list_id)
    head = found.head
    if form is None:
        form = PriceListForm(
            None,
            name=head.name,
            off_percent=head.off_percent,
            valid_from=head.valid_from,
            valid_until=head.valid_until,
            is_active=head.is_active,
            version=head.version,
        )
    words = request.args.get("buyer", "").replace("\0", "").strip()[:200]
    status = max(form.status, buyer_form.status if buyer_form else form.status)
    return show(
        "pricing/price_list.html",
        status,
        found=found,
        form=form,
        buyer_form=buyer_form,
        words=words,
        candidates=queries.find(actor(), words) if "buyer" in request.args else None,
        **_found(),
    )


def _found() -> dict[str, Any]:
    """The product that is being looked for, by SKU or name, and the seller's that may be meant."""
    sku = request.args.get("sku", "").replace("\0", "").strip()[:80]
    return {"sku": sku, "goods": queries.goods(actor(), sku)}
