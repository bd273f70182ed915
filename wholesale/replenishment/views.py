"""The panel of what runs out: sellers see their own, staff everybody's; ordering, putting off, giving to somebody."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from wholesale.kernel.errors import ConflictError
from wholesale.platform import htmx, i18n, idempotency, live
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, STAFF, access, actor
from wholesale.platform.forms import HouseForm
from wholesale.platform.transaction import abandon
from wholesale.replenishment import actions, queries, rules
from wholesale.replenishment.forms import SNOOZES, AssignForm, LevelForm, NoteForm, OrderForm, SnoozeForm

bp = Blueprint("replenishment", __name__)

_ALERT = f"<int(max={2**63 - 1}):alert_id>"
_MAX_DIGITS = 18  # fits a bigint
_KEPT = ("show", "severity", "mine", "seller", "location", "after")
_LONGEST_VALUE = 60
_SHOWS = ("snoozed", "unset")
_KEY_PARTS = 3

# How often a page asks for news, in seconds: seldomer each time that there is none.
_FIRST_PAUSE, _LONGEST_PAUSE = 10, 60


@bp.app_template_filter("alert_label")
def alert_label(severity: str) -> str:
    return i18n.gettext(rules.LABELS[severity])


@bp.app_template_filter("alert_title")
def alert_title(severity: str) -> str:
    return i18n.gettext(rules.TITLES[severity])


@bp.app_template_filter("alert_tone")
def alert_tone(severity: str) -> str:
    """The badge's tone for a severity."""
    return rules.TONES[severity]


@bp.app_template_filter("alert_move")
def alert_move(what: str) -> str:
    """What a row of an alert's history tells."""
    return i18n.gettext(rules.MOVES[what])


@bp.app_template_filter("alert_closed")
def alert_closed(why: str) -> str:
    """Why an alert was closed."""
    return i18n.gettext(rules.CLOSED[why])


@bp.app_template_filter("alert_severity")
def alert_severity(urgency: int) -> str:
    """The label of an urgency; of none, nothing."""
    return i18n.gettext(rules.LABELS[rules.SEVERITIES[urgency]]) if urgency else ""


def may_change() -> bool:
    """Whether the actor orders and puts off, or only looks."""
    return MANAGES_PRODUCTS.allows(actor())


# --- the panel --------------------------------------------------------------------------------------------


@bp.get("/seller/inventory")
@access(SELLING)
def overview() -> Response:
    """What runs out of the seller's goods; staff have a list of everybody's."""
    if actor().is_staff:
        return cast("Response", redirect(url_for("replenishment.everybodys", **_kept())))
    return _panel()


@bp.get("/admin/inventory")
@access(STAFF)
def everybodys() -> Response:
    return _panel()


@bp.get("/seller/inventory/changes")
@access(SELLING)
def changes() -> Response:
    """Whether the page that knows the mark `seen` is up to date: how long to wait, and what has changed."""
    mark = queries.mark(actor(), _filters())
    if request.args.get("seen") == mark and htmx.current().is_fragment:
        pause = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, _number(request.args.get("pause")) or 0) * 2)
        body = render_template("replenishment/_changes.html", mark=mark, pause=pause, kept=_kept(), changed=False)
        return htmx.vary(Response(body), partial=True)
    return htmx.respond(
        "replenishment/inventory.html",
        "replenishment/_changes.html",
        changed=htmx.current().is_fragment,
        **_context(mark),
    )


@bp.get("/seller/inventory/badge")
@access(SELLING)
def badge() -> str:
    """The number beside the word Stock, fetched after the page."""
    return render_template("replenishment/_badge.html", count=queries.urgent(actor()))


@bp.get("/seller/inventory/stream")
@access(SELLING)
def stream() -> Response:
    """Says that something has changed, as long as a page is open; whoever is no page's script is sent to the page."""
    if "text/event-stream" not in request.headers.get("Accept", ""):
        return cast("Response", redirect(url_for(_endpoint(), **_kept())))
    seller_id = queries.seller_of(actor()) or _filters().seller_id
    return live.stream(actions.topic(seller_id))


def _panel(form: HouseForm | None = None) -> Response:
    """The list as it is looked for; `form` (an order of some of it) was refused."""
    return htmx.respond(
        "replenishment/inventory.html",
        "replenishment/_panel.html",
        form.status if form else 200,
        changed=False,
        **_context(queries.mark(actor(), _filters()), form),
    )


def _context(mark: str, form: HouseForm | None = None) -> dict[str, Any]:
    filters = _filters()
    is_unset = filters.show == "unset"
    unset, after_product = (
        queries.unset(actor(), filters, after=_number(request.args.get("after"))) if is_unset else ([], None)
    )
    page = queries.Page([], None) if is_unset else queries.page(actor(), filters, after=_after())
    following = after_product if is_unset else "-".join(str(part) for part in page.after) if page.after else None
    return {
        "page": page,
        "unset": unset,
        "unset_count": queries.count_unset(actor(), filters),
        "following": following,
        "counts": queries.counts(actor(), filters),
        "filters": filters,
        "kept": _kept(),
        "endpoint": _endpoint(),
        "severities": rules.LABELS,
        "sellers": queries.sellers(actor()),
        "locations": queries.locations(actor()),
        "people": _people(filters),
        "snoozes": SNOOZES,
        "expiring": queries.expiring(actor(), filters) if not filters.narrowed and not filters.show else [],
        "may_change": may_change(),
        "form": form,
        "key": idempotency.new_key(),
        "mark": mark,
        "pause": _FIRST_PAUSE,
    }


def _people(filters: queries.Filters) -> list[tuple[int, str]]:
    """To whom the alerts of the list can be given: of several sellers at once, to nobody."""
    seller_id = queries.seller_of(actor()) or filters.seller_id
    return queries.members(seller_id) if seller_id is not None and may_change() else []


def _filters() -> queries.Filters:
    """What is looked for; nonsense looks for everything."""
    args = request.args
    severity = args.get("severity", "")
    show = args.get("show", "")
    return queries.Filters(
        show=show if show in _SHOWS else "",
        severity=severity if severity in rules.LABELS else "",
        mine=args.get("mine") == "yes",
        seller_id=_number(args.get("seller")) if actor().is_staff else None,
        location_id=_number(args.get("location")) if not actor().is_staff else None,
    )


def _after() -> queries.Key | None:
    """The key after which a page of the list begins; nonsense begins at the top."""
    parts = request.args.get("after", "").split("-")
    if len(parts) == _KEY_PARTS + 1 and parts[1] == "":  # more is there than the level says
        parts = [parts[0], f"-{parts[2]}", parts[3]]
    if len(parts) != _KEY_PARTS:
        return None
    numbers = [_number(part.removeprefix("-")) for part in parts]
    urgency, short, alert_id = numbers
    if urgency is None or short is None or alert_id is None or urgency > rules.URGENCY[rules.OUT]:
        return None
    if short > rules.MOST_PIECES * 100:
        return None
    return urgency, -short if parts[1].startswith("-") else short, alert_id


def _kept(*, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the list is narrowed to and where in it the reader is, to stand in addresses."""
    named = {name: request.args[name][:_LONGEST_VALUE].replace("\0", "") for name in _KEPT if request.args.get(name)}
    return {name: value for name, value in named.items() if name not in without}


def _endpoint() -> str:
    """The list that the actor works in."""
    return "replenishment.everybodys" if actor().is_staff else "replenishment.overview"


def _orders() -> str:
    """The list of purchase orders that the actor works in."""
    return "purchasing.everybodys" if actor().is_staff else "purchasing.orders"


def _number(text: str | None) -> int | None:
    """A key from an address or a form; nonsense is none."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _chosen() -> list[int]:
    """The alerts that are ticked; of a button in a row, that one alone."""
    single = _number(request.form.get("one"))
    if single is not None:
        return [single]
    found = [number for text in request.form.getlist("alert") if (number := _number(text)) is not None]
    return sorted(set(found))[: rules.MOST_AT_ONCE + 1]


# --- what is done about it --------------------------------------------------------------------------------


@bp.post("/seller/inventory/orders")
@access(MANAGES_PRODUCTS)
def order() -> Response:
    """One click: a purchase order per supplier, of one row or of those that are ticked."""
    form = OrderForm(_chosen())
    made = form.submit(
        lambda: actions.order(
            actor=actor(),
            key=form.key.data or idempotency.new_key(),
            quantities=form.quantities,
            seen=form.seen,
        )
    )
    if made is None:
        return _panel(form)
    if made.closed:
        flash(
            ngettext(
                "%(n)s was not ordered: its stock is back.",
                "%(n)s were not ordered: their stock is back.",
                made.closed,
                n=i18n.number(made.closed),
            ),
            "warning",
        )
    if len(made.orders) == 1:
        first = made.orders[0]
        return htmx.done(
            "purchasing.order", _("%(number)s is ready to be sent.", number=first.number), po_id=first.order_id
        )
    for each in made.orders:
        goods = ", ".join(f"{name[:40]} {i18n.number(pieces)}" for name, pieces in each.goods[:3])
        flash(
            _("%(number)s to %(supplier)s: %(goods)s", number=each.number, supplier=each.supplier or "–", goods=goods)
        )
    return htmx.done(_orders() if made.orders else _endpoint())


@bp.post("/seller/inventory/snoozes")
@access(MANAGES_PRODUCTS)
def snooze() -> Response:
    """Put what is ticked off for some days, or no longer."""
    form = SnoozeForm()
    changed = form.submit(lambda: actions.snooze(actor=actor(), alert_ids=_chosen(), days=int(form.days.data)))
    return _after_several(form, changed)


@bp.post("/seller/inventory/assignments")
@access(MANAGES_PRODUCTS)
def assign() -> Response:
    """Give what is ticked to somebody, or to nobody."""
    form = AssignForm()
    changed = form.submit(lambda: actions.assign(actor=actor(), alert_ids=_chosen(), user_id=_number(form.person.data)))
    return _after_several(form, changed)


def _after_several(form: HouseForm, changed: int | None) -> Response:
    if changed is None:
        alert_id = _number(request.args.get("to"))
        return _alert(alert_id, form) if alert_id is not None else _panel(form)
    message = ngettext("%(n)s alert is changed.", "%(n)s alerts are changed.", changed, n=i18n.number(changed))
    back = _number(request.args.get("to"))
    if back is not None:
        return htmx.done("replenishment.alert", message, alert_id=back)
    return htmx.done(_endpoint(), message, **_kept())


@bp.post("/seller/inventory/levels/<int(max=9223372036854775807):product_id>")
@access(MANAGES_PRODUCTS)
def take_level(product_id: int) -> Response:
    """Let a product have a reorder level, with one tap."""
    form = LevelForm()
    product = form.submit(lambda: actions.take_level(actor=actor(), product_id=product_id, level=form.level.data or 0))
    if product is None:
        return _panel(form)
    return htmx.done(
        _endpoint(), _("%(product)s has a reorder level now.", product=i18n.local_name(product)), **_kept()
    )


# --- one alert --------------------------------------------------------------------------------------------


@bp.get(f"/seller/inventory/{_ALERT}")
@access(SELLING)
def alert(alert_id: int) -> Response:
    return _alert(alert_id)


@bp.post(f"/seller/inventory/{_ALERT}/note")
@access(MANAGES_PRODUCTS)
def note(alert_id: int) -> Response:
    """Write something down beside an alert."""
    queries.row(actor(), alert_id)
    form = NoteForm()
    try:
        done = form.accept(
            lambda: actions.write_note(
                actor=actor(), alert_id=alert_id, text=form.note.data or "", seen=form.seen.data or ""
            )
        )
    except ConflictError as error:
        abandon()
        form.form_errors.append(i18n.sentence(error))
        form.status, done = 409, False
    if not done:
        return _alert(alert_id, form)
    return htmx.done("replenishment.alert", _("It is saved."), alert_id=alert_id)


def _alert(alert_id: int, form: HouseForm | None = None) -> Response:
    row = queries.row(actor(), alert_id)
    people = queries.members(row.alert.seller_id)
    note_form = form if isinstance(form, NoteForm) else NoteForm(formdata=None, note=row.alert.note)
    return htmx.respond(
        "replenishment/alert.html",
        "replenishment/_alert.html",
        form.status if form else 200,
        row=row,
        moves=queries.history(alert_id),
        people=people,
        names={str(user_id): name for user_id, name in people},
        snoozes=SNOOZES,
        may_change=may_change() and row.alert.closed_at is None,
        form=form,
        note_form=note_form,
        key=idempotency.new_key(),
        endpoint=_endpoint(),
    )
