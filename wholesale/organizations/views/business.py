"""The business itself, choosing between several, and founding one more."""

from __future__ import annotations

from flask import Response, request
from flask_babel import gettext as _

from wholesale.accounts import queries as accounts
from wholesale.kernel.errors import NotFoundError
from wholesale.organizations import actions, queries
from wholesale.organizations.forms import BusinessForm, NewBusinessForm
from wholesale.organizations.views.blueprint import bp, outdate_forms
from wholesale.platform import htmx, idempotency
from wholesale.platform.access import MEMBER, OWNER, SIGNED_IN, access, actor


@bp.get("/business")
@access(MEMBER)
def overview() -> Response:
    return htmx.show("organizations/overview.html", own=queries.overview(actor()))


@bp.route("/business/edit", methods=["GET", "POST"])
@access(OWNER)
def edit() -> Response:
    own = queries.overview(actor())
    known = {"business_name": own.business.name, "phone": own.papers.phone, "email": own.papers.email}
    form = BusinessForm(data=known | {"language": own.business.language or ""})
    if request.method == "POST" and form.accept(
        lambda: actions.change_business(
            actor=actor(),
            name=str(form.business_name.data),
            phone=str(form.phone.data),
            email=str(form.email.data),
            language=form.language.data or None,
        )
    ):
        return htmx.done("organizations.overview", _("Saved."))
    return htmx.show("organizations/edit.html", form.status, form=form)


@bp.get("/business/switch")
@access(SIGNED_IN)
def switch() -> Response:
    return htmx.show("organizations/switch.html", businesses=queries.own_businesses(actor()))


@bp.post("/business/switch")
@access(SIGNED_IN)
def act_for() -> Response:
    chosen = request.form.get("organization_id", type=int)
    business = next((each for each in queries.own_businesses(actor()) if each.id == chosen), None)
    if business is None:
        raise NotFoundError
    actions.act_for(actor=actor(), organization_id=business.id)
    outdate_forms()
    said = _("You act for %(business)s now.", business=business.name)
    today = actor().today
    if today is None or not business.is_verified(today):
        return htmx.done("verification.status", said)
    return htmx.done("orders.incoming" if business.kind == "seller" else "pages.listing", said)


@bp.route("/business/new", methods=["GET", "POST"])
@access(SIGNED_IN)
def new() -> Response:
    """Its papers follow on the page to which this leads."""
    form = NewBusinessForm(data={"email": actor().email, "phone": accounts.me(actor()).phone})
    if request.method == "POST" and form.accept(lambda: actions.found_once(actor=actor(), **form.values)):
        outdate_forms()
        return htmx.done("verification.status", _("Your business is here. Now send its papers."))
    form.key.data = form.key.data or idempotency.new_key()
    return htmx.show("organizations/new.html", form.status, form=form)
