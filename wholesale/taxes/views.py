"""The rates, for the platform's people; and a rate in words beside a price."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response
from flask_babel import gettext as _

from wholesale.catalog.queries import category_names
from wholesale.kernel.errors import ConflictError
from wholesale.platform import i18n
from wholesale.platform.access import ADMIN, STAFF, access, actor
from wholesale.platform.forms import HouseForm
from wholesale.platform.htmx import done, respond
from wholesale.platform.i18n import sentence
from wholesale.platform.transaction import abandon
from wholesale.taxes import actions, queries
from wholesale.taxes.forms import EndForm, RateForm
from wholesale.taxes.rules import Rate

bp = Blueprint("taxes", __name__, url_prefix="/admin/taxes")

_ID = f"<int(max={2**63 - 1}):rate_id>"


@bp.app_template_filter("tax_words")
def tax_words(rate: Rate) -> str:
    """What stands beside a price: plus 15 % VAT, incl. 15 % VAT, VAT 0 %, VAT exempt."""
    if rate.kind == "exempt":
        return i18n.gettext("%(tax)s exempt", tax=rate.name)
    percent = i18n.percent(rate.percent)
    if rate.kind == "zero":
        return tax_name(rate)
    if rate.included:
        return i18n.gettext("incl. %(percent)s %(tax)s", percent=percent, tax=rate.name)
    return i18n.gettext("plus %(percent)s %(tax)s", percent=percent, tax=rate.name)


@bp.app_template_filter("tax_name")
def tax_name(rate: Rate) -> str:
    """A rate in a list of amounts: 15 % VAT, VAT exempt."""
    if rate.kind == "exempt":
        return i18n.gettext("%(tax)s exempt", tax=rate.name)
    return f"{i18n.percent(rate.percent)} {rate.name}"


@bp.get("")
@access(STAFF)
def overview() -> Response:
    """What holds, what comes, what has held."""
    return _page()


def _page(form: HouseForm | None = None, ended: int | None = None, conflict: ConflictError | None = None) -> Response:
    """The rates as they are now; `form` was refused (of the rate `ended`, if it is of one)."""
    new = form if isinstance(form, RateForm) else _new_form()
    found = queries.entries()
    return respond(
        "taxes/rates.html",
        "taxes/_rates.html",
        409 if conflict else form.status if form else 200,
        entries=found,
        today=queries.today(),
        new=new,
        ends={each.rate.id: form if each.rate.id == ended else EndForm(each.rate.id, formdata=None) for each in found},
        problem=sentence(conflict) if conflict else None,
    )


def _new_form() -> RateForm:
    return RateForm(category_names(), formdata=None, data={"valid_from": queries.today()})


def _do(form: HouseForm, action: Callable[[], object], message: str, rate_id: int | None = None) -> Response:
    try:
        accepted = form.accept(action)
    except ConflictError as conflict:
        abandon()
        return _page(conflict=conflict)
    return done("taxes.overview", message) if accepted else _page(form, rate_id)


@bp.post("")
@access(ADMIN)
def add() -> Response:
    """Let a rate hold from a day on."""
    form = RateForm(category_names())
    return _do(form, lambda: actions.add_rate(actor=actor(), **form.values), _("The rate is set."))


@bp.post(f"/{_ID}/end")
@access(ADMIN)
def end(rate_id: int) -> Response:
    """Say on which day a rate holds for the last time."""
    form = EndForm(rate_id)
    return _do(
        form,
        lambda: actions.end_rate(actor=actor(), rate_id=rate_id, last_day=form.last_day.data),
        _("The rate ends on that day."),
        rate_id,
    )


@bp.post(f"/{_ID}/removal")
@access(ADMIN)
def withdraw(rate_id: int) -> Response:
    """Take back a rate that has not held before today."""
    return _do(
        HouseForm(),
        lambda: actions.withdraw_rate(actor=actor(), rate_id=rate_id),
        _("The rate is taken back. What held before goes on."),
    )
