"""The people of a business, and asking others to join."""

from __future__ import annotations

from typing import cast

from flask import Response, flash, redirect, request, url_for
from flask_babel import gettext as _

from wholesale.organizations import actions, queries
from wholesale.organizations.forms import HandOverForm, InviteForm, PersonForm
from wholesale.organizations.views.blueprint import bp
from wholesale.platform import htmx
from wholesale.platform.access import BUSINESS_ADMIN, MEMBER, OWNER, access, actor
from wholesale.platform.forms import HouseForm


@bp.get("/business/people")
@access(MEMBER)
def people() -> Response:
    return _list(HouseForm(formdata=None))


def _list(form: HouseForm) -> Response:
    """Everybody; `form` is what was refused, if anything was."""
    who = actor()
    return htmx.respond(
        "organizations/people.html",
        "organizations/_people.html",
        form.status,
        people=queries.people(who),
        waiting=queries.waiting_invitations(who) if who.is_business_admin else [],
        form=form,
    )


@bp.route("/business/people/<int:user_id>", methods=["GET", "POST"])
@access(BUSINESS_ADMIN)
def person(user_id: int) -> Response:
    found = queries.person(actor(), user_id)
    limit = found.limit.amount if found.limit else None
    form = PersonForm(data={"role": found.role, "spending_limit": limit})
    if request.method == "POST" and form.accept(
        lambda: actions.change_person(
            actor=actor(), user_id=user_id, role=form.role.data, spending_limit=form.spending_limit.data
        )
    ):
        return htmx.done("organizations.people", _("Saved."))
    return _person(found, form)


def _person(found: queries.Person, form: PersonForm, hand_over: HandOverForm | None = None) -> Response:
    hand_over = hand_over or HandOverForm(formdata=None, data={"share": "no"})
    status = max(form.status, hand_over.status)
    return htmx.show("organizations/person.html", status, person=found, form=form, hand_over=hand_over)


@bp.post("/business/people/<int:user_id>/removal")
@access(BUSINESS_ADMIN)
def remove(user_id: int) -> Response:
    actions.remove_person(actor=actor(), user_id=user_id)
    return htmx.done("organizations.people", _("They belong to your business no more."))


@bp.post("/business/people/<int:user_id>/ownership")
@access(OWNER, fresh=True)
def hand_over(user_id: int) -> Response:
    found = queries.person(actor(), user_id)
    form = HandOverForm()
    if form.accept(lambda: actions.hand_over(actor=actor(), user_id=user_id, share=form.share.data == "yes")):
        return htmx.done("organizations.people", _("%(name)s is an owner now.", name=found.name))
    return _person(found, PersonForm(formdata=None, data={"role": found.role}), form)


@bp.post("/business/leave")
@access(MEMBER)
def leave() -> Response:
    form = HouseForm()
    left = actor().organization_name
    if form.accept(lambda: actions.leave(actor=actor())):
        flash(_("You belong to %(business)s no more.", business=left))
        # The frame of the page changes too: it shows for whom one acts.
        target = url_for("organizations.switch")
        return htmx.go_to(target) if htmx.current().is_fragment else cast("Response", redirect(target, 303))
    return _list(form)


@bp.route("/business/people/invite", methods=["GET", "POST"])
@access(BUSINESS_ADMIN)
def invite() -> Response:
    form = InviteForm(data={"role": "member"})
    if request.method == "POST" and form.accept(
        lambda: actions.invite(
            actor=actor(),
            email=str(form.email.data),
            role=form.role.data,
            spending_limit=form.spending_limit.data,
        )
    ):
        return htmx.done("organizations.people", _("The letter is on its way. Its link is good for 7 days."))
    return htmx.show("organizations/invite.html", form.status, form=form)


@bp.post("/business/people/invitations/<int:invitation_id>/renewal")
@access(BUSINESS_ADMIN)
def renew(invitation_id: int) -> Response:
    form = HouseForm()
    if form.accept(lambda: actions.renew(actor=actor(), invitation_id=invitation_id)):
        return htmx.done("organizations.people", _("A new letter is on its way. The link in the old one is void."))
    return _list(form)


@bp.post("/business/people/invitations/<int:invitation_id>/removal")
@access(BUSINESS_ADMIN)
def withdraw(invitation_id: int) -> Response:
    actions.withdraw(actor=actor(), invitation_id=invitation_id)
    return htmx.done("organizations.people", _("The invitation is withdrawn."))
