"""Papers of an order or of many: asked for, waited for, downloaded."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, current_app, request
from flask_babel import lazy_gettext as _l

from wholesale.config import Settings
from wholesale.orders import queries as orders
from wholesale.orders.history.reading import read_filters
from wholesale.papers import actions, queries
from wholesale.papers.forms import AskForm, MonthForm, SeveralForm
from wholesale.platform import files
from wholesale.platform.access import SELLER, SIGNED_IN, access, actor
from wholesale.platform.forms import HouseForm
from wholesale.platform.htmx import done, respond

bp = Blueprint("papers", __name__)

_ID_DIGITS = 18
_MOST_TRIES = 999
_KINDS = {
    "order_confirmation": _l("Order confirmation"),
    "packing_slip": _l("Packing slip"),
    "pick_list": _l("Pick list"),
    "invoices": _l("Invoices"),
    "month": _l("Invoices and credit notes"),
}


@bp.app_template_filter("paper_label")
def paper_label(kind: str) -> str:
    """What a kind of paper is called."""
    return str(_KINDS[kind])


def _number(name: str) -> int | None:
    """A whole number from the address; nonsense is none."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS else None


# --- ask ----------------------------------------------------------------------------------------------------


@bp.get("/orders/<number>/papers")
@access(SIGNED_IN)
def of_order(number: str) -> Response:
    """Which papers an order has for who asks."""
    return _of_order(number, AskForm(formdata=None))


@bp.post("/orders/<number>/papers")
@access(SIGNED_IN)
def ask(number: str) -> Response:
    """Have one made, or take the one that is there."""
    form = AskForm()
    paper_id = form.submit(
        lambda: actions.ask(actor=actor(), number=number, kind=form.kind.data or "", shipment=form.shipment.data or "")
    )
    return _of_order(number, form) if paper_id is None else done("papers.show", paper_id=paper_id)


def _of_order(number: str, form: AskForm) -> Response:
    order = orders.order(actor(), number)
    return respond(
        "papers/order.html",
        "papers/_order.html",
        form.status,
        order=order,
        form=form,
        offered=actions.offered(actor=actor(), order=order),
        sent=orders.shipments(order.id),
    )


@bp.post("/seller/papers")
@access(SELLER)
def ask_several() -> Response:
    """One file for many orders."""
    form = SeveralForm()
    paper_id = form.submit(
        lambda: actions.ask_several(
            actor=actor(),
            kind=form.paper.data or "",
            numbers=form.numbers,
            everything=read_filters(request.args) if form.everything else None,
        )
    )
    return _list(form) if paper_id is None else done("papers.show", paper_id=paper_id)


@bp.post("/seller/papers/months")
@access(SELLER)
def ask_month() -> Response:
    """One archive of a month's invoices and credit notes."""
    form = MonthForm()
    paper_id = form.submit(lambda: actions.ask_month(actor=actor(), month=form.month.data or ""))
    return _list(form) if paper_id is None else done("papers.show", paper_id=paper_id)


# --- wait, and have it --------------------------------------------------------------------------------------


@bp.get("/papers")
@access(SIGNED_IN)
def overview() -> Response:
    """What the business asked for lately."""
    return _list(HouseForm(formdata=None))


def _list(form: HouseForm) -> Response:
    page = queries.page(actor(), before=_number("before"))
    return respond("papers/list.html", "papers/_list.html", form.status, page=page, form=form)


@bp.get("/papers/<int(max=9223372036854775807):paper_id>")
@access(SIGNED_IN)
def show(paper_id: int) -> Response:
    """How far a paper is; while it is being made the fragment asks again by itself."""
    tries = min(_number("tries") or 0, _MOST_TRIES)
    found = queries.paper(actor(), paper_id)
    return respond("papers/paper.html", "papers/_paper.html", paper=found, tries=tries)


@bp.post("/papers/<int(max=9223372036854775807):paper_id>")
@access(SIGNED_IN)
def try_again(paper_id: int) -> Response:
    """Make one after all that could not be made."""
    actions.try_again(actor=actor(), paper_id=paper_id)
    return done("papers.show", paper_id=paper_id)


@bp.get("/papers/<int(max=9223372036854775807):paper_id>/file")
@access(SIGNED_IN)
def download(paper_id: int) -> Response:
    """The file; how far it is (202) while there is none."""
    found = queries.paper(actor(), paper_id)
    if not found.is_ready:
        return respond("papers/paper.html", "papers/_paper.html", 202, paper=found, tries=0)
    zone = cast("Settings", current_app.extensions["settings"]).time_zone
    name = found.file_name(zone)
    return files.serve(found.content(), found.media_type, name, inline=False, size=found.size)
