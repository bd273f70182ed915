"""An order's answer: the seller gives it, the buyer decides about it, both on one page."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from wholesale.kernel.errors import ConflictError
from wholesale.orders.actions import party
from wholesale.orders.answers import actions, queries
from wholesale.orders.answers.forms import AnswerForm, DecisionForm
from wholesale.platform.access import BUYER, SIGNED_IN, access, actor
from wholesale.platform.forms import HouseForm
from wholesale.platform.htmx import done, respond
from wholesale.platform.i18n import sentence
from wholesale.platform.transaction import abandon

bp = Blueprint("answers", __name__)
bp.add_app_template_global(queries.may_answer, "may_answer")

_LABELS = {
    "waiting": _l("Waits for the buyer"),
    "accepted": _l("Settled"),
    "declined": _l("Cancelled"),
    "withdrawn": _l("Taken back"),
    "expired": _l("Not decided in time"),
}
_DECISIONS = {
    "accepted": _l("The buyer took the changed order"),
    "declined": _l("The buyer did not take the changed order"),
    "withdrawn": _l("The question was taken back"),
    "expired": _l("The buyer did not decide in time"),
}
_TONES = {"waiting": "warn", "accepted": "good", "declined": "bad", "withdrawn": "neutral", "expired": "neutral"}


@bp.app_template_filter("answer_label")
def answer_label(state: str) -> str:
    return str(_LABELS[state])


@bp.app_template_filter("decision_label")
def decision_label(state: str) -> str:
    """What became of a question, as a sentence among the things that happened to an order."""
    return str(_DECISIONS[state])


@bp.app_template_filter("answer_tone")
def answer_tone(state: str) -> str:
    """The badge's tone for an answer's state."""
    return _TONES[state]


@bp.get("/orders/<number>/answer")
@access(SIGNED_IN)
def show(number: str) -> Response:
    """The seller's form, or what waits for the buyer, or what was decided last."""
    return _page(number)


def _page(number: str, form: AnswerForm | None = None, conflict: ConflictError | None = None) -> Response:
    """The answer as it is now; `form` was refused, `conflict` says what has happened meanwhile."""
    order, answer, proposal = queries.page_of(actor(), number)
    side = party(actor())
    answers = (
        side in {"seller", "staff"} and actor().role != "viewer" and proposal is None and queries.may_answer(order)
    )
    lines = queries.open_lines(order)
    if form is None or {line.id for line in lines} != form.lines.keys():
        form = AnswerForm([line.id for line in lines], formdata=None)
    return respond(
        "orders/answer.html",
        "orders/_answer.html",
        409 if conflict else form.status,
        order=order,
        answer=answer,
        proposal=proposal,
        answers=answers,
        decides=proposal is not None and side == "buyer" and actor().role != "viewer" and not actor().on_behalf,
        form=form,
        lines=lines,
        seen=queries.seen_by_seller(order),
        problem=sentence(conflict) if conflict else None,
    )


def _do(number: str, form: HouseForm, action: Callable[[], object], message: str) -> Response:
    """Run the action and lead back to the order; what was typed by a seller is kept when it is refused."""
    typed = form if isinstance(form, AnswerForm) else None
    try:
        accepted = form.accept(action)
    except ConflictError as conflict:
        abandon()
        return _page(number, typed, conflict)
    return done("orders.order", message, number=number) if accepted else _page(number, typed)


@bp.post("/orders/<number>/answer")
@access(SIGNED_IN)
def give(number: str) -> Response:
    """The seller answers all open lines at once."""
    order, _answer, _proposal = queries.page_of(actor(), number)
    form = AnswerForm([line.id for line in queries.open_lines(order)])
    return _do(
        number,
        form,
        lambda: actions.give(
            actor=actor(),
            number=number,
            seen=form.seen.data or "",
            replies=form.replies(order.currency),
            note=form.note.data or "",
        ),
        _("Your answer is with the buyer."),
    )


@bp.post("/orders/<number>/answer/withdrawal")
@access(SIGNED_IN)
def withdraw(number: str) -> Response:
    """The seller takes the question back."""
    return _do(
        number,
        HouseForm(),
        lambda: actions.withdraw(actor=actor(), number=number),
        _("You have taken it back. The order is as it was."),
    )


@bp.post("/orders/<number>/answer/acceptance")
@access(BUYER)
def accept(number: str) -> Response:
    """The buyer takes the changed order."""
    form = DecisionForm()
    return _do(
        number,
        form,
        lambda: actions.accept(actor=actor(), number=number, seen=form.seen.data or ""),
        _("The order is changed and confirmed."),
    )


@bp.post("/orders/<number>/answer/refusal")
@access(BUYER)
def decline(number: str) -> Response:
    """The buyer does not take it: the order is cancelled."""
    form = DecisionForm()
    return _do(
        number,
        form,
        lambda: actions.decline(actor=actor(), number=number, seen=form.seen.data or ""),
        _("The order is cancelled. Its goods are back in stock."),
    )
