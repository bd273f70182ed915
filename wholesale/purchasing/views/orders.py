"""Purchase orders: the list, one order, a draft that is written, and its way to the supplier."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator

from flask import Response, flash, make_response, request
from flask_babel import gettext as _

from wholesale.inventory import queries as inventory
from wholesale.kernel import clock
from wholesale.kernel.errors import ConflictError
from wholesale.merchandising import queries as merchandising
from wholesale.platform import errors, htmx, i18n, idempotency
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, STAFF, access, actor
from wholesale.platform.i18n import sentence
from wholesale.platform.sheets import Cell, csv_lines
from wholesale.platform.transaction import abandon
from wholesale.purchasing import actions, queries, rules
from wholesale.purchasing.errors import DamagedDocumentError
from wholesale.purchasing.forms import OrderForm, ReasonForm
from wholesale.purchasing.views.blueprint import ORDER, asked, bp, may_change, po_state, seller_id, sought, whole_number

log = logging.getLogger(__name__)
_CONFLICT = 409


# --- the list ---------------------------------------------------------------------------------------------


def _filters() -> queries.Filters:
    """What is looked for; nonsense looks for everything."""
    state = request.args.get("state", "")
    return queries.Filters(
        q=sought(),
        state=state if state in rules.STATES else "",
        supplier_id=whole_number(request.args.get("supplier")),
        seller_id=whole_number(request.args.get("seller")) if actor().is_staff else None,
        late=request.args.get("late") == "yes",
    )


def _list() -> Response:
    filters = _filters()
    return htmx.respond(
        "purchasing/orders.html",
        "purchasing/_orders.html",
        page=queries.page(actor(), filters, before=whole_number(request.args.get("before"))),
        filters=filters,
        states=rules.STATES,
        sellers=merchandising.sellers() if actor().is_staff else [],
        suppliers=[] if actor().is_staff else queries.supplier_choices(actor().acting_organization),
        endpoint="purchasing.everybodys" if actor().is_staff else "purchasing.orders",
        may_change=may_change(),
    )


@bp.get("/seller/purchase-orders")
@access(SELLING)
def orders() -> Response:
    """The seller's purchase orders; staff have a list of everybody's."""
    if actor().is_staff:
        return htmx.done("purchasing.everybodys", **asked("q", "state", "supplier", "seller", "late", "before"))
    return _list()


@bp.get("/admin/purchase-orders")
@access(STAFF)
def everybodys() -> Response:
    """Every seller's purchase orders."""
    return _list()


def _csv() -> Response:
    filters = _filters()

    def rows() -> Iterator[list[Cell]]:
        yield [
            _("Number"), _("State"), _("Seller"), _("Supplier"), _("Made on"), _("Expected by"), _("SKU"),
            _("Their SKU"), _("Product"), _("Quantity"), _("Received"), _("Still open"), _("Unit cost"), _("Currency"),
        ]  # fmt: skip
        for order, line, supplier, seller in queries.exported(actor(), filters):
            still_open = line.open if order.state in rules.OPEN_STATES else 0
            yield [
                order.number, po_state(order.state), seller, supplier, f"{order.created_at:%Y-%m-%d}",
                order.expected_to.isoformat() if order.expected_to else "", line.sku, line.supplier_sku, line.name,
                line.quantity, line.received, still_open, line.unit_cost, order.currency,
            ]  # fmt: skip

    response = Response("".join(csv_lines(rows())), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="purchase-orders-{clock.now():%Y-%m-%d}.csv"'
    return response


@bp.get("/seller/purchase-orders.csv")
@access(SELLING)
def orders_csv() -> Response:
    """The same with its lines, as a table."""
    return _csv()


@bp.get("/admin/purchase-orders.csv")
@access(STAFF)
def everybodys_csv() -> Response:
    """The same with its lines, as a table."""
    return _csv()


# --- a new one --------------------------------------------------------------------------------------------


@bp.route("/seller/purchase-orders/new", methods=["GET", "POST"])
@access(MANAGES_PRODUCTS)
def new_order() -> Response:
    """An order that is not there yet. An admin says for whom."""
    of = seller_id()
    if of is None:
        return htmx.done("purchasing.everybodys", _("Choose the seller first: then press “New purchase order”."))
    form = _form(of)
    if request.method == "GET":
        form.key.data = idempotency.new_key()
        form.supplier_id.data = request.args.get("supplier", "")
        form.lines.append_entry()
        return _new(form, of)
    if form.rearranged(request.form.get("do", "")):
        return _new(form, of)
    order = form.submit(
        lambda: actions.raise_draft(
            actor=actor(),
            seller_id=of,
            supplier_id=form.supplier,
            wishes=form.wishes(queries.variants_by_sku(of, form.skus)),
            note=form.note.data or "",
            key=form.key.data or idempotency.new_key(),
            location_id=form.location,
            freight=form.freight.data or rules.NOTHING,
            other_costs=form.other_costs.data or rules.NOTHING,
        )
    )
    if order is None:
        return _new(form, of)
    return htmx.done("purchasing.order", _("This is the draft. Look at it, then send it."), po_id=order.id)


def _form(of: int, with_supplier: int | None = None, **kwargs: object) -> OrderForm:
    form = OrderForm(**kwargs)
    form.offer(
        queries.supplier_choices(of, with_id=with_supplier),
        [(each.id, each.name) for each in inventory.locations(of)],
    )
    return form


def _new(form: OrderForm, of: int) -> Response:
    supplier = whole_number(form.supplier_id.data)
    return htmx.respond(
        "purchasing/new.html",
        "purchasing/_draft.html",
        form.status,
        form=form,
        order=None,
        seller=of if actor().is_staff else None,
        known=_known(supplier),
        added=request.form.get("do", "").startswith("add"),
    )


def _known(supplier_id: int | None) -> list[queries.ItemRow]:
    """What the supplier sells, to be chosen from while a SKU is typed."""
    if supplier_id is None:
        return []
    return queries.items(queries.supplier(actor(), supplier_id), limit=200)[0]


# --- one order --------------------------------------------------------------------------------------------


@bp.get(f"/seller/purchase-orders/{ORDER}")
@access(SELLING)
def order(po_id: int) -> Response:
    return page(po_id)


def page(po_id: int, *, form: OrderForm | None = None, reason: ReasonForm | None = None, problem: str = "") -> Response:
    """The order's page; a form that was refused stands in it as it was typed."""
    found = queries.detail(actor(), po_id)
    if found.order.state != rules.DRAFT or not may_change():
        form = None
    elif form is None:
        form = draft_form(found)
    status = _CONFLICT if problem else max(form.status if form else 200, reason.status if reason else 200)
    if form is not None:
        form.revision.data = found.order.revision
    return htmx.respond(
        "purchasing/order.html",
        "purchasing/_order.html",
        status,
        found=found,
        order=found.order,
        form=form,
        reason=reason or ReasonForm(formdata=None),
        problem=problem,
        may_change=may_change(),
        known=_known(found.supplier.id) if form else [],
        seller=None,
        added=request.form.get("do", "").startswith("add"),
        endpoint="purchasing.everybodys" if actor().is_staff else "purchasing.orders",
    )


def draft_form(found: queries.Detail, **kwargs: object) -> OrderForm:
    """The form of a draft as it is kept; what is sent replaces it."""
    order = found.order
    data: dict[str, object] = {
        "revision": order.revision,
        "supplier_id": str(order.supplier_id),
        "location_id": str(order.location_id),
        "freight": order.freight or None,
        "other_costs": order.other_costs or None,
        "note": order.note,
        "lines": [
            {"sku": line.sku, "quantity": line.quantity, "unit_cost": line.unit_cost, "exception": line.exception}
            for line in found.lines
        ],
    }
    return _form(order.seller_id, order.supplier_id, **(data | {"formdata": None} | kwargs))


@bp.post(f"/seller/purchase-orders/{ORDER}")
@access(MANAGES_PRODUCTS)
def save(po_id: int) -> Response:
    """The draft says this now; `do=send`: and it goes to the supplier at once, unless it costs what nobody has seen."""
    found = queries.order(actor(), po_id)
    currency = found.currency
    form = _form(found.seller_id, found.supplier_id)
    do = request.form.get("do", "")
    if form.rearranged(do):
        return page(po_id, form=form)

    says = _SENT.get(do, _saved)

    def work() -> None:
        nonlocal says
        wishes = form.wishes(queries.variants_by_sku(found.seller_id, form.skus))
        kept = actions.save_draft(
            actor=actor(),
            order_id=po_id,
            revision=form.revision.data or 0,
            location_id=form.location or found.location_id,
            wishes=wishes,
            note=form.note.data or "",
            freight=form.freight.data or rules.NOTHING,
            other_costs=form.other_costs.data or rules.NOTHING,
            supplier_id=form.supplier,
        )
        if do not in _SENT:
            return
        if kept.currency != currency or rules.costs_otherwise(
            {line.variant_id: line.unit_cost for line in kept.lines}, wishes
        ):
            says = _look_first
        else:
            actions.send(actor=actor(), order_id=po_id, by_hand=do == "hand")

    try:
        done = form.accept(work)
    except ConflictError as conflict:
        abandon()
        return page(po_id, problem=sentence(conflict))
    if not done:
        return page(po_id, form=form)
    return _back(po_id, says)


def _look_first() -> str:
    return str(_("It is saved, and not sent yet: it costs something else now. Look at it, then send it."))


def _saved() -> str:
    return str(_("It is saved."))


def _posted() -> str:
    return str(_("It is on its way to the supplier."))


def _handed() -> str:
    return str(_("It is marked as sent. Its document follows in a moment."))


_SENT: dict[str, Callable[[], str]] = {"send": _posted, "hand": _handed}


def _back(po_id: int, message: Callable[[], str]) -> Response:
    return htmx.done("purchasing.order", message(), po_id=po_id)


def _step(po_id: int, work: Callable[[ReasonForm], object], message: Callable[[], str]) -> Response:
    """A step of the order with its reason; refused, it is told on the order's page."""
    form = ReasonForm()
    try:
        done = form.accept(lambda: work(form))
    except ConflictError as conflict:
        abandon()
        return page(po_id, problem=sentence(conflict))
    return _back(po_id, message) if done else page(po_id, reason=form)


@bp.post(f"/seller/purchase-orders/{ORDER}/sending")
@access(MANAGES_PRODUCTS)
def send(po_id: int) -> Response:
    """To the supplier, as it is kept: by e-mail, or (`by=hand`) by the seller."""
    by_hand = request.form.get("by") == "hand"
    return _step(
        po_id,
        lambda form: actions.send(actor=actor(), order_id=po_id, revision=form.revision.data or 0, by_hand=by_hand),
        _handed if by_hand else _posted,
    )


@bp.post(f"/seller/purchase-orders/{ORDER}/reopening")
@access(MANAGES_PRODUCTS)
def reopen(po_id: int) -> Response:
    """What was sent is changed, and then sent once more."""
    return _step(
        po_id,
        lambda form: actions.reopen(actor=actor(), order_id=po_id, revision=form.revision.data or 0),
        lambda: _("Change it, then send it again: the supplier gets it as the next version."),
    )


@bp.post(f"/seller/purchase-orders/{ORDER}/cancellation")
@access(MANAGES_PRODUCTS)
def cancel(po_id: int) -> Response:
    """Nothing of it is wanted any more."""
    return _step(
        po_id,
        lambda form: actions.cancel(
            actor=actor(), order_id=po_id, reason=form.reason.data or "", revision=form.revision.data or 0
        ),
        lambda: _("It is cancelled, and keeps its number."),
    )


@bp.post(f"/seller/purchase-orders/{ORDER}/closing")
@access(MANAGES_PRODUCTS)
def close(po_id: int) -> Response:
    """What has not come will not come."""
    return _step(
        po_id,
        lambda form: actions.close_short(
            actor=actor(), order_id=po_id, reason=form.reason.data or "", revision=form.revision.data or 0
        ),
        lambda: _("It is closed. Nothing of it is on order any more."),
    )


@bp.post(f"/seller/purchase-orders/{ORDER}/offers/<int(max={2**63 - 1}):offer_id>")
@access(MANAGES_PRODUCTS)
def answer_offer(po_id: int, offer_id: int) -> Response:
    """The product's new cost is taken, or it stays."""
    queries.order(actor(), po_id)
    return _step(
        po_id,
        lambda _form: actions.answer_offer(actor=actor(), offer_id=offer_id, answer=request.form.get("answer", "")),
        lambda: _("It is noted."),
    )


@bp.get(f"/seller/purchase-orders/{ORDER}/documents/<int(max=1000000):version>.pdf")
@access(SELLING)
def document(po_id: int, version: int) -> Response:
    """What the supplier got, byte for byte; while it is being made, the order's page (202)."""
    found = queries.document(actor(), po_id, version)
    if found.file_key is None:
        flash(_("The document is being made. Try again in a moment."), "message")
        response = page(po_id)
        response.status_code = 202
        return response
    try:
        data = queries.file_of(found)
    except DamagedDocumentError:
        log.exception("a stored document is damaged")
        return errors.render(500, _("The stored document is damaged. We have been told and will restore it."))
    response = make_response(data)
    response.content_type = "application/pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{queries.file_name(found)}"'
    response.headers["Cache-Control"] = "private, no-cache"  # kept, but asked for each time: access may end
    response.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(str(found.sha256))).decode()}:"
    response.set_etag(str(found.sha256))
    response.make_conditional(request)
    return response


@bp.post(f"/seller/purchase-orders/{ORDER}/documents")
@access(MANAGES_PRODUCTS)
def ask_for_document(po_id: int) -> Response:
    """A document is late: ask for it once more."""
    actions.ask_for_document(actor=actor(), order_id=po_id)
    return _back(po_id, lambda: _("It is being made. Reload the page in a moment."))


@bp.app_template_global("days_words")
def days_words(lead: rules.Lead | None) -> str:
    """`in 3 to 5 days`; nothing when nobody knows."""
    if lead is None:
        return ""
    if lead[1] == 1:
        return str(_("in one day")) if lead[0] == 1 else str(_("today or tomorrow"))
    if lead[0] == lead[1]:
        return str(_("in %(days)s days", days=i18n.number(lead[0])))
    return str(_("in %(least)s to %(most)s days", least=i18n.number(lead[0]), most=i18n.number(lead[1])))
