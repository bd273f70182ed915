"""Registering, the state of one's own verification, and the reviewers' queue."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask_babel import gettext as _

from wholesale.accounts import actions as accounts
from wholesale.kernel.errors import ConflictError
from wholesale.platform import files, htmx, i18n
from wholesale.platform.access import ADMIN, ANYONE, MEMBER, SIGNED_IN, STAFF, access, actor, start_session
from wholesale.verification import actions, queries
from wholesale.verification.forms import DecisionForm, PapersForm, RegisterForm
from wholesale.verification.rules import STATES

_ID_DIGITS = 19  # of the largest bigint

bp = Blueprint("verification", __name__)
bp.add_app_template_global(i18n.gettext, "told")  # for texts that are kept as they were written


@bp.route("/register", methods=["GET", "POST"])
@access(ANYONE)
def register() -> Response:
    if not actor().is_anonymous:
        return cast("Response", redirect(url_for("pages.home" if actor().kind is None else "verification.status"), 303))
    form = RegisterForm(kind=request.args.get("kind"))
    if request.method == "POST" and (token := form.submit(lambda: _register(form))) is not None:
        start_session(token)
        return htmx.done("verification.status", _("Your account is ready, and your documents are with us."))
    return htmx.show("verification/register.html", form.status, form=form, files_again=_files_came())


def _register(form: RegisterForm) -> str:
    user = actions.register_business(**form.values)
    return accounts.open_session(user_id=user.id, user_agent=request.user_agent.string)


def _files_came() -> bool:
    return any(file.filename for file in request.files.values())


@bp.route("/verify-business", methods=["GET", "POST"])
@access(MEMBER)
def status() -> Response:
    form = PapersForm()
    if request.method == "POST":
        try:
            if form.submit(lambda: actions.submit_case(actor=actor(), **form.values)) is not None:
                return htmx.done("verification.status", _("Your documents are with us."))
        except ConflictError as error:  # the same form twice: what it wanted is true already
            flash(i18n.sentence(error), "info")
            return cast("Response", redirect(url_for("verification.status"), 303))
    own = queries.own(actor())
    if request.method == "GET":
        form = _papers_of(own)
    return htmx.show("verification/status.html", form.status, form=form, own=own, files_again=_files_came())


def _papers_of(own: queries.OwnVerification) -> PapersForm:
    """The form again with the numbers that were sent last; the day only while it is still to come."""
    numbers = own.case
    if numbers is None:
        return PapersForm(
            formdata=None, data={"trade_licence_no": own.papers.trade_licence_no, "tax_no": own.papers.tax_no}
        )
    return PapersForm(formdata=None, data={"trade_licence_no": numbers.licence_no, "tax_no": numbers.tax_no})


@bp.get("/verify-business/documents/<int:document_id>")
@access(SIGNED_IN)
def document(document_id: int) -> Response:
    """Pictures are shown, everything else is saved; neither may run anything or load anything."""
    found = queries.document(actor(), document_id)
    data = files.storage().get(found.file_key)
    inline = found.media_type.startswith("image/")
    return files.serve(data, found.media_type, found.original_name, inline=inline)


@bp.get("/admin/verify")
@access(STAFF)
def queue() -> Response:
    state = request.args.get("state", "")
    state = state if state in STATES else "submitted"
    kind = request.args.get("kind")
    kind = kind if kind in {"buyer", "seller"} else None
    found = queries.queue(state=state, kind=kind, after=_key(request.args.get("after")))
    return htmx.respond("verification/queue.html", "verification/_queue.html", queue=found, state=state, kind=kind)


def _key(text: str | None) -> int | None:
    """A row's id from an address; what cannot be one is no key."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < _ID_DIGITS else None


@bp.get("/admin/verify/<int:case_id>")
@access(STAFF)
def case(case_id: int) -> Response:
    file = queries.case_file(case_id)
    return _show(file, DecisionForm(formdata=None, data={"licence_expires_on": file.case.licence_expires_on}))


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
            )
        )
    except ConflictError:  # somebody was quicker: show what they decided, and keep ours out of it
        return _show(queries.case_file(case_id), form, status=409, late=True)
    if decided is None:
        return _show(queries.case_file(case_id), form, form.status)
    message = _("%(business)s: decided.", business=queries.case_file(case_id).business.name)
    return htmx.done("verification.case", message, case_id=case_id)


def _show(file: queries.CaseFile, form: DecisionForm, status: int = 200, *, late: bool = False) -> Response:
    return htmx.respond("verification/case.html", "verification/_case.html", status, file=file, form=form, late=late)
