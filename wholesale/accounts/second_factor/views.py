"""Asking for the second factor at the login, and the pages on which a person sets theirs up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypedDict, TypeVar, cast

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _

from wholesale.accounts import device
from wholesale.accounts.second_factor import arrival, queries, rules, shown
from wholesale.accounts.second_factor.actions import codes, passkeys
from wholesale.accounts.second_factor.actions.common import AlarmError, Enrolled, alarm
from wholesale.accounts.second_factor.forms import CodeForm, CredentialForm, NameForm, NewPasskeyForm, RecoveryForm
from wholesale.accounts.second_factor.queries import Waiting
from wholesale.kernel.errors import DomainError
from wholesale.platform import htmx, i18n
from wholesale.platform.access import ANYONE, SIGNED_IN, access, actor, start_session
from wholesale.platform.forms import HouseForm
from wholesale.platform.transaction import abandon, transaction

T = TypeVar("T")


class Place(TypedDict):
    """An address, and the browser's mark when the account was signed in to there before."""

    address: str
    device: str | None


bp = Blueprint("second_factor", __name__)
bp.add_app_template_global(passkeys.site, "passkey_site")


# --- at the login -----------------------------------------------------------------------------------------


@bp.get("/login/second-factor")
@access(ANYONE)
def ask() -> Response:
    who = arrival.waiting()
    return arrival.ask(who, heading=request.args.get("next", "")) if who else _log_in_again()


@bp.post("/login/second-factor")
@access(ANYONE)
def check_code() -> Response:
    form = CodeForm()
    return _pass(form, lambda who: codes.pass_by_code(waiting=who, code=str(form.code.data), **_place(who)))


@bp.post("/login/second-factor/recovery-code")
@access(ANYONE)
def check_recovery_code() -> Response:
    form = RecoveryForm()
    return _pass(
        form,
        lambda who: codes.pass_by_recovery_code(waiting=who, code=str(form.recovery_code.data), **_place(who)),
    )


@bp.post("/login/second-factor/passkey")
@access(ANYONE)
def check_passkey() -> Response:
    form, challenge = CredentialForm(), shown.challenge()
    return _pass(
        form,
        lambda who: passkeys.pass_by_passkey(waiting=who, credential=str(form.credential.data), challenge=challenge),
    )


def _place(who: Waiting) -> Place:
    """Where this is tried from."""
    return {"address": request.remote_addr or "", "device": device.known_for(who.email)}


def _pass(form: HouseForm, action: Callable[[Waiting], str]) -> Response:
    who = arrival.waiting()
    if who is None:
        return _log_in_again()
    heading, draft = request.form.get("next", ""), request.form.get("draft", "")
    token = form.submit(lambda: _alarming(lambda: action(who)))
    if token is None:
        return arrival.ask(who, form, heading=heading, draft=draft)
    response = arrival.arrive(token, heading=heading, draft=draft)
    left = queries.codes_left(who.user_id)
    if left <= rules.FEW_CODES:  # said in the new session: the one before is forgotten
        flash(_("You have %(left)s recovery codes left. Make new ones under “Second step”.", left=i18n.number(left)))
    return device.remember(response, who.email)


def _alarming(action: Callable[[], T]) -> T:
    """The refusal undoes everything but the letter to the person whose factor was tried."""
    try:
        return action()
    except AlarmError as error:
        abandon()
        with transaction():
            alarm(error)
        raise


def _log_in_again() -> Response:
    """Nobody is waiting here, or it took longer than ten minutes."""
    if actor().is_anonymous and session.get("login"):
        flash(_("That took too long. Log in again."), "warn")
    return cast("Response", redirect(url_for("accounts.login"), 303))


# --- passkeys at the login and elsewhere ------------------------------------------------------------------


@bp.post("/passkeys/options")
@access(ANYONE)
def options() -> Response:
    """What the browser needs to ask for a passkey, as JSON; the form says what for."""
    purpose = request.form.get("purpose")
    who = arrival.waiting()
    if purpose == "pass" and who is not None:
        return _ceremony(passkeys.offer(purpose="pass", user_id=who.user_id))
    if purpose == "confirm" and not actor().is_anonymous:
        return _ceremony(passkeys.offer(purpose="confirm", user_id=actor().acting_user))
    if purpose == "login":
        return _ceremony(passkeys.offer(purpose="login", user_id=None))
    raise DomainError("That took too long. Log in again.")


def _ceremony(ceremony: passkeys.Ceremony) -> Response:
    shown.keep_challenge(ceremony.challenge)
    response = make_response(ceremony.options)
    response.mimetype = "application/json"
    return response


@bp.post("/login/passkey")
@access(ANYONE)
def sign_in_by_passkey() -> Response:
    form, challenge = CredentialForm(), shown.challenge()
    heading, draft = request.form.get("next", ""), request.form.get("draft", "")
    token = form.submit(lambda: _alarming(lambda: _sign_in(str(form.credential.data), challenge)))
    if token is None:
        _flash_refusal(form)
        return htmx.show("accounts/login.html", form.status, form=None, next=arrival.safe_heading(heading), draft=draft)
    return arrival.arrive(token, heading=heading, draft=draft)


def _sign_in(credential: str, challenge: bytes) -> str:
    return passkeys.sign_in(
        credential=credential,
        challenge=challenge,
        user_agent=request.user_agent.string,
        address=request.remote_addr or "",
        replacing=session.get("login"),
    )


@bp.post("/confirm-identity/passkey")
@access(SIGNED_IN)
def confirm_by_passkey() -> Response:
    form, challenge = CredentialForm(), shown.challenge()
    heading, draft = request.form.get("next", ""), request.form.get("draft", "")
    done = form.accept(
        lambda: _alarming(
            lambda: passkeys.confirm_by_passkey(
                actor=actor(), credential=str(form.credential.data), challenge=challenge
            )
        )
    )
    if not done:
        _flash_refusal(form)
        return htmx.show(
            "accounts/confirm.html", form.status, form=None, next=arrival.safe_heading(heading), draft=draft
        )
    return arrival.go_on(heading=heading, draft=draft)


def _flash_refusal(form: HouseForm) -> None:
    """The page's own form is another one, so the refusal stands above it."""
    for errors in form.errors.values():
        for error in errors:
            flash(str(error), "bad")


# --- one's own factors ------------------------------------------------------------------------------------


@bp.get("/account/second-factor")
@access(SIGNED_IN, fresh=True)
def overview() -> Response:
    return _overview()


def _overview(form: HouseForm | None = None) -> Response:
    """With the form that was refused, if any."""
    return htmx.show(
        "accounts/second_factor/overview.html",
        form.status if form else 200,
        factors=queries.factors(actor()),
        passed=queries.has_passed(actor()),
        may_enrol=queries.may_enrol(actor().acting_user),
        refused=form,
        new=form if isinstance(form, NewPasskeyForm) else NewPasskeyForm(formdata=None),
        few=rules.FEW_CODES,
    )


@bp.get("/account/second-factor/app")
@access(SIGNED_IN, fresh=True)
def app() -> Response:
    if not queries.may_enrol(actor().acting_user):  # the page before says what is missing
        return cast("Response", redirect(url_for("second_factor.overview"), 303))
    return _app(CodeForm(formdata=None))


@bp.post("/account/second-factor/app")
@access(SIGNED_IN, fresh=True)
def confirm_app() -> Response:
    form, sealed = CodeForm(), shown.app_secret(actor())
    made = form.submit(lambda: codes.confirm_app(actor=actor(), sealed=sealed, code=str(form.code.data)))
    if made is None:
        return _app(form)
    return _enrolled(made, _("Your app is set up. From now on you are asked for its code when you log in."))


def _app(form: CodeForm) -> Response:
    secret = shown.opened(actor(), shown.app_secret(actor()))
    address = rules.app_address(secret, account=actor().email, site_name=current_app.extensions["settings"].site_name)
    side, path = rules.qr_path(address)
    return htmx.show(
        "accounts/second_factor/app.html",
        form.status,
        form=form,
        secret=rules.grouped(rules.written(secret)),
        address=address,
        side=side,
        path=path,
    )


@bp.post("/account/second-factor/app/removal")
@access(SIGNED_IN, fresh=True)
def remove_app() -> Response:
    form = HouseForm()
    if not form.accept(lambda: codes.remove_app(actor=actor())):
        return _overview(form)
    return htmx.done("second_factor.overview", _("The app is removed: its codes open nothing any more."))


@bp.get("/account/second-factor/recovery-codes")
@access(SIGNED_IN, fresh=True)
def recovery_codes() -> Response:
    return htmx.show(
        "accounts/second_factor/codes.html",
        codes=shown.recovery_codes(actor().acting_user),
        left=queries.codes_left(actor().acting_user),
    )


@bp.get("/account/second-factor/recovery-codes.txt")
@access(SIGNED_IN, fresh=True)
def recovery_codes_file() -> Response:
    fresh = shown.recovery_codes(actor().acting_user)
    if not fresh:
        return cast("Response", redirect(url_for("second_factor.recovery_codes"), 303))
    response = make_response(render_template("accounts/second_factor/codes.txt", codes=fresh))
    response.mimetype = "text/plain"
    response.headers["Content-Disposition"] = 'attachment; filename="recovery-codes.txt"'
    return response


@bp.post("/account/second-factor/recovery-codes")
@access(SIGNED_IN, fresh=True)
def renew_codes() -> Response:
    form = HouseForm()
    fresh = form.submit(lambda: codes.renew_codes(actor=actor()))
    if fresh is None:
        return _overview(form)
    shown.keep_codes(actor().acting_user, fresh)
    return htmx.done("second_factor.recovery_codes", _("These are your new recovery codes. The old ones are void."))


@bp.post("/account/second-factor/recovery-codes/kept")
@access(SIGNED_IN, fresh=True)
def codes_kept() -> Response:
    shown.codes_kept()
    return htmx.done("second_factor.overview")


@bp.post("/account/second-factor/passkeys/options")
@access(SIGNED_IN, fresh=True)
def registration_options() -> Response:
    return _ceremony(passkeys.offer_registration(actor=actor()))


@bp.post("/account/second-factor/passkeys")
@access(SIGNED_IN, fresh=True)
def register_passkey() -> Response:
    form, challenge = NewPasskeyForm(), shown.challenge()
    made = form.submit(
        lambda: passkeys.register(
            actor=actor(), name=str(form.name.data), credential=str(form.credential.data), challenge=challenge
        )
    )
    if made is None:
        return _overview(form)
    return _enrolled(made, _("The passkey is ready: use it when you log in."))


@bp.post("/account/second-factor/passkeys/<int:passkey_id>/name")
@access(SIGNED_IN, fresh=True)
def rename_passkey(passkey_id: int) -> Response:
    form = NameForm()
    if not form.accept(lambda: passkeys.rename(actor=actor(), passkey_id=passkey_id, name=str(form.name.data))):
        return _overview(form)
    return htmx.done("second_factor.overview", _("The passkey has its new name."))


@bp.post("/account/second-factor/passkeys/<int:passkey_id>/removal")
@access(SIGNED_IN, fresh=True)
def remove_passkey(passkey_id: int) -> Response:
    form = HouseForm()
    name = form.submit(lambda: passkeys.remove(actor=actor(), passkey_id=passkey_id))
    if name is None:
        return _overview(form)
    return htmx.done("second_factor.overview", _("%(name)s is removed: it opens nothing any more.", name=name))


def _enrolled(made: Enrolled, message: str) -> Response:
    """The session goes on with its new secret; new recovery codes are shown once."""
    page: Literal["second_factor.recovery_codes", "second_factor.overview"] = "second_factor.overview"
    start_session(made.token)
    if made.codes:
        shown.keep_codes(actor().acting_user, made.codes)
        page = "second_factor.recovery_codes"
    return htmx.done(page, message)
