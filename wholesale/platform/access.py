"""Who may use a route: every view declares it with `@access(...)`; one hook checks it before the view runs.

The order of the checks: somebody to be found (the actor), the rule, then the CSRF token. Whoever is refused
for want of a login keeps what they typed (see `resume`). `table()` lists routes and rules for the role ×
route test and for docs/map.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, g, request, session
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf

from wholesale.kernel import clock
from wholesale.kernel.actor import ANONYMOUS, Actor
from wholesale.kernel.errors import ForbiddenError, HouseError
from wholesale.platform import resume, transaction
from wholesale.platform.transaction import SAFE_METHODS

V = TypeVar("V", bound=Callable[..., Any])


@dataclass(frozen=True)
class Rule:
    """A named test of the actor; `refusal` is what a signed-in person reads, `next_step` an endpoint that helps.

    `asks_who` is False for what is the same for everybody, so that it is answered without a look-up.
    """

    name: str
    allows: Callable[[Actor], bool]
    refusal: Any = ""
    next_step: str | None = None
    asks_who: bool = True


ANYONE = Rule("anyone", lambda _: True)
EVERYBODY_ALIKE = Rule("anyone", lambda _: True, asks_who=False)
SIGNED_IN = Rule("signed in", lambda actor: not actor.is_anonymous)
PRICES = Rule(
    "verified business",
    lambda actor: actor.may_see_prices,
    _l("Wholesale prices are for verified businesses."),
    "verification.status",
)
MEMBER = Rule(
    "member of a business",
    lambda actor: actor.organization_id is not None and not actor.on_behalf,
    _l("This page belongs to a business. Your account has none."),
)
VERIFIED_BUYER = Rule(
    "verified buyer",
    lambda actor: actor.is_buyer and actor.is_verified,
    _l("Ordering is for verified buyers."),
    "verification.status",
)
ORDERING_BUYER = Rule(
    "verified buyer who may order",
    lambda actor: actor.may_order,
    _l("Ordering is for verified buyers whose role allows it."),
    "verification.status",
)
BUSINESS_ADMIN = Rule(
    "owner or admin of a business",
    lambda actor: actor.is_business_admin,
    _l("This page is for the owner and the admins of your business."),
)
BUYER = Rule(
    "member of a buyer",
    lambda actor: actor.is_buyer and not actor.on_behalf,
    _l("This page is for businesses that buy."),
)
APPROVER = Rule(
    "owner or admin of a buyer",
    lambda actor: actor.is_buyer and actor.is_business_admin,
    _l("Only the owner and the admins of the business approve orders."),
)
OWNER = Rule("owner of a business", lambda actor: actor.is_owner, _l("This page is for the owner of your business."))
SELLER = Rule("seller", lambda actor: actor.is_seller, _l("This page is for businesses that sell."))
SELLING = Rule(
    "accepted seller, or platform staff",
    lambda actor: actor.is_staff or (actor.is_seller and actor.is_verified and actor.is_partner),
    _l("This page opens when the platform has verified your business and accepted it as a seller."),
    "verification.status",
)
MANAGES_PRODUCTS = Rule(
    "accepted seller who may sell, or platform admin",
    lambda actor: actor.is_admin or actor.may_sell,
    _l("Products are changed by the sellers whose they are, and by the platform's admins."),
    "verification.status",
)
SELLS = Rule(
    "accepted seller who may sell",
    lambda actor: actor.may_sell,
    _l("Prices are kept by accepted sellers whose role allows it."),
    "verification.status",
)
STAFF = Rule("platform staff", lambda actor: actor.is_staff, _l("This page is for the platform's staff."))
ADMIN = Rule("platform admin", lambda actor: actor.is_admin, _l("This page is for the platform's admins."))

_PERSONAL = (ANYONE, EVERYBODY_ALIKE, SIGNED_IN)
_ACTING = _l("This page is closed while you act for a business. The button on top of the page ends that.")
_STAFF_STEP = _l("You work for the platform: your rights open when you have used a second step at the login.")
_NO_BUSINESS = _l("This page belongs to a business. Your account has none.")

_OF = "~"  # between a form's token and the business that its page was made for


class BoundTokens(CSRFProtect):  # type: ignore[misc]  # Flask-WTF has no types
    """Tokens that name the business which the page was made for.

    Whoever left one business while its page was open acts for the next one they belong to: what that page sends
    is asked about first, instead of being ordered for the other business without a word.
    """

    def _get_csrf_token(self) -> str | None:
        return _token_sent()[0]


def _token_sent() -> tuple[str | None, str]:
    """The token that came with the form, and the business it was given out for (empty when it names none)."""
    token = CSRFProtect._get_csrf_token(csrf)  # noqa: SLF001 - the hook that Flask-WTF has for it
    head, _, business = (token or "").partition(_OF)
    return head or None, business


def csrf_token() -> str:
    """The token of a form on this page."""
    return f"{generate_csrf()}{_OF}{actor().organization_id or 0}"


csrf = BoundTokens()


def access(rule: Rule, *, fresh: bool = False) -> Callable[[V], V]:
    """Declare who may use the view; nothing is served without it.

    `fresh`: the person must have proved who they are a short while ago (`Actor.is_fresh`); whoever has not is
    asked for the password or a passkey, and goes on with what they typed.
    """

    def declare(view: V) -> V:
        view.access = rule  # type: ignore[attr-defined]  # the declaration travels with the function
        view.fresh = fresh  # type: ignore[attr-defined]
        return view

    return declare


def rule_of(endpoint: str) -> Rule | None:
    view = current_app.view_functions.get(endpoint)
    return cast("Rule | None", getattr(view, "access", None))


def table(app: Flask) -> list[tuple[str, str, str, str]]:
    """(methods, route, endpoint, rule's name) of every route but the static files."""
    rows = []
    for route in app.url_map.iter_rules():
        if route.endpoint == "static":
            continue
        rule: Rule | None = getattr(app.view_functions[route.endpoint], "access", None)
        methods = ",".join(sorted((route.methods or set()) - {"HEAD", "OPTIONS"}))
        rows.append((methods, route.rule, route.endpoint, rule.name if rule else "UNDECLARED"))
    return sorted(rows, key=lambda row: (row[1], row[0]))


def actor() -> Actor:
    """Who asks; set once per request."""
    return cast("Actor", g.get("actor", ANONYMOUS))


def start_session(token: str, *, remembered: bool | None = None) -> Actor:
    """Give the browser a new session with `token`, keeping nothing of the old one; who that is.

    Not `remembered`, the cookie ends with the browser; None: as it was (a new secret for the same login).
    """
    permanent = session.permanent if remembered is None else remembered
    session.clear()
    session["login"] = token
    session.permanent = permanent
    g.actor = cast("Callable[[], Actor]", current_app.extensions["load_actor"])()
    return actor()


def end_session() -> None:
    """Let the browser forget who was signed in. (The language has a cookie of its own and stays.)"""
    session.clear()
    g.actor = ANONYMOUS


def init_app(app: Flask, load_actor: Callable[[], Actor]) -> None:
    """`load_actor` reads the session cookie and finds the person and business (one query at most)."""
    app.extensions["load_actor"] = load_actor
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # ours runs after the access rule
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # a seller's tab stays open all day; the token ends with the session
    csrf.init_app(app)
    app.jinja_env.globals["csrf_token"] = csrf_token

    app.before_request(_check)

    @app.context_processor
    def _actor_for_templates() -> dict[str, object]:
        return {"actor": actor(), "csrf_token": csrf_token}


def _check() -> Response | None:
    endpoint = request.endpoint
    if endpoint is None or endpoint == "static":
        return None  # 404 and 405 raise by themselves
    rule = rule_of(endpoint)
    if rule is None:
        raise RuntimeError(f"{endpoint} declares no @access(...).")
    if not rule.asks_who:
        return None
    g.actor = transaction.run(cast("Callable[[], Actor]", current_app.extensions["load_actor"]))
    return _refuse(endpoint, rule, g.actor) or _check_token(rule, g.actor)


def _refuse(endpoint: str, rule: Rule, who: Actor) -> Response | None:
    if not rule.allows(who):
        if who.is_anonymous:
            return resume.ask_for_login()
        if who.on_behalf:
            raise ForbiddenError(str(_ACTING))
        if who.needs_second_factor:
            raise ForbiddenError(str(_STAFF_STEP), next_step="second_factor.overview")
        if who.organization_id is None and not who.is_staff:
            raise ForbiddenError(str(_NO_BUSINESS), next_step="organizations.switch")
        raise ForbiddenError(str(rule.refusal), next_step=None if who.is_verified else rule.next_step)
    if getattr(current_app.view_functions[endpoint], "fresh", False) and not who.is_fresh(clock.now()):
        return resume.ask_to_confirm()
    return None


def _check_token(rule: Rule, who: Actor) -> Response | None:
    if request.method in SAFE_METHODS:
        return None
    try:
        csrf.protect()
    except CSRFError:
        return resume.ask_again()
    business = _token_sent()[1]
    # What a person does for themselves (their account, a new business) is the same for whichever business they act.
    if business and rule not in _PERSONAL and business != str(who.organization_id or 0):
        return resume.ask_again(moved=True)
    return None


def refused(error: HouseError) -> str | None:
    """The endpoint that helps somebody who was refused, if any."""
    return error.next_step if isinstance(error, ForbiddenError) else None
