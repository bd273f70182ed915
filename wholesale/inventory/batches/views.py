"""Batches: by expiry, one by one, what expires at all."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from wholesale.inventory import queries as inventory
from wholesale.inventory import slots
from wholesale.inventory.batches import actions, queries
from wholesale.inventory.batches.forms import BatchForm, MarkForm, PiecesForm, RegisterForm
from wholesale.kernel.errors import NotFoundError
from wholesale.platform import i18n, idempotency
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, access, actor
from wholesale.platform.htmx import done, respond

bp = Blueprint("batches", __name__, url_prefix="/seller/batches")

_ID_DIGITS = 18
_BATCH = f"/<int(max={2**63 - 1}):batch_id>"
NEAR = {
    "expired": _l("Expired"),
    "last_days": _l("Last days"),
    "soon": _l("Expires soon"),
}
TONES = {"expired": "bad", "last_days": "warn", "soon": "info"}
KINDS = {
    "PURCHASE": _l("Received"),
    "SALE": _l("Shipped"),
    "RETURN": _l("Came back"),
    "ADJUSTMENT": _l("Adjusted"),
    "TRANSFER": _l("Moved to another location"),
    "WRITE_OFF": _l("Written off"),
    "REGISTER": _l("Noted by hand"),
}


@bp.app_template_filter("batch_near")
def batch_near(near: str) -> str:
    """How near the end is, in words."""
    return str(NEAR.get(near, ""))


@bp.app_template_filter("batch_tone")
def batch_tone(near: str) -> str:
    return TONES.get(near, "neutral")


@bp.app_template_filter("batch_move")
def batch_move(kind: str) -> str:
    return str(KINDS[kind])


def number_of(name: str) -> int | None:
    """A whole number from the address; nonsense is none."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS else None


def seller_in_address() -> int | None:
    """Staff look at one seller's, if they say whose."""
    return number_of("seller") if actor().is_staff else None


def may_change() -> bool:
    return MANAGES_PRODUCTS.allows(actor())


# --- the list ---------------------------------------------------------------------------------------------


@bp.get("")
@access(SELLING)
def overview() -> Response:
    """What expires when, and what it is worth."""
    near = request.args.get("near", "")
    filters = queries.Filters(
        near=near if near in queries.NEAR else "",
        q=request.args.get("q", "").replace("\0", "").strip()[:100],
        seller_id=seller_in_address(),
        location_id=number_of("location"),
    )
    return respond(
        "batches/overview.html",
        "batches/_list.html",
        page=queries.page(actor(), filters, after=request.args.get("after", "")),
        filters=filters,
        sums=queries.sums(actor(), filters.seller_id),
        places=_places(),
        sellers=inventory.sellers() if actor().is_staff else [],
        may_change=may_change(),
        is_first="after" not in request.args,
    )


def _places() -> list[tuple[int, str]]:
    """Open locations that the actor may choose from; staff say first whose."""
    seller_id = seller_in_address() if actor().is_staff else actor().acting_organization
    return [(place.id, place.name) for place in inventory.locations(seller_id)] if seller_id else []


# --- pieces that are there --------------------------------------------------------------------------------


@bp.get("/new")
@access(MANAGES_PRODUCTS)
def new() -> Response:
    """Which batch pieces are of that are there already."""
    chosen = request.args.get("location", "")
    sku = request.args.get("sku", "")[:80]
    given = {"sku": sku, "location_id": chosen, "key": idempotency.new_key()}
    return _new(RegisterForm(formdata=None, data=given))


@bp.post("/new")
@access(MANAGES_PRODUCTS)
def register() -> Response:
    form = RegisterForm()
    form.offer(_places())
    batch_id = form.submit(
        lambda: actions.register_once(
            actor=actor(),
            key=form.key.data or "",
            location_id=form.place,
            sku=form.sku.data or "",
            code=form.code.data or "",
            expires_on=form.expires_on.data,
            pieces=form.pieces.data,
        )
    )
    if batch_id is None:
        return _new(form)
    return done("batches.show", _("The batch is noted."), batch_id=batch_id)


def _new(form: RegisterForm) -> Response:
    places = _places()
    form.offer(places)
    return respond(
        "batches/new.html",
        "batches/_new.html",
        form.status,
        form=form,
        places=places,
        sellers=inventory.sellers() if actor().is_staff else [],
        seller_id=seller_in_address(),
    )


# --- one batch --------------------------------------------------------------------------------------------


@bp.get(_BATCH)
@access(SELLING)
def show(batch_id: int) -> Response:
    """Where the pieces of a batch are and were."""
    return _show(batch_id)


@bp.post(_BATCH)
@access(MANAGES_PRODUCTS)
def change(batch_id: int) -> Response:
    """Correct code and day."""
    queries.own(actor(), batch_id)
    form = BatchForm()
    changed = form.accept(
        lambda: actions.change(
            actor=actor(), batch_id=batch_id, code=form.code.data or "", expires_on=form.expires_on.data
        )
    )
    if changed:
        return done("batches.show", _("The batch is corrected."), batch_id=batch_id)
    return _show(batch_id, form=form)


@bp.post(f"{_BATCH}/pieces")
@access(MANAGES_PRODUCTS)
def correct(batch_id: int) -> Response:
    """Correct how many pieces in a location are of it."""
    queries.own(actor(), batch_id)
    form = PiecesForm()
    corrected = form.accept(
        lambda: actions.correct(
            actor=actor(),
            batch_id=batch_id,
            location_id=form.location_id.data,
            pieces=form.pieces.data,
            seen=form.was,
        )
    )
    if corrected:
        return done("batches.show", _("The batch is corrected."), batch_id=batch_id)
    return _show(batch_id, pieces_form=form)


@bp.post(f"{_BATCH}/write-off")
@access(MANAGES_PRODUCTS)
def write_off(batch_id: int) -> Response:
    """Write off now what would be written off within the hour."""
    found = actions.write_off_expired(actor=actor(), batch_id=batch_id)
    said = _("Written off: %(pieces)s pieces.", pieces=i18n.number(found.pieces))
    if found.promised:
        said += " " + _("Promised to orders and still here: %(pieces)s pieces.", pieces=i18n.number(found.promised))
    return done("batches.show", said, batch_id=batch_id)


def _show(batch_id: int, *, form: BatchForm | None = None, pieces_form: PiecesForm | None = None) -> Response:
    found = queries.seen(actor(), batch_id)
    batch = found.batch
    shown: dict[str, Any] = {"code": batch.code, "expires_on": batch.expires_on}
    refused = next((each for each in (form, pieces_form) if each is not None), None)
    references = {move.reference for move in found.moves if move.reference}
    references |= {number for place in found.places for number in place.orders}
    return respond(
        "batches/batch.html",
        "batches/_batch.html",
        refused.status if refused is not None else 200,
        found=found,
        batch=batch,
        form=form or BatchForm(formdata=None, data=shown),
        pieces_form=pieces_form or PiecesForm(formdata=None),
        links=slots.links(batch.organization_id, references),
        may_change=may_change(),
    )


# --- what expires at all ----------------------------------------------------------------------------------


@bp.get("/goods")
@access(SELLING)
def goods() -> Response:
    """Goods whose pieces expire."""
    return _goods(MarkForm(formdata=None))


@bp.post("/goods")
@access(MANAGES_PRODUCTS)
def mark() -> Response:
    form = MarkForm()
    seller_id = seller_in_address() if actor().is_staff else actor().acting_organization
    if seller_id is None:
        raise NotFoundError
    product_id = form.submit(
        lambda: actions.mark(actor=actor(), seller_id=seller_id, sku=form.sku.data or "", warn_days=form.warn_days.data)
    )
    if product_id is None:
        return _goods(form)
    return done("batches.goods", _("These goods expire. You are told in time."), seller=seller_in_address())


@bp.post(f"/goods/<int(max={2**63 - 1}):product_id>/removal")
@access(MANAGES_PRODUCTS)
def unmark(product_id: int) -> Response:
    actions.unmark(actor=actor(), product_id=product_id)
    return done(
        "batches.goods", _("You are not asked for batches of these goods any more."), seller=seller_in_address()
    )


def _goods(form: MarkForm) -> Response:
    return respond(
        "batches/goods.html",
        "batches/_goods.html",
        form.status,
        form=form,
        goods=queries.goods(actor(), seller_in_address()),
        sellers=inventory.sellers() if actor().is_staff else [],
        seller_id=seller_in_address(),
        may_change=may_change(),
    )
