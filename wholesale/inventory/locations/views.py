"""A seller's locations."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.inventory import queries as stock
from wholesale.inventory.locations import actions, queries
from wholesale.inventory.locations.forms import KINDS, CloseForm, LocationForm, MoveForm
from wholesale.inventory.models import Location
from wholesale.inventory.shown import may_change, whole_number
from wholesale.inventory.transfers import actions as transfers
from wholesale.organizations.forms import place_name
from wholesale.platform import htmx, idempotency
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, STAFF, access, actor
from wholesale.platform.forms import HouseForm

bp = Blueprint("locations", __name__)

_ID = f"<int(max={2**63 - 1}):location_id>"
bp.add_app_template_filter(lambda kind: str(KINDS[kind]), "location_kind")


@bp.get("/seller/locations")
@access(SELLING)
def overview() -> Response:
    """The seller's locations; staff have a list of everybody's."""
    if actor().is_staff:
        return htmx.done("locations.everybodys")
    return _list()


@bp.get("/admin/locations")
@access(STAFF)
def everybodys() -> Response:
    """All sellers' locations."""
    return _list()


def _list() -> Response:
    chosen = whole_number(request.args.get("seller")) if actor().is_staff else None
    rows = queries.rows(actor(), seller_id=chosen, after=whole_number(request.args.get("after")))
    return htmx.respond(
        "locations/list.html",
        "locations/_list.html",
        rows=rows[: queries.MOST_SHOWN],
        after=rows[queries.MOST_SHOWN - 1].location.id if len(rows) > queries.MOST_SHOWN else None,
        closed=queries.closed(actor()),
        sellers=stock.sellers() if actor().is_staff else [],
        chosen=chosen,
        may_change=may_change(),
        place_name=place_name,
    )


@bp.route("/seller/locations/new", methods=["GET", "POST"])
@access(MANAGES_PRODUCTS)
def new() -> Response:
    """A further one. An admin says whose it will be."""
    seller_id = whole_number(request.args.get("seller")) if actor().is_admin else actor().acting_organization
    if seller_id is None:
        return htmx.done("locations.everybodys", _("Choose the seller first: then press “Open a location”."))
    seller = queries.seller(seller_id)
    form = LocationForm(seller.country)
    if request.method == "POST" and form.accept(
        lambda: actions.open_one(actor=actor(), seller_id=seller.id, **form.values)
    ):
        return htmx.done("locations.overview", _("The location is open."))
    return htmx.show(
        "locations/location.html",
        form.status,
        form=form,
        seller=seller,
        location=None,
        move=None,
        closing=None,
        inside=None,
    )


@bp.get(f"/seller/locations/{_ID}")
@access(MANAGES_PRODUCTS)
def location(location_id: int) -> Response:
    return _page(location_id)


@bp.post(f"/seller/locations/{_ID}")
@access(MANAGES_PRODUCTS)
def change(location_id: int) -> Response:
    """Another name, kind or district."""
    found = stock.location(actor(), location_id)
    form = LocationForm(queries.seller(found.organization_id).country)
    if form.accept(lambda: actions.change(actor=actor(), location_id=location_id, **form.values)):
        return htmx.done("locations.overview", _("The location is saved."))
    return _page(location_id, form=form)


@bp.post(f"/seller/locations/{_ID}/closing")
@access(MANAGES_PRODUCTS)
def close(location_id: int) -> Response:
    """Nothing is kept there any more."""
    found = stock.location(actor(), location_id)
    form = CloseForm()
    if form.accept(lambda: actions.close(actor=actor(), location_id=location_id)):
        return htmx.done("locations.overview", _("%(location)s is closed.", location=found.name))
    return _page(location_id, closing=form)


@bp.post(f"/seller/locations/{_ID}/moves")
@access(MANAGES_PRODUCTS)
def move(location_id: int) -> Response:
    """All that is available there goes to another one."""
    found = stock.location(actor(), location_id)
    form = MoveForm(_others(found.organization_id, location_id))
    sent = form.submit(
        lambda: transfers.send_everything(
            actor=actor(), from_location_id=location_id, to_location_id=form.target, key=form.key.data or ""
        )
    )
    if sent is not None:
        return htmx.done("transfers.transfer", _("It is on its way."), transfer_id=sent.id)
    return _page(location_id, move=form)


def _others(seller_id: int, location_id: int) -> list[Location]:
    return [each for each in stock.locations(seller_id) if each.id != location_id]


def _page(
    location_id: int,
    *,
    form: LocationForm | None = None,
    move: MoveForm | None = None,
    closing: HouseForm | None = None,
) -> Response:
    found = stock.location(actor(), location_id)
    seller = queries.seller(found.organization_id)
    others = _others(found.organization_id, location_id)
    asked = [each for each in (form, move, closing) if each is not None]
    return htmx.show(
        "locations/location.html",
        max((each.status for each in asked), default=200),
        form=form or LocationForm(seller.country, formdata=None, obj=found, data={"region": found.district}),
        seller=seller,
        location=found,
        move=move or (MoveForm(others, formdata=None, key=idempotency.new_key()) if others else None),
        closing=closing,
        inside=queries.inside(found.id),
    )
