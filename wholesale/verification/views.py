"""Registering, the state of one's own verification, and the reviewers' queue."""

from __future__ import annotations

import math
from typing import Any, cast

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask_babel import gettext as _

from wholesale.accounts import actions as accounts
from wholesale.accounts import queries as people
from wholesale.accounts.rules import normal_email
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.platform import files, htmx, i18n, idempotency
from wholesale.platform.access import ADMIN, ANYONE, MEMBER, SIGNED_IN, STAFF, access, actor, start_session
from wholesale.platform.throttle import Throttle, place
from wholesale.verification import actions, queries
from wholesale.verification.forms import (
    WORDS,
    DecisionForm,
    DraftForm,
    PapersForm,
    PartnerForm,
    RegisterForm,
    WaiverForm,
)
from wholesale.verification.rules import STATES

_ID_DIGITS = 19  # of the largest bigint
_LONGEST_SEARCH = 80
_OK = 200

bp = Blueprint("verification", __name__)
bp.add_app_template_global(i18n.gettext, "told")  # for texts that are kept as they were written
bp.add_app_template_global(lambda kind: i18n.gettext(WORDS[kind]), "requirement_word")

# Files of strangers that are kept although their form was not accepted; enough for the mistakes of a whole street.
kept_here = Throttle("kept-files", limit=60, seconds=3600)
kept_megabytes = Throttle("kept-megabytes", limit=60, seconds=3600)
# Said as often as people correct a form, not as often as somebody tries a list of addresses (docs/decisions/0005).
said_taken = Throttle("said-taken", limit=20, seconds=3600)


# --- registering ------------------------------------------------------------------------------------------


@bp.route("/register", methods=["GET", "POST"])
@access(ANYONE)
def register() -> Response:
    if not actor().is_anonymous:
        return cast("Response", redirect(url_for("pages.home" if actor().kind is None else "verification.status"), 303))
    form = RegisterForm(kind=request.args.get("kind"))
    if request.method == "POST":
        if (token := form.submit(lambda: _register(form))) is not None:
            start_session(token)
            return htmx.done("verification.status", _("Your account is ready, and your documents are with us."))
        _say_all_at_once(form)
    form.key.data = form.key.data or idempotency.new_key()
    return htmx.show("verification/register.html", form.status, form=form)


def _register(form: RegisterForm) -> str:
    user_id = actions.register_once(**form.values, language=i18n.language())
    return accounts.open_session(
        user_id=user_id, user_agent=request.user_agent.string, address=request.remote_addr or ""
    )


def _say_all_at_once(form: RegisterForm) -> None:
    """Each round is slow and costs data: whatever else is wrong is said too, and good files are kept."""
    address, here = form.email.data or "", place(request.remote_addr or "")
    may_say = address and not form.email.errors and not said_taken.blocked(here)
    if may_say and people.credentials(normal_email(address)) is not None:
        said_taken.failed(here)
        taken = "There is already an account with this e-mail. Log in instead."
        form.refuse(DomainError(taken, field="email"))
    if request.files and not kept_here.blocked(here) and not kept_megabytes.blocked(here):
        kept_here.failed(here)
        for _megabyte in range(math.ceil(form.keep_files() / 2**20)):
            kept_megabytes.failed(here)


# --- one's own verification -------------------------------------------------------------------------------


@bp.route("/verify-business", methods=["GET", "POST"])
@access(MEMBER)
def status() -> Response:
    own = queries.own(actor())
    if request.method == "GET":
        return _show_own(_papers_of(own, PapersForm), own)
    saving = request.form.get("step") == "save"
    form = _papers_of(own, DraftForm if saving else PapersForm, data=request.form)
    act = actions.save_draft if saving else actions.submit_case
    try:
        if form.submit(lambda: act(actor=actor(), **form.values)) is not None:
            saved = _("Saved. Send it when you have everything that is asked for.")
            return htmx.done("verification.status", saved if saving else _("Your documents are with us."))
    except ConflictError as error:  # the same form twice: what it wanted is true already
        flash(i18n.sentence(error), "info")
        return cast("Response", redirect(url_for("verification.status"), 303))
    form.keep_files()
    return _show_own(form, queries.own(actor()))


def _show_own(form: PapersForm, own: queries.OwnVerification) -> Response:
    return htmx.show("verification/status.html", form.status, form=form, own=own)


def _papers_of(own: queries.OwnVerification, kind: type[PapersForm], data: object = None) -> PapersForm:
    """The form for what is still to be given, with what was given before; a file that is there may be replaced."""
    form = kind() if data is not None else kind(formdata=None, data=own.numbers)
    form.ask_only({each.requirement.kind for each in own.open})
    for each in own.open:
        for document in each.documents:
            form.need_not_give(document.kind)
    return form


@bp.get("/verify-business/documents/<int:document_id>")
@access(SIGNED_IN)
def document(document_id: int) -> Response:
    """Pictures are shown, everything else is saved; neither may run anything or load anything."""
    found = queries.document(actor(), document_id)
    data = files.storage().get(found.file_key)
    inline = found.media_type.startswith("image/")
    return files.serve(data, found.media_type, found.original_name, inline=inline)


@bp.get("/verify-business/previews/<int:preview_id>")
@access(SIGNED_IN)
def preview(preview_id: int) -> Response:
    """The picture of a page, made by us."""
    found = queries.preview(actor(), preview_id)
    return files.serve(files.storage().get(found.file_key), "image/jpeg", f"page {found.page}", inline=True)


# --- the queue --------------------------------------------------------------------------------------------


@bp.get("/admin/verify")
@access(STAFF)
def queue() -> Response:
    state, kind, only = (request.args.get(name, "") for name in ("state", "kind", "only"))
    chosen: dict[str, Any] = {
        "state": state if state in STATES and state != "draft" else "waiting",
        "kind": kind if kind in {"buyer", "seller"} else None,
        "only": only if only in queries.FILTERS else "all",
        "search": request.args.get("search", "").replace("\0", "").strip()[:_LONGEST_SEARCH],
    }
    found = queries.queue(**chosen, reviewer_id=actor().user_id, after=_key(request.args.get("after")))
    return htmx.respond("verification/queue.html", "verification/_queue.html", queue=found, chosen=chosen)


def _key(text: str | None) -> int | None:
    """A row's id from an address; what cannot be one is no key."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < _ID_DIGITS else None


# --- one case ---------------------------------------------------------------------------------------------


@bp.get("/admin/verify/<int:case_id>")
@access(STAFF)
def case(case_id: int) -> Response:
    return _show(case_id)


@bp.post("/admin/verify/<int:case_id>/decision")
@access(ADMIN)
def decide(case_id: int) -> Response:
    form = DecisionForm()
    try:
        decided = form.submit(
            lambda: actions.decide(
                actor=actor(),
                case_id=case_id,
                verdict=form.verdict.data,
                reason=form.said,
                licence_expires_on=form.licence_expires_on.data,
                asked_for=form.asked,
                partner=form.partner.data,
            )
        )
    except ConflictError as error:  # somebody was quicker: show what they do or did, and keep ours out of it
        return _show(case_id, form, 409, late=i18n.sentence(error))
    if decided is None:
        return _show(case_id, form, form.status)
    return _to_next(case_id, decided.state)


def _to_next(case_id: int, state: str) -> Response:
    """On to the next case that waits, so that a reviewer need not go back and choose."""
    said = {
        "approved": _("%(business)s: approved."),
        "more_information": _("%(business)s: asked for more."),
        "rejected": _("%(business)s: rejected."),
    }
    message = said[state] % {"business": queries.business_name(case_id)}
    next_id = queries.next_waiting(actor(), not_this=case_id)
    if next_id is not None:
        return htmx.done("verification.case", message, case_id=next_id)
    if htmx.current().is_fragment:  # the queue is another page than the one that asks
        flash(message)
        return htmx.go_to(url_for("verification.queue"))
    return htmx.done("verification.queue", message)


@bp.post("/admin/verify/<int:case_id>/reviewer")
@access(ADMIN)
def review(case_id: int) -> Response:
    """Take the case, take it over, or give it back."""
    try:
        if request.form.get("step") == "give_back":
            actions.give_back(actor=actor(), case_id=case_id)
        else:
            actions.take(actor=actor(), case_id=case_id, seen_reviewer=_key(request.form.get("seen_reviewer")))
    except ConflictError as error:
        return _show(case_id, status=409, late=i18n.sentence(error))
    return htmx.done("verification.case", case_id=case_id)


@bp.post("/admin/verify/<int:case_id>/waiver")
@access(ADMIN)
def waive(case_id: int) -> Response:
    form = WaiverForm()
    try:
        if form.accept(
            lambda: actions.waive(actor=actor(), case_id=case_id, kind=form.kind.data, reason=str(form.reason.data))
        ):
            return htmx.done("verification.case", _("They need not show it."), case_id=case_id)
    except ConflictError as error:
        return _show(case_id, status=409, late=i18n.sentence(error))
    return _show(case_id, status=form.status, waiver=form)


@bp.post("/admin/verify/<int:case_id>/partnership")
@access(ADMIN)
def partnership(case_id: int) -> Response:
    """Accept the seller of the case as profit partner, or end that."""
    form = PartnerForm()
    accepted = form.accepted.data == "yes"
    if form.accept(lambda: _set_partner(case_id, form, accepted=accepted)):
        done = _("Accepted as profit partner.") if accepted else _("No longer a profit partner.")
        return htmx.done("verification.case", done, case_id=case_id)
    return _show(case_id, status=form.status, partner=form)


def _set_partner(case_id: int, form: PartnerForm, *, accepted: bool) -> None:
    organization_id = queries.organization_of(case_id)
    actions.set_partner(
        actor=actor(), organization_id=organization_id, accepted=accepted, reason=form.reason.data or ""
    )


def _show(
    case_id: int,
    form: DecisionForm | None = None,
    status: int = 200,
    *,
    late: str = "",
    waiver: WaiverForm | None = None,
    partner: PartnerForm | None = None,
) -> Response:
    file = queries.case_file(case_id, actor())
    kinds = [each.requirement.kind for each in file.shown]
    if form is None:
        form = DecisionForm(
            formdata=None, data={"licence_expires_on": file.case.licence_expires_on, "partner": True}, kinds=kinds
        )
    response = htmx.respond(
        "verification/case.html",
        "verification/_case.html",
        status,
        file=file,
        form=form,
        late=late,
        waiver=waiver or WaiverForm(formdata=None, kinds=kinds),
        partner=partner or PartnerForm(formdata=None),
    )
    if status == _OK and htmx.current().is_fragment:  # a refused form stays at the address of its page
        response.headers["HX-Push-Url"] = url_for("verification.case", case_id=case_id)
    return response
