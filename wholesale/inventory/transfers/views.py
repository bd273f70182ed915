"""Goods on their way between a seller's locations."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.catalog.models import Product
from wholesale.inventory import queries as stock
from wholesale.inventory.shown import may_change, whole_number
from wholesale.inventory.transfers import actions, queries, rules
from wholesale.inventory.transfers.forms import SendForm, VersionForm, send_form, sent_variants, version_form
from wholesale.kernel.errors import ConflictError
from wholesale.platform import htmx, i18n, idempotency
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, STAFF, access, actor
from wholesale.platform.transaction import abandon

bp = Blueprint("transfers", __name__)

_ID = f"<int(max={2**63 - 1}):transfer_id>"
_CONFLICT = 409


@bp.app_template_filter("transfer_state")
def transfer_state(state: str) -> str:
    return i18n.gettext(rules.STATES[state])


@bp.app_template_filter("transfer_tone")
def transfer_tone(state: str) -> str:
    """The badge's tone."""
    return {"in_transit": "info", "done": "good"}.get(state, "neutral")


@bp.get("/seller/transfers")
@access(SELLING)
def overview() -> Response:
    """The seller's transfers; staff have a list of everybody's."""
    if actor().is_staff:
        return htmx.done("transfers.everybodys")
    return _list("transfers.overview")


@bp.get("/admin/transfers")
@access(STAFF)
def everybodys() -> Response:
    """All sellers' transfers."""
    return _list("transfers.everybodys")


def _list(endpoint: str) -> Response:
    state = request.args.get("state", "")
    state = state if state in rules.STATES else ""
    return htmx.respond(
        "transfers/list.html",
        "transfers/_list.html",
        page=queries.page(actor(), state=state, after=whole_number(request.args.get("after"))),
        first=not request.args.get("after"),
        state=state,
        states=rules.STATES,
        endpoint=endpoint,
        may_send=MANAGES_PRODUCTS.allows(actor()) and not actor().is_staff,
    )


# --- sending ----------------------------------------------------------------------------------------------


@bp.route("/seller/transfers/new", methods=["GET", "POST"])
@access(MANAGES_PRODUCTS)
def new() -> Response:
    """What goes from one location to another. An admin comes here from a location's page."""
    chosen = whole_number(request.values.get("from"))
    if chosen is not None:
        source = stock.location(actor(), chosen)
    elif actor().is_staff:
        return htmx.done("locations.everybodys", _("Choose the location first from which the goods go."))
    else:
        own = stock.locations(actor().acting_organization)
        if not own:
            return htmx.done("locations.overview", _("Open a location first."))
        source = own[0]
    places = stock.locations(source.organization_id)
    others = [each for each in places if each.id != source.id]
    q = request.values.get("q", "").replace("\0", "").strip()[: stock.MAX_QUERY]
    typed = sent_variants() if request.method == "POST" else []
    goods = queries.choices(source.id, q=q, also=typed)
    labels = {each.variant_id: _named(each.product, each.variant_name, each.sku) for each in goods}
    form = send_form(labels, others)
    if request.method == "POST" and request.form.get("do") != "find":
        sent = form.submit(
            lambda: actions.send(
                actor=actor(),
                from_location_id=source.id,
                to_location_id=form.target,
                pieces=form.pieces,
                note=form.note.data or "",
                key=form.key.data or "",
            )
        )
        if sent is not None:
            return htmx.done(
                "transfers.transfer", _("%(number)s is on its way.", number=sent.number), transfer_id=sent.id
            )
    if not form.key.data:
        form.key.data = idempotency.new_key()
    return _new(form, source=source, places=places, goods=goods, q=q)


def _new(form: SendForm, **shown: object) -> Response:
    return htmx.respond("transfers/new.html", "transfers/_new.html", form.status, form=form, **shown)


def _named(product: Product, variant_name: str, sku: str) -> str:
    """As goods are called in a list of fields."""
    name = product.name_bn if i18n.language() == "bn" and product.name_bn else product.name
    return f"{name}{', ' if variant_name else ''}{variant_name} ({sku})"


# --- what becomes of it -----------------------------------------------------------------------------------


@bp.get(f"/seller/transfers/{_ID}")
@access(SELLING)
def transfer(transfer_id: int) -> Response:
    return _page(transfer_id)


@bp.post(f"/seller/transfers/{_ID}/receipts")
@access(MANAGES_PRODUCTS)
def receive(transfer_id: int) -> Response:
    """Some of it, or all, has arrived."""
    form = _form(transfer_id, "received-")
    everything = request.form.get("do") == "all"
    return _do(
        transfer_id,
        form,
        lambda: actions.receive(
            actor=actor(),
            transfer_id=transfer_id,
            pieces=None if everything else form.pieces,
            version=form.version.data or 0,
        ),
        _("It is received."),
    )


@bp.post(f"/seller/transfers/{_ID}/losses")
@access(MANAGES_PRODUCTS)
def lose(transfer_id: int) -> Response:
    """Some of it, or all that is left, will not arrive."""
    form = _form(transfer_id, "lost-")
    everything = request.form.get("do") == "all"
    return _do(
        transfer_id,
        form,
        lambda: actions.lose(
            actor=actor(),
            transfer_id=transfer_id,
            pieces=None if everything else form.pieces,
            note=form.note.data or "",
            version=form.version.data or 0,
        ),
        _("It is written off."),
    )


@bp.post(f"/seller/transfers/{_ID}/findings")
@access(MANAGES_PRODUCTS)
def find(transfer_id: int) -> Response:
    """What was given up has turned up."""
    form = _form(transfer_id, "found-")
    return _do(
        transfer_id,
        form,
        lambda: actions.find(
            actor=actor(), transfer_id=transfer_id, pieces=form.pieces, version=form.version.data or 0
        ),
        _("It is there again."),
    )


@bp.post(f"/seller/transfers/{_ID}/cancellation")
@access(MANAGES_PRODUCTS)
def cancel(transfer_id: int) -> Response:
    """What is on the way comes back."""
    form = _form(transfer_id, "back-")
    return _do(
        transfer_id,
        form,
        lambda: actions.cancel(actor=actor(), transfer_id=transfer_id, version=form.version.data or 0),
        _("It is back where it came from."),
    )


def _form(transfer_id: int, prefix: str) -> VersionForm:
    """The form as it was sent; NotFoundError for what is not the actor's."""
    return version_form(_labels(_lines(transfer_id)[0]), prefix=prefix)


def _lines(transfer_id: int) -> tuple[list[queries.Goods], int | None]:
    found = queries.transfer(actor(), transfer_id)
    return queries.lines(found, after=whole_number(request.args.get("after")))


def _labels(goods: list[queries.Goods]) -> dict[int, str]:
    return {each.line.variant_id: _named(each.product, each.variant_name, each.sku) for each in goods}


def _do(transfer_id: int, form: VersionForm, action: Callable[[], object], message: str) -> Response:
    """Run it; when somebody was quicker, show how it stands now beside what was typed."""
    try:
        accepted = form.accept(action)
    except ConflictError as conflict:
        abandon()
        form.version.typed = None
        form.version.data = queries.transfer(actor(), transfer_id).version
        return _page(transfer_id, form, problem=i18n.sentence(conflict))
    if accepted:
        after = request.args.get("after")
        return htmx.done("transfers.transfer", message, transfer_id=transfer_id, **({"after": after} if after else {}))
    return _page(transfer_id, form)


def _page(transfer_id: int, refused: VersionForm | None = None, *, problem: str = "") -> Response:
    row = queries.row(actor(), transfer_id)
    goods, after = _lines(transfer_id)
    labels = _labels(goods)
    forms = {
        prefix: version_form(labels, prefix=f"{prefix}-", formdata=None, version=row.transfer.version)
        for prefix in ("received", "lost", "found", "back")
    }
    if refused is not None:
        forms[refused._prefix.rstrip("-")] = refused  # noqa: SLF001 - the form knows which of them it is
    return htmx.respond(
        "transfers/transfer.html",
        "transfers/_transfer.html",
        _CONFLICT if problem else refused.status if refused is not None else 200,
        row=row,
        goods=goods,
        after=after,
        here=request.args.get("after"),
        forms=forms,
        refused=refused,
        problem=problem,
        history=queries.history(actor(), row.transfer),
        may_change=may_change(),
    )
