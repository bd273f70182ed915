"""The addresses of a business."""

from __future__ import annotations

from flask import Response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from wholesale.organizations import actions, queries, rules
from wholesale.organizations.forms import AddressForm
from wholesale.organizations.views.blueprint import bp
from wholesale.platform import htmx
from wholesale.platform.access import MEMBER, Rule, access, actor

WORKING = Rule(
    "member of a business, not a viewer",
    lambda actor: MEMBER.allows(actor) and actor.role != "viewer",
    _l("Your role in this business is to look. Ask its owner for more."),
)


@bp.get("/business/addresses")
@access(MEMBER)
def addresses() -> Response:
    return htmx.respond(
        "organizations/addresses.html", "organizations/_addresses.html", addresses=queries.addresses(actor())
    )


@bp.route("/business/addresses/new", methods=["GET", "POST"])
@access(WORKING)
def new_address() -> Response:
    form = AddressForm()
    if request.method == "POST" and form.accept(lambda: actions.add_address(actor=actor(), **form.values)):
        return htmx.done("organizations.addresses", _("The address is saved."))
    return htmx.show("organizations/address.html", form.status, form=form, address=None)


@bp.route("/business/addresses/<int:address_id>", methods=["GET", "POST"])
@access(WORKING)
def address(address_id: int) -> Response:
    known = queries.address(actor(), address_id)
    abroad = known.country != rules.HOME_COUNTRY
    form = AddressForm(obj=known, data={"region": known.district} if abroad else None)
    if request.method == "POST" and form.accept(
        lambda: actions.change_address(actor=actor(), address_id=address_id, **form.values)
    ):
        return htmx.done("organizations.addresses", _("The address is saved."))
    return htmx.show("organizations/address.html", form.status, form=form, address=known)


@bp.post("/business/addresses/<int:address_id>/removal")
@access(WORKING)
def remove_address(address_id: int) -> Response:
    actions.remove_address(actor=actor(), address_id=address_id)
    return htmx.done("organizations.addresses", _("The address is removed. Orders keep their copy."))
