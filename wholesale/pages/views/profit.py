"""How revenue is shared, for the platform's admins: what holds, what comes, and what a change would have meant."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.kernel.errors import ConflictError
from wholesale.merchandising import queries as merchandising
from wholesale.merchandising.profit import actions, queries
from wholesale.merchandising.profit.forms import SettlementForm
from wholesale.merchandising.profit.rules import percent_of
from wholesale.pages import profiting
from wholesale.platform import htmx
from wholesale.platform.access import ADMIN, access, actor
from wholesale.platform.i18n import sentence
from wholesale.platform.transaction import abandon

bp = Blueprint("profit", __name__, url_prefix="/admin/profit")

_CONFLICT = 409


@bp.get("")
@access(ADMIN)
def overview() -> Response:
    """What is set for the platform, categories, sellers and products; or on to the one that was chosen."""
    for kind in ("category", "seller"):
        chosen = request.args.get(kind, "")
        if chosen.isascii() and chosen.isdecimal() and len(chosen) < 18:  # noqa: PLR2004 - a bigint
            return htmx.done("profit.scope", scope=kind, scope_id=int(chosen))
    return _overview()


def _overview(conflict: ConflictError | None = None) -> Response:
    return htmx.respond(
        "pages/profit.html",
        "pages/_profit.html",
        _CONFLICT if conflict else 200,
        found=queries.overview(),
        categories=merchandising.categories(),
        sellers=merchandising.sellers(),
        percent_of=percent_of,
        problem=sentence(conflict) if conflict else None,
    )


@bp.route(f"/<scope>/<int(max={2**63 - 1}):scope_id>", methods=["GET", "POST"])
@access(ADMIN)
def scope(scope: str, scope_id: int) -> Response:
    """One scope: a new rule, what it would have meant last month, and everything that held."""
    settled = queries.settlement(scope, scope_id)
    form = SettlementForm(may_inherit=scope != "platform", data=queries.shown(settled))
    meant, changed = None, False
    if request.method == "POST":
        if _asks(form):
            changed = request.form.get("do") != "preview"
            meant = form.submit(
                lambda: profiting.meant(settled.scope, form.settlement, queries.start_of(form.starts_on.data))
            )
        elif form.accept(
            lambda: actions.set_settlement(
                actor=actor(),
                kind=scope,
                scope_id=scope_id,
                settlement=form.settlement,
                starts_on=form.starts_on.data,
                reason=form.reason.data or "",
            )
        ):
            return htmx.done("profit.scope", _("It is set. Orders that were placed keep theirs."), scope=scope,
                             scope_id=scope_id)  # fmt: skip
    return htmx.respond(
        "pages/profit_scope.html",
        "pages/_profit_scope.html",
        form.status,
        form=form,
        settled=settled,
        meant=meant,
        changed=changed and meant is not None,
        hidden=queries.hidden(settled.scope),
        losses=profiting.losses(settled.scope),
        days=profiting.DAYS,
        percent_of=percent_of,
    )


def _asks(form: SettlementForm) -> bool:
    """Whether a preview is wanted, or needed: what is saved after one is what it was of."""
    if request.form.get("do") == "preview":
        return True
    return bool(form.previewed.data) and form.validate() and form.previewed.data != form.packed


@bp.post(f"/rules/<int(max={2**63 - 1}):rule_id>/cancellation")
@access(ADMIN)
def call_off(rule_id: int) -> Response:
    """Call off a rule whose day has not come."""
    try:
        actions.call_off(actor=actor(), rule_id=rule_id)
    except ConflictError as conflict:
        abandon()
        return _overview(conflict)
    return htmx.done("profit.overview", _("It is called off. What holds now goes on."))
