"""Requests for approval: the list, a request's page, and what can be pressed there."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from wholesale.kernel.errors import ConflictError
from wholesale.orders.approval import actions, queries
from wholesale.orders.approval.forms import ApproveForm, RefuseForm, RefuseLineForm
from wholesale.orders.approval.rules import STATES
from wholesale.platform.access import APPROVER, BUYER, access, actor
from wholesale.platform.forms import HouseForm
from wholesale.platform.htmx import done, respond
from wholesale.platform.i18n import sentence
from wholesale.platform.transaction import abandon

bp = Blueprint("approvals", __name__, url_prefix="/approvals")

_ID = f"<int(max={2**63 - 1}):request_id>"
_LINE = f"<int(max={2**63 - 1}):line_id>"
_MAX_DIGITS = 18  # fits a bigint

_LABELS = {
    "waiting": _l("Waits for a decision"),
    "approved": _l("Approved and ordered"),
    "refused": _l("Refused"),
    "withdrawn": _l("Taken back"),
    "expired": _l("Not decided in time"),
}
_TONES = {"waiting": "warn", "approved": "good", "refused": "bad", "withdrawn": "neutral", "expired": "neutral"}


@bp.app_template_filter("approval_label")
def approval_label(state: str) -> str:
    return str(_LABELS[state])


@bp.app_template_filter("approval_tone")
def approval_tone(state: str) -> str:
    """The badge's tone for a request's state."""
    return _TONES[state]


def _before() -> int | None:
    """The key before which a page of the list begins; nonsense begins at the newest."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _state() -> str | None:
    state = request.args.get("state", "")
    return state if state in STATES else None


@bp.get("")
@access(BUYER)
def overview() -> Response:
    """What waits for the actor's decision, or what they have asked for, newest first."""
    return respond(
        "orders/approvals.html",
        "orders/_approvals.html",
        page=queries.page(actor(), state=_state(), before=_before()),
        counts=queries.counts(actor()),
        state=_state(),
        states=STATES,
    )


@bp.get("/badge")
@access(APPROVER)
def badge() -> str:
    """The number beside the word Approvals, fetched after the page."""
    return render_template("orders/_approvals_badge.html", count=queries.waiting(actor()))


@bp.get(f"/{_ID}")
@access(BUYER)
def show(request_id: int) -> Response:
    return _page(request_id)


def _page(request_id: int, form: HouseForm | None = None, conflict: ConflictError | None = None) -> Response:
    """The request as it is now; `form` was refused, `conflict` says what has happened meanwhile."""
    found = queries.request(actor(), request_id)
    waits = found.state == "waiting"
    today = actions.today(found) if waits else None
    decides = waits and actor().is_business_admin and found.user_id != actor().user_id
    return respond(
        "orders/approval.html",
        "orders/_approval.html",
        409 if conflict else form.status if form else 200,
        asked=found,
        today=today,
        names=queries.names(
            [found.user_id, *(move.user_id for move in found.moves), *(line.refused_by for line in found.lines)]
        ),
        decides=decides,
        asked_by_me=found.user_id == actor().user_id,
        purchase=queries.purchase_number(found.purchase_id),
        form=form,
        problem=sentence(conflict) if conflict else None,
        approve_form=form if isinstance(form, ApproveForm) else ApproveForm(formdata=None),
        refuse_form=form if isinstance(form, RefuseForm) else RefuseForm(formdata=None),
        line_forms={line.id: _line_form(line.id, form) for line in found.lines} if decides else {},
    )


def _line_form(line_id: int, form: HouseForm | None) -> RefuseLineForm:
    fresh = RefuseLineForm(line_id, formdata=None)
    return form if isinstance(form, RefuseLineForm) and form.comment.id == fresh.comment.id else fresh


def _do(request_id: int, form: HouseForm, action: Callable[[], object], message: str) -> Response:
    """Run the action and lead back to the request, which says what has become of it."""
    try:
        accepted = form.accept(action)
    except ConflictError as conflict:
        abandon()
        return _page(request_id, conflict=conflict)
    return done("approvals.show", message, request_id=request_id) if accepted else _page(request_id, form)


@bp.post(f"/{_ID}/approval")
@access(APPROVER)
def approve(request_id: int) -> Response:
    """Order it, at the prices that were seen."""
    form = ApproveForm()
    return _do(
        request_id,
        form,
        lambda: actions.approve(
            actor=actor(), request_id=request_id, seen=form.seen.data or "", comment=form.comment.data or ""
        ),
        _("It is approved and ordered."),
    )


@bp.post(f"/{_ID}/refusal")
@access(APPROVER)
def refuse(request_id: int) -> Response:
    """Order nothing of it."""
    form = RefuseForm()
    return _do(
        request_id,
        form,
        lambda: actions.refuse(actor=actor(), request_id=request_id, reason=form.reason.data or ""),
        _("It is refused. Whoever asked gets a letter with your reason."),
    )


@bp.post(f"/{_ID}/lines/{_LINE}/refusal")
@access(APPROVER)
def refuse_line(request_id: int, line_id: int) -> Response:
    """Leave one line out."""
    form = RefuseLineForm(line_id)
    return _do(
        request_id,
        form,
        lambda: actions.refuse_line(
            actor=actor(), request_id=request_id, line_id=line_id, comment=form.comment.data or ""
        ),
        _("The line is taken out. Look at the new total, then approve the rest."),
    )


@bp.post(f"/{_ID}/lines/{_LINE}/return")
@access(APPROVER)
def take_line_back(request_id: int, line_id: int) -> Response:
    """Take a refused line in again."""
    return _do(
        request_id,
        HouseForm(),
        lambda: actions.take_line_back(actor=actor(), request_id=request_id, line_id=line_id),
        _("The line is to be ordered again."),
    )


@bp.post(f"/{_ID}/withdrawal")
@access(BUYER)
def withdraw(request_id: int) -> Response:
    """The asker takes it back."""
    return _do(
        request_id,
        HouseForm(),
        lambda: actions.withdraw(actor=actor(), request_id=request_id),
        _("You have taken it back. Its lines are in your cart again."),
    )
